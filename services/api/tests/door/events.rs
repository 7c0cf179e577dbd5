//! `events`: what a user sends to devices himself, in every wire form (contract rest 7.2).
#![allow(clippy::unwrap_used)]

use natter_proto::push::v1::{Channel, Environment, Event};
use serde_json::{Value, json};

use crate::client::{ANN, APP, BOB, Door};
use crate::fakes::{ANN_ID, APP_ID};

/// As the documentation of the SDK has it: `message` is base64 of JSON.
const SAMPLE: &str = concat!(
    r#"{"event":{"notification_type":"push","user":{"ids":[21,12]},"environment":"development","event_type":"one_shot","#,
    r#""message":"eyJtZXNzYWdlIjoiaGkifQ=="}}"#,
);

#[tokio::test]
async fn an_event_is_queued_and_answered_once_per_channel_to_the_byte() {
    let door = Door::open().await;
    let one = |channel: &str| {
        format!(
            concat!(
                r#"{{"event":{{"id":312,"event_type":"one_shot","message":"eyJtZXNzYWdlIjoiaGkifQ==","date":null,"period":null,"#,
                r#""name":null,"occured_count":0,"created_at":"2023-11-14T22:13:20Z","updated_at":"2023-11-14T22:13:20Z","#,
                r#""end_date":null,"active":true,"application_id":{},"user_id":{},"kind":"API","environment":"development","#,
                r#""tag_query":null,"notification_channel":{{"name":"{}"}}}}}}"#
            ),
            APP_ID, ANN_ID, channel
        )
    };
    let all = format!("[{},{},{}]", one("apns"), one("gcm"), one("web"));
    door.post("/events", ANN, SAMPLE).await.is(201, &all);
    let made = door.world.events.lock()[0].clone();
    assert_eq!((made.app, made.user, made.users), (APP_ID, ANN_ID, vec![21, 12]));
    assert_eq!((made.environment, made.channel, made.at), (Environment::Development.into(), 0, 1_700_000_000_000));
    let typed = SAMPLE.replace("\"event_type\"", "\"push_type\":\"gcm\",\"event_type\"");
    door.post("/events.json", ANN, &typed).await.is(201, &format!("[{}]", one("gcm").replace("312", "313")));
    assert_eq!(door.world.events.lock()[1].channel(), Channel::Gcm);
}

#[tokio::test]
async fn recipients_are_named_by_ids_in_every_spelling_by_tags_or_by_ids_of_the_app() {
    let made = async |user: Value| {
        let door = Door::open().await;
        let mut event = json!({"environment": "production", "message": "hi"});
        event.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        let answer = door.post("/events", ANN, json!({ "event": event }).to_string()).await;
        assert_eq!(answer.status, 201, "{user}: {:?}", answer.json());
        let filters: Vec<String> = door
            .world
            .lists
            .lock()
            .iter()
            .map(|list| {
                let filters: Vec<String> = list
                    .filters
                    .iter()
                    .map(|one| format!("{} {:?} {:?}{:?}", one.field, one.op(), one.texts, one.numbers))
                    .collect();
                format!("{} from {}", filters.join(" and "), list.skip)
            })
            .collect();
        let users = door.world.events.lock()[0].users.clone();
        (users, filters)
    };
    for ids in [json!("21,12"), json!([21, 12]), json!(["21", "12"]), json!("21, 12")] {
        assert_eq!(made(json!({"user": {"ids": ids}})).await, (vec![21, 12], vec![]), "{ids}");
    }
    assert_eq!(made(json!({"user": {"ids": 21}})).await.0, [21]);
    let tags = json!({"user": {"tags": {"any": ["a", "b"], "all": "c,d", "exclude": "e"}}});
    let (users, asked) = made(tags).await;
    let filters = r#"user_tags In ["c"][] and user_tags In ["d"][] and user_tags In ["a", "b"][] and user_tags Nin ["e"][]"#;
    assert_eq!(asked, [0, 2, 4, 6].map(|skip| format!("{filters} from {skip}")), "page by page");
    assert_eq!(users.len(), 8);
    let (_, asked) = made(json!({"external_user": {"ids": "7,x"}})).await;
    assert_eq!(asked[0], r#"external_id In ["7", "x"][] from 0"#);
    assert_eq!(asked[4], "external_user_id In [][7] from 0");
}

#[tokio::test]
async fn an_event_of_a_date_waits_for_it() {
    let door = Door::open().await;
    let dated = SAMPLE.replace("\"one_shot\"", "\"fixed_date\",\"date\":4102444800,\"name\":\"later\"");
    let answer = door.post("/events", ANN, &dated).await.json();
    let event = &answer[0]["event"];
    assert_eq!((&event["event_type"], &event["date"]), (&json!("fixed_date"), &json!("2100-01-01T00:00:00Z")));
    assert_eq!((&event["name"], &event["active"]), (&json!("later"), &json!(true)));
    let made: Event = door.world.events.lock()[0].clone();
    assert_eq!((made.at, made.fixed_date), (4_102_444_800_000, true));
    let shown = door.get("/events/312/status", ANN).await.json();
    assert_eq!((&shown["event"]["active"], &shown["event"]["occured_count"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn what_is_no_event_is_refused_by_field() {
    let door = Door::open().await;
    let refused = async |change: Value, field: &str| {
        let mut event = json!({"environment": "production", "message": "hi", "user": {"ids": "1"}});
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = door.post("/events", ANN, json!({ "event": event }).to_string()).await;
        assert_eq!(answer.status, 422, "{change}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors.as_object().unwrap().keys().collect::<Vec<_>>(), [field], "{change}: {errors}");
    };
    refused(json!({"notification_type": "email"}), "notification_type").await;
    refused(json!({"environment": "test"}), "environment").await;
    refused(json!({"environment": null}), "environment").await;
    refused(json!({"push_type": "mpns"}), "push_type").await;
    refused(json!({"event_type": "period_date"}), "event_type").await;
    refused(json!({"event_type": "often"}), "event_type").await;
    refused(json!({"event_type": "fixed_date"}), "date").await;
    refused(json!({"event_type": "fixed_date", "date": "soon"}), "date").await;
    refused(json!({"user": {}}), "user").await;
    refused(json!({"user": {"ids": "a"}}), "user").await;
    refused(json!({"user": {"tags": {"any": vec!["x"; 101]}}}), "user").await;
    refused(json!({"message": ""}), "message").await;
    assert!(door.world.events.lock().is_empty());
    assert_eq!(door.post("/events", ANN, "{}").await.status, 422);
    door.post("/events", APP, SAMPLE).await.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
}

#[tokio::test]
async fn a_user_lists_sees_and_ends_his_own() {
    let door = Door::open().await;
    let empty = r#"{"current_page":1,"per_page":10,"total_entries":0,"items":[]}"#;
    door.get("/events", ANN).await.is(200, empty);
    for _ in 0..3 {
        door.post("/events", ANN, SAMPLE).await;
    }
    let page = door.get("/events.json?page=2&per_page=2", ANN).await.json();
    assert_eq!((&page["current_page"], &page["per_page"], &page["total_entries"]), (&json!(2), &json!(2), &json!(3)));
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["event"]["id"]), (1, &json!(312)));
    let one = door.get("/events/312", ANN).await;
    assert_eq!(one.json(), page["items"][0]);
    assert_eq!((&one.json()["event"]["active"], &one.json()["event"]["occured_count"]), (&json!(false), &json!(1)));
    assert_eq!(one.json()["event"]["notification_channel"], json!(null), "it goes by all");
    assert_eq!(door.get("/events/312/status", ANN).await.json(), one.json());
    door.get("/events", BOB).await.is(200, empty);
    let not_found = r#"{"errors":["The resource wasn't found"]}"#;
    for path in ["/events/312", "/events/312/status"] {
        door.get(path, BOB).await.is(404, not_found);
    }
    door.delete("/events/312", BOB).await.is(404, not_found);
    for id in ["x", "999", "1e1", "99999999999999999999"] {
        door.get(&format!("/events/{id}"), ANN).await.is(404, not_found);
        door.delete(&format!("/events/{id}"), ANN).await.is(404, not_found);
    }
    door.delete("/events/312.json", ANN).await.is(200, "");
    door.get("/events/312", ANN).await.is(404, not_found);
}
