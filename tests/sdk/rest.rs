//! Sessions, users, dialogs, history and unread counts through the SDK's REST calls.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Person, Stage};

async fn a_session_can_be_opened_upgraded_and_ended(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    let session = sdk.call("getSession", json!([])).await?;
    assert_eq!(session["user_id"], stage.ann.id, "{session}");
    sdk.call("logout", json!([])).await?;
    let user = sdk.call("login", json!([{"login": "bob", "password": PASSWORD}])).await?;
    assert_eq!(user["id"].as_u64().or(user["user"]["id"].as_u64()), Some(stage.bob.id), "{user}");
    sdk.call("destroySession", json!([])).await?;
    let error = sdk.call("createSession", json!([{"login": "ann", "password": "wrong"}])).await.unwrap_err().to_string();
    assert!(error.contains("401"), "{error}");
    let error = sdk.call("createSession", json!([{"login": "nobody", "password": PASSWORD}])).await.unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    Ok(())
}

async fn a_user_can_be_changed_and_deleted(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    let changed = sdk.call("users.update", json!([{"full_name": "Ann of Verona", "custom_data": "{\"a\":1}"}])).await?;
    assert_eq!(changed["user"]["full_name"], "Ann of Verona", "{changed}");
    let error = sdk.call("users.signup", json!([{"login": "bob", "password": PASSWORD}])).await.unwrap_err().to_string();
    assert!(error.contains("has already been taken"), "{error}");
    sdk.call("users.update", json!([{"password": "better horse", "old_password": PASSWORD}])).await?;
    sdk.call("createSession", json!([{"login": "ann", "password": "better horse"}])).await?;
    sdk.call("users.delete", json!([])).await?;
    let gone = stage.bob.sdk.call("users.get", json!([stage.ann.id])).await.unwrap_err().to_string();
    assert!(gone.contains("404"), "{gone}");
    Ok(())
}

async fn a_private_dialog_is_the_same_for_both_and_can_be_filtered(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    assert_eq!(bob.dialog_with(ann.id).await?["_id"], dialog);
    let listed = ann.sdk.call("chat.dialog.list", json!([{"_id": dialog, "type": 3, "limit": 5, "skip": 0}])).await?;
    assert_eq!(listed["items"][0]["name"], "The bob", "{listed}");
    assert_eq!(listed["items"][0]["occupants_ids"], json!([ann.id, bob.id]));
    let later = ann.sdk.call("chat.dialog.list", json!([{"updated_at[gt]": 4_000_000_000_u64}])).await?;
    assert_eq!(later["items"], json!([]));
    let since = ann.sdk.call("chat.dialog.list", json!([{"updated_at": {"gt": 1_000_000_000}}])).await?;
    assert_eq!(since["items"][0]["_id"], dialog);
    Ok(())
}

async fn a_deleted_dialog_comes_back_with_the_next_message_only(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    bob.send(ann.id, dialog, "old").await?;
    ann.sdk.event("onMessageListener").await?;
    ann.sdk.call("chat.dialog.delete", json!([dialog])).await?;
    assert_eq!(ann.sdk.call("chat.dialog.list", json!([{}])).await?["items"], json!([]));
    bob.send(ann.id, dialog, "new").await?;
    ann.sdk.event("onMessageListener").await?;
    assert_eq!(ann.sdk.call("chat.dialog.list", json!([{}])).await?["items"][0]["_id"], dialog);
    assert_eq!(ann.bodies(dialog).await?, ["new"]);
    assert_eq!(bob.bodies(dialog).await?, ["old", "new"]);
    Ok(())
}

async fn history_pages_filters_and_marks(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    let mut ids = Vec::new();
    for n in 1..=5 {
        ids.push(ann.send(bob.id, dialog, &format!("m{n}")).await?);
        bob.sdk.event("onMessageListener").await?;
    }
    let list = async |filter: Value| -> Result<Vec<String>> {
        let mut query = json!({"chat_dialog_id": dialog, "mark_as_read": 0});
        query.as_object_mut().context("an object")?.extend(filter.as_object().context("an object")?.clone());
        let list = bob.sdk.call("chat.message.list", json!([query])).await?;
        Ok(list["items"]
            .as_array()
            .context("items")?
            .iter()
            .map(|item| item["message"].as_str().unwrap_or("").to_owned())
            .collect())
    };
    assert_eq!(list(json!({"sort_desc": "date_sent", "limit": 2})).await?, ["m5", "m4"]);
    assert_eq!(list(json!({"sort_asc": "date_sent", "skip": 3})).await?, ["m4", "m5"]);
    assert_eq!(list(json!({"date_sent": {"gt": 4_000_000_000_u64}})).await?, [""; 0]);
    assert_eq!(list(json!({"date_sent": {"lt": 4_000_000_000_u64}, "limit": 1})).await?, ["m1"]);
    assert_eq!(bob.unread(dialog).await?, (5, 5));
    bob.sdk.call("chat.message.update", json!([ids[0], {"chat_dialog_id": dialog, "read": 1}])).await?;
    assert_eq!(bob.unread(dialog).await?, (4, 4));
    bob.sdk.call("chat.message.list", json!([{"chat_dialog_id": dialog, "limit": 2}])).await?;
    assert_eq!(bob.unread(dialog).await?, (3, 3), "listing marks what it returned");
    let aliases = bob.sdk.call("chat.message.unreadCount", json!([{"dialogs_ids": [dialog]}])).await?;
    assert_eq!((&aliases[dialog], &aliases["total"]), (&json!(3), &json!(3)));
    bob.sdk.call("chat.message.update", json!(["", {"chat_dialog_id": dialog, "read": 1}])).await?;
    assert_eq!(bob.unread(dialog).await?, (0, 0));
    Ok(())
}

async fn messages_are_made_edited_and_deleted_by_rest(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    let make = json!([{"chat_dialog_id": dialog, "message": "by rest", "custom": "x", "send_to_chat": 1}]);
    let made = ann.sdk.call("chat.message.create", make).await?;
    let id = made["_id"].as_str().context("_id")?;
    assert_eq!(
        (&made["message"], &made["custom"], &made["sender_id"]),
        (&json!("by rest"), &json!("x"), &json!(ann.id)),
        "{made}"
    );
    assert_eq!(bob.sdk.event("onMessageListener").await?[1]["id"], id);
    ann.sdk.call("chat.message.update", json!([id, {"chat_dialog_id": dialog, "message": "edited"}])).await?;
    assert_eq!(bob.bodies(dialog).await?, ["edited"]);
    bob.sdk.call("chat.message.delete", json!([id])).await?;
    assert_eq!((bob.bodies(dialog).await?.len(), ann.bodies(dialog).await?.len()), (0, 1), "hidden for one");
    let refused = bob.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    assert!(refused.to_string().contains("WrongPermissions"), "{refused}");
    ann.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    assert_eq!(ann.bodies(dialog).await?.len(), 0);
    Ok(())
}

async fn a_message_deleted_by_rest_is_gone_from_the_other_screen(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let id = stage.ann.send(stage.bob.id, &stage.dialog, "by mistake").await?;
    stage.bob.sdk.event("onMessageListener").await?;
    stage.ann.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    assert_eq!(stage.bob.sdk.event("onMessageDeleteListener").await?[0], id.as_str());
    Ok(())
}

async fn another_app_sees_nothing(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.ann.send(stage.bob.id, &stage.dialog, "secret").await?;
    stage.natter.shell(&["app", "create", "--id", "77"])?;
    let config = stage.config_of(77)?;
    let eve = Person::sign_up(build, &config, "ann", json!({})).await?;
    let error = eve.bodies(&stage.dialog).await.unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    let error = eve.sdk.call("users.get", json!([stage.bob.id])).await.unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    Ok(())
}

for_each_build!(
    a_session_can_be_opened_upgraded_and_ended,
    a_user_can_be_changed_and_deleted,
    a_private_dialog_is_the_same_for_both_and_can_be_filtered,
    a_deleted_dialog_comes_back_with_the_next_message_only,
    history_pages_filters_and_marks,
    messages_are_made_edited_and_deleted_by_rest,
    a_message_deleted_by_rest_is_gone_from_the_other_screen,
    another_app_sees_nothing,
);
