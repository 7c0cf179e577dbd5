//! What has to hold at the end of a life, of history and of every session that was ever there.

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::event::v1::Message;
use natter_proto::history::v1::{FindRequest, HeadsRequest, UnreadRequest};
use natter_proto::{DialogId, MessageId};
use natter_tests::heard::Heard;
use natter_tests::membership::{Membership, Tick};

use super::device::{Seen, Stay};
use super::ledger::{Fate, Ledger, Posted};
use super::scene::{DEVICES, Place, QUIET, Scene};
use crate::world::APP;

/// How much there was to check.
#[derive(Default, Debug)]
pub struct Counts {
    stored: usize,
    refused: usize,
    moves: usize,
    sessions: usize,
    told: usize,
    /// Of these, late and with `<delay>`, and those that the device had already.
    late: usize,
    again: usize,
    changes: usize,
    first_and_only: usize,
}

/// The rows of one dialog, and when each was certainly stored.
struct Log {
    dialog: DialogId,
    rows: Vec<Row>,
}

struct Row {
    id: MessageId,
    message: Message,
    /// It was stored within this time.
    from: Tick,
    upto: Tick,
}

/// Panics at what does not hold. The history, and what each device was told, as text, for comparing lives.
pub async fn all(scene: &Scene, seen: &[Seen]) -> (Counts, Vec<String>) {
    let ledger = scene.ledger.take();
    let mut counts = Counts { moves: ledger.moves.len(), ..Counts::default() };
    let mut logs = BTreeMap::new();
    for dialog in dialogs(scene) {
        let log = Log { dialog, rows: rows(scene, &ledger, dialog).await };
        log.check(&ledger);
        counts.stored += log.rows.len();
        logs.insert(dialog, log);
    }
    check_fates(&ledger, &logs, &mut counts);
    for seen in seen {
        Reading { scene, ledger: &ledger, logs: &logs, seen }.check(&mut counts);
    }
    for user in 0..super::scene::NAMES.len() {
        for place in Scene::places_of(user) {
            check_unread(scene, &ledger, user, &logs[&scene.dialog(user, place)]).await;
        }
    }
    (counts, transcript(&logs, seen))
}

fn dialogs(scene: &Scene) -> BTreeSet<DialogId> {
    let places = |user| Scene::places_of(user).into_iter().map(move |place| scene.dialog(user, place));
    (0..super::scene::NAMES.len()).flat_map(places).collect()
}

// === history ===

/// All rows, removed ones too.
async fn rows(scene: &Scene, ledger: &Ledger, dialog: DialogId) -> Vec<Row> {
    let mut history = scene.world.doors().unwrap().history;
    let asked: Vec<Vec<u8>> = ledger.posts.keys().map(|id| id.to_vec()).collect();
    let mut found = Vec::new();
    for ids in asked.chunks(50) {
        let request = FindRequest { app: APP, ids: ids.to_vec(), dialogs: vec![dialog.to_vec()], ..FindRequest::default() };
        found.extend(history.find(request).await.unwrap().into_inner().found);
    }
    let mut found: Vec<Message> = found.into_iter().filter_map(|found| found.row).collect();
    found.sort_by_key(|row| row.seq);
    let request = HeadsRequest { app: APP, dialogs: vec![dialog.to_vec()] };
    let head = history.heads(request).await.unwrap().into_inner().heads.remove(0);
    assert_eq!(head.seq, found.len() as u64, "nobody sent some of the messages of {dialog}");
    let row = |message: Message| {
        let id = MessageId::try_from(message.id.as_slice()).unwrap();
        let posted = &ledger.posts[&id];
        let upto = if let Fate::Acked(at) = posted.fate { at } else { Tick::MAX };
        Row { id, message, from: posted.began, upto }
    };
    let mut rows: Vec<Row> = found.into_iter().map(row).collect();
    // What stands before a row was stored before it.
    for n in 1..rows.len() {
        rows[n].from = rows[n].from.max(rows[n - 1].from);
    }
    for n in (1..rows.len()).rev() {
        rows[n - 1].upto = rows[n - 1].upto.min(rows[n].upto);
    }
    rows
}

impl Log {
    fn check(&self, ledger: &Ledger) {
        let numbers: Vec<u64> = self.rows.iter().map(|row| row.message.seq).collect();
        assert_eq!(numbers, (1..=self.rows.len() as u64).collect::<Vec<_>>(), "numbers are dense from 1");
        let mut last: [MessageId; DEVICES.len()] = [MessageId([0; 12]); DEVICES.len()];
        let mut ids = BTreeSet::new();
        for Row { id, message, from, upto } in &self.rows {
            assert!(ids.insert(id), "message {id} is there twice");
            let Posted { dialog, user, device, body, .. } = &ledger.posts[id];
            assert_eq!(
                (*dialog, *user),
                (self.dialog, message.sender),
                "message {id} stands where it was sent, in its sender's name"
            );
            assert!(from <= upto, "message {id} was acknowledged before one that stands before it was sent");
            // Ids of a device grow.
            assert!(*id > last[*device], "messages of device {device} are not in the order of sending");
            last[*device] = *id;
            let is_known = message.removed
                || message.body.as_ref() == Some(body)
                || ledger.changes.contains_key(&(*id, message.body.clone()));
            assert!(is_known, "nobody wrote {:?}", message.body);
        }
    }
}

fn check_fates(ledger: &Ledger, logs: &BTreeMap<DialogId, Log>, counts: &mut Counts) {
    for (id, posted) in &ledger.posts {
        let is_there = logs[&posted.dialog].rows.iter().any(|row| row.id == *id);
        match posted.fate {
            Fate::Acked(_) => assert!(is_there, "acked message {id} is not in history"),
            Fate::Refused => assert!(!is_there, "message {id} was refused and is in history"),
            Fate::Unknown => {}
        }
        counts.refused += usize::from(posted.fate == Fate::Refused);
    }
}

/// Nobody reads: unread is what others said, and is still there, since the user is a member. A call that was lost may have made
/// him one long before it was answered.
async fn check_unread(scene: &Scene, ledger: &Ledger, user: usize, log: &Log) {
    let user = scene.user(user);
    if ledger.during(log.dialog, user, true, Tick::MAX, Tick::MAX) != Membership::Certain {
        return;
    }
    let request = UnreadRequest { app: APP, user, dialogs: vec![log.dialog.to_vec()], counts_only: true, from_joining: false };
    let unread = scene.world.doors().unwrap().history.unread(request).await.unwrap().into_inner().rows[0].unread;
    let last = ledger.moves.iter().rev().find(|moved| moved.group == log.dialog && moved.user == user);
    let (began, ended) = last.map_or((0, 0), |came| (came.began, came.ended.unwrap_or(Tick::MAX)));
    let counted = |row: &&Row| row.message.sender != user && !row.message.removed;
    let rows = || log.rows.iter().filter(counted);
    let least = rows().filter(|row| row.from > ended).count() as u64;
    let most = rows().filter(|row| row.upto > began).count() as u64;
    assert!((least..=most).contains(&unread), "unread of user {user} is {unread}, not {least} to {most}");
}

// === what a device was told ===

struct Reading<'a> {
    scene: &'a Scene,
    ledger: &'a Ledger,
    logs: &'a BTreeMap<DialogId, Log>,
    seen: &'a Seen,
}

/// What a device knows of one stay.
#[derive(Default)]
struct Known {
    /// Highest number told, by dialog.
    heights: BTreeMap<DialogId, u64>,
    /// The body of each message, `None` if it was removed.
    bodies: BTreeMap<MessageId, Option<String>>,
}

impl Reading<'_> {
    fn check(&self, counts: &mut Counts) {
        let mut before = BTreeSet::new();
        for (n, stay) in self.seen.stays.iter().enumerate() {
            let mut known = Known::default();
            for session in &stay.sessions {
                counts.sessions += 1;
                self.session(stay, session, &mut known, &mut before, counts);
            }
            if n + 1 == self.seen.stays.len() {
                self.end(stay, &known, counts);
            }
        }
    }

    /// Each message once and in order, nothing left out, nothing that is none of the user's business.
    fn session(
        &self,
        stay: &Stay,
        session: &[(Tick, Heard)],
        known: &mut Known,
        before: &mut BTreeSet<MessageId>,
        counts: &mut Counts,
    ) {
        let (mut places, mut changes) = (BTreeMap::new(), BTreeSet::new());
        for (tick, heard) in session {
            match heard {
                Heard::Message { id, from, body, delayed } => {
                    let (log, row) = self.row(id);
                    let (seq, who) = (row.message.seq, self.who());
                    assert!(from.contains(&row.message.sender.to_string()), "message {id} came to {who} in the name of {from}");
                    let last = places.insert(log.dialog, seq).unwrap_or(0);
                    assert!(seq > last, "number {seq} of {} came to {who} after {last}", log.dialog);
                    let is_new = before.insert(*id);
                    assert!(
                        is_new || *delayed,
                        "{who} had message {id} already, and it came again as a new one\n{}",
                        self.story(log)
                    );
                    let business = self.during(log, row.from, row.upto);
                    assert_ne!(
                        business,
                        Membership::None,
                        "number {seq} of {} came to {who}, who was not in it\n{}",
                        log.dialog,
                        self.story(log)
                    );
                    self.nothing_left_out(stay, log, known, seq, *tick);
                    known.heights.entry(log.dialog).and_modify(|height| *height = seq.max(*height)).or_insert(seq);
                    known.bodies.insert(*id, Some(body.clone()));
                    counts.told += 1;
                    counts.late += usize::from(*delayed);
                }
                Heard::Changed { of, body } => {
                    let (log, _) = self.row(of);
                    let (change, who) = ((*of, body.clone()), self.who());
                    let began = self.ledger.changes[&change];
                    let business = self.during(log, began, *tick);
                    assert_ne!(
                        business,
                        Membership::None,
                        "change {change:?} of {} came to {who}, who was not in it",
                        log.dialog
                    );
                    assert!(changes.insert(change), "change {of} {body:?} came to {who} twice\n{}", self.story(log));
                    let body = body.clone();
                    known.bodies.entry(*of).and_modify(|now| *now = body);
                    counts.changes += 1;
                }
                Heard::Refused { .. } | Heard::Acked(_) | Heard::End => {}
            }
        }
        counts.again = counts.told - before.len().min(counts.told);
    }

    /// All that was said in the dialog below `seq` had to be told before.
    fn nothing_left_out(&self, stay: &Stay, log: &Log, known: &Known, seq: u64, tick: Tick) {
        let height = known.heights.get(&log.dialog).copied().unwrap_or(0);
        let Some(from) = stay.from else { return };
        for row in log.rows.iter().filter(|row| row.message.seq > height && row.message.seq < seq) {
            let is_own = self.ledger.posts[&row.id].device == self.seen.device && self.is_private(log);
            let is_owed = row.from > from && !row.message.removed && !is_own;
            if is_owed && self.during(log, row.from, tick) == Membership::Certain {
                panic!("number {} was left out for {}, {seq} came at {tick}\n{}", row.message.seq, self.who(), self.story(log));
            }
        }
    }

    /// At the end everything was told, in its last form.
    fn end(&self, stay: &Stay, known: &Known, counts: &mut Counts) {
        assert!(stay.from.is_some(), "{} was there at the end", self.who());
        for place in Scene::places_of(DEVICES[self.seen.device]) {
            let log = &self.logs[&self.scene.dialog(DEVICES[self.seen.device], place)];
            self.nothing_left_out(stay, log, known, u64::MAX, Tick::MAX);
            for row in &log.rows {
                let Some(body) = known.bodies.get(&row.id) else { continue };
                let is_own = self.ledger.posts[&row.id].device == self.seen.device && self.is_private(log);
                if is_own || self.during(log, row.from, Tick::MAX) != Membership::Certain {
                    continue;
                }
                let last = row.message.body.clone().filter(|_| !row.message.removed);
                assert_eq!(*body, last, "number {} as {} knows it\n{}", row.message.seq, self.who(), self.story(log));
            }
            if place == Place::Group(QUIET) {
                assert!(log.rows.len() == 1 && known.heights.contains_key(&log.dialog), "one thing was said there");
                counts.first_and_only += 1;
            }
        }
    }

    /// What befell the dialog and the device, in the order of events.
    fn story(&self, log: &Log) -> String {
        let mut story: Vec<(Tick, String)> = self.scene.events.borrow().clone();
        let device = format!("device {} ", self.seen.device);
        story.retain(|(_, event)| !event.contains("device") || event.contains(&device));
        for row in &log.rows {
            story.push((row.from, format!("{} is sent by device {}", row.message.seq, self.ledger.posts[&row.id].device)));
            let changes = self.ledger.changes.iter().filter(|((of, _), _)| *of == row.id);
            story.extend(changes.map(|((_, body), at)| (*at, format!("{} is to be {body:?}", row.message.seq))));
        }
        for moved in self.ledger.moves.iter().filter(|moved| moved.group == log.dialog && moved.user == self.seen.user) {
            story.push((moved.began, format!("moves in: {}, until {:?}", moved.joins, moved.ended)));
        }
        for (tick, heard) in self.seen.stays.iter().flat_map(|stay| stay.sessions.iter().flatten()) {
            if let Heard::Message { id: of, .. } | Heard::Changed { of, .. } = heard
                && self.row(of).0.dialog == log.dialog
            {
                story.push((*tick, format!("HEARS {}: {heard:?}", self.row(of).1.message.seq)));
            }
        }
        story.sort_by_key(|(tick, _)| *tick);
        let lines = story.into_iter().map(|(tick, event)| format!("{tick:5} {event}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn row(&self, id: &MessageId) -> (&Log, &Row) {
        let log = &self.logs[&self.ledger.posts[id].dialog];
        let row = log.rows.iter().find(|row| row.id == *id);
        (log, row.unwrap_or_else(|| panic!("message {id} came to {} and is not stored", self.who())))
    }

    fn during(&self, log: &Log, from: Tick, upto: Tick) -> Membership {
        let at_start = self.scene.is_first_member(log.dialog, self.seen.user);
        self.ledger.during(log.dialog, self.seen.user, at_start, from, upto)
    }

    fn is_private(&self, log: &Log) -> bool {
        !self.scene.groups.contains(&log.dialog)
    }

    fn who(&self) -> String {
        format!("device {} of user {}", self.seen.device, self.seen.user)
    }
}

// === over all lives ===

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.stored += other.stored;
        self.refused += other.refused;
        self.moves += other.moves;
        self.sessions += other.sessions;
        self.told += other.told;
        self.late += other.late;
        self.again += other.again;
        self.changes += other.changes;
        self.first_and_only += other.first_and_only;
    }

    pub fn check_that_something_was_tested(&self) {
        let Counts { stored, refused, moves, sessions, told, late, again, changes, first_and_only } = *self;
        let all = [stored, refused, moves, sessions, told, late, again, changes, first_and_only];
        assert!(all.iter().all(|count| *count > 0), "something was never met: {self:?}");
    }
}

fn transcript(logs: &BTreeMap<DialogId, Log>, seen: &[Seen]) -> Vec<String> {
    let row = |row: &Row| format!("{} {} {:?}", row.message.seq, row.message.date_sent, row.message.body);
    let mut lines: Vec<String> = logs.values().flat_map(|log| &log.rows).map(row).collect();
    for seen in seen {
        for session in seen.stays.iter().flat_map(|stay| &stay.sessions) {
            lines.extend(session.iter().map(|(tick, heard)| format!("{} {tick} {heard:?}", seen.device)));
        }
    }
    lines
}
