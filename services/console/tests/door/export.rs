//! The export of a user: every row, in its order, and an end that says so.

use serde_json::{Value, json};

use crate::console::Console;

#[tokio::test]
async fn an_export_has_all_that_is_kept_and_says_that_it_is_whole() {
    let console = with_user().await;
    let (head, body) = console.page("/admin/v1/apps/77/users/5/export").await;
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 ") && head.contains("content-type: application/jsonl"), "{head}");
    assert!(head.contains(r#"content-disposition: attachment; filename="natter-77-user-5.jsonl""#), "{head}");
    let rows = rows(&body);
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    let mut in_order = kinds.clone();
    in_order.dedup();
    let expected = [
        "export",
        "profile",
        "session",
        "contact",
        "privacy_list",
        "last_activity",
        "dialog",
        "message",
        "reaction",
        "message",
        "reaction",
        "message",
        "dialog",
        "message",
        "reaction",
        "message",
        "reaction",
        "message",
        "kept_message",
        "file",
        "device",
        "event",
        "alert",
        "report",
        "end",
    ];
    assert_eq!(in_order, expected);
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!((&rows[0]["app"], &rows[0]["user"], &rows[0]["version"]), (&json!(77), &json!(5), &json!(1)));
    assert_eq!((&rows[1]["login"], &rows[1]["full_name"]), (&json!("ann"), &json!("Ann")));
    let doors: Vec<_> = of("session").iter().map(|row| row["door"].clone()).collect();
    assert_eq!(doors, ["chat", "chat", "rest", "rest", "rest"], "both pages");
    assert_eq!(of("privacy_list")[1]["items"].as_array().unwrap().len(), 105);
    let dialogs = of("dialog");
    assert_eq!(dialogs.len(), 2, "the third was left meanwhile");
    assert_eq!(dialogs[0]["members"], json!([5, 34]));
    assert_eq!((&dialogs[0]["role"], &dialogs[0]["muted"], &dialogs[0]["read_upto"]), (&json!("owner"), &json!(true), &json!(4)));
    assert_eq!((&dialogs[1]["type"], &dialogs[1]["members"]), (&json!("public"), &Value::Null));
    let said: Vec<_> = of("message").iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(said, [1, 3, 5, 9, 1, 3, 5, 9], "what others said is not his, what was removed is gone");
    let reactions: Vec<_> = of("reaction").iter().map(|row| (row["seq"].clone(), row["reaction"].clone())).collect();
    assert_eq!(reactions[..2], [(json!(2), json!("own")), (json!(4), json!("own"))]);
    assert_eq!(of("kept_message").iter().map(|row| row["place"].clone()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(of("file").iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [1, 2, 3, 4, 5], "page by page");
    assert_eq!(of("device")[0]["token"], "…ice");
    assert_eq!(of("report").iter().map(|row| row["about"].clone()).collect::<Vec<_>>(), ["user", "message"]);
    let end = rows.last().unwrap();
    assert_eq!(*end, json!({"kind": "end", "whole": true, "rows": rows.len() - 1}));
    for secret in ["secret", "t0ken-of-device"] {
        assert!(!body.contains(secret), "{secret} in {body}");
    }
    let entry = console.asked().staff.entries.last().cloned().unwrap();
    assert_eq!((entry.action.as_str(), entry.app, entry.target.as_str(), entry.status), ("user.export", 77, "5", 200));
    // The page's is the same.
    let (_, of_page) = console.page("/console/apps/77/users/5/export").await;
    assert_eq!(self::rows(&of_page).len(), rows.len());
    console.stop().await;
}

#[tokio::test]
async fn an_export_that_fails_on_the_way_says_that_it_is_not_whole() {
    let console = with_user().await;
    console.people.asked().files_fail = true;
    let (status, body) = console.get("/admin/v1/apps/77/users/5/export").await;
    assert_eq!(status, 200);
    let rows = rows(&body);
    let end = rows.last().unwrap();
    assert_eq!(*end, json!({"kind": "end", "whole": false, "rows": rows.len() - 1, "text": "the disk is slow"}));
    assert!(rows.iter().any(|row| row["kind"] == "kept_message") && !rows.iter().any(|row| row["kind"] == "device"), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn of_nobody_there_is_no_export() {
    let console = with_user().await;
    for path in ["/admin/v1/apps/77/users/6/export", "/admin/v1/apps/77/users/x/export", "/admin/v1/apps/78/users/5/export"] {
        let (status, body) = console.get(path).await;
        assert_eq!((status, body.contains("not_found")), (404, true), "{path}: {body}");
    }
    console.asked().staff.log_fails = Some(natter_proto::Failure::new(natter_proto::Code::NotStored, "the disk is full"));
    let (status, body) = console.get("/admin/v1/apps/77/users/5/export").await;
    assert_eq!((status, body.contains("the disk is full")), (503, true), "what cannot be entered is not handed out: {body}");
    console.stop().await;
}

pub async fn with_user() -> Console {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let made = r#"{"id": 5, "login": "ann", "password": "secret", "full_name": "Ann"}"#;
    assert_eq!(console.post("/admin/v1/apps/77/users", made).await.0, 201);
    console
}

/// The lines of an answer in chunks (RFC 9112, 7.1), none of which is split here.
fn rows(body: &str) -> Vec<Value> {
    body.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}
