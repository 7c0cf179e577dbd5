//! What is kept of the alerts of a user who is no more, and of an app.
#![allow(clippy::unwrap_used)]

use natter_proto::dialog::v1::DialogKind;
use natter_proto::erasure::v1::EraseRequest;
use natter_proto::push::v1::eraser_client::EraserClient;
use natter_proto::push::v1::events_client::EventsClient;
use natter_proto::push::v1::{CreateEventRequest, Event, GetSettingsRequest, Privacy, PutSettingsRequest, Settings};
use natter_push::Options;
use natter_rpc::{Link, LinkOptions};

use crate::kit::*;

const GROUP: u8 = 0xbb;

#[tokio::test(start_paused = true)]
async fn devices_alerts_and_notes_of_a_user_go_and_make_room() {
    let door = waiting().await;
    assert_eq!(erase(&door, APP, BOB).await, [("alert_notes", 1), ("alerts", 1), ("events", 1), ("subscriptions", 2)]);
    assert_eq!(erase(&door, APP, BOB).await, []);
    assert_eq!((door.list(BOB).await.len(), door.list(CAT).await.len()), (0, 1));
    door.pass(3_000).await;
    assert_eq!(door.sent(), [("c".into(), "User 34: waits".into())]);
    door.device(ANN, "a").await;
    door.device(ANN, "a2").await;
}

#[tokio::test(start_paused = true)]
async fn of_an_app_nothing_is_left_and_all_of_the_next() {
    let door = waiting().await;
    let mut other = android(BOB, "o");
    other.app = APP + 1;
    door.subscribe(other).await.unwrap();
    let all =
        [("alert_notes", 2), ("alert_settings", 1), ("alerts", 2), ("events", 1), ("push_credentials", 2), ("subscriptions", 3)];
    assert_eq!(erase(&door, APP, 0).await, all);
    assert_eq!(erase(&door, APP, 0).await, []);
    let settings = answer(door.alerting().get_settings(GetSettingsRequest { app: APP }).await).unwrap();
    assert_eq!(settings, Settings::default());
    door.pass(10_000).await;
    assert_eq!(door.sent(), []);
    assert_eq!(erase(&door, APP + 1, 0).await, [("push_credentials", 2), ("subscriptions", 1)]);
    door.world.gone.lock().insert(APP + 1);
    assert!(door.shown(APP + 1).await.is_err(), "no pair is made of an app that is gone");
    assert_eq!(erase(&door, APP + 1, 0).await, []);
}

/// Of Bob and Cat one alert was decided, and one waits each. Bob made an event. There is room for three devices.
async fn waiting() -> Door {
    let door = Door::with(Options { subscriptions_per_app_max: 3, ..Options::default() });
    door.dialog(GROUP, DialogKind::Group, &[ANN, BOB, CAT]);
    for (user, token) in [(BOB, "b"), (CAT, "c"), (BOB, "b2")] {
        door.device(user, token).await;
    }
    for user in [BOB, CAT] {
        door.world.read.lock().insert((user, 1));
    }
    door.says(GROUP, 1, "read").await;
    door.pass(0).await;
    for user in [BOB, CAT] {
        door.session(user, true, false, 0);
    }
    door.says(GROUP, 2, "waits").await;
    door.pass(0).await;
    assert_eq!(door.sent(), []);
    let settings = Some(Settings { privacy: Privacy::Text.into(), ..Settings::default() });
    answer(door.alerting().put_settings(PutSettingsRequest { app: APP, settings }).await).unwrap();
    let mut events = EventsClient::new(Link::local(door.service.events_server(), LinkOptions::default()));
    let event = Some(Event { app: APP, user: BOB, message: "for nobody".into(), ..Event::default() });
    answer(events.create(CreateEventRequest { event }).await).unwrap();
    door.pass(0).await;
    door
}

/// Every page: how many went, by kind.
pub async fn erase(door: &Door, app: u64, user: u64) -> Vec<(&'static str, u64)> {
    let mut eraser = EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    let (mut went, mut after) = (std::collections::BTreeMap::<&'static str, u64>::new(), Vec::new());
    loop {
        let reply = eraser.erase(EraseRequest { app, user, after }).await.unwrap().into_inner();
        for kind in ["subscriptions", "alerts", "alert_notes", "events", "alert_settings", "push_credentials", "webhooks"] {
            *went.entry(kind).or_default() +=
                reply.erased.iter().filter(|one| one.kind == kind).map(|one| one.count).sum::<u64>();
        }
        if reply.next.is_empty() {
            return went.into_iter().filter(|(_, count)| *count > 0).collect();
        }
        after = reply.next;
    }
}
