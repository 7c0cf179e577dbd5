//! What becomes of an alert that is due: attempts, pauses, rejected devices, bounds, and deaths in between.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_db::Faults;
use natter_proto::dialog::v1::DialogKind;
use natter_proto::push::v1::{Channel, SubscribeRequest};
use natter_push::Options;
use natter_push::provider::{Outcome, Reason, Target};

use crate::kit::*;

const PAIR: u8 = 0xaa;
const GROUP: u8 = 0xbb;

#[tokio::test(start_paused = true)]
async fn every_device_of_a_user_is_sent_the_alert() {
    let door = pair(Options::default()).await;
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    let sent = door.providers.sent.lock().clone();
    let targets: Vec<Target> = sent.iter().map(|one| one.target.clone()).collect();
    let apple = Target::Apns { token: "i".into(), topic: "org.x".into(), sandbox: true, voip: false };
    assert_eq!(targets, [Target::Fcm { token: "b".into() }, apple]);
    assert_eq!((sent[0].app, sent[0].alert.collapse.clone()), (APP, sent[1].alert.collapse.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_woken_for_calls_is_not_woken_for_a_message() {
    let door = pair(Options::default()).await;
    door.dialog(GROUP, DialogKind::Group, &[ANN, BOB, CAT]);
    for user in [BOB, CAT] {
        door.subscribe(SubscribeRequest { channel: Channel::ApnsVoip.into(), ..iphone(user, "v") }).await.unwrap();
    }
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door), ["b"]);
    let told = door.journal(GROUP, 1).await;
    assert!(told.contains(&(CAT, "no subscription".into(), String::new())), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn later_is_tried_again_on_that_device_alone_with_the_same_collapse_id() {
    let door = pair(Options::default()).await;
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    let later = |after| Outcome::Later { after, reason: "503".into() };
    let accepted = || Outcome::Accepted { id: None };
    door.answers([later(Some(Duration::from_secs(40))), accepted(), later(None), accepted()]);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    let first = door.providers.sent.lock().clone();
    assert_eq!(tokens(&door), ["b", "i"]);
    door.pass(39_999).await;
    assert_eq!(tokens(&door), [""; 0], "when the provider says so");
    door.pass(1).await;
    assert_eq!(door.providers.sent.lock()[0].alert.collapse, first[0].alert.collapse);
    assert_eq!(tokens(&door), ["b"]);
    door.pass(9_999).await;
    assert_eq!(tokens(&door), [""; 0], "else after its own pause, which grows");
    door.pass(1).await;
    assert_eq!(tokens(&door), ["b"]);
    door.pass(1_000_000).await;
    assert_eq!(tokens(&door), [""; 0]);
    let answers: Vec<String> = door.journal(PAIR, 1).await.into_iter().map(|(_, _, answer)| answer).collect();
    assert_eq!(answers, ["later 503", "accepted", "later 503", "accepted"]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_no_provider_takes_is_given_up_after_a_day() {
    let door = pair(Options { alert_hours: 1, ..Options::default() }).await;
    door.answers((0..99).map(|_| Outcome::Later { after: Some(Duration::from_secs(600)), reason: "503".into() }));
    door.says(PAIR, 1, "hi").await;
    door.pass(59 * 60 * 1_000).await;
    assert_eq!(tokens(&door).len(), 6);
    door.pass(60 * 60 * 1_000).await;
    assert_eq!(tokens(&door), [""; 0]);
    assert_eq!(door.journal(PAIR, 1).await.last().unwrap().1, "given up, no provider took it in time");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_device_is_marked_and_left_alone_until_it_subscribes_again() {
    let door = pair(Options::default()).await;
    door.answers([Outcome::Rejected(Reason::Unregistered { since: None })]);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door), ["b"]);
    let device = &door.list(BOB).await[0];
    assert_eq!((device.rejected_at, device.rejected_for.as_str()), (START_MS + 20, "not registered any more"));
    door.says(PAIR, 2, "hi").await;
    door.pass(0).await;
    assert_eq!((tokens(&door).len(), door.journal(PAIR, 2).await[0].1.as_str()), (0, "devices unknown to their providers"));
    door.device(BOB, "b").await;
    door.says(PAIR, 3, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_not_repeated() {
    let door = pair(Options::default()).await;
    door.answers([Outcome::Refused { status: Some(413), reason: "PayloadTooLarge".into() }]);
    door.says(PAIR, 1, "hi").await;
    door.pass(1_000_000).await;
    assert_eq!(tokens(&door), ["b"]);
    assert_eq!(door.journal(PAIR, 1).await, [(BOB, "offline".into(), "refused 413 PayloadTooLarge".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_with_bad_credentials_pauses_for_all_and_goes_on_by_itself() {
    let door = pair(Options::default()).await;
    door.dialog(GROUP, DialogKind::Group, &[ANN, CAT]);
    door.device(CAT, "c").await;
    door.answers([Outcome::Credentials { status: Some(403), reason: "InvalidProviderToken".into() }]);
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    door.says(GROUP, 2, "hi").await;
    door.pass(50_000).await;
    door.subscribe(iphone(CAT, "i")).await.unwrap();
    assert_eq!(tokens(&door), ["b"], "the channel is not asked again");
    assert_eq!(door.journal(GROUP, 2).await[0].2, "credentials 403 InvalidProviderToken");
    door.says(GROUP, 3, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door), ["i"], "another channel is");
    door.pass(100_000).await;
    let mut sent = tokens(&door);
    sent.sort();
    assert_eq!(sent, ["b", "c", "c", "i"], "all of it after the pause");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_holds_up_its_own_user_and_nobody_else() {
    let door = pair(Options { in_flight_per_app_max: 2, ..Options::default() }).await;
    door.dialog(GROUP, DialogKind::Group, &[ANN, CAT]);
    door.device(CAT, "c").await;
    door.providers.hanging.lock().push("b".into());
    door.says(PAIR, 1, "hi").await;
    door.says(PAIR, 2, "hi").await;
    door.pass(0).await;
    for seq in 3..6 {
        door.says(GROUP, seq, "hi").await;
        door.pass(0).await;
    }
    assert_eq!(tokens(&door), ["b", "c", "c", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_leaves_room_for_the_others_of_the_app() {
    let options = Options::default();
    let lane = options.provider_in_flight_max;
    assert!(options.in_flight_per_app_max >= 4 * lane && options.in_flight_max >= 4 * options.in_flight_per_app_max);
    assert!(options.in_flight_per_app_max <= options.provider_waiting_max, "a busy one puts nobody off");
    let door = Door::with(options);
    // More than one lane takes wait for Google, all of whose requests hang.
    let waiting: Vec<u64> = (1_000..1_000 + 4 * lane as u64).collect();
    door.dialog(GROUP, DialogKind::Group, &[&[ANN][..], &waiting].concat());
    for user in &waiting {
        door.device(*user, &user.to_string()).await;
        door.providers.hanging.lock().push(user.to_string());
    }
    door.says(GROUP, 1, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door).len(), waiting.len());
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    door.says(PAIR, 2, "hi").await;
    door.pass(0).await;
    assert_eq!(tokens(&door), ["i"]);
}

#[tokio::test(start_paused = true)]
async fn alerts_of_one_user_go_in_their_order() {
    let door = pair(Options::default()).await;
    for seq in 1..=20 {
        door.says(PAIR, seq, &seq.to_string()).await;
    }
    door.pass(0).await;
    let texts: Vec<String> = door.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, (1..=20).map(|seq| format!("User 34: {seq}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_sent_wholly_each_alert_once_and_each_users_in_order() {
    let members: Vec<u64> = (1_000..1_300).collect();
    let door = Door::start();
    door.dialog(GROUP, DialogKind::Group, &members);
    for user in &members {
        door.device(*user, &user.to_string()).await;
    }
    for seq in 1..=10 {
        door.says(GROUP, seq, &seq.to_string()).await;
    }
    // Some have it when it is looked at again, and of some it is known then only that they are there.
    for user in &members[..100] {
        door.session(*user, true, false, 0);
    }
    door.pass(1_000).await;
    for user in &members[..60] {
        door.session(*user, true, false, 9);
    }
    door.pass(10_000).await;
    let mut texts = std::collections::BTreeMap::<String, Vec<String>>::new();
    for (token, text) in door.sent() {
        texts.entry(token).or_default().push(text);
    }
    let all: Vec<String> = (1..=10).map(|seq| format!("User 34: {seq}")).collect();
    for (n, user) in members.iter().enumerate() {
        let expected = if n < 60 { &all[9..] } else { &all[..] };
        assert_eq!(texts.get(&user.to_string()).map_or(&[][..], Vec::as_slice), expected, "{user}");
    }
    assert_eq!(door.journal(GROUP, 3).await.len(), 100, "as many as are asked for at once");
}

#[tokio::test(start_paused = true)]
async fn no_message_is_without_its_alert_whenever_the_process_dies() {
    let mut door = pair(Options::default()).await;
    for seq in 1..=12_u64 {
        door.says(PAIR, seq, &seq.to_string()).await;
        for _ in 0..seq * 3 {
            tokio::task::yield_now().await;
        }
        door = door.killed().await;
    }
    door.pass(0).await;
    let sent = door.sent();
    for seq in 1..=12 {
        let count = sent.iter().filter(|(_, text)| *text == format!("User 34: {seq}")).count();
        assert!((1..=2).contains(&count), "{seq}: {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_being_sent_when_the_process_died_is_sent_again_with_the_same_collapse_id() {
    let door = pair(Options::default()).await;
    door.providers.hanging.lock().push("b".into());
    door.says(PAIR, 1, "hi").await;
    door.pass(0).await;
    door.providers.hanging.lock().clear();
    let door = door.killed().await;
    door.pass(10_000).await;
    let sent = door.providers.sent.lock().clone();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].alert.collapse, sent[1].alert.collapse);
    assert_eq!(door.journal(PAIR, 1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_posted_while_nobody_read_is_alerted_later() {
    let mut door = pair(Options::default()).await;
    door.stop().await;
    door.says(PAIR, 1, "hi").await;
    door.pass(60_000).await;
    assert_eq!(tokens(&door), [""; 0]);
    door.run();
    door.pass(0).await;
    assert_eq!(tokens(&door), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_or_a_store_that_fails_delays_and_loses_nothing() {
    let door = pair(Options::default()).await;
    *door.world.failing.lock() = 2;
    door.says(PAIR, 1, "hi").await;
    door.pass(5_000).await;
    assert_eq!(tokens(&door), ["b"]);
    for seq in 2..12 {
        door.says(PAIR, seq, "hi").await;
    }
    door.db.set_faults(Faults { seed: 7, not_stored: 0.6, ..Faults::default() });
    door.pass(600_000).await;
    door.db.set_faults(Faults::default());
    door.pass(600_000).await;
    let sent: std::collections::BTreeSet<_> = door.providers.sent.lock().iter().map(|one| one.alert.collapse.clone()).collect();
    assert_eq!(sent.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn of_too_many_alerts_the_oldest_are_dropped_and_noted() {
    let door = pair(Options { queue_max: 3, ..Options::default() }).await;
    door.session(BOB, true, false, 0);
    for seq in 1..=5 {
        door.says(PAIR, seq, &seq.to_string()).await;
        door.pass(20).await;
    }
    door.pass(3_000).await;
    let texts: Vec<String> = door.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["User 34: 3", "User 34: 4", "User 34: 5"]);
    assert_eq!(door.journal(PAIR, 1).await, [(BOB, "dropped, too many waited".into(), String::new())]);
}

#[tokio::test(start_paused = true)]
async fn the_journal_forgets_after_its_days() {
    let door = pair(Options { journal_days: 1, ..Options::default() }).await;
    door.says(PAIR, 1, "hi").await;
    door.pass(23 * 60 * 60 * 1_000).await;
    assert_eq!(door.journal(PAIR, 1).await.len(), 1);
    door.pass(2 * 60 * 60 * 1_000).await;
    assert_eq!(door.journal(PAIR, 1).await, []);
}

fn tokens(door: &Door) -> Vec<String> {
    door.sent().into_iter().map(|(token, _)| token).collect()
}

async fn pair(options: Options) -> Door {
    let door = Door::with(options);
    door.dialog(PAIR, DialogKind::Private, &[ANN, BOB]);
    door.device(BOB, "b").await;
    door
}
