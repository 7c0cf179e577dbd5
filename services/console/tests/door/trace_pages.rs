//! The page where the way of a message is asked for, and the page of one.

use crate::console::Console;
use crate::pages::with_app;

const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 1_700_000_000_000;

#[tokio::test]
async fn the_way_of_a_message_and_its_alerts_are_one_line_of_time_in_words() {
    let console = with_app("Shop").await;
    let (head, body) = console.page(&format!("/console/apps/77/messages/{}", "07".repeat(12))).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    let parts = [
        "For 3 members: there is no device to alert.",
        "To be alerted: no session of the user is open.",
        "To device 17 (web), attempt 1. The provider took it.",
        r#"<span class="badge ok">accepted</span>"#,
        "line 1",
        "+123 ms",
        "It is number 5 of its dialog.",
        "The live sessions of 3 members were told.",
        "It was written to a session.",
        "session <code>r1</code> at <code>edge-1</code>",
    ];
    let line = body.split(r#"id="way""#).nth(1).unwrap();
    let mut places: Vec<usize> =
        parts.iter().map(|part| line.find(part).unwrap_or_else(|| panic!("no {part} in {line}"))).collect();
    // The word of the answer stands before its sentence.
    places.swap(2, 3);
    assert!(places.is_sorted(), "{places:?} in {line}");
    for part in [
        r#"<a href="/console/apps/77/users/34">User 34</a>"#,
        r#"<a href="/console/apps/77/users/78">User 78</a>"#,
        r#"datetime="2023-11-14 22:13:20.123Z""#,
        &"08".repeat(12),
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("Nothing is known"), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn where_nothing_is_kept_the_page_says_why_and_what_to_do() {
    let console = with_app("Shop").await;
    let other = format!("/console/apps/77/messages/{}", "09".repeat(12));
    let (head, body) = console.page(&other).await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    for part in [
        "Nothing is known of this message",
        "One message of 100 leaves a trace (trace.one_in).",
        "kept for 24 hours",
        r##"<a href="/console/apps/77/trace#kept">Follow every message of this app</a>"##,
        r#"<a href="/console/apps/77/trace">enter both</a>"#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    let (head, body) = console.page(&format!("{other}?dialog={}&seq=0", "08".repeat(12))).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("Only its alerts are known"), "{head}\n{body}");
    assert!(body.contains("For 3 members: there is no device to alert."), "{body}");

    console.form("/console/apps/77/trace", "hours=2").await;
    let (_, body) = console.page(&other).await;
    assert!(body.contains("Every message of this app leaves a trace until") && !body.contains("One message of"), "{body}");
    for path in ["messages/x", "messages/070707070707070707070707?dialog=x&seq=1", "messages/070707070707070707070707?seq=1"] {
        let (head, body) = console.page(&format!("/console/apps/77/{path}")).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("<h1>Not possible</h1>"), "{path}: {head}\n{body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_leads_to_a_message_or_to_what_a_user_has_not_read() {
    let console = with_app("Shop").await;
    let (message, dialog) = ("07".repeat(12), "08".repeat(12));
    for (query, path) in [
        (format!("message=+{message}+&dialog=&seq="), format!("messages/{message}")),
        (format!("message={message}&dialog={dialog}&seq=5"), format!("messages/{message}?dialog={dialog}&seq=5")),
        (format!("message={message}&dialog={dialog}&seq="), format!("messages/{message}?dialog={dialog}&seq=0")),
        (format!("message=&dialog={dialog}&seq=5"), format!("messages/{message}?dialog={dialog}&seq=5")),
        ("user=5".to_owned(), "users/5/unread".to_owned()),
    ] {
        let (head, body) = console.page(&format!("/console/apps/77/trace?{query}")).await;
        assert!(head.contains(&format!("location: /console/apps/77/{path}\r\n")), "{query}: {head}\n{body}");
    }
    for (query, field, words) in [
        ("message=x".to_owned(), "message", "Message id is not the id of a message."),
        ("dialog=x&seq=5".to_owned(), "dialog", "Dialog id is not the id of a dialog."),
        (format!("dialog={dialog}&seq=x"), "seq", "Number in the dialog must be a whole number."),
        (format!("dialog={dialog}"), "seq", "Number in the dialog is needed where there is no id of a message."),
        (format!("dialog={dialog}&seq=6"), "seq", "Number in the dialog names no message that left a trace."),
        ("seq=5".to_owned(), "dialog", "Dialog id is needed beside a number."),
        ("user=x".to_owned(), "user", "User id must be the id of a user."),
        ("user=6".to_owned(), "user", "User id is nobody&#39;s of this app."),
    ] {
        let (head, body) = console.page(&format!("/console/apps/77/trace?{query}")).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words), "{query}: {head}\n{body}");
        assert!(body.contains(&format!(r#"<p class="error" id="{field}-error">"#)), "{query}: {body}");
        assert_eq!(body.matches(r#"id="trouble""#).count(), 1, "{query}: {body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn every_message_of_an_app_is_followed_for_some_hours_and_no_longer() {
    let console = with_app("Shop").await;
    let (_, body) = console.page("/console/apps/77/trace").await;
    assert!(body.contains("One message of 100 leaves a trace") && !body.contains("/trace/off"), "{body}");
    let (head, _) = console.form("/console/apps/77/trace", "hours=2").await;
    assert!(head.contains("location: /console/apps/77/trace?done=trace-on"), "{head}");
    let until = console.asked().switches[0].until - START_MS;
    assert!((2 * HOUR_MS..3 * HOUR_MS).contains(&until), "{until}");
    let (_, body) = console.page("/console/apps/77/trace?done=trace-on").await;
    for part in
        ["From now on every message of this app leaves a trace.", "every message</span> of this app, until", "2023-11-15 00:"]
    {
        assert!(body.contains(part), "no {part} in {body}");
    }
    for (hours, words) in
        [("169", "Hours at most 168."), ("", "Hours must be at least 1."), ("x", "Hours must be a whole number.")]
    {
        let (head, body) = console.form("/console/apps/77/trace", &format!("hours={hours}")).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words), "{hours}: {head}\n{body}");
    }
    assert_eq!(console.asked().switches.len(), 1);
    let (head, _) = console.form("/console/apps/77/trace/off", "").await;
    assert!(head.contains("location: /console/apps/77/trace?done=trace-off"), "{head}");
    assert_eq!(console.asked().switches[1].until, 0);
    let log: Vec<String> = console.asked().staff.entries.iter().map(|entry| entry.action.clone()).collect();
    assert_eq!(log.iter().filter(|action| *action == "trace.switch").count(), 5, "{log:?}");
    console.stop().await;
}

#[tokio::test]
async fn an_app_that_is_not_there_has_no_ways() {
    let console = Console::start().await;
    for path in ["trace", "trace?user=5", "messages/070707070707070707070707"] {
        let (head, body) = console.page(&format!("/console/apps/78/{path}")).await;
        assert!(head.starts_with("HTTP/1.1 404 ") && body.contains("<h1>Not found</h1>"), "{path}: {head}\n{body}");
    }
    console.stop().await;
}
