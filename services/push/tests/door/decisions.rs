//! Who is alerted of a message, cell by cell of the plan (design.md section 9), as far as other services have a say.
#![allow(clippy::unwrap_used)]

use natter_proto::dialog::v1::DialogKind;
use natter_proto::event::v1::{Attachment, Attribute, Message};

use crate::kit::*;

const PAIR: u8 = 0xaa;
const GROUP: u8 = 0xbb;

#[tokio::test(start_paused = true)]
async fn who_has_no_session_is_alerted_at_once() {
    let door = pair().await;
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: hi".into())]);
    assert_eq!(door.journal(PAIR, 1).await, [(BOB, "offline".into(), "accepted p1".into())]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_at_none_of_his_sessions_is_alerted_at_once_though_they_have_it() {
    let door = pair().await;
    door.session(BOB, false, false, 9);
    door.world.received.lock().insert((BOB, 1));
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent().len(), 1);
    assert_eq!(reasons(&door.journal(PAIR, 1).await).into_keys().collect::<Vec<_>>(), [(BOB, "inactive")]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_can_prove_has_three_seconds() {
    let door = pair().await;
    door.session(BOB, true, false, 0);
    door.says(PAIR, 1, "proved").await;
    door.says(PAIR, 2, "marked").await;
    door.says(PAIR, 3, "neither").await;
    door.pass(2_999).await;
    assert_eq!((door.sent(), door.journal(PAIR, 1).await), (vec![], vec![]));
    door.session(BOB, true, false, 1);
    door.world.received.lock().insert((BOB, 2));
    door.pass(1).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: neither".into())]);
    for seq in [1, 2] {
        assert_eq!(door.journal(PAIR, seq).await, [(BOB, "received".into(), String::new())]);
    }
    assert_eq!(door.journal(PAIR, 3).await, [(BOB, "not proved in time".into(), "accepted p1".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_without_a_proof_leaves_an_alert() {
    let door = pair().await;
    door.session(BOB, true, false, 0);
    door.says(PAIR, 1, "hi").await;
    door.pass(1_000).await;
    door.world.sessions.lock().clear();
    door.pass(2_000).await;
    assert_eq!(door.sent().len(), 1);
    assert_eq!(door.journal(PAIR, 1).await[0].1, "offline");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_alerted_whose_open_session_can_prove_nothing() {
    let door = pair().await;
    door.session(BOB, true, true, 0);
    door.says(PAIR, 1, "hi").await;
    door.pass(60_000).await;
    assert_eq!(door.sent(), []);
    assert_eq!(door.journal(PAIR, 1).await, [(BOB, "session open that cannot prove".into(), String::new())]);
}

#[tokio::test(start_paused = true)]
async fn what_his_session_has_proved_already_needs_no_wait() {
    let door = pair().await;
    door.session(BOB, true, false, 1);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.journal(PAIR, 1).await[0].1, "received");
}

#[tokio::test(start_paused = true)]
async fn who_received_or_read_it_before_he_left_is_not_alerted() {
    let door = pair().await;
    door.world.received.lock().insert((BOB, 1));
    door.world.read.lock().insert((BOB, 2));
    for seq in [1, 2] {
        door.says(PAIR, seq, "hi").await;
    }
    door.pass(0).await;
    assert_eq!(door.sent(), []);
    assert_eq!((door.journal(PAIR, 1).await[0].1.as_str(), door.journal(PAIR, 2).await[0].1.as_str()), ("received", "read"));
}

#[tokio::test(start_paused = true)]
async fn a_muted_dialog_alerts_nobody_who_muted_it() {
    let door = group().await;
    door.mute(GROUP, BOB);
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("c".into(), "User 34: hi".into())]);
    assert_eq!(reasons(&door.journal(GROUP, 1).await).into_keys().collect::<Vec<_>>(), [(BOB, "muted"), (CAT, "offline")]);
}

#[tokio::test(start_paused = true)]
async fn a_block_keeps_the_alert_away_in_private_and_in_groups() {
    let door = group().await;
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.world.blocked.lock().insert((ANN, BOB, true));
    door.says(GROUP, 1, "to all").await;
    door.says(PAIR, 2, "to him").await;
    door.pass(0).await;
    let mut sent = door.sent();
    sent.sort();
    assert_eq!(sent, [("b".into(), "User 34: to him".into()), ("c".into(), "User 34: to all".into())]);
    door.world.blocked.lock().insert((ANN, BOB, false));
    door.says(PAIR, 3, "more").await;
    door.pass(0).await;
    assert_eq!((door.sent(), door.journal(PAIR, 3).await[0].1.as_str()), (vec![], "blocked"));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_alerted_of_his_own_message() {
    let door = group().await;
    door.device(ANN, "a").await;
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    let mut tokens: Vec<_> = door.sent().into_iter().map(|(token, _)| token).collect();
    tokens.sort();
    assert_eq!(tokens, ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_public_dialog_those_are_alerted_who_joined_and_muted_nothing() {
    let door = Door::start();
    door.dialog(GROUP, DialogKind::Public, &[ANN, BOB]);
    for (user, token) in [(BOB, "b"), (CAT, "c")] {
        door.device(user, token).await;
    }
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: hi".into())]);
    door.mute(GROUP, BOB);
    door.says(GROUP, 2, "hi").await;
    door.pass(0).await;
    assert_eq!(door.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_or_hidden_from_him_before_it_is_sent_alerts_nobody() {
    let door = pair().await;
    door.session(BOB, true, false, 0);
    for seq in [1, 2, 3] {
        door.says(PAIR, seq, "hi").await;
    }
    door.pass(0).await;
    door.world.rows.lock()[0].removed = true;
    door.world.hidden.lock().insert((BOB, 2));
    door.world.rows.lock()[2].body = Some("edited".into());
    door.pass(3_000).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: edited".into())], "as it is when it is sent");
    assert_eq!((door.journal(PAIR, 1).await[0].1.as_str(), door.journal(PAIR, 2).await[0].1.as_str()), ("removed", "removed"));
}

#[tokio::test(start_paused = true)]
async fn a_message_outside_the_log_alerts_until_a_client_has_it() {
    let door = pair().await;
    door.keeps(PAIR, 1, "unsaved").await;
    door.pass(0).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: unsaved".into())]);
    door.session(BOB, true, false, 99);
    door.keeps(PAIR, 2, "dropped").await;
    door.keeps(PAIR, 3, "still there").await;
    door.pass(1_000).await;
    door.world.kept.lock().remove(&(BOB, 2));
    door.pass(2_000).await;
    assert_eq!(door.sent(), [("b".into(), "User 34: still there".into())], "a proof of the log says nothing of the queue");
    assert_eq!(door.journal(PAIR, 2).await[0].1, "received");
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_is_named_and_a_group_too() {
    let door = group().await;
    let attributes = vec![Attribute { name: "type".into(), value: "photo".into() }];
    let message = Message { body: None, attachments: vec![Attachment { attributes }], ..door.message(GROUP, 1, "") };
    *door.world.unread.lock() = 7;
    door.posts(GROUP, &[message]).await;
    door.pass(0).await;
    let sent = door.providers.sent.lock().clone();
    assert_eq!((sent[0].alert.text.as_str(), sent[0].alert.title.as_deref()), ("User 34: Photo", Some("Verona")));
    assert_eq!(sent[0].alert.badge, Some(7), "what the user has not read");
}

#[tokio::test(start_paused = true)]
async fn members_without_a_device_are_one_note_however_many() {
    let door = Door::start();
    let members: Vec<u64> = (1..=250).chain([ANN, BOB]).collect();
    door.dialog(GROUP, DialogKind::Group, &members);
    *door.world.page.lock() = 100;
    for user in [5, 205] {
        door.device(user, &user.to_string()).await;
    }
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    let mut tokens: Vec<_> = door.sent().into_iter().map(|(token, _)| token).collect();
    tokens.sort();
    assert_eq!(tokens, ["205", "5"], "on every page");
    let journal = door.journal(GROUP, 1).await;
    assert_eq!(journal.len(), 3, "{journal:?}");
    assert!(journal.contains(&(0, "no subscription".into(), String::new())));
}

async fn pair() -> Door {
    let door = Door::start();
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.device(BOB, "b").await;
    door
}

async fn group() -> Door {
    let door = Door::start();
    door.dialog(GROUP, DialogKind::Group, &[ANN, BOB, CAT]);
    for (user, token) in [(BOB, "b"), (CAT, "c")] {
        door.device(user, token).await;
    }
    door
}
