//! Reads the durable log and makes alerts of what was posted: one per message and member who has a device, unless it is certain
//! that he needs none; and one per event, contact request and call (`ringing.rs`). What is certain already is noted; the rest is decided
//! again when it is due.

use std::collections::BTreeMap;
use std::time::Duration;

use natter_bus::Entry;
use natter_proto::dialog::v1::Listener;
use natter_proto::event::v1::{Posted, PostedRequest, PostedRow};
use natter_proto::push::v1::{DialogType, Note};
use natter_proto::{DialogId, MessageId};
use natter_telemetry::{continued, kept_traceparent};
use prost::Message as _;
use tracing::{Instrument, debug_span};

use crate::alerts::{Due, Source, Step};
use crate::decision::{Attention, Decision, Facts, Reason, decide};
use crate::error::Error;
use crate::event::{NO_DIALOG, message_id};
use crate::neighbours::Sessions;
use crate::occasion::type_of;
use crate::policy::Policy;
use crate::request;
use crate::service::Shared;

/// Entries of an app that are looked at before the next app's.
const ENTRIES: usize = 256;
/// What comes within this time is looked at together: an alert can wait so long, and messages come in crowds.
const GATHER: Duration = Duration::from_millis(20);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What is posted of one dialog.
struct News {
    app: u64,
    dialog: DialogId,
    rows: Vec<Row>,
    kept: bool,
    /// Outside the log: for this user alone.
    only: Option<u64>,
    /// Of what looks at it, if its trace is kept.
    traceparent: String,
}

/// A page of the members of a dialog.
#[derive(Clone)]
struct Crowd {
    /// Who have a device.
    with: Vec<Listener>,
    without: Vec<u64>,
    kind: DialogType,
    /// Behind whom the next page is.
    next: Option<u64>,
}

struct Row {
    message: MessageId,
    posted: PostedRow,
}

impl Shared {
    /// Reads what comes, for ever. Dropped anywhere, it goes on where it was: what was looked at is forgotten with what came of
    /// it.
    pub async fn take_in(&self) {
        while let Err(error) = self.ready().await {
            tracing::warn!(%error, "what waits to be alerted cannot be read");
            tokio::time::sleep(PAUSE).await;
        }
        // For whoever waits for what was found.
        self.moved.notify_one();
        loop {
            if self.log.lanes().is_empty() {
                self.log.moved().await;
            }
            tokio::time::sleep(GATHER).await;
            // A page of each in turn: no lane waits for another's storm to end.
            for lane in self.log.lanes() {
                if let Err(error) = self.take_in_page(lane).await {
                    tracing::warn!(lane, %error, "the durable log cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn ready(&self) -> Result<(), Error> {
        self.log.ready().await?;
        Ok(self.alerts.ready().await?)
    }

    /// Each app by itself: what fails of one is read again, and holds up no other.
    async fn take_in_page(&self, lane: u64) -> Result<(), Error> {
        let mut apps = BTreeMap::<u64, Vec<Entry>>::new();
        for entry in self.log.read(lane, ENTRIES).await? {
            apps.entry(entry.app).or_default().push(entry);
        }
        for (app, entries) in apps {
            if let Err(error) = self.take_in_app(app, entries).await {
                tracing::warn!(app, %error, "what was posted cannot be looked at");
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn take_in_app(&self, app: u64, entries: Vec<Entry>) -> Result<(), Error> {
        self.take_in_hooks(app, &entries).await?;
        // Of an app without any device nothing is noted: that there is none explains it all.
        if self.subscriptions.count(app).await? == 0 {
            let read = entries.iter().filter_map(|entry| Posted::decode(entry.value.clone()).ok());
            let count = read.filter(|posted| !is_for_hooks(posted)).count() as u64;
            if count > 0 {
                self.metrics.posted.inc_by(count);
                self.metrics.decided(Reason::NoSubscription.word(), count);
            }
            return self.keep(Step { app, entries, ..Step::default() }).await;
        }
        let policy = self.policy(app).await?;
        // What is said in one dialog in a short while is for the same members.
        let mut crowds = BTreeMap::new();
        for entry in entries {
            self.take_in_entry((app, &policy), entry, &mut crowds).await?;
        }
        Ok(())
    }

    /// One alert per recipient who has a device, in one step: there are not many.
    async fn take_in_event(&self, app: u64, id: u64, entry: Entry) -> Result<(), Error> {
        let Some(event) = self.events.get(app, id).await? else {
            return self.keep(Step { app, entries: vec![entry], ..Step::default() }).await;
        };
        let devices = self.subscriptions.of_users(app, &event.users).await?;
        let (with, without): (Vec<_>, Vec<_>) = event.users.iter().zip(devices).partition(|(_, rows)| !rows.is_empty());
        let due = |user: u64| Due {
            app,
            at: event.at,
            user,
            dialog: NO_DIALOG,
            place: event.id,
            source: Source::Event,
            message: message_id(event.id),
            sender: event.user,
            said_at: event.at,
            attempts: 0,
            done: Vec::new(),
            traceparent: String::new(),
        };
        let count = without.len() as u64;
        self.metrics.decided(Reason::NoSubscription.word(), count);
        let note = Note { count, ..note_of(&due(0), event.created_at, Reason::NoSubscription) };
        let put = with.into_iter().map(|(user, _)| due(*user)).collect();
        self.keep(Step { app, entries: vec![entry], put, notes: Vec::from_iter((count > 0).then_some(note)), ..Step::default() })
            .await
    }

    /// One alert, if whom it is for has a device.
    async fn take_in_request(&self, app: u64, request: &PostedRequest, entry: Entry) -> Result<(), Error> {
        let due = request::due(app, request);
        let has_device = !self.subscriptions.of_user(app, due.user).await?.rows.is_empty();
        let mut step = Step { app, entries: vec![entry], ..Step::default() };
        match has_device {
            true => step.put.push(due),
            false => self.note(&mut step, &due, request.at, Reason::NoSubscription),
        }
        self.keep(step).await
    }

    async fn take_in_entry(
        &self,
        (app, policy): (u64, &Policy),
        entry: Entry,
        crowds: &mut BTreeMap<DialogId, Crowd>,
    ) -> Result<(), Error> {
        let posted = Posted::decode(entry.value.clone()).ok();
        if let Some(Posted { event, .. }) = posted.as_ref().filter(|posted| posted.event > 0) {
            return self.take_in_event(app, *event, entry).await;
        }
        if let Some(request) = posted.as_ref().and_then(|posted| posted.contact_request) {
            return self.take_in_request(app, &request, entry).await;
        }
        if let Some(call) = posted.as_ref().and_then(|posted| posted.call.as_ref()) {
            return self.take_in_call((app, policy), call, entry).await;
        }
        if posted.as_ref().is_some_and(is_for_hooks) {
            return self.keep(Step { app, entries: vec![entry], ..Step::default() }).await;
        }
        let Some(mut news) = posted.and_then(|posted| News::of(app, posted)) else {
            tracing::error!(app, number = entry.number, "an entry of the durable log cannot be read");
            return self.keep(Step { app, entries: vec![entry], ..Step::default() }).await;
        };
        self.metrics.posted.inc_by(news.rows.len() as u64);
        let span = continued(&news.traceparent, || debug_span!("push.decide", app, rows = news.rows.len()));
        news.traceparent = span.in_scope(kept_traceparent);
        self.take_in_news((&news, policy), entry, crowds).instrument(span).await
    }

    /// Page by page of the members; the entry goes with the last one. A crash before repeats what was kept, under the same keys.
    async fn take_in_news(
        &self,
        (news, policy): (&News, &Policy),
        entry: Entry,
        crowds: &mut BTreeMap<DialogId, Crowd>,
    ) -> Result<(), Error> {
        let app = news.app;
        let (mut after, mut without) = (0, vec![0; news.rows.len()]);
        loop {
            let page = match crowds.get(&news.dialog) {
                Some(first) if after == 0 => first.clone(),
                _ => self.crowd(app, news.dialog, after).await?,
            };
            if after == 0 {
                crowds.insert(news.dialog, page.clone());
            }
            let mut step = Step { app, ..Step::default() };
            self.look_at(news, (&page, policy), &mut without, &mut step).await?;
            let Some(next) = page.next else {
                step.entries.push(entry);
                step.notes.extend(news.rows.iter().zip(&without).filter_map(|(row, count)| news.without(row, *count)));
                return self.keep(step).await;
            };
            after = next;
            self.keep(step).await?;
        }
    }

    async fn crowd(&self, app: u64, dialog: DialogId, after: u64) -> Result<Crowd, Error> {
        let page = self.neighbours.audience(app, dialog, after).await?;
        let kind = type_of(page.kind());
        let next = page.members.last().map(|last| last.user).filter(|_| page.more);
        let users: Vec<u64> = page.members.iter().map(|one| one.user).collect();
        let devices = self.subscriptions.of_users(app, &users).await?;
        let (with, none): (Vec<_>, Vec<_>) = page.members.into_iter().zip(devices).partition(|(_, rows)| !rows.is_empty());
        let with = with.into_iter().map(|(one, _)| one).collect();
        Ok(Crowd { with, without: none.into_iter().map(|(one, _)| one.user).collect(), kind, next })
    }

    /// `without`: of each row, for how many there is no device to alert.
    async fn look_at(
        &self,
        news: &News,
        (page, policy): (&Crowd, &Policy),
        without: &mut [u64],
        step: &mut Step,
    ) -> Result<(), Error> {
        let is_meant = |user: u64| news.only.is_none_or(|only| user == only);
        for (row, count) in news.rows.iter().zip(without) {
            let is_other = |user: &&u64| **user != row.posted.sender && is_meant(**user);
            let others = page.without.iter().filter(is_other).count() as u64;
            self.metrics.decided(Reason::NoSubscription.word(), others);
            *count += others;
        }
        let meant = || page.with.iter().filter(|one| is_meant(one.user));
        let sessions = self.neighbours.sessions(news.app, meant().map(|one| one.user).collect(), news.dialog).await?;
        for listener in meant() {
            for row in news.rows.iter().filter(|row| row.posted.sender != listener.user) {
                let sessions = sessions.get(&listener.user).copied().unwrap_or(Sessions::AWAY);
                let facts =
                    Facts { off: policy.is_off(), unwanted: !policy.takes(page.kind), ..facts(news, row, listener, sessions) };
                self.look_at_one(news, row, listener.user, &facts, step);
            }
        }
        Ok(())
    }

    fn look_at_one(&self, news: &News, row: &Row, user: u64, facts: &Facts, step: &mut Step) {
        let due = |at| news.due(row, user, at);
        match decide(facts, self.proof_ms(), self.clock.now_ms()) {
            // Under the instant of the message: who looks again finds the same key.
            Decision::Alert(_) => step.put.push(due(row.posted.at)),
            Decision::Wait(until) => step.put.push(due(until)),
            Decision::No(reason) => {
                self.metrics.decided(reason.word(), 1);
                step.notes.push(note_of(&due(0), row.posted.at, reason));
            }
        }
    }

    /// Takes a step, and tells whoever sends. What was looked at is done when it is taken.
    pub async fn keep(&self, step: Step) -> Result<(), Error> {
        let looked_at = step.entries.clone();
        let dropped = self.alerts.take(step).await?;
        self.metrics.dropped.inc_by(dropped);
        self.moved.notify_one();
        self.noted.notify_waiters();
        Ok(self.log.done(&looked_at).await?)
    }

    pub fn proof_ms(&self) -> i64 {
        self.options.proof_ms.into()
    }
}

/// Whether nobody is to be alerted of it.
fn is_for_hooks(posted: &Posted) -> bool {
    posted.rows.iter().all(|row| row.quiet) && (posted.change.is_some() || !posted.news.is_empty() || !posted.rows.is_empty())
}

/// As far as is known when the message was just posted.
fn facts(news: &News, row: &Row, listener: &Listener, sessions: Sessions) -> Facts {
    Facts {
        own: row.posted.sender == listener.user,
        off: false,
        unwanted: false,
        silent: false,
        removed: false,
        muted: listener.muted,
        blocked: false,
        read: false,
        provable: true,
        received: !news.kept && sessions.attention != Attention::Away && sessions.proved >= row.posted.place,
        attention: sessions.attention,
        at: row.posted.at,
    }
}

/// The note of a decision against an alert.
pub fn note_of(due: &Due, at: i64, reason: Reason) -> Note {
    Note {
        at,
        dialog: due.dialog.to_vec(),
        message: due.message.to_vec(),
        sender: due.sender,
        user: due.user,
        reason: reason.word().to_owned(),
        ..Note::default()
    }
}

impl News {
    fn of(app: u64, posted: Posted) -> Option<News> {
        let Posted { dialog, rows, kept_for, traceparent, .. } = posted;
        let row = |posted: PostedRow| Some(Row { message: MessageId::try_from(posted.id.as_slice()).ok()?, posted });
        let rows = rows.into_iter().filter(|posted| !posted.quiet).map(row).collect::<Option<Vec<Row>>>()?;
        let only = (kept_for > 0).then_some(kept_for);
        Some(News { app, dialog: DialogId::try_from(dialog.as_slice()).ok()?, rows, kept: only.is_some(), only, traceparent })
    }

    fn due(&self, row: &Row, user: u64, at: i64) -> Due {
        Due {
            app: self.app,
            at,
            user,
            dialog: self.dialog,
            place: row.posted.place,
            source: if self.kept { Source::Queue } else { Source::Log },
            message: row.message,
            sender: row.posted.sender,
            said_at: row.posted.at,
            attempts: 0,
            done: Vec::new(),
            traceparent: self.traceparent.clone(),
        }
    }

    /// One note for all members without a device.
    fn without(&self, row: &Row, count: u64) -> Option<Note> {
        let note = note_of(&self.due(row, 0, 0), row.posted.at, Reason::NoSubscription);
        (count > 0).then_some(Note { count, ..note })
    }
}
