//! Who gets through the guard: each route for each caller, the cookie and what its pages prove, the audit log.

use natter_proto::account::v1::OperatorRole;
use natter_proto::{Code, Failure};

use crate::console::{Console, check_json};
use crate::staff::operator;

/// A caller of the table, with the cookie and the token of its pages.
pub struct Signed {
    pub who: &'static str,
    pub cookie: String,
    pub csrf: String,
}

/// The callers of the table, and where `operator` of app 77 is of app 78.
const CALLERS: [(&str, OperatorRole, Option<&[u64]>); 6] = [
    ("viewer", OperatorRole::Viewer, None),
    ("moderator", OperatorRole::Moderator, None),
    ("operator", OperatorRole::Operator, None),
    ("owner", OperatorRole::Owner, None),
    ("of-77", OperatorRole::Owner, Some(&[77])),
    ("of-78", OperatorRole::Owner, Some(&[78])),
];

/// Each route, and what each of the callers is answered. 2: let through, whatever came of it; 3: 403; 4: 404; 5: 403 by the route itself,
/// so that the log has it; 6: let through, and in the log though it changes nothing.
const TABLE: &[(&str, &str, [u16; 6])] = &[
    ("GET", "/admin/v1/apps", [2, 2, 2, 2, 2, 2]),
    ("POST", "/admin/v1/apps", [3, 3, 2, 2, 3, 3]),
    ("GET", "/admin/v1/apps/77", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77", [3, 3, 3, 2, 3, 4]),
    ("POST", "/admin/v1/apps/77/suspend", [3, 3, 2, 2, 3, 4]),
    ("POST", "/admin/v1/apps/77/resume", [3, 3, 2, 2, 3, 4]),
    ("GET", "/admin/v1/apps/77/erasure", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/erasures/5", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/identity", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77/identity", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/keys", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/keys/previous", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/alerts", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77/alerts", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/alerts/journal", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/alerts/preview", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/alerts/test", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/push/credentials", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77/push/credentials/fcm", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/push/credentials/fcm", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/push", [3, 3, 2, 2, 3, 3]),
    ("GET", "/admin/v1/apps/77/reports", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/dialogs", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/dialogs/010101010101010101010101", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/dialogs/010101010101010101010101/members", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/dialogs/010101010101010101010101/freeze", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/dialogs/010101010101010101010101/unfreeze", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/dialogs/010101010101010101010101/open", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/dialogs/010101010101010101010101/messages", [3, 6, 6, 6, 6, 4]),
    ("GET", "/admin/v1/apps/77/moderation-log", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/reports/070707070707070707070707", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/reports/070707070707070707070707/remove-message", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/reports/070707070707070707070707/ban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/reports/070707070707070707070707/dismiss", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/sdk-config", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/messages/070707070707070707070707/trace", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/trace", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77/trace", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/trace", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/try", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/try", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5/subscriptions", [2, 2, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/users/5/subscriptions/17", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5/unread", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/users/5/ban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/users/5/unban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/users", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5", [2, 2, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/users/5", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5/contacts", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5/lists", [2, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/users/5/export", [3, 3, 6, 6, 6, 4]),
    ("GET", "/admin/v1/apps/77/users/5/sessions", [2, 2, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/users/5/sessions", [3, 2, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/users/5/sessions/chat-00000000000000070000000000000003", [3, 2, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/webhooks", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/webhooks/5", [2, 2, 2, 2, 2, 4]),
    ("PUT", "/admin/v1/apps/77/webhooks/5", [3, 3, 2, 2, 2, 4]),
    ("DELETE", "/admin/v1/apps/77/webhooks/5", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/apps/77/webhooks/5/deliveries", [2, 2, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/parked/drop", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/parked/resend", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/pause", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/ping", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/resume", [3, 3, 2, 2, 2, 4]),
    ("POST", "/admin/v1/apps/77/webhooks/5/secret", [3, 3, 2, 2, 2, 4]),
    ("GET", "/admin/v1/audit", [3, 3, 3, 2, 2, 2]),
    ("GET", "/admin/v1/audit?app=77", [3, 3, 3, 2, 2, 4]),
    ("GET", "/admin/v1/me", [2, 2, 2, 2, 2, 2]),
    ("POST", "/admin/v1/me/password", [2, 2, 2, 2, 2, 2]),
    ("GET", "/admin/v1/openapi.json", [2, 2, 2, 2, 2, 2]),
    ("GET", "/admin/v1/operators", [3, 3, 3, 2, 3, 3]),
    ("POST", "/admin/v1/operators", [3, 3, 3, 2, 3, 3]),
    ("PUT", "/admin/v1/operators/viewer", [3, 3, 3, 2, 3, 3]),
    ("DELETE", "/admin/v1/operators/nobody", [3, 3, 3, 2, 3, 3]),
    ("POST", "/admin/v1/operators/viewer/password", [3, 3, 3, 2, 3, 3]),
    ("GET", "/admin/v1/sessions", [2, 2, 2, 2, 2, 2]),
    ("GET", "/admin/v1/sessions?all=true", [3, 3, 3, 2, 3, 3]),
    ("GET", "/admin/v1/sessions?operator=admin", [3, 3, 3, 2, 3, 3]),
    ("DELETE", "/admin/v1/sessions?operator=nobody", [5, 5, 5, 2, 5, 5]),
    ("DELETE", "/admin/v1/sessions/00000000000000000000000000000000", [2, 2, 2, 2, 2, 2]),
    ("GET", "/admin/v1/edges", [2, 2, 2, 2, 3, 3]),
    ("POST", "/admin/v1/edges/e1/drain", [3, 3, 2, 2, 3, 3]),
    ("POST", "/admin/v1/edges/e1/resume", [3, 3, 2, 2, 3, 3]),
    ("GET", "/admin/v1/limits", [2, 2, 2, 2, 3, 3]),
    ("PUT", "/admin/v1/limits/api.user_rate", [3, 3, 2, 2, 3, 3]),
    ("DELETE", "/admin/v1/limits/api.user_rate", [3, 3, 2, 2, 3, 3]),
    ("GET", "/admin/v1/log-level", [2, 2, 2, 2, 3, 3]),
    ("PUT", "/admin/v1/log-level", [3, 3, 2, 2, 3, 3]),
    ("DELETE", "/admin/v1/log-level", [3, 3, 2, 2, 3, 3]),
    ("GET", "/admin/v1/offenders", [3, 3, 3, 2, 3, 3]),
    ("GET", "/admin/v1/system", [2, 2, 2, 2, 3, 3]),
    ("GET", "/admin/v1/system/bundle", [3, 3, 2, 2, 3, 3]),
];

#[tokio::test]
async fn each_route_is_for_whom_the_table_says_and_for_nobody_else() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for (method, path, answers) in TABLE {
        let route = format!("{method} {path}");
        assert_eq!(answered(&console, method, path, "").await.0, 401, "{route} signed out");
        assert_eq!(answered(&console, method, path, "cookie: natter=0\r\n").await.0, 401, "{route} with a dead cookie");
        for (caller, answer) in callers.iter().zip(answers) {
            prepare(&console).await;
            let Signed { who, cookie, csrf } = caller;
            let entries = console.asked().staff.entries.len();
            if *method != "GET" {
                let (status, body) = answered(&console, method, path, &format!("cookie: {cookie}\r\n")).await;
                assert_eq!((status, body.contains(r#""field":"csrf""#)), (403, true), "{route} {who} without its page: {body}");
            }
            let foreign = format!("cookie: {cookie}\r\nx-natter-csrf: {csrf}\r\norigin: http://evil.example.test\r\n");
            let (status, body) = answered(&console, method, path, &foreign).await;
            assert_eq!((status, body.contains(r#""field":"origin""#)), (403, true), "{route} {who} of another page: {body}");
            assert_eq!(console.asked().staff.entries.len(), entries, "{route} {who}: what is refused changes nothing");

            let own = format!("cookie: {cookie}\r\nx-natter-csrf: {csrf}\r\norigin: http://127.0.0.1:8090\r\n");
            let (status, body) = answered(&console, method, path, &own).await;
            match answer {
                2 | 6 => assert!(!matches!(status, 401 | 403) && status < 500, "{route} {who}: {status} {body}"),
                3 | 5 => assert!(status == 403 && body.contains("your role"), "{route} {who}: {status} {body}"),
                _ => assert_eq!((status, body.contains("no such app")), (404, true), "{route} {who}: {body}"),
            }
            let logged = console.asked().staff.entries.len() - entries;
            let changes = *method != "GET" && !path.ends_with("/preview");
            let is_logged = matches!(answer, 2 | 5) && changes || *answer == 6;
            assert_eq!(logged, usize::from(is_logged), "{route} {who}: in the log");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn an_app_of_others_is_answered_like_one_that_is_not_there() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let of_78 = &callers[5];
    for route in TABLE.iter().filter(|(_, path, _)| path.contains("77")) {
        let (method, path, _) = route;
        let absent = path.replace("77", "99");
        let other = exchanged(&console, method, path, of_78).await;
        assert_eq!(other, exchanged(&console, method, &absent, of_78).await, "{method} {path}");
    }
    let (_, apps) = answered(&console, "GET", "/admin/v1/apps", &format!("cookie: {}\r\n", of_78.cookie)).await;
    assert!(apps.contains(r#""id":78"#) && !apps.contains(r#""id":77"#), "{apps}");
    console.stop().await;
}

#[tokio::test]
async fn who_may_not_change_an_app_does_not_see_its_secret() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for (caller, shown) in callers.iter().zip([false, false, true, true, true]) {
        let (_, body) = answered(&console, "GET", "/admin/v1/apps/77", &format!("cookie: {}\r\n", caller.cookie)).await;
        assert_eq!(body.contains("s3cret"), shown, "{}: {body}", caller.who);
    }
    console.stop().await;
}

#[tokio::test]
async fn what_an_app_costs_and_where_it_is_reached_is_the_houses_to_say() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for (body, field) in [
        (r#"{"quotas": {"sessions": 5}}"#, "quotas"),
        (r#"{"chat_host": "c.test"}"#, "chat_host"),
        (r#"{"title": "T", "api_host": ""}"#, "api_host"),
    ] {
        let (status, answer) = sent(&console, "PUT", "/admin/v1/apps/77", &callers[4], "application/json", body).await;
        assert_eq!(status, 403, "{answer}");
        check_json(&answer, &[&format!(r#""field":"{field}""#)]);
        assert_eq!(console.asked().applied.len(), 0);
    }
    assert_eq!(sent(&console, "PUT", "/admin/v1/apps/77", &callers[4], "application/json", r#"{"title": "T"}"#).await.0, 200);
    console.stop().await;
}

#[tokio::test]
async fn no_spelling_of_a_path_finds_another_route() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for path in ["/admin/v1/apps/%37%37", "/admin/v1/%61pps/77", "/admin/v1/apps/77/%73uspend", "/admin/v1/apps/77%2fsuspend"] {
        for method in ["GET", "POST"] {
            let (status, body) = answered(&console, method, path, &own(&callers[3])).await;
            assert_eq!((status, body.contains("no such route")), (404, true), "{method} {path}: {body}");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn a_form_proves_its_page_by_a_field_and_its_body_is_still_read() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let Signed { csrf, .. } = &callers[3];
    let form = "application/x-www-form-urlencoded";
    let send = async |kind: &str, body: &str| {
        let Signed { cookie, .. } = &callers[3];
        let head = format!("POST /admin/v1/apps HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\ncookie: {cookie}\r\n");
        console.send(&format!("{head}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await
    };
    // The route wants JSON: what it says of the body shows that it got it.
    let (status, body) = send(form, &format!("title=x&csrf={csrf}")).await;
    assert_eq!((status, body.contains("must be one JSON object")), (400, true), "{body}");
    for (kind, body) in [
        (form, "title=x&csrf=wrong".to_owned()),
        (form, "title=x".to_owned()),
        (form, "csrf".to_owned()),
        (form, format!("csrf=wrong&csrf={csrf}")),
        (form, format!("csrf={csrf}&pad={}", "x".repeat(70_000))),
        ("text/plain", format!("csrf={csrf}")),
        ("multipart/form-data; boundary=x", format!("csrf={csrf}")),
    ] {
        let (status, answer) = send(kind, &body).await;
        assert_eq!((status, answer.contains(r#""field":"csrf""#)), (403, true), "{kind} {body:.60}: {answer}");
    }
    console.stop().await;
}

#[tokio::test]
async fn each_change_is_in_the_log_with_its_outcome_and_without_its_body() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    console.asked().staff.entries.clear();
    let json = "application/json";
    sent(&console, "POST", "/admin/v1/apps", &callers[3], json, r#"{"id": 5, "auth_secret": "s3cret"}"#).await;
    sent(&console, "POST", "/admin/v1/apps", &callers[3], json, r#"{"titel": "x"}"#).await;
    sent(&console, "DELETE", "/admin/v1/apps/77/users/5", &callers[4], json, "").await;
    console.post("/admin/v1/apps/77/users", r#"{"id": 6, "password": "hidden"}"#).await;
    let shown: Vec<_> = console
        .asked()
        .staff
        .entries
        .iter()
        .map(|entry| {
            let natter_proto::account::v1::AuditEntry { operator, role, address, action, route, app, target, status, .. } =
                entry.clone();
            format!("{operator} {role} {address} {action} {route} {app} {target:?} {status}")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "owner owner 127.0.0.1 app.create POST /admin/v1/apps 5 \"\" 201",
            "owner owner 127.0.0.1 app.create POST /admin/v1/apps 0 \"\" 400",
            "of-77 owner 127.0.0.1 user.delete DELETE /admin/v1/apps/{app}/users/{user} 77 \"5\" 202",
            "token owner 127.0.0.1 user.create POST /admin/v1/apps/{app}/users 77 \"6\" 201",
        ]
    );
    console.stop().await;
}

#[tokio::test]
async fn what_cannot_be_entered_in_the_log_is_not_done() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let apps = console.asked().apps.len();
    console.asked().staff.log_fails = Some(Failure::new(Code::NotStored, "the disk is full"));
    let (status, body) = sent(&console, "POST", "/admin/v1/apps", &callers[3], "application/json", "{}").await;
    assert_eq!((status, body.contains("the disk is full")), (503, true), "{body}");
    assert_eq!(console.asked().apps.len(), apps);
    assert_eq!(console.get("/admin/v1/apps").await.0, 200, "what changes nothing is answered");
    console.stop().await;
}

// Signs all callers in. The apps are there.
pub async fn staff(console: &Console) -> Vec<Signed> {
    let made = CALLERS.iter().map(|(name, role, apps)| operator(name, *role, *apps));
    console.asked().staff.operators.extend(made);
    prepare(console).await;
    let mut signed = Vec::new();
    for (who, ..) in CALLERS {
        signed.push(sign_in(console, who).await);
    }
    signed
}

pub async fn prepare(console: &Console) {
    console.asked().apps.clear();
    for id in [77, 78] {
        console.post("/admin/v1/apps", &format!(r#"{{"id": {id}, "auth_secret": "s3cret"}}"#)).await;
    }
}

// As the account service has it; the route that does it is shown elsewhere.
async fn sign_in(console: &Console, who: &'static str) -> Signed {
    let mut asked = console.asked();
    let number = asked.staff.sign_ins.len() + 1;
    let token = format!("{number:064x}");
    let sign_in =
        natter_proto::account::v1::OperatorSignIn { id: vec![number as u8; 16], operator: who.into(), ..Default::default() };
    asked.staff.sign_ins.push((token.clone(), sign_in));
    Signed { who, cookie: format!("natter={token}"), csrf: format!("csrf-{token}") }
}

pub fn own(caller: &Signed) -> String {
    format!("cookie: {}\r\nx-natter-csrf: {}\r\n", caller.cookie, caller.csrf)
}

pub async fn answered(console: &Console, method: &str, path: &str, headers: &str) -> (u16, String) {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\ncontent-length: 0\r\n");
    console.send(&format!("{head}{headers}\r\n")).await
}

// Head, without the date, and body.
async fn exchanged(console: &Console, method: &str, path: &str, caller: &Signed) -> (Vec<String>, String) {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\ncontent-length: 0\r\n");
    let (head, body) = console.exchange(&format!("{head}{}\r\n", own(caller))).await;
    (head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect(), body)
}

pub async fn sent(console: &Console, method: &str, path: &str, caller: &Signed, kind: &str, body: &str) -> (u16, String) {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\n{}", own(caller));
    console.send(&format!("{head}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await
}
