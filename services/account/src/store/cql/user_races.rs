//! Names under many writers at once, of which some sleep for long behind their reservations, and some never come back.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use futures::future::join_all;
use natter_actor::Chance;
use natter_db::cql::Statement;
use natter_db::cql::testing::on_cassandra;
use natter_proto::account::v1::User;

use super::conditions::{now_ms, version_of};
use super::names::{Claim, PATIENCE_MS, key_of};
use super::{OnCql, TABLES};
use crate::name::{Name, names};
use crate::store::{Along, Error, Kept, UserRow, Users, rows};

const APP: u64 = 1;
const WRITERS: u64 = 8;
const STEPS: usize = 30;
/// Fewer names than users: somebody always wants another's.
const USERS: u64 = 6;
const NAMES: u64 = 4;
const SEED: u64 = 20;

const AGE: Statement =
    Statement::change("UPDATE user_names SET reserved_at = ? WHERE app = ? AND kind = ? AND name = ? IF claim = ?");
const RESERVED: Statement = Statement::read("SELECT user FROM user_names WHERE app = ? AND kind = ? AND name = ?");

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn a_name_has_one_user_however_many_sleep_or_die() {
    on_cassandra(&TABLES, async |cql| {
        let engine = &OnCql { cql };
        let chance = &Chance::seeded(SEED);
        let taken: u32 = join_all((0..WRITERS).map(|_| write(engine, chance))).await.into_iter().sum();
        assert!(taken > 20, "{taken} steps were taken");
        look(engine).await;
    })
    .await;
}

// Of rows that did not move while their names were looked up: each name is reserved for its user, and no two have the same.
async fn look(engine: &OnCql) {
    let all: Vec<u64> = (1..=USERS).collect();
    let rows = engine.users(APP, &all).await.unwrap();
    let reserved = rows.iter().map(|row| async move {
        let name = names(&row.as_ref()?.row.user).into_iter().next()?;
        let (kind, text) = key_of(&name);
        engine.cql.row::<(i64,)>(RESERVED, (APP as i64, kind, text)).await.unwrap()
    });
    let reserved = join_all(reserved).await;
    let again = engine.users(APP, &all).await.unwrap();
    let mut holders = BTreeMap::new();
    for ((row, again), reserved) in rows.iter().zip(again).zip(reserved) {
        let (Some(row), Some(again)) = (row, again) else { continue };
        if row.stamp != again.stamp {
            continue;
        }
        let (id, login) = (row.row.user.id, row.row.user.login.clone());
        assert_eq!(reserved, Some((id as i64,)), "{login:?} is in the row of {id}");
        assert_eq!(holders.insert(login, id), None, "two have one name");
    }
}

// Steps of one writer; how many were taken.
async fn write(engine: &OnCql, chance: &Chance) -> u32 {
    let mut taken = 0;
    for _ in 0..STEPS {
        let (id, name) = (1 + chance.below(USERS), format!("name {}", chance.below(NAMES)));
        let user = User { id, app: APP, login: Some(name.clone()), ..User::default() };
        let row = UserRow { user, revision: chance.u64(), ..UserRow::default() };
        let before = engine.users(APP, &[id]).await.unwrap().remove(0);
        taken += match (chance.below(3), before) {
            (0, before) => u32::from(sleep_behind_reservations(engine, chance, before.as_ref(), &row).await),
            (_, Some(before)) => u32::from(is_taken(engine.change_user(&before, row, Along::default()).await)),
            (_, None) => u32::from(is_taken(engine.add_user(row, None).await)),
        };
        look(engine).await;
    }
    taken
}

fn is_taken(outcome: Result<Kept<UserRow>, Error>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Error::Taken(_) | Error::Changed | Error::Db(natter_db::Error::Unknown(_))) => false,
        Err(error) => panic!("{error}"),
    }
}

// The steps of a change up to its reservations, which are old at once; then the rest, or nothing.
async fn sleep_behind_reservations(engine: &OnCql, chance: &Chance, before: Option<&Kept<UserRow>>, row: &UserRow) -> bool {
    let base = match before {
        Some(before) => version_of(&before.stamp),
        None => engine.lying(APP, row.user.id).await.unwrap().version,
    };
    let had = before.map(|before| names(&before.row.user)).unwrap_or_default();
    let added = names(&row.user).difference(&had).cloned().collect();
    let claim = Claim { app: APP, user: row.user.id, version: base + 1, number: chance.u64() as i64 };
    if engine.claim_all(claim, &added).await.is_err() {
        return false;
    }
    for name in &added {
        let (kind, text) = key_of(name);
        let aged = (now_ms() - PATIENCE_MS - 1, APP as i64, kind, text, claim.number);
        engine.cql.change(AGE, aged).await.ok();
    }
    for _ in 0..chance.below(40) {
        engine.holder(APP, &Name::login("name 0")).await.unwrap();
    }
    let comes_back = chance.below(2) == 0;
    engine.note(APP, row.user.id).await.unwrap();
    comes_back && engine.put_row(APP, row.user.id, base, &rows::of_user(row)).await == Ok(true)
}
