//! Dialogs, messages and unread counts at the door.
#![allow(clippy::unwrap_used)]

use natter_proto::event::v1::{MarkKind, extension};
use natter_proto::history::v1::{Op, Range};
use serde_json::{Value, json};

use crate::client::{ANN, BOB, Door, FORM, JSON};
use crate::fakes::{ANN_ID, BOB_ID, hex, message_id, pair};

const EVE: (&str, &str) = ("CB-Token", "eve");
const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
const FORBIDDEN: &str = r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#;
const MISSING: &str = r#"{"errors":["Occupants_ids is missing opponent ID."]}"#;
/// Well formed, and no dialog or message.
const UNKNOWN: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn a_private_dialog_is_created_from_every_form_of_the_occupants() {
    let door = Door::open().await;
    for (content_type, body) in [
        (JSON, r#"{"type":3,"occupants_ids":"78"}"#),
        (JSON, r#"{"type":"3","occupants_ids":"34, 78"}"#),
        (JSON, r#"{"type":3,"occupants_ids":[78],"name":"ignored"}"#),
        (JSON, r#"{"type":3,"occupants_ids":["78",34,500]}"#),
        (FORM, "occupants_ids=34%2C%2078&type=3"),
        (FORM, "occupants_ids[]=78&type=3"),
    ] {
        let answer = door.ask("POST", "/chat/Dialog.json", &[ANN, content_type], body).await;
        let dialog = answer.json();
        assert_eq!((answer.status, dialog["_id"].as_str()), (201, Some(pair().to_string().as_str())), "{body}");
        assert_eq!(
            (&dialog["name"], &dialog["photo"], &dialog["occupants_ids"]),
            (&json!("bob"), &json!("bob.png"), &json!([34, 78]))
        );
        assert_eq!((&dialog["unread_messages_count"], &dialog["last_message"]), (&json!(0), &json!("text 3")));
    }
    for body in [
        r#"{"type":3}"#,
        r#"{"type":3,"occupants_ids":[]}"#,
        r#"{"type":3,"occupants_ids":"34"}"#,
        r#"{"type":3,"occupants_ids":"500"}"#,
        r#"{"type":3,"occupants_ids":"x,null"}"#,
    ] {
        door.post("/chat/Dialog", ANN, body).await.is(422, MISSING);
    }
    door.post("/chat/Dialog", ANN, r#"{"type":3,"occupants_ids":[78,99]}"#)
        .await
        .is(422, r#"{"errors":["A private dialog has exactly one opponent."]}"#);
    for (kind, text) in [("5", "is unknown"), ("9", "is unknown"), ("null", "is required")] {
        let expected = json!({"errors": {"type": [text]}}).to_string();
        door.post("/chat/dialog", ANN, format!(r#"{{"type":{kind},"name":"x"}}"#)).await.is(422, &expected);
    }
    door.close().await;
}

#[tokio::test]
async fn dialogs_are_listed_as_the_asking_user_sees_them() {
    let door = Door::open().await;
    let list = door.get("/chat/Dialog.json?", BOB).await.json();
    assert_eq!((&list["total_entries"], &list["skip"], &list["limit"]), (&json!(1), &json!(0), &json!(100)));
    let dialog = &list["items"][0];
    assert_eq!(
        (&dialog["name"], &dialog["photo"], &dialog["unread_messages_count"]),
        (&json!("Ann Lee"), &json!("ann.png"), &json!(2))
    );
    assert_eq!(
        (&dialog["last_message_status"], &dialog["last_message_user_id"], &dialog["updated_at"]),
        (&json!("sent"), &json!(78), &json!("2026-02-03T10:11:15Z"))
    );
    for (query, total) in [
        (format!("_id={}", pair()), 1),
        (format!("_id[in][]={UNKNOWN}&_id[in][]={}", pair()), 1),
        (format!("_id={UNKNOWN}"), 0),
        ("type=3&updated_at[gt]=1770113472".to_owned(), 1),
        ("updated_at%5Bgt%5D=1770113475".to_owned(), 1),
        ("updated_at%5Bgt%5D=1770113476".to_owned(), 0),
        ("name[ctn]=Ann".to_owned(), 1),
        ("name=Bob".to_owned(), 0),
    ] {
        let list = door.get(&format!("/chat/Dialog?{query}"), BOB).await.json();
        assert_eq!((&list["total_entries"], list["items"].as_array().unwrap().len()), (&json!(total), total), "{query}");
    }
    door.get("/chat/Dialog?count=1", ANN).await.is(200, r#"{"items":{"count":1}}"#);
    door.get("/chat/Dialog", EVE).await.is(200, r#"{"total_entries":0,"skip":0,"limit":100,"items":[]}"#);
    door.get("/chat/Dialog?color=red", ANN).await.is(422, r#"{"errors":{"color":["cannot be filtered by"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn one_deleted_dialog_is_answered_empty_and_several_by_three_lists() {
    let door = Door::open().await;
    let id = pair();
    door.ask("DELETE", &format!("/chat/Dialog/{id}.json"), &[ANN, FORM], "force=1").await.is(200, "");
    assert!(door.world.deletions.lock()[0].force, "the form body of a DELETE counts");
    door.ask("DELETE", &format!("/chat/Dialog/{id}?force=1"), &[ANN, FORM], "").await.is(200, "");
    assert!(door.world.deletions.lock()[1].force);
    door.ask("DELETE", &format!("/chat/Dialog/{UNKNOWN}"), &[ANN], "").await.is(404, NOT_FOUND);
    door.ask("DELETE", "/chat/Dialog/garbage", &[ANN], "").await.is(404, NOT_FOUND);
    door.ask("DELETE", &format!("/chat/Dialog/{id}"), &[EVE], "").await.is(403, FORBIDDEN);
    let answer = door.ask("DELETE", &format!("/chat/Dialog/{id},garbage,{UNKNOWN}"), &[ANN, FORM], "").await;
    answer.is(200, &format!(r#"{{"SuccessfullyDeleted":{{"ids":["{id}"]}},"NotFound":{{"ids":["garbage","{UNKNOWN}"]}},"WrongPermissions":{{"ids":[]}}}}"#));
    door.close().await;
}

#[tokio::test]
async fn a_listed_page_is_read_before_it_is_answered() {
    let door = Door::open().await;
    let path = format!("/chat/Message.json?chat_dialog_id={}", pair());
    let list = door.get(&path, ANN).await.json();
    assert_eq!((&list["skip"], &list["limit"], list.get("total_entries")), (&json!(0), &json!(100), None));
    let read: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["read_ids"]).collect();
    assert_eq!(read, [&json!([34, 78]), &json!([34]), &json!([34, 78])]);
    assert_eq!(
        (&list["items"][1]["delivered_ids"], &list["items"][0]["read"], &list["items"][1]["read"]),
        (&json!([34, 78]), &json!(1), &json!(0))
    );
    let mark = door.world.marks.lock()[0].clone();
    assert_eq!(
        (mark.user, mark.kind(), &mark.ranges, mark.relay),
        (ANN_ID, MarkKind::Read, &vec![Range { from: 1, upto: 1 }, Range { from: 3, upto: 3 }], false)
    );
    for suffix in ["&mark_as_read=0", "&mark_as_read=false", "&count=1"] {
        door.world.marks.lock().clear();
        door.get(&format!("{path}{suffix}"), ANN).await;
        assert!(door.world.marks.lock().is_empty(), "{suffix}");
    }
    door.get(&format!("{path}&count=1"), ANN).await.is(200, r#"{"items":{"count":3}}"#);
    for suffix in ["", "&mark_as_read=1"] {
        let answer = door.ask("HEAD", &format!("{path}{suffix}"), &[ANN], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert!(door.world.marks.lock().is_empty(), "a HEAD changes nothing");
    }
    door.close().await;
}

#[tokio::test]
async fn the_parameters_of_a_message_list_reach_the_log() {
    let door = Door::open().await;
    let query = "sort_desc=date_sent&limit=2000&skip=3&date_sent[gt]=1700000000&sender_id[in]=34,78&message[ctn]=a,b&attachments.type=photo&color=red&mark_as_read=0";
    let list = door.get(&format!("/chat/Message?chat_dialog_id={}&{query}", pair()), ANN).await.json();
    assert_eq!((&list["skip"], &list["limit"]), (&json!(3), &json!(1000)));
    let page = door.world.pages.lock()[0].clone();
    assert_eq!((page.reader, page.descending, page.skip, page.limit), (ANN_ID, true, 3, 1000));
    let filters: Vec<_> = page.filters.iter().map(|f| (f.field.as_str(), f.op(), f.values.clone(), f.numbers.clone())).collect();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        filters,
        [
            ("date_sent", Op::Gt, texts(&["1700000000"]), vec![1_700_000_000_000]),
            ("sender_id", Op::In, texts(&["34", "78"]), vec![34, 78]),
            ("message", Op::Ctn, texts(&["a,b"]), vec![]),
            ("attachments.type", Op::Eq, texts(&["photo"]), vec![]),
            ("color", Op::Eq, texts(&["red"]), vec![]),
        ]
    );
    for (path, status) in [
        ("/chat/Message".to_owned(), 422),
        (format!("/chat/Message?chat_dialog_id={UNKNOWN}"), 404),
        ("/chat/Message?chat_dialog_id=garbage".to_owned(), 404),
        (format!("/chat/Message?chat_dialog_id={}&limit=x", pair()), 422),
        (format!("/chat/Message?chat_dialog_id={}&date_sent[near]=1", pair()), 422),
        (format!("/chat/Message?chat_dialog_id={}&sort_asc=color", pair()), 422),
    ] {
        assert_eq!(door.get(&path, ANN).await.status, status, "{path}");
    }
    door.get(&format!("/chat/Message?chat_dialog_id={}", pair()), EVE).await.is(403, FORBIDDEN);
    door.close().await;
}

#[tokio::test]
async fn a_message_is_created_with_its_attachments_and_typed_keys() {
    let door = Door::open().await;
    let body = json!({"chat_dialog_id": pair().to_string(), "message": "a, b", "send_to_chat": 1, "markable": "1", "n": 7, "color": "red", "o": {"k[x]": [1]},
        "save_to_history": 1, "attachments": {"0": {"type": "photo", "size": 12}}});
    let answer = door.post("/chat/Message", ANN, body.to_string()).await;
    let message = answer.json();
    assert_eq!(
        (answer.status, &message["message"], &message["n"], &message["color"], &message["o"]),
        (201, &json!("a, b"), &json!(7), &json!("red"), &json!({"k[x]": [1]}))
    );
    assert_eq!(
        (&message["attachments"], &message["read_ids"], &message["recipient_id"]),
        (&json!([{"type": "photo", "size": "12"}]), &json!([34]), &json!(78))
    );
    assert_eq!(message.get("save_to_history"), None);
    let post = door.world.posts.lock()[0].clone();
    let sent = post.message.unwrap();
    assert_eq!((post.store, post.deliver, sent.markable, sent.sender, sent.id.len()), (true, true, true, ANN_ID, 12));
    assert_eq!(message["_id"], hex(&sent.id));
    assert!(sent.extensions.iter().any(|e| e.value == Some(extension::Value::Json("7".into()))));
    door.close().await;
}

#[tokio::test]
async fn a_message_to_a_user_finds_the_private_dialog() {
    let door = Door::open().await;
    let answer = door
        .ask("POST", "/chat/Message.json", &[ANN, FORM], "recipient_id=78&message=null&attachments[]=%5Bobject%20Object%5D")
        .await;
    assert_eq!((answer.status, &answer.json()["message"], &answer.json()["attachments"]), (201, &json!("null"), &json!([])));
    let post = door.world.posts.lock()[0].clone();
    assert_eq!((post.dialog, post.recipient, post.deliver), (pair().to_vec(), BOB_ID, false));
    door.post("/chat/Message", ANN, r#"{"message":"x"}"#).await.is(422, r#"{"errors":{"chat_dialog_id":["is required"]}}"#);
    door.post("/chat/Message", ANN, r#"{"recipient_id":34}"#).await.is(422, r#"{"errors":{"recipient_id":["is yourself"]}}"#);
    door.post("/chat/Message", ANN, format!(r#"{{"chat_dialog_id":"{UNKNOWN}","message":"x"}}"#)).await.is(404, NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn messages_are_marked_and_edited_by_id_or_all_at_once() {
    let door = Door::open().await;
    let (one, dialog) = (hex(&message_id(1)), pair().to_string());
    let put = async |path: &str, token, body: Value| door.ask("PUT", path, &[token, JSON], body.to_string()).await;

    put("/chat/Message.json", ANN, json!({"chat_dialog_id": dialog, "read": 1})).await.is(200, "");
    let all = door.world.marks.lock().pop().unwrap();
    assert_eq!((all.all, all.ids.len(), all.kind(), all.relay), (true, 0, MarkKind::Read, false));

    put(&format!("/chat/Message/{one}"), ANN, json!({"chat_dialog_id": dialog, "delivered": "true"})).await.is(200, "");
    let mark = door.world.marks.lock().pop().unwrap();
    assert_eq!((mark.all, &mark.ids, mark.kind()), (false, &vec![message_id(1).to_vec()], MarkKind::Delivered));

    put(&format!("/chat/Message/{one}"), ANN, json!({"message": "new"})).await.is(200, "");
    assert!(door.world.edits.lock()[0].dialog.is_empty(), "the dialog service looks for it among the caller's dialogs");
    put(&format!("/chat/Message/{one}"), BOB, json!({"chat_dialog_id": dialog, "message": "new"})).await.is(403, FORBIDDEN);
    put(&format!("/chat/Message/{one}"), EVE, json!({"message": "new"})).await.is(404, NOT_FOUND);
    put(&format!("/chat/Message/{UNKNOWN}"), ANN, json!({"chat_dialog_id": dialog, "read": 1})).await.is(404, NOT_FOUND);
    put("/chat/Message/garbage", ANN, json!({"chat_dialog_id": dialog, "read": 1})).await.is(404, NOT_FOUND);
    put("/chat/Message", ANN, json!({"read": 1})).await.is(422, r#"{"errors":{"chat_dialog_id":["is required"]}}"#);
    assert_eq!(put("/chat/Message", ANN, json!({"chat_dialog_id": dialog, "message": "x"})).await.status, 422);
    door.close().await;
}

#[tokio::test]
async fn deleted_messages_are_always_answered_by_three_lists() {
    let door = Door::open().await;
    let (one, two) = (hex(&message_id(1)), hex(&message_id(2)));
    let answer = door.ask("DELETE", &format!("/chat/Message/{one},{two},garbage,{UNKNOWN}.json"), &[ANN, FORM], "force=1").await;
    answer.is(200, &format!(r#"{{"SuccessfullyDeleted":{{"ids":["{two}"]}},"NotFound":{{"ids":["garbage","{UNKNOWN}"]}},"WrongPermissions":{{"ids":["{one}"]}}}}"#));
    assert!(door.world.removals.lock()[0].force);
    door.ask("DELETE", "/chat/Message/x", &[ANN], "")
        .await
        .is(200, r#"{"SuccessfullyDeleted":{"ids":[]},"NotFound":{"ids":["x"]},"WrongPermissions":{"ids":[]}}"#);
    door.close().await;
}

#[tokio::test]
async fn unread_counts_take_both_names_in_every_form_and_always_have_a_total() {
    let door = Door::open().await;
    let id = pair().to_string();
    door.get("/chat/Message/unread.json", ANN).await.is(200, r#"{"total":5}"#);
    for query in [
        format!("dialogs_ids[]={id}%2C{UNKNOWN}"),
        format!("dialogs_ids[]={id}&dialogs_ids[]={UNKNOWN}"),
        format!("chat_dialog_ids={id}%2C%20{UNKNOWN}"),
        format!("chat_dialog_ids={id},{UNKNOWN}"),
    ] {
        let answer = door.get(&format!("/chat/Message/unread?{query}"), ANN).await;
        answer.is(200, &format!(r#"{{"total":5,"{id}":2,"{UNKNOWN}":0}}"#));
    }
    door.get("/chat/Message/unread?dialogs_ids[]=garbage", ANN).await.is(200, r#"{"total":5,"garbage":0}"#);
    door.close().await;
}
