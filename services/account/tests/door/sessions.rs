//! Sessions of the REST door, and who may open one.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_db::{Faults, Kv};
use natter_proto::Code;
use natter_proto::account::v1::*;
use natter_rpc::Request;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn an_app_session_becomes_a_users_and_goes_back() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(None).await;
    assert_eq!((session.user, session.app, session.user_row.is_none()), (0, 77, true));
    assert!(session.id > 0 && session.id < 1 << 53);
    assert_eq!((session.token.len(), session.pair_key.len()), (36, 32));

    let login = LoginRequest { token: session.token.clone(), user: Some(by_login("ann", "secret")), ..LoginRequest::default() };
    let upgraded = answer(door.client.login(login).await).unwrap();
    assert_eq!((upgraded.token.as_str(), upgraded.id, upgraded.user), (session.token.as_str(), ann.id, ann.id));
    assert_eq!(upgraded.user_row.unwrap().login.as_deref(), Some("ann"));
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);

    answer(door.client.logout(token(&session.token)).await).unwrap();
    assert_eq!(door.resolve(&session.token).await.unwrap().user, 0);
    answer(door.client.close_session(token(&session.token)).await).unwrap();
    // A link that does not know what became of its first attempt.
    let mut again = Request::new(token(&session.token));
    again.metadata_mut().insert("natter-repeated", "1".parse().unwrap());
    answer(door.client.close_session(again).await).unwrap();
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
            let (mut client, request) = (door.client.clone(), shown(&opened.token));
            async move { answer(client.resolve(request).await) }
        });
        let login =
            LoginRequest { token: opened.token.clone(), user: Some(by_login("ann", "secret")), ..LoginRequest::default() };
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
            let (mut client, request) = (door.client.clone(), shown(&opened.token));
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
