//! Sign-ins at the door: the cookie, what it stands for, and its end; operators and the audit log as the API shows them.

use natter_proto::account::v1::OperatorRole;

use crate::console::{Console, check_json};
use crate::staff::operator;

const BODY: &str = r#"{"name": "admin", "password": "word"}"#;

#[tokio::test]
async fn who_signs_in_gets_a_cookie_that_stands_for_him_until_he_signs_out() {
    let console = Console::start().await;
    let (head, body) = sign_in(&console, "127.0.0.1:8090", BODY).await;
    assert!(head.starts_with("HTTP/1.1 201 "), "{head} {body}");
    let token = format!("{:064x}", 1);
    assert_eq!(set_cookie(&head), Some(format!("natter={token}; HttpOnly; SameSite=Strict; Path=/")));
    let me = format!(
        r#"{{"me":{{"name":"admin","role":"owner","apps":"all","session":"{}","csrf":"csrf-{token}"}}}}"#,
        "01".repeat(16)
    );
    assert_eq!(body, me);
    let cookie = format!("cookie: natter={token}\r\n");
    assert_eq!(call(&console, "GET", "/admin/v1/me", &cookie).await.1, me);
    let own = format!("{cookie}x-natter-csrf: csrf-{token}\r\n");
    let (_, listed) = call(&console, "GET", "/admin/v1/sessions", &own).await;
    check_json(&listed, &[r#""operator":"admin""#, r#""address":"127.0.0.1","agent":"Browser","is_this":true"#]);
    assert!(!listed.contains(&token) && !listed.contains("csrf"), "{listed}");

    let (head, body) = exchange(&console, "DELETE", &format!("/admin/v1/sessions/{}", "01".repeat(16)), &own).await;
    assert_eq!(body, r#"{"ended":1}"#);
    assert!(set_cookie(&head).is_some_and(|cookie| cookie.starts_with("natter=; ") && cookie.contains("Max-Age=0")), "{head}");
    assert_eq!(call(&console, "GET", "/admin/v1/me", &own).await.0, 401);
    let log = console.asked().staff.entries.clone();
    let log: Vec<_> = log.iter().map(|entry| (entry.operator.as_str(), entry.action.as_str(), entry.status)).collect();
    assert_eq!(log, [("admin", "session.begin", 201), ("admin", "session.end", 200)]);
    console.stop().await;
}

#[tokio::test]
async fn over_tls_and_by_a_public_name_the_cookie_is_for_tls_only() {
    let console = Console::start().await;
    for (host, headers) in [("192.0.2.1:8090", ""), ("localhost:8090", "x-forwarded-proto: https\r\n")] {
        let head = format!("POST /admin/v1/sessions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}");
        let request = format!("{head}content-length: {}\r\n\r\n{BODY}", BODY.len());
        let cookie = set_cookie(&console.exchange(&request).await.0).unwrap();
        assert!(cookie.starts_with("__Host-natter=") && cookie.contains("; Secure"), "{cookie}");
        let token = cookie.split(';').next().unwrap();
        assert_eq!(call(&console, "GET", "/admin/v1/me", &format!("cookie: {token}\r\n")).await.0, 200);
    }
    console.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_a_log_that_is_full_begin_nothing() {
    let console = Console::start().await;
    for body in [r#"{"name": "admin", "password": "wrong"}"#, r#"{"name": "nobody", "password": "word"}"#, "{}"] {
        let (head, answer) = sign_in(&console, "127.0.0.1:8090", body).await;
        assert!(head.starts_with("HTTP/1.1 403 ") && set_cookie(&head).is_none(), "{body}: {head}");
        check_json(&answer, &[r#""code":"unauthenticated","field":"password""#]);
    }
    console.asked().staff.log_fails = Some(natter_proto::Failure::new(natter_proto::Code::NotStored, "full"));
    let (head, _) = sign_in(&console, "127.0.0.1:8090", BODY).await;
    assert!(head.starts_with("HTTP/1.1 503 ") && set_cookie(&head).is_none(), "{head}");
    assert_eq!(console.asked().staff.sign_ins, []);
    console.stop().await;
}

#[tokio::test]
async fn an_owner_sees_and_ends_what_others_began_and_others_only_their_own() {
    let console = Console::start().await;
    console.asked().staff.operators.push(operator("ann", OperatorRole::Operator, None));
    let ann = r#"{"name": "ann", "password": "word"}"#;
    for body in [BODY, ann, ann] {
        sign_in(&console, "127.0.0.1:8090", body).await;
    }
    let (_, all) = console.get("/admin/v1/sessions?all=true").await;
    assert_eq!((all.matches(r#""operator":"admin""#).count(), all.matches(r#""operator":"ann""#).count()), (1, 2));
    let (_, own) = call(&console, "GET", "/admin/v1/sessions?operator=ann", &by(2)).await;
    assert_eq!((own.matches(r#""operator":"ann""#).count(), own.matches(r#""is_this":true"#).count()), (2, 1), "{own}");
    let admins = format!("/admin/v1/sessions/{}", "01".repeat(16));
    assert_eq!(call(&console, "DELETE", &admins, &by(2)).await.0, 404, "as if it were not there");
    assert_eq!(call(&console, "GET", "/admin/v1/me", &by(1)).await.0, 200);
    assert_eq!(console.call("DELETE", &format!("/admin/v1/sessions/{}", "02".repeat(16)), "").await.0, 200);
    assert_eq!(call(&console, "GET", "/admin/v1/me", &by(2)).await.0, 401);
    for query in ["?operator=", "?all=true", "?x=1"] {
        assert_eq!(console.call("DELETE", &format!("/admin/v1/sessions{query}"), "").await.0, 400, "{query}");
    }
    assert_eq!(console.call("DELETE", "/admin/v1/sessions/x", "").await.0, 404);
    let (_, ended) = call(&console, "DELETE", "/admin/v1/sessions", &by(3)).await;
    assert_eq!(ended, r#"{"ended":1}"#);
    assert_eq!(console.asked().staff.sign_ins.len(), 1, "the owner's own is left");
    console.stop().await;
}

#[tokio::test]
async fn operators_are_made_changed_and_removed() {
    let console = Console::start().await;
    let (status, body) = console.post("/admin/v1/operators", r#"{"name": "ann", "role": "moderator", "apps": [7]}"#).await;
    assert_eq!((status, body.as_str()), (201, r#"{"operator":{"name":"ann","password":"abcde-fghij"}}"#));
    let (_, listed) = console.get("/admin/v1/operators").await;
    check_json(&listed, &[r#"{"name":"admin","role":"owner","apps":"all","#, r#"{"name":"ann","role":"moderator","apps":[7],"#]);
    for (change, shown) in [
        (r#"{"role": "viewer"}"#, r#""role":"viewer","apps":[7]"#),
        (r#"{"apps": "all"}"#, r#""role":"viewer","apps":"all""#),
        (r#"{"apps": [8, 9], "role": "owner"}"#, r#""role":"owner","apps":[8,9]"#),
    ] {
        let (status, body) = console.put("/admin/v1/operators/ann", change).await;
        assert_eq!((status, body.contains(shown)), (200, true), "{change}: {body}");
    }
    for (body, field) in [
        (r#"{"name": "bob", "apps": "all"}"#, "role"),
        (r#"{"name": "bob", "role": "king", "apps": "all"}"#, "role"),
        (r#"{"name": "bob", "role": "viewer"}"#, "apps"),
        (r#"{"name": "bob", "role": "viewer", "apps": "7"}"#, "apps"),
        (r#"{"name": "bob", "role": "viewer", "apps": "all", "password": "mine"}"#, "password"),
    ] {
        let (status, answer) = console.post("/admin/v1/operators", body).await;
        assert_eq!((status, answer.contains(&format!(r#""field":"{field}""#))), (400, true), "{body}: {answer}");
    }
    assert_eq!(console.put("/admin/v1/operators/nobody", "{}").await.0, 404);
    assert_eq!(console.call("DELETE", "/admin/v1/operators/ann", "").await, (200, r#"{"removed":"ann"}"#.to_owned()));
    assert_eq!(console.call("DELETE", "/admin/v1/operators/ann", "").await.0, 404);
    assert_eq!(console.post("/admin/v1/me/password", "").await.0, 404, "the token has none");
    sign_in(&console, "127.0.0.1:8090", BODY).await;
    let (status, body) = call(&console, "POST", "/admin/v1/me/password", &by(1)).await;
    assert_eq!((status, body.contains("abcde-fghij")), (200, true), "{body}");
    let targets: Vec<_> = console.asked().staff.entries.iter().map(|entry| entry.target.clone()).collect();
    assert!(targets[..4].iter().all(|target| target == "ann"), "{targets:?}");
    console.stop().await;
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_limited_to_what_is_seen() {
    let console = Console::start().await;
    console.asked().staff.operators.push(operator("of-7", OperatorRole::Owner, Some(&[7])));
    sign_in(&console, "127.0.0.1:8090", r#"{"name": "of-7", "password": "word"}"#).await;
    console.post("/admin/v1/apps/7/suspend", "").await;
    console.post("/admin/v1/apps/8/suspend", "").await;
    let (_, body) = console.get("/admin/v1/audit?limit=1000&operator=token").await;
    check_json(
        &body,
        &[r#""action":"app.suspend","route":"POST /admin/v1/apps/{app}/suspend","app":8,"target":"","status":200"#],
    );
    check_json(&body, &[r#""address":"127.0.0.1""#, &format!(r#""next":"{}""#, "09".repeat(16))]);
    let (_, body) = call(&console, "GET", "/admin/v1/audit", &by(1)).await;
    assert!(body.contains(r#""app":7"#) && !body.contains(r#""app":8"#), "{body}");
    assert!(body.contains(r#""operator":"token","role":"owner","address":null"#), "{body}");
    assert_eq!(call(&console, "GET", "/admin/v1/audit?app=8", &by(1)).await.0, 404);
    console.get(&format!("/admin/v1/audit?app=8&before={}", "0a".repeat(16))).await;
    let pages = console.asked().staff.audit_pages.clone();
    let shown: Vec<_> = pages.iter().map(|page| (page.limit, page.limited, page.apps.clone(), page.before.clone())).collect();
    assert_eq!(shown, [(200, false, vec![], vec![]), (50, true, vec![7], vec![]), (50, true, vec![8], vec![10; 16]),]);
    for (query, field) in [("before=x", "before"), ("limit=x", "query"), ("page=1", "query")] {
        let (status, body) = console.get(&format!("/admin/v1/audit?{query}")).await;
        assert_eq!((status, body.contains(&format!(r#""field":"{field}""#))), (400, true), "{query}: {body}");
    }
    console.stop().await;
}

// The headers of the n-th sign-in's own page.
fn by(number: usize) -> String {
    format!("cookie: natter={number:064x}\r\nx-natter-csrf: csrf-{number:064x}\r\n")
}

async fn sign_in(console: &Console, host: &str, body: &str) -> (String, String) {
    let head = format!("POST /admin/v1/sessions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nuser-agent: Browser\r\n");
    console.exchange(&format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await
}

async fn exchange(console: &Console, method: &str, path: &str, headers: &str) -> (String, String) {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:8090\r\nconnection: close\r\ncontent-length: 0\r\n");
    console.exchange(&format!("{head}{headers}\r\n")).await
}

async fn call(console: &Console, method: &str, path: &str, headers: &str) -> (u16, String) {
    let (head, body) = exchange(console, method, path, headers).await;
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

fn set_cookie(head: &str) -> Option<String> {
    head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).map(str::to_owned)
}
