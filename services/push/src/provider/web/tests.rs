//! What a service worker reads, and what the answers of push services mean.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

#[test]
fn a_service_worker_reads_one_object() {
    let alert = Alert {
        text: "hello".into(),
        title: Some("Ann".into()),
        collapse: "d-42".into(),
        badge: Some(7),
        data: vec![("dialog_id".into(), "d".into()), ("title".into(), "not this".into())],
        ..Alert::default()
    };
    let expected = json!({"message": "hello", "title": "Ann", "tag": "d-42", "badge": 7, "dialog_id": "d"});
    assert_eq!(serde_json::from_str::<Value>(&payload(&alert).unwrap().text).unwrap(), expected);
}

#[test]
fn the_headers_are_those_of_the_standard() {
    let of = |silent, high, collapse: &str| {
        let alert = Alert { silent, high, collapse: collapse.into(), expires_at: Some(61_000), ..Alert::default() };
        headers(&alert, 1_000)
    };
    let get =
        |headers: &[(&str, String)], name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let urgent = of(false, true, "a dialog, and a number");
    assert_eq!(get(&urgent, "ttl").unwrap(), "60");
    assert_eq!(get(&urgent, "urgency").unwrap(), "high");
    assert_eq!(get(&urgent, "content-encoding").unwrap(), "aes128gcm");
    let topic = get(&urgent, "topic").unwrap();
    assert!(topic.len() == 32 && topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{topic}");
    assert_eq!(get(&of(false, false, "a dialog, and a number"), "topic").unwrap(), topic);
    assert_ne!(get(&of(false, false, "another"), "topic").unwrap(), topic);
    assert_eq!(get(&of(false, false, ""), "topic"), None);
    assert_eq!(get(&of(false, false, ""), "urgency").unwrap(), "normal");
    assert_eq!(get(&of(true, true, ""), "urgency").unwrap(), "low");
}

#[test]
fn an_origin_is_what_a_push_service_compares() {
    for (endpoint, expected) in [
        ("https://push.example.test/a/b?c", Some("https://push.example.test")),
        ("https://PUSH.example.test:443", Some("https://push.example.test")),
        ("https://push.example.test:8443/x", Some("https://push.example.test:8443")),
        ("https://push.example.test?x", Some("https://push.example.test")),
        ("http://push.example.test/", None),
        ("https://user:word@push.example.test/", None),
        ("https:///x", None),
        ("https://push.example.test/ü", None),
        ("", None),
    ] {
        assert_eq!(origin(endpoint).as_deref(), expected, "{endpoint}");
    }
    assert_eq!(origin(&format!("https://push.example.test/{}", "x".repeat(3_000))), None);
}

#[test]
fn no_answer_of_a_service_that_a_user_chose_stops_an_app() {
    use Outcome::{Accepted, Later, Refused, Rejected};
    let after = Some(Duration::from_secs(9));
    let of = |status| verdict(status, Some("https://p/m/1"), after, b"why").outcome;
    for (status, expected) in [
        (201, Accepted { id: Some("https://p/m/1".into()) }),
        (200, Accepted { id: Some("https://p/m/1".into()) }),
        (404, Rejected(Reason::Unregistered { since: None })),
        (410, Rejected(Reason::Unregistered { since: None })),
        (400, Refused { status: Some(400), reason: "why".into() }),
        (401, Refused { status: Some(401), reason: "why".into() }),
        (403, Refused { status: Some(403), reason: "why".into() }),
        (413, Refused { status: Some(413), reason: "why".into() }),
        (302, Refused { status: Some(302), reason: "why".into() }),
        (429, Later { after, reason: "why".into() }),
        (500, Later { after, reason: "why".into() }),
        (503, Later { after, reason: "why".into() }),
    ] {
        assert_eq!(of(status), expected, "{status}");
    }
    for status in 100..600 {
        assert!(!matches!(of(status), Outcome::Credentials { .. }), "{status}");
    }
}
