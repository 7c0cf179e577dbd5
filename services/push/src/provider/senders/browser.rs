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
        let Some((ours, salt)) = fresh() else { return Inner::without_chance() };
        let encrypted = receiver(p256dh, auth).and_then(|to| encrypt(&to, &ours, salt, mail.payload.text.as_bytes()).ok());
        // Without it, the browser's key is no point of the curve.
        let Some((body, origin)) = encrypted.zip(web::origin(endpoint)) else { return Outcome::Rejected(Reason::BadToken) };
        let Ok(proof) = self.proofs.vapid(of, &origin, mail.now) else { return Inner::without_chance() };
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

// A key and a salt for one alert.
fn fresh() -> Option<(PrivateKey, [u8; 16])> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    Some((PrivateKey::generate(&ECDH_P256).ok()?, salt))
}
