//! A provider that hangs or is down holds up neither another provider nor another app, and is left alone.

use futures::future::join_all;
use natter_actor::Clock;
use natter_proto::AppId;
use natter_push::provider::testing::Told;
use natter_push::provider::{Options, Outcome, Senders};
use natter_telemetry::Metrics;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::kit::{APP, BUNDLE, World, alert, apns, is_accepted, vapid, web};

#[tokio::test]
async fn a_provider_that_hangs_fills_its_own_lane_only() {
    let world = World::start_with(|options| Options { in_flight_max: 2, waiting_max: 1, ..options }).await;
    let (_, key) = world.apple();
    let apple = &world.providers.apple;
    let (one, two) = (apns(&apple.device(BUNDLE, false)), apns(&apple.device(BUNDLE, false)));
    apple.server.say(Told::Stall);
    apple.server.say(Told::Stall);
    let text = alert("x");
    let hanging = [world.send(&key, &one, &text), world.send(&key, &two, &text)];
    let mut hanging = Box::pin(join_all(hanging));
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("nothing answered"),
        () = apple.server.asked_for(2) => {}
    }
    // One waits, the next finds no room.
    let mut third = Box::pin(world.send(&key, &one, &text));
    assert!(futures::poll!(&mut third).is_pending());
    let full = world.send(&key, &one, &text).await;
    assert_eq!(full, Outcome::Later { after: None, reason: "too many alerts wait for this provider".into() });
    // Apple's sandbox, a browser, and another app are served meanwhile.
    let developer = apns(&apple.device(BUNDLE, true));
    assert!(is_accepted(&world.send(&key, &developer, &text).await));
    let (pair, app) = vapid();
    let browser = web(&world.providers.postman.subscribe(&pair.public));
    assert!(is_accepted(&world.send(&app, &browser, &text).await));
    assert!(is_accepted(&world.senders.send(AppId(8), &key, &one, &text).await));
    // Who hangs gives up, and the place is the next one's.
    drop(hanging);
    assert!(is_accepted(&third.await));
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up_and_left_alone() {
    let world = World::start_with(|options| Options { deadline_ms: 300, ..options }).await;
    let (pair, app) = vapid();
    let browser = web(&world.providers.postman.subscribe(&pair.public));
    let text = alert("x");
    let mut left_alone = 0;
    for told in [Told::Stall, Told::Half].into_iter().cycle().take(12) {
        world.providers.postman.server.say(told);
        match world.send(&app, &browser, &text).await {
            Outcome::Later { after: None, .. } => {}
            Outcome::Later { after: Some(_), .. } => left_alone += 1,
            outcome => panic!("{outcome:?}"),
        }
    }
    assert!((1..=7).contains(&left_alone), "asked five times at least, and not each time: {left_alone}");
    let asked = format!(r#"natter_push_request_seconds_count{{channel="Web"}} {}"#, 12 - left_alone);
    let metrics = world.metrics.encode();
    assert!(metrics.contains(&asked), "{asked}: {metrics}");
    assert!(world.providers.postman.server.asked() <= 12 - left_alone, "nothing was asked for the others");
}

#[tokio::test]
async fn a_provider_that_is_not_there_or_talks_nonsense_is_a_reason_to_come_back() {
    let nonsense = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nonsense.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = nonsense.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        }
    });
    for url in ["https://localhost:1".to_owned(), format!("https://localhost:{port}")] {
        let world = World::start_with(|options| Options { apns_url: url, ..options }).await;
        let (_, key) = world.apple();
        let device = apns(&world.providers.apple.device(BUNDLE, false));
        let outcome = world.senders.send(APP, &key, &device, &alert("x")).await;
        assert!(matches!(outcome, Outcome::Later { after: None, .. }), "{outcome:?}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let of = |options: Options| Senders::new(&options, Clock::system(), &Metrics::new()).err().unwrap().to_string();
    let plain = of(Options { fcm_url: "http://fcm.example.test".into(), ..Options::default() });
    assert_eq!(plain, r#"push.fcm_url: "http://fcm.example.test" is no address on https"#);
    let missing = of(Options { extra_ca: "no/such/file.pem".into(), ..Options::default() });
    assert!(missing.starts_with("push.extra_ca: cannot use no/such/file.pem: "), "{missing}");
}
