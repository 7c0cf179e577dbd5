//! Who signs in by something else than a password: guests, users of an unknown login, and those a provider vouches for.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use natter_outbound::{Answer, Error as Outside};
use natter_proto::account::v1::find_user_request::By;
use natter_proto::account::v1::provided::By as Shown;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::kit::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn a_guest_lives_a_day_signs_in_to_chat_with_its_token_and_is_gone() {
    let mut door = Door::open().await;
    check(guest(&mut door, "").await, Code::Invalid, "Guest users are not offered");
    door.set_identity(Identity { guests: true, ..Identity::default() }).await;
    let session = guest(&mut door, "").await.unwrap();
    let user = session.user_row.clone().unwrap();
    assert!(user.guest && user.login.as_deref().is_some_and(|login| login.starts_with("guest_login_")), "{user:?}");
    assert_eq!((user.full_name.as_deref(), user.email.as_deref(), user.external_id.as_deref()), (Some("Ann"), None, None));
    assert_eq!(session.expires_at, door.now() + 24 * 3_600_000);
    let entered = door.authenticate(user.id, session.token.as_bytes()).await.unwrap();
    assert_eq!((entered.user.unwrap().id, entered.token.as_str()), (user.id, session.token.as_str()));

    let regular = door.sign_up("ben", "secret").await;
    tokio::time::advance(23 * HOUR).await;
    let later = door.resolve(&session.token).await.unwrap();
    assert_eq!((later.user, later.expires_at), (user.id, session.expires_at), "a day, not two hours from the last request");
    sweep(&door).await;
    assert!(door.find(By::Login(user.login.clone().unwrap())).await.is_ok());

    tokio::time::advance(HOUR).await;
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
    sweep(&door).await;
    check(door.find(By::Login(user.login.unwrap())).await, Code::NotFound, "User not found");
    assert!(door.find(By::Login(regular.login.unwrap())).await.is_ok(), "who signed up stays");
    assert!(door.metrics.encode().contains("natter_account_guests_swept_total 1"));
}

#[tokio::test(start_paused = true)]
async fn an_address_makes_so_many_guests_in_a_minute() {
    let mut door = Door::open_with(natter_account::Options { newcomers_address_max: 2, ..cheap() }).await;
    door.set_identity(Identity { guests: true, ..Identity::default() }).await;
    for address in ["2001:db8:1:2::1", "2001:db8:1:2::2"] {
        guest(&mut door, address).await.unwrap();
    }
    check(guest(&mut door, "2001:db8:1:2::3").await, Code::TooMany, "too many new users from this address, wait a minute");
    guest(&mut door, "2001:db8:1:3::1").await.unwrap();
    tokio::time::advance(MINUTE).await;
    guest(&mut door, "2001:db8:1:2::3").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_login_makes_a_user_only_where_the_app_wants_it() {
    let mut door = Door::open().await;
    check(answer(door.open_session(Some(by_login("cat", "secret"))).await), Code::NotFound, "User not found");
    door.set_identity(Identity { create_unknown: true, ..Identity::default() }).await;
    let made = door.session(Some(by_login("cat", "secret"))).await;
    assert_eq!(door.session(Some(by_login("cat", "secret"))).await.user, made.user, "the second time it is known");
    check(answer(door.open_session(Some(by_login("cat", "other"))).await), Code::Unauthenticated, "Invalid password");
    let token = door.session(None).await.token;
    let login = LoginRequest { token, user: Some(by_login("dan", "secret")), ..LoginRequest::default() };
    check(answer(door.client.login(login).await), Code::NotFound, "User not found");
    let short = answer(door.open_session(Some(by_login("dan", "x"))).await).unwrap_err();
    assert_eq!((short.code, short.field.as_str()), (Code::Invalid, "password"), "the rules of a sign-up hold");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_the_apps_provider_knows_is_its_user() {
    let (status, asked) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
    let (code, count) = (status.clone(), asked.clone());
    let mut door = Door::open_beside(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(request.headers.last().unwrap(), &("x-token".to_owned(), format!("is {}", body["token"].as_str().unwrap())));
        let uid = body["token"].as_str().unwrap().strip_prefix("token of ").unwrap_or_default();
        Ok(Answer {
            status: code.load(Ordering::Relaxed),
            body: json!({"user": {"id": uid, "name": "Ann"}}).to_string().into_bytes(),
            ..Answer::default()
        })
    })
    .await;
    door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
    let ben = door.sign_up("ben", "secret").await;

    let ann = door.session(Some(by_login("token of 7", "anything"))).await;
    let row = ann.user_row.unwrap();
    assert_eq!((row.external_id.as_deref(), row.full_name.as_deref(), row.login), (Some("7"), Some("Ann"), None));
    let token = door.session(None).await.token;
    let login = LoginRequest { token, user: Some(by_login("token of 7", "other")), ..LoginRequest::default() };
    assert_eq!(answer(door.client.login(login).await).unwrap().user, ann.user, "found again, at the other door too");
    assert!(door.authenticate(ann.user, ann.token.as_bytes()).await.is_ok(), "its token is its password for the chat");

    let before = asked.load(Ordering::Relaxed);
    assert_eq!(door.session(Some(by_login("ben", "secret"))).await.user, ben.id);
    check(answer(door.open_session(Some(by_login("ben", "wrong"))).await), Code::Unauthenticated, "Invalid password");
    assert_eq!(asked.load(Ordering::Relaxed), before, "who has a password is nobody else's business");

    let refused = "The identity provider refused the token";
    check(answer(door.open_session(Some(by_login("somebody", "x"))).await), Code::Invalid, refused);
    for (answered, code, text) in [
        (401, Code::Invalid, refused),
        (404, Code::Invalid, refused),
        (302, Code::Busy, "the identity provider does not answer"),
        (429, Code::Busy, "the identity provider does not answer"),
        (500, Code::Busy, "the identity provider does not answer"),
    ] {
        status.store(answered, Ordering::Relaxed);
        check(answer(door.open_session(Some(by_login("token of 7", "x"))).await), code, text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_not_reached_or_talks_nonsense_is_not_believed() {
    for outcome in [Err(Outside::Late), Err(Outside::Barred), Err(Outside::Busy), Ok("no JSON"), Ok("")] {
        let mut door =
            Door::open_beside(move |_| outcome.map(|body| Answer { status: 200, body: body.into(), ..Answer::default() })).await;
        door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
        let opened = answer(door.open_session(Some(by_login("token of 7", "x"))).await);
        check(opened, Code::Busy, "the identity provider does not answer");
    }
    let mut door = Door::open_beside(|_| Ok(Answer { status: 200, body: b"[]".to_vec(), ..Answer::default() })).await;
    door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
    let opened = answer(door.open_session(Some(by_login("token of 7", "x"))).await);
    check(opened, Code::Invalid, "The identity provider refused the token");
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_refuses_is_a_guess_of_its_address() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let mut door = Door::open_beside(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Answer { status: 401, body: Vec::new(), ..Answer::default() })
    })
    .await;
    door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
    let request = |address: &str| OpenSessionRequest {
        app: 77,
        auth_key: "demoKey".into(),
        user: Some(by_login("nobody's", "x")),
        address: address.into(),
        ..OpenSessionRequest::default()
    };
    for _ in 0..300 {
        assert_eq!(answer(door.client.open_session(request("192.0.2.1")).await).unwrap_err().code, Code::Invalid);
    }
    assert_eq!(answer(door.client.open_session(request("192.0.2.1")).await).unwrap_err().code, Code::TooMany);
    assert_eq!(asked.load(Ordering::Relaxed), 300, "the provider is spared too");
    assert_eq!(answer(door.client.open_session(request("192.0.2.2")).await).unwrap_err().code, Code::Invalid);
}

#[tokio::test(start_paused = true)]
async fn many_first_sign_ins_at_once_make_one_user() {
    for seed in 0..10 {
        let mut door =
            Door::open_beside(|_| Ok(Answer { status: 200, body: br#"{"user":{"id":7}}"#.to_vec(), ..Answer::default() })).await;
        door.db.set_faults(slow(seed));
        door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
        let opened = (0..6).map(|_| {
            let mut client = door.client.clone();
            let user = Some(by_login("a token", "x"));
            async move {
                let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), user, ..OpenSessionRequest::default() };
                answer(client.open_session(request).await).map(|session| session.user)
            }
        });
        let users = futures::future::join_all(opened).await;
        let first = users[0].clone().unwrap();
        assert!(users.iter().all(|user| *user == Ok(first)), "seed {seed}: {users:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn facebook_and_twitter_are_believed_about_their_own() {
    let mut door = Door::open_beside(|request| {
        let body = match request.url.as_str() {
            url if url.starts_with("https://graph.facebook.com/debug_token?input_token=ours&") => {
                json!({"data": {"app_id": "42", "is_valid": true, "user_id": "900"}})
            }
            url if url.contains("debug_token") => json!({"data": {"app_id": "43", "is_valid": true, "user_id": "900"}}),
            url if url.contains("/me?") => json!({"id": "900", "name": "Ann"}),
            _ => json!({"id_str": "901", "name": "Ben"}),
        };
        Ok(Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() })
    })
    .await;
    let keys = |token: &str| ProviderKeys { token: token.into(), secret: "s".into() };
    for by in [Shown::Facebook(keys("ours")), Shown::Twitter(keys("t"))] {
        check(provided(&mut door, by).await, Code::Invalid, "Provider is not configured");
    }
    let facebook = FacebookProvider { app_id: "42".into(), app_secret: "s".into(), endpoint: String::new() };
    let twitter = TwitterProvider { consumer_key: "k".into(), consumer_secret: "s".into(), endpoint: String::new() };
    door.set_identity(Identity { facebook: Some(facebook), twitter: Some(twitter), ..Identity::default() }).await;
    let ann = provided(&mut door, Shown::Facebook(keys("ours"))).await.unwrap();
    assert_eq!(ann.user_row.unwrap().facebook_id.as_deref(), Some("900"));
    assert_eq!(provided(&mut door, Shown::Facebook(keys("ours"))).await.unwrap().user, ann.user);
    let other = provided(&mut door, Shown::Facebook(keys("another app's"))).await;
    check(other, Code::Invalid, "The identity provider refused the token");
    let ben = provided(&mut door, Shown::Twitter(keys("t"))).await.unwrap();
    assert_eq!(ben.user_row.unwrap().twitter_id.as_deref(), Some("901"));
}

#[tokio::test(start_paused = true)]
async fn who_only_claimed_a_name_gives_way_to_who_proves_it() {
    let mut door =
        Door::open_beside(|_| Ok(Answer { status: 200, body: br#"{"user":{"id":"7"}}"#.to_vec(), ..Answer::default() })).await;
    door.set_identity(Identity { custom: Some(custom()), ..Identity::default() }).await;
    let squatter = door.sign_up("squatter", "secret").await;
    let set = Some(User { external_id: Some("7".into()), ..User::default() });
    let claim = UpdateUserRequest { app: 77, id: squatter.id, set, ..UpdateUserRequest::default() };
    answer(door.client.update_user(claim.clone()).await).unwrap();

    let ann = door.session(Some(by_login("a token", "x"))).await;
    assert_ne!(ann.user, squatter.id, "not the squatter's account, of which he has the password");
    let left = answer(door.client.find_user(FindUserRequest { app: 77, by: Some(By::Login("squatter".into())) }).await).unwrap();
    assert_eq!(left.external_id, None);
    assert_eq!(door.session(Some(by_login("squatter", "secret"))).await.user, squatter.id, "who keeps his own");
    let again = answer(door.client.update_user(claim).await).unwrap_err();
    assert_eq!((again.code, again.field.as_str()), (Code::Exists, "external_id"));

    // She gives the name away and takes it back: claimed, not proved.
    let clear =
        |clear: &str| UpdateUserRequest { app: 77, id: ann.user, clear: vec![clear.into()], ..UpdateUserRequest::default() };
    let named = User { login: Some("ann".into()), ..User::default() };
    answer(door.client.update_user(UpdateUserRequest { set: Some(named), ..clear("external_id") }).await).unwrap();
    let back = User { external_id: Some("7".into()), ..User::default() };
    let back = UpdateUserRequest { app: 77, id: ann.user, set: Some(back), ..UpdateUserRequest::default() };
    answer(door.client.update_user(back).await).unwrap();
    assert_ne!(door.session(Some(by_login("a token", "x"))).await.user, ann.user);
}

async fn guest(door: &mut Door, address: &str) -> Result<Session, Failure> {
    let fields = User {
        full_name: Some("Ann".into()),
        login: Some("chosen".into()),
        email: Some("ann@example.test".into()),
        external_id: Some("7".into()),
        ..User::default()
    };
    let (guest, address) = (Some(fields), address.to_owned());
    let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), guest, address, ..OpenSessionRequest::default() };
    answer(door.client.open_session(request).await)
}

async fn provided(door: &mut Door, by: Shown) -> Result<Session, Failure> {
    let provided = Some(Provided { by: Some(by) });
    let request = OpenSessionRequest { app: 77, auth_key: "demoKey".into(), provided, ..OpenSessionRequest::default() };
    answer(door.client.open_session(request).await)
}

async fn sweep(door: &Door) {
    tokio::spawn(door.service.clone().run(tokio::time::sleep(Duration::from_secs(6)))).await.unwrap();
}

fn custom() -> CustomProvider {
    CustomProvider {
        url: "https://id.example.test/me".into(),
        response: r##"{"uid":"#{user.id}","full_name":"#{user.name}"}"##.into(),
        headers: vec![Header { name: "x-token".into(), value: "is #{login}".into() }],
        ..CustomProvider::default()
    }
}
