//! Sends alerts when they are due: decides again on what is so then, asks the providers, and notes what came of it. One user's
//! alerts go one after the other; those of different users, and of different apps, side by side within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use natter_proto::AppId;
use natter_proto::push::v1::{Channel, Environment, Note, Subscription};

use crate::alerts::{Due, Step};
use crate::decision::{Attention, Decision, Facts, Reason, Why, decide};
use crate::error::Error;
use crate::intake::note_of;
use crate::neighbours::{Known, Place, Sessions};
use crate::providers::{Alert, Outcome, Target};
use crate::service::Shared;
use crate::text::{self, About};

/// Alerts of an app that are looked at together, beside those that are being sent.
const PAGE: usize = 256;
/// Until an alert is looked at again that could not be decided, milliseconds.
const RETRY_MS: i64 = 2_000;
/// The pause after the first attempt that ended with "later", milliseconds; twice as long after each further one.
const BACK_OFF_MS: i64 = 5_000;
const BACK_OFF_MS_MAX: i64 = 10 * 60 * 1_000;
/// The pause of a channel whose credentials are not good, milliseconds.
const CHANNEL_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A user of an app whose alerts are being sent.
type Busy = (u64, u64);

/// What is under way.
#[derive(Default)]
struct Flights<'a> {
    running: FuturesUnordered<BoxFuture<'a, Busy>>,
    busy: BTreeSet<Busy>,
    of_app: BTreeMap<u64, usize>,
}

/// What an alert may be said to devices, decided.
struct Ready {
    alert: Alert,
    why: Why,
}

/// What is to be done with an alert.
enum Verdict {
    Send(Box<Ready>),
    No(Reason),
    Wait(i64),
}

impl Shared {
    /// Sends what is due, for ever. Dropped anywhere, what was being sent is sent again, under the same collapse id.
    pub async fn deliver(&self) {
        let mut flights = Flights::default();
        loop {
            let next_at = self.start_due(&mut flights).await;
            self.metrics.in_flight.set(flights.busy.len() as i64);
            let now = self.clock.now_ms();
            let pause = next_at.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or_default()));
            let elapsed = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            // Only waiting is cut off here: what runs stays in `flights`.
            tokio::select! {
                biased;
                Some(landed) = flights.running.next(), if !flights.busy.is_empty() => flights.land(landed),
                () = self.moved.notified() => {}
                () = elapsed => {}
            }
        }
    }

    /// Starts what is due and has room. When to look again, unless something moves before.
    async fn start_due<'a>(&'a self, flights: &mut Flights<'a>) -> Option<i64> {
        let now = self.clock.now_ms();
        let mut retry_at = None;
        for (app, _) in self.alerts.next().into_iter().filter(|(_, at)| *at <= now) {
            if let Err(error) = self.start_due_of(app, now, flights).await {
                tracing::warn!(app, %error, "alerts that are due cannot be read");
                retry_at = Some(now + RETRY_MS);
            }
        }
        // What is due and was not started has no room: it is looked at when something lands.
        let later = self.alerts.next().into_iter().map(|(_, at)| at).filter(|at| *at > now);
        later.chain(retry_at).min()
    }

    async fn start_due_of<'a>(&'a self, app: u64, now: i64, flights: &mut Flights<'a>) -> Result<(), Error> {
        let room = self.options.in_flight_per_app_max.saturating_sub(flights.of_app.get(&app).copied().unwrap_or(0));
        let room = room.min(self.options.in_flight_max.saturating_sub(flights.busy.len()));
        if room == 0 {
            return Ok(());
        }
        // Those being sent stand among them.
        let due = self.alerts.due(app, now, PAGE * (1 + self.options.in_flight_per_app_max)).await?;
        let mut by_user: BTreeMap<u64, Vec<Due>> = BTreeMap::new();
        for due in due.into_iter().filter(|due| !flights.busy.contains(&(app, due.user))) {
            if by_user.len() < room || by_user.contains_key(&due.user) {
                by_user.entry(due.user).or_default().push(due);
            }
        }
        for (user, dues) in by_user {
            flights.start((app, user), Box::pin(self.send_all((app, user), dues)));
        }
        Ok(())
    }

    async fn send_all(&self, busy: Busy, dues: Vec<Due>) -> Busy {
        for due in dues {
            if let Err(error) = self.send(&due).await {
                tracing::warn!(app = due.app, user = due.user, %error, "an alert waits");
                let later = Due { at: self.clock.now_ms() + RETRY_MS, ..due.clone() };
                let step = Step { app: due.app, gone: vec![due], put: vec![later], ..Step::default() };
                if self.keep(step).await.is_err() {
                    // It is there as it was; not asked for again at once.
                    tokio::time::sleep(Duration::from_millis(RETRY_MS as u64)).await;
                }
            }
        }
        busy
    }

    /// One alert, once. What is written last is written in one step.
    async fn send(&self, due: &Due) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let mut step = Step { app: due.app, gone: vec![due.clone()], ..Step::default() };
        if now - due.said_at >= i64::from(self.options.alert_hours) * HOUR_MS {
            self.note(&mut step, due, now, Reason::GivenUp);
            return self.keep(step).await;
        }
        match self.judge(due).await? {
            Verdict::No(reason) => self.note(&mut step, due, now, reason),
            Verdict::Wait(at) => step.put.push(Due { at, ..due.clone() }),
            Verdict::Send(ready) => self.send_to_devices(due, *ready, &mut step).await?,
        }
        self.keep(step).await
    }

    fn note(&self, step: &mut Step, due: &Due, now: i64, reason: Reason) {
        self.metrics.decided(reason.word(), 1);
        step.notes.push(note_of(due, now, reason));
    }

    /// Decides on what is so now.
    async fn judge(&self, due: &Due) -> Result<Verdict, Error> {
        let Known { message, read, received } = self.neighbours.told(due).await?;
        let sessions = self.neighbours.sessions(due.app, vec![due.user], due.dialog).await?;
        let sessions = sessions.get(&due.user).copied().unwrap_or(Sessions::AWAY);
        let Place { name: dialog_name, is_group } = self.neighbours.place(due.app, due.dialog).await?;
        let proved = !due.kept && sessions.attention != Attention::Away && sessions.proved >= due.place;
        let facts = Facts {
            own: due.sender == due.user,
            silent: message.as_ref().is_some_and(|message| message.silent),
            removed: message.is_none() && !(due.kept && received),
            // Looked at when it was posted.
            muted: false,
            blocked: self.neighbours.is_blocked(due, is_group).await?,
            read,
            received: received || proved,
            attention: sessions.attention,
            at: due.said_at,
        };
        let why = match decide(&facts, self.proof_ms(), self.clock.now_ms()) {
            Decision::No(reason) => return Ok(Verdict::No(reason)),
            Decision::Wait(until) => return Ok(Verdict::Wait(until)),
            Decision::Alert(why) => why,
        };
        // Of one that left the queue nothing can be said any more.
        let Some(message) = message else { return Ok(Verdict::No(Reason::Received)) };
        let about = About {
            dialog: text::hex(&due.dialog.to_vec()),
            dialog_name,
            is_group,
            name: self.neighbours.name(due.app, due.sender).await?,
            unread: Some(self.neighbours.unread(due.app, due.user).await?),
            expires_at: due.said_at + i64::from(self.options.alert_hours) * HOUR_MS,
        };
        Ok(Verdict::Send(Box::new(Ready { alert: text::alert(&message, &about), why })))
    }

    async fn send_to_devices(&self, due: &Due, Ready { alert, why }: Ready, step: &mut Step) -> Result<(), Error> {
        let all = self.subscriptions.of_user(due.app, due.user).await?.rows;
        let wanted: Vec<&Subscription> =
            all.iter().filter(|device| device.rejected_at == 0 && !due.done.contains(&device.id)).collect();
        let now = self.clock.now_ms();
        if wanted.is_empty() && due.done.is_empty() {
            self.note(step, due, now, if all.is_empty() { Reason::NoSubscription } else { Reason::Rejected });
            return Ok(());
        }
        let attempt = due.attempts + 1;
        let outcomes = join_all(wanted.iter().map(|device| self.attempt(device, &alert))).await;
        let (mut done, mut later_at) = (due.done.clone(), None::<i64>);
        for (device, outcome) in wanted.into_iter().zip(outcomes) {
            let now = self.clock.now_ms();
            self.metrics.attempted(word(&outcome));
            step.notes.push(attempted(due, device, (now, attempt, why), &outcome));
            let again_at = match outcome {
                Outcome::Later { after, .. } => Some(now + pause_ms(attempt, after)),
                Outcome::Credentials { .. } => Some(now + CHANNEL_MS),
                Outcome::Rejected(reason) => {
                    self.reject(device, &reason.0).await?;
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

    /// A channel whose credentials are not good is not asked again for a while, whosever alert it is.
    async fn attempt(&self, device: &Subscription, alert: &Alert) -> Outcome {
        let key = (device.app, device.channel);
        let now = self.clock.now_ms();
        if let Some((until, outcome)) = self.paused.lock().get(&key)
            && *until > now
        {
            return outcome.clone();
        }
        let Some(target) = target_of(device) else {
            return Outcome::Refused { status: 0, reason: "a subscription that names no device".to_owned() };
        };
        let outcome = self.providers.send(AppId(device.app), &target, alert).await;
        let mut paused = self.paused.lock();
        match outcome {
            Outcome::Credentials { .. } => drop(paused.insert(key, (now + CHANNEL_MS, outcome.clone()))),
            _ => drop(paused.remove(&key)),
        }
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
    let own = BACK_OFF_MS.saturating_mul(1_i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(i64::MAX)).min(BACK_OFF_MS_MAX);
    after.map_or(own, |after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX).max(1))
}

fn attempted(due: &Due, device: &Subscription, (at, attempt, why): (i64, u32, Why), outcome: &Outcome) -> Note {
    let answer = match outcome {
        Outcome::Accepted { id } => format!("{} {}", word(outcome), id.as_deref().unwrap_or_default()),
        Outcome::Rejected(reason) => format!("{} {}", word(outcome), reason.0),
        Outcome::Refused { status, reason } | Outcome::Credentials { status, reason } => {
            format!("{} {status} {reason}", word(outcome))
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

impl<'a> Flights<'a> {
    fn start(&mut self, busy: Busy, flight: BoxFuture<'a, Busy>) {
        self.busy.insert(busy);
        *self.of_app.entry(busy.0).or_default() += 1;
        self.running.push(flight);
    }

    fn land(&mut self, busy: Busy) {
        self.busy.remove(&busy);
        if let Some(count) = self.of_app.get_mut(&busy.0) {
            *count -= 1;
            if *count == 0 {
                self.of_app.remove(&busy.0);
            }
        }
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
