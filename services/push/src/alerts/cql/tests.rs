//! What holds beside the contract where many processes share the rows: take-overs, steps that were cut off, and ends by themselves.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;
use natter_proto::{DialogId, MessageId};

use super::*;
use crate::alerts::Source;

const SLOTS: Statement = Statement::read("SELECT slot, boot FROM alert_slots WHERE app = ?");
const ROWS: Statement = Statement::read("SELECT at, TTL(row) FROM alerts WHERE app = ? AND slot = 0");
const NOTES: Statement = Statement::read("SELECT TTL(row) FROM alert_notes");
const NOTES_BY_MESSAGE: Statement = Statement::read("SELECT TTL(row) FROM alert_notes_by_message");
const NOW_MS: i64 = 20 * 24 * 60 * 60 * 1_000;

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn on_cassandra_alone() {
    on_cassandra(&[TABLES], async |cql| {
        who_takes_over_finds_what_was_put_and_takes_no_mark_of_another_away(&cql, 100).await;
        a_slot_is_marked_until_it_was_seen_empty(&cql, 200).await;
        a_step_that_was_cut_off_is_taken_again_with_the_effect_of_one(&cql, 300).await;
        what_fell_to_another_process_is_forgotten_and_found_when_it_comes_back(&cql, 400).await;
        the_journal_goes_over_days_and_ends_by_itself(&cql, 500).await;
        of_an_app_that_is_erased_the_notes_of_nobody_go_too(&cql, 600).await;
    })
    .await;
}

async fn who_takes_over_finds_what_was_put_and_takes_no_mark_of_another_away(cql: &Cql, app: u64) {
    let (old, new) = (engine(cql, 1), engine(cql, 2));
    put(&old, app, &[due(app, 1, 10), due(app, 2, 20)]).await;
    assert_eq!(new.apps().await.unwrap(), [app]);
    new.adopt(app).await.unwrap();
    assert_eq!(new.next(), [(app, 10)]);
    // The new owner sees the slot empty, while the old one still believes in itself.
    let gone = new.due(app, 99, 9).await.unwrap();
    new.take(Step { app, gone, ..Step::default() }).await.unwrap();
    assert_eq!(new.due(app, 99, 9).await.unwrap(), []);
    put(&old, app, &[due(app, 3, 30)]).await;
    new.adopt(app).await.unwrap();
    assert_eq!(new.next(), [], "nobody told it");
    new.of_app(app).await.unwrap().again_at.store(NOW_MS, Ordering::Release);
    new.adopt(app).await.unwrap();
    assert_eq!((new.next(), new.due(app, 99, 9).await.unwrap()), (vec![(app, 30)], vec![due(app, 3, 30)]));
    let next = engine(cql, 3);
    next.adopt(app).await.unwrap();
    assert_eq!(next.due(app, 99, 9).await.unwrap(), [due(app, 3, 30)]);
}

async fn a_slot_is_marked_until_it_was_seen_empty(cql: &Cql, app: u64) {
    let engine = engine(cql, 1);
    for round in [10, 20] {
        let far = due(app, 1, 90_000);
        put(&engine, app, &[due(app, 1, round), far.clone()]).await;
        assert_eq!(marks(cql, app).await, [(0, 1), (1, 1)]);
        engine.take(Step { app, gone: vec![due(app, 1, round), far], ..Step::default() }).await.unwrap();
        assert_eq!(marks(cql, app).await.len(), 2, "it was not looked at");
        assert_eq!(engine.due(app, 30_000, 9).await.unwrap(), []);
        assert_eq!(marks(cql, app).await, [(1, 1)]);
        assert_eq!(engine.due(app, 90_000, 9).await.unwrap(), []);
        assert_eq!((marks(cql, app).await, engine.next()), (vec![], vec![]));
    }
}

async fn a_step_that_was_cut_off_is_taken_again_with_the_effect_of_one(cql: &Cql, app: u64) {
    // Cut off behind the marks.
    let first = engine(cql, 1);
    let filling = first.of_app(app).await.unwrap().lane.lock().begin([10].into_iter(), NOW_MS, || 1);
    first.mark(app, &OfApp::default(), &filling).await.unwrap();
    let second = engine(cql, 2);
    second.adopt(app).await.unwrap();
    assert_eq!((second.next(), marks(cql, app).await), (vec![], vec![(0, 1)]));
    // Cut off behind what is put and noted.
    put(&second, app, &[due(app, 1, 10)]).await;
    let later = Due { at: 40, attempts: 1, ..due(app, 1, 10) };
    let whole = Step { app, gone: vec![due(app, 1, 10)], put: vec![later.clone()], notes: vec![note(34, 7)], ..Step::default() };
    second.take(Step { gone: Vec::new(), ..whole.clone() }).await.unwrap();
    let third = engine(cql, 3);
    assert_eq!(third.due(app, 99, 9).await.unwrap(), [due(app, 1, 10), later.clone()]);
    third.take(whole).await.unwrap();
    assert_eq!(third.due(app, 99, 9).await.unwrap(), [later]);
    assert_eq!(third.notes(app, About::User(34), &[], 9).await.unwrap().0, [note(34, 7)]);
    let rows = cql.rows::<(i64, Option<i32>)>(ROWS, (app as i64,)).await.unwrap();
    assert!(matches!(rows[..], [(40, Some(1..=604_800))]), "{rows:?}");
}

async fn what_fell_to_another_process_is_forgotten_and_found_when_it_comes_back(cql: &Cql, app: u64) {
    let engine = engine(cql, 1);
    put(&engine, app, &[due(app, 1, 10)]).await;
    engine.leave(&|_| true);
    assert_eq!(engine.next(), [(app, 10)]);
    let held = engine.of_app(app).await.unwrap();
    engine.leave(&|other| other != app);
    assert_eq!(engine.next(), [(app, 10)], "a step is being taken");
    drop(held);
    engine.leave(&|other| other != app);
    assert_eq!(engine.next(), []);
    engine.adopt(app).await.unwrap();
    assert_eq!((engine.next(), engine.due(app, 99, 9).await.unwrap()), (vec![(app, 10)], vec![due(app, 1, 10)]));
    engine.take(Step { app, gone: vec![due(app, 1, 10)], ..Step::default() }).await.unwrap();
}

async fn the_journal_goes_over_days_and_ends_by_itself(cql: &Cql, app: u64) {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let engine = engine(cql, 1);
    let notes: Vec<Note> = [0, 1, DAY, 3 * DAY, 7 * DAY].map(|ago| Note { at: NOW_MS - ago, ..note(34, 7) }).to_vec();
    engine.take(Step { app, notes: notes.clone(), ..Step::default() }).await.unwrap();
    let (mut read, mut before) = (Vec::new(), Vec::new());
    loop {
        let (page, next) = engine.notes(app, About::User(34), &before, 2).await.unwrap();
        read.extend(page);
        if next.is_empty() {
            break;
        }
        before = next;
    }
    assert_eq!(read, notes);
    assert_eq!(engine.notes(app, About::User(34), &[0], 9).await.unwrap().0, [], "a place that nobody gave");
    for ttl in [NOTES, NOTES_BY_MESSAGE] {
        let rows = cql.rows::<(Option<i32>,)>(ttl, ()).await.unwrap();
        assert!(rows.len() >= 5 && rows.iter().all(|(ttl,)| matches!(ttl, Some(604_000..=604_800))), "{rows:?}");
    }
    assert_eq!(engine.erase(app, Some(34), 3).await, Ok((0, 3, 3)));
    assert_eq!((engine.erase(app, Some(34), 3).await, engine.erase(app, Some(34), 3).await), (Ok((0, 2, 2)), Ok((0, 0, 0))));
}

async fn of_an_app_that_is_erased_the_notes_of_nobody_go_too(cql: &Cql, app: u64) {
    let engine = engine(cql, 1);
    put(&engine, app, &[due(app, 1, 10)]).await;
    let notes: Vec<Note> = (0..200).map(|n| note(n % 20, n as u8)).collect();
    engine.take(Step { app, notes, ..Step::default() }).await.unwrap();
    let about = About::Message(DialogId([0xaa; 12]), MessageId([20; 12]));
    assert_eq!(engine.notes(app, about, &[], 9).await.unwrap().0, [note(0, 20)]);
    assert!(engine.apps().await.unwrap().contains(&app));
    let (mut alerts, mut notes) = (0, 0);
    loop {
        let (some, others, most) = engine.erase(app, None, 70).await.unwrap();
        (alerts, notes) = (alerts + some, notes + others);
        if most < 70 {
            break;
        }
    }
    assert_eq!((alerts, notes), (1, 200));
    assert_eq!(engine.notes(app, about, &[], 9).await.unwrap().0, []);
    assert!(!engine.apps().await.unwrap().contains(&app));
}

fn engine(cql: &Cql, boot: u64) -> OnCql {
    OnCql::new(cql.clone(), Clock::paused(NOW_MS), boot, &Bounds { queue_max: 100, journal_days: 7 })
}

async fn marks(cql: &Cql, app: u64) -> Vec<(i64, i64)> {
    cql.rows(SLOTS, (app as i64,)).await.unwrap()
}

async fn put(engine: &OnCql, app: u64, put: &[Due]) {
    engine.take(Step { app, put: put.to_vec(), ..Step::default() }).await.unwrap();
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
        traceparent: String::new(),
    }
}

fn note(user: u64, message: u8) -> Note {
    Note { at: NOW_MS, dialog: vec![0xaa; 12], message: vec![message; 12], user, reason: "offline".into(), ..Note::default() }
}
