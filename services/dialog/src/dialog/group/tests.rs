//! Changes of a group by values.

#![allow(clippy::unwrap_used)]

use natter_proto::{AppId, DialogId};

use super::*;
use crate::dialog::{Kept, Key};
use crate::options::Options;

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);
const CAT: UserId = UserId(5);
const DAN: UserId = UserId(9);
const NOW: i64 = 5_000;

#[test]
fn a_change_is_allowed_as_a_whole_or_not_at_all() {
    let group = group(Kind::Group);
    let rename = || Change { name: Some("other".into()), ..Change::default() };
    assert_eq!(change(&group, DAN, rename()), Err(GroupError::Forbidden), "no member");
    assert_eq!(change(&group, CAT, rename()).unwrap().profile.name.as_deref(), Some("other"));
    let and_remove = Change { remove: vec![BOB], ..rename() };
    assert_eq!(change(&group, CAT, and_remove.clone()), Err(GroupError::Forbidden));
    let changed = change(&group, ANN, and_remove).unwrap();
    assert_eq!((changed.removed.as_slice(), changed.members.ids()), ([BOB].as_slice(), vec![5, 34]));
    assert!(changed.profile.admins.is_empty(), "who goes is no admin any more");
    assert_eq!(change(&group, DAN, Change::default()), Err(GroupError::Forbidden), "also to ask for nothing");
    let private = Dialog::new(key(), Kept { facts: facts(Kind::Private), ..group.kept() }, &Options::default().limits());
    assert_eq!(change(&private, ANN, Change::default()), Err(GroupError::Forbidden));
}

#[test]
fn members_add_others_and_remove_themselves() {
    let group = group(Kind::Group);
    let changed = change(&group, CAT, Change { add: vec![DAN, ANN, DAN], ..Change::default() }).unwrap();
    assert_eq!((changed.added, changed.members.ids(), changed.moved), (vec![DAN], vec![5, 9, 34, 78], true));
    assert_eq!(changed.profile.changed_at, NOW);
    let same = change(&group, CAT, Change { add: vec![ANN], ..Change::default() }).unwrap();
    assert_eq!((same.added, same.moved, same.profile.changed_at), (vec![], false, 0));
    let left = change(&group, CAT, Change { remove: vec![CAT], ..Change::default() }).unwrap();
    assert_eq!((left.removed, left.facts.owner), (vec![CAT], ANN));
}

#[test]
fn where_the_app_says_so_an_admin_removes_members_and_nobody_who_runs_the_group() {
    let mut group = group(Kind::Group);
    group.members.add(DAN, Member::default());
    group.profile.admins.insert(DAN);
    let remove = |user, others: &[UserId], admins_remove| {
        let change = Change { remove: others.to_vec(), ..Change::default() };
        group.change(user, &change, &GroupLimits { admins_remove, ..limits() }, NOW).map(|changed| changed.removed)
    };
    assert_eq!(remove(BOB, &[CAT], false), Err(GroupError::Forbidden));
    assert_eq!(remove(BOB, &[CAT], true), Ok(vec![CAT]));
    assert_eq!(remove(BOB, &[BOB, CAT], true), Ok(vec![CAT, BOB]), "and himself");
    for others in [[ANN].as_slice(), &[DAN], &[CAT, DAN], &[CAT, ANN]] {
        assert_eq!(remove(BOB, others, true), Err(GroupError::Forbidden), "{others:?}");
    }
    assert_eq!(remove(CAT, &[BOB], true), Err(GroupError::Forbidden));
    assert_eq!(remove(ANN, &[BOB, CAT], true), Ok(vec![CAT, BOB]));
    assert_eq!(remove(BOB, &[UserId(1)], true), Ok(vec![]), "who is not there is no mistake");
}

#[test]
fn an_owner_who_goes_leaves_the_dialog_to_the_oldest_admin_else_to_the_oldest_member() {
    let mut group = group(Kind::Group);
    assert_eq!(group.leave(ANN, NOW).unwrap().facts.owner, BOB, "the admin, though CAT is older");
    group.profile.admins.clear();
    assert_eq!(group.leave(ANN, NOW).unwrap().facts.owner, CAT);
    assert!(group.leave(DAN, NOW).is_none());
}

#[test]
fn only_the_owner_makes_admins_of_members_and_few() {
    let group = group(Kind::Group);
    let admins = |users: &[UserId]| Change { add_admins: users.to_vec(), ..Change::default() };
    assert_eq!(change(&group, BOB, admins(&[CAT])), Err(GroupError::Forbidden));
    assert_eq!(change(&group, ANN, admins(&[CAT])).unwrap().profile.admins, [CAT, BOB].into());
    assert!(matches!(change(&group, ANN, admins(&[DAN])), Err(GroupError::Invalid("admins_ids", _))));
    assert_eq!(change(&group, ANN, admins(&[CAT, ANN])), Err(GroupError::TooMany("admins_ids", 2)));
    let fewer = Change { remove_admins: vec![BOB], ..Change::default() };
    assert!(change(&group, ANN, fewer).unwrap().profile.admins.is_empty());
}

#[test]
fn pins_keep_their_order_and_come_once() {
    let group = group(Kind::Group);
    let id = |n| MessageId([n; 12]);
    let pins = |pin: &[u8], unpin: &[u8]| Change {
        pin: pin.iter().map(|n| id(*n)).collect(),
        unpin: unpin.iter().map(|n| id(*n)).collect(),
        ..Change::default()
    };
    assert_eq!(change(&group, CAT, pins(&[1], &[])), Err(GroupError::Forbidden));
    assert_eq!(change(&group, BOB, pins(&[4, 1, 4], &[])).unwrap().profile.pinned, [id(4), id(1)]);
    assert!(change(&group, BOB, pins(&[1], &[1])).unwrap().profile.pinned.is_empty());
    assert_eq!(change(&group, BOB, pins(&[1, 2, 3], &[])), Err(GroupError::TooMany("pinned_messages_ids", 2)));
}

#[test]
fn names_and_keys_are_bounded_and_emptied() {
    let group = group(Kind::Group);
    let name = |name: &str| Change { name: Some(name.into()), photo: Some(String::new()), ..Change::default() };
    assert!(matches!(change(&group, CAT, name(&"x".repeat(11))), Err(GroupError::Invalid("name", _))));
    let changed = change(&group, CAT, name("")).unwrap();
    assert_eq!((changed.profile.name, changed.profile.photo), (None, None));
    let keys = |n: usize| Change { extensions: Some((0..n).map(|n| (n.to_string(), "v".into())).collect()), ..Change::default() };
    assert_eq!(change(&group, CAT, keys(2)).unwrap().profile.extensions.len(), 2);
    assert_eq!(change(&group, CAT, keys(3)), Err(GroupError::TooMany("extensions", 2)));
    assert!(matches!(change(&self::group(Kind::Public), ANN, name("")), Err(GroupError::Invalid("name", _))));
}

#[test]
fn to_a_public_dialog_everybody_adds_himself_and_only_who_entered_leaves_with_the_room() {
    let public = group(Kind::Public);
    assert_eq!(change(&public, ANN, Change { add: vec![DAN], ..Change::default() }), Err(GroupError::Forbidden));
    let limits = limits();
    let mut entered = group(Kind::Public);
    let changed = public.subscribe(DAN, true, &limits, NOW).unwrap().unwrap();
    assert_eq!(changed.added, [DAN]);
    entered.apply_kept(Kept { facts: changed.facts, profile: changed.profile, members: changed.members }, 1);
    assert_eq!(entered.subscribe(DAN, true, &limits, NOW), Ok(None));
    assert_eq!(entered.exit(DAN, NOW).unwrap().removed, [DAN]);
    assert!(entered.exit(CAT, NOW).is_none(), "who subscribed stays");
    assert_eq!(entered.leave(CAT, NOW).unwrap().removed, [CAT]);
    assert_eq!(entered.leave(ANN, NOW).unwrap().facts.owner, ANN, "it stays its owner's");
    let full = public.subscribe(UserId(1), false, &GroupLimits { members_max: 3, ..limits }, NOW);
    assert_eq!(full, Err(GroupError::TooMany("occupants_ids", 3)));
    assert_eq!(group(Kind::Group).subscribe(DAN, true, &limits, NOW), Err(GroupError::Forbidden));
}

#[test]
fn a_group_has_no_more_members_than_the_bound() {
    let add = Change { add: vec![DAN, UserId(1)], ..Change::default() };
    assert_eq!(change(&group(Kind::Group), ANN, add.clone()), Err(GroupError::TooMany("occupants_ids", 4)));
    // Who goes makes room.
    assert!(change(&group(Kind::Group), ANN, Change { remove: vec![CAT], ..add }).is_ok());
}

/// ANN's, CAT came second, BOB is an admin.
fn group(kind: Kind) -> Dialog {
    let members = [ANN, CAT, BOB].into_iter().map(|user| (user, Member::default())).collect();
    let profile = Profile { name: Some("trip".into()), admins: [BOB].into(), ..Profile::default() };
    Dialog::new(key(), Kept { facts: facts(kind), profile, members }, &Options::default().limits())
}

fn change(dialog: &Dialog, user: UserId, change: Change) -> Result<Changed, GroupError> {
    dialog.change(user, &change, &limits(), NOW)
}

fn limits() -> GroupLimits {
    GroupLimits {
        members_max: 4,
        admins_max: 2,
        pinned_max: 2,
        extensions_max: 2,
        text_bytes_max: 10,
        description_bytes_max: 10,
        admins_remove: false,
    }
}

fn facts(kind: Kind) -> Facts {
    Facts { kind, owner: ANN, created_at: 0 }
}

fn key() -> Key {
    Key { app: AppId(1), dialog: DialogId([0xab; 12]) }
}
