//! Routes about the ways of messages.
#![allow(clippy::unwrap_used)]

use crate::console::{Console, check_json};

#[tokio::test]
async fn the_way_of_a_message_is_shown_hop_by_hop() {
    let console = Console::start().await;
    console.post("/admin/v1/apps", r#"{"id": 77}"#).await;
    let (message, dialog) = ("07".repeat(12), "08".repeat(12));
    let path = format!("/admin/v1/apps/77/messages/{message}/trace");
    let (status, body) = console.get(&path).await;
    let expected = format!(
        concat!(
            r#"{{"trace":{{"message":"{}","dialog":"{}","seq":5,"hops":[{{"at":"2023-11-14T22:13:20.123Z","what":"told","#,
            r#""node":"edge-1","user":34,"resource":null,"users":3}},{{"at":"2023-11-14T22:13:20.123Z","what":"written","#,
            r#""node":"edge-1","user":34,"resource":"r1","users":null}}]}}}}"#
        ),
        message, dialog
    );
    let (left, right): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&body).unwrap(), serde_json::from_str(&expected).unwrap());
    assert_eq!((status, left), (200, right));
    let other = "09".repeat(12);
    let by_place = format!("/admin/v1/apps/77/messages/{other}/trace?dialog={dialog}&seq=5");
    assert_eq!(console.get(&by_place).await.0, 200);
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
    check_json(&body, &[r#""every_message":true"#, r#""until":"20"#]);
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
