//! What every engine of the port must do, as one suite. A new engine is one more line in [`engines`].

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::{Error, Kv};
use natter_proto::{AppId, DialogId, MessageId, UserId};

use super::{DialogStore, Write, open};
use crate::dialog::group::Profile;
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Kept, Key, Kind};

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);
const CAT: UserId = UserId(5);

fn engines() -> Vec<Arc<dyn DialogStore>> {
    vec![open(&Kv::memory())]
}

#[tokio::test]
async fn a_dialog_is_read_as_it_was_made() {
    for store in engines() {
        for kept in [pair(), group(&[BOB, ANN])] {
            let key = key(1, if kept == pair() { 1 } else { 2 });
            assert_eq!(store.load(key).await.unwrap(), None);
            store.create(key, &kept).await.unwrap();
            assert_eq!(store.load(key).await.unwrap(), Some(kept.clone()));
            for user in [ANN, BOB] {
                let listed = store.of_user(AppId(1), user, 10).await.unwrap().pop().unwrap();
                assert_eq!((listed.key, listed.facts, &*listed.profile), (key, kept.facts, &kept.profile));
                assert_eq!((&*listed.members, listed.member), (&[ANN, BOB][..], Member::default()));
            }
        }
    }
}

#[tokio::test]
async fn a_dialog_is_made_once() {
    for store in engines() {
        store.create(key(1, 1), &pair()).await.unwrap();
        let mut again = pair();
        again.facts.owner = BOB;
        assert_eq!(store.create(key(1, 1), &again).await, Err(Error::Condition));
        assert_eq!(store.load(key(1, 1)).await.unwrap(), Some(pair()));
    }
}

#[tokio::test]
async fn a_view_is_the_members_own() {
    for store in engines() {
        for mut kept in [pair(), group(&[ANN, BOB])] {
            let key = key(1, if kept == pair() { 1 } else { 2 });
            let listed = async |user| {
                let listed = store.of_user(AppId(1), user, 10).await.unwrap();
                listed.into_iter().find(|listed| listed.key == key).unwrap().member
            };
            store.create(key, &kept).await.unwrap();
            let view = Member { muted: true, entered: true, ..Member::default().deleted_at(5) };
            kept.members.set(ANN, view);
            store.write(key, views(&kept, &[ANN])).await.unwrap();
            assert_eq!(store.load(key).await.unwrap().unwrap(), kept);
            assert_eq!((listed(ANN).await, listed(BOB).await), (view, Member::default()));
            kept.members.set(ANN, Member::default());
            store.write(key, views(&kept, &[ANN])).await.unwrap();
            assert_eq!(store.load(key).await.unwrap(), Some(kept.clone()));
            assert_eq!(listed(ANN).await, Member::default());
        }
    }
}

#[tokio::test]
async fn views_of_all_dialogs_are_read_page_by_page() {
    for store in engines() {
        let view = Member { entered: true, ..Member::default() };
        let mut all = Vec::new();
        for (app, dialog, users) in [(1, 2, [ANN, BOB]), (1, 3, [CAT, BOB]), (2, 1, [CAT, ANN])] {
            let (key, mut kept) = (key(app, dialog), group(&users));
            store.create(key, &kept).await.unwrap();
            kept.members.set(users[0], view);
            store.write(key, views(&kept, &users[..1])).await.unwrap();
            all.push((key, users[0], view));
        }
        for max in 1..=4 {
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let page = store.views(after, max).await.unwrap();
                assert!(page.len() <= max);
                let Some((key, user, _)) = page.last() else { break };
                after = Some((*key, *user));
                read.extend(page);
            }
            assert_eq!(read, all, "{max} at a time");
        }
    }
}

#[tokio::test]
async fn members_come_and_go_and_a_dialog_may_be_gone() {
    for store in engines() {
        let (key, mut kept) = (key(1, 2), group(&[ANN, BOB]));
        store.create(key, &kept).await.unwrap();
        kept.members.set(BOB, Member::default().cleared_at(3));
        store.write(key, views(&kept, &[BOB])).await.unwrap();
        kept.members.remove(&[BOB]);
        kept.members.add(CAT, Member::default());
        kept.profile.name = Some("other".into());
        kept.facts.owner = CAT;
        let change = Write { kept: &kept, put: &[CAT], removed: &[BOB], gone: false };
        store.write(key, change).await.unwrap();
        assert_eq!(store.load(key).await.unwrap(), Some(kept.clone()));
        assert_eq!(store.of_user(AppId(1), BOB, 10).await.unwrap(), []);
        for user in [ANN, CAT] {
            let listed = store.of_user(AppId(1), user, 10).await.unwrap().remove(0);
            assert_eq!((&*listed.profile, &*listed.members, listed.facts), (&kept.profile, &[CAT, ANN][..], kept.facts));
        }
        // Who comes again has a view of his own again.
        kept.members.add(BOB, Member::default());
        store.write(key, views(&kept, &[BOB])).await.unwrap();
        assert_eq!(store.load(key).await.unwrap(), Some(kept.clone()));
        let all = [ANN, BOB, CAT];
        let empty = Kept { members: Members::default(), ..kept };
        store.write(key, Write { kept: &empty, put: &[], removed: &all, gone: true }).await.unwrap();
        assert_eq!(store.load(key).await.unwrap(), None);
        for user in all {
            assert_eq!(store.of_user(AppId(1), user, 10).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn what_is_public_everybody_lists_and_only_members_are_counted() {
    for store in engines() {
        let public = Kept { facts: Facts { kind: Kind::Public, ..group(&[]).facts }, ..group(&[ANN]) };
        let broadcast = Kept { facts: Facts { kind: Kind::Broadcast, ..group(&[]).facts }, ..group(&[ANN]) };
        store.create(key(1, 3), &public).await.unwrap();
        store.create(key(1, 4), &broadcast).await.unwrap();
        store.create(key(2, 5), &public).await.unwrap();
        let listed = async |user| {
            let listed = store.of_user(AppId(1), user, 10).await.unwrap();
            listed.into_iter().map(|listed| listed.key.dialog.0[0]).collect::<Vec<_>>()
        };
        assert_eq!((listed(ANN).await, listed(BOB).await), (vec![3, 4], vec![3]));
        assert_eq!(store.count_of_user(AppId(1), BOB, 9).await.unwrap(), 0);
        let memberships = store.memberships(AppId(1), ANN, 9).await.unwrap();
        assert_eq!(memberships, [(key(1, 3).dialog, Kind::Public), (key(1, 4).dialog, Kind::Broadcast)]);
        assert_eq!(store.memberships(AppId(1), ANN, 1).await.unwrap().len(), 1);
        assert_eq!(store.memberships(AppId(1), BOB, 9).await.unwrap(), []);
        let empty = Kept { members: Members::default(), ..public };
        store.write(key(1, 3), Write { kept: &empty, put: &[], removed: &[ANN], gone: true }).await.unwrap();
        assert_eq!((listed(ANN).await, listed(BOB).await), (vec![4], vec![]));
    }
}

#[tokio::test]
async fn a_large_group_is_read_whole() {
    for store in engines() {
        let users: Vec<UserId> = (1..=2_500).map(UserId).collect();
        let mut kept = group(&users);
        for user in &users {
            kept.members.set(*user, Member { muted: true, ..Member::default() });
        }
        store.create(key(1, 2), &kept).await.unwrap();
        assert_eq!(store.load(key(1, 2)).await.unwrap(), Some(kept));
    }
}

#[tokio::test]
async fn apps_and_users_are_apart_and_lists_are_bounded() {
    for store in engines() {
        for (app, dialog) in [(1, 3), (1, 1), (1, 2), (2, 9)] {
            store.create(key(app, dialog), &pair()).await.unwrap();
        }
        let listed = store.of_user(AppId(1), ANN, 10).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.key).collect::<Vec<_>>(), [key(1, 1), key(1, 2), key(1, 3)]);
        assert_eq!(store.of_user(AppId(1), ANN, 2).await.unwrap().len(), 2);
        assert_eq!(store.count_of_user(AppId(1), ANN, 2).await.unwrap(), 2);
        assert_eq!(store.count_of_user(AppId(2), ANN, 2).await.unwrap(), 1);
        assert_eq!(store.of_user(AppId(1), UserId(1), 10).await.unwrap(), []);
        assert_eq!(store.load(key(2, 1)).await.unwrap(), None);
    }
}

fn views<'a>(kept: &'a Kept, put: &'a [UserId]) -> Write<'a> {
    Write { kept, put, removed: &[], gone: false }
}

fn pair() -> Kept {
    let facts = Facts { kind: Kind::Private, owner: ANN, created_at: 1_000 };
    Kept { facts, profile: Profile::default(), members: Members::pair(ANN, BOB) }
}

/// With something in every field.
fn group(members: &[UserId]) -> Kept {
    let profile = Profile {
        name: Some("trip".into()),
        photo: Some("p".into()),
        description: Some("d".into()),
        extensions: [("k".to_owned(), "v".to_owned())].into(),
        allow_preview: Some(false),
        admins: [BOB].into(),
        pinned: vec![MessageId([7; 12]), MessageId([3; 12])],
        changed_at: 2_000,
    };
    let members = members.iter().map(|user| (*user, Member::default())).collect();
    Kept { facts: Facts { kind: Kind::Group, owner: ANN, created_at: 1_000 }, profile, members }
}

fn key(app: u64, dialog: u8) -> Key {
    Key { app: AppId(app), dialog: DialogId([dialog; 12]) }
}
