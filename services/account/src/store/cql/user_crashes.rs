//! What a crash between two steps leaves, and who mends it: the half states are written as the steps would have left them.

#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use natter_db::cql::testing::on_cassandra;
use natter_db::cql::{Cql, Statement};
use natter_proto::account::v1::User;

use super::conditions::now_ms;
use super::names::{Claim, PATIENCE_MS, RESERVE, key_of};
use super::{OnCql, TABLES};
use crate::erasure::ErasureRow;
use crate::name::Name;
use crate::store::{Along, Erasures, Error, Kept, ReportRow, Reports, TokenChange, TokenRow, Tokens, UserRow, Users, rows};
use crate::token::TokenKey;

const LIFE_LEFT: Statement = Statement::read("SELECT TTL(row) FROM tokens WHERE key = ?");
const NAMES: Statement = Statement::read("SELECT user FROM user_names WHERE app = ? AND kind = ? AND name = ?");
const MARK_REPORT: Statement = Statement::write("INSERT INTO reports_of_app (app, day, id, reporter) VALUES (?, ?, ?, ?)");
const MARK_TOKEN: Statement = Statement::write("INSERT INTO tokens_of_user (app, user, key) VALUES (?, ?, ?)");

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn what_a_crash_leaves_is_mended() {
    on_cassandra(&TABLES, async |cql| {
        let engine = &of(&cql);
        a_reservation_without_its_user_stands_for_a_minute(engine, 1).await;
        a_step_that_slept_finds_its_row_moved_on(engine, 2).await;
        a_reservation_that_was_not_freed_is_free_at_once(engine, 3).await;
        what_a_refused_step_reserved_is_given_back(engine, 4).await;
        of_many_who_want_one_name_one_gets_it(engine, 5).await;
        of_many_changes_of_one_user_one_is_made(engine, 6).await;
        an_erasure_shows_when_its_user_has_ended(engine, 7).await;
        what_a_deleted_user_left_goes_with_his_erasure(engine, 8).await;
        marks_of_nobody_are_passed_over(engine, 9).await;
        a_token_that_moved_meanwhile_outlives_its_password(engine, 10).await;
        pages_go_through_ids_far_apart(engine, 11).await;
        rows_of_tokens_end_by_themselves(engine, &cql, 12).await;
    })
    .await;
}

async fn a_reservation_without_its_user_stands_for_a_minute(engine: &OnCql, app: u64) {
    // Of user 7 who never came.
    reserve(engine, app, "ann", 7, 1, now_ms()).await;
    assert_eq!(engine.holder(app, &login("ann")).await, Ok(None));
    assert_eq!(engine.add_user(named(app, 8, "ann"), None).await, Err(Error::Taken("login")));
    assert_eq!(engine.add_user(named(app, 7, "ann"), None).await, Err(Error::Changed), "it may be a step of another process");
    reserve_again(engine, app, "ann", 7, 1, now_ms() - PATIENCE_MS + 10_000).await;
    assert_eq!(engine.add_user(named(app, 8, "ann"), None).await, Err(Error::Taken("login")));
    reserve_again(engine, app, "ann", 7, 1, now_ms() - PATIENCE_MS - 1_000).await;
    engine.add_user(named(app, 8, "ann"), None).await.unwrap();
    assert_eq!(engine.holder(app, &login("ann")).await, Ok(Some(8)));
    // The same, wanted by himself.
    reserve(engine, app, "bob", 9, 1, now_ms() - PATIENCE_MS - 1_000).await;
    engine.add_user(named(app, 9, "bob"), None).await.unwrap();
    assert_eq!(engine.holder(app, &login("bob")).await, Ok(Some(9)));
}

async fn a_step_that_slept_finds_its_row_moved_on(engine: &OnCql, app: u64) {
    let late = now_ms() - PATIENCE_MS - 1_000;
    // One that adds 7 as ann, and one that calls 5 so: both reserved, and then slept.
    let five = engine.add_user(named(app, 5, "eve"), None).await.unwrap();
    reserve(engine, app, "ann", 7, 1, late).await;
    reserve(engine, app, "cat", 5, 2, late).await;
    engine.add_user(named(app, 8, "ann"), None).await.unwrap();
    engine.add_user(named(app, 9, "cat"), None).await.unwrap();
    let slept = |id, login| rows::of_user(&named(app, id, login));
    assert_eq!(engine.put_row(app, 7, 0, &slept(7, "ann")).await, Ok(false));
    assert_eq!(engine.put_row(app, 5, 1, &slept(5, "cat")).await, Ok(false));
    assert_eq!(engine.users(app, &[7]).await, Ok(vec![None]), "nobody is there");
    assert_eq!(engine.user_page(app, 0, 9).await.unwrap().len(), 3);
    let stale = engine.change_user(&five, named(app, 5, "fay"), Along::default()).await;
    assert_eq!(stale, Err(Error::Changed), "who read the row before looks again");
    let five = kept(engine, app, 5).await;
    assert_eq!(five.row.user.login.as_deref(), Some("eve"), "content as it was");
    engine.change_user(&five, named(app, 5, "fay"), Along::default()).await.unwrap();
    engine.add_user(named(app, 7, "gil"), None).await.unwrap();
    for (name, holder) in [("ann", 8), ("cat", 9), ("fay", 5), ("gil", 7)] {
        assert_eq!(engine.holder(app, &login(name)).await, Ok(Some(holder)), "{name}");
    }
}

async fn a_reservation_that_was_not_freed_is_free_at_once(engine: &OnCql, app: u64) {
    let before = engine.add_user(named(app, 7, "ann"), None).await.unwrap();
    engine.change_user(&before, named(app, 7, "bob"), Along::default()).await.unwrap();
    // As the change left it before it freed the name.
    reserve(engine, app, "ann", 7, 1, now_ms()).await;
    assert_eq!(engine.holder(app, &login("ann")).await, Ok(None), "his row does not have it");
    engine.add_user(named(app, 8, "ann"), None).await.unwrap();
    assert_eq!(engine.holder(app, &login("ann")).await, Ok(Some(8)));
    // One that goes back to a name, while the change that gave it up has yet to free it.
    let back = Claim { app, user: 7, version: 3, number: 5 };
    engine.claim_all(back, &[login("cat")].into()).await.unwrap();
    engine.free(app, 7, 2, [login("cat")].iter()).await;
    assert_eq!(reserved(engine, app, "cat").await, Some(7));
}

async fn what_a_refused_step_reserved_is_given_back(engine: &OnCql, app: u64) {
    let mailed = |id, name: &str| {
        let user = named(app, id, name).user;
        UserRow { user: User { email: Some("a@b.test".into()), ..user }, ..UserRow::default() }
    };
    let ann = engine.add_user(mailed(7, "ann"), None).await.unwrap();
    let bob = engine.add_user(named(app, 8, "bob"), None).await.unwrap();
    assert_eq!(engine.add_user(mailed(9, "cat"), None).await, Err(Error::Taken("email")));
    assert_eq!(engine.change_user(&bob, mailed(8, "dan"), Along::default()).await, Err(Error::Taken("email")));
    for name in ["cat", "dan"] {
        assert_eq!(reserved(engine, app, name).await, None, "{name}");
    }
    engine.change_user(&bob, named(app, 8, "cat"), Along::default()).await.expect("what he had read still stands");
    // A step that meets another writer behind its reservations.
    engine.move_on(app, 7, 1).await.unwrap();
    assert_eq!(engine.change_user(&ann, mailed(7, "eve"), Along::default()).await, Err(Error::Changed));
    assert_eq!(reserved(engine, app, "eve").await, None);
}

async fn of_many_who_want_one_name_one_gets_it(engine: &OnCql, app: u64) {
    let adds = (1..=12).map(|id| engine.add_user(named(app, id, "ann"), None));
    let outcomes = join_all(adds).await;
    let winners: Vec<u64> = outcomes.iter().flatten().map(|kept| kept.row.user.id).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let refused = outcomes.into_iter().filter_map(std::result::Result::err);
    assert!(refused.into_iter().all(|error| error == Error::Taken("login")));
    assert_eq!(engine.holder(app, &login("ann")).await, Ok(Some(winners[0])));
    assert_eq!(engine.user_page(app, 0, 99).await.unwrap().len(), 1, "the others left nothing");
}

async fn of_many_changes_of_one_user_one_is_made(engine: &OnCql, app: u64) {
    let before = engine.add_user(named(app, 7, "ann"), None).await.unwrap();
    let names: Vec<String> = (0..8).map(|n| format!("ann {}", n % 2)).collect();
    let changes = names.iter().map(|name| engine.change_user(&before, named(app, 7, name), Along::default()));
    let outcomes = join_all(changes).await;
    let made: Vec<_> = outcomes.iter().flatten().collect();
    assert!(made.len() == 1 && outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|e| *e == Error::Changed));
    let name = made[0].row.user.login.clone().unwrap();
    assert_eq!(engine.holder(app, &login(&name)).await, Ok(Some(7)));
    assert_eq!(reserved(engine, app, &name).await, Some(7), "the refused ones have not taken it away");
    for other in ["ann", "ann 0", "ann 1"].into_iter().filter(|other| *other != name) {
        assert_eq!(reserved(engine, app, other).await, None, "{other}");
    }
}

async fn an_erasure_shows_when_its_user_has_ended(engine: &OnCql, app: u64) {
    let before = engine.add_user(named(app, 7, "ann"), None).await.unwrap();
    // A crash before the user's end.
    engine.begin_erasure(&ErasureRow::begun(app, 7, 5)).await.unwrap();
    assert_eq!(engine.erasure(app, 7).await, Ok(None));
    assert_eq!(pending(engine, app).await, []);
    // A crash behind it.
    let bytes = rows::of_user(&gone(app, 7));
    assert_eq!(engine.put_row(app, 7, 1, &bytes).await, Ok(true));
    assert_eq!(pending(engine, app).await, [ErasureRow::begun(app, 7, 5)]);
    assert_eq!(engine.erasure(app, 7).await, Ok(Some(ErasureRow::begun(app, 7, 5))));
    // A second end, that had read the user before, does not begin it anew.
    let walked = ErasureRow { step: 3, ..ErasureRow::begun(app, 7, 5) };
    engine.put_erasure(&walked).await.unwrap();
    let along = Along { erasure: Some(ErasureRow::begun(app, 7, 6)), ..Along::default() };
    assert_eq!(engine.change_user(&before, gone(app, 7), along).await, Err(Error::Changed));
    assert_eq!(pending(engine, app).await, std::slice::from_ref(&walked));
    engine.put_erasure(&ErasureRow { ended_at: 9, ..walked }).await.unwrap();
    assert_eq!(pending(engine, app).await, []);
}

async fn what_a_deleted_user_left_goes_with_his_erasure(engine: &OnCql, app: u64) {
    engine.add_user(named(app, 7, "ann"), None).await.unwrap();
    engine.put_row(app, 7, 1, &rows::of_user(&gone(app, 7))).await.unwrap();
    assert_eq!(reserved(engine, app, "ann").await, Some(7), "the crash left it");
    let (erased, next) = engine.erase_rows(app, 7, &[]).await.unwrap();
    assert!(next.is_empty() && erased.iter().any(|one| (one.kind.as_str(), one.count) == ("names", 1)), "{erased:?}");
    assert_eq!(reserved(engine, app, "ann").await, None);
    // And of an app, that of a user who never came.
    engine.note_names(app, 8, [login("bob")].iter()).await.unwrap();
    reserve(engine, app, "bob", 8, 1, now_ms()).await;
    engine.add_user(named(app, 9, "cat"), None).await.unwrap();
    engine.note(app, 8).await.unwrap();
    let mut after = Vec::new();
    loop {
        after = engine.erase_rows(app, 0, &after).await.unwrap().1;
        if after.is_empty() {
            break;
        }
    }
    for name in ["bob", "cat"] {
        assert_eq!(reserved(engine, app, name).await, None, "{name}");
    }
}

async fn marks_of_nobody_are_passed_over(engine: &OnCql, app: u64) {
    let day = 24 * 60 * 60 * 1_000;
    let guest = |id, guest_until| UserRow { guest_until, ..named(app, id, &format!("guest {id}")) };
    let over = async |now| {
        let all = engine.guests_over(now, 99).await.unwrap();
        all.into_iter().filter(|(of, _)| *of == app).map(|(_, id)| id).collect::<Vec<_>>()
    };
    engine.note_guest(&guest(1, 50)).await.unwrap();
    engine.add_user(guest(2, 60), None).await.unwrap();
    assert_eq!(over(100).await, [2]);
    // What was left to do of that one's adding.
    assert_eq!(engine.put_row(app, 1, 0, &rows::of_user(&guest(1, 50))).await, Ok(true));
    assert_eq!(over(100).await, [1, 2], "his mark was not removed: he was being added");
    engine.note_guest(&guest(3, 70)).await.unwrap();
    assert_eq!(over(2 * day).await, [1, 2]);
    engine.add_user(UserRow { guest_until: 0, ..guest(3, 70) }, None).await.unwrap();
    assert_eq!(over(100).await, [1, 2]);

    let id = |n: u8| [0, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, n];
    let report = |n: u8| ReportRow { app, id: id(n), reporter: 7, fields: "{}".into(), ..ReportRow::default() };
    engine.add_reports(vec![report(5)], 9).await.unwrap();
    for n in [1, 2, 3] {
        engine.cql.write(MARK_REPORT, (app as i64, 0_i64, id(n).to_vec(), 7_i64)).await.unwrap();
    }
    assert_eq!(engine.report_page(app, None, 2).await.unwrap(), [report(5)], "a page ends only at the end");

    engine.cql.write(MARK_TOKEN, (app as i64, 7_i64, vec![1_u8; 32])).await.unwrap();
    assert!(engine.tokens_of(app, 7, None, 9).await.unwrap().0.is_empty());
}

async fn a_token_that_moved_meanwhile_outlives_its_password(engine: &OnCql, app: u64) {
    let (key, row) = (key(app, 1), TokenRow { app, user: 7, password_version: 1, expires_at: 5, ..TokenRow::default() });
    let before = engine.add_token(&key, row.clone(), 1).await.unwrap();
    let moved = TokenRow { expires_at: 9, ..row.clone() };
    let moved = engine.change_token(&key, &before, moved, 2).await.unwrap();
    let change = |before| TokenChange { key, before, after: TokenRow { password_version: 2, ..row.clone() } };
    engine.carry_over(change(&before)).await;
    let carried = engine.token(&key).await.unwrap().unwrap();
    assert_eq!(carried.row, TokenRow { password_version: 2, ..moved.row.clone() });
    // One that was taken off its user is not his any more.
    let off = TokenRow { user: 0, password_version: 0, ..moved.row };
    let off = engine.change_token(&key, &carried, off, 3).await.unwrap();
    engine.carry_over(change(&carried)).await;
    assert_eq!(engine.token(&key).await.unwrap(), Some(off));
}

async fn pages_go_through_ids_far_apart(engine: &OnCql, app: u64) {
    let ids = [3, 5, 99_999, 100_000, 1 << 40, (1 << 53) - 1];
    for id in ids {
        engine.add_user(named(app, id, &format!("user {id}")), None).await.unwrap();
    }
    // Of one who never came.
    engine.note(app, 4).await.unwrap();
    for limit in [1, 2, 9] {
        let (mut seen, mut after) = (Vec::new(), 0);
        while let Some(last) = engine.user_page(app, after, limit).await.unwrap().last() {
            let page = engine.user_page(app, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            seen.extend(page.iter().map(|row| row.user.id));
            after = last.user.id;
        }
        assert_eq!(seen, ids, "{limit}");
    }
    let many: Vec<u64> = (0..250).chain(ids).collect();
    let found = engine.users(app, &many).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 2 + ids.len(), "3 and 5 twice, over several reads");
}

async fn rows_of_tokens_end_by_themselves(engine: &OnCql, cql: &Cql, app: u64) {
    let left = async |key: &TokenKey| cql.row::<(Option<i32>,)>(LIFE_LEFT, (key.0.to_vec(),)).await.unwrap().unwrap().0;
    let hour = 60 * 60 * 1_000;
    let row = TokenRow { app, user: 7, expires_at: now_ms() + hour, ..TokenRow::default() };
    let added = engine.add_token(&key(app, 1), row.clone(), 1).await.unwrap();
    assert!((25 * 3_600 - 60..=25 * 3_600).contains(&left(&key(app, 1)).await.unwrap()));
    let later = TokenRow { expires_at: row.expires_at + hour, ..row };
    engine.change_token(&key(app, 1), &added, later, 2).await.unwrap();
    assert!((26 * 3_600 - 60..=26 * 3_600).contains(&left(&key(app, 1)).await.unwrap()));
}

fn of(cql: &Cql) -> OnCql {
    OnCql { cql: cql.clone() }
}

async fn kept(engine: &OnCql, app: u64, id: u64) -> Kept<UserRow> {
    engine.users(app, &[id]).await.unwrap().remove(0).unwrap()
}

async fn pending(engine: &OnCql, app: u64) -> Vec<ErasureRow> {
    engine.pending_erasures(99).await.unwrap().into_iter().filter(|row| row.app == app).collect()
}

async fn reserve(engine: &OnCql, app: u64, name: &str, user: u64, version: i64, at: i64) {
    let (kind, text) = key_of(&login(name));
    let row = (app as i64, kind, text, user as i64, version, 77_i64, at);
    assert!(engine.cql.change(RESERVE, row).await.unwrap());
}

async fn reserve_again(engine: &OnCql, app: u64, name: &str, user: u64, version: i64, at: i64) {
    const AGE: Statement = Statement::change(
        "UPDATE user_names SET reserved_at = ? WHERE app = ? AND kind = ? AND name = ? IF user = ? AND version = ?",
    );
    let (kind, text) = key_of(&login(name));
    assert!(engine.cql.change(AGE, (at, app as i64, kind, text, user as i64, version)).await.unwrap());
}

async fn reserved(engine: &OnCql, app: u64, name: &str) -> Option<i64> {
    let (kind, text) = key_of(&login(name));
    engine.cql.row::<(i64,)>(NAMES, (app as i64, kind, text)).await.unwrap().map(|(user,)| user)
}

fn login(name: &str) -> Name {
    Name::login(name)
}

fn named(app: u64, id: u64, login: &str) -> UserRow {
    UserRow { user: User { id, app, login: Some(login.into()), ..User::default() }, ..UserRow::default() }
}

fn gone(app: u64, id: u64) -> UserRow {
    UserRow { user: User { id, app, ..User::default() }, deleted: true, ..UserRow::default() }
}

fn key(app: u64, n: u8) -> TokenKey {
    let mut key = [n; 32];
    key[0] = app as u8;
    TokenKey(key)
}
