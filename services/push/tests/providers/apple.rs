//! Apple: tokens and certificates, the environments, VoIP, and each of its refusals.

use std::time::Duration;

use futures::future::join_all;
use natter_push::provider::testing::Told;
use natter_push::provider::{Alert, Credentials, Outcome, Reason, Target};
use serde_json::json;

use crate::kit::{BUNDLE, World, alert, apns, credentials, is_accepted, refused};

#[tokio::test]
async fn an_alert_arrives_as_it_was_meant() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let device = world.providers.apple.device(BUNDLE, false);
    let outcome = world.send(&key, &apns(&device), &alert("hello")).await;
    let pushed = world.providers.apple.pushed();
    let [push] = &pushed[..] else { panic!("{pushed:?}: {outcome:?}") };
    assert_eq!(outcome, Outcome::Accepted { id: Some(push.id.clone()) });
    assert_eq!((push.token.as_str(), push.topic.as_str()), (device.token.as_str(), BUNDLE));
    assert_eq!((push.push_type.as_str(), push.priority.as_str()), ("alert", "10"));
    assert_eq!(push.collapse.as_deref(), Some("0123456789abcdef01234567-42"));
    assert_eq!(push.payload["aps"], json!({"alert": {"title": "Ann", "body": "hello"}, "badge": 3}));
    assert_eq!(push.payload["dialog_id"], "0123456789abcdef01234567");
}

#[tokio::test]
async fn a_repeat_can_be_told_from_another_alert() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let target = apns(&world.providers.apple.device(BUNDLE, false));
    for collapse in ["d-1", "d-1", "d-2"] {
        let alert = Alert { collapse: collapse.into(), ..alert("hello") };
        assert!(is_accepted(&world.send(&key, &target, &alert).await));
    }
    let pushed = world.providers.apple.pushed();
    assert_eq!((&pushed[0].id, &pushed[0].collapse), (&pushed[1].id, &pushed[1].collapse));
    assert!(pushed[1].id != pushed[2].id && pushed[1].collapse != pushed[2].collapse);
}

#[tokio::test]
async fn voip_background_and_sandbox_go_where_they_belong() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let apple = &world.providers.apple;
    let call = apple.device(&format!("{BUNDLE}.voip"), false);
    assert!(is_accepted(&world.send(&key, &apns(&call), &alert("rings")).await));
    let developer = apple.device(BUNDLE, true);
    assert!(is_accepted(&world.send(&key, &apns(&developer), &Alert { silent: true, ..alert("quiet") }).await));
    let pushed = apple.pushed();
    assert_eq!((pushed[0].push_type.as_str(), pushed[0].topic.as_str()), ("voip", "org.example.chat.voip"));
    assert_eq!(pushed[0].payload["message"], "rings");
    assert_eq!((pushed[1].push_type.as_str(), pushed[1].priority.as_str()), ("background", "5"));
    assert_eq!((apple.server.asked(), apple.sandbox.asked()), (1, 1));
    // A developer's token at the production host is none.
    let Target::Apns { token, topic, .. } = apns(&developer) else { unreachable!() };
    let misplaced = Target::Apns { token, topic, sandbox: false, voip: false };
    assert_eq!(world.send(&key, &misplaced, &alert("x")).await, Outcome::Rejected(Reason::BadToken));
}

#[tokio::test]
async fn all_alerts_go_over_one_connection_with_one_token() {
    let world = World::start().await;
    let (key, credentials) = world.apple();
    let targets: Vec<_> = (0..50).map(|_| apns(&world.providers.apple.device(BUNDLE, false))).collect();
    let alert = alert("hello");
    let outcomes = join_all(targets.iter().map(|target| world.send(&credentials, target, &alert))).await;
    assert!(outcomes.iter().all(is_accepted), "{outcomes:?}");
    assert_eq!((world.providers.apple.server.connections(), world.providers.apple.tokens(&key)), (1, 1));
}

#[tokio::test]
async fn a_certificate_is_the_other_way() {
    let world = World::start().await;
    let pem = world.providers.apple.certificate(&world.providers.authority, BUNDLE);
    let certificate = Credentials::apns_certificate(&pem, Some(BUNDLE)).unwrap();
    let device = world.providers.apple.device(BUNDLE, false);
    assert!(is_accepted(&world.send(&certificate, &apns(&device), &alert("hello")).await));
    assert!(world.providers.apple.pushed()[0].certificate);
    let unknown = world.providers.authority.client("org.example.other");
    let unknown = Credentials::apns_certificate(&unknown, Some(BUNDLE)).unwrap();
    assert_eq!(world.send(&unknown, &apns(&device), &alert("x")).await, credentials(403, "BadCertificate"));
}

#[tokio::test]
async fn a_key_that_apple_does_not_know_pauses_the_channel() {
    let world = World::start().await;
    let (key, _) = world.apple();
    let target = apns(&world.providers.apple.device(BUNDLE, false));
    let stranger = Credentials::apns_token(&key.pem, "ABCDE12345", &key.team_id, Some(BUNDLE)).unwrap();
    assert_eq!(world.send(&stranger, &target, &alert("x")).await, credentials(403, "InvalidProviderToken"));
    let other_team = Credentials::apns_token(&key.pem, &key.key_id, "TEAM123456", Some(BUNDLE)).unwrap();
    assert_eq!(world.send(&other_team, &target, &alert("x")).await, credentials(403, "InvalidProviderToken"));
    let (other, _) = world.apple();
    let other_key = Credentials::apns_token(&other.pem, &key.key_id, &key.team_id, Some(BUNDLE)).unwrap();
    assert_eq!(world.send(&other_key, &target, &alert("x")).await, credentials(403, "InvalidProviderToken"));
}

#[tokio::test]
async fn a_foreign_bundle_costs_its_own_subscription_only() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let device = world.providers.apple.device("org.example.foreign", false);
    let foreign = "org.example.foreign".to_owned();
    let target = Target::Apns { token: device.token.clone(), topic: foreign, sandbox: false, voip: false };
    assert_eq!(world.send(&key, &target, &alert("x")).await, Outcome::Rejected(Reason::OtherSender));
    // The app's own bundle, yet the token is of another app.
    let target = Target::Apns { token: device.token, topic: String::new(), sandbox: false, voip: false };
    assert_eq!(world.send(&key, &target, &alert("x")).await, Outcome::Rejected(Reason::OtherSender));
}

#[tokio::test]
async fn a_device_without_the_app_is_rejected_with_the_time() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let device = world.providers.apple.device(BUNDLE, false);
    world.providers.apple.remove(&device, 1_700_000_000_000);
    let since = Some(1_700_000_000_000);
    assert_eq!(world.send(&key, &apns(&device), &alert("x")).await, Outcome::Rejected(Reason::Unregistered { since }));
}

#[tokio::test]
async fn each_documented_answer_is_understood() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let target = apns(&world.providers.apple.device(BUNDLE, false));
    let later =
        |after: Option<u64>, reason: &str| Outcome::Later { after: after.map(Duration::from_secs), reason: reason.into() };
    for (status, reason, expected) in [
        (400, "BadDeviceToken", Outcome::Rejected(Reason::BadToken)),
        (400, "BadExpirationDate", refused(400, "BadExpirationDate")),
        (403, "Forbidden", credentials(403, "Forbidden")),
        (403, "ExpiredProviderToken", credentials(403, "ExpiredProviderToken")),
        (403, "InvalidProviderToken", credentials(403, "InvalidProviderToken")),
        (405, "MethodNotAllowed", refused(405, "MethodNotAllowed")),
        (410, "ExpiredToken", Outcome::Rejected(Reason::Unregistered { since: None })),
        (413, "PayloadTooLarge", refused(413, "PayloadTooLarge")),
        (429, "TooManyRequests", later(None, "TooManyRequests")),
        (500, "InternalServerError", later(None, "InternalServerError")),
        (503, "ServiceUnavailable", later(None, "ServiceUnavailable")),
    ] {
        world.providers.apple.server.say(Told::json(status, &json!({"reason": reason})));
        assert_eq!(world.send(&key, &target, &alert("x")).await, expected, "{status} {reason}");
    }
    let asked = world.providers.apple.server.asked();
    assert_eq!(asked, 11, "nothing was sent twice, a young token is not renewed");
    world.providers.apple.server.say(Told::json(429, &json!({"reason": "TooManyRequests"})).with("retry-after", "7"));
    assert_eq!(world.send(&key, &target, &alert("x")).await, later(Some(7), "TooManyRequests"));
    assert!(is_accepted(&world.send(&key, &target, &alert("x")).await), "it was about one device");
    world.providers.apple.server.say(Told::json(503, &json!({"reason": "Shutdown"})).with("retry-after", "7"));
    assert_eq!(world.send(&key, &target, &alert("x")).await, later(Some(7), "Shutdown"));
    let outcome = world.send(&key, &target, &alert("x")).await;
    assert!(matches!(outcome, Outcome::Later { after: Some(_), .. }), "{outcome:?}");
    assert_eq!(world.providers.apple.server.asked(), asked + 3, "it is left alone for as long as it asked");
}

#[tokio::test]
async fn a_connection_that_is_to_be_left_loses_no_alert() {
    let world = World::start().await;
    let (_, key) = world.apple();
    let apple = &world.providers.apple;
    let target = apns(&apple.device(BUNDLE, false));
    assert!(is_accepted(&world.send(&key, &target, &alert("x")).await));
    apple.server.say(Told::GoAway);
    assert!(is_accepted(&world.send(&key, &target, &alert("x")).await), "sent again, on another connection");
    assert_eq!(apple.server.connections(), 2);
    for told in [Told::End, Told::Break, Told::Reset] {
        apple.server.say(told);
        let outcome = world.send(&key, &target, &alert("x")).await;
        assert!(matches!(outcome, Outcome::Later { after: None, .. }), "{outcome:?}");
        assert!(is_accepted(&world.send(&key, &target, &alert("x")).await));
    }
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be() {
    let world = World::start().await;
    let (key, credentials) = world.apple();
    let target =
        |token: &str, topic: &str| Target::Apns { token: token.into(), topic: topic.into(), sandbox: false, voip: false };
    let of = async |credentials: &Credentials, target: Target, alert: Alert| world.send(credentials, &target, &alert).await;
    assert_eq!(of(&credentials, target("ab/../cd", ""), alert("x")).await, Outcome::Rejected(Reason::BadToken));
    assert_eq!(of(&credentials, target("abcd", "a\r\nb: c"), alert("x")).await, Outcome::Rejected(Reason::BadToken));
    let without = Credentials::apns_token(&key.pem, &key.key_id, &key.team_id, None).unwrap();
    let unsent = |reason: &str| Outcome::Refused { status: None, reason: reason.into() };
    assert_eq!(of(&without, target("abcd", ""), alert("x")).await, unsent("no topic"));
    assert_eq!(of(&credentials, target("abcd", ""), Alert { expires_at: Some(1), ..alert("x") }).await, unsent("expired"));
    assert_eq!(of(&credentials, Target::Fcm { token: "x".into() }, alert("x")).await, unsent("credentials of another channel"));
    let mut big = alert("x");
    big.data.push(("blob".into(), "x".repeat(5_000).into()));
    assert!(matches!(of(&credentials, target("abcd", ""), big).await, Outcome::Refused { status: None, .. }));
    assert_eq!(world.providers.apple.server.asked(), 0);
    // What was too long arrives, shortened.
    let device = world.providers.apple.device(BUNDLE, false);
    assert!(is_accepted(&world.send(&credentials, &apns(&device), &alert(&"é\"".repeat(3_000))).await));
    let metrics = world.metrics.encode();
    assert!(metrics.contains(r#"natter_push_sent_total{channel="Apns",outcome="Accepted"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"natter_push_shortened_total{channel="Apns"} 1"#), "{metrics}");
}
