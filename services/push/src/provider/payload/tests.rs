//! The limits: what is shortened, where, and what is refused.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::super::alert::AndroidNotification;
use super::*;

#[test]
fn a_text_is_cut_between_what_the_user_sees_as_characters() {
    let cases = [
        ("abcdef", 4, "abcd"),
        ("abc", 3, "abc"),
        // Two bytes in JSON each.
        ("a\"b", 2, "a"),
        ("a\nb", 3, "a"),
        ("a\u{1}b", 6, "a"),
        ("a\u{1}b", 7, "a\u{1}"),
        ("äöü", 3, "ä"),
        // A letter and its mark.
        ("ae\u{301}x", 3, "a"),
        ("ae\u{301}x", 4, "ae\u{301}"),
        // A family, joined: one character of 25 bytes.
        ("x👨‍👩‍👧‍👦y", 25, "x"),
        ("x👨‍👩‍👧‍👦y", 26, "x👨‍👩‍👧‍👦"),
        // Skin tones and variation selectors.
        ("👍🏽👍🏽", 15, "👍🏽"),
        ("❤\u{fe0f}x", 5, ""),
        // Flags are pairs.
        ("🇩🇪🇫🇷", 12, "🇩🇪"),
        ("🇩🇪🇫🇷", 15, "🇩🇪"),
        ("🇩🇪🇫🇷", 16, "🇩🇪🇫🇷"),
        // No space before the ellipsis.
        ("one two", 4, "one"),
    ];
    for (text, room, expected) in cases {
        assert_eq!(beginning(text, room), expected, "{text:?} in {room}");
    }
}

#[test]
fn what_does_not_fit_without_its_text_is_refused() {
    for target in targets() {
        let mut alert = Alert { text: "hello".into(), ..Alert::default() };
        alert.data.push(("blob".into(), "x".repeat(6_000).into()));
        let Err(PayloadError::TooLarge { size, limit }) = payload(&target, &alert) else { panic!("{target:?} took it") };
        assert!(size > 6_000 && size < 6_300 && limit < 6_000, "{size} {limit}");
        alert.text.clear();
        assert!(payload(&target, &alert).is_err());
    }
}

#[test]
fn a_text_that_fits_is_not_touched_and_one_byte_more_is_shortened() {
    for target in targets() {
        let of = |length: usize| payload(&target, &Alert { text: "x".repeat(length), ..Alert::default() }).unwrap();
        let room = of(0).limit - of(0).size;
        let full = of(room);
        assert_eq!((full.size, full.shortened), (full.limit, false), "{target:?}");
        let over = of(room + 1);
        assert_eq!((over.size, over.shortened), (over.limit, true), "{target:?}");
        assert!(over.text.contains("x…\"") && !over.text.contains("…x"));
    }
}

#[test]
fn the_limits_are_those_of_the_providers() {
    let limits = targets().map(|target| payload(&target, &Alert::default()).unwrap().limit);
    assert_eq!(limits, [4_096, 5_120, 4_096, 3_993]);
}

proptest! {
    #[test]
    fn every_alert_fits_and_only_its_text_is_cut(
        text in "(\\PC|[\u{0}-\u{1f}\"\\\\]|👨‍👩‍👧|🇩🇪|e\u{301}){0,3000}",
        title in proptest::option::of("\\PC{0,40}"),
        value in "\\PC{0,200}",
        number: u64,
        shown: bool,
        silent: bool,
    ) {
        let alert = Alert {
            text: text.clone(),
            title: title.clone(),
            collapse: "0123456789abcdef-42".into(),
            badge: Some(number),
            data: vec![("dialog_id".into(), value.clone().into()), ("number".into(), number.into())],
            android: shown.then(AndroidNotification::default),
            silent,
            ..Alert::default()
        };
        for target in targets() {
            let made = payload(&target, &alert).unwrap();
            prop_assert!(made.size <= made.limit);
            let root: Value = serde_json::from_str(&made.text).unwrap();
            let (sent, data) = read(&target, &root);
            if sent.is_none() {
                // A background push of Apple shows no text, yet carries it.
                prop_assert!(root["aps"]["alert"].is_null());
            }
            let sent = sent.or(root["message"].as_str()).unwrap();
            if made.shortened {
                let kept = sent.strip_suffix('…').unwrap();
                prop_assert!(text.starts_with(kept));
                // Nothing was given away: at most one more character on the screen would have fitted.
                prop_assert!(made.limit - made.size < 120);
            } else {
                prop_assert_eq!(sent, &text);
            }
            prop_assert_eq!(data["dialog_id"].as_str(), Some(value.as_str()));
        }
    }
}

// The text and the app's keys, where each provider has them.
fn read<'a>(target: &Target, root: &'a Value) -> (Option<&'a str>, &'a Value) {
    match target {
        Target::Apns { .. } => (root["aps"]["alert"]["body"].as_str(), root),
        Target::Web { .. } => (root["message"].as_str(), root),
        Target::Fcm { .. } => {
            let message = &root["message"];
            (message["notification"]["body"].as_str().or(message["data"]["message"].as_str()), &message["data"])
        }
    }
}

fn targets() -> [Target; 4] {
    let apns = |voip| Target::Apns { token: "ab".into(), topic: String::new(), sandbox: false, voip };
    let web = Target::Web { endpoint: String::new(), p256dh: String::new(), auth: String::new() };
    [apns(false), apns(true), Target::Fcm { token: "a device".into() }, web]
}

#[test]
fn keys_that_are_the_providers_own_are_left_out_and_named() {
    let data = ["aps", "message", "google.x", "gcm", "from", "tag", "mine"].map(|name| (name.to_owned(), json!("x")));
    let alert = Alert { text: "hello".into(), collapse: "c".into(), data: data.to_vec(), ..Alert::default() };
    let left_out = targets().map(|target| payload(&target, &alert).unwrap().left_out);
    assert_eq!(left_out[0], ["aps"]);
    assert_eq!(left_out[1], ["aps", "message"]);
    assert_eq!(left_out[2], ["message", "google.x", "gcm", "from"]);
    assert_eq!(left_out[3], ["message", "tag"]);
    for target in targets() {
        let text = payload(&target, &alert).unwrap().text;
        assert!(text.contains("\"mine\":\"x\"") && text.contains("hello"), "{text}");
    }
}
