//! `data`: reports of users and messages, and no other class (contract rest 8.2).
#![allow(clippy::unwrap_used)]

use serde_json::json;

use crate::client::{ANN, APP, BOB, Door, FORM, JSON};
use crate::fakes::ANN_ID;

const ONE: &str = "000000000000000000000001";
const TWO: &str = "000000000000000000000002";

#[tokio::test]
async fn a_report_is_filed_in_every_dialect() {
    let door = Door::open().await;
    let owner = json!({"access": "owner"});
    let record = |id: &str, user: serde_json::Value| {
        json!({
            "_id": id, "_parent_id": "", "user_id": ANN_ID, "created_at": 1_770_113_472, "updated_at": 1_770_113_472,
            "reportedUserId": user, "reason": "spam, again", "permissions": {"read": owner, "update": owner, "delete": owner},
        })
    };
    let filed = door.post("/data/UserReports.json", ANN, r#"{"reportedUserId":45,"reason":"spam, again"}"#).await;
    assert_eq!((filed.status, filed.json()), (201, record(ONE, json!(45))));
    let filed = door.ask("POST", "/data/UserReports", &[ANN, FORM], "reportedUserId=45&reason=spam%2C%20again").await;
    assert_eq!((filed.status, filed.json()), (201, record(TWO, json!("45"))));
    door.post("/data/UserReports", APP, "{}").await.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
}

#[tokio::test]
async fn several_are_filed_as_numbered_records_or_a_list() {
    let door = Door::open().await;
    for (kind, body) in [
        (JSON, r#"{"record":{"0":{"reason":"a"},"1":{"reason":"b"}}}"#),
        (JSON, r#"{"record":[{"reason":"a"},{"reason":"b"}]}"#),
        (FORM, "record[1][reason]=a&record[2][reason]=b"),
    ] {
        door.world.reports.lock().clear();
        let filed = door.ask("POST", "/data/MessageReports/multi.json", &[ANN, kind], body).await.json();
        assert_eq!(filed["class_name"], "MessageReports");
        assert_eq!((&filed["items"][0]["reason"], &filed["items"][1]["_id"]), (&json!("a"), &json!(TWO)), "{body}");
    }
    let nothing = door.post("/data/MessageReports/multi", ANN, r#"{"record":{}}"#).await;
    nothing.is(422, r#"{"errors":{"record":["is required"]}}"#);
}

#[tokio::test]
async fn a_user_sees_his_own_of_a_class() {
    let door = Door::open().await;
    door.post("/data/UserReports", ANN, r#"{"reason":"a"}"#).await;
    door.post("/data/MessageReports", ANN, r#"{"reason":"b"}"#).await;
    door.post("/data/UserReports", BOB, r#"{"reason":"c"}"#).await;
    let list = door.get("/data/UserReports.json?sort_asc=reason&limit=5&skip=0", ANN).await.json();
    assert_eq!((&list["class_name"], &list["skip"], &list["limit"]), (&json!("UserReports"), &json!(0), &json!(5)));
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["reason"]), (1, &json!("a")));
    let counted = door.get("/data/UserReports?count=1&reason[ne]=a", ANN).await;
    counted.is(200, r#"{"items":{"count":0}}"#);

    let both = door.get(&format!("/data/UserReports/{ONE},{TWO}.json"), ANN).await.json();
    assert_eq!((both["items"].as_array().unwrap().len(), &both["items"][0]["_id"]), (1, &json!(ONE)), "of this class");
    let who = door.get(&format!("/data/UserReports/{ONE}.json?permissions=1"), ANN).await.json();
    assert_eq!((&who["record_id"], &who["permissions"]["delete"]["access"]), (&json!(ONE), &json!("owner")));
    for path in [format!("/data/UserReports/{ONE}"), "/data/UserReports/x".to_owned(), "/data/UserReports/by_criteria".to_owned()]
    {
        door.get(&path, BOB).await.is(404, r#"{"errors":["The resource wasn't found"]}"#);
    }
}

#[tokio::test]
async fn his_own_are_changed_and_taken_back() {
    let door = Door::open().await;
    door.post("/data/UserReports", ANN, r#"{"reason":"a"}"#).await;
    let changed = door.put(&format!("/data/UserReports/{ONE}.json"), ANN, r#"{"reason":"b"}"#).await;
    assert_eq!((&changed.json()["reason"], &changed.json()["updated_at"]), (&json!("b"), &json!(1_770_113_477)));
    assert_eq!(door.put(&format!("/data/UserReports/{ONE}"), BOB, r#"{"reason":"b"}"#).await.status, 404);
    assert_eq!(door.put("/data/UserReports/by_criteria", ANN, "{}").await.status, 404);

    assert_eq!(door.delete(&format!("/data/UserReports/{ONE}"), BOB).await.status, 404);
    let gone = door.delete(&format!("/data/UserReports/{ONE},{TWO}.json"), ANN).await;
    let lists = format!(
        r#"{{"SuccessfullyDeleted":{{"ids":["{ONE}"]}},"NotFound":{{"ids":["{TWO}"]}},"WrongPermissions":{{"ids":[]}}}}"#
    );
    gone.is(200, &lists);
    assert_eq!(door.delete(&format!("/data/UserReports/{ONE}"), ANN).await.status, 404);
}

#[tokio::test]
async fn other_classes_are_not_offered() {
    let door = Door::open().await;
    for path in ["/data/Movie", "/data/userreports", "/data/Movie/multi"] {
        door.post(path, ANN, "{}").await.is(404, r#"{"errors":["not offered"]}"#);
    }
    assert_eq!(door.get("/data/Movie/by_criteria", ANN).await.status, 404);
}
