//! Google: access tokens, messages, and each refusal.

use std::time::Duration;

use futures::future::join_all;
use natter_push::provider::testing::Told;
use natter_push::provider::{Alert, AndroidNotification, Outcome, Reason, Target};
use serde_json::{Value, json};

use crate::kit::{World, alert, credentials, is_accepted, refused};

#[tokio::test]
async fn a_message_arrives_as_data_or_as_a_notification() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let target = target(&world, &account.project);
    let outcome = world.send(&google, &target, &alert("hello")).await;
    assert!(matches!(&outcome, Outcome::Accepted { id: Some(id) } if id.starts_with("projects/chat-1/messages/")), "{outcome:?}");
    let shown = AndroidNotification::from_value(&json!({"icon": "bell", "no_field": 1}));
    let outcome = world.send(&google, &target, &Alert { android: shown, ..alert("hello") }).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    let pushed = world.providers.google.pushed();
    assert_eq!(pushed[0].message["data"]["message"], "hello");
    assert_eq!(pushed[0].message["data"]["user_id"], "5");
    assert_eq!(pushed[0].message["android"]["priority"], "HIGH");
    assert_eq!(pushed[1].message["notification"], json!({"title": "Ann", "body": "hello"}));
    assert_eq!(pushed[0].message["android"]["collapse_key"], pushed[1].message["android"]["notification"]["tag"]);
}

#[tokio::test]
async fn one_access_token_serves_all_alerts_and_is_fetched_once() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let targets: Vec<_> = (0..50).map(|_| target(&world, &account.project)).collect();
    let alert = alert("hello");
    let outcomes = join_all(targets.iter().map(|target| world.send(&google, target, &alert))).await;
    assert!(outcomes.iter().all(is_accepted), "{outcomes:?}");
    assert_eq!(world.providers.google.tokens.asked(), 1);
    let (other, second) = world.google("chat-2");
    assert!(is_accepted(&world.send(&second, &target(&world, &other.project), &alert).await));
    assert_eq!(world.providers.google.tokens.asked(), 2, "another account has its own");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends_and_when_it_is_refused() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let target = target(&world, &account.project);
    // It has ended when it comes.
    world.providers.google.set_token_life(0);
    let outcome = world.send(&google, &target, &alert("x")).await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
    world.providers.google.set_token_life(3_600);
    assert!(is_accepted(&world.send(&google, &target, &alert("x")).await));
    let exchanges = world.providers.google.tokens.asked();
    world.providers.google.revoke();
    assert!(is_accepted(&world.send(&google, &target, &alert("x")).await), "once again with a fresh one");
    assert_eq!(world.providers.google.tokens.asked(), exchanges + 1);
    // Refused twice: it is not the token.
    for _ in 0..2 {
        world.providers.google.server.say(Told::json(401, &json!({"error": {"status": "UNAUTHENTICATED"}})));
    }
    assert_eq!(world.send(&google, &target, &alert("x")).await, credentials(401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn who_gets_no_access_token_knows_why() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let target = target(&world, &account.project);
    let exchange = |told: Told| world.providers.google.tokens.say(told);
    exchange(Told::json(400, &json!({"error": "invalid_grant"})));
    let outcome = world.send(&google, &target, &alert("x")).await;
    assert_eq!(outcome, credentials(400, "no access token: invalid_grant"));
    exchange(Told::text(200, "<html>"));
    let outcome = world.send(&google, &target, &alert("x")).await;
    assert!(matches!(outcome, Outcome::Later { after: None, .. }), "{outcome:?}");
    exchange(Told::text(503, "").with("retry-after", "9"));
    let outcome = world.send(&google, &target, &alert("x")).await;
    assert!(matches!(outcome, Outcome::Later { after: Some(after), .. } if after == Duration::from_secs(9)), "{outcome:?}");
    assert!(world.providers.google.pushed().is_empty());
}

#[tokio::test]
async fn a_failed_exchange_fails_all_who_waited_for_it() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let target = target(&world, &account.project);
    world.providers.google.tokens.say(Told::json(503, &json!({"error": "backend_error"})));
    let alert = alert("x");
    let outcomes = join_all((0..20).map(|_| world.send(&google, &target, &alert))).await;
    let expected = Outcome::Later { after: None, reason: "no access token: backend_error".into() };
    assert!(outcomes.iter().all(|outcome| *outcome == expected), "{outcomes:?}");
    assert_eq!(world.providers.google.tokens.asked(), 1, "a house that is down is asked by one of them");
}

#[tokio::test]
async fn devices_are_told_apart() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let gone = target(&world, &account.project);
    let Target::Fcm { token } = &gone else { unreachable!() };
    world.providers.google.remove(token);
    let unregistered = Outcome::Rejected(Reason::Unregistered { since: None });
    assert_eq!(world.send(&google, &gone, &alert("x")).await, unregistered);
    let foreign = target(&world, "another-project");
    assert_eq!(world.send(&google, &foreign, &alert("x")).await, Outcome::Rejected(Reason::OtherSender));
    for token in ["no-token", "", "a token"] {
        let target = Target::Fcm { token: token.into() };
        assert_eq!(world.send(&google, &target, &alert("x")).await, Outcome::Rejected(Reason::BadToken), "{token}");
    }
}

#[tokio::test]
async fn each_documented_answer_is_understood() {
    let world = World::start().await;
    let (account, google) = world.google("chat-1");
    let target = target(&world, &account.project);
    let later =
        |after: Option<u64>, reason: &str| Outcome::Later { after: after.map(Duration::from_secs), reason: reason.into() };
    assert!(is_accepted(&world.send(&google, &target, &alert("x")).await), "the access token is there");
    for (status, code, expected) in [
        (400, "INVALID_ARGUMENT", refused(400, "INVALID_ARGUMENT")),
        (401, "THIRD_PARTY_AUTH_ERROR", refused(401, "THIRD_PARTY_AUTH_ERROR")),
        (403, "", credentials(403, "PERMISSION_DENIED")),
        (404, "UNREGISTERED", Outcome::Rejected(Reason::Unregistered { since: None })),
        (500, "INTERNAL", later(None, "INTERNAL")),
        (503, "UNAVAILABLE", later(None, "UNAVAILABLE")),
    ] {
        world.providers.google.server.say(Told::json(status, &fault(code)));
        assert_eq!(world.send(&google, &target, &alert("x")).await, expected, "{status} {code}");
    }
    for told in [Told::text(200, "<html>"), Told::Reset] {
        world.providers.google.server.say(told);
        let outcome = world.send(&google, &target, &alert("x")).await;
        assert!(matches!(outcome, Outcome::Later { after: None, .. }), "{outcome:?}");
        assert!(is_accepted(&world.send(&google, &target, &alert("x")).await));
    }
    world.providers.google.server.say(Told::json(429, &fault("QUOTA_EXCEEDED")));
    assert_eq!(world.send(&google, &target, &alert("x")).await, later(Some(60), "QUOTA_EXCEEDED"));
    let asked = world.providers.google.server.asked();
    let outcome = world.send(&google, &target, &alert("x")).await;
    assert!(matches!(outcome, Outcome::Later { after: Some(_), .. }), "{outcome:?}");
    assert_eq!(world.providers.google.server.asked(), asked, "the project is left alone for as long as it asked");
}

fn fault(code: &str) -> Value {
    let detail = json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code});
    let details = if code.is_empty() { json!([]) } else { json!([detail]) };
    json!({"error": {"status": "PERMISSION_DENIED", "details": details}})
}

fn target(world: &World, project: &str) -> Target {
    Target::Fcm { token: world.providers.google.device(project) }
}
