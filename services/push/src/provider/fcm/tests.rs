//! What FCM is sent, and what its answers mean.
#![allow(clippy::unwrap_used)]

use super::*;

const NOW: i64 = 1_800_000_000_000;

#[test]
fn a_data_message_has_texts_only() {
    let alert = Alert {
        text: "hello".into(),
        title: Some("Ann".into()),
        collapse: "d-42".into(),
        badge: Some(7),
        high: true,
        expires_at: Some(NOW + 60_999),
        data: vec![("user_id".into(), 5.into()), ("more".into(), json!({"a": [1]}))],
        ..Alert::default()
    };
    let expected = json!({"message": {
        "token": "T",
        "data": {"message": "hello", "title": "Ann", "badge": "7", "user_id": "5", "more": "{\"a\":[1]}"},
        "android": {"collapse_key": "d-42", "priority": "HIGH", "ttl": "60s"},
    }});
    assert_eq!(read(&alert), expected);
}

#[test]
fn a_notification_is_shown_by_android_itself() {
    let wanted =
        json!({"title": "T", "icon": "bell", "android_channel_id": "chat", "unheard_of": "x", "color": 5, "image": null});
    let alert = Alert {
        text: "hello".into(),
        title: Some("Ann".into()),
        collapse: "d-42".into(),
        badge: Some(7),
        sound: Some("ding".into()),
        category: Some("OPEN".into()),
        data: vec![("dialog_id".into(), "d".into())],
        android: AndroidNotification::from_value(&wanted),
        ..Alert::default()
    };
    let expected = json!({"message": {
        "token": "T",
        "notification": {"title": "T", "body": "hello"},
        "data": {"dialog_id": "d"},
        "android": {"collapse_key": "d-42", "priority": "NORMAL", "ttl": "2419200s", "notification": {
            "icon": "bell", "color": "5", "channel_id": "chat", "tag": "d-42", "sound": "ding", "click_action": "OPEN",
            "notification_count": 7,
        }},
    }});
    assert_eq!(read(&alert), expected);
    let own_body = AndroidNotification::from_value(&json!({"body": "theirs"})).unwrap();
    let message = read(&Alert { android: Some(own_body), ..alert.clone() });
    assert_eq!(message["message"]["notification"], json!({"title": "Ann", "body": "theirs"}));
    assert_eq!(message["message"]["data"]["message"], "hello", "the text is not lost");
    let silent = read(&Alert { silent: true, high: true, ..alert });
    assert!(silent["message"]["notification"].is_null() && silent["message"]["android"]["notification"].is_null());
    assert_eq!(silent["message"]["data"]["silent"], "1");
    assert_eq!(silent["message"]["android"]["priority"], "NORMAL");
    assert_eq!(AndroidNotification::from_value(&json!("text")), None);
}

#[test]
fn the_token_does_not_count() {
    let of = |token: &str| payload(token, &Alert { text: "hello".into(), ..Alert::default() }).unwrap().size;
    assert_eq!(of("a"), of(&"a".repeat(500)));
}

#[test]
fn each_answer_means_what_firebase_says() {
    use Outcome::{Accepted, Credentials, Later, Refused, Rejected};
    let accepted = verdict(200, None, br#"{"name":"projects/p/messages/1"}"#);
    assert_eq!(accepted.outcome, Accepted { id: Some("projects/p/messages/1".into()) });
    assert!(matches!(verdict(200, None, b"<html>").outcome, Later { .. }), "garbage is not an id");
    let after = Some(Duration::from_secs(9));
    let of = |status: u16, name: &str, code: &str| {
        let detail = json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code});
        let details = if code.is_empty() { json!([]) } else { json!([detail]) };
        verdict(status, after, json!({"error": {"status": name, "details": details}}).to_string().as_bytes())
    };
    for (status, name, code, expected) in [
        (404, "NOT_FOUND", "UNREGISTERED", Rejected(Reason::Unregistered { since: None })),
        (404, "NOT_FOUND", "", Refused { status: Some(404), reason: "NOT_FOUND".into() }),
        (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", Rejected(Reason::OtherSender)),
        (403, "PERMISSION_DENIED", "", Credentials { status: Some(403), reason: "PERMISSION_DENIED".into() }),
        (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", Refused { status: Some(400), reason: "INVALID_ARGUMENT".into() }),
        (
            401,
            "UNAUTHENTICATED",
            "THIRD_PARTY_AUTH_ERROR",
            Refused { status: Some(401), reason: "THIRD_PARTY_AUTH_ERROR".into() },
        ),
        (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Later { after, reason: "QUOTA_EXCEEDED".into() }),
        (503, "UNAVAILABLE", "UNAVAILABLE", Later { after, reason: "UNAVAILABLE".into() }),
        (500, "INTERNAL", "INTERNAL", Later { after, reason: "INTERNAL".into() }),
    ] {
        assert_eq!(of(status, name, code).outcome, expected, "{status} {code}");
    }
    assert!(of(401, "UNAUTHENTICATED", "").renew && !of(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR").renew);
    let violation =
        br#"{"error":{"details":[{"fieldViolations":[{"field":"message.token"}]},{"errorCode":"INVALID_ARGUMENT"}]}}"#;
    assert_eq!(verdict(400, None, violation).outcome, Rejected(Reason::BadToken));
    let pause = verdict(429, None, b"{}").outcome;
    assert!(matches!(pause, Later { after: Some(after), .. } if after == Duration::from_secs(60)), "{pause:?}");
}

fn read(alert: &Alert) -> Value {
    serde_json::from_str(&body(&payload("T", alert).unwrap(), alert, NOW)).unwrap()
}
