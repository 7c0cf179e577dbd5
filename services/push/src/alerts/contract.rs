//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_bus::Log;
use natter_db::{Batch, Kv, KvOptions, Table};
use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Note;
use natter_proto::{DialogId, MessageId};

use super::{About, Alerts, Due, Embedded, Source, Step};

const POSTED: Table = Table("posted");

#[tokio::test]
async fn alerts_wait_in_the_order_of_their_time_until_they_are_gone() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        put(&*alerts, vec![due(1, 30), due(2, 10), due(3, 20)]).await;
        assert_eq!(alerts.next(), [(1, 10)]);
        assert_eq!(alerts.due(1, 9, 9).await.unwrap(), []);
        assert_eq!(alerts.due(1, 20, 9).await.unwrap(), [due(2, 10), due(3, 20)]);
        assert_eq!(alerts.due(1, 99, 2).await.unwrap(), [due(2, 10), due(3, 20)], "as many as asked for");
        assert_eq!(alerts.due(2, 99, 2).await.unwrap(), [], "of another app");
        let later = Due { at: 40, attempts: 2, done: vec![7, 8], ..due(2, 10) };
        let step = Step { app: 1, gone: vec![due(2, 10), due(3, 20)], put: vec![later.clone()], ..Step::default() };
        alerts.take(step).await.unwrap();
        assert_eq!(
            (alerts.due(1, 35, 9).await.unwrap(), alerts.next()),
            (vec![due(1, 30)], vec![(1, 40)]),
            "when the next is due"
        );
        put(&*alerts, vec![due(4, 33)]).await;
        assert_eq!(alerts.next(), [(1, 33)]);
        alerts.take(Step { app: 1, gone: vec![due(1, 30), due(4, 33), later], ..Step::default() }).await.unwrap();
        assert_eq!((alerts.due(1, 99, 9).await.unwrap(), alerts.next()), (vec![], vec![]));
    })
    .await;
}

#[tokio::test]
async fn what_is_due_later_is_looked_at_without_being_taken_for_looked_at() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        put(&*alerts, vec![due(1, 30), due(2, 10), due(3, 20), due(4, 40)]).await;
        assert_eq!(alerts.later(1, 10, 30, 9).await.unwrap(), [due(3, 20), due(1, 30)]);
        assert_eq!(alerts.later(1, 10, 30, 1).await.unwrap(), [due(3, 20)], "as many as asked for");
        assert_eq!(alerts.later(2, 0, 99, 9).await.unwrap(), [], "of another app");
        assert_eq!(alerts.next(), [(1, 10)]);
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_found_by_the_next_process() {
    on_each_engine(async |engine| {
        let first = engine.open(100).await;
        let queued = Due { source: Source::Queue, attempts: 1, done: vec![3], ..due(1, 30) };
        let kinds = [CallKind::Unspecified, CallKind::Audio, CallKind::Video].map(Source::Call);
        let others = kinds.into_iter().chain([Source::Request]).map(|source| Due { source, ..due(2, 10) });
        put(&*first, others.chain([queued]).collect()).await;
        let next = engine.open(5).await;
        assert_eq!(next.next(), [(1, 10)]);
        let found = next.due(1, 30, 9).await.unwrap();
        assert_eq!((found.len(), &found), (5, &first.due(1, 30, 9).await.unwrap()));
        assert_eq!(found[1..4].iter().map(|due| due.source).collect::<Vec<_>>(), kinds, "each as it was");
        assert_eq!(put(&*next, vec![due(3, 50)]).await, 1, "what was found counts");
    })
    .await;
}

#[tokio::test]
async fn an_entry_of_the_log_is_forgotten_with_the_alerts_that_come_of_it() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        for text in ["a", "b"] {
            let mut batch = Batch::new();
            engine.log.append(&mut batch, 1, text);
            engine.kv.commit(batch).await.unwrap();
        }
        let entries = engine.log.read(1, 1).await.unwrap();
        alerts.take(Step { app: 1, entries, put: vec![due(1, 1)], ..Step::default() }).await.unwrap();
        let left = engine.log.read(1, 9).await.unwrap();
        assert_eq!(left.iter().map(|entry| entry.value.as_ref()).collect::<Vec<_>>(), [b"b"]);
        assert_eq!(alerts.due(1, 1, 9).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn over_the_bound_the_oldest_are_dropped_noted_and_counted() {
    on_each_engine(async |engine| {
        let alerts = engine.open(3).await;
        assert_eq!(put(&*alerts, vec![due(1, 10), due(2, 20), due(3, 30)]).await, 0);
        let step = Step { app: 1, gone: vec![due(1, 10)], put: vec![due(4, 40), due(5, 50)], ..Step::default() };
        assert_eq!(alerts.take(step).await, Ok(1));
        let users = |dues: Vec<Due>| dues.into_iter().map(|due| due.user).collect::<Vec<_>>();
        assert_eq!(users(alerts.due(1, 99, 9).await.unwrap()), [3, 4, 5]);
        let (notes, _) = alerts.notes(1, About::User(2), &[], 9).await.unwrap();
        assert_eq!(notes[0].reason, "dropped, too many waited");
        let other = Due { app: 2, ..due(9, 1) };
        let step = Step { app: 2, put: vec![other.clone()], ..Step::default() };
        assert_eq!((alerts.take(step).await, alerts.due(2, 9, 9).await.unwrap()), (Ok(0), vec![other]), "another app has room");
    })
    .await;
}

#[tokio::test]
async fn notes_are_read_by_user_and_by_message_newest_first_page_by_page() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        let all = vec![note(34, 1, 10), note(34, 2, 20), note(35, 1, 30), note(34, 1, 40), note(0, 1, 10)];
        alerts.take(Step { app: 1, notes: all.clone(), ..Step::default() }).await.unwrap();
        let (first, next) = alerts.notes(1, About::User(34), &[], 2).await.unwrap();
        assert_eq!(first, [all[3].clone(), all[1].clone()]);
        let (rest, end) = alerts.notes(1, About::User(34), &next, 2).await.unwrap();
        assert_eq!((rest, end), (vec![all[0].clone()], vec![]));
        let about = About::Message(DialogId([0xaa; 12]), MessageId([1; 12]));
        let (first, next) = alerts.notes(1, about, &[], 3).await.unwrap();
        assert_eq!(first.iter().map(|note| (note.at, note.user)).collect::<Vec<_>>(), [(40, 34), (30, 35), (10, 0)]);
        let (rest, end) = alerts.notes(1, about, &next, 3).await.unwrap();
        assert_eq!((rest, end), (vec![all[0].clone()], vec![]));
        assert_eq!(alerts.notes(2, about, &[], 3).await.unwrap().0, [], "of another app");
    })
    .await;
}

#[tokio::test]
async fn old_notes_go_in_both_orders() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        alerts.take(Step { app: 1, notes: vec![note(34, 1, 10), note(34, 1, 20)], ..Step::default() }).await.unwrap();
        assert_eq!(alerts.sweep(None, 20).await, Ok(None));
        assert_eq!(alerts.notes(1, About::User(34), &[], 9).await.unwrap().0, [note(34, 1, 20)]);
        let about = About::Message(DialogId([0xaa; 12]), MessageId([1; 12]));
        assert_eq!(alerts.notes(1, about, &[], 9).await.unwrap().0, [note(34, 1, 20)]);
        let rows = engine.kv.scan(Table("alert_notes_by_message"), natter_db::KeyRange::prefix([]), 9).await.unwrap();
        assert_eq!(rows.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_a_user_or_an_app_nothing_is_left() {
    on_each_engine(async |engine| {
        let alerts = engine.open(100).await;
        put(&*alerts, vec![due(34, 1), due(35, 2), due(34, 3)]).await;
        alerts.take(Step { app: 1, notes: vec![note(34, 1, 10), note(35, 1, 20)], ..Step::default() }).await.unwrap();
        assert_eq!(alerts.erase(1, Some(34), 2).await, Ok((1, 1, 2)), "a page");
        assert_eq!(alerts.erase(1, Some(34), 2).await, Ok((1, 0, 2)), "there may be more behind those of others");
        assert_eq!(alerts.erase(1, Some(34), 2).await, Ok((0, 0, 0)));
        assert_eq!(alerts.due(1, 99, 9).await.unwrap(), [due(35, 2)]);
        assert_eq!(alerts.erase(1, None, 9).await, Ok((1, 1, 9)));
        assert_eq!((alerts.erase(1, None, 9).await, alerts.due(1, 99, 9).await.unwrap()), (Ok((0, 0, 0)), vec![]));
        assert_eq!(alerts.next(), []);
    })
    .await;
}

/// A store, and its log.
struct Engine {
    kv: Kv,
    log: Log,
}

impl Engine {
    async fn open(&self, queue_max: u64) -> Box<dyn Alerts> {
        let alerts = Embedded::new(self.kv.clone(), self.log.clone(), queue_max, 1);
        alerts.ready().await.unwrap();
        Box::new(alerts)
    }
}

async fn on_each_engine(case: impl AsyncFn(Engine)) {
    let engine = |kv: Kv| Engine { log: Log::embedded(kv.clone(), POSTED, 100), kv };
    case(engine(Kv::memory())).await;
    let folder = tempfile::tempdir().unwrap();
    case(engine(Kv::open(folder.path(), KvOptions::default()).unwrap())).await;
}

async fn put(alerts: &dyn Alerts, put: Vec<Due>) -> u64 {
    alerts.take(Step { app: 1, put, ..Step::default() }).await.unwrap()
}

fn due(user: u64, at: i64) -> Due {
    Due {
        app: 1,
        at,
        user,
        dialog: DialogId([0xaa; 12]),
        place: 5,
        source: Source::Log,
        message: MessageId([1; 12]),
        sender: 78,
        said_at: at,
        attempts: 0,
        done: Vec::new(),
    }
}

fn note(user: u64, message: u8, at: i64) -> Note {
    Note { at, dialog: vec![0xaa; 12], message: vec![message; 12], user, reason: "offline".into(), ..Note::default() }
}
