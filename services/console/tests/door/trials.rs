//! Trying an app: the two users of whoever asks, the page and its policy, clearing up.

use serde_json::Value;

use crate::console::{Console, TOKEN};
use crate::guard::{answered, own, staff};
use crate::pages::with_app;

const ROUTE: &str = "/admin/v1/apps/77/try";
const PAGE: &str = "/console/apps/77/try";

#[tokio::test]
async fn a_start_answers_two_users_with_tokens_and_what_they_said() {
    let console = with_app("Shop").await;
    let (status, body) = console.post(ROUTE, "").await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let trial = &body["trial"];
    let user = |place: usize, field: &str| trial["users"][place][field].clone();
    assert_eq!((trial["app"].as_u64(), trial["users"].as_array().unwrap().len()), (Some(77), 2));
    assert_eq!((user(0, "id"), user(0, "name"), user(0, "login")), (100.into(), "Ann".into(), "natter-try-1-token".into()));
    assert_eq!((user(1, "id"), user(1, "name"), user(1, "login")), (101.into(), "Bob".into(), "natter-try-2-token".into()));
    assert_eq!((user(0, "token"), user(1, "token")), ("t0ken-1".into(), "t0ken-2".into()));
    assert_eq!(trial["dialog"].as_str().map(str::len), Some(24));

    let messages = trial["messages"].as_array().unwrap();
    let states: Vec<_> = messages.iter().map(|message| message["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["read", "read", "read", "read", "sent", "read", "read", "delivered", "sent"], "oldest first");
    assert_eq!(messages[8]["id"], "09".repeat(12));
    assert_eq!((&messages[8]["sender"], &messages[8]["body"]), (&34.into(), &"s3cret".into()));
    let asked = console.pushed.asked().pages.pop().unwrap();
    assert_eq!((asked.app, hex(&asked.dialog), asked.limit), (77, trial["dialog"].as_str().unwrap().to_owned(), 50));

    let (_, again) = console.post(ROUTE, "").await;
    assert!(again.contains(r#""id":100"#) && again.contains("t0ken-3") && !again.contains("t0ken-1"), "{again}");
    let entries = console.asked().staff.entries.clone();
    let entry = entries.iter().find(|entry| entry.action == "trial.begin").unwrap();
    assert_eq!((entry.operator.as_str(), entry.app, entry.status), ("token", 77, 200));
    console.stop().await;
}

#[tokio::test]
async fn each_operator_has_users_of_his_own_and_removes_no_others() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let (operator, owner) = (&callers[2], &callers[3]);
    let (_, body) = answered(&console, "POST", ROUTE, &own(operator)).await;
    assert!(body.contains("natter-try-1-operator") && body.contains(r#""id":100"#), "{body}");
    let (_, body) = answered(&console, "POST", ROUTE, &own(owner)).await;
    assert!(body.contains("natter-try-2-owner") && body.contains(r#""id":103"#), "{body}");

    let doubt = format!("{PAGE}/remove");
    let (_, page) = answered(&console, "GET", &doubt, &own(operator)).await;
    assert!(page.contains("natter-try-1-operator") && page.contains(">101<") && !page.contains("owner</th>"), "{page}");
    assert!(console.asked().ended.is_empty(), "asking ends nobody");
    let (status, _) = answered(&console, "POST", &doubt, &own(operator)).await;
    assert_eq!((status, console.asked().ended.clone()), (303, vec![(77, 100), (77, 101)]));
    let (_, page) = answered(&console, "GET", &doubt, &own(operator)).await;
    assert!(page.contains("You have no trial users in this app."), "{page}");

    let (status, body) = answered(&console, "DELETE", ROUTE, &own(owner)).await;
    assert_eq!((status, body.as_str()), (202, r#"{"users":[102,103]}"#));
    assert_eq!(answered(&console, "DELETE", ROUTE, &own(owner)).await.1, r#"{"users":[]}"#);
    let entries = console.asked().staff.entries.clone();
    assert_eq!(entries.iter().filter(|entry| entry.action == "trial.end").count(), 3);
    console.stop().await;
}

#[tokio::test]
async fn a_removal_says_what_became_of_it() {
    let console = with_app("Shop").await;
    let removed = async || console.form(&format!("{PAGE}/remove"), "").await.0;
    assert!(removed().await.contains("location: /console/apps/77/try?done=nothing"));
    console.post(ROUTE, "").await;
    assert!(removed().await.contains("location: /console/apps/77/try?done=trials-removed"));
    assert!(console.page(&format!("{PAGE}?done=trials-removed")).await.1.contains("The trial users are being erased."));
    console.stop().await;
}

#[tokio::test]
async fn the_page_may_connect_to_its_chat_door_and_nowhere_else() {
    let console = with_app("Shop <b>").await;
    for (path, host, address, other) in [
        (PAGE, "127.0.0.1:8090", "ws://natter.test:5290", true),
        ("/console/apps/77/try?way=tls", "localhost", "wss://natter.test:5291", true),
        ("/console/apps/77/try?way=*", "localhost", "ws://natter.test:5290", true),
        ("/console/apps/77/try?way=plain", "192.0.2.7", "wss://natter.test:5291", false),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
        let (head, body) = console.exchange(&request).await;
        let is_policy = |line: &&str| line.to_ascii_lowercase().starts_with("content-security-policy:");
        let policies: Vec<&str> = head.lines().filter(is_policy).collect();
        assert_eq!(policies.len(), 1, "{path}: {head}");
        assert!(policies[0].contains(&format!("connect-src 'self' {address};")), "{path} {host}: {}", policies[0]);
        assert!(policies[0].contains("default-src 'none'; script-src 'self'; style-src 'self';"), "{}", policies[0]);
        assert!(body.contains(&format!(r#"data-address="{address}""#)) && !body.contains("<b>"), "{path}: {body}");
        assert_eq!(body.contains("instead"), other, "{path} {host}: {body}");
        for secret in ["s3cret", "t0ken"] {
            assert!(!body.contains(secret), "{body}");
        }
    }
    let (head, _) = console.page("/console/apps/78/try").await;
    assert!(head.starts_with("HTTP/1.1 404 ") && head.contains("connect-src 'self'; "), "a refusal connects nowhere: {head}");
    console.asked().apps[0].state = natter_proto::account::v1::AppState::Suspended.into();
    let (_, body) = console.page(PAGE).await;
    assert!(body.contains("The app is suspended") && !body.contains("data-address"), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn each_script_of_the_page_is_served_and_so_is_what_it_imports() {
    let console = with_app("Shop").await;
    let (_, page) = console.page(PAGE).await;
    let mut files: Vec<String> =
        page.split('"').filter(|part| part.starts_with("/console/assets/try.")).map(str::to_owned).collect();
    assert_eq!(files.len(), 2, "its style and its script: {files:?}");
    let mut place = 0;
    while let Some(file) = files.get(place).cloned() {
        place += 1;
        let (head, body) = console.page(&file).await;
        let kind = if file.ends_with("css") { "text/css" } else { "text/javascript" };
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(kind), "{file}: {head}");
        let imports = body.lines().filter(|line| line.starts_with("import "));
        for import in imports {
            let from = import.split('\'').nth(1).unwrap();
            assert!(from.starts_with("/console/assets/"), "{file}: {import}");
            if !files.iter().any(|known| known == from) {
                files.push(from.to_owned());
            }
        }
    }
    assert_eq!(files.len(), 7, "{files:?}");
    console.stop().await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
