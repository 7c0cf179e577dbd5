//! What every answer has, and what broken requests get.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_api::Options;
use natter_proto::{Code, Failure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ANN, APP, Answer, Door, FORM, JSON};

const EXPIRED: &str = r#"{"errors":{"base":["Required session does not exist"]}}"#;

#[tokio::test]
async fn a_dead_token_is_answered_to_the_byte() {
    let door = Door::open().await;
    let long = "x".repeat(5_000);
    for token in ["gone", "☃", "../../etc", long.as_str(), "' or 1=1"] {
        for path in ["/chat/Dialog.json", "/session", "/users/34", "/chat/Message/unread"] {
            door.get(path, ("CB-Token", token)).await.is(401, EXPIRED);
        }
    }
    door.ask("GET", "/session", &[], "").await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.ask("GET", "/session", &[("CB-Token", "")], "").await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.get("/session?token=ann", ("CB-SDK", "JS 6.1.2 - Client")).await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn an_app_session_cannot_do_what_needs_a_user() {
    let door = Door::open().await;
    for (method, path) in [
        ("GET", "/chat/Dialog"),
        ("POST", "/chat/Message"),
        ("PUT", "/users/34"),
        ("DELETE", "/users"),
        ("GET", "/chat/Message/unread"),
    ] {
        let answer = door.ask(method, path, &[APP], "").await;
        answer.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
        assert_eq!(
            answer.header("CB-Token-ExpirationDate"),
            Some("2026-02-03 12:11:12 UTC"),
            "refusals are authenticated answers too"
        );
    }
    door.close().await;
}

#[tokio::test]
async fn every_answer_has_the_cors_headers_errors_and_preflights_included() {
    let door = Door::open().await;
    for (method, path, status) in [
        ("GET", "/session", 200),
        ("GET", "/", 200),
        ("GET", "/nothing/here", 404),
        ("PATCH", "/session", 405),
        ("GET", "/blobs/x", 404),
        ("OPTIONS", "/chat/Dialog.json", 200),
        ("OPTIONS", "/blobs/9f3c?token=x", 200),
        ("OPTIONS", "/nothing/%zz?a=%ff", 200),
    ] {
        let preflight = [
            ANN,
            ("Origin", "https://app.example.test"),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "cb-sdk,cb-token"),
        ];
        let answer = door.ask(method, path, &preflight, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        check_cors(&answer);
    }
    check_cors(&door.ask("GET", "/session", &[], "").await);
    let bare = door.ask("OPTIONS", "/session", &[], "").await;
    bare.is(200, "");
    check_cors(&bare);
    door.close().await;
}

#[track_caller]
fn check_cors(answer: &Answer) {
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("Access-Control-Allow-Headers", "Content-Type, CB-Token, CB-SDK, CB-AuthKey"),
        ("Access-Control-Expose-Headers", "CB-Token-ExpirationDate, Date"),
        ("Access-Control-Max-Age", "86400"),
        ("ConnectyCube-REST-API-Version", "0.1.1"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    if !answer.body.is_empty() {
        assert_eq!(answer.header("Content-Type"), Some("application/json; charset=utf-8"));
    }
}

#[tokio::test]
async fn the_origin_of_cors_is_a_setting() {
    let door = Door::open_with(Options { cors_origin: "https://app.example.test".into(), ..Options::default() }).await;
    let answer = door.get("/nothing", ANN).await;
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("https://app.example.test"));
    door.close().await;
}

#[tokio::test]
async fn broken_requests_get_json_that_names_what_is_wrong() {
    let door = Door::open().await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let wide = format!("{{{}\"z\":1}}", (0..3_000).map(|n| format!("\"k{n}\":1,")).collect::<String>());
    for (content_type, body, status, text) in [
        (JSON, &b"{\"type\":"[..], 400, "malformed JSON"),
        (JSON, b"[]", 400, "malformed JSON"),
        (JSON, b"{\"a\":\"\xff\"}", 400, "malformed UTF-8"),
        (JSON, deep.as_bytes(), 400, "nested too deep"),
        (JSON, "[".repeat(500_000).as_bytes(), 400, "nested too deep"),
        (JSON, wide.as_bytes(), 400, "too many keys"),
        (FORM, b"a=%zz", 400, "malformed percent-encoding"),
        (FORM, b"a=%ff%fe", 400, "malformed UTF-8"),
        (("Content-Type", "multipart/form-data; boundary=x"), b"--x", 415, "unsupported content type"),
    ] {
        let answer = door.ask("POST", "/chat/Dialog", &[ANN, content_type], body).await;
        answer.is(status, &json!({"errors": [text]}).to_string());
        check_cors(&answer);
    }
    for path in ["/chat/Dialog?limit=%zz", "/users/%ff", "/chat/Dialog?a[b][c][d][e][f][g][h][i][j][k][l][m][n][o][p][q]=1"] {
        assert_eq!(door.get(path, ANN).await.status, 400, "{path}");
    }
    door.close().await;
}

#[tokio::test]
async fn an_idle_connection_is_kept() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    for pause in [0, 6] {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 "), "after {pause} s");
    }
    drop(stream);
    door.close().await;
}

#[tokio::test]
async fn a_giant_body_is_answered_and_not_cut_off() {
    let door = Door::open_with(Options { body_max: 10_000, ..Options::default() }).await;
    let expected = r#"{"errors":["The request body is too large"]}"#;
    door.post("/session", ANN, vec![b'x'; 10_001]).await.is(413, expected);
    door.post("/chat/Message", ANN, vec![b'x'; 10_001]).await.is(413, expected);
    door.post("/chat/Message", ANN, vec![b' '; 150_000]).await.is(413, expected);
    assert_eq!(door.post("/chat/Message", ANN, vec![b' '; 10_000]).await.status, 422, "the limit itself is within");
    door.post("/chat/Message", ("CB-Token", "gone"), vec![b'x'; 150_000]).await.is(401, EXPIRED);
    door.close().await;
}

#[tokio::test]
async fn a_user_over_its_rate_waits_and_others_do_not() {
    let door = Door::open_with(Options { user_rate: 3, ..Options::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(door.get("/session", ANN).await.status);
    }
    assert_eq!(statuses[..3], [200, 200, 200]);
    let refused = door.get("/session", ANN).await;
    refused.is(429, r#"{"errors":["Too many requests"]}"#);
    check_cors(&refused);
    assert_eq!(door.get("/session", ("CB-Token", "bob")).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn an_app_over_its_rate_gets_no_new_sessions() {
    let door = Door::open_with(Options { app_rate: 1, ..Options::default() }).await;
    let body = r#"{"application_id":77,"auth_key":"k"}"#;
    assert_eq!(door.post("/session", ANN, body).await.status, 201);
    assert_eq!(door.post("/session", ANN, body).await.status, 429);
    assert_eq!(door.get("/session", ANN).await.status, 429);
    door.close().await;
}

#[tokio::test]
async fn failures_behind_the_door_are_json_and_say_nothing_inner() {
    let door = Door::open().await;
    for (code, status) in
        [(Code::Busy, 503), (Code::NotStored, 503), (Code::Unknown, 504), (Code::Internal, 500), (Code::TooMany, 429)]
    {
        *door.world.dialog_fails.lock() = Some(Failure::new(code, "fjall says /var/lib is full"));
        let answer = door.get("/chat/Dialog", ANN).await;
        assert_eq!(answer.status, status, "{code:?}");
        assert!(answer.json()["errors"].is_array() && !answer.body.contains("fjall"));
    }
    assert_eq!(door.get("/session", ("CB-Token", "busy")).await.status, 503, "not an expired session");
    *door.world.panics.lock() = true;
    assert!(matches!(door.get("/session", ANN).await.status, 500..));
    *door.world.panics.lock() = false;
    assert_eq!(door.get("/session", ANN).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn the_door_says_what_it_is_and_offers_its_ca() {
    let door = Door::open().await;
    assert_eq!(door.get("/", ("X", "y")).await.json()["name"], "natter");
    let ca = door.get("/ca.pem", ("X", "y")).await;
    ca.is(200, "-----BEGIN CERTIFICATE-----\n");
    assert_eq!(ca.header("Content-Type"), Some("application/x-pem-file"));
    let head = door.ask("HEAD", "/", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    door.close().await;
}

#[tokio::test]
async fn calls_of_other_issues_say_what_is_offered() {
    let door = Door::open().await;
    let answer = door.ask("DELETE", "/users/external/1", &[ANN], "").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("DELETE /users/{id}"), "{}", answer.body);
    assert_eq!(door.post("/address_book", ANN, "{}").await.status, 404);
    door.close().await;
}

#[tokio::test]
async fn metrics_name_routes_and_never_paths() {
    let door = Door::open().await;
    door.get("/users/34?token=secret", ANN).await;
    door.get("/secret/path", ANN).await;
    let text = door.metrics.encode();
    assert!(text.contains(r#"natter_api_requests_total{method="GET",route="users/{}",status="200"} 1"#), "{text}");
    assert!(!text.contains("secret"));
    door.close().await;
}
