//! One alert to Apple, by a token or by a certificate.

use super::super::alert::Target;
use super::super::apns;
use super::super::credentials::{ApnsCertificate, ApnsToken, Print, is_topic};
use super::super::lanes::Provider;
use super::super::outcome::{Outcome, Reason, Verdict};
use super::{Draft, Inner, Mail, Proof, ask, retry_after};

/// A request to Apple, and whom it leads to.
struct Letter {
    draft: Draft,
    provider: Provider,
    topic: Topic,
}

/// Whose topic it carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    /// That of the app's credentials.
    Own,
    /// One that the subscription names.
    Theirs,
    None,
}

impl Inner {
    pub(super) async fn apns_by_token(&self, mail: &Mail<'_>, of: &ApnsToken) -> Outcome {
        let letter = match self.letter(mail, of.topic.as_deref()) {
            Ok(Letter { topic: Topic::None, .. }) => return Outcome::Refused { status: None, reason: "no topic".into() },
            Ok(letter) => letter,
            Err(outcome) => return outcome,
        };
        let mut place = match self.enter(mail.app, letter.provider.clone()).await {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let ask = async || {
            let Ok(token) = self.proofs.apns(of, self.clock.now_ms()) else { return Verdict::unasked(Inner::without_chance()) };
            self.apns(mail, of.print, None, &letter, Some(("authorization", format!("bearer {token}")))).await
        };
        let mut verdict = self.timed(mail.target.channel(), ask()).await;
        if verdict.renew && self.proofs.apns_is_renewed(of, self.clock.now_ms()) {
            verdict = self.timed(mail.target.channel(), ask()).await;
        }
        place.answered(verdict.health);
        verdict.outcome
    }

    pub(super) async fn apns_by_certificate(&self, mail: &Mail<'_>, of: &ApnsCertificate) -> Outcome {
        let letter = match self.letter(mail, of.topic.as_deref()) {
            Ok(letter) => letter,
            Err(outcome) => return outcome,
        };
        let mut place = match self.enter(mail.app, letter.provider.clone()).await {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let verdict = self.timed(mail.target.channel(), self.apns(mail, of.print, Some(&of.pem), &letter, None)).await;
        place.answered(verdict.health);
        verdict.outcome
    }

    // `own`: the topic of the credentials.
    fn letter(&self, mail: &Mail<'_>, own: Option<&str>) -> Result<Letter, Outcome> {
        let Target::Apns { token, topic, sandbox, voip } = mail.target else { return Err(Inner::of_another_channel()) };
        let theirs = Some(topic.as_str()).filter(|topic| !topic.is_empty());
        if !apns::is_token(token) || theirs.is_some_and(|topic| !is_topic(topic)) {
            return Err(Outcome::Rejected(Reason::BadToken));
        }
        let (topic, whose) = match (theirs, own) {
            (Some(theirs), own) if own != Some(theirs) => (Some(theirs), Topic::Theirs),
            (_, Some(own)) => (Some(own), Topic::Own),
            _ => (None, Topic::None),
        };
        let (provider, host) = match sandbox {
            false => (Provider::Apns, &self.options.apns_url),
            true => (Provider::ApnsSandbox, &self.options.apns_sandbox_url),
        };
        let draft = Draft {
            url: format!("{}/3/device/{token}", host.trim_end_matches('/')),
            headers: apns::headers(token, topic, *voip, mail.alert, mail.now),
            body: mail.payload.text.clone().into_bytes(),
        };
        Ok(Letter { draft, provider, topic: whose })
    }

    async fn apns(
        &self,
        mail: &Mail<'_>,
        print: Print,
        identity: Option<&[u8]>,
        letter: &Letter,
        proof: Option<Proof>,
    ) -> Verdict {
        let door = match self.doors.apple(print, identity).await {
            Ok(door) => door,
            Err(reason) => return Verdict::unasked(Outcome::Credentials { status: None, reason }),
        };
        match ask(&door, mail.app, &letter.draft, proof).await {
            Ok(answer) => {
                let after = retry_after(&answer, self.clock.now_ms());
                let is_own = letter.topic != Topic::Theirs;
                apns::verdict(answer.status, answer.header("apns-id"), after, &answer.body, is_own)
            }
            Err(verdict) => verdict,
        }
    }
}
