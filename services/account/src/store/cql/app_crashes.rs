//! What a crash leaves between two steps, written as it would be left, and who repairs it.
#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use natter_actor::Clock;
use natter_db::cql::Statement;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Cql, Kv};
use natter_proto::account::v1::{App, AppState};

use super::{AppsOnCql, OnCql, TABLES};
use crate::audit::{EntryId, EntryRow, Outcome};
use crate::erasure::ErasureRow;
use crate::store::{Apps, Audit, Error, SignInRow, SignIns, Store};
use crate::token::TokenKey;

const NOW: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

const RESERVE: Statement =
    Statement::change("INSERT INTO app_names (kind, name, app, version, at) VALUES (1, ?, ?, ?, ?) IF NOT EXISTS");
const VERSION: Statement = Statement::read("SELECT version FROM apps WHERE part = ? AND id = ?");
const MARK_ERASING: Statement = Statement::change("UPDATE apps SET erasing = ? WHERE part = ? AND id = ? IF EXISTS");
const ERASING: Statement = Statement::read("SELECT erasing FROM apps WHERE part = ? AND id = ?");
const MARK: Statement = Statement::write("INSERT INTO sign_ins_of (operator, key) VALUES (?, ?)");
const MARKS: Statement = Statement::read("SELECT key FROM sign_ins_of WHERE operator = ?");
const UNMARK: Statement = Statement::write("DELETE FROM sign_ins_of WHERE operator = ? AND key = ?");
const SETTLE: Statement = Statement::write("UPDATE audit SET status = 200, app = 0, target = '' WHERE day = ? AND id = ?");
const ADD_DAY: Statement = Statement::write("INSERT INTO audit_days (part, day) VALUES (0, ?)");
const DAYS: Statement = Statement::read("SELECT day FROM audit_days WHERE part = 0");
const OUTCOMES: Statement = Statement::read("SELECT id FROM audit WHERE day = ?");

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn cassandra() {
    on_cassandra(&TABLES, async |cql| {
        // In an order in which the lists of all are still short.
        outcomes_without_entries_and_days_without_entries_go(&cql).await;
        a_mark_without_its_sign_in_is_taken_away(&cql).await;
        a_name_is_whose_row_has_it(&cql).await;
        who_was_given_up_cannot_take_a_step_later(&cql).await;
        a_step_that_cannot_be_taken_any_more_holds_no_name(&cql).await;
        an_app_goes_on_where_its_own_step_died(&cql).await;
        an_erasure_that_did_not_begin_begins_with_the_next_list(&cql).await;
        of_many_apps_that_want_one_name_one_gets_it(&cql).await;
        numbers_come_once(&cql).await;
    })
    .await;
}

async fn a_name_is_whose_row_has_it(cql: &Cql) {
    let apps = apps(cql);
    // Of an app that was never added, and of one whose change was not written.
    apps.add_app(app(10)).await.unwrap();
    for (name, holder, version) in [("a.example", 11, 0), ("b.example", 10, 1)] {
        reserve(cql, name, holder, version, NOW - 59_000).await;
        assert_eq!(apps.app_with_host(name).await, Ok(None));
        assert_eq!(apps.add_app(named(12, name)).await, Err(Error::Taken("chat_host")), "it may be on its way");
    }
    reserve(cql, "c.example", 11, 0, NOW - 61_000).await;
    assert_eq!(apps.add_app(named(12, "c.example")).await.unwrap().id, 12);
    assert_eq!(apps.app_with_host("c.example").await, Ok(Some(12)));
    assert_eq!(apps.app(11).await, Ok(None), "what holds off a writer is no app");
    assert!(apps.apps(10, 10).await.unwrap().iter().all(|app| app.id != 11));
    assert_eq!(apps.add_app(named(11, "d.example")).await.unwrap().id, 11, "and its id is free");
    assert_eq!(apps.app_with_host("d.example").await, Ok(Some(11)));
}

async fn who_was_given_up_cannot_take_a_step_later(cql: &Cql) {
    let apps = apps(cql);
    for id in [20, 21] {
        apps.add_app(app(id)).await.unwrap();
    }
    let before = apps.app(20).await.unwrap().unwrap();
    reserve(cql, "e.example", 20, version(cql, 20).await, NOW - 61_000).await;
    let other = apps.app(21).await.unwrap().unwrap();
    apps.change_app(&other, named(21, "e.example"), None).await.unwrap();
    // The writer of app 20 wakes up and writes from what it had read.
    assert_eq!(apps.change_app(&before, named(20, "x.example"), None).await, Err(Error::Changed));
    assert_eq!(apps.app_with_host("e.example").await, Ok(Some(21)));
    let again = apps.app(20).await.unwrap().unwrap();
    assert_eq!(again.row, before.row, "nothing of it has changed");
    assert_eq!(apps.change_app(&again, named(20, "e.example"), None).await, Err(Error::Taken("chat_host")));
    apps.change_app(&again, named(20, "x.example"), None).await.unwrap();
}

async fn a_step_that_cannot_be_taken_any_more_holds_no_name(cql: &Cql) {
    let apps = apps(cql);
    for id in [30, 31] {
        apps.add_app(app(id)).await.unwrap();
    }
    reserve(cql, "f.example", 30, version(cql, 30).await - 1, NOW).await;
    let other = apps.app(31).await.unwrap().unwrap();
    apps.change_app(&other, named(31, "f.example"), None).await.unwrap();
    assert_eq!(apps.app_with_host("f.example").await, Ok(Some(31)));
}

async fn an_app_goes_on_where_its_own_step_died(cql: &Cql) {
    let apps = apps(cql);
    apps.add_app(app(40)).await.unwrap();
    let before = apps.app(40).await.unwrap().unwrap();
    for name in ["g.example", "h.example"] {
        reserve(cql, name, 40, version(cql, 40).await, NOW).await;
    }
    let after = App { api_host: "h.example".into(), ..named(40, "g.example") };
    let after = apps.change_app(&before, after, None).await.unwrap();
    assert_eq!(apps.app(40).await, Ok(Some(after)));
    for name in ["g.example", "h.example"] {
        assert_eq!(apps.app_with_host(name).await, Ok(Some(40)));
        assert_eq!(apps.add_app(named(41, name)).await, Err(Error::Taken("chat_host")));
    }
}

async fn an_erasure_that_did_not_begin_begins_with_the_next_list(cql: &Cql) {
    let erasures = Store::embedded(Kv::memory()).erasures;
    let apps = AppsOnCql::new(OnCql { cql: cql.clone() }, erasures.clone(), Clock::paused(NOW));
    apps.add_app(app(50)).await.unwrap();
    let before = apps.app(50).await.unwrap().unwrap();
    let ended = App { id: 50, state: AppState::Erased.into(), ..App::default() };
    apps.change_app(&before, ended, None).await.unwrap();
    assert!(cql.change(MARK_ERASING, (77_i64, 50 % 16, 50_i64)).await.unwrap());
    assert_eq!(erasures.erasure(50, 0).await, Ok(None));
    apps.apps(49, 1).await.unwrap();
    assert_eq!(erasures.erasure(50, 0).await, Ok(Some(ErasureRow::begun(50, 0, 77))));
    assert_eq!(cql.row::<(Option<i64>,)>(ERASING, (50 % 16, 50_i64)).await.unwrap(), Some((None,)));

    // One that has begun goes on where it is.
    let further = ErasureRow { round: 3, ..ErasureRow::begun(50, 0, 77) };
    erasures.put_erasure(&further).await.unwrap();
    assert!(cql.change(MARK_ERASING, (77_i64, 50 % 16, 50_i64)).await.unwrap());
    apps.apps(0, 100).await.unwrap();
    assert_eq!(erasures.erasure(50, 0).await, Ok(Some(further)));

    apps.add_app(app(51)).await.unwrap();
    let before = apps.app(51).await.unwrap().unwrap();
    apps.change_app(&before, App { id: 51, ..App::default() }, Some(ErasureRow::begun(51, 0, 78))).await.unwrap();
    assert_eq!(erasures.erasure(51, 0).await, Ok(Some(ErasureRow::begun(51, 0, 78))));
    assert_eq!(cql.row::<(Option<i64>,)>(ERASING, (51 % 16, 51_i64)).await.unwrap(), Some((None,)));
}

async fn of_many_apps_that_want_one_name_one_gets_it(cql: &Cql) {
    let apps = apps(cql);
    let outcomes = join_all((60..66).map(|id| apps.add_app(named(id, "i.example")))).await;
    let added: Vec<u64> = outcomes.iter().flatten().map(|app| app.id).collect();
    assert_eq!(added.len(), 1, "{outcomes:?}");
    assert_eq!(apps.app_with_host("i.example").await, Ok(Some(added[0])));
    for id in 60..66 {
        assert_eq!(apps.app(id).await.unwrap().is_some(), id == added[0]);
    }
}

async fn numbers_come_once(cql: &Cql) {
    let on = OnCql { cql: cql.clone() };
    let blocks = join_all((0..8).map(|_| on.take_ids("kind", 1_000))).await;
    let mut firsts: Vec<u64> = blocks.into_iter().map(|block| block.unwrap().start).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), 8);
    assert!(firsts.iter().all(|first| first % 1_000 == 1), "{firsts:?}");
}

async fn a_mark_without_its_sign_in_is_taken_away(cql: &Cql) {
    let on = OnCql { cql: cql.clone() };
    let (gone, unmarked) = (TokenKey([0x17; 32]), TokenKey([0xf7; 32]));
    cql.write(MARK, ("crashed", gone.0.as_slice())).await.unwrap();
    let row = SignInRow { operator: "crashed".into(), ..SignInRow::default() };
    on.add_sign_in(&unmarked, row.clone()).await.unwrap();
    cql.write(UNMARK, ("crashed", unmarked.0.as_slice())).await.unwrap();
    assert!(on.sign_ins_of("crashed", 9).await.unwrap().is_empty());
    assert!(cql.rows::<(Vec<u8>,)>(MARKS, ("crashed",)).await.unwrap().is_empty());
    assert!(on.sign_ins(None, 9).await.unwrap() == [(unmarked, row)], "the sweep finds it");
    on.end_sign_in(&unmarked, "crashed").await.unwrap();
    assert!(on.sign_ins(None, 9).await.unwrap().is_empty());
}

async fn outcomes_without_entries_and_days_without_entries_go(cql: &Cql) {
    let on = OnCql { cql: cql.clone() };
    let id = |day: i64, number: u32| EntryId::new(NOW + day * DAY_MS, number, [0; 4]);
    let row = |at: i64| EntryRow { at, ..EntryRow::default() };
    let today = NOW.div_euclid(DAY_MS);
    for (day, number) in [(0, 0), (1, 0), (1, 1), (5, 0)] {
        on.add_entry(id(day, number), row(day)).await.unwrap();
    }
    on.settle_entry(id(1, 1), Outcome { status: 201, app: 7, target: "x".into() }).await.unwrap();
    // Of an entry that went, and of one that went while it was settled.
    on.settle_entry(id(1, 2), Outcome::default()).await.unwrap();
    cql.write(SETTLE, (today + 1, id(1, 3).0.as_slice())).await.unwrap();
    cql.write(ADD_DAY, (today + 2,)).await.unwrap();
    cql.write(ADD_DAY, (today + 4,)).await.unwrap();

    let seen = |entries: &[(EntryId, EntryRow)]| entries.iter().map(|(_, row)| (row.at, row.status)).collect::<Vec<_>>();
    let (mut before, mut all) = (None, Vec::new());
    loop {
        let page = on.entries(before, 1).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        all.extend(page);
    }
    assert_eq!(seen(&all), [(5, 0), (1, 201), (1, 0), (0, 0)]);
    assert_eq!(on.entries(None, 9).await.unwrap(), all);
    assert_eq!(cql.rows::<(Vec<u8>,)>(OUTCOMES, (today + 1,)).await.unwrap().len(), 2);
    let days = async || cql.rows::<(i64,)>(DAYS, ()).await.unwrap().into_iter().map(|(day,)| day - today).collect::<Vec<_>>();
    assert_eq!(days().await, [5, 4, 1, 0], "the day before the newest one may still get entries");

    on.forget_entries(vec![id(0, 0), id(1, 0), id(1, 1)]).await.unwrap();
    assert_eq!(seen(&on.entries(None, 9).await.unwrap()), [(5, 0)]);
    assert_eq!(days().await, [5, 4]);
}

fn apps(cql: &Cql) -> AppsOnCql {
    AppsOnCql::new(OnCql { cql: cql.clone() }, Store::embedded(Kv::memory()).erasures, Clock::paused(NOW))
}

async fn reserve(cql: &Cql, name: &str, app: i64, version: i64, at: i64) {
    assert!(cql.change(RESERVE, (name, app, version, at)).await.unwrap());
}

async fn version(cql: &Cql, id: i64) -> i64 {
    cql.row::<(i64,)>(VERSION, ((id % 16) as i32, id)).await.unwrap().unwrap().0
}

fn app(id: u64) -> App {
    App { id, auth_key: format!("key {id}"), ..App::default() }
}

fn named(id: u64, chat_host: &str) -> App {
    App { chat_host: chat_host.into(), ..app(id) }
}
