//! Who gets which page, and the pages where that is decided: signing in, operators.

use crate::console::Console;
use crate::guard::{Signed, answered, own, prepare, sent, staff};
use crate::pages::{FORM, with_app};

#[tokio::test]
async fn a_sign_in_leads_to_the_page_that_was_asked_for_and_a_sign_out_takes_it_away() {
    let console = with_app("Shop").await;
    let get = |path: &str, cookie: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n")
    };
    let (head, _) = console.exchange(&get("/console/apps/77", "")).await;
    assert!(head.contains("location: /console/sign-in?next=/console/apps/77"), "{head}");
    let (head, body) = console.exchange(&get("/console/sign-in?next=/console/apps/77", "")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains(r#"name="next" value="/console/apps/77""#), "{head}\n{body}");

    let post = |path: &str, cookie: &str, body: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {cookie}\r\n");
        let kind = "content-type: application/x-www-form-urlencoded";
        format!("{head}{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let (head, body) = console.exchange(&post("/console/sign-in", "", "name=admin&password=wrong&next=/console/apps/77")).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && !head.to_ascii_lowercase().contains("set-cookie"), "{head}");
    assert!(
        body.contains("Name or password is wrong.") && body.contains(r#"value="admin""#) && !body.contains("wrong&"),
        "{body}"
    );
    for (next, leads) in
        [("/console/apps/77", "/console/apps/77"), ("//evil.test", "/console/"), ("https://evil.test/console/", "/console/")]
    {
        let (head, _) = console.exchange(&post("/console/sign-in", "", &format!("name=admin&password=word&next={next}"))).await;
        assert!(head.starts_with("HTTP/1.1 303 ") && head.contains(&format!("location: {leads}\r\n")), "{next}: {head}");
    }
    let (head, _) = console.exchange(&post("/console/sign-in", "", "name=admin&password=word")).await;
    let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let (_, page) = console.exchange(&get("/console/apps/77", cookie)).await;
    let csrf = page.split(r#"name="csrf" value=""#).nth(1).unwrap().split('"').next().unwrap();
    assert!(csrf.len() > 10, "{page}");

    let (head, body) = console.exchange(&post("/console/apps/77/suspend", cookie, "csrf=wrong")).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && body.contains("<h1>Not allowed</h1>"), "{head}\n{body}");
    let (head, _) = console.exchange(&post("/console/apps/77/suspend", cookie, &format!("csrf={csrf}"))).await;
    assert!(head.contains("location: /console/apps/77?done=suspended"), "{head}");
    let (head, _) = console.exchange(&post("/console/sign-out", cookie, &format!("csrf={csrf}"))).await;
    assert!(head.contains("location: /console/sign-in?done=signed-out") && head.contains("Max-Age=0"), "{head}");
    let (head, _) = console.exchange(&get("/console/apps/77", cookie)).await;
    assert!(head.contains("location: /console/sign-in"), "the cookie still opens: {head}");
    console.stop().await;
}

/// Each page, and what each of the callers of `guard` is answered: as there.
const RIGHTS: &[(&str, &str, [u16; 6])] = &[
    ("GET", "/console/apps", [2, 2, 2, 2, 2, 2]),
    ("POST", "/console/apps", [3, 3, 2, 2, 3, 3]),
    ("GET", "/console/apps/new", [3, 3, 2, 2, 3, 3]),
    ("GET", "/console/apps/77", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/settings", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/settings", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/identity", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/suspend", [3, 3, 2, 2, 3, 4]),
    ("POST", "/console/apps/77/resume", [3, 3, 2, 2, 3, 4]),
    ("POST", "/console/apps/77/keys", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/keys/end-previous", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/delete", [3, 3, 3, 2, 3, 4]),
    ("POST", "/console/apps/77/delete", [3, 3, 3, 2, 3, 4]),
    ("GET", "/console/apps/77/erasure", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/sdk", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/alerts", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/alerts", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/alerts/journal", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/alerts/preview", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/alerts/test", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/alerts/test", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/push", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/push/fcm", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/push/fcm", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/push/vapid/remove", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/push/vapid/remove", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/try", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/try/remove", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/try/remove", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/new", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/contacts", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/data", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/export", [3, 3, 6, 6, 6, 4]),
    ("GET", "/console/apps/77/users/5/sessions", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/sessions/end", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/sessions/end", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/sessions/chat-00000000000000070000000000000003/end", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/sessions/chat-00000000000000070000000000000003/end", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/erase", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/erase", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/erasures/5", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/ban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/ban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/unban", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/devices", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/devices/17/end", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/users/5/devices/17/end", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/users/5/unread", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/dialogs", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/dialogs/010101010101010101010101", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/dialogs/010101010101010101010101/freeze", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/dialogs/010101010101010101010101/unfreeze", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/dialogs/010101010101010101010101/open", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/dialogs/010101010101010101010101/open", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/dialogs/010101010101010101010101/messages", [3, 6, 6, 6, 6, 4]),
    ("GET", "/console/apps/77/moderation", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/moderation-log", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/moderation/070707070707070707070707", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/moderation/070707070707070707070707/remove-message", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/moderation/070707070707070707070707/ban", [3, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/moderation/070707070707070707070707/dismiss", [3, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/trace", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/trace", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/trace/off", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/messages/070707070707070707070707", [2, 2, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/webhooks", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/webhooks/new", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/webhooks/5", [2, 2, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/apps/77/webhooks/5/delete", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/delete", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/drop", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/pause", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/ping", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/resend", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/resume", [3, 3, 2, 2, 2, 4]),
    ("POST", "/console/apps/77/webhooks/5/secret", [3, 3, 2, 2, 2, 4]),
    ("GET", "/console/audit", [3, 3, 3, 2, 2, 2]),
    ("GET", "/console/audit?app=77", [3, 3, 3, 2, 2, 4]),
    ("GET", "/console/operators", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/operators", [3, 3, 3, 2, 3, 3]),
    ("GET", "/console/new-operator", [3, 3, 3, 2, 3, 3]),
    ("GET", "/console/operators/viewer", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/operators/viewer", [3, 3, 3, 2, 3, 3]),
    ("GET", "/console/operators/viewer/remove", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/operators/viewer/remove", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/operators/viewer/password", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/operators/nobody/sign-out", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/password", [2, 2, 2, 2, 2, 2]),
    ("GET", "/console/sessions", [2, 2, 2, 2, 2, 2]),
    ("GET", "/console/sessions?all=true", [3, 3, 3, 2, 3, 3]),
    ("POST", "/console/sessions/00000000000000000000000000000000/end", [2, 2, 2, 2, 2, 2]),
    ("GET", "/console/system", [2, 2, 2, 2, 3, 3]),
    ("GET", "/console/system/bundle", [3, 3, 2, 2, 3, 3]),
    ("POST", "/console/system/log", [3, 3, 2, 2, 3, 3]),
    ("POST", "/console/system/limits", [3, 3, 2, 2, 3, 3]),
    ("GET", "/console/system/edges/e1/drain", [3, 3, 2, 2, 3, 3]),
    ("POST", "/console/system/edges/e1/drain", [3, 3, 2, 2, 3, 3]),
    ("POST", "/console/system/edges/e1/resume", [3, 3, 2, 2, 3, 3]),
];

#[tokio::test]
async fn each_page_is_for_whom_its_route_is_and_for_nobody_else() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for (method, path, answers) in RIGHTS {
        let route = format!("{method} {path}");
        for (caller, answer) in callers.iter().zip(answers) {
            prepare(&console).await;
            let who = caller.who;
            let entries = console.asked().staff.entries.len();
            if *method == "POST" {
                let (status, body) = answered(&console, method, path, &format!("cookie: {}\r\n", caller.cookie)).await;
                assert_eq!(
                    (status, body.contains("<h1>Not allowed</h1>")),
                    (403, true),
                    "{route} {who} without its page: {body}"
                );
            }
            assert_eq!(console.asked().staff.entries.len(), entries, "{route} {who}: what is refused changes nothing");
            let (status, body) = answered(&console, method, path, &own(caller)).await;
            match answer {
                2 | 6 => assert!(!matches!(status, 401 | 403) && status < 500, "{route} {who}: {status} {body}"),
                3 => assert!(status == 403 && body.contains("Your role does not allow this."), "{route} {who}: {status} {body}"),
                _ => assert!(status == 404 && body.contains("No such app."), "{route} {who}: {status} {body}"),
            }
            let is_signed_in = body.is_empty() || path.ends_with("bundle") || body.contains("Sign out");
            assert!(is_signed_in, "{route} {who}: the page does not say who is signed in: {body}");
            let logged = console.asked().staff.entries.len() - entries;
            let changes = *method == "POST" && !path.ends_with("/preview");
            assert_eq!(logged, usize::from(*answer == 2 && changes || *answer == 6), "{route} {who}: in the log");
        }
    }
    console.stop().await;
}

#[tokio::test]
async fn a_page_offers_and_shows_only_what_its_caller_may() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let page = async |caller: usize, path: &str| answered(&console, "GET", path, &own(&callers[caller])).await.1;
    for (caller, secret, suspends, new_app, operators) in [
        (0, false, false, false, false),
        (1, false, false, false, false),
        (2, true, true, true, false),
        (3, true, true, true, true),
        (4, true, false, false, false),
    ] {
        let (app, apps) = (page(caller, "/console/apps/77").await, page(caller, "/console/apps").await);
        let who = callers[caller].who;
        assert_eq!((app.contains("s3cret"), app.contains("/settings\"")), (secret, secret), "{who}: {app}");
        assert_eq!(app.contains("/suspend\""), suspends, "{who}: {app}");
        assert_eq!((apps.contains("New app"), apps.contains("/console/operators")), (new_app, operators), "{who}: {apps}");
        assert_eq!(apps.contains("/console/apps/78"), caller != 4, "{who}: {apps}");
    }
    // Who is limited to apps is not asked what only the house decides, and what he saves leaves it alone.
    assert!(!page(4, "/console/apps/77/settings").await.contains("Quotas"));
    let Signed { csrf, .. } = &callers[4];
    let (status, _) =
        sent(&console, "POST", "/console/apps/77/settings", &callers[4], FORM, &format!("title=T&csrf={csrf}&sessions=5")).await;
    let applied = console.asked().applied.pop().unwrap();
    assert_eq!((status, applied.title.as_deref(), applied.quotas, applied.chat_host), (303, Some("T"), None, None));
    console.stop().await;
}

#[tokio::test]
async fn operators_are_made_changed_and_removed_and_a_password_is_shown_once() {
    let console = Console::start().await;
    for (entered, words) in [
        ("name=ann&role=god&apps=all", "Role has to be chosen."),
        ("name=ann&role=viewer&apps=", "Apps must be all, or ids of apps."),
        ("name=ann&role=viewer&apps=7+x", "Apps must be all, or ids of apps."),
    ] {
        let (head, body) = console.form("/console/operators", entered).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words), "{entered}: {head}\n{body}");
    }
    assert_eq!(console.asked().staff.operators.len(), 1, "nobody was made");
    let (head, body) = console.form("/console/operators", "name=ann&role=moderator&apps=77,+78").await;
    assert!(head.starts_with("HTTP/1.1 201 ") && body.contains("abcde-fghij"), "{head}\n{body}");
    for path in ["/console/operators", "/console/operators/ann"] {
        let (_, body) = console.page(path).await;
        assert!(body.contains("77 78") && body.contains("moderator") && !body.contains("abcde-fghij"), "{path}: {body}");
    }
    let (head, _) = console.form("/console/operators/ann", "role=owner&apps=all").await;
    assert!(head.contains("location: /console/operators/ann?done=granted"), "{head}");
    let ann = console.asked().staff.operators.iter().find(|one| one.name == "ann").cloned().unwrap();
    assert_eq!((ann.role(), ann.limited), (natter_proto::account::v1::OperatorRole::Owner, false));
    assert!(console.form("/console/operators/ann/password", "").await.1.contains("abcde-fghij"));
    assert!(console.form("/console/operators/ann/remove", "name=an").await.1.contains("is not the name of this operator"));
    assert!(
        console.form("/console/operators/ann/remove", "name=ann").await.0.contains("location: /console/operators?done=removed")
    );
    assert_eq!(console.page("/console/operators/ann").await.0.split(' ').nth(1), Some("404"));
    let (_, log) = console.page("/console/audit?operator=&app=").await;
    assert!(log.contains("operator.create") && log.contains("operator.remove") && log.contains("refused, 400"), "{log}");
    assert!(!log.contains("abcde-fghij"), "{log}");
    console.stop().await;
}
