//! Webhooks at the door: what is asked reaches the push service, a secret is shown once, and pages show how each goes.

use natter_proto::push::v1::{Webhook, WebhookState};
use natter_proto::{Code, Failure};

use crate::console::{Console, check_json};
use crate::pushed::START_MS;

const PATH: &str = "/admin/v1/apps/77/webhooks";
const PAGE: &str = "/console/apps/77/webhooks";

#[tokio::test]
async fn one_is_made_shown_changed_and_forgotten_and_its_secret_is_shown_once() {
    let console = with_app().await;
    let body = r#"{"url":"https://shop.test/","events":["message.created","user.online"],"name":"Shop"}"#;
    let (status, answer) = console.post(PATH, body).await;
    assert_eq!(status, 201, "{answer}");
    check_json(&answer, &[r#""secret":"whsec_s3cret""#, r#""events":["message.created","user.online"]"#, r#""state":"well""#]);
    for path in [PATH.to_owned(), format!("{PATH}/5")] {
        let (status, answer) = console.get(&path).await;
        assert!(status == 200 && !answer.contains("s3cret") && answer.contains("https://shop.test/"), "{answer}");
    }
    let (status, answer) = console.put(&format!("{PATH}/5"), r#"{"name":"Other","events":[]}"#).await;
    assert_eq!(status, 200);
    check_json(&answer, &[r#""name":"Other""#, r#""events":[]"#, r#""url":"https://shop.test/""#]);
    let (_, answer) = console.post(&format!("{PATH}/5/pause"), "").await;
    check_json(&answer, &[r#""state":"paused""#]);
    let (_, answer) = console.post(&format!("{PATH}/5/secret"), r#"{"overlap_hours":0}"#).await;
    check_json(&answer, &[r#""secret":"whsec_other""#]);
    console.post(&format!("{PATH}/5/secret"), "").await;
    console.post(&format!("{PATH}/5/resume"), "").await;
    assert_eq!(console.call("DELETE", &format!("{PATH}/5"), "").await.0, 200);
    let asked = console.pushed.asked().of_hooks.clone();
    assert_eq!(asked, ["change 5", "change 5", "rotate 5 0", "rotate 5 86400000", "resume 5", "delete 5"]);
    console.stop().await;
}

#[tokio::test]
async fn what_waits_and_what_was_parked_is_shown_and_parked_ones_are_sent_again_or_dropped() {
    let console = with_hook().await;
    let (status, answer) = console.get(&format!("{PATH}/5/deliveries?parked=true&above=3&limit=2")).await;
    assert_eq!(status, 200);
    let dialog = "08".repeat(12);
    check_json(
        &answer,
        &[r#""number":9"#, r#""event":"message.created""#, &dialog, r#""last_failure":"status 500""#, r#""next":9"#],
    );
    check_json(&console.post(&format!("{PATH}/5/parked/resend"), r#"{"numbers":[9,10]}"#).await.1, &[r#""resent":1"#]);
    check_json(&console.post(&format!("{PATH}/5/parked/drop"), r#"{"numbers":"all"}"#).await.1, &[r#""dropped":2"#]);
    check_json(&console.post(&format!("{PATH}/5/ping"), "").await.1, &[r#""delivered":false"#, r#""answer":"status 503""#]);
    let asked = console.pushed.asked().of_hooks.clone();
    assert_eq!(asked, ["deliveries 5 true 3 2", "resend 5 [9, 10] false", "drop 5 [] true", "ping 5"]);
    console.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_reaches_nobody() {
    let console = with_hook().await;
    for (method, path, body, status, part) in [
        ("POST", "", r#"{"url":"https://shop.test/","events":["message.read"]}"#, 400, r#""field":"events""#),
        ("POST", "", r#"{"url":"https://shop.test/","secret":"x"}"#, 400, r#""field":"secret""#),
        ("PUT", "/5", r#"{"events":"message.created"}"#, 400, r#""field":"events""#),
        ("PUT", "/x", "{}", 404, "no such webhook"),
        ("GET", "/6", "", 404, "webhook"),
        ("POST", "/5/secret", r#"{"overlap_hours":-1}"#, 400, r#""field":"overlap_hours""#),
        ("POST", "/5/parked/resend", "{}", 400, r#""field":"numbers""#),
        ("POST", "/5/parked/drop", r#"{"numbers":["a"]}"#, 400, r#""field":"numbers""#),
        ("GET", "/5/deliveries?shelf=x", "", 400, r#""field":"query""#),
    ] {
        let (answered, answer) = console.call(method, &format!("{PATH}{path}"), body).await;
        assert_eq!(answered, status, "{method} {path}: {answer}");
        check_json(&answer, &[part]);
    }
    assert_eq!(console.get("/admin/v1/apps/78/webhooks").await.0, 404);
    assert_eq!(console.pushed.asked().of_hooks, [""; 0]);
    console.stop().await;
}

#[tokio::test]
async fn the_pages_show_the_secret_once_how_it_goes_and_what_a_test_came_to() {
    let console = with_app().await;
    let (_, body) = console.page(PAGE).await;
    assert!(body.contains("There are none yet"), "{body}");
    assert!(console.page(&format!("{PAGE}/new")).await.1.contains("message.created"));
    let (head, body) = console.form(PAGE, "url=https%3A%2F%2Fshop.test%2F&name=Shop&message.created=on").await;
    assert!(head.starts_with("HTTP/1.1 201 ") && body.contains("whsec_s3cret"), "{head}{body}");
    let events: Vec<i32> = console.pushed.asked().hooks[0].events.clone();
    assert_eq!(events, [1]);
    let failing =
        WebhookState { failures: 6, failing_since: START_MS, next_at: START_MS, paused: true, ..WebhookState::default() };
    let shown = Webhook { state: Some(failing), waiting: 3, parked: 1, ..console.pushed.asked().hooks[0].clone() };
    console.pushed.asked().hooks[0] = shown;
    let (_, body) = console.page(&format!("{PAGE}/5")).await;
    assert!(!body.contains("s3cret") && body.contains("It pauses after 6 failures in a row"), "{body}");
    assert!(body.contains("Waiting: 3") && body.contains("Parked: 1") && body.contains("status 500"), "{body}");
    assert!(console.page(PAGE).await.1.contains("failing"));
    let (_, body) = console.form(&format!("{PAGE}/5/ping"), "").await;
    assert!(body.contains("Test: status 503"), "{body}");
    let (head, _) = console.form(&format!("{PAGE}/5"), "url=https%3A%2F%2Fother.test%2F&name=").await;
    assert!(head.starts_with("HTTP/1.1 303 "), "{head}");
    console.pushed.asked().refuses = Some(Failure::of_field(Code::Invalid, "url", "begins with https://"));
    let (head, body) = console.form(PAGE, "url=http%3A%2F%2Fshop.test%2F").await;
    assert!(head.starts_with("HTTP/1.1 422 ") && body.contains("begins with https://"), "{head}{body}");
    let (_, body) = console.form(&format!("{PAGE}/5/secret"), "overlap_hours=2").await;
    assert!(body.contains("whsec_other"), "{body}");
    assert!(console.page(&format!("{PAGE}/5/delete")).await.1.contains("https://other.test/"));
    for action in ["pause", "resume", "resend", "drop", "delete"] {
        let (head, _) = console.form(&format!("{PAGE}/5/{action}"), "").await;
        assert!(head.starts_with("HTTP/1.1 303 "), "{action}: {head}");
    }
    console.stop().await;
}

async fn with_app() -> Console {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    console
}

async fn with_hook() -> Console {
    let console = with_app().await;
    console.post(PATH, r#"{"url":"https://shop.test/"}"#).await;
    console
}
