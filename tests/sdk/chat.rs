//! 1-1 chat: messages, statuses, typing, several devices, offline delivery.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{Person, Stage};

async fn a_message_is_stored_acked_and_delivered(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({"streamManagement": {"enable": true}})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    let body = "How are you? <&> \u{1F600} \"quoted\"";
    let id = ann.send(bob.id, dialog, body).await?;

    let got = bob.sdk.event("onMessageListener").await?;
    assert_eq!(got[0], ann.id);
    assert_eq!(got[1]["id"], id.as_str());
    assert_eq!(got[1]["body"], body);
    assert_eq!(got[1]["dialog_id"], dialog.as_str());
    assert_eq!(got[1]["extension"]["message_id"], id.as_str());
    assert!(got[1]["extension"]["date_sent"].as_str().context("date_sent")?.parse::<i64>().is_ok());

    let sent = ann.sdk.event("onSentMessageCallback").await?;
    assert_eq!(sent[0], Value::Null, "nothing is lost");
    assert_eq!(sent[1]["id"], id.as_str());

    assert_eq!(ann.bodies(dialog).await?, [body]);
    assert_eq!(bob.unread(dialog).await?, (1, 1));
    assert_eq!(ann.unread(dialog).await?, (0, 0));
    Ok(())
}

async fn delivered_comes_by_itself_and_read_when_told(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    let id = ann.send(bob.id, dialog, "one").await?;
    let delivered = ann.sdk.event("onDeliveredStatusListener").await?;
    assert_eq!(delivered, json!([id, dialog, bob.id]));
    bob.sdk.call("chat.sendReadStatus", json!([{"messageId": id, "userId": ann.id, "dialogId": dialog}])).await?;
    assert_eq!(ann.sdk.event("onReadStatusListener").await?, json!([id, dialog, bob.id]));
    assert_eq!(bob.unread(dialog).await?, (0, 0));
    let list = ann.sdk.call("chat.message.list", json!([{"chat_dialog_id": dialog}])).await?;
    let ids = |key: &str| list["items"][0][key].as_array().cloned().unwrap_or_default();
    assert!(ids("read_ids").contains(&json!(bob.id)) && ids("delivered_ids").contains(&json!(bob.id)), "{list}");
    let dialogs = ann.sdk.call("chat.dialog.list", json!([{}])).await?;
    assert_eq!(dialogs["items"][0]["last_message_status"], "read");
    Ok(())
}

async fn a_delivered_status_can_be_sent_by_hand(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    let message = json!({"type": "chat", "body": "unmarked", "extension": {"save_to_history": 1, "dialog_id": dialog}});
    let id = ann.sdk.call("chat.send", json!([bob.id, message])).await?;
    bob.sdk.event("onMessageListener").await?;
    bob.sdk.call("chat.sendDeliveredStatus", json!([{"messageId": id, "userId": ann.id, "dialogId": dialog}])).await?;
    assert_eq!(ann.sdk.event("onDeliveredStatusListener").await?, json!([id, dialog, bob.id]));
    Ok(())
}

async fn typing_is_shown_and_ends(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.ann.sdk.call("chat.sendIsTypingStatus", json!([stage.bob.id])).await?;
    let typing = stage.bob.sdk.event("onMessageTypingListener").await?;
    assert_eq!((&typing[0], &typing[1]), (&json!(true), &json!(stage.ann.id)));
    stage.ann.sdk.call("chat.sendIsStopTypingStatus", json!([stage.bob.id])).await?;
    assert_eq!(stage.bob.sdk.event("onMessageTypingListener").await?[0], false);
    Ok(())
}

async fn an_extension_comes_through_with_its_attachments(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    let message = json!({"type": "chat", "body": "with photo", "extension": {
        "save_to_history": 1, "dialog_id": dialog, "mood": "gl\u{fc}cklich",
        "attachments": [{"uid": "be9f", "type": "photo", "size": 1234, "name": "x.jpg"}],
    }});
    ann.sdk.call("chat.send", json!([bob.id, message])).await?;
    let got = bob.sdk.event("onMessageListener").await?;
    let extension = &got[1]["extension"];
    assert_eq!(extension["mood"], "gl\u{fc}cklich");
    assert_eq!(extension["attachments"][0]["uid"], "be9f");
    assert_eq!(extension["attachments"][0]["size"], 1234);
    let list = ann.sdk.call("chat.message.list", json!([{"chat_dialog_id": dialog}])).await?;
    let item = &list["items"][0];
    assert_eq!((&item["mood"], &item["attachments"][0]["name"]), (&json!("gl\u{fc}cklich"), &json!("x.jpg")), "{item}");
    Ok(())
}

async fn an_extension_in_an_extension_comes_through(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let extension =
        json!({"save_to_history": 1, "dialog_id": stage.dialog, "place": {"town": "Verona", "street": "Via Cappello"}});
    stage.ann.sdk.call("chat.send", json!([stage.bob.id, {"type": "chat", "body": "here", "extension": extension}])).await?;
    assert_eq!(stage.bob.sdk.event("onMessageListener").await?[1]["extension"]["place"]["town"], "Verona");
    Ok(())
}

async fn an_extension_two_levels_deep_comes_through(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let extension =
        json!({"save_to_history": 1, "dialog_id": stage.dialog, "place": {"town": "Verona", "point": {"x": "1", "y": "2"}}});
    stage.ann.sdk.call("chat.send", json!([stage.bob.id, {"type": "chat", "body": "here", "extension": extension}])).await?;
    assert_eq!(stage.bob.sdk.event("onMessageListener").await?[1]["extension"]["place"]["point"]["x"], "1");
    Ok(())
}

async fn the_other_device_of_the_sender_gets_a_carbon(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let tablet = stage.ann.another_device(build, &stage.config, json!({})).await?;
    tablet.connect().await?;
    stage.ann.send(stage.bob.id, &stage.dialog, "from the phone").await?;
    stage.bob.sdk.event("onMessageListener").await?;
    let copy = tablet.sdk.event("onMessageListener").await?;
    assert_eq!((&copy[0], &copy[1]["body"]), (&json!(stage.ann.id), &json!("from the phone")));
    Ok(())
}

async fn a_carbon_has_the_id_of_its_message(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let tablet = stage.ann.another_device(build, &stage.config, json!({})).await?;
    tablet.connect().await?;
    let id = stage.ann.send(stage.bob.id, &stage.dialog, "from the phone").await?;
    assert_eq!(tablet.sdk.event("onMessageListener").await?[1]["id"], id.as_str());
    Ok(())
}

async fn every_device_gets_what_is_sent_to_its_user(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let tablet = stage.ann.another_device(build, &stage.config, json!({})).await?;
    tablet.connect().await?;
    let id = stage.bob.send(stage.ann.id, &stage.dialog, "to both").await?;
    for device in [&stage.ann, &tablet] {
        assert_eq!(device.sdk.event("onMessageListener").await?[1]["id"], id.as_str());
    }
    Ok(())
}

async fn what_was_sent_while_away_comes_at_the_next_login(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({"streamManagement": {"enable": true}})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, &stage.dialog);
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let saved = ann.send(bob.id, dialog, "kept").await?;
    let unsaved = ann.sdk.call("chat.send", json!([bob.id, {"type": "chat", "body": "not in history", "extension": {}}])).await?;
    // `send` returns at once: what is not acked could still find him back.
    for id in [&json!(saved), &unsaved] {
        ann.sdk.event_where("onSentMessageCallback", |event| event[1]["id"] == *id).await?;
    }
    let back = Person::another_device(bob, build, &stage.config, json!({})).await?;
    back.connect().await?;
    for id in [json!(saved), unsaved] {
        let got = back.sdk.event_where("onMessageListener", |event| event[1]["id"] == id).await?;
        assert!(got[1]["delay"]["attrs"]["stamp"].is_string(), "{got}");
    }
    assert_eq!(ann.bodies(dialog).await?, ["kept"]);
    Ok(())
}

async fn the_first_message_makes_the_dialog(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let cat = Person::sign_up(build, &stage.config, "cat", json!({})).await?;
    cat.connect().await?;
    let message = json!({"type": "chat", "body": "hello", "extension": {"save_to_history": 1}});
    cat.sdk.call("chat.send", json!([stage.bob.id, message])).await?;
    let got = stage.bob.sdk.event("onMessageListener").await?;
    let dialog = got[1]["dialog_id"].as_str().context("a dialog id was added")?;
    let listed = stage.bob.sdk.call("chat.dialog.list", json!([{}])).await?;
    let entry = listed["items"].as_array().and_then(|items| items.iter().find(|item| item["_id"] == dialog)).context("listed")?;
    assert_eq!(
        (&entry["name"], &entry["type"], &entry["unread_messages_count"]),
        (&json!("The cat"), &json!(3), &json!(1)),
        "{entry}"
    );
    assert_eq!(cat.dialog_with(stage.bob.id).await?["_id"], dialog);
    Ok(())
}

async fn a_message_to_nobody_is_an_error_and_not_silence(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let message = json!({"type": "chat", "body": "hello?", "extension": {"save_to_history": 1}});
    let id = stage.ann.sdk.call("chat.send", json!([999_999, message])).await?;
    let error = stage.ann.sdk.event("onMessageErrorListener").await?;
    assert_eq!((&error[0], &error[1]["code"]), (&id, &json!(404)));
    Ok(())
}

for_each_build!(
    a_message_is_stored_acked_and_delivered,
    delivered_comes_by_itself_and_read_when_told,
    a_delivered_status_can_be_sent_by_hand,
    typing_is_shown_and_ends,
    an_extension_comes_through_with_its_attachments,
    an_extension_in_an_extension_comes_through,
    an_extension_two_levels_deep_comes_through,
    the_other_device_of_the_sender_gets_a_carbon,
    a_carbon_has_the_id_of_its_message,
    every_device_gets_what_is_sent_to_its_user,
    what_was_sent_while_away_comes_at_the_next_login,
    the_first_message_makes_the_dialog,
    a_message_to_nobody_is_an_error_and_not_silence,
);
