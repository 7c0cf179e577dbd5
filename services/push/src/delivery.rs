//! Sends alerts when they are due: decides again on what is so then, and notes what came of it. One user's alerts go one after
//! the other; those of different users, and of different apps, side by side within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use natter_proto::DialogId;
use natter_proto::push::v1::DialogType;
use natter_telemetry::continued;
use tracing::{Instrument, debug_span};

use crate::alerts::{Due, Source, Step};
use crate::attempts::{PAUSE_MS_MAX, Ready};
use crate::decision::{Attention, Decision, Facts, Reason, Why, decide};
use crate::error::Error;
use crate::event;
use crate::flights::{Busy, Flights, Landed, Limits};
use crate::intake::note_of;
use crate::neighbours::{Known, Place, Sessions};
use crate::occasion::{About, Occasion};
use crate::provider::Alert;
use crate::ring::RING_MS;
use crate::service::Shared;
use crate::text;

/// Alerts of an app that are looked at together, beside those that are being sent.
const PAGE: usize = 1_024;
/// Until an alert is looked at again that could not be decided, milliseconds.
const RETRY_MS: i64 = 2_000;
/// Alerts that are hastened when credentials were put; further ones come in their time.
const HASTENED_MAX: usize = 10_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What is to be done with an alert.
pub enum Verdict {
    Send(Box<Ready>),
    No(Reason),
    Wait(i64),
    /// It goes, and what there is to say of it is noted already.
    Nothing,
}

impl Shared {
    /// Sends what is due, for ever. Dropped anywhere, what was being sent is sent again, under the same collapse id.
    pub async fn deliver(&self) {
        let (of_app, in_all) = (self.options.in_flight_per_app_max, self.options.in_flight_max);
        let mut flights = Flights::new(Limits { of_app, in_all });
        loop {
            let next_at = self.start_due(&mut flights).await;
            self.metrics.in_flight.set(flights.len() as i64);
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
                () = flights.landed() => {}
                () = self.moved.notified() => {}
                () = elapsed => {}
            }
        }
    }

    /// Starts what is due and has room. When to look again, unless something moves or lands before.
    async fn start_due<'a>(&'a self, flights: &mut Flights<'a>) -> Option<i64> {
        let now = self.clock.now_ms();
        let mut retry_at = None;
        for (app, _) in self.alerts.next().into_iter().filter(|(_, at)| *at <= now) {
            let Some(in_flight) = flights.wants(app) else { continue };
            let page = self.alerts.due(app, now, PAGE + in_flight).await.map(|dues| flights.fresh(dues));
            let rest = match page {
                Ok(dues) => self.without_proved(app, now, dues).await,
                Err(error) => Err(error.into()),
            };
            match rest {
                Ok(dues) => flights.wait(app, dues),
                Err(error) => {
                    tracing::warn!(app, %error, "alerts that are due cannot be read");
                    retry_at = Some(now + RETRY_MS);
                }
            }
        }
        for app in flights.waiting() {
            flights.start(app, |busy, dues| self.send_all(busy, dues).boxed());
        }
        // What is due and was not started has no room: it is looked at when something lands.
        let later = self.alerts.next().into_iter().map(|(_, at)| at).filter(|at| *at > now);
        later.chain(retry_at).min()
    }

    /// Notes of whom it is known that he has it, and leaves the others: each needs a look of his own. In a busy group most are
    /// there, and their clients have proved it; together they cost one step.
    async fn without_proved(&self, app: u64, now: i64, dues: Vec<Due>) -> Result<Vec<Due>, Error> {
        let mut dialogs: BTreeMap<DialogId, Vec<u64>> = BTreeMap::new();
        for due in dues.iter().filter(|due| due.source == Source::Log && due.attempts == 0) {
            dialogs.entry(due.dialog).or_default().push(due.user);
        }
        let mut sessions = BTreeMap::new();
        for (dialog, mut users) in dialogs {
            users.sort_unstable();
            users.dedup();
            sessions.insert(dialog, self.neighbours.sessions(app, users, dialog).await?);
        }
        let has_proved = |due: &Due| {
            let theirs = sessions.get(&due.dialog).and_then(|of_dialog| of_dialog.get(&due.user));
            let is_first = due.source == Source::Log && due.attempts == 0;
            is_first && theirs.is_some_and(|one| one.attention == Attention::Proving && one.proved >= due.place)
        };
        let (proved, rest): (Vec<Due>, Vec<Due>) = dues.into_iter().partition(has_proved);
        if !proved.is_empty() {
            self.metrics.decided(Reason::Received.word(), proved.len() as u64);
            let notes = proved.iter().map(|due| note_of(due, now, Reason::Received)).collect();
            self.keep(Step { app, gone: proved, notes, ..Step::default() }).await?;
        }
        Ok(rest)
    }

    /// What waits for another attempt is due now: the credentials that it waits for may be those that were put.
    pub async fn hasten(&self, app: u64) {
        let now = self.clock.now_ms();
        let moved = async {
            self.alerts.ready().await?;
            let gone = self.alerts.later(app, now, now + PAUSE_MS_MAX, HASTENED_MAX).await?;
            // Who has not had his first attempt waits for something else.
            let gone: Vec<Due> = gone.into_iter().filter(|due| due.attempts > 0).collect();
            let put = gone.iter().map(|due| Due { at: now, ..due.clone() }).collect();
            self.keep(Step { app, gone, put, ..Step::default() }).await
        };
        // They come by themselves, later.
        if let Err(error) = moved.await {
            tracing::warn!(app, %error, "alerts that wait for credentials were not hastened");
        }
    }

    async fn send_all(&self, busy: Busy, dues: Vec<Due>) -> Landed {
        let count = dues.len();
        for due in dues {
            let span = continued(&due.traceparent, || {
                debug_span!("push.alert", app = due.app, user = due.user, attempts = due.attempts)
            });
            if let Err(error) = self.send(&due).instrument(span).await {
                tracing::warn!(app = due.app, user = due.user, %error, "an alert waits");
                let later = Due { at: self.clock.now_ms() + RETRY_MS, ..due.clone() };
                let step = Step { app: due.app, gone: vec![due], put: vec![later], ..Step::default() };
                if self.keep(step).await.is_err() {
                    // It is there as it was; not asked for again at once.
                    tokio::time::sleep(Duration::from_millis(RETRY_MS as u64)).await;
                }
            }
        }
        (busy, count)
    }

    /// One alert, once. What is written last is written in one step.
    async fn send(&self, due: &Due) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let mut step = Step { app: due.app, gone: vec![due.clone()], ..Step::default() };
        // Of a call something else may be noted already.
        if now >= self.expires_at(due) && !matches!(due.source, Source::Call(_)) {
            self.note(&mut step, due, now, Reason::GivenUp);
            return self.keep(step).await;
        }
        match self.judge(due).await? {
            Verdict::No(reason) => self.note(&mut step, due, now, reason),
            Verdict::Nothing => {}
            Verdict::Wait(at) => step.put.push(Due { at, ..due.clone() }),
            Verdict::Send(ready) => self.send_to_devices(due, *ready, &mut step).await?,
        }
        self.keep(step).await
    }

    pub fn note(&self, step: &mut Step, due: &Due, now: i64, reason: Reason) {
        self.metrics.decided(reason.word(), 1);
        step.notes.push(note_of(due, now, reason));
    }

    /// Decides on what is so now.
    async fn judge(&self, due: &Due) -> Result<Verdict, Error> {
        match due.source {
            Source::Log | Source::Queue => self.judge_message(due).await,
            Source::Event => self.judge_event(due).await,
            Source::Request => self.judge_request(due).await,
            Source::Call(kind) => self.judge_call(due, kind).await,
        }
    }

    /// An event is sent wherever its recipient is, unless it was ended meanwhile, or he keeps its maker from him.
    async fn judge_event(&self, due: &Due) -> Result<Verdict, Error> {
        let Some(event) = self.events.get(due.app, due.place).await? else { return Ok(Verdict::No(Reason::Removed)) };
        if event.user > 0 && self.neighbours.is_blocked(due, false).await? {
            return Ok(Verdict::No(Reason::Blocked));
        }
        let (alert, remark) = match &event.sample {
            None => (event::alert(&event), None),
            Some(sample) => {
                let occasion = Occasion::of_sample(sample).map_err(Error::Sample)?;
                let (occasion, saying) = self.policy(due.app).await?.say(occasion);
                let alert = text::alert(&occasion, &saying, &text::hex(&due.message.to_vec()), self.expires_at(due));
                (alert, saying.remark)
            }
        };
        let alert = Alert { expires_at: Some(alert.expires_at.unwrap_or_else(|| self.expires_at(due))), ..alert };
        Ok(Verdict::Send(Box::new(Ready { alert, why: Why::Asked, remark: remark.unwrap_or_default(), event: Some(event) })))
    }

    /// Of a request that was answered, or taken back, there is nothing to say.
    async fn judge_request(&self, due: &Due) -> Result<Verdict, Error> {
        let sessions = self.neighbours.sessions(due.app, vec![due.user], due.dialog).await?;
        let policy = self.policy(due.app).await?;
        let facts = Facts {
            own: false,
            off: policy.is_off(),
            unwanted: false,
            silent: false,
            removed: !self.neighbours.asks(due.app, due.sender, due.user).await?,
            muted: false,
            blocked: self.neighbours.is_blocked(due, false).await?,
            read: false,
            received: false,
            provable: false,
            attention: sessions.get(&due.user).map_or(Attention::Away, |sessions| sessions.attention),
            at: due.said_at,
        };
        let why = match decide(&facts, self.proof_ms(), self.clock.now_ms()) {
            Decision::No(reason) => return Ok(Verdict::No(reason)),
            Decision::Wait(until) => return Ok(Verdict::Wait(until)),
            Decision::Alert(why) => why,
        };
        let name = self.neighbours.name(due.app, due.sender).await?;
        let about = About { name, unread: self.neighbours.unread(due.app, due.user).await?, ..About::default() };
        let (occasion, saying) = policy.say(Occasion::of_request(due.sender, &about));
        let alert = text::alert(&occasion, &saying, &text::hex(&due.message.to_vec()), self.expires_at(due));
        Ok(Verdict::Send(Box::new(Ready { alert, why, remark: saying.remark.unwrap_or_default(), event: None })))
    }

    /// From when on nobody needs it any more.
    pub fn expires_at(&self, due: &Due) -> i64 {
        let lasts = match due.source {
            Source::Call(_) => RING_MS,
            Source::Log | Source::Queue | Source::Event | Source::Request => i64::from(self.options.alert_hours) * HOUR_MS,
        };
        due.said_at + lasts
    }

    async fn judge_message(&self, due: &Due) -> Result<Verdict, Error> {
        let Known { message, read, received } = self.neighbours.told(due).await?;
        let sessions = self.neighbours.sessions(due.app, vec![due.user], due.dialog).await?;
        let sessions = sessions.get(&due.user).copied().unwrap_or(Sessions::AWAY);
        let policy = self.policy(due.app).await?;
        let Place { name: dialog_name, kind } = self.neighbours.place(due.app, due.dialog).await?;
        let proved = due.source == Source::Log && sessions.attention != Attention::Away && sessions.proved >= due.place;
        let facts = Facts {
            own: due.sender == due.user,
            off: policy.is_off(),
            unwanted: !policy.takes(kind),
            silent: message.as_ref().is_some_and(|message| message.silent),
            removed: message.is_none() && !(due.source == Source::Queue && received),
            // Looked at when it was posted.
            muted: false,
            blocked: self.neighbours.is_blocked(due, kind != DialogType::Private).await?,
            read,
            received: received || proved,
            provable: true,
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
            kind,
            name: self.neighbours.name(due.app, due.sender).await?,
            unread: self.neighbours.unread(due.app, due.user).await?,
        };
        let (occasion, saying) = policy.say(Occasion::of(&message, &about));
        let alert = text::alert(&occasion, &saying, &text::hex(&due.message.to_vec()), self.expires_at(due));
        Ok(Verdict::Send(Box::new(Ready { alert, why, remark: saying.remark.unwrap_or_default(), event: None })))
    }
}
