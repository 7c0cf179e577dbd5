//! Groups and public dialogs: made and changed over REST, written to and joined over XMPP.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use natter_tests::proxy::Network;
use serde_json::{Value, json};

use crate::stage::{Person, Stage};

/// Ann, Bob and Cat, connected, and a group of the three that Ann made.
struct Three {
    stage: Stage,
    cat: Person,
    group: String,
}

impl Three {
    async fn open(build: Build) -> Result<Three> {
        let stage = Stage::open(build, json!({})).await?;
        let cat = Person::sign_up(build, &stage.config, "cat", json!({})).await?;
        cat.connect().await?;
        let group = group(&stage.ann, &[stage.bob.id, cat.id]).await?;
        Ok(Three { stage, cat, group })
    }
}

async fn group(owner: &Person, members: &[u64]) -> Result<String> {
    let wanted = json!([{"type": 2, "name": "Trip planning", "occupants_ids": members}]);
    let made = owner.sdk.call("chat.dialog.create", wanted).await?;
    Ok(made["_id"].as_str().with_context(|| format!("no _id in {made}"))?.to_owned())
}

/// As the guide's snippet does: `send(dialog._id, ...)`.
async fn say(person: &Person, dialog: &str, body: &str) -> Result<String> {
    let extension = json!({"save_to_history": 1, "dialog_id": dialog});
    let message = json!({"type": "groupchat", "body": body, "extension": extension, "markable": 1});
    let id = person.sdk.call("chat.send", json!([dialog, message])).await?;
    Ok(id.as_str().context("send returns the id")?.to_owned())
}

async fn hear(person: &Person, from: u64, body: &str, dialog: &str) -> Result<Value> {
    let got = person.sdk.event("onMessageListener").await?;
    assert_eq!((&got[0], &got[1]["body"], &got[1]["dialog_id"]), (&json!(from), &json!(body), &json!(dialog)), "{got}");
    assert_eq!(got[1]["type"], "groupchat");
    Ok(got[1].clone())
}

async fn a_group_message_reaches_everybody_and_its_sender(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, cat, group } = &Three::open(build).await?;
    let id = say(ann, group, "hi all").await?;
    for person in [ann, bob, cat] {
        assert_eq!(hear(person, ann.id, "hi all", group).await?["id"], id.as_str());
    }
    for person in [bob, cat] {
        let status = ann.sdk.event("onDeliveredStatusListener").await?;
        assert_eq!((&status[0], &status[1]), (&json!(id), &json!(group)));
        assert!([bob.id, cat.id].contains(&status[2].as_u64().unwrap_or_default()), "{status} {}", person.id);
    }
    assert_eq!((bob.unread(group).await?, ann.unread(group).await?), ((1, 1), (0, 0)));
    bob.sdk.call("chat.sendReadStatus", json!([{"messageId": id, "userId": ann.id, "dialogId": group}])).await?;
    assert_eq!(ann.sdk.event("onReadStatusListener").await?, json!([id, group, bob.id]));
    assert_eq!((bob.unread(group).await?, cat.unread(group).await?), ((0, 0), (1, 1)));
    assert_eq!(cat.bodies(group).await?, ["hi all"]);
    let list = cat.sdk.call("chat.message.list", json!([{"chat_dialog_id": group, "mark_as_read": 0}])).await?;
    assert_eq!(list["items"][0]["recipient_id"], 0, "{list}");
    Ok(())
}

async fn typing_in_a_group_is_shown_to_the_others(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, cat, group } = &Three::open(build).await?;
    ann.sdk.call("chat.sendIsTypingStatus", json!([group])).await?;
    for person in [bob, cat] {
        let typing = person.sdk.event("onMessageTypingListener").await?;
        assert_eq!((&typing[0], &typing[1], &typing[2]), (&json!(true), &json!(ann.id), &json!(group)));
    }
    Ok(())
}

async fn who_joins_and_leaves_is_told_to_those_in_the_room(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, config, .. }, cat, group } = &Three::open(build).await?;
    ann.sdk.call("chat.muc.join", json!([group])).await?;
    bob.sdk.call("chat.muc.join", json!([group])).await?;
    assert_eq!(ann.sdk.event("onJoinOccupant").await?, json!([group, bob.id]));
    assert_eq!(bob.sdk.event("onJoinOccupant").await?, json!([group, ann.id]), "who was there before");
    let online = cat.sdk.call("chat.muc.listOnlineUsers", json!([group])).await?;
    let mut online: Vec<u64> = online.as_array().context("a list")?.iter().filter_map(Value::as_u64).collect();
    online.sort_unstable();
    assert_eq!(online, [ann.id.min(bob.id), ann.id.max(bob.id)]);
    bob.sdk.call("chat.muc.leave", json!([group])).await?;
    assert_eq!(ann.sdk.event("onLeaveOccupant").await?, json!([group, bob.id]));
    say(ann, group, "still here").await?;
    hear(bob, ann.id, "still here", group).await?;
    let stranger = Person::sign_up(build, config, "eve", json!({})).await?;
    stranger.connect().await?;
    let refused = stranger.sdk.call("chat.muc.join", json!([group])).await.unwrap_err().to_string();
    assert!(refused.contains("407"), "{refused}");
    Ok(())
}

async fn members_are_added_and_removed(build: Build) -> Result<()> {
    let Three { stage, cat, group } = &Three::open(build).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let dan = Person::sign_up(build, &stage.config, "dan", json!({})).await?;
    dan.connect().await?;
    say(ann, group, "before").await?;
    hear(bob, ann.id, "before", group).await?;
    let add = json!([group, {"push_all": {"occupants_ids": [dan.id]}}]);
    let changed = bob.sdk.call("chat.dialog.update", add).await?;
    assert_eq!(changed["occupants_ids"].as_array().map(Vec::len), Some(4), "{changed}");
    assert_eq!((dan.unread(group).await?, dan.bodies(group).await?), ((0, 0), vec!["before".to_owned()]));
    let refused = bob.sdk.call("chat.dialog.update", json!([group, {"pull_all": {"occupants_ids": [cat.id]}}])).await;
    assert!(refused.unwrap_err().to_string().contains("403"));

    for person in [bob, cat] {
        person.sdk.call("chat.muc.join", json!([group])).await?;
    }
    ann.sdk.call("chat.dialog.update", json!([group, {"pull_all": {"occupants_ids": [cat.id]}}])).await?;
    assert_eq!(cat.sdk.event("onKickOccupant").await?, json!([group, ann.id]));
    assert_eq!(bob.sdk.event("onLeaveOccupant").await?, json!([group, cat.id]));
    say(ann, group, "without cat").await?;
    assert!(cat.bodies(group).await.unwrap_err().to_string().contains("403"));
    let id = say(cat, group, "let me in").await?;
    let error = cat.sdk.event("onMessageErrorListener").await?;
    assert_eq!((&error[0], error[1]["code"].as_i64()), (&json!(id), Some(403)), "{error}");

    // Dan leaves by himself, and the owner too: the group is the oldest one's who is left.
    dan.sdk.call("chat.dialog.delete", json!([group])).await?;
    ann.sdk.call("chat.dialog.update", json!([group, {"pull_all": {"occupants_ids": [ann.id]}}])).await?;
    let left = bob.sdk.call("chat.dialog.list", json!([{"_id": group}])).await?;
    assert_eq!((&left["items"][0]["user_id"], &left["items"][0]["occupants_ids"]), (&json!(bob.id), &json!([bob.id])), "{left}");
    Ok(())
}

async fn a_group_is_described_and_found(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, config, .. }, cat, group } = &Three::open(build).await?;
    let change = json!([group, {"name": "Book club", "description": "x", "extensions": {"location": "Bar"}}]);
    let changed = bob.sdk.call("chat.dialog.update", change).await?;
    assert_eq!((&changed["name"], &changed["extensions"]["location"]), (&json!("Book club"), &json!("Bar")), "{changed}");
    let room = format!("{}_{group}@muc.", config["credentials"]["appId"]);
    assert!(changed["xmpp_room_jid"].as_str().is_some_and(|jid| jid.starts_with(&room)), "{changed}");
    let found = ann.sdk.call("chat.dialog.list", json!([{"type": 2, "name": "Book club"}])).await?;
    assert_eq!((&found["total_entries"], &found["items"][0]["_id"]), (&json!(1), &json!(group)), "{found}");
    let id = say(cat, group, "rude").await?;
    hear(ann, cat.id, "rude", group).await?;
    let refused = bob.sdk.call("chat.dialog.update", json!([group, {"push_all": {"pinned_messages_ids": [id]}}])).await;
    assert!(refused.unwrap_err().to_string().contains("403"));
    let pinned = ann.sdk.call("chat.dialog.update", json!([group, {"push_all": {"pinned_messages_ids": [id]}}])).await?;
    assert_eq!(pinned["pinned_messages_ids"], json!([id]));
    ann.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    assert!(bob.bodies(group).await?.is_empty(), "the owner removes anybody's message");
    Ok(())
}

async fn admins_are_named_by_the_owner_and_rule(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, cat, group } = &Three::open(build).await?;
    let refused = bob.sdk.call("chat.dialog.addAdmins", json!([group, [bob.id]])).await.unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");
    let admins = ann.sdk.call("chat.dialog.addAdmins", json!([group, [bob.id]])).await?;
    assert_eq!(admins["admins_ids"], json!([bob.id]));
    let id = say(cat, group, "rude").await?;
    hear(bob, cat.id, "rude", group).await?;
    bob.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    assert!(ann.bodies(group).await?.is_empty());
    let admins = ann.sdk.call("chat.dialog.removeAdmins", json!([group, [bob.id]])).await?;
    assert_eq!(admins["admins_ids"], json!([]));
    Ok(())
}

async fn a_group_is_muted(build: Build) -> Result<()> {
    let Three { stage: Stage { bob, .. }, cat, group } = &Three::open(build).await?;
    let settings = bob.sdk.call("chat.dialog.getNotificationsSettings", json!([group])).await?;
    assert_eq!(settings, json!({"notifications": {"enabled": 1}}));
    bob.sdk.call("chat.dialog.updateNotificationsSettings", json!([group, false])).await?;
    for (person, enabled) in [(bob, 0), (cat, 1)] {
        let settings = person.sdk.call("chat.dialog.getNotificationsSettings", json!([group])).await?;
        assert_eq!(settings, json!({"notifications": {"enabled": enabled}}));
    }
    Ok(())
}

async fn what_an_admin_removes_is_gone_from_every_screen(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, cat, group } = &Three::open(build).await?;
    let id = say(bob, group, "rude").await?;
    hear(cat, bob.id, "rude", group).await?;
    ann.sdk.call("chat.message.delete", json!([id, {"force": 1}])).await?;
    for person in [bob, cat] {
        assert_eq!(person.sdk.event("onMessageDeleteListener").await?[0], id);
    }
    Ok(())
}

async fn edits_and_removals_over_xmpp_reach_everybody(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, dialog, .. }, cat, group } = &Three::open(build).await?;
    let id = say(ann, group, "helo").await?;
    hear(bob, ann.id, "helo", group).await?;
    let edit = json!([{"to": group, "body": "hello", "originMessageId": id, "last": true, "dialogId": group,
        "extension": {"color": "red"}}]);
    ann.sdk.call("chat.editMessage", edit).await?;
    for person in [bob, cat] {
        let edited = person.sdk.event("onMessageUpdateListener").await?;
        assert_eq!((&edited[0], &edited[2]), (&json!(id), &json!("hello")), "{edited}");
    }
    let list = bob.sdk.call("chat.message.list", json!([{"chat_dialog_id": group, "mark_as_read": 0}])).await?;
    assert_eq!((&list["items"][0]["message"], &list["items"][0]["color"]), (&json!("hello"), &json!("red")), "{list}");
    ann.sdk.call("chat.deleteMessage", json!([{"to": group, "messageId": id, "dialogId": group}])).await?;
    for person in [bob, cat] {
        assert_eq!(person.sdk.event("onMessageDeleteListener").await?[0], id);
    }
    assert!(bob.bodies(group).await?.is_empty());

    let id = ann.send(bob.id, dialog, "private").await?;
    bob.sdk.event("onMessageListener").await?;
    let edit = json!([{"to": bob.id, "body": "Private", "originMessageId": id, "last": true, "dialogId": dialog
    }]);
    ann.sdk.call("chat.editMessage", edit).await?;
    assert_eq!(bob.sdk.event("onMessageUpdateListener").await?[0], id);
    assert_eq!(bob.bodies(dialog).await?, ["Private"]);
    Ok(())
}

async fn a_reaction_arrives(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, group, .. } = &Three::open(build).await?;
    let id = say(ann, group, "hi").await?;
    hear(bob, ann.id, "hi", group).await?;
    bob.sdk.call("chat.message.addReaction", json!([id, "\u{1F44D}"])).await?;
    let reacted = ann.sdk.event("onMessageReactionsListener").await?;
    assert_eq!((&reacted[0], &reacted[1], &reacted[2]), (&json!(id), &json!(bob.id), &json!(group)), "{reacted}");
    let listed = ann.sdk.call("chat.message.listReactions", json!([id])).await?;
    assert_eq!(listed, json!({"\u{1F44D}": [bob.id]}));
    Ok(())
}

async fn a_system_message_arrives(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, group, .. } = &Three::open(build).await?;
    let message = json!([bob.id, {"body": "dialog/UPDATE_DIALOG", "extension": {"dialogId": group}}]);
    ann.sdk.call("chat.sendSystemMessage", message).await?;
    let got = bob.sdk.event("onSystemMessageListener").await?;
    assert_eq!((&got[0]["userId"], &got[0]["extension"]["dialogId"]), (&json!(ann.id), &json!(group)), "{got}");
    Ok(())
}

async fn a_public_dialog_is_open_to_everybody(build: Build) -> Result<()> {
    let Three { stage: Stage { ann, bob, .. }, cat, .. } = &Three::open(build).await?;
    let made = ann.sdk.call("chat.dialog.create", json!([{"type": 1, "name": "Square"}])).await?;
    let square = made["_id"].as_str().context("_id")?;
    assert_eq!(made["occupants_ids"], json!([]));
    let listed = cat.sdk.call("chat.dialog.list", json!([{"type": 1}])).await?;
    assert_eq!(listed["items"][0]["_id"], square, "{listed}");
    bob.sdk.call("chat.muc.join", json!([square])).await?;
    say(cat, square, "from outside").await?;
    for person in [ann, bob, cat] {
        hear(person, cat.id, "from outside", square).await?;
    }
    assert_eq!((bob.unread(square).await?, cat.bodies(square).await?), ((0, 0), vec!["from outside".to_owned()]));
    bob.sdk.call("chat.muc.leave", json!([square])).await?;
    say(ann, square, "without bob").await?;
    hear(ann, ann.id, "without bob", square).await?;
    assert_eq!(bob.bodies(square).await?.len(), 2);
    Ok(())
}

async fn the_gap_of_a_group_comes_after_a_cut(build: Build) -> Result<()> {
    let chat = json!({"reconnect": {"enable": true, "timeInterval": 1}});
    let stage = Stage::open(build, chat.clone()).await?;
    let detour = stage.detour().await?;
    let cat = Person::sign_up(build, &detour.config, "cat", chat).await?;
    cat.connect().await?;
    let group = group(&stage.ann, &[stage.bob.id, cat.id]).await?;
    say(&stage.ann, &group, "before").await?;
    hear(&cat, stage.ann.id, "before", &group).await?;
    detour.proxy.set(Network::Reset);
    cat.sdk.event("onDisconnectedListener").await?;
    for n in 0..3 {
        say(&stage.ann, &group, &format!("missed {n}")).await?;
    }
    detour.proxy.set(Network::Up);
    cat.sdk.event("onReconnectListener").await?;
    say(&stage.bob, &group, "after").await?;
    let mut got = Vec::new();
    while got.last().is_none_or(|body| body != "after") {
        let event = cat.sdk.event("onMessageListener").await?;
        let body = event[1]["body"].as_str().unwrap_or_default().to_owned();
        // What was received but not proved may come once more, and says so (P2).
        if body == "before" {
            assert!(event[1]["delay"]["attrs"]["stamp"].is_string(), "a repeat carries a delay: {event}");
        } else {
            got.push(body);
        }
    }
    assert_eq!(got, ["missed 0", "missed 1", "missed 2", "after"]);
    Ok(())
}

for_each_build!(
    a_group_message_reaches_everybody_and_its_sender,
    typing_in_a_group_is_shown_to_the_others,
    who_joins_and_leaves_is_told_to_those_in_the_room,
    members_are_added_and_removed,
    a_group_is_described_and_found,
    admins_are_named_by_the_owner_and_rule,
    a_group_is_muted,
    what_an_admin_removes_is_gone_from_every_screen,
    edits_and_removals_over_xmpp_reach_everybody,
    a_reaction_arrives,
    a_system_message_arrives,
    a_public_dialog_is_open_to_everybody,
    the_gap_of_a_group_comes_after_a_cut,
);
