//! Events: what users, and the operator, send to devices themselves.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use natter_proto::push::v1::events_client::EventsClient;
use natter_proto::push::v1::*;
use natter_proto::{Code, Failure};
use natter_push::Options;
use natter_push::provider::{Outcome, Reason};
use natter_rpc::{Link, LinkOptions};
use serde_json::json;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn an_event_is_sent_to_the_devices_of_its_recipients_wherever_they_are() {
    let door = devices().await;
    door.session(BOB, true, true, 99);
    let made = create(&door, event(&[BOB, CAT, 99])).await.unwrap();
    assert_eq!((made.user, made.created_at, made.at), (ANN, START_MS, START_MS));
    door.pass(0).await;
    let all = door.providers.sent.lock().clone();
    assert_eq!(tokens(&door), ["b", "c"]);
    let alert = &all[0].alert;
    assert_eq!((alert.text.as_str(), alert.badge, alert.data.clone()), ("hi", None, vec![("mine".into(), json!(1))]));
    assert_eq!(alert.collapse, all[1].alert.collapse);
    let journal = journal(&door, made.id).await;
    let told: Vec<_> = journal.iter().map(|note| (note.user, note.reason.as_str(), note.answer.as_str(), note.count)).collect();
    assert_eq!(told, [(0, "no subscription", "", 1), (BOB, "event", "accepted p1", 0), (CAT, "event", "accepted p1", 0)]);
    assert!(journal.iter().all(|note| note.sender == ANN));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_for_its_time_survives_a_crash_and_can_be_ended_before() {
    let door = devices().await;
    let at = START_MS + 60_000;
    let first = create(&door, Event { at, ..event(&[BOB]) }).await.unwrap();
    let other = create(&door, Event { at, ..event(&[CAT]) }).await.unwrap();
    door.pass(50_000).await;
    let door = door.killed().await;
    assert_eq!(delete(&door, ANN, other.id).await, Ok(()));
    assert_eq!(delete(&door, ANN, other.id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(tokens(&door), [""; 0]);
    door.pass(10_000).await;
    assert_eq!(tokens(&door), ["b"]);
    assert_eq!((journal(&door, first.id).await[0].user, journal(&door, other.id).await[0].reason.as_str()), (BOB, "removed"));
}

#[tokio::test(start_paused = true)]
async fn a_call_wakes_the_devices_that_are_for_calls() {
    let door = devices().await;
    let voip = SubscribeRequest { channel: Channel::ApnsVoip.into(), udid: "call".into(), ..iphone(BOB, "v") };
    for request in [iphone(BOB, "i"), voip] {
        door.subscribe(request).await.unwrap();
    }
    let said = |message: &str, channel: Channel| Event { message: message.into(), channel: channel.into(), ..event(&[BOB]) };
    let sent = async |event: Event| {
        create(&door, event).await.unwrap();
        door.pass(0).await;
        BTreeSet::from_iter(tokens(&door))
    };
    let set = |tokens: &[&str]| BTreeSet::from_iter(tokens.iter().map(|token| (*token).to_owned()));
    assert_eq!(sent(said(r#"{"message": "hi"}"#, Channel::Unspecified)).await, set(&["b", "i"]));
    assert_eq!(sent(said(r#"{"message": "hi", "ios_voip": 1}"#, Channel::Unspecified)).await, set(&["b", "v"]));
    assert_eq!(sent(said(r#"{"message": "hi"}"#, Channel::Gcm)).await, set(&["b"]));
    let sandbox = Event { environment: Environment::Development.into(), ..said("hi", Channel::Unspecified) };
    assert_eq!(sent(sandbox).await, set(&["i"]));
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_the_maker_from_him_is_sent_nothing() {
    let door = devices().await;
    door.world.blocked.lock().insert((ANN, BOB, false));
    let made = create(&door, event(&[BOB, CAT])).await.unwrap();
    door.pass(0).await;
    assert_eq!(tokens(&door), ["c"]);
    let told: Vec<_> = journal(&door, made.id).await.into_iter().map(|note| (note.user, note.reason)).collect();
    assert!(told.contains(&(BOB, "blocked".into())), "{told:?}");
    create(&door, Event { user: 0, ..event(&[BOB]) }).await.unwrap();
    door.pass(0).await;
    assert_eq!(tokens(&door), ["b"], "the operator is nobody whom a list could name");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_its_provider_does_not_know_is_left_alone_and_later_is_tried_again() {
    let door = devices().await;
    door.answers([Outcome::Later { after: None, reason: "503".into() }, Outcome::Rejected(Reason::BadToken)]);
    let made = create(&door, event(&[BOB])).await.unwrap();
    door.pass(0).await;
    door.pass(5_000).await;
    assert_eq!(tokens(&door), ["b", "b"]);
    assert_eq!(journal(&door, made.id).await.iter().map(|note| note.attempt).collect::<Vec<_>>(), [1, 2]);
    let next = create(&door, event(&[BOB])).await.unwrap();
    door.pass(0).await;
    assert_eq!(
        (tokens(&door).len(), journal(&door, next.id).await[0].reason.as_str()),
        (0, "devices unknown to their providers")
    );
}

#[tokio::test(start_paused = true)]
async fn a_maker_sees_his_own_events_for_some_days() {
    let door = Door::with(Options { events_per_user_max: 2, ..Options::default() });
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(create(&door, event(&[BOB])).await.unwrap());
    }
    let own = list(&door, ANN).await;
    assert_eq!((own.total, own.events), (2, vec![made[2].clone(), made[1].clone()]), "the oldest gave way");
    assert_eq!(list(&door, BOB).await.total, 0);
    assert_eq!(get(&door, ANN, made[2].id).await, Ok(made[2].clone()));
    assert_eq!(get(&door, BOB, made[2].id).await.unwrap_err().code, Code::NotFound, "somebody else's");
    assert_eq!(delete(&door, BOB, made[2].id).await.unwrap_err().code, Code::NotFound);
    let at = START_MS + 60_000;
    for _ in 0..2 {
        create(&door, Event { at, ..event(&[BOB]) }).await.unwrap();
    }
    assert_eq!(create(&door, event(&[BOB])).await.unwrap_err().code, Code::TooMany);
    let wrong = create(&door, Event { message: String::new(), ..event(&[BOB]) }).await.unwrap_err();
    assert_eq!((wrong.code, wrong.field.as_str()), (Code::Invalid, "message"));
    door.pass(7 * 24 * 60 * 60 * 1_000 + 80_000).await;
    assert_eq!(list(&door, ANN).await.total, 0);
}

/// Bob and Cat have one each.
async fn devices() -> Door {
    let door = Door::start();
    door.device(BOB, "b").await;
    door.device(CAT, "c").await;
    door
}

fn event(users: &[u64]) -> Event {
    let message = r#"{"message": "hi", "mine": 1}"#.to_owned();
    Event { app: APP, user: ANN, users: users.to_vec(), message, ..Event::default() }
}

fn client(door: &Door) -> EventsClient<Link> {
    EventsClient::new(Link::local(door.service.events_server(), LinkOptions::default()))
}

async fn create(door: &Door, event: Event) -> Result<Event, Failure> {
    answer(client(door).create(CreateEventRequest { event: Some(event) }).await)
}

async fn list(door: &Door, user: u64) -> ListEventsReply {
    answer(client(door).list(ListEventsRequest { app: APP, user, skip: 0, limit: 10 }).await).unwrap()
}

async fn get(door: &Door, user: u64, id: u64) -> Result<Event, Failure> {
    answer(client(door).get(EventRequest { app: APP, user, id }).await)
}

async fn delete(door: &Door, user: u64, id: u64) -> Result<(), Failure> {
    answer(client(door).delete(EventRequest { app: APP, user, id }).await).map(|_| ())
}

/// Oldest first.
async fn journal(door: &Door, event: u64) -> Vec<Note> {
    let message = [[0; 4].as_slice(), &event.to_be_bytes()].concat();
    let request = JournalRequest { app: APP, dialog: vec![0; 12], message, limit: 100, ..Default::default() };
    let mut notes = answer(door.client.clone().journal(request).await).unwrap().notes;
    notes.reverse();
    notes
}

fn tokens(door: &Door) -> Vec<String> {
    door.sent().into_iter().map(|(token, _)| token).collect()
}
