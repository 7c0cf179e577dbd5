//! The sessions of a user, his contacts and his lists: routes and pages.

use natter_proto::account::v1::EndTokensRequest;
use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::EndSessionsRequest;
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::export::with_user;
use crate::people::{CHAT, REST};

const PATH: &str = "/admin/v1/apps/77/users/5/sessions";
const PAGE: &str = "/console/apps/77/users/5/sessions";

#[tokio::test]
async fn the_sessions_of_both_doors_are_listed_page_by_page() {
    let console = with_user().await;
    let (status, body) = console.get(PATH).await;
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    let chat = json!({
        "id": CHAT, "kind": "chat", "resource": "r<b>", "begun_at": "2023-11-14T22:13:20Z", "address": "192.0.2.1", "transport": "wss",
        "agent": "<img src=x>", "edge": "edge-1", "is_active": true, "proves": true,
    });
    assert_eq!(page["sessions"][0], chat);
    let unknown = &page["sessions"][1];
    let nothing = [&unknown["begun_at"], &unknown["address"], &unknown["proves"]];
    assert_eq!((unknown["is_active"].as_bool(), nothing), (Some(false), [&Value::Null; 3]));
    let rest = json!({
        "id": REST, "kind": "rest", "begun_at": "2023-11-14T22:13:20Z", "signed_in_at": "2023-11-14T22:13:20Z",
        "used_at": "2023-11-14T22:20:20Z", "expires_at": "2023-11-15T00:13:20Z",
    });
    assert_eq!((&page["sessions"][3], page["sessions"].as_array().unwrap().len()), (&rest, 4), "the one used last comes first");
    let next = page["next"].as_str().unwrap();
    let (_, body) = console.get(&format!("{PATH}?after={next}")).await;
    let further: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((further["sessions"].as_array().unwrap().len(), &further["next"]), (1, &Value::Null), "no chat sessions again");
    assert_eq!(further["sessions"][0]["used_at"], Value::Null);
    assert_eq!(console.people.asked().token_pages.last().unwrap().after, vec![8; 32]);
    for (query, status) in [("after=x", 400), ("after=0", 400), ("before=00", 400)] {
        assert_eq!(console.get(&format!("{PATH}?{query}")).await.0, status, "{query}");
    }
    for path in ["/admin/v1/apps/77/users/6/sessions", "/admin/v1/apps/77/users/x/sessions", "/admin/v1/apps/78/users/5/sessions"]
    {
        assert_eq!(console.get(path).await.0, 404, "{path}");
    }
    console.stop().await;
}

#[tokio::test]
async fn one_session_is_ended_where_it_is_and_the_log_says_whose() {
    let console = with_user().await;
    for name in [CHAT, REST] {
        let (status, body) = console.call("DELETE", &format!("{PATH}/{name}"), "").await;
        assert_eq!((status, body), (200, format!(r#"{{"ended":"{name}"}}"#)));
        let entry = console.asked().staff.entries.last().cloned().unwrap();
        assert_eq!((entry.action.as_str(), entry.target), ("user.sessions.end", format!("5 {name}")));
    }
    let session = Some(SessionRef { boot: 7, session: 3, ..SessionRef::default() });
    assert_eq!(console.people.asked().ended_sessions, [EndSessionsRequest { app: 77, user: 5, session }]);
    assert_eq!(console.people.asked().ended_tokens, [EndTokensRequest { app: 77, user: 5, id: vec![7; 16] }]);
    let others = [
        "chat-00000000000000070000000000000004",
        "rest-08080808080808080808080808080808",
        "chat-7",
        "00000000000000070000000000000003",
        "all",
    ];
    for name in others {
        assert_eq!(console.call("DELETE", &format!("{PATH}/{name}"), "").await.0, 404, "{name}");
    }
    console.stop().await;
}

#[tokio::test]
async fn of_all_sessions_the_tokens_end_first() {
    let console = with_user().await;
    let (status, body) = console.call("DELETE", PATH, "").await;
    assert_eq!((status, body.as_str()), (200, r#"{"ended":{"chat":1,"rest":2}}"#));
    assert_eq!(console.people.asked().ended, ["rest", "chat"]);
    assert_eq!(console.people.asked().ended_sessions, [EndSessionsRequest { app: 77, user: 5, session: None }]);
    console.people.asked().refuses = Some(Failure::new(Code::Busy, "there are sessions yet"));
    let (status, body) = console.call("DELETE", PATH, "").await;
    assert_eq!((status, body.contains("there are sessions yet")), (503, true), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn contacts_and_lists_are_shown() {
    let console = with_user().await;
    let (status, body) = console.get("/admin/v1/apps/77/users/5/contacts").await;
    let contacts = json!({ "contacts": [
        { "user": 6, "name": "Jul<b>", "subscription": "both", "asks": false },
        { "user": 8, "name": "Jul<b>", "subscription": "none", "asks": true },
    ]});
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, contacts));
    let (status, body) = console.get("/admin/v1/apps/77/users/5/lists").await;
    let shown: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &shown["default"], shown["lists"].as_array().unwrap().len()), (200, &json!("blocked"), 2), "one is gone");
    let away = json!({ "name": "away", "is_default": false, "items": [
        { "order": 1, "action": "allow", "user": null, "in_groups": true, "kinds": [] },
    ]});
    assert_eq!(shown["lists"][0], away);
    let first = json!({ "order": 1, "action": "deny", "user": 1, "in_groups": false, "kinds": ["message", "iq"] });
    assert_eq!((&shown["lists"][1]["items"][0], &shown["lists"][1]["is_default"]), (&first, &json!(true)));
    for path in ["/admin/v1/apps/77/users/6/contacts", "/admin/v1/apps/77/users/6/lists", "/admin/v1/apps/78/users/5/lists"] {
        assert_eq!(console.get(path).await.0, 404, "{path}");
    }
    console.stop().await;
}

#[tokio::test]
async fn the_pages_show_and_end_sessions_and_ask_before() {
    let console = with_user().await;
    let (_, body) = console.page(PAGE).await;
    for part in ["WebSocket over TLS", "&#60;img src=x&#62;", "192.0.2.1", "r&#60;b&#62;", "proves", "not asked yet", CHAT, REST]
    {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(body.contains(&format!(r#"href="{PAGE}?after={}""#, "08".repeat(32))), "{body}");
    let (_, further) = console.page(&format!("{PAGE}?after={}", "08".repeat(32))).await;
    assert!(further.contains("rest-0909") && !further.contains(CHAT) && further.contains("not known"), "{further}");

    for (path, button, leads) in [
        (format!("{PAGE}/{CHAT}/end"), "End the session", "session-ended"),
        (format!("{PAGE}/{REST}/end"), "End the session", "session-ended"),
        (format!("{PAGE}/end"), "End all sessions", "sessions-ended"),
    ] {
        let (_, asks) = console.page(&path).await;
        assert!(
            asks.contains(button) && asks.contains(&format!(r#"action="{path}""#)) && asks.contains("This is no ban"),
            "{asks}"
        );
        let (head, _) = console.form(&path, "").await;
        assert!(head.starts_with("HTTP/1.1 303 ") && head.contains(&format!("location: {PAGE}?done={leads}\r\n")), "{head}");
    }
    assert_eq!(console.people.asked().ended, ["chat", "rest", "rest", "chat"]);
    let (head, body) = console.form(&format!("{PAGE}/{}/end", CHAT.replace('3', "4")), "").await;
    assert!(head.starts_with("HTTP/1.1 404 ") && body.contains("<h1>Not found</h1>"), "{head}\n{body}");
    let (_, said) = console.page(&format!("{PAGE}?done=sessions-ended")).await;
    assert!(said.contains("All sessions of the user were ended."), "{said}");
    console.stop().await;
}

#[tokio::test]
async fn the_page_of_contacts_shows_whom_a_user_knows_and_keeps_out() {
    let console = with_user().await;
    console.people.asked().list_name = Some("<img src=x>".into());
    let (_, body) = console.page("/console/apps/77/users/5/contacts").await;
    for part in [
        "each sees the other",
        "not answered",
        "Jul&#60;b&#62;",
        "&#60;img src=x&#62;",
        "everybody in groups",
        "message, iq",
        "And 5 further items",
        r#"<span class="badge ok">default</span>"#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("<img"), "{body}");
    let (_, data) = console.page("/console/apps/77/users/5/data").await;
    assert!(data.contains(r#"href="/console/apps/77/users/5/export" download"#) && data.contains("/users/5/erase"), "{data}");
    console.stop().await;
}
