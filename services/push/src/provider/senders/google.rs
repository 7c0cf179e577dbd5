//! One alert to Firebase Cloud Messaging.

use super::super::alert::Target;
use super::super::credentials::ServiceAccount;
use super::super::fcm;
use super::super::lanes::Provider;
use super::super::outcome::{Outcome, Reason, Verdict};
use super::{Draft, Inner, Mail, ask, retry_after};

impl Inner {
    pub(super) async fn fcm(&self, mail: &Mail<'_>, of: &ServiceAccount) -> Outcome {
        let Target::Fcm { token } = mail.target else { return Inner::of_another_channel() };
        if !fcm::is_token(token) {
            return Outcome::Rejected(Reason::BadToken);
        }
        let draft = Draft {
            url: format!("{}/v1/projects/{}/messages:send", self.options.fcm_url.trim_end_matches('/'), of.project),
            headers: vec![("content-type", "application/json".to_owned())],
            body: fcm::body(&mail.payload, mail.alert, mail.now).into_bytes(),
        };
        let mut place = match self.enter(mail.app, Provider::Fcm).await {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let mut verdict = self.timed(mail.target.channel(), self.fcm_once(mail, of, &draft)).await;
        if verdict.renew {
            verdict = self.timed(mail.target.channel(), self.fcm_once(mail, of, &draft)).await;
        }
        place.answered(verdict.health);
        verdict.outcome
    }

    async fn fcm_once(&self, mail: &Mail<'_>, of: &ServiceAccount, draft: &Draft) -> Verdict {
        let (door, url) = (&self.doors.fcm, &self.options.fcm_token_url);
        let token = match self.access.get(door, mail.app.0, of, url, &self.clock).await {
            Ok(token) => token,
            Err(verdict) => return verdict,
        };
        let answer = match ask(door, mail.app, draft, Some(("authorization", format!("Bearer {token}")))).await {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        let verdict = fcm::verdict(answer.status, retry_after(&answer, self.clock.now_ms()), &answer.body);
        if verdict.renew {
            self.access.forget(of, &token);
        }
        verdict
    }
}
