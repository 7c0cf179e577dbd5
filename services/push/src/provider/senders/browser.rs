//! One alert to the push service of a browser.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

use super::super::alert::Target;
use super::super::credentials::Vapid;
use super::super::encryption::{Receiver, encrypt};
use super::super::jwt::from_base64;
use super::super::lanes::Provider;
use super::super::outcome::{Outcome, Reason, Verdict};
use super::super::web;
use super::{Draft, Inner, Mail, ask, retry_after};

impl Inner {
    pub(super) async fn web(&self, mail: &Mail<'_>, of: &Vapid) -> Outcome {
        let Target::Web { endpoint, p256dh, auth } = mail.target else { return Inner::of_another_channel() };
        let body = receiver(p256dh, auth).and_then(|to| encrypted(&to, &mail.payload.text));
        let Some((body, origin)) = body.zip(web::origin(endpoint)) else { return Outcome::Rejected(Reason::BadToken) };
        let Ok(proof) = self.proofs.vapid(of, &origin, mail.now) else {
            return Outcome::Later { after: None, reason: "no signature".into() };
        };
        let draft = Draft { url: endpoint.clone(), headers: web::headers(mail.alert, mail.now), body };
        let mut place = match self.enter(mail.app, Provider::Web(origin)).await {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let asked = async {
            match ask(&self.doors.web, mail.app, &draft, Some(("authorization", proof))).await {
                Ok(answer) => {
                    let after = retry_after(&answer, self.clock.now_ms());
                    web::verdict(answer.status, answer.header("location"), after, &answer.body)
                }
                Err(verdict) => verdict,
            }
        };
        let verdict: Verdict = self.timed(mail.target.channel(), asked).await;
        place.answered(verdict.health);
        verdict.outcome
    }
}

fn receiver(p256dh: &str, auth: &str) -> Option<Receiver> {
    Receiver::new(from_base64(p256dh)?, from_base64(auth)?)
}

// Under a key and a salt of its own. `None` if the browser's key is no point of the curve.
fn encrypted(to: &Receiver, text: &str) -> Option<Vec<u8>> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let ours = PrivateKey::generate(&ECDH_P256).ok()?;
    encrypt(to, &ours, salt, text.as_bytes()).ok()
}
