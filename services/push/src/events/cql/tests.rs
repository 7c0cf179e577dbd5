//! What holds beside the contract where an event is kept in steps: what dies between them, and what the sweep makes of it.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;
use natter_db::{Faults, Kv, Table};

use super::*;

const UNTOLD_ROWS: Statement = Statement::read("SELECT app, id FROM push_events_untold");
const LIVES: Statement = Statement::read("SELECT TTL(row) FROM push_events WHERE app = ? AND part = ?");
const PLACE_LIVES: Statement = Statement::read("SELECT TTL(at) FROM push_events_by_maker WHERE app = ? AND maker = ?");
const NOW_MS: i64 = 1_000_000;

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn on_cassandra_alone() {
    on_cassandra(&[TABLES], async |cql| {
        what_was_cut_off_is_told_or_removed(&cql, 100).await;
        what_is_under_way_is_left_alone(&cql, 200).await;
        what_the_log_does_not_take_is_not_kept(&cql, 300).await;
        events_end_by_themselves_some_days_after_their_time(&cql, 400).await;
    })
    .await;
}

async fn what_was_cut_off_is_told_or_removed(cql: &Cql, app: u64) {
    let (events, log, _) = opened(cql);
    let old = NOW_MS - UNDER_WAY_MS - 1_000;
    for (id, steps) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        begin(&events, &event(app, id), steps, old).await;
    }
    assert_eq!(events.of_maker(app, 34, 0, 9).await, Ok((vec![], 0)), "nothing is shown that was not told");
    sweep(&events).await;
    assert_eq!(events.of_maker(app, 34, 0, 9).await, Ok((vec![event(app, 4), event(app, 3)], 2)));
    assert_eq!((events.get(app, 1).await, events.get(app, 2).await), (Ok(None), Ok(None)));
    assert_eq!(events.places(app, 34, 9).await.unwrap().len(), 2);
    assert_eq!(told(&log, app).await, [4, 3, 4], "one twice, of which it was not known");
    // One that was told, and is among the others yet.
    begin(&events, &event(app, 3), 1, old).await;
    sweep(&events).await;
    assert_eq!((told(&log, app).await.len(), events.of_maker(app, 34, 0, 9).await.unwrap().1), (3, 2));
    assert_eq!(cql.rows::<(i64, i64)>(UNTOLD_ROWS, ()).await, Ok(vec![]));
}

async fn what_is_under_way_is_left_alone(cql: &Cql, app: u64) {
    let (events, log, _) = opened(cql);
    begin(&events, &event(app, 1), 3, NOW_MS - 1_000).await;
    sweep(&events).await;
    assert_eq!((told(&log, app).await, events.get(app, 1).await), (vec![], Ok(Some(event(app, 1)))));
    assert_eq!((events.erase(app, Some(34), 9).await, events.get(app, 1).await), (Ok(1), Ok(None)), "it can be erased");
}

async fn what_the_log_does_not_take_is_not_kept(cql: &Cql, app: u64) {
    let (events, log, kv) = opened(cql);
    log.ready().await.unwrap();
    kv.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(matches!(events.put(&event(app, 1), 9, NOW_MS).await, Err(Error::Db(_))));
    kv.set_faults(Faults::default());
    assert_eq!((events.get(app, 1).await, events.places(app, 34, 9).await), (Ok(None), Ok(vec![])));
    assert_eq!(cql.rows::<(i64, i64)>(UNTOLD_ROWS, ()).await, Ok(vec![]));
}

async fn events_end_by_themselves_some_days_after_their_time(cql: &Cql, app: u64) {
    let (events, ..) = opened(cql);
    let event = Event { at: NOW_MS + 3_600_000, ..event(app, 1) };
    events.put(&event, 9, NOW_MS).await.unwrap();
    let row = cql.row::<(Option<i32>,)>(LIVES, (app as i64, 1_i32)).await.unwrap();
    let place = cql.row::<(Option<i32>,)>(PLACE_LIVES, (app as i64, 34_i64)).await.unwrap();
    for life in [row, place] {
        assert!(matches!(life, Some((Some(89_940..=90_000),))), "{life:?}");
    }
}

/// The first steps of keeping an event.
async fn begin(events: &OnCql, event: &Event, steps: u32, since: i64) {
    let Event { app, id, user, .. } = *event;
    events.cql.write(PUT_UNTOLD, (part_of(id), app as i64, id as i64, user as i64, since)).await.unwrap();
    if steps >= 2 {
        events.put_place(event, false, NOW_MS).await.unwrap();
    }
    if steps >= 3 {
        let row = event.encode_to_vec();
        events.cql.write(PUT, (app as i64, part_of(id), id as i64, row, 1_000)).await.unwrap();
    }
    if steps >= 4 {
        let value = Posted { event: id, ..Posted::default() }.encode_to_vec();
        events.log.tell(app, "event", value).await.unwrap();
    }
}

async fn sweep(events: &OnCql) {
    let (mut after, mut rounds) = (None, 0);
    loop {
        after = events.sweep(after, 0).await.unwrap();
        rounds += 1;
        if after.is_none() {
            assert_eq!(rounds, 8, "a part each time");
            return;
        }
    }
}

async fn told(log: &Log, app: u64) -> Vec<u64> {
    let entries = log.read(app, 9).await.unwrap();
    entries.into_iter().map(|entry| Posted::decode(entry.value).unwrap().event).collect()
}

/// A day after their time.
fn opened(cql: &Cql) -> (OnCql, Log, Kv) {
    let kv = Kv::memory();
    let log = Log::embedded(kv.clone(), Table("posted"), 100);
    let kept_ms = 24 * 60 * 60 * 1_000;
    (OnCql::new(cql.clone(), log.clone(), Clock::paused(NOW_MS), kept_ms), log, kv)
}

fn event(app: u64, id: u64) -> Event {
    Event { app, user: 34, id, at: NOW_MS, message: "e30=".into(), ..Event::default() }
}
