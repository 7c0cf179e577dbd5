//! Operators at the door: by name and password, from their own page only, a new password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use natter_proto::{Code, Failure};

use crate::console::{Console, TOKEN, check_json};

#[tokio::test]
async fn a_name_and_a_password_open_the_door_and_the_address_is_told() {
    let console = Console::start().await;
    let (head, body) = console.exchange(&request("GET", "/admin/v1/apps", "admin:word", "")).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, r#"{"apps":[]}"#);
    let check = console.asked().checks.pop().unwrap();
    assert_eq!((check.name.as_str(), check.password.as_str(), check.address.as_str()), ("admin", "word", "127.0.0.1"));
    console.stop().await;
}

#[tokio::test]
async fn a_wrong_pair_is_told_what_is_wanted_and_nothing_else() {
    let console = Console::start().await;
    for pair in ["admin:wrong", "nobody:word", ":", "admin:"] {
        for path in ["/admin/v1/apps", "/nothing", "/admin/v1/operators/admin/password"] {
            let (head, body) = console.exchange(&request("POST", path, pair, "")).await;
            assert!(head.starts_with("HTTP/1.1 401 "), "{pair} {path}: {head}");
            let lower = head.to_ascii_lowercase();
            assert!(lower.contains("www-authenticate: basic realm=\"natter\", charset=\"utf-8\""), "{head}");
            assert!(lower.contains("www-authenticate: bearer realm=\"natter\""), "{head}");
            check_json(&body, &[r#"{"error":{"code":"unauthenticated","field":"","text":"#]);
            assert!(!body.contains("Invalid username"), "the door's own words: {body}");
        }
    }
    assert_eq!(console.asked().apps, [], "nothing was made");
    console.stop().await;
}

#[tokio::test]
async fn a_check_that_cannot_be_made_is_no_wrong_password() {
    let console = Console::start().await;
    for (code, status) in [(Code::TooMany, 429), (Code::Busy, 503), (Code::Unknown, 504), (Code::NotStored, 503)] {
        console.fake.lock().unwrap().fails = Some(Failure::new(code, "says why"));
        let (answered, body) = console.send(&request("GET", "/admin/v1/apps", "admin:word", "")).await;
        assert_eq!(answered, status, "{body}");
        check_json(&body, &["says why"]);
    }
    assert_eq!(console.get("/admin/v1/apps").await.0, 200, "the token asks nobody");
    assert_eq!(console.asked().checks.len(), 0);
    console.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_what_the_browser_remembers() {
    let console = Console::start().await;
    for (origin, status) in [
        ("http://127.0.0.1:8090", 201),
        ("http://evil.example.test", 403),
        ("http://127.0.0.1:8080", 403),
        ("null", 403),
        ("", 403),
    ] {
        let header = format!("origin: {origin}\r\n");
        let (answered, body) = console.send(&request("POST", "/admin/v1/apps", "admin:word", &header)).await;
        assert_eq!(answered, status, "{origin}: {body}");
    }
    assert_eq!(console.asked().apps.len(), 1);
    console.stop().await;
}

#[tokio::test]
async fn a_new_password_is_shown_to_who_may_ask_for_it() {
    let console = Console::start().await;
    let path = "/admin/v1/operators/admin/password";
    let expected = r#"{"operator":{"name":"admin","password":"abcde-fghij"}}"#;
    assert_eq!(console.post(path, "").await, (200, expected.to_owned()));
    assert_eq!(console.send(&request("POST", path, "admin:word", "")).await, (200, expected.to_owned()));
    assert_eq!(console.get(path).await.0, 405);
    assert_eq!(console.post("/admin/v1/operators/nobody/password", "").await.0, 404);
    let (status, body) = console.post(path, r#"{"password": "mine"}"#).await;
    assert_eq!(status, 400, "operators choose none: {body}");
    check_json(&body, &[r#""field":"password""#]);
    let without = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(console.send(&without).await.0, 401);
    assert_eq!(console.send(&without.replace("\r\n\r\n", &format!("\r\nauthorization: Basic {TOKEN}\r\n\r\n"))).await.0, 401);
    console.stop().await;
}

fn request(method: &str, path: &str, pair: &str, header: &str) -> String {
    let pair = STANDARD.encode(pair);
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\ncontent-length: 0\r\n{header}authorization: \
         Basic {pair}\r\n\r\n"
    )
}
