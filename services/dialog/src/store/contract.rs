//! What every engine of the port must do, as one suite.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::cql::testing::on_cassandra;
use natter_db::{Db, Error, Kv, KvOptions};
use natter_proto::{AppId, DialogId, MessageId, UserId};

use super::{DialogStore, TABLES, Write, open};
use crate::dialog::group::Profile;
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Kept, Key, Kind};

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);
const CAT: UserId = UserId(5);

/// An engine, and apps that no other case has.
struct On {
    store: Arc<dyn DialogStore>,
    apps: u64,
}

macro_rules! on_each_engine {
    ($($case:ident)*) => {
        $(mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(super::On::of(&super::Kv::memory().into(), 0)).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let db = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap().into();
                super::$case(super::On::of(&db, 0)).await;
            }
        })*

        /// All cases in one keyspace: it takes long to make one.
        #[tokio::test]
        #[ignore = "needs Cassandra: cargo xtask test --servers"]
        async fn on_cassandra_every_case_holds() {
            on_cassandra(&[TABLES], async |cql| {
                let (db, mut apps) = (Db::from(cql), 0);
                $(
                    apps += 10;
                    println!("{}", stringify!($case));
                    $case(On::of(&db, apps)).await;
                )*
            })
            .await;
        }
    };
}

on_each_engine! {
    a_dialog_is_read_as_it_was_made
    a_dialog_is_made_once
    a_view_is_the_members_own
    a_dialog_is_frozen_whatever_its_kind
    views_of_all_dialogs_are_read_page_by_page
    members_come_and_go_and_a_dialog_may_be_gone
    what_is_public_everybody_lists_and_only_members_are_counted
    a_large_group_is_read_whole
    apps_and_users_are_apart_and_lists_are_bounded
    the_dialogs_of_an_app_are_read_page_by_page
    of_an_app_that_is_erased_nothing_is_left
}

async fn a_dialog_is_read_as_it_was_made(on: On) {
    for kept in [pair(), group(&[BOB, ANN])] {
        let key = on.key(1, if kept == pair() { 1 } else { 2 });
        assert_eq!(on.load(key).await, None);
        on.store.create(key, &kept).await.unwrap();
        assert_eq!(on.load(key).await, Some(kept.clone()));
        for user in [ANN, BOB] {
            let listed = on.store.of_user(on.app(1), user, 10).await.unwrap().pop().unwrap();
            assert_eq!((listed.key, listed.facts, &*listed.profile), (key, kept.facts, &kept.profile));
            assert_eq!((&*listed.members, listed.member), (&[ANN, BOB][..], Member::default()));
        }
    }
}

async fn a_dialog_is_made_once(on: On) {
    on.store.create(on.key(1, 1), &pair()).await.unwrap();
    let mut again = pair();
    again.facts.owner = BOB;
    assert_eq!(on.store.create(on.key(1, 1), &again).await, Err(Error::Condition));
    assert_eq!(on.load(on.key(1, 1)).await, Some(pair()));
}

async fn a_view_is_the_members_own(on: On) {
    for mut kept in [pair(), group(&[ANN, BOB])] {
        let key = on.key(1, if kept == pair() { 1 } else { 2 });
        let listed = async |user| {
            let listed = on.store.of_user(on.app(1), user, 10).await.unwrap();
            listed.into_iter().find(|listed| listed.key == key).unwrap().member
        };
        on.store.create(key, &kept).await.unwrap();
        let view = Member { muted: true, entered: true, ..Member::default().deleted_at(5) };
        kept.members.set(ANN, view);
        on.write(key, views(&kept, &[ANN])).await;
        assert_eq!(on.load(key).await.unwrap(), kept);
        assert_eq!((listed(ANN).await, listed(BOB).await), (view, Member::default()));
        kept.members.set(ANN, Member::default());
        on.write(key, views(&kept, &[ANN])).await;
        assert_eq!(on.load(key).await, Some(kept.clone()));
        assert_eq!(listed(ANN).await, Member::default());
    }
}

async fn a_dialog_is_frozen_whatever_its_kind(on: On) {
    for mut kept in [pair(), group(&[ANN, BOB])] {
        let key = on.key(1, if kept.facts.kind == Kind::Private { 1 } else { 2 });
        on.store.create(key, &kept).await.unwrap();
        for frozen in [true, false, true] {
            kept.profile.frozen = frozen;
            on.write(key, views(&kept, &[])).await;
            assert_eq!(on.load(key).await, Some(kept.clone()));
        }
        kept.members.set(ANN, Member::default().deleted_at(5));
        on.write(key, views(&kept, &[ANN])).await;
        assert_eq!(on.load(key).await, Some(kept), "what is written of a view leaves it");
    }
}

async fn views_of_all_dialogs_are_read_page_by_page(on: On) {
    let view = Member { entered: true, ..Member::default() };
    let mut all = Vec::new();
    for (app, dialog, users) in [(1, 2, [ANN, BOB]), (1, 3, [CAT, BOB]), (2, 1, [CAT, ANN])] {
        let (key, group) = (on.key(app, dialog), group(&users));
        let mut kept = Kept { facts: Facts { kind: Kind::Broadcast, ..group.facts }, ..group };
        on.store.create(key, &kept).await.unwrap();
        kept.members.set(users[0], view);
        on.write(key, views(&kept, &users[..1])).await;
        all.push((key, users[0], view));
    }
    for max in 1..=4 {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = on.store.views(after, max).await.unwrap();
            assert!(page.len() <= max);
            let Some((key, user, _)) = page.last() else { break };
            after = Some((*key, *user));
            // Other cases may have been here.
            read.extend(page.into_iter().filter(|(key, ..)| [on.app(1), on.app(2)].contains(&key.app)));
        }
        read.sort_by_key(|(key, ..)| *key);
        assert_eq!(read, all, "{max} at a time");
    }
    let (key, mut kept) = (on.key(1, 2), on.load(on.key(1, 2)).await.unwrap());
    kept.members.set(ANN, Member::default());
    on.write(key, views(&kept, &[ANN])).await;
    let left = on.store.views(None, 1_000).await.unwrap();
    assert!(left.iter().all(|(of, ..)| *of != key) && left.iter().any(|(of, ..)| *of == on.key(1, 3)));
}

async fn members_come_and_go_and_a_dialog_may_be_gone(on: On) {
    let (key, mut kept) = (on.key(1, 2), group(&[ANN, BOB]));
    on.store.create(key, &kept).await.unwrap();
    kept.members.set(BOB, Member::default().cleared_at(3));
    on.write(key, views(&kept, &[BOB])).await;
    kept.members.remove(&[BOB]);
    kept.members.add(CAT, Member::default());
    kept.profile.name = Some("other".into());
    kept.facts.owner = CAT;
    let change = Write { kept: &kept, added: &[CAT], views: &[], removed: &[BOB], gone: false };
    on.write(key, change).await;
    assert_eq!(on.load(key).await, Some(kept.clone()));
    assert_eq!(on.store.of_user(on.app(1), BOB, 10).await.unwrap(), []);
    for user in [ANN, CAT] {
        let listed = on.store.of_user(on.app(1), user, 10).await.unwrap().remove(0);
        assert_eq!((&*listed.profile, &*listed.members, listed.facts), (&kept.profile, &[CAT, ANN][..], kept.facts));
    }
    // Who comes again has a view of his own again.
    kept.members.add(BOB, Member::default());
    on.write(key, Write { added: &[BOB], views: &[], ..views(&kept, &[]) }).await;
    assert_eq!(on.load(key).await, Some(kept.clone()));
    let all = [ANN, BOB, CAT];
    let empty = Kept { members: Members::default(), ..kept.clone() };
    on.write(key, Write { kept: &empty, added: &[], views: &[], removed: &all, gone: true }).await;
    assert_eq!(on.load(key).await, None);
    for user in all {
        assert_eq!(on.store.of_user(on.app(1), user, 10).await.unwrap(), []);
    }
    // Made again it has nothing of the past.
    let again = group(&[BOB, ANN]);
    on.store.create(key, &again).await.unwrap();
    assert_eq!(on.store.create(key, &kept).await, Err(Error::Condition));
    assert_eq!(on.load(key).await, Some(again));
    assert_eq!(on.store.of_user(on.app(1), CAT, 10).await.unwrap(), []);
    assert_eq!(on.store.of_user(on.app(1), BOB, 10).await.unwrap().len(), 1);
}

async fn what_is_public_everybody_lists_and_only_members_are_counted(on: On) {
    let public = Kept { facts: Facts { kind: Kind::Public, ..group(&[]).facts }, ..group(&[ANN]) };
    let broadcast = Kept { facts: Facts { kind: Kind::Broadcast, ..group(&[]).facts }, ..group(&[ANN]) };
    on.store.create(on.key(1, 3), &public).await.unwrap();
    on.store.create(on.key(1, 4), &broadcast).await.unwrap();
    on.store.create(on.key(2, 5), &public).await.unwrap();
    let listed = async |user| {
        let listed = on.store.of_user(on.app(1), user, 10).await.unwrap();
        listed.into_iter().map(|listed| listed.key.dialog.0[0]).collect::<Vec<_>>()
    };
    assert_eq!((listed(ANN).await, listed(BOB).await), (vec![3, 4], vec![3]));
    assert_eq!(on.store.count_of_user(on.app(1), BOB, 9).await.unwrap(), 0);
    let memberships = on.store.memberships(on.app(1), ANN, 9).await.unwrap();
    assert_eq!(memberships, [(on.key(1, 3).dialog, Kind::Public), (on.key(1, 4).dialog, Kind::Broadcast)]);
    assert_eq!(on.store.memberships(on.app(1), ANN, 1).await.unwrap().len(), 1);
    assert_eq!(on.store.memberships(on.app(1), BOB, 9).await.unwrap(), []);
    let empty = Kept { members: Members::default(), ..public };
    on.write(on.key(1, 3), Write { kept: &empty, added: &[], views: &[], removed: &[ANN], gone: true }).await;
    assert_eq!((listed(ANN).await, listed(BOB).await), (vec![4], vec![]));
}

async fn a_large_group_is_read_whole(on: On) {
    let users: Vec<UserId> = (1..=2_500).map(UserId).collect();
    let mut kept = group(&users);
    for user in &users {
        kept.members.set(*user, Member { muted: true, ..Member::default() });
    }
    on.store.create(on.key(1, 2), &kept).await.unwrap();
    assert_eq!(on.load(on.key(1, 2)).await, Some(kept));
}

async fn apps_and_users_are_apart_and_lists_are_bounded(on: On) {
    for (app, dialog) in [(1, 3), (1, 1), (1, 2), (2, 9)] {
        on.store.create(on.key(app, dialog), &pair()).await.unwrap();
    }
    let listed = on.store.of_user(on.app(1), ANN, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.key).collect::<Vec<_>>(), [on.key(1, 1), on.key(1, 2), on.key(1, 3)]);
    assert_eq!(on.store.of_user(on.app(1), ANN, 2).await.unwrap().len(), 2);
    assert_eq!(on.store.count_of_user(on.app(1), ANN, 2).await.unwrap(), 2);
    assert_eq!(on.store.count_of_user(on.app(2), ANN, 2).await.unwrap(), 1);
    assert_eq!(on.store.of_user(on.app(1), UserId(1), 10).await.unwrap(), []);
    assert_eq!(on.load(on.key(2, 1)).await, None);
}

async fn the_dialogs_of_an_app_are_read_page_by_page(on: On) {
    for dialog in 1..=9 {
        on.store.create(on.key(1, dialog), &pair()).await.unwrap();
    }
    on.store.create(on.key(2, 100), &pair()).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = on.store.of_app(on.app(1), after, 4).await.unwrap();
        after = page.last().copied();
        let count = page.len();
        found.extend(page);
        if count < 4 {
            break;
        }
    }
    found.sort_unstable();
    let mut all: Vec<DialogId> = (1..=9).map(|dialog| on.key(1, dialog).dialog).collect();
    all.sort_unstable();
    assert_eq!(found, all);
    assert_eq!(on.store.of_app(on.app(3), None, 4).await, Ok(vec![]));
}

async fn of_an_app_that_is_erased_nothing_is_left(on: On) {
    let public = Kept { facts: Facts { kind: Kind::Public, ..group(&[]).facts }, ..group(&[ANN, BOB, CAT]) };
    for (app, dialog, kept) in
        [(1, 1, pair()), (1, 2, group(&[ANN, BOB])), (1, 3, public.clone()), (2, 1, pair()), (2, 3, public)]
    {
        on.store.create(on.key(app, dialog), &kept).await.unwrap();
    }
    let mut pages = 1;
    while on.store.erase(on.app(1), 2).await.unwrap() == 2 {
        pages += 1;
        assert!(pages < 20);
    }
    assert!(pages > 1);
    assert_eq!(on.store.erase(on.app(1), 2).await, Ok(0));
    for (dialog, user) in [(1, ANN), (2, BOB), (3, CAT)] {
        assert_eq!(on.load(on.key(1, dialog)).await, None);
        assert_eq!(on.store.memberships(on.app(1), user, 9).await, Ok(vec![]));
        assert_eq!(on.store.of_user(on.app(1), user, 9).await, Ok(vec![]));
    }
    assert_eq!(on.load(on.key(2, 1)).await, Some(pair()));
    assert_eq!(on.store.of_user(on.app(2), ANN, 9).await.unwrap().len(), 2);
}

fn views<'a>(kept: &'a Kept, views: &'a [UserId]) -> Write<'a> {
    Write { kept, added: &[], views, removed: &[], gone: false }
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
        frozen: false,
    };
    let members = members.iter().map(|user| (*user, Member::default())).collect();
    Kept { facts: Facts { kind: Kind::Group, owner: ANN, created_at: 1_000 }, profile, members }
}

impl On {
    fn of(db: &Db, apps: u64) -> On {
        On { store: open(db), apps }
    }

    fn app(&self, app: u64) -> AppId {
        AppId(self.apps + app)
    }

    fn key(&self, app: u64, dialog: u8) -> Key {
        Key { app: self.app(app), dialog: DialogId([dialog; 12]) }
    }

    async fn load(&self, key: Key) -> Option<Kept> {
        self.store.load(key).await.unwrap().map(|(kept, _)| kept)
    }

    /// Writes on what is there.
    async fn write(&self, key: Key, write: Write<'_>) {
        let (_, version) = self.store.load(key).await.unwrap().unwrap();
        let next = self.store.write(key, version, write).await.unwrap();
        if let Some((_, after)) = self.store.load(key).await.unwrap() {
            assert_eq!(after, next);
        }
    }
}
