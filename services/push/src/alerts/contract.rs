//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use natter_actor::Clock;
use natter_bus::Log;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Batch, Db, Kv, KvOptions, Table};
use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::Note;
use natter_proto::{DialogId, MessageId};

use super::{About, Alerts, Bounds, Due, Source, Step, TABLES, open};

const POSTED: Table = Table("posted");

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&super::Engine::on_kv(super::Kv::memory()), 1).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap();
                super::$case(&super::Engine::on_kv(kv), 1).await;
            }
        })*

        // One keyspace for all, which is slow to make: each case has apps of its own.
        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn on_cassandra_too() {
            on_cassandra(&[TABLES], async |cql| {
                let (engine, mut app) = (Engine { db: cql.into(), ..Engine::on_kv(Kv::memory()) }, 0);
                $(
                    app += 100;
                    $case(&engine, app).await;
                )*
            })
            .await;
        }
    }
}

on_each_engine! {
    alerts_wait_in_the_order_of_their_time_until_they_are_gone
    alerts_of_many_minutes_are_found_in_their_order
    what_is_due_later_is_looked_at_without_being_taken_for_looked_at
    what_waits_is_found_by_the_next_process
    what_is_put_again_where_it_was_stays
    an_entry_of_the_log_is_forgotten_with_the_alerts_that_come_of_it
    over_the_bound_the_oldest_are_dropped_noted_and_counted
    notes_are_read_by_user_and_by_message_newest_first_page_by_page
    old_notes_go_in_both_orders
    of_a_user_or_an_app_nothing_is_left
}

async fn alerts_wait_in_the_order_of_their_time_until_they_are_gone(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    put(&*alerts, app, vec![due(app, 1, 30), due(app, 2, 10), due(app, 3, 20)]).await;
    assert_eq!(next_of(&*alerts, app), Some(10));
    assert_eq!(alerts.due(app, 9, 9).await.unwrap(), []);
    assert_eq!(alerts.due(app, 20, 9).await.unwrap(), [due(app, 2, 10), due(app, 3, 20)]);
    assert_eq!(alerts.due(app, 99, 2).await.unwrap(), [due(app, 2, 10), due(app, 3, 20)], "as many as asked for");
    assert_eq!(alerts.due(app + 1, 99, 2).await.unwrap(), [], "of another app");
    let later = Due { at: 40, attempts: 2, done: vec![7, 8], ..due(app, 2, 10) };
    let step = Step { app, gone: vec![due(app, 2, 10), due(app, 3, 20)], put: vec![later.clone()], ..Step::default() };
    alerts.take(step).await.unwrap();
    assert_eq!(
        (alerts.due(app, 35, 9).await.unwrap(), next_of(&*alerts, app)),
        (vec![due(app, 1, 30)], Some(40)),
        "when the next is due"
    );
    put(&*alerts, app, vec![due(app, 4, 33)]).await;
    assert_eq!(next_of(&*alerts, app), Some(33));
    alerts.take(Step { app, gone: vec![due(app, 1, 30), due(app, 4, 33), later], ..Step::default() }).await.unwrap();
    assert_eq!((alerts.due(app, 99, 9).await.unwrap(), next_of(&*alerts, app)), (vec![], None));
}

async fn alerts_of_many_minutes_are_found_in_their_order(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    let all: Vec<Due> = (1..=40).map(|n| due(app, n, n as i64 * 17_000)).collect();
    put(&*alerts, app, all.iter().rev().cloned().collect()).await;
    assert_eq!(next_of(&*alerts, app), Some(17_000));
    assert_eq!(alerts.due(app, 300_000, 99).await.unwrap(), all[..17]);
    assert_eq!(next_of(&*alerts, app), Some(306_000));
    assert_eq!(alerts.due(app, 680_000, 30).await.unwrap(), all[..30], "as many as asked for");
    alerts.take(Step { app, gone: all[..30].to_vec(), ..Step::default() }).await.unwrap();
    assert_eq!(alerts.due(app, 680_000, 30).await.unwrap(), all[30..]);
    let next = engine.open(100).await;
    assert_eq!(next_of(&*next, app), Some(31 * 17_000));
    assert_eq!(next.later(app, 600_000, 640_000, 9).await.unwrap(), all[35..37]);
    let far = due(app, 1, 366 * 24 * 60 * 60 * 1_000);
    next.take(Step { app, gone: all[30..].to_vec(), put: vec![far.clone()], ..Step::default() }).await.unwrap();
    assert_eq!((next.due(app, 680_000, 30).await.unwrap(), next_of(&*next, app)), (vec![], Some(far.at)));
    assert_eq!(engine.open(100).await.due(app, far.at, 9).await.unwrap(), [far]);
}

async fn what_is_put_again_where_it_was_stays(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    put(&*alerts, app, vec![due(app, 1, 10), due(app, 2, 20)]).await;
    let again = Due { attempts: 1, ..due(app, 1, 10) };
    let step = Step { app, gone: vec![due(app, 1, 10), due(app, 2, 20)], put: vec![again.clone()], ..Step::default() };
    alerts.take(step).await.unwrap();
    assert_eq!(alerts.due(app, 99, 9).await.unwrap(), [again]);
}

async fn what_is_due_later_is_looked_at_without_being_taken_for_looked_at(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    put(&*alerts, app, vec![due(app, 1, 30), due(app, 2, 10), due(app, 3, 20), due(app, 4, 40)]).await;
    assert_eq!(alerts.later(app, 10, 30, 9).await.unwrap(), [due(app, 3, 20), due(app, 1, 30)]);
    assert_eq!(alerts.later(app, 10, 30, 1).await.unwrap(), [due(app, 3, 20)], "as many as asked for");
    assert_eq!(alerts.later(app + 1, 0, 99, 9).await.unwrap(), [], "of another app");
    assert_eq!(next_of(&*alerts, app), Some(10));
}

async fn what_waits_is_found_by_the_next_process(engine: &Engine, app: u64) {
    let first = engine.open(100).await;
    let queued = Due { source: Source::Queue, attempts: 1, done: vec![3], ..due(app, 1, 30) };
    let kinds = [CallKind::Unspecified, CallKind::Audio, CallKind::Video].map(Source::Call);
    let others = kinds.into_iter().chain([Source::Request]).map(|source| Due { source, ..due(app, 2, 10) });
    put(&*first, app, others.chain([queued]).collect()).await;
    let next = engine.open(5).await;
    assert_eq!(next_of(&*next, app), Some(10));
    let found = next.due(app, 30, 9).await.unwrap();
    assert_eq!((found.len(), &found), (5, &first.due(app, 30, 9).await.unwrap()));
    assert_eq!(found[1..4].iter().map(|due| due.source).collect::<Vec<_>>(), kinds, "each as it was");
    assert_eq!(put(&*next, app, vec![due(app, 3, 50)]).await, 1, "what was found counts");
}

async fn an_entry_of_the_log_is_forgotten_with_the_alerts_that_come_of_it(engine: &Engine, app: u64) {
    let Db::Kv(kv) = &engine.db else { return };
    let alerts = engine.open(100).await;
    for text in ["a", "b"] {
        let mut batch = Batch::new();
        engine.log.append(&mut batch, app, text);
        kv.commit(batch).await.unwrap();
    }
    let entries = engine.log.read(app, 1).await.unwrap();
    alerts.take(Step { app, entries, put: vec![due(app, 1, 1)], ..Step::default() }).await.unwrap();
    let left = engine.log.read(app, 9).await.unwrap();
    assert_eq!(left.iter().map(|entry| entry.value.as_ref()).collect::<Vec<_>>(), [b"b"]);
    assert_eq!(alerts.due(app, 1, 9).await.unwrap().len(), 1);
}

async fn over_the_bound_the_oldest_are_dropped_noted_and_counted(engine: &Engine, app: u64) {
    let alerts = engine.open(3).await;
    assert_eq!(put(&*alerts, app, vec![due(app, 1, 10), due(app, 2, 20), due(app, 3, 30)]).await, 0);
    let step = Step { app, gone: vec![due(app, 1, 10)], put: vec![due(app, 4, 40), due(app, 5, 50)], ..Step::default() };
    assert_eq!(alerts.take(step).await, Ok(1));
    let users = |dues: Vec<Due>| dues.into_iter().map(|due| due.user).collect::<Vec<_>>();
    assert_eq!(users(alerts.due(app, 99, 9).await.unwrap()), [3, 4, 5]);
    let (notes, _) = alerts.notes(app, About::User(2), &[], 9).await.unwrap();
    assert_eq!(notes[0].reason, "dropped, too many waited");
    let other = Due { app: app + 1, ..due(app, 9, 1) };
    let step = Step { app: app + 1, put: vec![other.clone()], ..Step::default() };
    assert_eq!((alerts.take(step).await, alerts.due(app + 1, 9, 9).await.unwrap()), (Ok(0), vec![other]), "another app has room");
}

async fn notes_are_read_by_user_and_by_message_newest_first_page_by_page(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    let all = vec![note(34, 1, 10), note(34, 2, 20), note(35, 1, 30), note(34, 1, 40), note(0, 1, 15)];
    alerts.take(Step { app, notes: all.clone(), ..Step::default() }).await.unwrap();
    let (first, next) = alerts.notes(app, About::User(34), &[], 2).await.unwrap();
    assert_eq!(first, [all[3].clone(), all[1].clone()]);
    let (rest, end) = alerts.notes(app, About::User(34), &next, 2).await.unwrap();
    assert_eq!((rest, end), (vec![all[0].clone()], vec![]));
    let about = About::Message(DialogId([0xaa; 12]), MessageId([1; 12]));
    let (first, next) = alerts.notes(app, about, &[], 3).await.unwrap();
    assert_eq!(first.iter().map(|note| (note.at, note.user)).collect::<Vec<_>>(), [(40, 34), (30, 35), (15, 0)]);
    let (rest, end) = alerts.notes(app, about, &next, 3).await.unwrap();
    assert_eq!((rest, end), (vec![all[0].clone()], vec![]));
    assert_eq!(alerts.notes(app + 1, about, &[], 3).await.unwrap().0, [], "of another app");
}

async fn old_notes_go_in_both_orders(engine: &Engine, app: u64) {
    let Db::Kv(kv) = &engine.db else { return };
    let alerts = engine.open(100).await;
    alerts.take(Step { app, notes: vec![note(34, 1, 10), note(34, 1, 20)], ..Step::default() }).await.unwrap();
    assert_eq!(alerts.sweep(None, 20).await, Ok(None));
    assert_eq!(alerts.notes(app, About::User(34), &[], 9).await.unwrap().0, [note(34, 1, 20)]);
    let about = About::Message(DialogId([0xaa; 12]), MessageId([1; 12]));
    assert_eq!(alerts.notes(app, about, &[], 9).await.unwrap().0, [note(34, 1, 20)]);
    let rows = kv.scan(Table("alert_notes_by_message"), natter_db::KeyRange::prefix([]), 9).await.unwrap();
    assert_eq!(rows.len(), 1);
}

async fn of_a_user_or_an_app_nothing_is_left(engine: &Engine, app: u64) {
    let alerts = engine.open(100).await;
    put(&*alerts, app, vec![due(app, 34, 1), due(app, 35, 2), due(app, 34, 3)]).await;
    alerts.take(Step { app, notes: vec![note(34, 1, 10), note(35, 1, 20)], ..Step::default() }).await.unwrap();
    assert_eq!(alerts.erase(app, Some(34), 2).await, Ok((1, 1, 2)), "a page");
    assert_eq!(alerts.erase(app, Some(34), 2).await, Ok((1, 0, 2)), "there may be more behind those of others");
    assert_eq!(alerts.erase(app, Some(34), 2).await, Ok((0, 0, 0)));
    assert_eq!(alerts.due(app, 99, 9).await.unwrap(), [due(app, 35, 2)]);
    assert_eq!(alerts.erase(app, None, 9).await, Ok((1, 1, 9)));
    assert_eq!((alerts.erase(app, None, 9).await, alerts.due(app, 99, 9).await.unwrap()), (Ok((0, 0, 0)), vec![]));
    assert_eq!(next_of(&*alerts, app), None);
}

/// Each process has another one.
static BOOTS: AtomicU64 = AtomicU64::new(1);

/// A store, and a log: in the same store, if that can be.
struct Engine {
    db: Db,
    log: Log,
}

impl Engine {
    fn on_kv(kv: Kv) -> Engine {
        Engine { log: Log::embedded(kv.clone(), POSTED, 100), db: kv.into() }
    }

    /// What a process has that owns all apps.
    async fn open(&self, queue_max: u64) -> Box<dyn Alerts> {
        let bounds = Bounds { queue_max, journal_days: 7 };
        let boot = BOOTS.fetch_add(1, Ordering::Relaxed);
        let alerts = open(&self.db, &self.log, &Clock::paused(1_000), (boot, 1), &bounds);
        alerts.ready().await.unwrap();
        for app in alerts.apps().await.unwrap() {
            alerts.adopt(app).await.unwrap();
        }
        alerts
    }
}

fn next_of(alerts: &dyn Alerts, app: u64) -> Option<i64> {
    alerts.next().into_iter().find(|(of, _)| *of == app).map(|(_, at)| at)
}

async fn put(alerts: &dyn Alerts, app: u64, put: Vec<Due>) -> u64 {
    alerts.take(Step { app, put, ..Step::default() }).await.unwrap()
}

fn due(app: u64, user: u64, at: i64) -> Due {
    Due {
        app,
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
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
    }
}

fn note(user: u64, message: u8, at: i64) -> Note {
    Note { at, dialog: vec![0xaa; 12], message: vec![message; 12], user, reason: "offline".into(), ..Note::default() }
}
