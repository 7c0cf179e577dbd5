//! Reports at the door: shown with what they are about, closed by what is done, once.

use natter_proto::account::v1::{Report, ReportKind, ReportState, ReportVerdict};

use crate::console::check_json;
use crate::pages::with_app;

const USUAL: &str = "/admin/v1/apps/77/reports/070707070707070707070707";
const OTHER: &str = "/admin/v1/apps/77/reports/060606060606060606060606";

fn report(kind: ReportKind, fields: &str) -> Option<Report> {
    Some(Report { id: vec![6; 12], app: 77, kind: kind.into(), reporter: 34, fields: fields.into(), ..Report::default() })
}

const IN_ITS_PLACE: &str = r#"{"reportedMessageId":"080808080808080808080808","reason":"insult"}"#;

#[tokio::test]
async fn a_report_is_shown_with_what_it_is_about_and_without_its_words() {
    let console = with_app("Shop").await;
    let message = r#""message":{"id":"080808080808080808080808","dialog":"010101010101010101010101","seq":8,"sender":5,"#;
    for (kind, fields, expected) in [
        (ReportKind::Message, IN_ITS_PLACE, message),
        (ReportKind::Message, r#"{"messageId":"080808080808080808080808","dialogId":"010101010101010101010101"}"#, message),
        (ReportKind::Message, IN_ITS_PLACE, r#""user":{"id":5,"exists":true,"is_banned":false}"#),
        (ReportKind::Message, r#"{"reportedMessageId":"070707070707070707070707"}"#, r#""about":{"user":null,"message":null}"#),
        (ReportKind::Message, r#"{"reason":"x"}"#, r#""about":{"user":null,"message":null}"#),
        (ReportKind::User, r#"{"reportedUserId":5}"#, r#""about":{"user":{"id":5,"exists":true"#),
        (ReportKind::User, r#"{"reportedUserId":"5"}"#, r#""about":{"user":{"id":5,"exists":true"#),
        (ReportKind::User, r#"{"reportedUserId":6}"#, r#""about":{"user":{"id":6,"exists":false"#),
        (ReportKind::User, r#"{"reportedUserId":"x"}"#, r#""about":{"user":null,"message":null}"#),
    ] {
        console.asked().report = report(kind, fields);
        let (status, body) = console.get(OTHER).await;
        assert_eq!((status, body.contains("s3cret")), (200, false), "{body}");
        check_json(&body, &[expected, r#""closed":null"#]);
    }
    for path in ["/admin/v1/apps/77/reports/x", "/admin/v1/apps/77/reports/050505050505050505050505"] {
        let (status, body) = console.get(path).await;
        assert_eq!((status, body.contains("no such report")), (404, true), "{body}");
    }
    console.get("/admin/v1/apps/77/reports?state=open").await;
    assert_eq!(console.asked().report_pages.pop().unwrap().state(), ReportState::Open);
    console.stop().await;
}

#[tokio::test]
async fn what_is_done_closes_the_report_once_and_stands_in_the_log() {
    let console = with_app("Shop").await;
    console.asked().report = report(ReportKind::Message, IN_ITS_PLACE);
    for _ in 0..2 {
        let (status, body) = console.post(&format!("{OTHER}/remove-message"), "").await;
        assert_eq!(status, 200, "{body}");
        check_json(&body, &[r#""closed":{"verdict":"removed","by":"token","#]);
    }
    let removal = console.pushed.asked().removals.clone();
    assert_eq!(removal.len(), 1, "done once");
    assert_eq!((removal[0].by_operator, &removal[0].dialog, &removal[0].ids), (true, &vec![1; 12], &vec![vec![8; 12]]));
    for other in ["ban", "dismiss"] {
        let (status, body) = console.post(&format!("{OTHER}/{other}"), "").await;
        assert_eq!((status, body.contains("closed with another verdict")), (409, true), "{body}");
    }
    assert_eq!(console.asked().closed.len(), 1);

    console.asked().closed.clear();
    console.asked().report = report(ReportKind::User, r#"{"reportedUserId":5}"#);
    let (status, body) = console.post(&format!("{OTHER}/ban"), "").await;
    assert_eq!((status, body.contains(r#""verdict":"banned""#)), (200, true), "{body}");
    assert!(console.get("/admin/v1/apps/77/users/5").await.1.contains(r#""is_banned":true"#));
    let (status, body) = console.post(&format!("{USUAL}/dismiss"), "").await;
    assert_eq!((status, body.contains(r#""verdict":"dismissed""#)), (200, true), "{body}");

    let (_, log) = console.get("/admin/v1/apps/77/moderation-log").await;
    let actions: Vec<&str> = log.match_indices(r#""action":""#).map(|(at, _)| &log[at + 10..at + 22]).collect();
    assert_eq!(
        actions,
        ["report.dismi", "report.ban\",", "report.dismi", "report.ban\",", "report.remov", "report.remov"],
        "{log}"
    );
    assert!(!log.contains("127.0.0.1") && log.contains(r#""report":"060606060606060606060606","status":200"#), "{log}");
    assert_eq!(console.get("/admin/v1/apps/77/moderation-log?before=x").await.0, 400);
    console.stop().await;
}

#[tokio::test]
async fn what_is_gone_is_said_and_the_report_stays_open() {
    let console = with_app("Shop").await;
    for (kind, fields, call, words) in [
        (
            ReportKind::Message,
            r#"{"reportedMessageId":"090909090909090909090909"}"#,
            "remove-message",
            "the message is not there",
        ),
        (
            ReportKind::Message,
            r#"{"reportedMessageId":"070707070707070707070707"}"#,
            "remove-message",
            "the message is not there",
        ),
        (ReportKind::User, r#"{"reportedUserId":5}"#, "remove-message", "the message is not there"),
        (ReportKind::User, r#"{"reportedUserId":6}"#, "ban", "the user is not there"),
        (ReportKind::User, r#"{"reason":"x"}"#, "ban", "the user is not there"),
    ] {
        console.asked().report = report(kind, fields);
        let (status, body) = console.post(&format!("{OTHER}/{call}"), "").await;
        assert_eq!((status, body.contains(words)), (404, true), "{fields}: {body}");
    }
    assert!(console.asked().closed.is_empty());
    console.stop().await;
}

#[tokio::test]
async fn the_pages_show_reports_and_do_what_is_pressed() {
    let console = with_app("Shop").await;
    console.asked().report = report(ReportKind::Message, r#"{"reportedMessageId":"080808080808080808080808","reason":"<i>"}"#);
    let (_, list) = console.page("/console/apps/77/moderation").await;
    assert!(list.contains("spam") && list.contains("/moderation/070707070707070707070707"), "{list}");
    assert_eq!(console.asked().report_pages.pop().unwrap().state(), ReportState::Open);
    console.page("/console/apps/77/moderation?state=closed").await;
    assert_eq!(console.asked().report_pages.pop().unwrap().state(), ReportState::Closed);
    let one = "/console/apps/77/moderation/060606060606060606060606";
    let (_, page) = console.page(one).await;
    assert!(page.contains("&#60;i&#62;") && page.contains("/dialogs/010101010101010101010101/open?upto=18"), "{page}");
    assert!(page.contains("Remove the message for all") && page.contains("Ban user 5") && !page.contains("s3cret"), "{page}");
    let (head, _) = console.form(&format!("{one}/remove-message"), "").await;
    assert!(head.contains("location: /console/apps/77/moderation?done=report-removed"), "{head}");
    assert_eq!(console.asked().closed[0].verdict(), ReportVerdict::Removed);
    let (_, page) = console.page(one).await;
    assert!(page.contains("removed</span> by token") && !page.contains("Dismiss"), "{page}");
    let (_, log) = console.page("/console/apps/77/moderation-log").await;
    assert!(log.contains("removed the message") && log.contains(one), "{log}");
    console.stop().await;
}
