//! Web Push: a browser decrypts what it gets, and the push service knows who sent it.

use std::time::Duration;

use natter_push::provider::testing::Told;
use natter_push::provider::{Alert, Outcome, Reason, Target};
use serde_json::json;

use crate::kit::{BUNDLE, World, alert, apns, is_accepted, refused, vapid, web};

#[tokio::test]
async fn a_browser_reads_what_was_meant_for_it() {
    let world = World::start().await;
    let (pair, app) = vapid();
    let browser = world.providers.postman.subscribe(&pair.public);
    let outcome = world.send(&app, &web(&browser), &alert("héllo \"there\"")).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    let pushed = world.providers.postman.pushed();
    let [push] = &pushed[..] else { panic!("{pushed:?}") };
    let expected = json!({
        "message": "héllo \"there\"", "title": "Ann", "tag": "0123456789abcdef01234567-42", "badge": 3,
        "dialog_id": "0123456789abcdef01234567", "user_id": 5,
    });
    assert_eq!(push.payload, expected);
    assert_eq!((push.urgency.as_str(), push.ttl, push.subject.as_str()), ("high", 2_419_200, "mailto:ops@example.test"));
    assert_eq!(push.topic.as_ref().map(String::len), Some(32));
}

#[tokio::test]
async fn the_longest_text_arrives_shortened() {
    let world = World::start().await;
    let (pair, app) = vapid();
    let browser = world.providers.postman.subscribe(&pair.public);
    let text = "👩‍👩‍👧 ".repeat(1_000);
    assert!(is_accepted(&world.send(&app, &web(&browser), &alert(&text)).await));
    let pushed = world.providers.postman.pushed();
    let message = pushed[0].payload["message"].as_str().unwrap();
    assert!(message.len() > 3_500 && message.ends_with("👩‍👩‍👧…"), "{} bytes", message.len());
}

#[tokio::test]
async fn each_browser_has_its_own_secret() {
    let world = World::start().await;
    let (pair, app) = vapid();
    let (one, two) = (world.providers.postman.subscribe(&pair.public), world.providers.postman.subscribe(&pair.public));
    // The endpoint of one with the keys of the other: delivered, and read by nobody.
    let mixed = Target::Web { endpoint: one.endpoint.clone(), p256dh: two.p256dh.clone(), auth: two.auth.clone() };
    assert_eq!(world.send(&app, &mixed, &alert("x")).await, refused(400, "cannot be decrypted"));
    let mixed = Target::Web { endpoint: one.endpoint.clone(), p256dh: one.p256dh.clone(), auth: two.auth.clone() };
    assert_eq!(world.send(&app, &mixed, &alert("x")).await, refused(400, "cannot be decrypted"));
    assert!(is_accepted(&world.send(&app, &web(&one), &alert("x")).await));
}

#[tokio::test]
async fn a_subscription_of_another_key_costs_nobody_else() {
    let world = World::start().await;
    let ((_, app), (other, _)) = (vapid(), vapid());
    let browser = world.providers.postman.subscribe(&other.public);
    assert_eq!(world.send(&app, &web(&browser), &alert("x")).await, refused(403, "bound to another key"));
}

#[tokio::test]
async fn each_documented_answer_is_understood() {
    let world = World::start().await;
    let (pair, app) = vapid();
    let postman = &world.providers.postman;
    let browser = postman.subscribe(&pair.public);
    let target = web(&browser);
    let gone = Outcome::Rejected(Reason::Unregistered { since: None });
    let later =
        |after: Option<u64>, reason: &str| Outcome::Later { after: after.map(Duration::from_secs), reason: reason.into() };
    for (told, expected) in [
        (Told::text(400, "why"), refused(400, "why")),
        (Told::text(401, "why"), refused(401, "why")),
        (Told::text(404, ""), gone.clone()),
        (Told::text(410, ""), gone.clone()),
        (Told::text(413, ""), refused(413, "no reason given")),
        (Told::text(307, "").with("location", "https://localhost:1/"), refused(307, "no reason given")),
        (Told::text(429, "slow").with("retry-after", "11"), later(Some(11), "slow")),
        (Told::text(500, "oh"), later(None, "oh")),
        (Told::text(503, "oh"), later(None, "oh")),
        (Told::text(500, &"x".repeat(20_000)), later(None, "the answer is too long")),
    ] {
        postman.server.say(told.clone());
        assert_eq!(world.send(&app, &target, &alert("x")).await, expected, "{told:?}");
    }
    postman.remove(&browser);
    assert_eq!(world.send(&app, &target, &alert("x")).await, gone);
}

#[tokio::test]
async fn what_a_user_names_is_not_reached_if_it_is_not_public() {
    let world = World::start_with(|options| natter_push::provider::Options { allow_private: false, ..options }).await;
    let (pair, app) = vapid();
    let browser = world.providers.postman.subscribe(&pair.public);
    let outcome = world.send(&app, &web(&browser), &alert("x")).await;
    assert!(matches!(outcome, Outcome::Refused { status: None, .. }), "{outcome:?}");
    assert_eq!(world.providers.postman.server.connections(), 0);
    // What the operator names may be a proxy in his own house.
    let (_, key) = world.apple();
    assert!(is_accepted(&world.send(&key, &apns(&world.providers.apple.device(BUNDLE, false)), &alert("x")).await));
}

#[tokio::test]
async fn a_subscription_that_is_none_is_rejected_unsent() {
    let world = World::start().await;
    let (pair, app) = vapid();
    let browser = world.providers.postman.subscribe(&pair.public);
    let fine = |target: &mut Target, change: fn(&mut String, &mut String, &mut String)| {
        if let Target::Web { endpoint, p256dh, auth } = target {
            change(endpoint, p256dh, auth);
        }
    };
    let changes: [fn(&mut String, &mut String, &mut String); 5] = [
        |endpoint, _, _| *endpoint = endpoint.replace("https", "http"),
        |_, p256dh, _| p256dh.truncate(20),
        |_, p256dh, _| *p256dh = "B".repeat(87),
        |_, _, auth| auth.clear(),
        |_, _, auth| *auth = "!".repeat(22),
    ];
    for change in changes {
        let mut target = web(&browser);
        fine(&mut target, change);
        assert_eq!(world.send(&app, &target, &alert("x")).await, Outcome::Rejected(Reason::BadToken), "{target:?}");
    }
    assert_eq!(world.providers.postman.server.asked(), 0);
    // As some libraries write the keys: with padding, in the ordinary alphabet.
    let padded = Target::Web {
        endpoint: browser.endpoint.clone(),
        p256dh: format!("{}=", browser.p256dh.replace('-', "+").replace('_', "/")),
        auth: format!("{}==", browser.auth.replace('-', "+").replace('_', "/")),
    };
    assert!(is_accepted(&world.send(&app, &padded, &Alert::default()).await));
}
