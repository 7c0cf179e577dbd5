//! Webhooks at the door: what receivers are told, in which order, what becomes of them when they fail, and what an operator may do.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use natter_db::{KeyRange, Table};
use natter_outbound::{Answer, Error as OutboundError, Outbound, Request};
use natter_proto::dialog::v1::DialogKind;
use natter_proto::event::v1::{Message, Posted, PostedChange, PostedNews, PostedRow};
use natter_proto::push::v1::*;
use natter_proto::{Code, Failure};
use natter_push::provider::{Outcome, Reason};
use natter_push::{Options, WebhookOptions};
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::Value;

use crate::kit::{ANN, APP, BOB, Door, answer, id_of};

const ROOM: u8 = 4;
const OTHER: u8 = 5;

/// A receiver that answers what a test put, else 200.
#[derive(Default)]
struct Receiver {
    heard: Mutex<Vec<Heard>>,
    answers: Mutex<VecDeque<u16>>,
    /// Dialogs (their byte) of which it takes nothing.
    refuses: Mutex<Vec<u8>>,
    /// It is not reached at all.
    silent: Mutex<bool>,
}

#[derive(Clone, PartialEq, Debug)]
struct Heard {
    request: Request,
    body: Value,
    status: u16,
}

impl Receiver {
    fn door(self: &Arc<Receiver>) -> Outbound {
        let receiver = Arc::clone(self);
        Outbound::written(move |request| receiver.hear(request))
    }

    fn hear(&self, request: &Request) -> Result<Answer, OutboundError> {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let refused = |byte: &u8| body["dialog_id"] == format!("{byte:02x}").repeat(12);
        let status = match self.answers.lock().pop_front() {
            Some(status) => status,
            None if self.refuses.lock().iter().any(refused) => 500,
            None => 200,
        };
        if *self.silent.lock() {
            return Err(OutboundError::Late);
        }
        self.heard.lock().push(Heard { request: request.clone(), body, status });
        Ok(Answer { status, ..Answer::default() })
    }

    /// What was told since it was asked last.
    fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock())
    }

    /// Of those that were taken, the type, dialog (its byte), and seq.
    fn took(&self) -> Vec<(String, u8, u64)> {
        let taken = self.take().into_iter().filter(|heard| heard.status == 200);
        taken.map(|heard| (heard.text("type"), heard.dialog(), heard.body["data"]["seq"].as_u64().unwrap_or(0))).collect()
    }
}

impl Heard {
    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    fn dialog(&self) -> u8 {
        u8::from_str_radix(self.body["dialog_id"].as_str().map_or("00", |dialog| &dialog[..2]), 16).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let found = self.request.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether one of its signatures is of this secret, as the standard says.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let said = [self.header("webhook-id"), self.header("webhook-timestamp")].join(".");
        let said = [said.as_bytes(), b".", &self.request.body].concat();
        let tags = self.header("webhook-signature").split(' ').map(|tag| BASE64_STANDARD.decode(&tag[3..]).unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        tags.into_iter().any(|tag| hmac::verify(&key, &said, &tag).is_ok())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_is_told_signed_and_in_the_order_of_its_dialog() {
    let (door, receiver) = start(WebhookOptions::default());
    let made = create(&door, &[]).await;
    let (hook, secret) = (made.webhook.unwrap(), made.secret);
    for seq in 1..=20 {
        door.says(ROOM, seq, "hi").await;
        door.says(OTHER, seq, "ho").await;
    }
    door.pass(100).await;
    let heard = receiver.take();
    for dialog in [ROOM, OTHER] {
        let seqs = heard.iter().filter(|heard| heard.dialog() == dialog).map(|heard| heard.body["data"]["seq"].as_u64().unwrap());
        assert_eq!(seqs.collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    }
    assert!(heard.iter().all(|heard| heard.is_signed_by(&secret) && heard.request.url == "https://shop.test/hooks"));
    let first = &heard[0];
    assert_eq!((first.header("content-type"), first.header("webhook-timestamp")), ("application/json", "1700000000"));
    assert_eq!((first.header("webhook-id"), first.text("type")), (first.text("id").as_str(), "message.created".into()));
    assert_eq!((&first.body["data"]["message"], &first.body["data"]["sender_id"]), (&"hi".into(), &ANN.into()));
    let shown = list(&door).await.remove(0);
    assert_eq!((shown.id, shown.waiting, shown.parked, shown.problem.as_str()), (hook.id, 0, 0, ""));
    assert_eq!(shown.state.unwrap().failures, 0);
    assert!(!format!("{:?}", list(&door).await).contains(&secret));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_told_and_only_of_the_app() {
    let (door, receiver) = start(WebhookOptions::default());
    create(&door, &[WebhookEvent::MessageEdited, WebhookEvent::UserOnline, WebhookEvent::PushFailed]).await;
    door.says(ROOM, 1, "hi").await;
    let change = |removed, stamp| PostedChange { id: id_of(1), seq: 1, stamp, user: ANN, at: 9, removed };
    tell(&door, Posted { dialog: vec![ROOM; 12], change: Some(change(false, 1)), ..Posted::default() }).await;
    tell(&door, Posted { dialog: vec![ROOM; 12], change: Some(change(true, 2)), ..Posted::default() }).await;
    let news = |event: WebhookEvent| PostedNews { event: event as u32, user: BOB, at: 9, detail: String::new() };
    let news = vec![news(WebhookEvent::UserOnline), news(WebhookEvent::UserOffline)];
    tell(&door, Posted { news, ..Posted::default() }).await;
    door.pass(100).await;
    let mut types: Vec<String> = receiver.take().iter().map(|heard| heard.text("type")).collect();
    types.sort();
    assert_eq!(types, ["message.edited", "user.online"]);
    // Nobody is alerted of what is there for webhooks alone, and what is quiet is told.
    door.device(BOB, "b").await;
    change_events(&door, &[]).await;
    let quiet = Message { silent: true, ..door.message(ROOM, 2, "hush") };
    let row = PostedRow { id: id_of(2), place: 2, sender: ANN, at: 9, quiet: true, ..PostedRow::default() };
    door.world.rows.lock().push(quiet);
    tell(&door, Posted { dialog: vec![ROOM; 12], rows: vec![row], ..Posted::default() }).await;
    door.pass(5_000).await;
    assert_eq!((receiver.took(), door.sent()), (vec![("message.created".into(), ROOM, 2)], vec![]));
    // A device that is gone is told.
    door.answers([Outcome::Rejected(Reason::Unregistered { since: None })]);
    door.says(ROOM, 3, "ho").await;
    door.pass(5_000).await;
    let heard = receiver.take();
    let failed: Vec<&Heard> = heard.iter().filter(|heard| heard.text("type") == "push.failed").collect();
    assert_eq!((failed.len(), &failed[0].body["data"]["user_id"]), (1, &BOB.into()));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_next_of_its_dialog_until_it_is_taken_and_others_go_on() {
    let (door, receiver) = start(WebhookOptions::default());
    create(&door, &[]).await;
    receiver.refuses.lock().push(ROOM);
    for seq in 1..=3 {
        door.says(ROOM, seq, "hi").await;
        door.says(OTHER, seq, "ho").await;
    }
    door.pass(3_000).await;
    let seqs: Vec<(u8, u64, u16)> =
        receiver.take().iter().map(|one| (one.dialog(), one.body["data"]["seq"].as_u64().unwrap(), one.status)).collect();
    assert!(seqs.iter().filter(|one| one.0 == ROOM).all(|one| one.1 == 1 && one.2 == 500), "{seqs:?}");
    assert_eq!(seqs.iter().filter(|one| one.0 == OTHER).map(|one| one.1).collect::<Vec<_>>(), [1, 2, 3]);
    receiver.refuses.lock().clear();
    door.pass(600_000).await;
    let ids: Vec<Heard> = receiver.take();
    assert_eq!(ids.iter().map(|one| one.body["data"]["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_it_pauses_with_its_order_kept_and_says_so_until_one_is_taken() {
    let (door, receiver) = start(WebhookOptions::default());
    create(&door, &[]).await;
    *receiver.silent.lock() = true;
    for seq in 1..=4 {
        door.says(ROOM, seq, "hi").await;
    }
    door.pass(60_000).await;
    let shown = list(&door).await.remove(0);
    let state = shown.state.unwrap();
    assert!(state.paused && state.failures >= 5 && state.failing_since > 0 && state.next_at > 0, "{state:?}");
    assert_eq!((shown.waiting, state.answer.as_str()), (4, "no answer in time"));
    // Also what comes meanwhile waits, and the next process knows it.
    door.says(ROOM, 5, "hi").await;
    let door = door.killed().await;
    door.pass(1_000).await;
    let shown = list(&door).await.remove(0);
    assert!(shown.state.unwrap().paused && shown.waiting == 5);
    *receiver.silent.lock() = false;
    receiver.take();
    door.pass(700_000).await;
    assert_eq!(seqs(&receiver.took()), [1, 2, 3, 4, 5]);
    let shown = list(&door).await.remove(0);
    assert_eq!((shown.state.unwrap().failures, shown.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_operator_wakes_it_and_lets_it_rest() {
    let (door, receiver) = start(WebhookOptions::default());
    let hook = create(&door, &[]).await.webhook.unwrap();
    receiver.answers.lock().push_back(410);
    door.says(ROOM, 1, "hi").await;
    door.pass(2_000).await;
    let state = list(&door).await.remove(0).state.unwrap();
    assert!(state.gone && state.paused && state.failures == 1, "{state:?}");
    receiver.take();
    answer(door.webhooks().resume(WebhookRequest { app: APP, id: hook.id }).await).unwrap();
    door.pass(100).await;
    assert_eq!(seqs(&receiver.took()), [1]);
    let rests = |rests| ChangeWebhookRequest { app: APP, id: hook.id, rests: Some(rests), ..Default::default() };
    answer(door.webhooks().change(rests(true)).await).unwrap();
    door.says(ROOM, 2, "hi").await;
    door.pass(120_000).await;
    assert_eq!((receiver.took(), list(&door).await[0].waiting), (vec![], 1));
    answer(door.webhooks().change(rests(false)).await).unwrap();
    door.pass(100).await;
    assert_eq!(seqs(&receiver.took()), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_is_parked_and_only_an_operator_sends_it_again() {
    let (door, receiver) = start(WebhookOptions { waiting_hours: 1, ..WebhookOptions::default() });
    let hook = create(&door, &[]).await.webhook.unwrap();
    *receiver.silent.lock() = true;
    for seq in 1..=3 {
        door.says(ROOM, seq, "hi").await;
    }
    door.pass(2 * 60 * 60 * 1_000).await;
    *receiver.silent.lock() = false;
    door.pass(2 * 60 * 60 * 1_000).await;
    assert_eq!(receiver.took(), [], "they are parked");
    let shown = list(&door).await.remove(0);
    assert_eq!((shown.waiting, shown.parked), (0, 3));
    let parked = deliveries(&door, hook.id, true).await;
    assert_eq!(parked.iter().map(|one| one.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(parked.iter().all(|one| one.parked_at > 0 && one.answer == "no answer in time"), "{parked:?}");
    let some = |numbers: Vec<u64>, all| ParkedRequest { app: APP, id: hook.id, numbers, all };
    let refused = answer(door.webhooks().resend(some(vec![], false)).await).unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(answer(door.webhooks().resend(some(vec![parked[1].number], false)).await).unwrap().count, 1);
    door.pass(700_000).await;
    let again = receiver.take();
    assert_eq!((again.len(), again[0].text("id")), (1, parked[1].id.clone()), "under the same id");
    assert_eq!(answer(door.webhooks().drop(some(vec![parked[0].number], false)).await).unwrap().count, 1);
    assert_eq!(answer(door.webhooks().resend(some(vec![], true)).await).unwrap().count, 1);
    door.pass(1_000).await;
    assert_eq!(seqs(&receiver.took()), [3]);
    assert_eq!(list(&door).await[0].parked, 0);
}

#[tokio::test(start_paused = true)]
async fn over_its_bounds_the_oldest_is_parked_and_then_forgotten_and_counted() {
    let (door, receiver) = start(WebhookOptions { waiting_max: 4, parked_max: 3, ..WebhookOptions::default() });
    let hook = create(&door, &[]).await.webhook.unwrap();
    *receiver.silent.lock() = true;
    for seq in 1..=10 {
        door.says(ROOM, seq, "hi").await;
        door.pass(0).await;
    }
    let waiting = deliveries(&door, hook.id, false).await;
    assert_eq!(waiting.iter().map(|one| one.seq).collect::<Vec<_>>(), [7, 8, 9, 10]);
    let parked = deliveries(&door, hook.id, true).await;
    assert_eq!(parked.iter().map(|one| one.seq).collect::<Vec<_>>(), [4, 5, 6]);
    let shown = list(&door).await.remove(0);
    assert_eq!((shown.waiting, shown.parked, shown.state.unwrap().dropped), (4, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_nothing_is_lost_and_the_order_is_kept() {
    let (mut door, receiver) = start(WebhookOptions::default());
    create(&door, &[]).await;
    let mut said = BTreeMap::new();
    for round in 0..30_u64 {
        for dialog in [ROOM, OTHER] {
            let seq = said.entry(dialog).or_insert(0);
            *seq += 1;
            door.says(dialog, *seq, "hi").await;
        }
        receiver.answers.lock().extend([500; 2].iter().take((round % 3) as usize));
        door.pass(round * 7 % 40).await;
        if round % 4 == 3 {
            door = door.killed().await;
        }
    }
    // Thirty failures at most, with pauses of up to ten minutes.
    door.pass(40_000_000).await;
    let mut first: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for heard in receiver.take().into_iter().filter(|heard| heard.status == 200) {
        let seq = heard.body["data"]["seq"].as_u64().unwrap();
        let id = ids.entry((heard.dialog(), seq)).or_insert_with(|| heard.text("id")).clone();
        assert_eq!(id, heard.text("id"), "told twice, it has one id");
        let of_dialog = first.entry(heard.dialog()).or_default();
        if !of_dialog.contains(&seq) {
            of_dialog.push(seq);
        }
    }
    for dialog in [ROOM, OTHER] {
        assert_eq!(first[&dialog], (1..=30).collect::<Vec<_>>());
    }
    assert_eq!(list(&door).await[0].waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_rotated_and_the_one_before_signs_for_a_while() {
    let (door, receiver) = start(WebhookOptions::default());
    let made = create(&door, &[]).await;
    let (id, old) = (made.webhook.unwrap().id, made.secret);
    let rotate = |overlap_ms| RotateWebhookRequest { app: APP, id, overlap_ms };
    let rotated = answer(door.webhooks().rotate(rotate(3_600_000)).await).unwrap();
    assert_eq!(rotated.webhook.unwrap().secrets, 2);
    assert_eq!(answer(door.webhooks().rotate(rotate(-1)).await).unwrap_err().code, Code::Invalid);
    door.says(ROOM, 1, "hi").await;
    door.pass(100).await;
    let heard = receiver.take().remove(0);
    assert!(heard.is_signed_by(&old) && heard.is_signed_by(&rotated.secret));
    door.pass(3_600_000).await;
    let ping = answer(door.webhooks().ping(WebhookRequest { app: APP, id }).await).unwrap();
    assert_eq!((ping.delivered, ping.answer.as_str()), (true, ""));
    let heard = receiver.take().remove(0);
    assert!(!heard.is_signed_by(&old) && heard.is_signed_by(&rotated.secret));
    assert_eq!(heard.text("type"), "webhook.ping");
    receiver.answers.lock().push_back(503);
    let ping = answer(door.webhooks().ping(WebhookRequest { app: APP, id }).await).unwrap();
    assert_eq!((ping.delivered, ping.answer.as_str()), (false, "status 503"));
    assert_eq!(list(&door).await[0].state.clone().unwrap().failures, 0, "a test changes nothing");
}

#[tokio::test(start_paused = true)]
async fn of_one_that_is_forgotten_and_of_an_app_that_ends_nothing_is_left() {
    let (door, receiver) = start(WebhookOptions { per_app_max: 2, ..WebhookOptions::default() });
    *receiver.silent.lock() = true;
    let first = create(&door, &[]).await.webhook.unwrap();
    let second = create(&door, &[]).await.webhook.unwrap();
    let third = try_create(&door, "https://shop.test/hooks").await.unwrap_err();
    assert_eq!((third.code, third.field.as_str()), (Code::Invalid, "webhooks"));
    assert_eq!(try_create(&door, "http://shop.test/").await.unwrap_err().field, "url");
    door.says(ROOM, 1, "hi").await;
    door.pass(100).await;
    let forget = |id| WebhookRequest { app: APP, id };
    answer(door.webhooks().delete(forget(first.id)).await).unwrap();
    assert_eq!(answer(door.webhooks().delete(forget(first.id)).await).unwrap_err().code, Code::NotFound);
    let left = list(&door).await;
    assert_eq!(left.iter().map(|one| (one.id, one.waiting)).collect::<Vec<_>>(), [(second.id, 1)]);
    assert_eq!(crate::ends::erase(&door, APP, 0).await, [("webhooks", 2)]);
    assert_eq!(list(&door).await, []);
    for table in [Table("webhooks"), Table("webhook_states"), Table("webhook_deliveries")] {
        let rows = door.db.scan(table, KeyRange::prefix([]), 9).await.unwrap();
        assert_eq!(rows, [], "{}", table.0);
    }
}

fn start(webhooks: WebhookOptions) -> (Door, Arc<Receiver>) {
    let receiver = Arc::new(Receiver::default());
    let door = Door::heard_by(Options { webhooks, ..Options::default() }, receiver.door());
    for dialog in [ROOM, OTHER] {
        door.dialog(dialog, DialogKind::Group, &[ANN, BOB]);
    }
    (door, receiver)
}

async fn create(door: &Door, events: &[WebhookEvent]) -> NewWebhookSecret {
    let events = events.iter().map(|event| (*event).into()).collect();
    let request = CreateWebhookRequest { app: APP, url: "https://shop.test/hooks".into(), events, name: "Shop".into() };
    answer(door.webhooks().create(request).await).unwrap()
}

async fn try_create(door: &Door, url: &str) -> Result<NewWebhookSecret, Failure> {
    answer(door.webhooks().create(CreateWebhookRequest { app: APP, url: url.into(), ..Default::default() }).await)
}

async fn change_events(door: &Door, events: &[WebhookEvent]) {
    let id = list(door).await[0].id;
    let events = Some(WantedEvents { events: events.iter().map(|event| (*event).into()).collect() });
    answer(door.webhooks().change(ChangeWebhookRequest { app: APP, id, events, ..Default::default() }).await).unwrap();
}

async fn list(door: &Door) -> Vec<Webhook> {
    answer(door.webhooks().list(ListWebhooksRequest { app: APP }).await).unwrap().webhooks
}

async fn deliveries(door: &Door, id: u64, parked: bool) -> Vec<WebhookDelivery> {
    let request = DeliveriesRequest { app: APP, id, parked, above: 0, limit: 100 };
    answer(door.webhooks().deliveries(request).await).unwrap().deliveries
}

async fn tell(door: &Door, posted: Posted) {
    door.posted.ready().await.unwrap();
    door.posted.tell(APP, "news", posted.encode_to_vec()).await.unwrap();
}

fn seqs(told: &[(String, u8, u64)]) -> Vec<u64> {
    told.iter().map(|(_, _, seq)| *seq).collect()
}
