//! The account service at its gRPC door, on the memory engine, with paused time.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_account::{Argon2Options, Options, Parts, Service};
use natter_actor::{Chance, Clock};
use natter_db::{Faults, Kv};
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Response, Status};
use natter_telemetry::Metrics;

const START_MS: i64 = 1_700_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

// === Sessions ===

#[tokio::test(start_paused = true)]
async fn an_app_session_becomes_a_users_and_goes_back() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(None).await;
    assert_eq!((session.user, session.app, session.user_row.is_none()), (0, 77, true));
    assert!(session.id > 0 && session.id < 1 << 53);
    assert_eq!((session.token.len(), session.pair_key.len()), (36, 32));

    let login = LoginRequest { token: session.token.clone(), user: Some(by_login("ann", "secret")), address: String::new() };
    let upgraded = answer(door.client.login(login).await).unwrap();
    assert_eq!((upgraded.token.as_str(), upgraded.id, upgraded.user), (session.token.as_str(), ann.id, ann.id));
    assert_eq!(upgraded.user_row.unwrap().login.as_deref(), Some("ann"));
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);

    answer(door.client.logout(token(&session.token)).await).unwrap();
    assert_eq!(door.resolve(&session.token).await.unwrap().user, 0);
    answer(door.client.close_session(token(&session.token)).await).unwrap();
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
}

#[tokio::test(start_paused = true)]
async fn a_token_lives_two_hours_after_its_last_request_also_across_a_restart() {
    let mut door = Door::open().await;
    let token = door.session(None).await.token;
    for _ in 0..5 {
        tokio::time::advance(119 * MINUTE).await;
        let session = door.resolve(&token).await.unwrap();
        assert_eq!(session.expires_at, door.now() + 120 * 60_000, "announced from the last request on");
    }
    door.restart();
    tokio::time::advance(120 * MINUTE - Duration::from_millis(1)).await;
    assert!(door.resolve(&token).await.is_ok(), "what was announced holds");
    tokio::time::advance(126 * MINUTE).await;
    check(door.resolve(&token).await, Code::Unauthenticated, "Required session does not exist");
}

#[tokio::test(start_paused = true)]
async fn a_refusing_store_shortens_no_life_that_was_announced() {
    let mut door = Door::open().await;
    let session = door.session(None).await;
    tokio::time::advance(60 * MINUTE).await;
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    let later = door.resolve(&session.token).await.unwrap();
    assert_eq!(later.expires_at, session.expires_at + 5 * 60_000, "no more than is kept");
    assert_eq!(answer(door.open_session(None).await).unwrap_err().code, Code::NotStored);
    door.db.set_faults(Faults::default());
    let recovered = door.resolve(&session.token).await.unwrap();
    assert_eq!(recovered.expires_at, door.now() + 120 * 60_000);
}

#[tokio::test(start_paused = true)]
async fn requests_side_by_side_do_not_trip_over_each_other() {
    for seed in 0..20 {
        let mut door = Door::open_on(Kv::memory_with(slow(seed))).await;
        let ann = door.sign_up("ann", "secret").await;
        let opened = door.session(None).await;
        tokio::time::advance(10 * MINUTE).await;
        let requests = (0..8).map(|_| {
            let (mut client, request) = (door.client.clone(), token(&opened.token));
            async move { answer(client.resolve(request).await) }
        });
        let login = LoginRequest { token: opened.token.clone(), user: Some(by_login("ann", "secret")), address: String::new() };
        let mut client = door.client.clone();
        let (resolved, logged_in) = tokio::join!(futures::future::join_all(requests), client.login(login));
        assert_eq!(answer(logged_in).unwrap().user, ann.id, "seed {seed}");
        assert!(resolved.iter().all(Result::is_ok), "seed {seed}: {resolved:?}");
        assert_eq!(door.resolve(&opened.token).await.unwrap().user, ann.id, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_closed_stays_closed_beside_other_requests() {
    for seed in 0..50 {
        let mut door = Door::open_on(Kv::memory_with(slow(seed))).await;
        let opened = door.session(None).await;
        tokio::time::advance(10 * MINUTE).await;
        let requests = (0..4).map(|_| {
            let (mut client, request) = (door.client.clone(), token(&opened.token));
            async move { client.resolve(request).await.is_ok() }
        });
        let mut client = door.client.clone();
        let (_, closed) = tokio::join!(futures::future::join_all(requests), client.close_session(token(&opened.token)));
        answer(closed).unwrap();
        check(door.resolve(&opened.token).await, Code::Unauthenticated, "Required session does not exist");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_tokens_of_any_shape_do_not_exist() {
    let mut door = Door::open().await;
    for garbage in ["", "x", &"A".repeat(36), &"a".repeat(36), &"A".repeat(100_000), "' or 1=1 --", "\u{0}"] {
        check(door.resolve(garbage).await, Code::Unauthenticated, "Required session does not exist");
    }
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_swept_and_the_living_stay() {
    let mut door = Door::open().await;
    let dead = door.session(None).await.token;
    tokio::time::advance(130 * MINUTE).await;
    let living = door.session(None).await.token;
    let sweeping = tokio::spawn(door.service.clone().run(tokio::time::sleep(MINUTE)));
    sweeping.await.unwrap();
    assert!(door.metrics.encode().contains("natter_account_tokens_swept_total 1"), "{}", door.metrics.encode());
    door.restart();
    assert!(door.resolve(&living).await.is_ok());
    check(door.resolve(&dead).await, Code::Unauthenticated, "Required session does not exist");
}

// === Who may open one ===

#[tokio::test(start_paused = true)]
async fn app_and_signature_are_checked() {
    let mut door = Door::open().await;
    let signed = |nonce: u64, signature: &str| OpenSessionRequest {
        app: 77,
        auth_key: "demoKey".into(),
        nonce,
        timestamp: 1_700_000_000,
        signature: signature.into(),
        to_sign: format!("application_id=77&auth_key=demoKey&nonce={nonce}&timestamp=1700000000"),
        ..OpenSessionRequest::default()
    };
    let right = "72541bff86c550097f5357430997844b22b6052f";
    let session = answer(door.client.open_session(signed(4242, right)).await).unwrap();
    assert_eq!((session.nonce, session.timestamp), (4242, 1_700_000_000));
    check(answer(door.client.open_session(signed(4243, right)).await), Code::Invalid, "Unexpected signature");
    let wrong_key = OpenSessionRequest { auth_key: "demoKez".into(), ..signed(4242, right) };
    check(answer(door.client.open_session(wrong_key).await), Code::Unauthenticated, "Unauthorized");
    let wrong_app = OpenSessionRequest { app: 78, ..signed(4242, right) };
    check(answer(door.client.open_session(wrong_app).await), Code::Unauthenticated, "Unauthorized");
    tokio::time::advance(61 * MINUTE).await;
    check(answer(door.client.open_session(signed(4242, right)).await), Code::Invalid, "Bad timestamp");
}

#[tokio::test(start_paused = true)]
async fn the_rest_door_tells_a_wrong_password_from_an_unknown_user() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    assert_eq!((session.id, session.user), (ann.id, ann.id));
    let wrong = answer(door.open_session(Some(by_login("ann", "Secret"))).await);
    check(wrong, Code::Unauthenticated, "Invalid password");
    let unknown = answer(door.open_session(Some(by_login("Ann", "secret"))).await);
    check(unknown, Code::NotFound, "User not found");
    let email = Credentials { email: Some("ANN@example.test".into()), password: "secret".into(), login: None };
    assert_eq!(door.session(Some(email)).await.user, ann.id);
}

// === The chat door ===

#[tokio::test(start_paused = true)]
async fn a_chat_password_is_utf8_latin1_or_a_live_token_of_that_user() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "pässwörd").await;
    let ben = door.sign_up("ben", "secret").await;
    let reply = door.authenticate(ann.id, "pässwörd".as_bytes()).await.unwrap();
    assert_eq!((reply.user.unwrap().id, reply.pair_key.len(), reply.token.as_str()), (ann.id, 32, ""));
    assert!(door.authenticate(ann.id, b"p\xe4ssw\xf6rd").await.is_ok());

    let token = door.session(Some(by_login("ann", "pässwörd"))).await.token;
    assert_eq!(door.authenticate(ann.id, token.as_bytes()).await.unwrap().token, token);
    let app_token = door.session(None).await.token;
    for (user, secret) in
        [(ben.id, token.as_bytes()), (ann.id, app_token.as_bytes()), (ann.id, b"wrong"), (ann.id, b""), (999, b"secret")]
    {
        check(door.authenticate(user, secret).await, Code::Unauthenticated, "Invalid username or password");
    }
    tokio::time::advance(126 * MINUTE).await;
    check(door.authenticate(ann.id, token.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_limited_and_dead_tokens_are_not_guesses() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    for _ in 0..50 {
        let dead = door.authenticate(ann.id, "A".repeat(36).as_bytes()).await;
        check(dead, Code::Unauthenticated, "Invalid username or password");
        assert!(door.authenticate(ann.id, b"secret").await.is_ok(), "a right password is never limited before");
    }
    let token = door.session(Some(by_login("ann", "secret"))).await.token;
    for n in 0..10 {
        let guess = format!("guess {n}");
        check(door.authenticate(ann.id, guess.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
    }
    let refusal = "too many wrong passwords, wait a minute";
    check(door.authenticate(ann.id, b"secret").await, Code::TooMany, refusal);
    check(answer(door.open_session(Some(by_login("ann", "secret"))).await), Code::TooMany, refusal);
    assert!(door.authenticate(ann.id, token.as_bytes()).await.is_ok(), "a token needs no guessing");
    tokio::time::advance(MINUTE).await;
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());

    for user in 1000..1300 {
        let _ = door.authenticate(user, b"secret").await;
    }
    check(door.authenticate(ann.id, b"secret").await, Code::TooMany, refusal);
}

#[tokio::test(start_paused = true)]
async fn guesses_sent_all_at_once_do_not_pass_the_limit() {
    // A slow store, so that they all get past the first look at the limit.
    let mut door = Door::open_on(Kv::memory_with(slow(0))).await;
    let ann = door.sign_up("ann", "secret").await;
    let guesses = (0..100).map(|n| {
        let mut client = door.client.clone();
        let request = AuthenticateRequest { app: 77, user: ann.id, secret: format!("guess {n}").into(), address: "a".into() };
        async move { answer(client.authenticate(request).await).unwrap_err().code }
    });
    let codes = futures::future::join_all(guesses).await;
    let looked_at = codes.iter().filter(|code| **code == Code::Unauthenticated).count();
    assert!((10..=11).contains(&looked_at), "{looked_at} looked at, one run at a time");
}

#[tokio::test(start_paused = true)]
async fn a_known_password_is_not_hashed_again_also_after_a_restart() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    door.restart();
    for _ in 0..20 {
        assert!(door.authenticate(ann.id, b"secret").await.is_ok());
        door.session(Some(by_login("ann", "secret"))).await;
    }
    assert_eq!(door.hashes(), 0, "the verifier of the sign-up holds");
    tokio::time::advance(Duration::from_secs(7 * 24 * 3600)).await;
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 1, "for seven days");
    door.restart();
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 0, "the next one was kept too");
    door.restart_with_key([9; 32]);
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    assert_eq!(door.hashes(), 1, "another key makes the old verifiers worthless");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_login_costs_one_write_and_a_request_no_store_at_all() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    door.authenticate(ann.id, b"secret").await.unwrap();

    let (commits, gets) = (door.store_calls("commit"), door.store_calls("get"));
    for _ in 0..10 {
        door.resolve(&session.token).await.unwrap();
        door.authenticate(ann.id, b"secret").await.unwrap();
        door.authenticate(ann.id, session.token.as_bytes()).await.unwrap();
    }
    assert_eq!((door.store_calls("commit"), door.store_calls("get")), (commits, gets));
    door.session(Some(by_login("ann", "secret"))).await;
    assert_eq!(door.store_calls("commit"), commits + 1, "the token");
    assert_eq!(door.store_calls("get"), gets + 1, "who is called ann");
}

// === Users ===

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
            let (mut client, request) = (door.client.clone(), token(&mine));
            async move {
                tokio::time::sleep(Duration::from_millis(5 * n)).await;
                answer(client.resolve(request).await)
            }
        });
        // Proved with the old password while it changes: it may win or lose, but what it gets ends with the old password.
        let login = LoginRequest { token: late.clone(), user: Some(by_login("ann", "secret")), address: String::new() };
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
    let elsewhere = AuthenticateRequest { app: other.id, user: ann.id, secret: b"secret".to_vec(), address: String::new() };
    check(answer(door.client.authenticate(elsewhere).await), Code::Unauthenticated, "Invalid username or password");
    let listed = answer(door.client.list_apps(ListAppsRequest {}).await).unwrap().apps;
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
        assert_eq!(answer(door.client.find_app(FindAppRequest { auth_key: key.into() }).await).unwrap().id, id);
    }
    for key in ["", "demoKe", "demoKey ", &"k".repeat(100_000)] {
        check(answer(door.client.find_app(FindAppRequest { auth_key: key.into() }).await), Code::NotFound, "App not found");
    }
    let same = CreateAppRequest { auth_key: "demoKey".into(), ..CreateAppRequest::default() };
    let refused = answer(door.client.create_app(same).await).unwrap_err();
    assert_eq!(refused, Failure::of_field(Code::Exists, "auth_key", "has already been taken"));
}

// === Lists ===

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
    let mut door = Door::open_on(Kv::memory_with(Faults { delay_max: Duration::from_secs(10), ..slow(3) })).await;
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

// === The door under test ===

struct Door {
    client: AccountsClient<Link>,
    service: Service,
    metrics: Metrics,
    db: Kv,
    clock: Clock,
}

impl Door {
    async fn open() -> Door {
        Door::open_on(Kv::memory_with(Faults::default())).await
    }

    /// A service on `db` with the app of contract rest 2.3.
    async fn open_on(db: Kv) -> Door {
        Door::open_as(db, cheap()).await
    }

    async fn open_with(options: Options) -> Door {
        Door::open_as(Kv::memory(), options).await
    }

    async fn open_as(db: Kv, options: Options) -> Door {
        let clock = Clock::paused(START_MS);
        let (client, service, metrics) = start(&db, &clock, options, [1; 32]);
        let mut door = Door { client, service, metrics, db, clock };
        let app = CreateAppRequest { id: 77, auth_key: "demoKey".into(), auth_secret: "demoSecret".into(), ..Default::default() };
        answer(door.client.create_app(app).await).unwrap();
        door
    }

    fn restart(&mut self) {
        self.restart_with_key([1; 32]);
    }

    fn restart_with_key(&mut self, verifier_key: [u8; 32]) {
        (self.client, self.service, self.metrics) = start(&self.db, &self.clock, cheap(), verifier_key);
    }

    fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Argon2 runs since the start.
    fn hashes(&self) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix("natter_account_hashes_total "));
        line.unwrap().parse().unwrap()
    }

    /// Calls of the store since it was opened: `get` or `commit`.
    fn store_calls(&self, op: &str) -> u64 {
        let metrics = Metrics::new();
        self.db.register(&metrics);
        let (text, name) = (metrics.encode(), format!("natter_db_op_seconds_count{{op=\"{op}\"}} "));
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }

    async fn sign_up(&mut self, login: &str, password: &str) -> User {
        answer(self.client.sign_up(sign_up_request(login, password)).await).unwrap()
    }

    async fn open_session(&mut self, user: Option<Credentials>) -> Result<Response<Session>, Status> {
        let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), user, ..OpenSessionRequest::default() };
        self.client.open_session(request).await
    }

    async fn session(&mut self, user: Option<Credentials>) -> Session {
        answer(self.open_session(user).await).unwrap()
    }

    async fn resolve(&mut self, text: &str) -> Result<Session, Failure> {
        answer(self.client.resolve(token(text)).await)
    }

    async fn authenticate(&mut self, user: u64, secret: &[u8]) -> Result<AuthenticateReply, Failure> {
        let request = AuthenticateRequest { app: 77, user, secret: secret.to_vec(), address: "192.0.2.1".into() };
        answer(self.client.authenticate(request).await)
    }

    /// A link that waits as long as it takes.
    fn patient(&self) -> AccountsClient<Link> {
        let options = LinkOptions { deadline: Duration::from_secs(3600), ..LinkOptions::default() };
        AccountsClient::new(Link::local(self.service.server(), options))
    }

    /// Total and ids of the first page by id.
    async fn list(&mut self, filters: Vec<UserFilter>) -> (u64, Vec<u64>) {
        let request = ListUsersRequest { app: 77, filters, limit: 100, ..ListUsersRequest::default() };
        let page = answer(self.client.list_users(request).await).unwrap();
        (page.total, page.users.iter().map(|user| user.id).collect())
    }

    async fn find(&mut self, by: By) -> Result<User, Failure> {
        answer(self.client.find_user(FindUserRequest { app: 77, by: Some(by) }).await)
    }
}

fn start(db: &Kv, clock: &Clock, options: Options, verifier_key: [u8; 32]) -> (AccountsClient<Link>, Service, Metrics) {
    let metrics = Metrics::new();
    let parts = Parts { db: db.clone(), clock: clock.clone(), chance: Chance::system(), metrics: metrics.clone(), verifier_key };
    let service = Service::new(options, parts);
    let client = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
    (client, service, metrics)
}

fn cheap() -> Options {
    Options { argon2: Argon2Options::cheap(), ..Options::default() }
}

fn slow(seed: u64) -> Faults {
    Faults { seed, delay_max: Duration::from_millis(20), ..Faults::default() }
}

fn sign_up_request(login: &str, password: &str) -> SignUpRequest {
    SignUpRequest { app: 77, user: named(login), password: password.into(), ..SignUpRequest::default() }
}

/// Ann's password becomes `changed`, asked with a token.
fn new_password(id: u64, token: &str) -> UpdateUserRequest {
    let (password, old_password) = (Some("changed".into()), Some("secret".into()));
    UpdateUserRequest { app: 77, id, password, old_password, token: token.into(), ..UpdateUserRequest::default() }
}

fn filter(field: &str, op: UserOp, text: &str) -> UserFilter {
    UserFilter { field: field.into(), op: op.into(), texts: vec![text.into()], numbers: Vec::new() }
}

fn named(login: &str) -> Option<User> {
    Some(User { login: Some(login.into()), email: Some(format!("{login}@example.test")), ..User::default() })
}

fn by_login(login: &str, password: &str) -> Credentials {
    Credentials { login: Some(login.into()), email: None, password: password.into() }
}

fn token(token: &str) -> TokenRequest {
    TokenRequest { token: token.into() }
}

fn answer<T>(reply: Result<Response<T>, Status>) -> Result<T, Failure> {
    reply.map(Response::into_inner).map_err(Failure::from)
}

fn check<T: std::fmt::Debug>(outcome: Result<T, Failure>, code: Code, text: &str) {
    let failure = outcome.expect_err("a refusal");
    assert_eq!((failure.code, failure.text.as_str()), (code, text));
}
