//! What has to hold at the end of a life: of the rows, of what is unread, of every session that was ever there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MembersRequest, PageRequest, UnreadRequest};
use natter_proto::presence::v1::OnlineRequest;
use natter_proto::{DialogId, MessageId};
use natter_tests::heard::Heard;
use tokio::time::Instant;

use crate::simulation::cluster::counts::Counts;
use crate::simulation::cluster::listener::Session;
use crate::simulation::cluster::town::Town;
use crate::simulation::cluster::writer::Record;
use crate::world::APP;

/// How long a frame takes at most, through two processes and without faults.
const PROMPT: Duration = Duration::from_millis(300);

type Logs = BTreeMap<DialogId, Vec<Message>>;

/// Panics at what does not hold. How much there was to check.
pub async fn all(town: &Town, records: &[Record], listened: &[Vec<Session>]) -> Counts {
    let mut logs = Logs::new();
    for (dialog, _) in &town.dialogs {
        logs.insert(*dialog, rows(town, *dialog).await);
    }
    let mut counts = Counts::default();
    for (dialog, log) in &logs {
        check_rows(*dialog, log, records, &mut counts);
    }
    for record in records {
        check_shown(record, &logs, &mut counts);
        for (dialog, members) in &town.dialogs {
            if members.contains(&record.user) {
                check_unread(town, record, *dialog, &logs[dialog], &mut counts).await;
            }
        }
        counts.add("sent again", record.again);
        counts.add("repeated", record.repeated);
    }
    for (user, sessions) in listened.iter().enumerate() {
        check_heard(town, user, sessions, &logs, &mut counts);
        check_last_words(town, user, sessions, records);
    }
    counts
}

/// Everybody has a session, and whoever asks is told so.
pub async fn online(town: &Town) {
    let request = OnlineRequest { app: APP, skip: 0, limit: 100 };
    let mut online = town.presence().online(request).await.unwrap().into_inner().users;
    online.sort_unstable();
    let mut users = town.users.clone();
    users.sort_unstable();
    assert_eq!(online, users, "who is online");
}

/// Once everybody reaches everybody nothing has to be healed: what is said is told at once, at every edge.
fn check_last_words(town: &Town, user: usize, sessions: &[Session], records: &[Record]) {
    let Some(session) = sessions.last() else { panic!("user {user} never had a session") };
    let told = |(at, heard): &(Instant, Heard)| match heard {
        Heard::Message { id, .. } => Some((*id, *at)),
        _ => None,
    };
    let told: BTreeMap<MessageId, Instant> = session.heard.iter().filter_map(told).collect();
    let his = |dialog: &DialogId| town.dialogs.iter().any(|(other, members)| other == dialog && members.contains(&user));
    for record in records {
        for (dialog, id, acked) in record.last_words.iter().filter(|(dialog, ..)| his(dialog)) {
            let at = told.get(id).copied();
            let is_prompt = at.is_some_and(|at| at <= *acked + PROMPT);
            let (late, by) = (at.map(|at| at.saturating_duration_since(*acked)), record.user);
            assert!(is_prompt, "user {user} at edge {} was told the last word of {by} in {dialog} after {late:?}", session.edge);
        }
    }
}

async fn rows(town: &Town, dialog: DialogId) -> Vec<Message> {
    let request = PageRequest { app: APP, dialog: dialog.to_vec(), limit: 1_000, ..Default::default() };
    town.history().page(request).await.unwrap().into_inner().rows
}

fn id(row: &Message) -> MessageId {
    MessageId::try_from(row.id.as_slice()).unwrap()
}

fn check_rows(dialog: DialogId, log: &[Message], records: &[Record], counts: &mut Counts) {
    let numbers: Vec<u64> = log.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "numbers of {dialog} are dense from 1");
    assert!(log.is_sorted_by_key(|row| row.date_sent), "dates of {dialog} grow with the numbers");
    let mut places = BTreeMap::new();
    for row in log {
        let before = places.insert(id(row), row.seq);
        assert_eq!(before, None, "message {} stands twice in {dialog}, the second time at {}", id(row), row.seq);
    }
    let mut sent = BTreeSet::new();
    for record in records {
        let mut last = 0;
        for (id, seq) in record.sent.get(&dialog).into_iter().flatten() {
            let place = places.get(id);
            assert_eq!(place, Some(seq), "message {id} of user {} was acknowledged at {seq} of {dialog}", record.user);
            assert!(*seq > last, "messages of user {} are not in the order of sending in {dialog}", record.user);
            last = *seq;
            sent.insert(*id);
            counts.add("acked", 1);
        }
    }
    // Everything was acknowledged in the end.
    assert!(places.keys().all(|id| sent.contains(id)), "nobody sent some of the messages of {dialog}");
}

/// What a page showed is there, where it was.
fn check_shown(record: &Record, logs: &Logs, counts: &mut Counts) {
    for ((dialog, seq), shown) in &record.shown {
        let standing = logs[dialog].get(*seq as usize - 1).map(id);
        assert_eq!(standing, Some(*shown), "number {seq} of {dialog} was shown to user {}", record.user);
        counts.add("shown", 1);
    }
}

async fn check_unread(town: &Town, record: &Record, dialog: DialogId, log: &[Message], counts: &mut Counts) {
    let user = town.users[record.user];
    let read: BTreeSet<MessageId> = record.read.get(&dialog).into_iter().flatten().copied().collect();
    let expected = log.iter().filter(|row| row.sender != user && !read.contains(&id(row))).count() as u64;
    let request = UnreadRequest { app: APP, user, dialogs: vec![dialog.to_vec()], counts_only: true, from_joining: false };
    let unread = town.history().unread(request).await.unwrap().into_inner().rows[0].unread;
    let marked: Vec<u64> = log.iter().filter(|row| read.contains(&id(row))).map(|row| row.seq).collect();
    let request = MembersRequest { app: APP, dialog: dialog.to_vec(), users: vec![user], within: None };
    let kept = town.history().members(request).await.unwrap().into_inner().members;
    assert_eq!(unread, expected, "unread of user {} in {dialog}; he marked {marked:?}; kept is {kept:?}", record.user);
    counts.add("marks", read.len());
}

/// Each session was told each message once and in order, and nothing in between was left out; who was there to the end knows the last
/// one of every dialog. However often its device came back, a user was told every message.
fn check_heard(town: &Town, user: usize, sessions: &[Session], logs: &Logs, counts: &mut Counts) {
    let place_of = |message: &MessageId| {
        let found = logs.iter().find_map(|(dialog, log)| Some((*dialog, log.iter().find(|row| id(row) == *message)?)));
        found.unwrap_or_else(|| panic!("user {user} was told message {message}, which is nowhere"))
    };
    let mut ever: BTreeMap<DialogId, BTreeSet<u64>> = BTreeMap::new();
    for (n, session) in sessions.iter().enumerate() {
        let who = format!("user {user} in session {n} at edge {}", session.edge);
        let mut told: BTreeMap<DialogId, Vec<u64>> = BTreeMap::new();
        for (_, heard) in &session.heard {
            let Heard::Message { id, delayed, .. } = heard else { continue };
            let (dialog, row) = place_of(id);
            let numbers = told.entry(dialog).or_default();
            let last = numbers.last().copied().unwrap_or(0);
            assert!(row.seq > last, "{who} was told number {} of {dialog} after {last}", row.seq);
            // What is owed has the gaps of what was proved.
            let is_dense = numbers.is_empty() || *delayed || row.seq == last + 1;
            assert!(is_dense, "{who} was told number {} of {dialog} right after {last}", row.seq);
            numbers.push(row.seq);
            ever.entry(dialog).or_default().insert(row.seq);
            counts.add("heard", 1);
        }
        counts.add("sessions", 1);
        // The first one was there before anything was said. That the first frame of a dialog was lost is seen by when the row before it
        // was made and when the session began: by two clocks.
        let firsts = told.iter().filter(|(_, numbers)| n == 0 && town.clocks_agree && numbers[0] != 1);
        assert_eq!(firsts.count(), 0, "{who} was not told the first message");
        if n + 1 == sessions.len() {
            for (dialog, _) in town.dialogs.iter().filter(|(_, members)| members.contains(&user)) {
                let (newest, last) = (logs[dialog].len() as u64, told.get(dialog).and_then(|numbers| numbers.last().copied()));
                assert_eq!(last, Some(newest), "{who} was not told the last message of {dialog}");
            }
        }
    }
    for (dialog, _) in town.dialogs.iter().filter(|(_, members)| members.contains(&user)) {
        let heard = ever.remove(dialog).unwrap_or_default();
        let never: Vec<u64> = (1..=logs[dialog].len() as u64).filter(|seq| !heard.contains(seq)).collect();
        // Of a dialog that a lost session had not heard of, what is owed is what was said since that began: by two clocks.
        assert!(
            never.is_empty() || !town.clocks_agree,
            "user {user} was never told the numbers {never:?} of {dialog}, in {} sessions",
            sessions.len()
        );
    }
}
