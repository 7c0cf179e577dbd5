//! Who is alerted that somebody asks to be his contact, when, and what it says.
#![allow(clippy::unwrap_used)]

use natter_proto::push::v1::{Content, JournalRequest, Note, Privacy, PutSettingsRequest, Settings, Template, Variant};
use natter_push::provider::Outcome;

use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn who_has_no_session_is_alerted_of_who_asks_at_once() {
    let door = bobs().await;
    door.subscribe(iphone(BOB, "i")).await.unwrap();
    *door.world.unread.lock() = 7;
    door.asks().await;
    door.pass(0).await;
    let sent = door.providers.sent.lock().clone();
    assert_eq!(sent.iter().map(|one| token_of(&one.target)).collect::<Vec<_>>(), ["b", "i"]);
    let alert = &sent[0].alert;
    assert_eq!((alert.text.as_str(), alert.badge, alert.high), ("User 34 wants to be your contact", Some(7), true));
    assert_eq!(alert.data, [("alert".to_owned(), "contact_request".into()), ("user_id".to_owned(), ANN.into())]);
    assert_eq!(told(&door).await, ["offline accepted p1", "offline accepted p1"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_open_after_three_seconds_was_told() {
    for (active, unproving, ends, told_of) in [
        (false, false, false, "inactive accepted p1"),
        (true, true, false, "session open that cannot prove"),
        (true, false, false, "session open that cannot prove"),
        (true, false, true, "offline accepted p1"),
    ] {
        let door = bobs().await;
        door.session(BOB, active, unproving, 0);
        door.asks().await;
        door.pass(2_900).await;
        if ends {
            assert_eq!(told(&door).await, [""; 0], "it has its time");
            door.world.sessions.lock().clear();
        }
        door.pass(200).await;
        assert_eq!(told(&door).await, [told_of], "{active} {unproving} {ends}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_what_was_answered_taken_back_or_blocked_nothing_is_said() {
    let door = bobs().await;
    door.session(BOB, true, false, 0);
    door.asks().await;
    door.pass(1_000).await;
    door.world.sessions.lock().clear();
    door.world.asking.lock().clear();
    door.pass(2_000).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["removed".to_owned()]));
    door.world.blocked.lock().insert((ANN, BOB, false));
    door.asks().await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await.pop()), (vec![], Some("blocked".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn the_same_request_again_takes_the_place_of_the_first_on_the_device() {
    let door = bobs().await;
    for _ in 0..2 {
        door.asks().await;
        door.pass(1_000).await;
    }
    let collapses: Vec<String> = door.providers.sent.lock().iter().map(|one| one.alert.collapse.clone()).collect();
    assert_eq!((collapses.len(), &collapses[0]), (2, &collapses[1]));
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_the_request_and_the_answer_costs_no_alert() {
    let door = bobs().await;
    door.asks().await;
    let door = door.killed().await;
    door.answers([Outcome::Later { after: None, reason: "503".into() }]);
    door.pass(0).await;
    assert_eq!(door.sent().len(), 1);
    let door = door.killed().await;
    door.pass(60_000).await;
    assert_eq!(door.sent(), [("b".to_owned(), "User 34 wants to be your contact".to_owned())]);
    assert_eq!(told(&door).await, ["offline later 503", "offline accepted p1"]);
}

#[tokio::test(start_paused = true)]
async fn an_app_says_it_in_its_own_words_within_its_privacy_or_not_at_all() {
    let door = bobs().await;
    let says = |body: &str, content: Content| Variant {
        content: content.into(),
        template: Some(Template { body: body.into(), ..Template::default() }),
        ..Variant::default()
    };
    let own = Settings { variants: vec![says("{{ sender.name }} asks", Content::ContactRequest)], ..Settings::default() };
    let general = Template { body: "{{ sender.name }} wrote".into(), ..Template::default() };
    for (settings, said) in [
        (own.clone(), "User 34 asks"),
        (Settings { privacy: Privacy::Nothing.into(), ..own }, "asks"),
        (Settings { template: Some(general), ..Settings::default() }, "User 34 wants to be your contact"),
    ] {
        put(&door, settings).await;
        door.asks().await;
        door.pass(0).await;
        assert_eq!(door.sent(), [("b".to_owned(), said.to_owned())]);
    }
    put(&door, Settings { off: true, ..Settings::default() }).await;
    door.asks().await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await.pop()), (vec![], Some("alerts are off".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn without_a_device_the_journal_says_so() {
    let door = Door::start();
    door.device(CAT, "c").await;
    door.asks().await;
    door.pass(0).await;
    assert_eq!((door.sent(), told(&door).await), (vec![], vec!["no subscription".to_owned()]));
}

async fn bobs() -> Door {
    let door = Door::start();
    door.device(BOB, "b").await;
    door
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
