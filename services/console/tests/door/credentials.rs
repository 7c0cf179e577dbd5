//! Who apps are to the push providers, at the door.

use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::{Environment, Kind};
use natter_proto::{Code, Failure};

use crate::console::{Console, check_json};

const PATH: &str = "/admin/v1/apps/77/push/credentials";

#[tokio::test]
async fn each_kind_is_put_with_its_own_fields_and_its_secret_is_not_shown() {
    let console = with_app().await;
    let account = r#"{\"private_key\":\"s3cret\"}"#;
    for (kind, body) in [
        ("apns_token", r#"{"key":"s3cret","key_id":"K","team_id":"T","topic":"org.x","environment":"production"}"#.to_owned()),
        ("apns_certificate", r#"{"certificate":"s3cret"}"#.to_owned()),
        ("fcm", format!(r#"{{"service_account":"{account}"}}"#)),
        ("vapid", r#"{"private_key":"s3cret","subject":"mailto:a@b"}"#.to_owned()),
    ] {
        let (status, answer) = console.put(&format!("{PATH}/{kind}"), &body).await;
        assert_eq!(status, 200, "{kind}: {answer}");
        assert!(!answer.contains("s3cret"), "{answer}");
    }
    let put = console.asked().put.clone();
    assert!(put.iter().all(|request| request.app == 77));
    assert_eq!((put[0].topic.as_str(), put[0].environment()), ("org.x", Environment::Production));
    assert_eq!((put[1].topic.as_str(), put[1].environment()), ("", Environment::Unspecified));
    let secrets: Vec<Of> = put.into_iter().map(|request| request.secret.unwrap().of.unwrap()).collect();
    let [Of::ApnsToken(token), Of::ApnsCertificate(certificate), Of::Fcm(fcm), Of::Vapid(vapid)] = &secrets[..] else {
        panic!("{}", secrets.len())
    };
    assert_eq!((token.key_pem.as_str(), token.key_id.as_str(), token.team_id.as_str()), ("s3cret", "K", "T"));
    assert_eq!((certificate.pem.as_str(), fcm.service_account.as_str()), ("s3cret", r#"{"private_key":"s3cret"}"#));
    assert_eq!((vapid.private_key.as_str(), vapid.subject.as_str()), ("s3cret", "mailto:a@b"));
    console.stop().await;
}

#[tokio::test]
async fn what_may_be_shown_is_listed_and_what_should_be_looked_at_is_told() {
    let console = with_app().await;
    let expected = concat!(
        r#"{"credentials":[{"kind":"apns_certificate","set_at":"2023-11-14T22:13:20Z","fingerprint":"f0","problem":null,"#,
        r#""topic":"org.x","environment":"development","expires_at":"2023-11-14T22:13:19Z"},"#,
        r#"{"kind":"vapid","set_at":"1970-01-01T00:00:00Z","fingerprint":"","problem":"no key","public_key":"BPub"}]}"#
    );
    assert_eq!(console.get(PATH).await, (200, expected.to_owned()));
    let (status, body) = console.get("/admin/v1/push").await;
    assert_eq!(status, 200);
    let first = r#"{"push":{"key":"k1","problem":null,"sealed":3,"unusable":[],"ending":[{"kind":"apns_certificate","#;
    check_json(&body, &[first, r#""app":77"#]);
    console.stop().await;
}

#[tokio::test]
async fn credentials_are_forgotten_by_kind_topic_and_environment() {
    let console = with_app().await;
    let path = format!("{PATH}/apns_token?topic=org.x&environment=development");
    assert_eq!(console.call("DELETE", &path, "").await, (200, "{}".to_owned()));
    assert_eq!(console.call("DELETE", &format!("{PATH}/fcm"), "").await.0, 200);
    let forgotten = console.asked().forgotten.clone();
    let of = |n: usize| (forgotten[n].app, forgotten[n].kind(), forgotten[n].topic.as_str(), forgotten[n].environment());
    assert_eq!(of(0), (77, Kind::ApnsToken, "org.x", Environment::Development));
    assert_eq!(of(1), (77, Kind::Fcm, "", Environment::Unspecified));
    console.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_reaches_nobody() {
    let console = with_app().await;
    for (path, body, status, part) in [
        ("fcm", r#"{"key":"s3cret"}"#, 400, r#""field":"key""#),
        ("fcm", r#"{"service_account":{"private_key":"s3cret"}}"#, 400, r#""field":"service_account""#),
        ("apns_token", r#"{"environment":"s3cret"}"#, 400, r#""field":"environment""#),
        ("apple", "{}", 404, "no such kind of credentials"),
        ("fcm", r#"{"service_account": "s3cret"#, 400, "must be one JSON object"),
    ] {
        let (answered, answer) = console.put(&format!("{PATH}/{path}"), body).await;
        assert_eq!(answered, status, "{path}: {answer}");
        check_json(&answer, &[part]);
        assert!(!answer.contains("s3cret"), "{answer}");
    }
    let big = format!(r#"{{"service_account":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(console.put(&format!("{PATH}/fcm"), &big).await.0, 413);
    for path in [format!("{PATH}/fcm?bundle=x"), format!("{PATH}/fcm?environment=x")] {
        assert_eq!(console.call("DELETE", &path, "").await.0, 400, "{path}");
    }
    for method in ["POST", "DELETE"] {
        assert_eq!(console.call(method, PATH, "").await.0, 405);
    }
    assert_eq!(console.put("/admin/v1/apps/78/push/credentials/fcm", "{}").await.0, 404);
    assert_eq!(console.get("/admin/v1/apps/78/push/credentials").await.0, 404);
    let reached = {
        let asked = console.asked();
        (asked.put.len(), asked.forgotten.len())
    };
    assert_eq!(reached, (0, 0));
    console.fake.lock().unwrap().fails = Some(Failure::of_field(Code::Invalid, "key", "is wrong"));
    // The failure is that of the first call, which looks for the app.
    let (status, answer) = console.put(&format!("{PATH}/fcm"), "{}").await;
    assert_eq!((status, answer.contains(r#""field":"key","text":"is wrong""#)), (422, true), "{answer}");
    console.stop().await;
}

async fn with_app() -> Console {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    console
}
