//! What every engine of the port must do, as one suite. A new engine is one more line in [`engines`].

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_db::{Error, Kv};
use natter_proto::{AppId, DialogId, UserId};

use super::{DialogStore, Kept, open};
use crate::dialog::members::{Member, Members};
use crate::dialog::{Facts, Key, Kind};

const ANN: UserId = UserId(34);
const BOB: UserId = UserId(78);

fn engines() -> Vec<Arc<dyn DialogStore>> {
    vec![open(&Kv::memory())]
}

#[tokio::test]
async fn a_dialog_is_read_as_it_was_made() {
    for store in engines() {
        assert_eq!(store.load(key(1, 1)).await.unwrap(), None);
        store.create(key(1, 1), &pair()).await.unwrap();
        assert_eq!(store.load(key(1, 1)).await.unwrap(), Some(pair()));
        for (user, other) in [(ANN, BOB), (BOB, ANN)] {
            let listed = store.of_user(AppId(1), user, 10).await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!((listed[0].key, listed[0].facts, listed[0].other), (key(1, 1), pair().facts, other));
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
        store.create(key(1, 1), &pair()).await.unwrap();
        let mut kept = pair();
        kept.members.set(ANN, Member::deleted_at(5));
        store.set_views(key(1, 1), &kept, &[ANN]).await.unwrap();
        assert_eq!(store.load(key(1, 1)).await.unwrap(), Some(kept));
        assert_eq!(store.of_user(AppId(1), ANN, 10).await.unwrap()[0].member, Member::deleted_at(5));
        assert_eq!(store.of_user(AppId(1), BOB, 10).await.unwrap()[0].member, Member::default());
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

fn pair() -> Kept {
    Kept { facts: Facts { kind: Kind::Private, owner: ANN, created_at: 1_000 }, members: Members::pair(ANN, BOB) }
}

fn key(app: u64, dialog: u8) -> Key {
    Key { app: AppId(app), dialog: DialogId([dialog; 12]) }
}
