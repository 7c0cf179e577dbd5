//! Routes about the ways of messages.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::console::{Console, check_json};

#[tokio::test]
async fn the_way_of_a_message_is_shown_hop_by_hop() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let (message, dialog) = ("07".repeat(12), "08".repeat(12));
    let path = format!("/admin/v1/apps/77/messages/{message}/trace");
    let (status, body) = console.get(&path).await;
    let read = |body: &str| serde_json::from_str::<Value>(body).unwrap();
    let hop = |what: &str, resource: Value, users: Value| json!({"at": "2023-11-14T22:13:20.123Z", "what": what, "node": "edge-1", "user": 34, "resource": resource, "users": users});
    let hops =
        [hop("ordered", json!(null), json!(null)), hop("told", json!(null), json!(3)), hop("written", json!("r1"), json!(null))];
    let at = "2023-11-14T22:13:20.000Z";
    let without =
        json!({"at": at, "dialog": "", "message": "", "sender": null, "user": null, "reason": "no subscription", "count": 3});
    let attempt = json!({"at": at, "dialog": "00".repeat(12), "message": message, "sender": 34, "user": 78, "reason": "offline",
        "subscription": 17, "channel": "web", "attempt": 1, "answer": "accepted", "remark": "line 1"});
    let trace =
        json!({"message": message, "dialog": dialog, "seq": 5, "hops": hops, "pushes": [without, attempt], "pushes_cut": false});
    assert_eq!((status, read(&body)), (200, json!({ "trace": trace })));
    let journals = console.pushed.asked().journals.clone();
    let asked = |journal: usize| (journals[journal].dialog.clone(), journals[journal].message.clone(), journals[journal].user);
    assert_eq!((asked(0), journals[0].before.len(), journals[0].limit), ((vec![8; 12], vec![7; 12], 0), 0, 500));
    assert_eq!((asked(1), &journals[1].before, journals.len()), (asked(0), &vec![0xab, 1], 2), "to its end");
    let other = "09".repeat(12);
    let by_place = format!("/admin/v1/apps/77/messages/{other}/trace?dialog={dialog}&seq=5");
    assert_eq!(read(&console.get(&by_place).await.1)["trace"]["message"], message.as_str(), "its own id");
    let without_trace = format!("/admin/v1/apps/77/messages/{other}/trace?dialog={dialog}&seq=0");
    let (status, body) = console.get(&without_trace).await;
    let trace = &read(&body)["trace"];
    assert_eq!((status, &trace["hops"], trace["pushes"].as_array().unwrap().len()), (200, &json!([]), 2), "{body}");
    for (path, status, part) in [
        (format!("/admin/v1/apps/77/messages/{other}/trace"), 404, "nothing is known"),
        (format!("/admin/v1/apps/78/messages/{message}/trace"), 404, "App not found"),
        ("/admin/v1/apps/77/messages/x/trace".to_owned(), 400, r#""field":"message""#),
        (format!("{path}?dialog=x&seq=5"), 400, r#""field":"dialog""#),
        (format!("{path}?dialog={dialog}"), 400, r#""field":"query""#),
        (format!("{path}?seq=-1&dialog={dialog}"), 400, r#""field":"query""#),
        (format!("{path}?sequence=1"), 400, r#""field":"query""#),
    ] {
        let (answered, body) = console.get(&path).await;
        assert_eq!((answered, body.contains(part)), (status, true), "{path}: {body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn an_app_is_traced_without_exception_for_some_hours() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let path = "/admin/v1/apps/77/trace";
    assert_eq!(console.get(path).await, (200, r#"{"trace":{"every_message":false,"until":null}}"#.into()));
    let (status, body) = console.put(path, r#"{"hours": 2}"#).await;
    check_json(&body, &[r#""every_message":true"#, r#""until":"2023-11-15T00:13:"#]);
    let (again, hours) = (console.get(path).await, console.asked().switches[0].until);
    assert_eq!((status, again), (200, (200, body)));
    console.put(path, "").await;
    let day = console.asked().switches[1].until - hours;
    assert!((22 * 3_600_000..22 * 3_600_000 + 600_000).contains(&day), "a day if nobody says so: {day}");
    for (body, field) in [(r#"{"hours": 169}"#, "hours"), (r#"{"hours": "x"}"#, "hours"), (r#"{"days": 1}"#, "days")] {
        let (status, answer) = console.put(path, body).await;
        assert_eq!((status, answer.contains(&format!(r#""field":"{field}""#))), (400, true), "{body}: {answer}");
    }
    assert_eq!(console.call("DELETE", path, "").await.0, 200);
    assert_eq!(console.asked().switches.len(), 3);
    assert_eq!(console.get(path).await.1, r#"{"trace":{"every_message":false,"until":null}}"#);
    console.stop().await;
}
