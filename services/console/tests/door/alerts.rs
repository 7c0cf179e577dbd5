//! How alerts look, what became of them, devices, and why a badge is what it is.

use natter_proto::event::v1::CallKind;
use natter_proto::push::v1::{Content, DialogType, Priority, Privacy, Settings};
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::console::Console;

#[tokio::test]
async fn alert_settings_are_shown_and_put_as_a_whole() {
    let console = with_app().await;
    let (status, body) = console.get("/admin/v1/apps/77/alerts").await;
    let plain = r#"{"alerts":{"enabled":true,"privacy":"text","dialogs":[],"calls":false,"variants":[]}}"#;
    assert_eq!((status, body.as_str()), (200, plain));
    let template = json!({"title": "T", "body": "B", "sound": "ding", "category": "C", "priority": "normal"});
    let settings = json!({
        "enabled": false, "privacy": "sender", "dialogs": ["group", "private"], "calls": true, "template": template,
        "variants": [{"dialog": "public", "content": "attachment", "template": template}, {"content": "text", "template": template},
            {"content": "contact_request", "template": template}],
    });
    let (status, body) = console.put("/admin/v1/apps/77/alerts", &settings.to_string()).await;
    assert_eq!((status, read(&body)), (200, json!({ "alerts": settings })));
    assert_eq!(read(&console.get("/admin/v1/apps/77/alerts").await.1), json!({ "alerts": settings }));
    let kept = console.pushed.asked().settings.clone();
    assert_eq!((kept.off, kept.privacy(), kept.calls), (true, Privacy::Sender, true));
    assert_eq!(kept.dialogs().collect::<Vec<_>>(), [DialogType::Group, DialogType::Private]);
    assert_eq!(kept.template.as_ref().unwrap().priority(), Priority::Normal);
    let named: Vec<_> = kept.variants.iter().map(|variant| (variant.dialog(), variant.content())).collect();
    let any = DialogType::Unspecified;
    let expected = [(DialogType::Public, Content::Attachment), (any, Content::Text), (any, Content::ContactRequest)];
    assert_eq!(named, expected);
    let (status, body) = console.put("/admin/v1/apps/77/alerts", "{}").await;
    assert_eq!((status, body.as_str()), (200, plain), "what is absent is as it is without settings");
    console.stop().await;
}

#[tokio::test]
async fn settings_that_cannot_be_read_or_kept_are_refused_with_the_place() {
    let console = with_app().await;
    for (body, words) in [
        (r#"{"enabeld": true}"#, "unknown field `enabeld`"),
        (r#"{"privacy": "some"}"#, "unknown variant `some`"),
        (r#"{"dialogs": ["all"]}"#, "unknown variant `all`"),
        (r#"{"variants": [{"content": "text"}]}"#, "missing field `template`"),
        (r#"{"template": {"body": 5}}"#, "invalid type"),
    ] {
        let (status, answer) = console.put("/admin/v1/apps/77/alerts", body).await;
        assert!(status == 400 && answer.contains(words), "{body}: {answer}");
    }
    assert_eq!(console.pushed.asked().settings, Settings::default());
    console.pushed.asked().refuses = Some(Failure::of_field(Code::Invalid, "template.body", "line 2: undefined value"));
    let (status, answer) = console.put("/admin/v1/apps/77/alerts", r#"{"template": {"body": "x"}}"#).await;
    let error = json!({"error": {"code": "invalid", "field": "template.body", "text": "line 2: undefined value"}});
    assert_eq!((status, read(&answer)), (422, error));
    let (status, _) = console.put("/admin/v1/apps/77/alerts", &format!("{{\"x\": \"{}\"}}", "x".repeat(70_000))).await;
    assert_eq!(status, 413);
    console.stop().await;
}

#[tokio::test]
async fn a_draft_is_shown_as_each_channel_would_carry_it() {
    let console = with_app().await;
    let draft = json!({
        "alerts": {"template": {"body": "x"}},
        "sample": {"dialog": "group", "sender": 34, "sender_name": "Romeo", "dialog_name": "Verona", "text": "hi",
            "attachments": ["photo"], "unread": 3, "extension": {"mood": 5}},
    });
    let (status, body) = console.post("/admin/v1/apps/77/alerts/preview", &draft.to_string()).await;
    let preview = json!({"title": "", "body": "hi", "remark": "line 1", "payloads": [
        {"channel": "apns", "json": "{}", "size": 2, "limit": 4096, "shortened": true},
        {"channel": "web", "error": "too much"},
    ]});
    assert_eq!((status, read(&body)), (200, json!({ "preview": preview })));
    assert_eq!(console.post("/admin/v1/apps/77/alerts/preview", "").await.0, 200);
    let call = r#"{"sample": {"content": "call", "call": "audio"}}"#;
    assert_eq!(console.post("/admin/v1/apps/77/alerts/preview", call).await.0, 200);
    assert_eq!(console.post("/admin/v1/apps/77/alerts/preview", &call.replace("audio", "smoke")).await.0, 400);
    let previews = console.pushed.asked().previews.clone();
    assert_eq!(previews[0].settings.as_ref().unwrap().template.as_ref().unwrap().body, "x");
    let sample = previews[0].sample.clone().unwrap();
    assert_eq!((sample.dialog(), sample.sender, sample.unread), (DialogType::Group, 34, 3));
    assert_eq!((sample.extension.as_str(), sample.attachments.len()), (r#"{"mood":5}"#, 1));
    assert_eq!((&previews[1].settings, &previews[1].sample), (&None, &None));
    let sample = previews[2].sample.clone().unwrap();
    assert_eq!((sample.content(), sample.call()), (Content::Call, CallKind::Audio));
    console.stop().await;
}

#[tokio::test]
async fn a_test_is_sent_and_what_became_of_it_shown() {
    let console = with_app().await;
    let (status, body) = console.post("/admin/v1/apps/77/alerts/test", r#"{"user": 78, "subscription": 17}"#).await;
    let test = json!({"dialog": "00".repeat(12), "message": "07".repeat(12), "notes": [attempt()]});
    assert_eq!((status, read(&body)), (202, json!({ "test": test })));
    let tests = console.pushed.asked().tests.clone();
    assert_eq!((tests[0].app, tests[0].user, tests[0].subscription), (77, 78, 17));
    assert_eq!(console.post("/admin/v1/apps/77/alerts/test", r#"{"user": 78}"#).await.0, 400);
    assert_eq!(console.post("/admin/v1/apps/78/alerts/test", r#"{"user": 78, "subscription": 17}"#).await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn the_journal_is_read_by_user_or_by_message_page_by_page() {
    let console = with_app().await;
    let (status, body) = console.get("/admin/v1/apps/77/alerts/journal?user=78&limit=9000").await;
    let together = json!({"at": "2023-11-14T22:13:20Z", "dialog": "", "message": "", "sender": null, "user": null,
        "reason": "no subscription", "count": 3});
    assert_eq!((status, read(&body)), (200, json!({"notes": [attempt(), together], "next": "ab01"})));
    let (dialog, message) = ("0a".repeat(12), "0b".repeat(12));
    let path = format!("/admin/v1/apps/77/alerts/journal?dialog={dialog}&message={message}&before=ab01");
    assert_eq!(console.get(&path).await.0, 200);
    let journals = console.pushed.asked().journals.clone();
    assert_eq!((journals[0].user, journals[0].limit, journals[0].dialog.len()), (78, 500, 0));
    assert_eq!((&journals[1].dialog, &journals[1].message), (&vec![0x0a; 12], &vec![0x0b; 12]));
    assert_eq!((journals[1].user, journals[1].limit, &journals[1].before), (0, 100, &vec![0xab, 1]));
    for query in ["", "?dialog=5&message=5", "?user=x", "?user=7&before=xyz", "?user=7&before=a", "?user=7&x=1", "?before=é"] {
        let (status, body) = console.get(&format!("/admin/v1/apps/77/alerts/journal{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn devices_are_listed_without_their_tokens_and_ended() {
    let console = with_app().await;
    let (status, body) = console.get("/admin/v1/apps/77/users/78/subscriptions").await;
    let at = "2023-11-14T22:13:20Z";
    let device = json!({"id": 17, "channel": "gcm", "environment": "production", "platform": "android", "udid": "device-1",
        "bundle": null, "created_at": at, "updated_at": at, "rejected": {"at": at, "reason": "gone"}});
    assert_eq!((status, read(&body)), (200, json!({ "subscriptions": [device] })));
    assert!(!body.contains("t0ken"), "{body}");
    let (status, body) = console.call("DELETE", "/admin/v1/apps/77/users/78/subscriptions/17", "").await;
    assert_eq!((status, body.as_str()), (200, r#"{"ended":17}"#));
    let ended = console.pushed.asked().ended.clone();
    assert_eq!((ended[0].app, ended[0].user, ended[0].id), (77, 78, 17));
    for path in [
        "77/users/78/subscriptions/18",
        "77/users/78/subscriptions/x",
        "77/users/x/subscriptions/17",
        "78/users/78/subscriptions/17",
    ] {
        assert_eq!(console.call("DELETE", &format!("/admin/v1/apps/{path}"), "").await.0, 404, "{path}");
    }
    console.stop().await;
}

#[tokio::test]
async fn a_badge_is_explained_dialog_by_dialog_and_message_by_message() {
    let console = with_app().await;
    let (status, body) = console.get("/admin/v1/apps/77/users/78/unread?limit=2").await;
    let dialog = |id: &str, kind: &str, counts: bool, unread: u64| json!({"id": id.repeat(12), "type": kind, "name": "Verona", "counts": counts, "unread": unread, "newest": 9, "read_upto": 4});
    let dialogs = json!([dialog("01", "group", true, 5), dialog("02", "public", false, 0)]);
    assert_eq!((status, read(&body)), (200, json!({"unread": 7, "dialogs": dialogs, "next": 2})));
    let rest = read(&console.get("/admin/v1/apps/77/users/78/unread?limit=2&skip=2").await.1);
    assert_eq!((&rest["dialogs"], &rest["next"]), (&json!([dialog("03", "private", true, 2)]), &Value::Null));
    let path = format!("/admin/v1/apps/77/users/78/unread?dialog={}", "01".repeat(12));
    let seqs = |body: &str| {
        read(body)["messages"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let (_, body) = console.get(&path).await;
    assert_eq!((seqs(&body), &read(&body)["next"]), (vec![9, 8, 5], &Value::Null), "above 4, without 6 and 7");
    assert!(!body.contains("s3cret"), "{body}");
    let (_, body) = console.get(&format!("{path}&limit=2")).await;
    assert_eq!((seqs(&body), &read(&body)["next"]), (vec![9, 8], &json!(2)));
    let (_, body) = console.get(&format!("{path}&limit=4&skip=2")).await;
    assert_eq!((seqs(&body), &read(&body)["next"]), (vec![5], &Value::Null), "below all is read");
    let pages = console.pushed.asked().pages.clone();
    assert!(pages.iter().all(|page| page.reader == 78 && page.descending && page.limit <= 500));
    for query in ["dialog=x", "limit=x", "page=1"] {
        assert_eq!(console.get(&format!("/admin/v1/apps/77/users/78/unread?{query}")).await.0, 400, "{query}");
    }
    assert_eq!(console.get("/admin/v1/apps/78/users/78/unread").await.0, 404);
    console.stop().await;
}

fn attempt() -> Value {
    json!({"at": "2023-11-14T22:13:20Z", "dialog": "00".repeat(12), "message": "07".repeat(12), "sender": 34, "user": 78,
        "reason": "offline", "subscription": 17, "channel": "web", "attempt": 1, "answer": "accepted", "remark": "line 1"})
}

async fn with_app() -> Console {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    console
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}
