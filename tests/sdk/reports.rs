//! Reports of users and messages through the SDK's `data`.

use anyhow::Result;
use natter_tests::build::Build;
use serde_json::json;

use crate::stage::Stage;

async fn users_and_messages_are_reported(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    let filed =
        sdk.call("data.create", json!(["UserReports", {"reportedUserId": stage.bob.id, "reason": "spam & \"more\""}])).await?;
    assert_eq!((&filed["reason"], &filed["user_id"]), (&json!("spam & \"more\""), &json!(stage.ann.id)), "{filed}");
    let message = json!({"reportedMessageId": "65f000000000000000000001", "reason": "insult"});
    let insult = sdk.call("data.create", json!(["MessageReports", message])).await?;

    let list = sdk
        .call("data.list", json!(["UserReports", {"reason": "spam & \"more\"", "sort_desc": "created_at", "limit": 10}]))
        .await?;
    assert_eq!((&list["class_name"], list["items"].as_array().map(Vec::len)), (&json!("UserReports"), Some(1)), "{list}");
    assert_eq!(list["items"][0]["_id"], filed["_id"]);
    let others = stage.bob.sdk.call("data.list", json!(["MessageReports", {}])).await?;
    assert_eq!(others["items"], json!([]), "a report is not for him whom it is about");

    let changed = sdk.call("data.update", json!(["MessageReports", {"_id": insult["_id"], "reason": "threat"}])).await?;
    assert_eq!((&changed["reason"], &changed["_id"]), (&json!("threat"), &insult["_id"]), "{changed}");
    sdk.call("data.delete", json!(["UserReports", filed["_id"]])).await?;
    let list = sdk.call("data.list", json!(["UserReports", {}])).await?;
    assert_eq!(list["items"], json!([]));
    Ok(())
}

async fn other_classes_are_refused(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let refused = stage.ann.sdk.call("data.create", json!(["Movie", {"name": "Up"}])).await.unwrap_err();
    assert!(refused.to_string().contains("404"), "{refused}");
    Ok(())
}

for_each_build!(users_and_messages_are_reported, other_classes_are_refused);
