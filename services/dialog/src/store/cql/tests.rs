//! What only the engine on ScyllaDB promises: two owners, and an owner that is cut off anywhere in a change.
#![allow(clippy::unwrap_used)]

use natter_db::Error;
use natter_db::cql::testing::on_cassandra;
use natter_proto::{AppId, DialogId, UserId};

use super::{Found, OnCql, TABLES, settle::settle};
use crate::dialog::group::Profile;
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Kept, Key, Kind};
use crate::store::{DialogStore, Write};

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);
const CAT: UserId = UserId(u64::MAX);

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn two_owners_and_those_that_are_cut_off_come_to_one_state() {
    on_cassandra(&[TABLES], async |cql| {
        let (one, other) = (OnCql::new(cql.clone()), OnCql::new(cql));
        a_change_that_is_decided_on_an_older_state_is_not_written(&one, &other, key(1)).await;
        a_change_that_was_cut_off_is_found_whole_by_who_loads_next(&one, &other, key(2)).await;
        what_follows_from_an_older_change_comes_too_late(&one, &other, key(3)).await;
        a_dialog_that_was_not_made_wholly_is_found_whole(&one, &other, key(4)).await;
        a_dialog_that_was_not_cleared_wholly_is_gone(&one, &other, key(5)).await;
        of_many_who_change_at_once_one_at_a_time_does(&one, &other, key(6)).await;
    })
    .await;
}

async fn a_change_that_is_decided_on_an_older_state_is_not_written(one: &OnCql, other: &OnCql, key: Key) {
    one.create(key, &group(&[ANN, BOB])).await.unwrap();
    let ((kept, version), (_, seen)) = (one.load(key).await.unwrap().unwrap(), other.load(key).await.unwrap().unwrap());
    let without = Kept { members: group(&[ANN]).members, ..kept.clone() };
    let next = one.write(key, version, Write { removed: &[BOB], ..write(&without) }).await.unwrap();
    let with = group(&[ANN, BOB, CAT]);
    assert_eq!(other.write(key, seen, Write { added: &[CAT], ..write(&with) }).await, Err(Error::Condition));
    assert_eq!(other.load(key).await.unwrap(), Some((without, next)));
    assert_eq!((count(other, CAT).await, count(other, BOB).await), (0, 0), "nothing was written");
    assert_eq!(other.create(key, &with).await, Err(Error::Condition));
}

async fn a_change_that_was_cut_off_is_found_whole_by_who_loads_next(one: &OnCql, other: &OnCql, key: Key) {
    let (before, after) = (group(&[ANN, BOB]), group(&[ANN, CAT]));
    let version = one.create(key, &before).await.unwrap();
    let (anns, bobs, cats) = (count(one, ANN).await, count(one, BOB).await, count(one, CAT).await);
    let change = Write { added: &[CAT], removed: &[BOB], ..write(&after) };
    one.change(key, version, &change).await.unwrap().unwrap();
    assert_eq!((count(one, BOB).await, count(one, CAT).await), (bobs, cats), "cut off");
    // Of two who load at once none sees a part.
    let (a, b) = tokio::join!(one.load(key), other.load(key));
    assert_eq!((a.unwrap(), b.unwrap()), (Some((after.clone(), version + 1)), Some((after, version + 1))));
    assert_eq!((count(one, ANN).await, count(one, BOB).await, count(one, CAT).await), (anns, bobs - 1, cats + 1));
}

async fn what_follows_from_an_older_change_comes_too_late(one: &OnCql, other: &OnCql, key: Key) {
    let mut kept = group(&[ANN, BOB]);
    let first = one.create(key, &kept).await.unwrap();
    kept.members.set(BOB, Member { muted: true, ..Member::default() });
    kept.members.add(CAT, Member::default());
    let late: Found = one.change(key, first, &Write { added: &[CAT], views: &[BOB], ..write(&kept) }).await.unwrap().unwrap();
    let (mut kept, version) = other.load(key).await.unwrap().unwrap();
    kept.members.set(BOB, Member { muted: false, ..Member::default() });
    kept.members.remove(&[CAT]);
    let last = other.write(key, version, Write { views: &[BOB], removed: &[CAT], ..write(&kept) }).await.unwrap();
    let (bobs, cats) = (count(other, BOB).await, count(other, CAT).await);
    // Whoever wrote the first change goes on where he was.
    settle(&one.cql, key, &late).await.unwrap();
    let fresh = OnCql::new(one.cql.clone());
    assert_eq!(fresh.load(key).await.unwrap(), Some((kept, last)));
    assert_eq!((count(other, BOB).await, count(other, CAT).await), (bobs, cats));
    let listed = fresh.of_user(key.app, BOB, 99).await.unwrap().into_iter().find(|listed| listed.key == key).unwrap();
    assert!(!listed.member.muted);
}

async fn a_dialog_that_was_not_made_wholly_is_found_whole(one: &OnCql, other: &OnCql, key: Key) {
    let facts = Facts { kind: Kind::Private, owner: BOB, created_at: 7 };
    let kept = Kept { facts, profile: Profile::default(), members: Members::pair(BOB, CAT) };
    let first = Found::of(1, &Write { added: kept.members.oldest_first(), ..write(&kept) });
    let (row, pending) = first.columns();
    let made = one.cql.change(super::MAKE, (key.app.0 as i64, super::dialog_of(key), 1_i64, row, pending)).await;
    assert_eq!(made, Ok(true));
    assert_eq!(other.create(key, &kept).await, Err(Error::Condition));
    assert_eq!(other.load(key).await.unwrap(), Some((kept, 1)));
    for (user, with) in [(BOB, CAT), (CAT, BOB)] {
        let listed = other.of_user(key.app, user, 99).await.unwrap().into_iter().find(|listed| listed.key == key).unwrap();
        assert_eq!((listed.facts, &*listed.members), (facts, &[user.min(with), user.max(with)][..]));
    }
}

async fn a_dialog_that_was_not_cleared_wholly_is_gone(one: &OnCql, other: &OnCql, key: Key) {
    let public = |users: &[UserId]| Kept { facts: Facts { kind: Kind::Public, ..group(&[]).facts }, ..group(users) };
    let mut kept = public(&[ANN, CAT]);
    let version = one.create(key, &kept).await.unwrap();
    kept.members.set(CAT, Member { entered: true, ..Member::default() });
    let version = one.write(key, version, Write { views: &[CAT], ..write(&kept) }).await.unwrap();
    let is_join = |views: Vec<(Key, UserId, Member)>| views.iter().any(|(of, ..)| *of == key);
    assert!(is_join(one.views(None, 100).await.unwrap()));
    let (anns, empty) = (count(one, ANN).await, public(&[]));
    one.change(key, version, &Write { removed: &[ANN, CAT], gone: true, ..write(&empty) }).await.unwrap().unwrap();
    assert_eq!(count(one, ANN).await, anns, "cut off");
    // His list is asked for first: it finds out.
    assert!(other.of_user(key.app, ANN, 99).await.unwrap().iter().all(|listed| listed.key != key));
    assert_eq!((count(other, ANN).await, other.load(key).await.unwrap()), (anns - 1, None));
    assert!(!is_join(one.views(None, 100).await.unwrap()));
    assert!(one.of_user(key.app, BOB, 99).await.unwrap().iter().all(|listed| listed.key != key), "nobody lists it");
}

async fn of_many_who_change_at_once_one_at_a_time_does(one: &OnCql, other: &OnCql, key: Key) {
    let named = |kept: &mut Kept, last: UserId| kept.profile.name = Some(last.0.to_string());
    let mut first = group(&[ANN]);
    named(&mut first, ANN);
    one.create(key, &first).await.unwrap();
    let come = |engine, users: std::ops::Range<u64>| async move {
        let engine: &OnCql = engine;
        for user in users.map(UserId) {
            loop {
                let Ok(Some((mut kept, version))) = engine.load(key).await else { continue };
                if !kept.members.add(user, Member::default()) {
                    break;
                }
                named(&mut kept, user);
                match engine.write(key, version, Write { added: &[user], ..write(&kept) }).await {
                    Ok(_) => break,
                    Err(Error::Condition | Error::Unknown(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    let look = async {
        for _ in 0..200 {
            // Nothing is in its memory. It may find no moment of rest.
            let Ok(Some((kept, _))) = OnCql::new(one.cql.clone()).load(key).await else { continue };
            let last = kept.members.oldest_first().last().map(|last| last.0.to_string());
            assert_eq!(kept.profile.name, last, "all of one version");
        }
    };
    tokio::join!(come(one, 1_000..1_010), come(other, 2_000..2_010), look);
    let ((kept, version), (again, _)) = (one.load(key).await.unwrap().unwrap(), other.load(key).await.unwrap().unwrap());
    assert_eq!((kept.members.len(), version, &again), (21, 21, &kept), "each once");
    let order: Vec<UserId> = kept.members.oldest_first().iter().copied().filter(|user| user.0 < 2_000 && *user != ANN).collect();
    assert!(order.is_sorted(), "in the order in which they came");
    for user in (1_000..1_010).chain(2_000..2_010) {
        assert_eq!(count(one, UserId(user)).await, 1);
    }
}

async fn count(store: &OnCql, user: UserId) -> usize {
    store.count_of_user(AppId(1), user, 99).await.unwrap()
}

fn write(kept: &Kept) -> Write<'_> {
    Write { kept, added: &[], views: &[], removed: &[], gone: false }
}

fn group(members: &[UserId]) -> Kept {
    let members = members.iter().map(|user| (*user, Member::default())).collect();
    let profile = Profile { name: Some("trip".into()), ..Profile::default() };
    Kept { facts: Facts { kind: Kind::Group, owner: ANN, created_at: 1_000 }, profile, members }
}

fn key(dialog: u8) -> Key {
    Key { app: AppId(1), dialog: DialogId([dialog; 12]) }
}
