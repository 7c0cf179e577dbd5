//! Privacy lists: Ann keeps Bob out, as the guide's snippets do it, and lets him in again.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{Person, Stage};

async fn privacy_lists_are_made_read_changed_and_deleted(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    assert_eq!(names(ann).await?, (Value::Null, BTreeSet::new()));
    create(ann, json!([{"user_id": bob.id, "action": "deny"}])).await?;
    assert_eq!(names(ann).await?, (Value::Null, blocks()));
    assert_eq!(items(ann).await?, [(bob.id, "deny".into())]);
    set_default(ann, json!("blocks")).await?;
    assert_eq!(names(ann).await?, (json!("blocks"), blocks()));

    // The demo user of the first start.
    let update = json!([{"name": "blocks", "items": [{"user_id": 1, "action": "deny"}]}]);
    ann.sdk.call("chat.privacylist.update", update).await?;
    assert_eq!(items(ann).await?, [(1, "deny".into()), (bob.id, "deny".into())]);
    // Of a list that nobody made old builds make an empty one; what counts is that none of them breaks.
    let _ = ann.sdk.call("chat.privacylist.getList", json!(["nothing"])).await;
    assert!(ann.sdk.call("chat.privacylist.setAsDefault", json!(["nothing"])).await.is_err());
    assert_eq!(names(ann).await?, (json!("blocks"), blocks()), "as before");

    set_default(ann, Value::Null).await?;
    assert_eq!(names(ann).await?, (Value::Null, blocks()));
    set_default(ann, json!("blocks")).await?;
    ann.sdk.call("chat.privacylist.delete", json!(["blocks"])).await?;
    assert_eq!(names(ann).await?, (Value::Null, BTreeSet::new()));
    Ok(())
}

async fn who_is_blocked_hears_503_and_nothing_is_left_of_what_he_said(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    create(ann, json!([{"user_id": bob.id, "action": "deny"}])).await?;
    set_default(ann, json!("blocks")).await?;
    refused(bob, ann, dialog, 503).await?;

    // One way. His client says by itself that it has it: she does not hear that, and he hears of no error.
    let id = ann.send(bob.id, dialog, "leave me alone").await?;
    assert_eq!(bob.sdk.event("onMessageListener").await?[1]["id"], id.as_str());
    bob.sdk.call("chat.sendReadStatus", json!([{"messageId": id, "userId": ann.id, "dialogId": dialog}])).await?;
    bob.sdk.call("chat.sendIsTypingStatus", json!([ann.id])).await?;
    refused(bob, ann, dialog, 503).await?;

    ann.sdk.call("chat.disconnect", json!([])).await?;
    refused(bob, ann, dialog, 503).await?;
    let again = ann.another_device(build, &stage.config, json!({})).await?;
    again.connect().await?;
    set_default(&again, Value::Null).await?;
    let id = bob.send(ann.id, dialog, "friends?").await?;
    assert_eq!(again.sdk.event("onMessageListener").await?[1]["id"], id.as_str(), "nothing waited for her");
    assert_eq!(again.bodies(dialog).await?, ["leave me alone", "friends?"]);
    for listener in ["onMessageListener", "onMessageTypingListener", "onDeliveredStatusListener", "onReadStatusListener"] {
        assert!(ann.sdk.drain(listener).await.is_empty(), "{listener}");
    }
    assert!(bob.sdk.drain("onMessageErrorListener").await.is_empty());
    Ok(())
}

/// Browsers of 1.x write the items that follow a mutual one outside the list (contract xmpp 7.2).
async fn a_mutual_block_holds_in_both_directions_and_beside_others(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    let eve = Person::sign_up(build, &stage.config, "eve", json!({})).await?;
    eve.connect().await?;
    let mutual = json!({"user_id": bob.id, "action": "deny", "mutualBlock": true});
    create(ann, json!([mutual, {"user_id": eve.id, "action": "deny"}])).await?;
    set_default(ann, json!("blocks")).await?;
    assert_eq!(items(ann).await?, [(bob.id, "deny".into()), (eve.id, "deny".into())]);
    refused(bob, ann, dialog, 503).await?;
    refused(&eve, ann, dialog, 503).await?;
    refused(ann, bob, dialog, 406).await?;
    let id = ann.send(eve.id, dialog, "one way").await?;
    assert_eq!(eve.sdk.event("onMessageListener").await?[1]["id"], id.as_str());
    assert!(bob.sdk.drain("onMessageListener").await.is_empty());
    Ok(())
}

async fn in_a_group_everybody_but_the_blocker_hears_who_is_blocked(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let cat = Person::sign_up(build, &stage.config, "cat", json!({})).await?;
    cat.connect().await?;
    let wanted = json!([{"type": 2, "name": "Trip planning", "occupants_ids": [bob.id, cat.id]}]);
    let group = ann.sdk.call("chat.dialog.create", wanted).await?["_id"].as_str().context("_id")?.to_owned();
    let say = async |body: &str| -> Result<String> {
        let extension = json!({"save_to_history": 1, "dialog_id": group});
        let message = json!({"type": "groupchat", "body": body, "extension": extension});
        let id = bob.sdk.call("chat.send", json!([group, message])).await?;
        Ok(id.as_str().context("send returns the id")?.to_owned())
    };
    create(ann, json!([{"user_id": bob.id, "action": "deny"}])).await?;
    set_default(ann, json!("blocks")).await?;
    let first = say("hi all").await?;
    for person in [bob, &cat] {
        assert_eq!(person.sdk.event("onMessageListener").await?[1]["id"], first.as_str());
    }
    set_default(ann, Value::Null).await?;
    let second = say("hi again").await?;
    assert_eq!(ann.sdk.event("onMessageListener").await?[1]["id"], second.as_str(), "the one before was not for her");
    assert!(bob.sdk.drain("onMessageErrorListener").await.is_empty());
    Ok(())
}

/// A message of one to the other, and the error that its sender hears.
async fn refused(from: &Person, to: &Person, dialog: &str, code: u64) -> Result<()> {
    let id = from.send(to.id, dialog, "are you there?").await?;
    let error = from.sdk.event("onMessageErrorListener").await?;
    assert_eq!((&error[0], &error[1]["code"]), (&json!(id), &json!(code)), "{error}");
    Ok(())
}

async fn create(person: &Person, items: Value) -> Result<()> {
    person.sdk.call("chat.privacylist.create", json!([{"name": "blocks", "items": items}])).await.map(drop)
}

async fn set_default(person: &Person, name: Value) -> Result<()> {
    person.sdk.call("chat.privacylist.setAsDefault", json!([name])).await.map(drop)
}

fn blocks() -> BTreeSet<String> {
    BTreeSet::from(["blocks".to_owned()])
}

/// The default and all names. Most builds name the default twice (contract xmpp 7.1).
async fn names(person: &Person) -> Result<(Value, BTreeSet<String>)> {
    let mut known = person.sdk.call("chat.privacylist.getNames", json!([])).await?;
    assert_eq!(known["active"], Value::Null, "{known}");
    let names = known["names"].as_array().context("names")?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok((known["default"].take(), names))
}

/// Users and actions of the list, ascending.
async fn items(person: &Person) -> Result<Vec<(u64, String)>> {
    let list = person.sdk.call("chat.privacylist.getList", json!(["blocks"])).await?;
    assert_eq!(list["name"], "blocks", "{list}");
    let item = |item: &Value| Some((item["user_id"].as_u64()?, item["action"].as_str()?.to_owned()));
    let mut items: Vec<_> = list["items"].as_array().context("items")?.iter().filter_map(item).collect();
    items.sort();
    Ok(items)
}

for_each_build! {
    privacy_lists_are_made_read_changed_and_deleted,
    who_is_blocked_hears_503_and_nothing_is_left_of_what_he_said,
    a_mutual_block_holds_in_both_directions_and_beside_others,
    in_a_group_everybody_but_the_blocker_hears_who_is_blocked,
}
