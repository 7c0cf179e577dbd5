//! Who is alerted of a call, when, on which devices, and what it says.
#![allow(clippy::unwrap_used)]

use natter_proto::event::v1::{CallKind, PostedCall};
use natter_proto::push::v1::{
    Channel, Content, JournalRequest, Note, Privacy, PutSettingsRequest, Settings, SubscribeRequest, Template, Variant, WebTarget,
};
use natter_push::provider::{Outcome, Target};

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn who_has_no_session_is_alerted_at_once_on_all_devices_as_long_as_it_rings() {
    let door = bobs().await;
    let voip = SubscribeRequest { channel: Channel::ApnsVoip.into(), udid: "v".into(), ..iphone(BOB, "bb") };
    let key = "BNNL5ZaTfK81qhXOx23-wewhigUeFb632jN6LvRWCFH1ubQr77FE_9qV1FuojuRmHP42zmf34rXgW80OvUVDgTk";
    let web = WebTarget { endpoint: "https://push.test/b".into(), p256dh: key.into(), auth: "zqbxT6JKstKSY9JKibZLSQ".into() };
    let web = SubscribeRequest {
        channel: Channel::Web.into(),
        udid: "w".into(),
        token: String::new(),
        web: Some(web),
        ..android(BOB, "")
    };
    for device in [iphone(BOB, "aa"), voip, web] {
        door.subscribe(device).await.unwrap();
    }
    *door.world.unread.lock() = 7;
    let began = door.clock.now_ms();
    door.calls("f0f1").await;
    door.pass(0).await;
    let sent = door.providers.sent.lock().clone();
    let is_voip = |target: &Target| matches!(target, Target::Apns { voip: true, .. });
    let devices: Vec<_> = sent.iter().map(|one| (token_of(&one.target), is_voip(&one.target))).collect();
    let expected = [("b", false), ("aa", false), ("bb", true), ("https://push.test/b", false)];
    assert_eq!(devices, expected.map(|(token, voip)| (token.to_owned(), voip)));
    for one in &sent {
        let alert = &one.alert;
        assert_eq!((alert.text.as_str(), alert.badge, alert.high), ("User 34 is calling", Some(7), true));
        assert_eq!(alert.expires_at, Some(began + 45_000));
        let expected = [("alert", "call".into()), ("user_id", ANN.into()), ("call_type", "video".into())];
        assert_eq!(alert.data, expected.map(|(key, value)| (key.to_owned(), value)));
    }
    assert_eq!(told(&door).await, ["offline accepted p1"; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_did_not_switch_it_on_alerts_of_no_call_and_notes_nothing() {
    let door = bobs().await;
    put(&door, Settings::default()).await;
    door.calls("f0f1").await;
    door.ends("f0f1").await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec![]));
    assert!(door.posted.read(APP, 9).await.unwrap().is_empty(), "looked at");

    put(&door, on()).await;
    door.session(BOB, true, false, 0);
    door.calls("f0f2").await;
    door.pass(1_000).await;
    put(&door, Settings::default()).await;
    door.pass(3_000).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["alerts of calls are switched off".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_open_session_has_three_seconds_to_answer() {
    for (active, unproving, told_of) in [
        (false, false, "inactive accepted p1"),
        (true, false, "not proved in time accepted p1"),
        (true, true, "session open that cannot prove"),
    ] {
        let door = bobs().await;
        door.session(BOB, active, unproving, 0);
        door.calls("f0f1").await;
        door.pass(2_900).await;
        assert_eq!(told(&door).await.is_empty(), active && !unproving, "{active} {unproving}");
        door.pass(200).await;
        assert_eq!(told(&door).await, [told_of], "{active} {unproving}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_before_alerts_nobody() {
    let door = bobs().await;
    door.session(BOB, true, false, 0);
    door.calls("f0f1").await;
    door.pass(1_000).await;
    door.ends("f0f1").await;
    door.pass(5_000).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["call over".to_owned()]));
    door.calls("f0f1").await;
    door.pass(5_000).await;
    assert_eq!((door.sent(), told(&door).await.len()), (vec![], 1), "nor does it ring again");
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_tried_again_is_dropped_when_the_call_is_over_and_after_45_seconds() {
    let door = bobs().await;
    let later = || Outcome::Later { after: None, reason: "503".into() };
    door.answers([later()]);
    door.calls("f0f1").await;
    door.pass(1_000).await;
    door.ends("f0f1").await;
    door.pass(60_000).await;
    assert_eq!((door.sent().len(), told(&door).await), (1, vec!["offline later 503".to_owned(), "call over".into()]));

    door.answers((0..9).map(|_| later()));
    door.calls("f0f2").await;
    door.pass(120_000).await;
    assert_eq!(door.sent().len(), 4, "after 0, 5, 15 and 35 seconds");
    assert_eq!(told(&door).await.pop().unwrap(), "given up, no provider took it in time");
}

#[tokio::test(start_paused = true)]
async fn one_call_is_one_alert_whoever_repeats_it_and_whatever_dies() {
    let door = bobs().await;
    for _ in 0..3 {
        door.calls("f0f1").await;
    }
    door.pass(5_000).await;
    door.calls("f0f1").await;
    door.calls_of(PostedCall { caller: CAT, ..door.call("f0f1") }).await;
    door.pass(5_000).await;
    assert_eq!(door.sent().len(), 1);
    let door = door.killed().await;
    door.calls("f0f1").await;
    door.pass(5_000).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["offline accepted p1".to_owned()]));
    door.calls("f0f2").await;
    door.pass(0).await;
    assert_eq!(door.sent().len(), 1, "another call");
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_is_logged_again_before_the_first_one_is_decided_makes_no_second_alert() {
    let door = bobs().await;
    door.session(BOB, true, false, 0);
    for _ in 0..2 {
        door.calls("f0f1").await;
        door.pass(1_000).await;
    }
    door.pass(5_000).await;
    assert_eq!((door.sent().len(), told(&door).await), (1, vec!["not proved in time accepted p1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_a_call_of_several_does_not_silence_who_rings_on() {
    let door = bobs().await;
    door.session(BOB, true, false, 0);
    door.calls("f0f1").await;
    door.pass(500).await;
    let other = PostedCall { caller: CAT, ..door.call("f0f1") };
    door.calls_of(other.clone()).await;
    door.calls_of(PostedCall { over: true, ..other }).await;
    door.pass(5_000).await;
    assert_eq!(door.sent(), [("b".to_owned(), "User 34 is calling".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_the_call_and_the_answer_costs_no_alert() {
    let door = bobs().await;
    door.calls("f0f1").await;
    let door = door.killed().await;
    door.answers([Outcome::Later { after: None, reason: "503".into() }]);
    door.pass(0).await;
    let first = door.providers.sent.lock().clone();
    let door = door.killed().await;
    door.pass(10_000).await;
    let sent = door.providers.sent.lock().clone();
    assert_eq!((first.len(), sent.len()), (1, 2), "tried again");
    assert_eq!(sent[0].alert.collapse, sent[1].alert.collapse);
    door.calls("f0f2").await;
    door.pass(0).await;
    let other = door.providers.sent.lock().pop().unwrap();
    assert_ne!(other.alert.collapse, sent[0].alert.collapse);
}

#[tokio::test(start_paused = true)]
async fn who_is_blocked_without_a_device_or_switched_off_is_noted() {
    let door = bobs().await;
    door.world.blocked.lock().insert((ANN, BOB, false));
    door.calls("f0f1").await;
    door.pass(0).await;
    put(&door, Settings { off: true, ..on() }).await;
    door.calls("f0f2").await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["blocked".to_owned(), "alerts are off".into()]));

    let door = Door::start();
    door.device(CAT, "c").await;
    put(&door, on()).await;
    door.calls("f0f1").await;
    door.ends("f0f1").await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["no subscription".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_app_says_it_in_its_own_words_within_its_privacy() {
    let door = bobs().await;
    let body = "{{ sender.name|default('Somebody', true) }} calls{% if call.kind %} by {{ call.kind }}{% endif %}";
    let template = Some(Template { body: body.into(), ..Template::default() });
    let own = Settings { variants: vec![Variant { content: Content::Call.into(), template, ..Variant::default() }], ..on() };
    let nothing = Settings { privacy: Privacy::Nothing.into(), ..own.clone() };
    for (place, (settings, kind, said)) in [
        (own.clone(), CallKind::Audio, "User 34 calls by audio"),
        (own, CallKind::Unspecified, "User 34 calls"),
        (nothing, CallKind::Video, "Somebody calls"),
    ]
    .into_iter()
    .enumerate()
    {
        put(&door, settings).await;
        door.calls_of(PostedCall { kind: kind.into(), ..door.call(&place.to_string()) }).await;
        door.pass(0).await;
        assert_eq!(door.sent(), [("b".to_owned(), said.to_owned())]);
    }
}

/// Bob has a device, and the app wants alerts of calls.
async fn bobs() -> Door {
    let door = Door::start();
    door.device(BOB, "b").await;
    put(&door, on()).await;
    door
}

fn on() -> Settings {
    Settings { calls: true, ..Settings::default() }
}

async fn put(door: &Door, settings: Settings) {
    let request = PutSettingsRequest { app: APP, settings: Some(settings) };
    answer(door.alerting().put_settings(request).await).unwrap();
}

/// What the journal says of Bob, oldest first: why, and what was answered.
async fn told(door: &Door) -> Vec<String> {
    let request = JournalRequest { app: APP, user: BOB, limit: 100, ..JournalRequest::default() };
    let mut notes = answer(door.client.clone().journal(request).await).unwrap().notes;
    notes.reverse();
    let word = |note: Note| format!("{} {}", note.reason, note.answer).trim_end().to_owned();
    notes.into_iter().map(word).collect()
}
