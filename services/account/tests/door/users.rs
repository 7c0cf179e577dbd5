//! Users: sign-up, update, password, deletion, lookups.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_db::Kv;
use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn of_many_sign_ups_with_one_login_exactly_one_wins() {
    for seed in 0..20 {
        let door = Door::open_on(Kv::memory_with(slow(seed))).await;
        let races = (0..8).map(|n| {
            let mut client = door.client.clone();
            let user = User { login: Some("ann".into()), ..User::default() };
            let request = SignUpRequest { user: Some(user), ..sign_up_request("ann", &format!("secret {n}")) };
            async move { answer(client.sign_up(request).await) }
        });
        let outcomes = futures::future::join_all(races).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "seed {seed}");
        for refused in lost {
            let failure = refused.unwrap_err();
            assert_eq!((failure.code, failure.field.as_str()), (Code::Exists, "login"), "seed {seed}: {failure}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chosen_id_is_given_once_and_counting_goes_around_it() {
    let mut door = Door::open().await;
    let chosen = SignUpRequest { id: 2, ..sign_up_request("two", "secret") };
    assert_eq!(answer(door.client.sign_up(chosen.clone()).await).unwrap().id, 2);
    let again = answer(door.client.sign_up(SignUpRequest { user: named("again"), ..chosen }).await);
    assert_eq!(again.unwrap_err(), Failure::of_field(Code::Exists, "id", "has already been taken"));
    assert_eq!(door.sign_up("one", "secret").await.id, 1);
    assert_eq!(door.sign_up("three", "secret").await.id, 3);
    answer(door.client.delete_user(UserRequest { app: 77, id: 2 }).await).unwrap();
    let revived = SignUpRequest { id: 2, ..sign_up_request("two", "secret") };
    assert_eq!(answer(door.client.sign_up(revived).await).unwrap_err().code, Code::Exists, "also after its end");
}

#[tokio::test(start_paused = true)]
async fn what_a_sign_up_lacks_is_named() {
    let mut door = Door::open().await;
    door.sign_up("ann", "secret").await;
    let cases = [
        (sign_up_request("an", "secret"), Code::Invalid, "login"),
        (sign_up_request("ben", ""), Code::Invalid, "password"),
        (sign_up_request("ben", "abc"), Code::Invalid, "password"),
        (SignUpRequest { user: None, ..sign_up_request("ben", "secret") }, Code::Invalid, "login"),
        (sign_up_request("ann", "secret"), Code::Exists, "login"),
        (SignUpRequest { auth_key: "wrong".into(), ..sign_up_request("ben", "secret") }, Code::Unauthenticated, ""),
        (SignUpRequest { app: 5, ..sign_up_request("ben", "secret") }, Code::NotFound, ""),
        (SignUpRequest { id: 1 << 53, ..sign_up_request("ben", "secret") }, Code::Invalid, "id"),
    ];
    for (request, code, field) in cases {
        let failure = answer(door.client.sign_up(request).await).unwrap_err();
        assert_eq!((failure.code, failure.field.as_str()), (code, field), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_changes_against_the_old_one() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    for old in [None, Some("wrong")] {
        let request = UpdateUserRequest { old_password: old.map(str::to_owned), ..new_password(ann.id, "") };
        let failure = answer(door.client.update_user(request).await).unwrap_err();
        assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, "old_password"));
    }
    answer(door.client.update_user(new_password(ann.id, "")).await).unwrap();
    assert!(door.authenticate(ann.id, b"changed").await.is_ok());
    check(door.authenticate(ann.id, b"secret").await, Code::Unauthenticated, "Invalid username or password");
    door.restart();
    check(door.authenticate(ann.id, b"secret").await, Code::Unauthenticated, "Invalid username or password");
}

#[tokio::test(start_paused = true)]
async fn a_new_password_ends_every_token_of_the_user_but_the_callers() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    door.sign_up("ben", "secret").await;
    let mine = door.session(Some(by_login("ann", "secret"))).await.token;
    let others =
        [door.session(Some(by_login("ann", "secret"))).await.token, door.session(Some(by_login("ann", "secret"))).await.token];
    let (bens, of_app) = (door.session(Some(by_login("ben", "secret"))).await.token, door.session(None).await.token);
    let set = Some(User { full_name: Some("Ann".into()), ..User::default() });
    let renamed = UpdateUserRequest { app: 77, id: ann.id, set, token: mine.clone(), ..UpdateUserRequest::default() };
    answer(door.client.update_user(renamed).await).unwrap();
    assert!(door.resolve(&others[0]).await.is_ok(), "another change ends nothing");

    answer(door.client.update_user(new_password(ann.id, &mine)).await).unwrap();
    for restarted in [false, true] {
        for token in &others {
            check(door.resolve(token).await, Code::Unauthenticated, "Required session does not exist");
            check(door.authenticate(ann.id, token.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
        }
        for token in [&mine, &bens, &of_app] {
            assert!(door.resolve(token).await.is_ok(), "restarted: {restarted}");
        }
        tokio::time::advance(10 * MINUTE).await;
        door.restart();
    }
    let again = UpdateUserRequest { old_password: Some("changed".into()), ..new_password(ann.id, &bens) };
    answer(door.client.update_user(again).await).unwrap();
    check(door.resolve(&mine).await, Code::Unauthenticated, "Required session does not exist");
    assert!(door.resolve(&bens).await.is_ok(), "somebody else's token is not the caller's");
}

#[tokio::test(start_paused = true)]
async fn the_callers_token_works_all_the_while_its_password_changes() {
    for seed in 0..30 {
        let mut door = Door::open_on(Kv::memory_with(slow(seed))).await;
        let ann = door.sign_up("ann", "secret").await;
        let mine = door.session(Some(by_login("ann", "secret"))).await.token;
        let late = door.session(None).await.token;
        tokio::time::advance(10 * MINUTE).await;
        let mut client = door.client.clone();
        let requests = (0..20).map(|n| {
            let (mut client, request) = (door.client.clone(), shown(&mine));
            async move {
                tokio::time::sleep(Duration::from_millis(5 * n)).await;
                answer(client.resolve(request).await)
            }
        });
        // Proved with the old password while it changes: it may win or lose, but what it gets ends with the old password.
        let login = LoginRequest { token: late.clone(), user: Some(by_login("ann", "secret")), ..LoginRequest::default() };
        let mut second = door.client.clone();
        let (changed, resolved, _) = tokio::join!(
            client.update_user(new_password(ann.id, &mine)),
            futures::future::join_all(requests),
            second.login(login)
        );
        answer(changed).unwrap();
        assert!(resolved.iter().all(Result::is_ok), "seed {seed}: {resolved:?}");
        assert!(door.resolve(&late).await.is_ok_and(|session| session.user == 0) || door.resolve(&late).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_shows_in_a_session_at_once_and_moves_the_name() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let token = door.session(Some(by_login("ann", "secret"))).await.token;
    tokio::time::advance(10 * MINUTE).await;
    assert_eq!(door.resolve(&token).await.unwrap().user_row.unwrap().last_request_at, START_MS);
    let set = User { login: Some("anna".into()), website: Some("anna.test".into()), ..User::default() };
    let update =
        UpdateUserRequest { app: 77, id: ann.id, set: Some(set), clear: vec!["email".into()], ..UpdateUserRequest::default() };
    let user = answer(door.client.update_user(update).await).unwrap();
    assert_eq!((user.website.as_deref(), user.email, user.updated_at), (Some("http://anna.test"), None, door.now()));
    let seen = door.resolve(&token).await.unwrap().user_row.unwrap();
    assert_eq!((seen.login.as_deref(), seen.last_request_at), (Some("anna"), door.now()));
    assert_eq!(door.find(By::Login("anna".into())).await.unwrap().id, ann.id);
    check(door.find(By::Login("ann".into())).await, Code::NotFound, "User not found");
    check(door.find(By::Email("ann@example.test".into())).await, Code::NotFound, "User not found");
    assert_eq!(door.sign_up("ann", "secret").await.login.as_deref(), Some("ann"), "the old name is free");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_user_takes_its_tokens_along_and_leaves_its_login() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let tokens =
        [door.session(Some(by_login("ann", "secret"))).await.token, door.session(Some(by_login("ann", "secret"))).await.token];
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    for token in &tokens {
        check(door.resolve(token).await, Code::Unauthenticated, "Required session does not exist");
        check(door.authenticate(ann.id, token.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
    }
    check(door.authenticate(ann.id, b"secret").await, Code::Unauthenticated, "Invalid username or password");
    let gone = GetUsersRequest { app: 77, ids: vec![ann.id] };
    assert_eq!(answer(door.client.get_users(gone).await).unwrap().users, []);
    let again = door.sign_up("ann", "another").await;
    assert_ne!(again.id, ann.id);
    assert!(door.authenticate(again.id, b"another").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn users_are_found_within_their_app_only() {
    let mut door = Door::open().await;
    let (ann, ben) = (door.sign_up("ann", "secret").await, door.sign_up("ben", "secret").await);
    let request = GetUsersRequest { app: 77, ids: vec![ben.id, 4711, ann.id, ben.id] };
    let users = answer(door.client.get_users(request).await).unwrap().users;
    assert_eq!(users.iter().map(|user| user.id).collect::<Vec<_>>(), [ben.id, ann.id, ben.id]);

    let other = answer(door.client.create_app(CreateAppRequest::default()).await).unwrap();
    let request = GetUsersRequest { app: other.id, ids: vec![ann.id] };
    assert_eq!(answer(door.client.get_users(request).await).unwrap().users, []);
    let elsewhere = AuthenticateRequest { app: other.id, user: ann.id, secret: b"secret".to_vec(), ..Default::default() };
    check(answer(door.client.authenticate(elsewhere).await), Code::Unauthenticated, "Invalid username or password");
    let listed = answer(door.client.list_apps(ListAppsRequest::default()).await).unwrap().apps;
    assert_eq!(listed.iter().map(|app| app.id).collect::<Vec<_>>(), [other.id, 77]);
}

#[tokio::test(start_paused = true)]
async fn one_user_is_found_by_every_name() {
    let mut door = Door::open().await;
    let user = User {
        phone: Some("+1 555 0100".into()),
        facebook_id: Some("f1".into()),
        twitter_id: Some("t1".into()),
        external_user_id: Some(675),
        external_id: Some("x1".into()),
        ..named("ann").unwrap()
    };
    let ann = answer(door.client.sign_up(SignUpRequest { user: Some(user), ..sign_up_request("ann", "secret") }).await).unwrap();
    for by in [
        By::Login("ann".into()),
        By::Email("ANN@example.test".into()),
        By::Phone("15550100".into()),
        By::FacebookId("f1".into()),
        By::TwitterId("t1".into()),
        By::ExternalUserId(675),
        By::ExternalId("x1".into()),
    ] {
        assert_eq!(door.find(by.clone()).await.map(|user| user.id), Ok(ann.id), "{by:?}");
    }
    for by in [By::FacebookId("t1".into()), By::ExternalUserId(1), By::Phone("1".into())] {
        check(door.find(by).await, Code::NotFound, "User not found");
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_is_found_by_its_key() {
    let mut door = Door::open().await;
    let made = answer(door.client.create_app(CreateAppRequest::default()).await).unwrap();
    for (key, id) in [("demoKey", 77), (made.auth_key.as_str(), made.id)] {
        assert_eq!(
            answer(door.client.find_app(FindAppRequest { auth_key: key.into(), ..Default::default() }).await).unwrap().id,
            id
        );
    }
    for key in ["", "demoKe", "demoKey ", &"k".repeat(100_000)] {
        check(
            answer(door.client.find_app(FindAppRequest { auth_key: key.into(), ..Default::default() }).await),
            Code::NotFound,
            "App not found",
        );
    }
    let same = CreateAppRequest { auth_key: "demoKey".into(), ..CreateAppRequest::default() };
    let refused = answer(door.client.create_app(same).await).unwrap_err();
    assert_eq!(refused, Failure::of_field(Code::Exists, "auth_key", "has already been taken"));
}
