//! What Apple is sent, and what its answers mean.
#![allow(clippy::unwrap_used)]

use super::super::alert::Ios;
use super::*;

const NOW: i64 = 1_800_000_000_500;

#[test]
fn an_alert_has_all_that_apple_shows() {
    let alert = Alert {
        text: "hello".into(),
        title: Some("Ann".into()),
        badge: Some(7),
        sound: Some("ding.caf".into()),
        category: Some("reply".into()),
        thread: Some("d1".into()),
        data: vec![("dialog_id".into(), "d1".into()), ("user_id".into(), 5.into())],
        ios: Ios {
            mutable_content: true,
            content_available: true,
            loc: vec![("loc-key".into(), "NEW".into()), ("body".into(), "not this".into())],
            ..Ios::default()
        },
        ..Alert::default()
    };
    let expected = json!({
        "aps": {
            "alert": {"title": "Ann", "body": "hello", "loc-key": "NEW"},
            "badge": 7, "sound": "ding.caf", "category": "reply", "thread-id": "d1", "mutable-content": 1, "content-available": 1,
        },
        "dialog_id": "d1", "user_id": 5,
    });
    assert_eq!(read(false, &alert), expected);
}

#[test]
fn what_is_hidden_shows_nothing_and_carries_the_text() {
    let alert = Alert { text: "ring".into(), badge: Some(1), sound: Some("x".into()), silent: true, ..Alert::default() };
    assert_eq!(read(false, &alert), json!({"aps": {"content-available": 1}, "message": "ring"}));
    assert_eq!(read(true, &alert), json!({"aps": {}, "message": "ring"}));
}

#[test]
fn push_type_and_priority_go_together() {
    let of = |voip, push_type, silent, high| {
        let alert = Alert { silent, high, ios: Ios { push_type, ..Ios::default() }, ..Alert::default() };
        let headers = headers("ab", Some("org.x"), voip, &alert, NOW);
        let get = |name: &str| headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        [get("apns-push-type"), get("apns-priority"), get("apns-topic")].join(" ")
    };
    assert_eq!(of(false, None, false, true), "alert 10 org.x");
    assert_eq!(of(false, None, false, false), "alert 5 org.x");
    assert_eq!(of(false, None, true, true), "background 5 org.x");
    assert_eq!(of(false, Some(PushType::Background), false, true), "background 5 org.x");
    assert_eq!(of(false, Some(PushType::Voip), false, true), "alert 10 org.x", "a token of alerts takes no VoIP");
    assert_eq!(of(true, Some(PushType::Alert), false, false), "voip 10 org.x.voip");
    assert_eq!(topic_of("org.x.voip", true), "org.x.voip");
}

#[test]
fn it_is_kept_as_long_as_it_is_worth_something() {
    let of = |voip, expires_at| {
        let alert = Alert { expires_at, ..Alert::default() };
        headers("ab", None, voip, &alert, NOW).into_iter().find(|(name, _)| *name == "apns-expiration").unwrap().1
    };
    assert_eq!(of(false, Some(NOW + 90_000)), "1800000090");
    assert_eq!(of(false, Some(NOW + 999)), "0", "at once or never");
    assert_eq!(of(false, None), (1_800_000_000 + 28 * 86_400).to_string());
    assert_eq!(of(true, None), "1800000030");
}

#[test]
fn every_attempt_at_the_same_alert_has_the_same_ids() {
    let of = |token: &str, collapse: &str, voip| {
        let headers = headers(token, None, voip, &Alert { collapse: collapse.into(), ..Alert::default() }, NOW);
        let get = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        (get("apns-id").unwrap(), get("apns-collapse-id"))
    };
    assert_eq!(of("ab", "d-42", false), of("ab", "d-42", false));
    assert_eq!(of("ab", "d-42", false).1.unwrap(), "d-42");
    assert_ne!(of("ab", "d-42", false).0, of("ab", "d-43", false).0);
    assert_ne!(of("ab", "d-42", false).0, of("cd", "d-42", false).0);
    let parts: Vec<_> = of("ab", "d", false).0.split('-').map(str::to_owned).collect();
    assert_eq!(parts.iter().map(String::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(parts[2].starts_with('8') && parts[3].starts_with(['8', '9', 'a', 'b']), "{parts:?}");
    assert_eq!(of("ab", &"x".repeat(65), false).1.unwrap().len(), 43, "a long one is hashed");
    assert_eq!(of("ab", "d-42", true).1, None);
}

#[test]
fn a_token_can_stand_in_a_path() {
    for (token, fine) in [("aB09", true), ("", false), ("ab/../x", false), ("ab?", false), ("ä", false), ("g", false)] {
        assert_eq!(is_token(token), fine, "{token}");
    }
}

#[test]
fn each_answer_means_what_apple_says() {
    use Outcome::{Accepted, Credentials, Later, Refused, Rejected};
    let after = Some(Duration::from_secs(9));
    let of =
        |status, reason: &str, own| verdict(status, Some("id"), after, json!({"reason": reason}).to_string().as_bytes(), own);
    assert_eq!(of(200, "", true).outcome, Accepted { id: Some("id".into()) });
    for (status, reason, expected) in [
        (400, "BadDeviceToken", Rejected(Reason::BadToken)),
        (400, "DeviceTokenNotForTopic", Rejected(Reason::OtherSender)),
        (400, "BadTopic", Refused { status: Some(400), reason: "BadTopic".into() }),
        (400, "BadExpirationDate", Refused { status: Some(400), reason: "BadExpirationDate".into() }),
        (400, "TopicDisallowed", Credentials { status: Some(400), reason: "TopicDisallowed".into() }),
        (400, "IdleTimeout", Later { after, reason: "IdleTimeout".into() }),
        (403, "BadCertificate", Credentials { status: Some(403), reason: "BadCertificate".into() }),
        (403, "InvalidProviderToken", Credentials { status: Some(403), reason: "InvalidProviderToken".into() }),
        (403, "Forbidden", Credentials { status: Some(403), reason: "Forbidden".into() }),
        (403, "BadCertificateEnvironment", Refused { status: Some(403), reason: "BadCertificateEnvironment".into() }),
        (404, "BadPath", Refused { status: Some(404), reason: "BadPath".into() }),
        (405, "MethodNotAllowed", Refused { status: Some(405), reason: "MethodNotAllowed".into() }),
        (410, "Unregistered", Rejected(Reason::Unregistered { since: None })),
        (410, "ExpiredToken", Rejected(Reason::Unregistered { since: None })),
        (413, "PayloadTooLarge", Refused { status: Some(413), reason: "PayloadTooLarge".into() }),
        (429, "TooManyRequests", Later { after, reason: "TooManyRequests".into() }),
        (500, "InternalServerError", Later { after, reason: "InternalServerError".into() }),
        (503, "Shutdown", Later { after, reason: "Shutdown".into() }),
    ] {
        assert_eq!(of(status, reason, true).outcome, expected, "{status} {reason}");
    }
    let foreign = of(400, "TopicDisallowed", false);
    assert_eq!(foreign.outcome, Rejected(Reason::OtherSender), "a foreign bundle stops nobody but who subscribed with it");
    assert!(of(403, "ExpiredProviderToken", true).renew && !of(403, "InvalidProviderToken", true).renew);
    let since = verdict(410, None, None, br#"{"reason":"Unregistered","timestamp":1799999999000}"#, true);
    assert_eq!(since.outcome, Rejected(Reason::Unregistered { since: Some(1_799_999_999_000) }));
    assert_eq!(
        verdict(400, None, None, b"<html>", true).outcome,
        Refused { status: Some(400), reason: "no reason given".into() }
    );
}

fn read(voip: bool, alert: &Alert) -> Value {
    serde_json::from_str(&payload(voip, alert).unwrap().text).unwrap()
}
