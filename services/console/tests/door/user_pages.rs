//! Pages about the users of an app: the list, keeping one out, his devices, and why his badge is what it is.

use crate::guard::{answered, own, staff};
use crate::pages::with_app;

#[tokio::test]
async fn users_are_searched_page_by_page_and_an_id_leads_to_its_user() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/users").await;
    for part in [
        r#"<a href="/console/apps/77/users/5">ann</a>"#,
        "120 users, page 1 of 3",
        r#"<input type="hidden" name="page" value="2">"#,
        r#"<span class="badge ok">open</span>"#,
        "never",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("Page before"), "{body}");
    let (_, body) = console.page("/console/apps/77/users?q=a%26n&page=3").await;
    assert!(body.contains("page 3 of 3") && !body.contains("Next page") && body.contains(r#"value="2"><button"#), "{body}");
    assert!(body.contains(r#"<input type="hidden" name="q" value="a&#38;n">"#), "{body}");
    let page = console.asked().user_pages.pop().unwrap();
    assert_eq!((page.skip, page.limit, page.any[0].texts[0].as_str()), (100, 50, "a&n"));

    let (head, _) = console.page("/console/apps/77/users?q=+5+").await;
    assert!(head.contains("location: /console/apps/77/users/5\r\n"), "{head}");
    let (head, body) = console.page("/console/apps/77/users?q=nobody").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("No user of this app has “nobody”"), "{head}\n{body}");
    let (head, body) = console.page(&format!("/console/apps/77/users?q={}", "x".repeat(300))).await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("Search is too long.") && !body.contains("xxx"), "{head}\n{body}");
    console.stop().await;
}

#[tokio::test]
async fn a_user_is_banned_when_asked_twice_and_let_in_again() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/users/5").await;
    assert!(body.contains(">open</span>") && body.contains(r#"href="/console/apps/77/users/5/ban""#), "{body}");
    let (_, body) = console.page("/console/apps/77/users/5/ban").await;
    assert!(body.contains("<h1>Ban ann</h1>") && body.contains(r#"action="/console/apps/77/users/5/ban""#), "{body}");
    let (head, _) = console.form("/console/apps/77/users/5/ban", "").await;
    assert!(head.contains("location: /console/apps/77/users/5?done=banned"), "{head}");
    let (_, body) = console.page("/console/apps/77/users/5?done=banned").await;
    assert!(body.contains("The user was banned") && body.contains(">banned</span>") && !body.contains("5/ban\""), "{body}");
    let (head, _) = console.form("/console/apps/77/users/5/unban", "").await;
    assert!(head.contains("location: /console/apps/77/users/5?done=unbanned"), "{head}");
    assert!(console.page("/console/apps/77/users/5").await.1.contains(">open</span>"));
    for (method, path) in [("GET", "6/ban"), ("POST", "6/ban"), ("POST", "x/unban")] {
        let path = format!("/console/apps/77/users/{path}");
        let (head, _) = if method == "GET" { console.page(&path).await } else { console.form(&path, "").await };
        assert!(head.starts_with("HTTP/1.1 404 "), "{method} {path}: {head}");
    }
    let log: Vec<String> =
        console.asked().staff.entries.iter().map(|entry| format!("{} {}", entry.action, entry.target)).collect();
    assert!(log.contains(&"user.ban 5".to_owned()) && log.contains(&"user.unban 5".to_owned()), "{log:?}");
    console.stop().await;
}

#[tokio::test]
async fn devices_are_shown_without_their_tokens_and_ended_when_asked_twice() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/users/5/devices").await;
    for part in
        ["<h1>Devices of ann</h1>", "<code>gcm</code>", "android", "device-1", "production", ">rejected</span> gone", "End …"]
    {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("t0ken"), "{body}");
    let path = "/console/apps/77/users/5/devices/17/end";
    let (_, body) = console.page(path).await;
    assert!(body.contains("End device 17 of ann") && body.contains(&format!(r#"action="{path}""#)), "{body}");
    assert!(console.pushed.asked().ended.is_empty());
    let (head, _) = console.form(path, "").await;
    assert!(head.contains("location: /console/apps/77/users/5/devices?done=device-ended"), "{head}");
    let ended = console.pushed.asked().ended.pop().unwrap();
    assert_eq!((ended.app, ended.user, ended.id), (77, 5, 17));
    for path in ["5/devices/18/end", "5/devices/x/end"] {
        let path = format!("/console/apps/77/users/{path}");
        for head in [console.page(&path).await.0, console.form(&path, "").await.0] {
            assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
        }
    }
    assert!(console.page("/console/apps/77/users/6/devices").await.0.starts_with("HTTP/1.1 404 "));
    console.stop().await;
}

#[tokio::test]
async fn a_badge_is_explained_dialog_by_dialog_and_message_by_message() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/users/5/unread").await;
    let (group, public) = ("01".repeat(12), "02".repeat(12));
    for part in [
        "<strong>7</strong> unread messages",
        &format!(r#"<a href="/console/apps/77/users/5/unread?dialog={group}">Verona</a>"#),
        r#"<span class="badge warn">5</span>"#,
        "does not count",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains(&format!("?dialog={public}")), "what does not count leads nowhere: {body}");
    let (_, body) = console.page(&format!("/console/apps/77/users/5/unread?dialog={group}")).await;
    assert!(body.contains("up to number 4"), "{body}");
    for (seq, is_unread) in [(9, true), (8, true), (7, false), (6, false), (5, true), (4, false)] {
        let way = format!("/console/apps/77/messages/{}?dialog={group}&#38;seq={seq}\"", format!("{seq:02x}").repeat(12));
        assert_eq!(body.contains(&way), is_unread, "{way} in {body}");
    }
    assert!(!body.contains("s3cret"), "{body}");
    let (_, body) = console.page("/console/apps/77/users/5/unread?skip=9").await;
    assert!(body.contains("There are no more dialogs.") && body.contains("Newest dialogs"), "{body}");
    let (head, _) = console.page("/console/apps/77/users/5/unread?dialog=x").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    console.stop().await;
}

#[tokio::test]
async fn who_may_only_look_is_offered_nothing_else() {
    let console = with_app("Shop").await;
    let callers = staff(&console).await;
    let (user, devices, trace) = ("/console/apps/77/users/5", "/console/apps/77/users/5/devices", "/console/apps/77/trace");
    for (caller, moderates, changes) in [(0, false, false), (1, true, false), (2, true, true), (4, true, true)] {
        let page = async |path: &str| answered(&console, "GET", path, &own(&callers[caller])).await.1;
        let who = callers[caller].who;
        let (user, devices, trace) = (page(user).await, page(devices).await, page(trace).await);
        assert_eq!((user.contains("/ban\""), devices.contains("/17/end\"")), (moderates, moderates), "{who}: {user} {devices}");
        assert_eq!((user.contains("/erase\""), trace.contains("name=\"hours\"")), (changes, changes), "{who}: {trace}");
    }
    console.stop().await;
}
