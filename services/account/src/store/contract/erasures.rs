//! What every engine must do about the ends of users and apps.

#![allow(clippy::unwrap_used)]

use natter_proto::account::v1::{AppState, User};
use natter_proto::erasure::v1::Erased;

use super::{Along, App, Error, Name, Store, TokenKey, TokenRow, UserRow, ann, app, named, on_each_engine, verifier};
use crate::erasure::ErasureRow;

#[tokio::test]
async fn an_app_is_changed_by_who_saw_it_last_and_its_key_moves_along() {
    on_each_engine(async |store| {
        store.apps.add_app(app(2)).await.unwrap();
        let before = store.apps.app(2).await.unwrap().unwrap();
        store.apps.add_app(app(3)).await.unwrap();
        let renamed = App { auth_key: "new".into(), title: "T".into(), ..before.row.clone() };
        let after = store.apps.change_app(&before, renamed.clone(), None).await.unwrap();
        assert_eq!(after.row, renamed);
        assert_eq!(store.apps.app_with_key("new").await, Ok(Some(2)));
        assert_eq!(store.apps.app_with_key("key 2").await, Ok(None));
        let late = App { title: "late".into(), ..before.row.clone() };
        assert_eq!(store.apps.change_app(&before, late, None).await, Err(Error::Changed));
        let taken = App { auth_key: "key 3".into(), ..renamed };
        assert_eq!(store.apps.change_app(&after, taken, None).await, Err(Error::Taken("auth_key")));
        assert_eq!(store.apps.app(2).await, Ok(Some(after)));
    })
    .await;
}

#[tokio::test]
async fn an_erased_app_frees_its_key_keeps_its_id_and_begins_an_erasure() {
    on_each_engine(async |store| {
        store.apps.add_app(app(2)).await.unwrap();
        let before = store.apps.app(2).await.unwrap().unwrap();
        let after = App { id: 2, state: AppState::Erased.into(), ..App::default() };
        store.apps.change_app(&before, after, Some(ErasureRow::begun(2, 0, 5))).await.unwrap();
        assert_eq!(store.apps.app_with_key("key 2").await, Ok(None));
        assert_eq!(store.apps.add_app(app(2)).await, Err(Error::Taken("id")));
        assert_eq!(store.erasures.pending_erasures(9).await, Ok(vec![ErasureRow::begun(2, 0, 5)]));
    })
    .await;
}

#[tokio::test]
async fn an_erasure_begins_with_the_end_of_its_user_and_is_pending_until_it_ends() {
    on_each_engine(async |store| {
        let before = store.users.add_user(ann(7), None).await.unwrap();
        store.users.add_user(UserRow { user: named(8, "bob"), ..UserRow::default() }, None).await.unwrap();
        let late = UserRow { user: named(7, "late"), ..before.row.clone() };
        let kept = store.users.change_user(&before, late, Along::default()).await.unwrap();
        let end = |at| Along { erasure: Some(ErasureRow::begun(1, 7, at)), ..Along::default() };
        let refused = store.users.change_user(&before, gone(), end(5)).await;
        assert_eq!(refused.unwrap_err(), Error::Changed);
        assert_eq!(store.erasures.erasure(1, 7).await, Ok(None), "with the refused step nothing began");
        store.users.change_user(&kept, gone(), end(6)).await.unwrap();
        let mut row = ErasureRow::begun(1, 7, 6);
        assert_eq!(store.erasures.pending_erasures(9).await, Ok(vec![row.clone()]));
        (row.step, row.round, row.after, row.found) = (3, 1, vec![4, 5], true);
        row.erased.insert("files".into(), 9);
        store.erasures.put_erasure(&row).await.unwrap();
        assert_eq!(store.erasures.pending_erasures(9).await, Ok(vec![row.clone()]));
        row.ended_at = 10;
        store.erasures.put_erasure(&row).await.unwrap();
        assert_eq!(store.erasures.pending_erasures(9).await, Ok(vec![]));
        assert_eq!(store.erasures.erasure(1, 7).await, Ok(Some(row)));
    })
    .await;
}

#[tokio::test]
async fn reports_are_forgotten_by_their_age() {
    on_each_engine(async |store| {
        for (user, ended_at) in [(1, 5), (2, 0), (3, 10), (4, 4)] {
            let row = ErasureRow { ended_at, ..ErasureRow::begun(1, user, 1) };
            store.erasures.put_erasure(&row).await.unwrap();
        }
        let mut after = None;
        loop {
            after = store.erasures.forget_erasures(after, 10, 1).await.unwrap();
            if after.is_none() {
                break;
            }
        }
        let mut left = Vec::new();
        for user in 1..=4 {
            left.extend(store.erasures.erasure(1, user).await.unwrap().map(|row| row.user));
        }
        assert_eq!(left, [2, 3], "one goes on, one is too young");
    })
    .await;
}

#[tokio::test]
async fn of_a_user_tokens_and_what_a_late_login_wrote_go_and_nothing_of_others() {
    on_each_engine(async |store| {
        fill(&store).await;
        let count = |kind: &str, count| Erased { kind: kind.into(), count };
        assert_eq!(all(&store, 1, 7).await, [count("last_requests", 1), count("tokens", 2), count("verifiers", 1)]);
        assert_eq!(all(&store, 1, 7).await, []);
        for (n, left) in [(1, false), (2, false), (3, true), (4, true)] {
            assert_eq!(store.tokens.token(&TokenKey([n; 32])).await.unwrap().is_some(), left, "token {n}");
        }
        assert_eq!(store.users.verifier(1, 8).await.unwrap(), Some(verifier()));
        assert_eq!(store.users.users(1, &[7, 8]).await.unwrap().iter().flatten().count(), 2, "rows of users stay");
    })
    .await;
}

#[tokio::test]
async fn of_an_app_all_goes_but_its_own_report_and_nothing_of_the_next() {
    on_each_engine(async |store| {
        fill(&store).await;
        for user in [0, 7] {
            store.erasures.put_erasure(&ErasureRow::begun(1, user, 1)).await.unwrap();
        }
        let erased = all(&store, 1, 0).await;
        let of = |kind: &str| erased.iter().find(|one| one.kind == kind).map_or(0, |one| one.count);
        let kinds = ["users", "names", "tokens", "last_requests", "verifiers", "reports"];
        assert_eq!(kinds.map(of), [2, 2, 3, 2, 2, 1], "{erased:?}");
        assert_eq!(all(&store, 1, 0).await, []);
        assert!(store.erasures.erasure(1, 0).await.unwrap().is_some());
        assert_eq!(store.users.user_page(1, 0, 9).await.unwrap(), []);
        assert_eq!(store.users.holder(1, &Name::login("ann")).await, Ok(None));
        assert_eq!(store.users.holder(2, &Name::login("ann")).await, Ok(Some(7)));
        assert_eq!(store.users.user_page(2, 0, 9).await.unwrap().len(), 1);
        assert!(store.tokens.token(&TokenKey([4; 32])).await.unwrap().is_some());
    })
    .await;
}

/// Users 7 and 8 of app 1 and user 7 of app 2, with verifiers; two tokens of the first, one of each other.
async fn fill(store: &Store) {
    for (app, id, login) in [(1, 7, "ann"), (1, 8, "bob"), (2, 7, "ann")] {
        let row = UserRow { user: User { app, ..named(id, login) }, ..UserRow::default() };
        store.users.add_user(row, Some(verifier())).await.unwrap();
    }
    for (n, app, user) in [(1, 1, 7), (2, 1, 7), (3, 1, 8), (4, 2, 7)] {
        store.tokens.add_token(&TokenKey([n; 32]), TokenRow { app, user, ..TokenRow::default() }, 5).await.unwrap();
    }
}

/// Every page of an erasure, summed by kind.
async fn all(store: &Store, app: u64, user: u64) -> Vec<Erased> {
    let mut row = ErasureRow::default();
    let mut after = Vec::new();
    loop {
        let (erased, next) = store.erasures.erase_rows(app, user, &after).await.unwrap();
        erased.into_iter().filter(|one| one.count > 0).for_each(|one| *row.erased.entry(one.kind).or_default() += one.count);
        if next.is_empty() {
            return row.shown().erased;
        }
        after = next;
    }
}

fn gone() -> UserRow {
    UserRow { user: User { id: 7, app: 1, ..User::default() }, deleted: true, ..UserRow::default() }
}

#[tokio::test]
async fn with_an_app_go_its_guests_and_its_keys_for_forgotten_passwords() {
    on_each_engine(async |store| {
        for (app, id) in [(1, 7), (1, 8), (2, 9)] {
            let user = User { app, ..named(id, &format!("guest {id}")) };
            store.users.add_user(UserRow { user, guest_until: 50, ..UserRow::default() }, None).await.unwrap();
        }
        let erased = all(&store, 1, 0).await;
        assert!(erased.iter().any(|one| one.kind == "guests" && one.count == 2), "{erased:?}");
        assert_eq!(store.users.guests_over(100, 9).await.unwrap(), [(2, 9)]);
    })
    .await;
}
