//! How the alerts of an app look: settings and templates, a preview, a test on one device.
#![allow(clippy::unwrap_used)]

use natter_proto::dialog::v1::DialogKind;
use natter_proto::event::v1::{Attachment, Message};
use natter_proto::push::v1::*;
use natter_proto::{Code, Failure};
use natter_push::provider::{Alert, Outcome};
use serde_json::{Value, json};

use crate::kit::*;

const PAIR: u8 = 0xaa;
const GROUP: u8 = 0xbb;

#[tokio::test(start_paused = true)]
async fn an_alert_says_what_the_template_of_the_app_says() {
    let door = pair().await;
    assert_eq!(settings(&door).await, Settings::default());
    let variant = Variant { content: Content::Attachment.into(), template: Some(says("a file")), ..Variant::default() };
    let template = Template {
        title: "{{ dialog.type }}".into(),
        sound: "ding".into(),
        category: "CHAT".into(),
        priority: Priority::Normal.into(),
        ..says("{{ sender.name }} > {{ text }} ({{ unread }})")
    };
    let ours = Settings { template: Some(template), variants: vec![variant], ..Settings::default() };
    assert_eq!(put(&door, ours.clone()).await, Ok(ours.clone()));
    assert_eq!(settings(&door).await, ours);
    *door.world.unread.lock() = 4;
    let Alert { text, title, sound, category, high, .. } = alert_of(&door, 1, "hi").await;
    assert_eq!((text.as_str(), title.as_deref(), high), ("User 34 > hi (4)", Some("private"), false));
    assert_eq!((sound.as_deref(), category.as_deref()), (Some("ding"), Some("CHAT")));
    let file = Message { attachments: vec![Attachment::default()], ..door.message(PAIR, 2, "see") };
    door.posts(PAIR, &[file]).await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("b".into(), "a file".into())]);
    put(&door, Settings::default()).await.unwrap();
    assert_eq!(alert_of(&door, 3, "hi").await.text, "User 34: hi", "a change is in force at once");
    let door = door.killed().await;
    assert_eq!(settings(&door).await, Settings::default());
}

#[tokio::test(start_paused = true)]
async fn the_built_in_template_can_be_put_and_says_what_is_said_without() {
    let door = pair().await;
    let built_in = answer(door.alerting().get_built_in(GetBuiltInRequest {}).await).unwrap();
    let without = preview(&door, None, None).await.unwrap();
    put(&door, Settings { template: Some(built_in), ..Settings::default() }).await.unwrap();
    assert_eq!(preview(&door, None, None).await, Ok(without));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_put_is_in_force_some_seconds_later() {
    let door = pair().await;
    assert_eq!(alert_of(&door, 1, "hi").await.text, "User 34: hi");
    let other = Door::beside(&door);
    put(&other, of_body("other")).await.unwrap();
    assert_eq!(alert_of(&door, 2, "hi").await.text, "User 34: hi");
    door.pass(2_000).await;
    assert_eq!(alert_of(&door, 3, "hi").await.text, "other");
}

#[tokio::test(start_paused = true)]
async fn a_template_that_breaks_when_it_is_used_stops_no_alert() {
    let door = pair().await;
    let breaks = "{% if text == 'break' %}{{ text + 1 }}{% else %}ok{% endif %}";
    put(&door, of_body(breaks)).await.unwrap();
    assert_eq!(alert_of(&door, 1, "hi").await.text, "ok");
    assert_eq!(alert_of(&door, 2, "break").await.text, "User 34: break");
    let notes = [notes(&door, 1).await, notes(&door, 2).await].map(|notes| notes[0].remark.clone());
    assert_eq!(notes, ["", "line 1: invalid operation"]);
}

#[tokio::test(start_paused = true)]
async fn while_alerts_are_off_the_journal_says_so_of_each_message() {
    let door = pair().await;
    put(&door, Settings { off: true, ..Settings::default() }).await.unwrap();
    door.says(PAIR, 1, "hi").await;
    door.pass(10_000).await;
    assert_eq!(door.sent(), []);
    assert_eq!(door.journal(PAIR, 1).await, [(BOB, "alerts are off".into(), String::new())]);
    put(&door, Settings { dialogs: vec![DialogType::Group.into()], ..Settings::default() }).await.unwrap();
    door.dialog(GROUP, DialogKind::Group, &[ANN, BOB]);
    door.says(PAIR, 2, "hi").await;
    door.says(GROUP, 3, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: hi".into())]);
    assert_eq!(door.journal(PAIR, 2).await, [(BOB, "alerts of such dialogs are off".into(), String::new())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_switched_off_while_an_alert_waits_is_not_sent() {
    let door = pair().await;
    door.session(BOB, true, false, 0);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    put(&door, Settings { off: true, ..Settings::default() }).await.unwrap();
    door.pass(3_000).await;
    assert_eq!((door.sent(), door.journal(PAIR, 1).await), (vec![], vec![(BOB, "alerts are off".into(), String::new())]));
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_that_may_not() {
    let door = pair().await;
    put(&door, Settings { privacy: Privacy::Nothing.into(), ..Settings::default() }).await.unwrap();
    let alert = alert_of(&door, 1, "s3cret").await;
    assert_eq!((alert.text.as_str(), &alert.title), ("New message", &None));
    assert_eq!(alert.data.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["dialog_id", "message_id"]);
    put(&door, Settings { privacy: Privacy::Sender.into(), ..Settings::default() }).await.unwrap();
    assert_eq!(alert_of(&door, 2, "s3cret").await.text, "User 34: New message");
}

#[tokio::test(start_paused = true)]
async fn settings_that_may_not_be_kept_are_refused_by_field_and_leave_what_was() {
    let door = pair().await;
    put(&door, of_body("good")).await.unwrap();
    let refused = put(&door, of_body("a\n{{ nobody }}")).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, "template.body"));
    assert!(refused.text.starts_with("line 2: undefined value") && refused.text.contains("nobody"), "{}", refused.text);
    assert_eq!(settings(&door).await, of_body("good"));
    let preview = preview(&door, Some(of_body("{{")), None).await.unwrap_err();
    assert_eq!((preview.code, preview.field.as_str()), (Code::Invalid, "template.body"));
}

#[tokio::test(start_paused = true)]
async fn a_preview_is_what_each_channel_carries_and_how_much_of_its_limit() {
    let door = pair().await;
    put(&door, of_body("in force")).await.unwrap();
    let shown = preview(&door, None, None).await.unwrap();
    assert_eq!((shown.body.as_str(), shown.remark.as_str()), ("in force", ""));
    let sample = Sample { sender: 34, text: "hi".into(), extension: r#"{"mood": 5}"#.into(), ..Sample::default() };
    let draft = of_body("{{ text }} {{ extension.mood|default('') }}!");
    let shown = preview(&door, Some(draft.clone()), Some(sample.clone())).await.unwrap();
    let channels: Vec<Channel> = shown.payloads.iter().map(Payload::channel).collect();
    assert_eq!(channels, [Channel::Apns, Channel::Gcm, Channel::Web]);
    let json: Vec<Value> = shown.payloads.iter().map(|of| serde_json::from_str(&of.json).unwrap()).collect();
    assert_eq!((&json[0]["aps"]["alert"], &json[0]["mood"]), (&json!({"body": "hi 5!"}), &json!(5)));
    assert_eq!((&json[1]["message"]["data"]["message"], &json[2]["message"]), (&json!("hi 5!"), &json!("hi 5!")));
    assert!(shown.payloads.iter().all(|of| of.size > 0 && of.size <= of.limit && !of.shortened));
    assert_eq!(shown.payloads[0].size as usize, shown.payloads[0].json.len());
    let long = Sample { text: "x".repeat(9_000), ..sample.clone() };
    let shown = preview(&door, Some(draft.clone()), Some(long)).await.unwrap();
    assert!(shown.payloads.iter().all(|of| of.shortened && of.size <= of.limit));
    let heavy = Sample { extension: json!({"a": "x".repeat(5_000)}).to_string(), ..sample.clone() };
    let shown = preview(&door, Some(draft.clone()), Some(heavy)).await.unwrap();
    assert!(shown.payloads.iter().all(|of| of.json.is_empty() && of.error.contains("bytes without its text")));
    let wrong = Sample { extension: "[]".into(), ..sample };
    assert_eq!(preview(&door, Some(draft), Some(wrong)).await.unwrap_err().field, "extension");
    assert_eq!((door.sent(), settings(&door).await), (vec![], of_body("in force")), "nothing is sent or kept");
}

#[tokio::test(start_paused = true)]
async fn a_test_goes_to_that_device_alone_and_says_what_became_of_it() {
    let door = pair().await;
    let other = door.device(BOB, "b2").await;
    put(&door, Settings { off: true, ..of_body("{{ sender.name }} tries") }).await.unwrap();
    door.session(BOB, true, false, 9);
    let reply = test(&door, BOB, other.id).await.unwrap();
    assert_eq!(door.sent(), [("b2".into(), "Romeo tries".into())]);
    let [note] = &reply.notes[..] else { panic!("{:?}", reply.notes) };
    assert_eq!((note.subscription, note.reason.as_str(), note.answer.as_str()), (other.id, "event", "accepted p1"));
    assert_eq!((reply.dialog, &reply.message), (vec![0; 12], &note.message));
    door.answers([Outcome::Refused { status: Some(400), reason: "BadTopic".into() }]);
    assert_eq!(test(&door, BOB, other.id).await.unwrap().notes[0].answer, "refused 400 BadTopic");
    assert_eq!(test(&door, CAT, other.id).await.unwrap_err().code, Code::NotFound, "it is another user's");
    door.providers.hanging.lock().push("b2".into());
    assert_eq!(test(&door, BOB, other.id).await.unwrap().notes, [], "what takes too long is looked up later");
}

async fn pair() -> Door {
    let door = Door::start();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.device(BOB, "b").await;
    door
}

/// Ann says something, and one alert is sent of it.
async fn alert_of(door: &Door, seq: u64, body: &str) -> Alert {
    door.says(PAIR, seq, body).await;
    door.pass(0).await;
    let sent = std::mem::take(&mut *door.providers.sent.lock());
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent[0].alert.clone()
}

async fn notes(door: &Door, seq: u64) -> Vec<Note> {
    let request = JournalRequest { app: APP, dialog: vec![PAIR; 12], message: id_of(seq), limit: 9, ..Default::default() };
    answer(door.client.clone().journal(request).await).unwrap().notes
}

async fn settings(door: &Door) -> Settings {
    answer(door.alerting().get_settings(GetSettingsRequest { app: APP }).await).unwrap()
}

async fn put(door: &Door, settings: Settings) -> Result<Settings, Failure> {
    answer(door.alerting().put_settings(PutSettingsRequest { app: APP, settings: Some(settings) }).await)
}

async fn preview(door: &Door, settings: Option<Settings>, sample: Option<Sample>) -> Result<PreviewReply, Failure> {
    answer(door.alerting().preview(PreviewRequest { app: APP, settings, sample }).await)
}

async fn test(door: &Door, user: u64, subscription: u64) -> Result<SendTestReply, Failure> {
    answer(door.alerting().send_test(SendTestRequest { app: APP, user, subscription, sample: None }).await)
}

fn says(body: &str) -> Template {
    Template { body: body.into(), ..Template::default() }
}

fn of_body(body: &str) -> Settings {
    Settings { template: Some(says(body)), ..Settings::default() }
}
