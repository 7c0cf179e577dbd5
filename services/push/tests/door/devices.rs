//! Subscriptions at the door: what may be one, which one replaces which, whose they are, and how many there may be.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::push::v1::*;
use natter_push::Options;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn a_device_is_kept_and_listed_also_after_a_crash() {
    let door = Door::start();
    let (first, second) = (door.device(BOB, "b1").await, door.device(BOB, "b2").await);
    door.device(ANN, "a").await;
    assert!(first.id != second.id && first.id > 0);
    assert_eq!((first.created_at, first.updated_at), (START_MS, START_MS));
    let door = door.killed().await;
    assert_eq!(door.list(BOB).await, [first, second.clone()]);
    let third = door.device(BOB, "b3").await;
    assert!(third.id > second.id, "no number is given twice");
}

#[tokio::test(start_paused = true)]
async fn the_same_device_channel_environment_and_bundle_replaces_also_if_many_try_at_once() {
    let door = Door::start();
    let token = |n: u64| SubscribeRequest { token: format!("t{n}"), ..android(BOB, "t") };
    let all = futures::future::join_all((0..8).map(|n| door.subscribe(token(n)))).await;
    let ids: std::collections::BTreeSet<u64> = all.into_iter().map(|one| one.unwrap().id).collect();
    let kept = door.list(BOB).await;
    assert_eq!((kept.len(), ids.len()), (1, 1), "{kept:?}");
    let other = SubscribeRequest { environment: Environment::Development.into(), ..token(1) };
    door.subscribe(other).await.unwrap();
    assert_eq!(door.list(BOB).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_device_is_refused_by_field() {
    let door = Door::start();
    let web = WebTarget { endpoint: "http://push.example.net/1".into(), ..WebTarget::default() };
    for (request, field) in [
        (SubscribeRequest { udid: String::new(), ..android(BOB, "t") }, "udid"),
        (android(BOB, ""), "client_identification_sequence"),
        (SubscribeRequest { channel: Channel::Web.into(), web: Some(web), ..android(BOB, "") }, "web_endpoint"),
    ] {
        let refused = door.subscribe(request).await.unwrap_err();
        assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, field));
    }
    assert_eq!(door.list(BOB).await, []);
}

#[tokio::test(start_paused = true)]
async fn nobody_ends_what_is_not_his() {
    let door = Door::start();
    let device = door.device(BOB, "b").await;
    let end = async |app, user, id| {
        let outcome = answer(door.client.clone().unsubscribe(UnsubscribeRequest { app, user, id }).await);
        outcome.map(|_| ()).map_err(|failure| failure.code)
    };
    assert_eq!(end(APP, ANN, device.id).await, Err(Code::NotFound));
    assert_eq!(end(APP + 1, BOB, device.id).await, Err(Code::NotFound));
    assert_eq!(end(APP, BOB, device.id + 1).await, Err(Code::NotFound));
    assert_eq!(door.list(BOB).await.len(), 1);
    assert_eq!(end(APP, BOB, device.id).await, Ok(()));
    assert_eq!(end(APP, BOB, device.id).await, Err(Code::NotFound));
    assert_eq!(door.list(BOB).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_and_an_app_too() {
    let limits = Options { subscriptions_per_user_max: 2, subscriptions_per_app_max: 3, ..Options::default() };
    let door = Door::with(limits);
    for token in ["b1", "b2", "b1"] {
        door.device(BOB, token).await;
    }
    let refused = door.subscribe(android(BOB, "b3")).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, "subscription"));
    assert_eq!(refused.text, "too many subscriptions of this user, at most 2");
    door.device(ANN, "a1").await;
    let refused = door.subscribe(android(ANN, "a2")).await.unwrap_err();
    assert_eq!(refused.text, "the app has no room for more subscriptions");
    door.subscribe(SubscribeRequest { app: APP + 1, ..android(ANN, "a2") }).await.unwrap();
}
