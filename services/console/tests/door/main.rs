//! The admin API over loopback, with a fake of the account service behind it.

#![allow(clippy::unwrap_used)]

mod alert_pages;
mod alerts;
mod console;
mod credentials;
mod dialogs;
mod export;
mod guard;
mod moderation;
mod openapi;
mod operators;
mod origins;
mod page_rights;
mod pages;
mod people;
mod push_pages;
mod pushed;
mod running;
mod sessions;
mod settings;
mod staff;
mod trace_pages;
mod traces;
mod trials;
mod user_pages;
mod user_sessions;
mod webhooks;

use natter_proto::account::v1::ReportKind;
use natter_proto::{Code, Failure};

use crate::console::{Console, TOKEN, check_json};

#[tokio::test]
async fn an_app_is_made_listed_and_shown() {
    let console = Console::start().await;
    let (status, body) = console.post("/admin/v1/apps", r#"{"id": "77", "auth_key": "demoKey", "auth_secret": "s3cret"}"#).await;
    assert_eq!(status, 201, "{body}");
    check_json(
        &body,
        &[r#""id":77"#, r#""auth_key":"demoKey""#, r#""auth_secret":"s3cret""#, r#""created_at":"2023-11-14T22:13:20Z""#],
    );
    assert!(!body.contains("pair"), "{body}");

    let (status, body) = console.get("/admin/v1/apps").await;
    assert_eq!(status, 200);
    check_json(&body, &[r#"{"apps":[{"id":77,"#, r#""auth_key":"demoKey""#]);
    assert!(!body.contains("s3cret"), "a list shows no secrets: {body}");

    let (status, body) = console.get("/admin/v1/apps/77").await;
    assert_eq!(status, 200);
    check_json(&body, &[r#""auth_secret":"s3cret""#]);
    assert_eq!(console.post("/admin/v1/apps", "").await.0, 201, "everything is chosen");
    console.stop().await;
}

#[tokio::test]
async fn identity_settings_are_put_and_shown_without_a_secret() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77, "auth_key": "demoKey"}"#).await;
    let (status, body) = console.get("/admin/v1/apps/77/identity").await;
    assert_eq!((status, body.as_str()), (200, r#"{"identity":{"guests":false,"create_unknown":false}}"#));
    let settings = r##"{"guests":true,"custom":{"url":"https://id.test","response":{"uid":"#{id}"},"headers":{"x-key":"s3cret"}},
        "facebook":{"app_id":"7","app_secret":"s3cret"},"twitter":{"consumer_key":"k","consumer_secret":"s3cret"},
        "firebase":{"project_ids":["p"]}}"##;
    let (status, body) = console.put("/admin/v1/apps/77/identity", settings).await;
    assert_eq!(status, 200, "{body}");
    check_json(
        &body,
        &[r#""guests":true"#, r##""response":{"uid":"#{id}"}"##, r#""x-key":"********""#, r#""app_secret":"********""#],
    );
    let kept = console.asked().apps[0].identity.clone().unwrap();
    assert_eq!(kept.custom.unwrap().headers[0].value, "s3cret");
    assert_eq!(kept.facebook.unwrap().app_secret, "s3cret");
    for path in ["/admin/v1/apps/77/identity", "/admin/v1/apps/77", "/admin/v1/apps"] {
        assert!(!console.get(path).await.1.contains("s3cret"), "{path}");
    }
    for (body, words) in [(r#"{"gests":true}"#, "unknown field `gests`"), (r#"{"facebook":"s3cret"}"#, "line 1"), ("[", "line 1")]
    {
        let (status, answer) = console.put("/admin/v1/apps/77/identity", body).await;
        assert!(status == 400 && answer.contains(words) && !answer.contains("s3cret"), "{body}: {answer}");
    }
    assert_eq!(console.put("/admin/v1/apps/78/identity", "{}").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn a_user_is_made_and_shown_without_its_password() {
    let console = Console::start().await;
    let (status, body) =
        console.post("/admin/v1/apps/77/users", r#"{"id": 5, "login": "ann", "password": "secret", "full_name": "Ann"}"#).await;
    assert_eq!(status, 201, "{body}");
    check_json(&body, &[r#""id":5"#, r#""login":"ann""#, r#""full_name":"Ann""#, r#""last_request_at":null"#]);
    assert!(!body.contains("secret"), "{body}");
    assert_eq!(console.asked().sign_ups[0].password, "secret");

    let (status, body) = console.get("/admin/v1/apps/77/users/5").await;
    assert_eq!((status, body.contains(r#""login":"ann""#)), (200, true), "{body}");
    assert_eq!(console.get("/admin/v1/apps/77/users/6").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn what_users_reported_is_read_page_by_page() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let id = "07".repeat(12);
    let (status, body) = console.get(&format!("/admin/v1/apps/77/reports?kind=messages&after={id}&limit=5000")).await;
    let expected = format!(
        concat!(
            r#"{{"reports":[{{"id":"{}","kind":"message","reporter":5,"created_at":"2023-11-14T22:13:20Z","#,
            r#""updated_at":"2023-11-14T22:13:20Z","fields":{{"reason":"spam"}},"closed":null}}]}}"#
        ),
        id
    );
    assert_eq!((status, body), (200, expected));
    assert_eq!(console.get("/admin/v1/apps/77/reports").await.0, 200);
    let pages = console.asked().report_pages.clone();
    assert_eq!((pages[0].kind(), &pages[0].after, pages[0].limit), (ReportKind::Message, &vec![7; 12], 1_000));
    assert_eq!((pages[1].kind(), pages[1].after.len(), pages[1].limit), (ReportKind::Unspecified, 0, 100));
    for (query, field) in
        [("kind=x", "kind"), ("state=x", "state"), ("after=x", "after"), ("limit=x", "query"), ("page=1", "query")]
    {
        let (status, body) = console.get(&format!("/admin/v1/apps/77/reports?{query}")).await;
        assert_eq!((status, body.contains(&format!(r#""field":"{field}""#))), (400, true), "{query}: {body}");
    }
    assert_eq!(console.get("/admin/v1/apps/78/reports").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn an_app_is_applied_suspended_resumed_and_ended() {
    let console = Console::start().await;
    let body = r#"{"title": "T", "signed_only": true, "quotas": {"sessions": 5}, "chat_host": "c.test", "api_host": ""}"#;
    let (status, body) = console.call("PUT", "/admin/v1/apps/77", body).await;
    assert_eq!(status, 200, "{body}");
    check_json(
        &body,
        &[r#""changed":["title"]"#, r#""created":false"#, r#""sessions":5"#, r#""chat_host":"c.test","api_host":null"#],
    );
    assert!(!body.contains("s3cret"), "{body}");
    let applied = console.asked().applied.pop().unwrap();
    assert_eq!((applied.chat_host.as_deref(), applied.api_host.as_deref()), (Some("c.test"), Some("")));
    assert_eq!((applied.id, applied.title.as_deref(), applied.signed_only, applied.auth_key), (77, Some("T"), Some(true), None));
    for (body, field) in [
        (r#"{"titel": "T"}"#, "titel"),
        (r#"{"id": 78}"#, "id"),
        (r#"{"quotas": {"session": 5}}"#, "session"),
        (r#"{"quotas": 5}"#, "quotas"),
        (r#"{"signed_only": "yes"}"#, "signed_only"),
        (r#"{"chat_host": 5}"#, "chat_host"),
        (r#"{"api_host": ["a.test"]}"#, "api_host"),
    ] {
        let (status, answer) = console.call("PUT", "/admin/v1/apps/77", body).await;
        assert_eq!(status, 400, "{body}");
        check_json(&answer, &[&format!(r#""field":"{field}""#)]);
    }
    assert!(console.asked().applied.is_empty(), "a refused body reaches nobody");

    let (status, body) = console.post("/admin/v1/apps/77/suspend", "").await;
    assert_eq!((status, body.contains(r#""state":"suspended""#)), (200, true), "{body}");
    let (status, body) = console.post("/admin/v1/apps/77/resume", "").await;
    assert_eq!((status, body.contains(r#""state":"open""#)), (200, true), "{body}");

    assert_eq!(console.get("/admin/v1/apps/77/erasure").await.0, 404);
    let (status, body) = console.call("DELETE", "/admin/v1/apps/77", "").await;
    assert_eq!((status, body.contains(r#""state":"running""#)), (202, true), "{body}");
    let (status, body) = console.get("/admin/v1/apps/77/erasure").await;
    assert_eq!(status, 200);
    let times = r#""begun_at":"2023-11-14T22:13:20Z","ended_at":"2023-11-14T22:13:21Z","erased":{"files":3}"#;
    check_json(&body, &[r#"{"erasure":{"app":77,"user":null,"state":"done","#, times]);
    console.stop().await;
}

#[tokio::test]
async fn users_are_searched_page_by_page_and_banned() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let (status, body) = console.get("/admin/v1/apps/77/users?search=%205&page=3&per_page=1000").await;
    assert_eq!(status, 200, "{body}");
    check_json(&body, &[r#"{"users":[{"id":5,"login":"ann""#, r#""is_banned":false"#, r#""total":120"#]);
    assert_eq!(console.get("/admin/v1/apps/77/users").await.0, 200);
    let pages = console.asked().user_pages.clone();
    let fields = |page: usize| pages[page].any.iter().map(|filter| filter.field.clone()).collect::<Vec<_>>();
    assert_eq!((pages[0].app, pages[0].skip, pages[0].limit), (77, 400, 200));
    assert_eq!(fields(0), ["login", "email", "phone", "full_name", "id", "external_user_id"]);
    assert!(
        pages[0].any[..4].iter().all(|filter| filter.texts == ["5"])
            && pages[0].any[4..].iter().all(|filter| filter.numbers == [5])
    );
    assert_eq!((pages[1].skip, pages[1].limit, fields(1).len()), (0, 50, 0));
    console.get("/admin/v1/apps/77/users?search=an").await;
    assert_eq!(console.asked().user_pages[2].any.len(), 4, "no id");
    let long = format!("search={}", "x".repeat(300));
    for (query, field) in [("page=0", "page"), ("page=x", "query"), ("find=x", "query"), (long.as_str(), "search")] {
        let (status, body) = console.get(&format!("/admin/v1/apps/77/users?{query}")).await;
        assert_eq!((status, body.contains(&format!(r#""field":"{field}""#))), (400, true), "{query}: {body}");
    }
    assert_eq!(console.get("/admin/v1/apps/78/users").await.0, 404);

    for (call, banned) in [("ban", "true"), ("unban", "false")] {
        let (status, body) = console.post(&format!("/admin/v1/apps/77/users/5/{call}"), "").await;
        assert_eq!((status, body.contains(&format!(r#""is_banned":{banned}"#))), (200, true), "{body}");
        for id in ["6", "x", "0"] {
            assert_eq!(console.post(&format!("/admin/v1/apps/77/users/{id}/{call}"), "").await.0, 404, "{id}");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn keys_are_rotated_and_what_was_rotated_is_ended() {
    let console = Console::start().await;
    let (status, body) = console.post("/admin/v1/apps/77/keys", r#"{"overlap_s": 10}"#).await;
    assert_eq!(status, 200, "{body}");
    let previous = r#""previous_keys":{"auth_key":"old","until":"2023-11-14T22:13:30Z"}"#;
    check_json(&body, &[r#""auth_key":"new""#, r#""auth_secret":"n3w""#, previous]);
    assert!(!body.contains("0ld"), "{body}");
    assert_eq!(console.post("/admin/v1/apps/77/keys", r#"{"overlap": 10}"#).await.0, 400);
    let (status, body) = console.call("DELETE", "/admin/v1/apps/77/keys/previous", "").await;
    assert_eq!((status, body.contains(r#""previous_keys":null"#), body.contains("n3w")), (200, true, false), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn a_user_is_ended_and_what_went_is_shown() {
    let console = Console::start().await;
    assert_eq!(console.get("/admin/v1/apps/77/erasures/5").await.0, 404);
    let (status, body) = console.call("DELETE", "/admin/v1/apps/77/users/5", "").await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(console.asked().ended, [(77, 5)]);
    let (status, body) = console.get("/admin/v1/apps/77/erasures/5").await;
    assert_eq!((status, body.contains(r#""erased":{"files":3}"#)), (200, true), "{body}");
    assert_eq!(console.call("DELETE", "/admin/v1/apps/77/users/x", "").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn the_sdk_finds_its_way_with_what_is_shown() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77, "auth_key": "demoKey", "auth_secret": "s3cret"}"#).await;
    let (status, body) = console.get("/admin/v1/apps/77/sdk-config").await;
    assert_eq!(status, 200);
    let expected = concat!(
        r#"{"credentials":{"appId":77,"authKey":"demoKey","authSecret":"s3cret"},"#,
        r#""config":{"endpoints":{"api":"natter.test:8443","chat":"natter.test"},"#,
        r#""chatProtocol":{"active":2,"websocket":"wss://natter.test:5291"}},"ca":"/data/ca.pem"}"#
    );
    assert_eq!(body, expected);

    let (_, plain) = console.get("/admin/v1/apps/77/sdk-config?plain=1").await;
    let added = r#""api_url":"http://natter.test:8080","chat_url":"ws://natter.test:5290""#;
    check_json(&plain, &[added, r#""websocket":"ws://natter.test:5290""#]);
    console.stop().await;
}

#[tokio::test]
async fn an_app_with_names_of_its_own_is_found_by_them_but_on_this_machine() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let shared_api = r#""api":"natter.test:8443""#;
    let shared_chat = [r#""chat":"natter.test""#, r#""websocket":"wss://natter.test:5291""#];
    let own_api = r#""api":"api.own.test:8443""#;
    let own_chat = [r#""chat":"chat.own.test""#, r#""websocket":"wss://chat.own.test:5291""#];
    let both = r#"{"chat_host": "chat.own.test", "api_host": "api.own.test"}"#;
    let (_, plain) = console.get("/admin/v1/apps/77/sdk-config?plain=1").await;
    for (names, api, chat) in [
        ("{}", shared_api, shared_chat),
        (both, own_api, own_chat),
        (r#"{"api_host": "api.own.test"}"#, own_api, shared_chat),
        (r#"{"chat_host": "chat.own.test"}"#, shared_api, own_chat),
    ] {
        console.call("PUT", "/admin/v1/apps/77", names).await;
        let (_, shown) = console.get("/admin/v1/apps/77/sdk-config").await;
        check_json(&shown, &[api, chat[0], chat[1]]);
        let endpoints = |text: &str| text.split_once(r#""config":"#).map(|(_, rest)| rest.to_owned());
        assert_eq!(endpoints(&console.get("/admin/v1/apps/77/sdk-config?plain=1").await.1), endpoints(&plain), "{names}");
    }
    console.stop().await;
}

#[tokio::test]
async fn nothing_but_the_front_page_opens_without_the_token() {
    let console = Console::start().await;
    let (status, body) = console.send("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status, body.starts_with("Natter: ")), (200, true), "{body}");
    let paths = [
        "/admin/v1/apps",
        "/admin/v1/apps/",
        "//",
        "/.",
        "/./admin/v1/apps",
        "/x/../admin/v1/apps",
        "/%2e%2e/admin/v1/apps",
        "/%u002e%u002e/admin/v1/apps",
        "/admin%2fv1%2fapps",
        "/setup/setup-/..;/admin/v1/apps",
        "/nothing",
    ];
    for path in paths {
        for header in ["", "authorization: Bearer wrong\r\n", "authorization: Basic dDBrZW4=\r\n", "cookie: token=t0ken\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
            let (status, body) = console.send(&request).await;
            assert!(matches!(status, 401 | 400), "{path} {header}: {status} {body}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(console.send(&request).await.0, 401, "{method}");
    }
    // A body is promised and never sent: the refusal does not wait for it.
    let promise = "POST /admin/v1/apps HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n";
    let (status, body) = console.send(promise).await;
    assert_eq!(status, 401);
    check_json(&body, &[r#"{"error":{"code":"unauthenticated","field":"","text":"#]);
    assert_eq!(console.asked().calls, 0);
    console.stop().await;
}

#[tokio::test]
async fn a_page_whose_name_was_pointed_here_gets_nothing() {
    let console = Console::start().await;
    let request = format!(
        "GET /admin/v1/apps HTTP/1.1\r\nhost: rebound.example.test:8090\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(console.send(&request).await.0, 421);
    assert_eq!(console.send("GET / HTTP/1.0\r\n\r\n").await.0, 421, "nor who names no host");
    console.stop().await;
}

#[tokio::test]
async fn bad_input_is_named_and_never_a_500() {
    let console = Console::start().await;
    let cases = [
        ("/admin/v1/apps", "{", 400, r#""field":"""#),
        ("/admin/v1/apps", "[]", 400, r#""field":"""#),
        ("/admin/v1/apps", r#"{"id": -1}"#, 400, r#""field":"id""#),
        ("/admin/v1/apps", r#"{"titel": "x"}"#, 400, r#""field":"titel""#),
        ("/admin/v1/apps", r#"{"title": 7}"#, 400, r#""field":"title""#),
        ("/admin/v1/apps/77/users", r#"{"login": "ann", "password": 5}"#, 400, r#""field":"password""#),
        ("/admin/v1/apps/77/users", r#"{"login": "taken", "password": "secret"}"#, 409, r#""field":"login""#),
        ("/admin/v1/apps/x/users", "{}", 404, "no such app"),
        ("/admin/v1/apps/0/users", "{}", 404, "no such app"),
        ("/admin/v1/apps/77", "{}", 405, "method"),
        ("/admin/v1/nothing", "{}", 404, "no such route"),
    ];
    for (path, body, status, text) in cases {
        let (answered, answer) = console.post(path, body).await;
        assert_eq!(answered, status, "{path} {body}: {answer}");
        check_json(&answer, &[r#"{"error":{"code":""#, text]);
    }
    let (status, answer) = console.post("/admin/v1/apps", &format!(r#"{{"title": "{}"}}"#, "x".repeat(64 * 1024))).await;
    assert_eq!(status, 413, "{answer}");
    check_json(&answer, &[r#""code":"too_large""#]);
    for path in ["/admin/v1/apps/99", "/admin/v1/apps/99999999999999999999", "/admin/v1/apps/%00", "/admin/v1/apps/77/users/%ff"]
    {
        let (status, answer) = console.get(path).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    console.stop().await;
}

#[tokio::test]
async fn what_the_account_service_says_becomes_a_status() {
    let cases = [
        (Code::Invalid, 422),
        (Code::Forbidden, 403),
        (Code::NotFound, 404),
        (Code::Exists, 409),
        (Code::TooMany, 429),
        (Code::Busy, 503),
        (Code::NotStored, 503),
        (Code::Unknown, 504),
        (Code::Conflict, 409),
    ];
    let console = Console::start().await;
    for (code, status) in cases {
        console.fake.lock().unwrap().fails = Some(Failure::of_field(code, "id", "says why"));
        let (answered, answer) = console.post("/admin/v1/apps", "{}").await;
        assert_eq!(answered, status, "{code:?}");
        check_json(&answer, &[r#""field":"id","text":"says why""#]);
    }
    console.stop().await;
}
