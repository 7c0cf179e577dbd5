//! Dialogs at the door: found, shown, frozen, and what was said in them only for who has said why.

use natter_proto::Code;
use natter_proto::Failure;
use natter_proto::dialog::v1::DialogKind;
use serde_json::Value;

use crate::console::{Console, check_json};
use crate::guard::{Signed, prepare, sent, staff};
use crate::pages::with_app;

const DIALOG: &str = "/admin/v1/apps/77/dialogs/010101010101010101010101";
const MINUTE: i64 = 60 * 1_000;

#[tokio::test]
async fn dialogs_are_searched_and_shown_without_a_word_of_what_is_said() {
    let console = Console::start().await;
    prepare(&console).await;
    let query = "name=%20ver%20&type=group&member=5&after=020202020202020202020202&limit=1000";
    let (status, body) = console.get(&format!("/admin/v1/apps/77/dialogs?{query}")).await;
    assert_eq!(status, 200, "{body}");
    let two = r#""type":"private","name":null,"owner":5,"users":[5,34],"members":2,"frozen":true"#;
    check_json(
        &body,
        &[r#""id":"010101010101010101010101","type":"group","name":"Verona <b>""#, two, r#""next":"030303030303030303030303""#],
    );
    let asked = console.pushed.asked().searches.remove(0);
    assert_eq!((asked.name.as_str(), asked.kind(), asked.member, asked.limit), ("ver", DialogKind::Group, 5, 200));
    assert_eq!((asked.app, asked.after), (77, vec![2; 12]));
    for (query, field) in [("type=x", "type"), ("after=x", "after"), ("member=x", "query"), ("q=x", "query")] {
        let (status, body) = console.get(&format!("/admin/v1/apps/77/dialogs?{query}")).await;
        assert_eq!((status, body.contains(&format!(r#""field":"{field}""#))), (400, true), "{query}: {body}");
    }
    let (_, body) = console.get(DIALOG).await;
    check_json(&body, &[r#""name":"Verona","owner":5"#, r#""messages":9,"newest_at":"2023-11-14T22:13:20Z""#]);
    let (_, body) = console.get(&format!("{DIALOG}/members")).await;
    assert_eq!(body, r#"{"members":[{"user":5,"role":"owner"},{"user":34,"role":"member"}],"next":34}"#);
    let (_, body) = console.get(&format!("{DIALOG}/members?after=34")).await;
    assert_eq!(body, r#"{"members":[{"user":78,"role":"member"}],"next":null}"#);
    assert_eq!(console.get("/admin/v1/apps/77/dialogs/x").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn a_dialog_is_frozen_and_unfrozen() {
    let console = Console::start().await;
    prepare(&console).await;
    for (call, frozen) in [("freeze", true), ("unfreeze", false)] {
        let (status, body) = console.post(&format!("{DIALOG}/{call}"), "").await;
        assert_eq!((status, body.contains(&format!(r#""frozen":{frozen}"#))), (200, true), "{body}");
        let asked = console.pushed.asked().freezes.remove(0);
        assert_eq!((asked.app, asked.dialog, asked.frozen), (77, vec![1; 12], frozen));
    }
    assert_eq!(console.post("/admin/v1/apps/77/dialogs/090909090909090909090909/freeze", "").await.0, 404);
    console.stop().await;
}

#[tokio::test]
async fn what_was_said_is_read_by_who_said_why_there_and_for_a_quarter_of_an_hour() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    let [_, moderator, operator, ..] = &callers[..] else { panic!("staff") };
    let open = async |caller: &Signed, body: &str| {
        sent(&console, "POST", &format!("{DIALOG}/open"), caller, "application/json", body).await
    };
    let read = async |caller: &Signed, path: &str, query: &str| {
        sent(&console, "GET", &format!("{path}/messages?{query}"), caller, "application/json", "").await
    };
    for body in ["{}", r#"{"reason":" x "}"#, r#"{"reason":7}"#, &format!(r#"{{"reason":"{}"}}"#, "x".repeat(201))] {
        let (status, answer) = open(moderator, body).await;
        assert_eq!((status, answer.contains(r#""field":"reason""#)), (400, true), "{body}: {answer}");
    }
    assert!(console.asked().staff.entries.iter().all(|entry| entry.action != "dialog.opened"));
    let (status, answer) = open(moderator, r#"{"reason":"reported for threats"}"#).await;
    assert_eq!(status, 201, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["until"], "2023-11-14T22:28:20Z");
    let glass = answer["glass"].as_str().unwrap().to_owned();
    let entry = console.asked().staff.entries.iter().find(|entry| entry.action == "dialog.opened").cloned().unwrap();
    assert_eq!((entry.note.as_str(), entry.operator.as_str(), entry.app), ("reported for threats", "moderator", 77));
    assert_eq!((entry.target.as_str(), entry.status), ("010101010101010101010101", 201));

    let (status, body) = read(moderator, DIALOG, &format!("glass={glass}&limit=4")).await;
    assert_eq!(status, 200, "{body}");
    check_json(&body, &[r#""seq":9,"#, r#""body":"s3cret <9>""#, r#""removed":true,"body":null"#, r#""next":5"#]);
    let page: Value = serde_json::from_str(&body).unwrap();
    let seqs =
        |page: &Value| page["messages"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(seqs(&page), [9, 8, 7, 6]);
    let (_, body) = read(moderator, DIALOG, &format!("glass={glass}&limit=9&upto=5")).await;
    let page: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((seqs(&page), &page["next"]), (vec![5, 4, 3, 2, 1], &Value::Null));

    let other = DIALOG.replace("0101", "0202");
    let other_app = DIALOG.replace("77", "78");
    let unknown = "ee".repeat(16);
    let of_guard = console.asked().staff.entries.iter().find(|entry| entry.action == "dialog.open").cloned().unwrap();
    let of_guard: String = of_guard.id.iter().map(|byte| format!("{byte:02x}")).collect();
    for (what, caller, path, glass) in [
        ("another's", operator, DIALOG, &glass),
        ("of another dialog", moderator, other.as_str(), &glass),
        ("of another app", moderator, other_app.as_str(), &glass),
        ("none", moderator, DIALOG, &unknown),
        ("of another entry", moderator, DIALOG, &of_guard),
    ] {
        let (status, body) = read(caller, path, &format!("glass={glass}")).await;
        assert_eq!((status, body.contains("s3cret"), body.contains(r#""field":"glass""#)), (403, false, true), "{what}: {body}");
    }
    for glass in ["", "x", "0"] {
        assert_eq!(read(moderator, DIALOG, &format!("glass={glass}")).await.0, 400);
    }
    for (age, status) in [(14 * MINUTE, 200), (15 * MINUTE, 403)] {
        {
            let mut asked = console.asked();
            let entry = asked.staff.entries.iter_mut().find(|entry| entry.action == "dialog.opened").unwrap();
            entry.at = 1_700_000_000_000 - age;
        }
        assert_eq!(read(moderator, DIALOG, &format!("glass={glass}")).await.0, status, "{age}");
    }
    console.stop().await;
}

#[tokio::test]
async fn a_reason_that_is_not_in_the_log_opens_nothing() {
    let console = Console::start().await;
    prepare(&console).await;
    console.asked().staff.log_fails = Some(Failure::new(Code::NotStored, "the disk is full"));
    let (status, body) = console.post(&format!("{DIALOG}/open"), r#"{"reason":"because"}"#).await;
    assert_eq!((status, body.contains("glass\":")), (503, false), "{body}");
    console.stop().await;
}

#[tokio::test]
async fn the_pages_lead_from_a_dialog_to_what_was_said_only_by_a_reason() {
    let console = with_app("Shop").await;
    let dialog = "/console/apps/77/dialogs/010101010101010101010101";
    let (_, list) = console.page("/console/apps/77/dialogs?q=ver&type=group").await;
    assert!(list.contains("Verona &#60;b&#62;") && list.contains("Users 5 and 34") && list.contains("frozen"), "{list}");
    assert!(list.contains(r#"value="030303030303030303030303""#) && list.contains("<option selected>group</option>"), "{list}");
    let (head, _) = console.page("/console/apps/77/dialogs?q=010101010101010101010101").await;
    assert!(head.contains(&format!("location: {dialog}\r\n")), "{head}");
    let (head, body) = console.page("/console/apps/77/dialogs?member=x").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("Refused: "), "{head}");
    let (_, one) = console.page(dialog).await;
    assert!(one.contains("owner") && one.contains("Freeze") && !one.contains("s3cret"), "{one}");
    for (call, done) in [("freeze", "frozen"), ("unfreeze", "unfrozen")] {
        let (head, _) = console.form(&format!("{dialog}/{call}"), "").await;
        assert!(head.contains(&format!("location: {dialog}?done={done}")), "{head}");
    }
    let (head, _) = console.page(&format!("{dialog}/messages")).await;
    assert!(head.contains(&format!("location: {dialog}/open?upto=\r\n")), "{head}");
    let (head, body) = console.form(&format!("{dialog}/open"), "reason=&upto=6").await;
    assert!(
        head.starts_with("HTTP/1.1 400 ") && body.contains(r#"name="upto" value="6""#) && !body.contains("s3cret"),
        "{head}\n{body}"
    );
    let (head, _) = console.form(&format!("{dialog}/open"), "reason=because&upto=6").await;
    let leads = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned();
    assert!(leads.starts_with(&format!("{dialog}/messages?glass=")) && leads.ends_with("&upto=6"), "{leads}");
    let (_, said) = console.page(&leads).await;
    assert!(said.contains("s3cret &#60;6&#62;") && !said.contains("&#60;7&#62;") && said.contains("Newest messages"), "{said}");
    console.stop().await;
}
