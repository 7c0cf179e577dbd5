//! Lists of users by the index.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_account::Options;
use natter_db::{Faults, Kv};
use natter_proto::Code;
use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::*;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn a_list_follows_every_change_at_once() {
    let mut door = Door::open().await;
    let (ann, ben) = (door.sign_up("ann", "secret").await, door.sign_up("ben", "secret").await);
    let by_name = || filter("full_name", UserOp::Eq, "Ann Lee");
    assert_eq!(door.list(vec![]).await, (2, vec![ann.id, ben.id]), "the rows of before are read");
    assert_eq!(door.list(vec![by_name()]).await, (0, vec![]));
    for id in [ann.id, ben.id] {
        let set = Some(User { full_name: Some("Ann Lee".into()), custom_data: Some("{}".into()), ..User::default() });
        let update = UpdateUserRequest { app: 77, id, set, ..UpdateUserRequest::default() };
        answer(door.client.update_user(update).await).unwrap();
    }
    assert_eq!(door.list(vec![by_name()]).await, (2, vec![ann.id, ben.id]));
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    assert_eq!(door.list(vec![by_name()]).await, (1, vec![ben.id]));
    let cat = door.sign_up("cat", "secret").await;
    assert_eq!(door.list(vec![]).await, (2, vec![ben.id, cat.id]));
    tokio::time::advance(MINUTE).await;
    door.session(Some(by_login("ben", "secret"))).await;
    let seen = UserFilter { numbers: vec![door.now()], ..filter("last_request_at", UserOp::Eq, "") };
    assert_eq!(door.list(vec![seen.clone()]).await, (1, vec![ben.id]));
    door.restart();
    assert_eq!(door.list(vec![seen]).await, (1, vec![ben.id]), "it is made again from the rows");
    let request = ListUsersRequest { app: 77, sort: "login".into(), descending: true, limit: 1, ..Default::default() };
    let page = answer(door.client.list_users(request).await).unwrap();
    assert_eq!((page.total, page.users[0].login.as_deref()), (2, Some("cat")));
    let request = ListUsersRequest { app: 77, filters: vec![by_name()], limit: 1, ..Default::default() };
    let page = answer(door.client.list_users(request).await).unwrap();
    assert_eq!(page.users[0].custom_data.as_deref(), Some("{}"), "the whole row comes from the store");
    let other = answer(door.client.list_users(ListUsersRequest { app: 78, limit: 9, ..Default::default() }).await).unwrap();
    assert_eq!((other.total, other.users.len()), (0, 0), "another app's users");
    let wrong = ListUsersRequest { app: 77, filters: vec![filter("password", UserOp::Eq, "x")], ..Default::default() };
    let failure = answer(door.client.list_users(wrong).await).unwrap_err();
    assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, "filter"));
}

#[tokio::test(start_paused = true)]
async fn lists_made_while_users_come_and_change_miss_nobody() {
    for seed in 0..20 {
        let mut door = Door::open_on(Kv::memory_with(slow(seed))).await;
        let mut ids = Vec::new();
        for n in 0..6 {
            ids.push(door.sign_up(&format!("user{n}"), "secret").await.id);
        }
        door.restart();
        let lists = (0..4).map(|_| {
            let mut client = door.client.clone();
            async move { answer(client.list_users(ListUsersRequest { app: 77, limit: 99, ..Default::default() }).await) }
        });
        let changes = ids.iter().enumerate().map(|(n, id)| {
            let (mut client, id) = (door.client.clone(), *id);
            async move {
                let set = Some(User { full_name: Some("new".into()), ..User::default() });
                let update = UpdateUserRequest { app: 77, id, set, ..UpdateUserRequest::default() };
                let gone = UserRequest { app: 77, id };
                let updated = answer(client.update_user(update).await).map(|_| ());
                let deleted = if n == 0 { answer(client.delete_user(gone).await).map(|_| ()) } else { Ok(()) };
                updated.and(deleted)
            }
        });
        let mut client = door.client.clone();
        let (listed, changed, late) = tokio::join!(
            futures::future::join_all(lists),
            futures::future::join_all(changes),
            client.sign_up(sign_up_request("late", "secret"))
        );
        assert!(listed.iter().all(Result::is_ok) && changed.iter().all(Result::is_ok), "seed {seed}: {listed:?} {changed:?}");
        let mut expected = ids[1..].to_vec();
        assert_eq!(door.list(vec![filter("full_name", UserOp::Eq, "new")]).await, (5, expected.clone()), "seed {seed}");
        expected.push(answer(late).unwrap().id);
        expected.sort_unstable();
        assert_eq!(door.list(vec![]).await, (6, expected), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_caller_gave_up_is_listed_all_the_same() {
    // Slower than the caller is patient, not slower than the store may be.
    let mut door = Door::open_on(Kv::memory_with(Faults { delay_max: Duration::from_secs(1), ..slow(3) })).await;
    let mut patient = door.patient();
    answer(patient.sign_up(sign_up_request("ann", "secret")).await).unwrap();
    answer(patient.list_users(ListUsersRequest { app: 77, limit: 9, ..Default::default() }).await).unwrap();
    let impatient = tokio::time::timeout(Duration::from_millis(1), door.client.sign_up(sign_up_request("ben", "secret"))).await;
    assert!(impatient.is_err(), "the caller gave up");
    tokio::time::sleep(5 * MINUTE).await;
    let page = answer(patient.list_users(ListUsersRequest { app: 77, limit: 9, ..Default::default() }).await).unwrap();
    assert_eq!(page.total, 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_with_too_many_users_is_refused_until_it_has_fewer() {
    let mut door = Door::open_with(Options { index_users_max: 2, ..cheap() }).await;
    let mut ids = Vec::new();
    for login in ["ann", "ben", "cat"] {
        ids.push(door.sign_up(login, "secret").await.id);
    }
    let all = || ListUsersRequest { app: 77, limit: 9, ..Default::default() };
    let refusal = "this app has too many users to list or filter them, at most 2";
    for _ in 0..2 {
        check(answer(door.client.list_users(all()).await), Code::TooLarge, refusal);
    }
    answer(door.client.delete_user(UserRequest { app: 77, id: ids[0] }).await).unwrap();
    assert_eq!(door.list(vec![]).await, (2, ids[1..].to_vec()));
    let dan = door.sign_up("dan", "secret").await.id;
    check(answer(door.client.list_users(all()).await), Code::TooLarge, refusal);
    assert_eq!(door.find(By::Login("dan".into())).await.unwrap().id, dan, "one user is found all the same");
    // As many deletions as make the index forget who was deleted: it is read again.
    for id in [dan, ids[1], ids[2]] {
        answer(door.client.delete_user(UserRequest { app: 77, id }).await).unwrap();
        door.list(vec![]).await;
    }
    assert_eq!(door.list(vec![]).await, (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn apps_asked_least_recently_make_room() {
    let mut door = Door::open_with(Options { index_apps_max: 1, ..cheap() }).await;
    let ann = door.sign_up("ann", "secret").await;
    let loads = |door: &Door| -> String {
        let text = door.metrics.encode();
        text.lines().find_map(|line| line.strip_prefix("natter_account_index_loads_total ")).unwrap().to_owned()
    };
    for expected in ["1", "1"] {
        assert_eq!(door.list(vec![]).await, (1, vec![ann.id]));
        assert_eq!(loads(&door), expected, "once");
    }
    let request = ListUsersRequest { app: 78, limit: 9, ..Default::default() };
    answer(door.client.list_users(request).await).unwrap();
    assert_eq!(door.list(vec![]).await, (1, vec![ann.id]));
    assert_eq!(loads(&door), "3");
}

#[tokio::test(start_paused = true)]
async fn one_of_some_conditions_is_enough_beside_those_that_must_hold() {
    let mut door = Door::open().await;
    for login in ["anna", "annabel", "bob", "carl"] {
        door.sign_up(login, "secret").await;
    }
    let contains = |text: &str| UserFilter {
        field: "login".into(),
        op: UserOp::Contain.into(),
        texts: vec![text.into()],
        ..UserFilter::default()
    };
    for (filters, any, expected) in [
        (vec![], vec![contains("ann"), contains("ARL")], &["anna", "annabel", "carl"][..]),
        (vec![contains("bel")], vec![contains("ann"), contains("carl")], &["annabel"]),
        (vec![], vec![contains("nobody")], &[]),
        (vec![], vec![], &["anna", "annabel", "bob", "carl"]),
    ] {
        let request = ListUsersRequest { app: 77, filters, any, sort: "login".into(), limit: 9, ..ListUsersRequest::default() };
        let reply = answer(door.client.list_users(request).await).unwrap();
        let logins: Vec<_> = reply.users.into_iter().filter_map(|user| user.login).collect();
        assert_eq!(
            (logins.as_slice(), reply.total),
            (&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..], expected.len() as u64)
        );
    }
}
