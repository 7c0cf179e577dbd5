//! The objects by values, compared as text: the order of the keys is part of the contract's samples.
#![allow(clippy::unwrap_used)]

use natter_proto::account::v1::{Session, User};
use natter_proto::dialog::v1::{Dialog, DialogKind};
use natter_proto::event::v1::{Attachment, Attribute, Extension, Message, Nested, extension};
use natter_proto::history::v1::{DialogHead, UnreadRow};

use super::*;
use crate::readers::Readers;

/// 2026-02-03T10:11:12.345Z
const AT: i64 = 1_770_113_472_345;
const DIALOG: [u8; 12] = [0x65, 0xf0, 0xc2, 0xa1, 0xb4, 0xe5, 0x9a, 0, 0x11, 0xc7, 0xd3, 0xee];
const MESSAGE: [u8; 12] = [0x65, 0xf0, 0xc3, 0x99, 0xb4, 0xe5, 0x9a, 0, 0x11, 0xc7, 0xd3, 0xf2];

#[test]
fn a_user_shows_every_field_and_no_password() {
    assert_eq!(
        user(&dana()).to_string(),
        r#"{"id":56,"full_name":"Dana Kale","email":"dana@example.test","login":"dana","phone":null,"website":null,"created_at":"2026-02-03T10:11:12Z","updated_at":"2026-02-03T10:11:12Z","last_request_at":null,"external_user_id":null,"external_id":null,"facebook_id":null,"twitter_id":null,"blob_id":null,"custom_data":"{\"a\":1}","avatar":"9f3c","user_tags":"vip,staff","timezone":-120,"is_guest":null}"#
    );
}

#[test]
fn tags_are_a_list_in_the_second_version() {
    assert_eq!(user_v2(&dana())["user_tags"], json!(["vip", "staff"]));
    assert_eq!(user_v2(&User { tags: vec![], ..dana() })["user_tags"], Value::Null);
}

#[test]
fn a_session_without_user_has_the_user_id_zero() {
    let mut given = Session {
        id: 9,
        token: "T".into(),
        app: 77,
        created_at: AT,
        updated_at: AT,
        nonce: 4242,
        timestamp: 1_700_000_000,
        ..Session::default()
    };
    assert_eq!(
        session(&given).to_string(),
        r#"{"session":{"id":9,"user_id":0,"application_id":77,"token":"T","nonce":4242,"ts":1700000000,"created_at":"2026-02-03T10:11:12.345Z","updated_at":"2026-02-03T10:11:12.345Z"}}"#
    );
    given.user = 56;
    given.user_row = Some(dana());
    assert_eq!(session(&given)["session"]["user"]["login"], "dana");
}

#[test]
fn a_private_dialog_is_named_after_the_opponent_and_has_no_room() {
    let state = UnreadRow {
        unread: 2,
        head: Some(DialogHead { updated_at: AT + 60_000, ..DialogHead::default() }),
        last: Some(Message {
            id: MESSAGE.to_vec(),
            sender: 34,
            date_sent: 1_770_113_740,
            body: Some("see you".into()),
            ..Message::default()
        }),
        last_delivered: true,
        ..UnreadRow::default()
    };
    let private = private();
    let view =
        View { dialog: &private, state: Some(&state), opponent: Some(&dana()), viewer: 34, muc_domain: "muc.chat.example.test" };
    assert_eq!(
        json!(view).to_string(),
        r#"{"_id":"65f0c2a1b4e59a0011c7d3ee","type":3,"name":"Dana Kale","photo":"9f3c","description":null,"user_id":34,"occupants_ids":[34,56],"occupants_count":2,"admins_ids":[],"created_at":"2026-02-03T10:11:12Z","updated_at":"2026-02-03T10:12:12Z","last_message":"see you","last_message_id":"65f0c399b4e59a0011c7d3f2","last_message_user_id":34,"last_message_date_sent":1770113740,"last_message_status":"delivered","unread_messages_count":2,"pinned_messages_ids":[],"xmpp_room_jid":null,"extensions":null,"permissions":null,"is_muted":false,"is_e2ee":false}"#
    );
    assert_eq!(json!(View { viewer: 56, ..view })["last_message_status"], Value::Null);
}

#[test]
fn a_group_shows_who_runs_it_and_what_is_pinned_and_a_public_one_nobody_but_a_count() {
    let group = Dialog {
        kind: DialogKind::Group as i32,
        name: Some("Trip planning".into()),
        photo: Some("uid".into()),
        description: Some("x".into()),
        admins: vec![56],
        pinned: vec![MESSAGE.to_vec()],
        extensions: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
        allow_preview: Some(false),
        count: 9,
        muted: true,
        ..private()
    };
    let view = View { dialog: &group, state: None, opponent: None, viewer: 34, muc_domain: "muc.chat.example.test" };
    assert_eq!(
        json!(view).to_string(),
        r#"{"_id":"65f0c2a1b4e59a0011c7d3ee","type":2,"name":"Trip planning","photo":"uid","description":"x","user_id":34,"occupants_ids":[34,56],"occupants_count":2,"admins_ids":[56],"created_at":"2026-02-03T10:11:12Z","updated_at":"2026-02-03T10:11:12Z","last_message":null,"last_message_id":null,"last_message_user_id":null,"last_message_date_sent":null,"last_message_status":null,"unread_messages_count":0,"pinned_messages_ids":["65f0c399b4e59a0011c7d3f2"],"xmpp_room_jid":"77_65f0c2a1b4e59a0011c7d3ee@muc.chat.example.test","extensions":{"a":"1","b":"2"},"permissions":{"allow_preview":false},"is_muted":true,"is_e2ee":false}"#
    );
    for kind in [DialogKind::Public, DialogKind::Broadcast] {
        let open = Dialog { kind: kind as i32, ..group.clone() };
        let state = UnreadRow { unread: 5, ..UnreadRow::default() };
        let shown = json!(View { dialog: &open, state: Some(&state), ..view });
        assert_eq!((&shown["occupants_ids"], &shown["occupants_count"]), (&json!([]), &json!(9)));
        assert_eq!(shown["unread_messages_count"], 0);
    }
}

#[test]
fn a_private_dialog_without_full_name_or_account_or_message_still_has_all_keys() {
    let private = private();
    let nameless = User { full_name: Some(String::new()), avatar: None, ..dana() };
    let view = View { dialog: &private, state: None, opponent: Some(&nameless), viewer: 34, muc_domain: "m" };
    assert_eq!(json!(view)["name"], "dana");
    let gone = json!(View { opponent: None, ..view });
    assert_eq!(
        (&gone["name"], &gone["last_message_id"], &gone["unread_messages_count"]),
        (&Value::Null, &Value::Null, &json!(0))
    );
    assert_eq!(gone.as_object().unwrap().len(), 23);
}

#[test]
fn a_group_has_its_own_name_and_a_room_named_after_app_and_dialog() {
    let group = Dialog { kind: DialogKind::Group as i32, name: Some("Trip".into()), ..private() };
    let object = json!(View { dialog: &group, state: None, opponent: None, viewer: 34, muc_domain: "muc.chat.example.test" });
    assert_eq!(
        (&object["name"], &object["xmpp_room_jid"]),
        (&json!("Trip"), &json!("77_65f0c2a1b4e59a0011c7d3ee@muc.chat.example.test"))
    );
}

#[test]
fn a_message_has_its_custom_keys_at_the_top_and_nothing_can_stand_in_for_its_own() {
    let row = Message {
        id: MESSAGE.to_vec(),
        sender: 56,
        recipient: 34,
        date_sent: 1_770_113_740,
        created_at: AT,
        updated_at: AT,
        body: Some("see you there".into()),
        attachments: vec![Attachment { attributes: vec![attribute("type", "photo"), attribute("size", "12")] }],
        extensions: vec![
            text("color", "blue"),
            text("save_to_history", "1"),
            text("sender_id", "1"),
            extension("n", extension::Value::Json("7".into())),
            text("color", "red"),
            extension("obj", extension::Value::Nested(Nested { extensions: vec![text("k", "v")] })),
        ],
        ..Message::default()
    };
    let readers = Readers { read: vec![34, 56], delivered: vec![34, 56] };
    assert_eq!(
        json!(Shown { row: &row, dialog: &DIALOG, readers, reactions: Vec::new(), viewer: 34 }).to_string(),
        r#"{"_id":"65f0c399b4e59a0011c7d3f2","chat_dialog_id":"65f0c2a1b4e59a0011c7d3ee","message":"see you there","sender_id":56,"recipient_id":34,"date_sent":1770113740,"created_at":"2026-02-03T10:11:12Z","updated_at":"2026-02-03T10:11:12Z","read_ids":[34,56],"delivered_ids":[34,56],"read":1,"views_count":0,"attachments":[{"type":"photo","size":"12"}],"reactions":null,"color":"red","n":7,"obj":{"k":"v"}}"#
    );
}

#[test]
fn the_expiration_has_the_form_that_mobile_sdks_parse() {
    assert_eq!(expiration(AT), "2026-02-03 10:11:12 UTC");
    assert_eq!(date(i64::MAX), "1970-01-01T00:00:00Z");
}

fn dana() -> User {
    User {
        id: 56,
        app: 77,
        full_name: Some("Dana Kale".into()),
        email: Some("dana@example.test".into()),
        login: Some("dana".into()),
        custom_data: Some(r#"{"a":1}"#.into()),
        avatar: Some("9f3c".into()),
        tags: vec!["vip".into(), "staff".into()],
        timezone: Some(-120),
        created_at: AT,
        updated_at: AT,
        ..User::default()
    }
}

fn private() -> Dialog {
    Dialog {
        id: DIALOG.to_vec(),
        app: 77,
        kind: DialogKind::Private as i32,
        owner: 34,
        members: vec![34, 56],
        created_at: AT,
        updated_at: AT,
        ..Dialog::default()
    }
}

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), value: value.into() }
}

fn text(key: &str, text: &str) -> Extension {
    extension(key, extension::Value::Text(text.into()))
}

fn extension(key: &str, value: extension::Value) -> Extension {
    Extension { key: key.into(), value: Some(value), ..Extension::default() }
}
