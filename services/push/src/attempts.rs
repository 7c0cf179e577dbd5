//! Attempts: an alert is sent to the devices of its user, and what the providers say decides what becomes of it.

use std::time::Duration;

use futures::future::join_all;
use natter_proto::AppId;
use natter_proto::push::v1::{Channel, Environment, Event, Note, Subscription, WebhookDelivery, WebhookEvent};
use natter_telemetry::within;
use tracing::field::Empty;
use tracing::{Instrument, debug_span};

use crate::alerts::{Due, Source, Step};
use crate::calls::credentials::Picked;
use crate::decision::{Reason, Why};
use crate::error::Error;
use crate::event::is_for;
use crate::provider::{Alert, Outcome, Target};
use crate::service::Shared;
use crate::text::hex;

/// The pause after the first attempt that ended with "later", milliseconds; twice as long after each further one.
const BACK_OFF_MS: i64 = 5_000;
pub const PAUSE_MS_MAX: i64 = 10 * 60 * 1_000;
/// The shortest pause of credentials that are not good, milliseconds.
const CREDENTIALS_MS: i64 = 60_000;

/// What may be said to devices, decided.
pub struct Ready {
    pub alert: Alert,
    pub why: Why,
    /// What else there is to say of it in the journal.
    pub remark: String,
    /// What was asked for, unless it is about a message.
    pub event: Option<Event>,
}

impl Shared {
    /// One attempt at each device that needs one. What came of it goes into the step.
    pub async fn send_to_devices(
        &self,
        due: &Due,
        Ready { alert, why, remark, event }: Ready,
        step: &mut Step,
    ) -> Result<(), Error> {
        let all = self.subscriptions.of_user(due.app, due.user).await?.rows;
        let is_meant = |device: &&Subscription| match &event {
            Some(event) => is_for(event, &alert, device),
            // One that is woken for calls has to ring (Apple, PushKit).
            None => device.channel() != Channel::ApnsVoip || matches!(due.source, Source::Call(_)),
        };
        let meant: Vec<&Subscription> = all.iter().filter(is_meant).collect();
        let wanted: Vec<&Subscription> =
            meant.iter().copied().filter(|device| device.rejected_at == 0 && !due.done.contains(&device.id)).collect();
        let now = self.clock.now_ms();
        if wanted.is_empty() && due.done.is_empty() {
            self.note(step, due, now, if meant.is_empty() { Reason::NoSubscription } else { Reason::Rejected });
            return Ok(());
        }
        let attempt = due.attempts + 1;
        let outcomes = join_all(wanted.iter().map(|device| self.attempt(device, &alert))).await;
        let (mut done, mut later_at) = (due.done.clone(), None::<i64>);
        for (device, outcome) in wanted.into_iter().zip(outcomes) {
            let now = self.clock.now_ms();
            self.metrics.attempted(word(&outcome));
            let note = attempted(due, device, (now, attempt, why), &outcome);
            if let Outcome::Rejected(_) | Outcome::Refused { .. } = outcome {
                self.tell_hooks(due.app, failed(due, now, &note)).await?;
            }
            step.notes.push(Note { remark: remark.clone(), ..note });
            let again_at = match outcome {
                Outcome::Later { after, .. } => Some(now + pause_ms(attempt, after)),
                Outcome::Credentials { .. } => Some(now + pause_ms(attempt, None).max(CREDENTIALS_MS)),
                Outcome::Rejected(reason) => {
                    self.reject(device, &reason.to_string()).await?;
                    None
                }
                Outcome::Accepted { .. } | Outcome::Refused { .. } => None,
            };
            match again_at {
                Some(at) => later_at = Some(later_at.map_or(at, |later| later.min(at))),
                None => done.push(device.id),
            }
        }
        if let Some(at) = later_at {
            step.put.push(Due { at, attempts: attempt, done, ..due.clone() });
        }
        Ok(())
    }

    async fn attempt(&self, device: &Subscription, alert: &Alert) -> Outcome {
        let span =
            within(|| debug_span!("push.attempt", app = device.app, channel = device.channel().as_str_name(), outcome = Empty));
        let outcome = self.say_to(device, alert).instrument(span.clone()).await;
        span.record("outcome", word(&outcome));
        outcome
    }

    /// Credentials that are not good are not tried again for a while, whosever alert it is, unless they are replaced.
    async fn say_to(&self, device: &Subscription, alert: &Alert) -> Outcome {
        let now = self.clock.now_ms();
        let Some(target) = target_of(device) else {
            return Outcome::Refused { status: None, reason: "a subscription that names no device".to_owned() };
        };
        let Picked { credentials, mark } = match self.pick(device.app, &target).await {
            Ok(picked) => picked,
            Err(outcome) => return outcome,
        };
        if let Some(outcome) = self.wallet.rests(mark, now) {
            return outcome;
        }
        let outcome = self.providers.send(AppId(device.app), &credentials, &target, alert).await;
        self.wallet.heard(mark, now + CREDENTIALS_MS, &outcome);
        outcome
    }
}

fn target_of(device: &Subscription) -> Option<Target> {
    let token = device.token.clone();
    let sandbox = device.environment() == Environment::Development;
    Some(match device.channel() {
        Channel::Apns => Target::Apns { token, topic: device.bundle.clone(), sandbox, voip: false },
        Channel::ApnsVoip => Target::Apns { token, topic: device.bundle.clone(), sandbox, voip: true },
        Channel::Gcm => Target::Fcm { token },
        Channel::Web => {
            let web = device.web.clone()?;
            Target::Web { endpoint: web.endpoint, p256dh: web.p256dh, auth: web.auth }
        }
        Channel::Unspecified => return None,
    })
}

/// What the provider asks for, else longer with each attempt.
fn pause_ms(attempt: u32, after: Option<Duration>) -> i64 {
    let own = BACK_OFF_MS.saturating_mul(1_i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(i64::MAX)).min(PAUSE_MS_MAX);
    after.map_or(own, |after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX).max(1))
}

fn attempted(due: &Due, device: &Subscription, (at, attempt, why): (i64, u32, Why), outcome: &Outcome) -> Note {
    let answer = match outcome {
        Outcome::Accepted { id } => format!("{} {}", word(outcome), id.as_deref().unwrap_or_default()),
        Outcome::Rejected(reason) => format!("{} {reason}", word(outcome)),
        Outcome::Refused { status, reason } | Outcome::Credentials { status, reason } => {
            let status = status.map_or_else(String::new, |status| format!(" {status}"));
            format!("{}{status} {reason}", word(outcome))
        }
        Outcome::Later { reason, .. } => format!("{} {reason}", word(outcome)),
    };
    Note {
        at,
        dialog: due.dialog.to_vec(),
        message: due.message.to_vec(),
        sender: due.sender,
        user: due.user,
        count: 0,
        reason: why.word().to_owned(),
        subscription: device.id,
        channel: device.channel,
        answer: answer.trim_end().to_owned(),
        attempt,
        remark: String::new(),
    }
}

/// For webhooks: which device cannot be reached, and what the provider said.
fn failed(due: &Due, at: i64, note: &Note) -> WebhookDelivery {
    let detail = serde_json::json!({
        "subscription_id": note.subscription,
        "message_id": hex(&due.message.to_vec()),
        "attempt": note.attempt,
        "answer": note.answer,
    });
    WebhookDelivery {
        event: WebhookEvent::PushFailed.into(),
        at,
        user: due.user,
        detail: detail.to_string(),
        ..Default::default()
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Rejected(_) => "rejected",
        Outcome::Refused { .. } => "refused",
        Outcome::Credentials { .. } => "credentials",
        Outcome::Later { .. } => "later",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_minutes_unless_the_provider_says_when() {
        let pauses = [1, 2, 3, 7, 8, 99, u32::MAX].map(|attempt| pause_ms(attempt, None));
        assert_eq!(pauses, [5_000, 10_000, 20_000, 320_000, 600_000, 600_000, 600_000]);
        assert_eq!(pause_ms(9, Some(Duration::from_secs(7))), 7_000);
    }
}
