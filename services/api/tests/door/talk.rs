//! Messages in groups, reactions, system messages and search at the door.
#![allow(clippy::unwrap_used)]

use natter_proto::dialog::v1::Dialog;
use natter_proto::event::v1::MarkKind;
use natter_proto::history::v1::Op;
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::client::{ANN, BOB, Door, FORM, JSON};
use crate::fakes::{ANN_ID, BOB_ID, closed, group, hex, lobby, message_id, pair};

const EVE: (&str, &str) = ("CB-Token", "eve");
const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
const FORBIDDEN: &str = r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#;
const UNKNOWN: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn messages_of_a_group_have_no_recipient_and_all_its_readers() {
    let door = open(&[group(), closed()]).await;
    let list = door.get(&list_of(&group(), ""), ANN).await.json();
    let [first, second] = &list["items"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!(
        (&first["chat_dialog_id"], &first["recipient_id"], &first["sender_id"], &first["read"], &first["views_count"]),
        (&json!(hex(&group().id)), &json!(0), &json!(78), &json!(0), &json!(0))
    );
    assert_eq!((&first["read_ids"], &second["read_ids"]), (&json!([34, 78]), &json!([34])));
    assert_eq!(second["delivered_ids"], json!([34, 78]));
    let mark = door.world.marks.lock().pop().unwrap();
    assert_eq!((&mark.dialog, mark.user, mark.kind()), (&group().id, ANN_ID, MarkKind::Read));
    door.get(&list_of(&group(), ""), EVE).await.is(403, FORBIDDEN);
    door.get(&list_of(&closed(), ""), ANN).await.is(403, FORBIDDEN);
    door.close().await;
}

#[tokio::test]
async fn a_public_dialog_is_read_by_everybody_and_keeps_no_book_of_it() {
    let door = open(&[lobby()]).await;
    let list = door.get(&list_of(&lobby(), "&preview=1&limit=7"), EVE).await.json();
    assert_eq!(
        (&list["limit"], &list["items"][0]["read_ids"], &list["items"][0]["views_count"]),
        (&json!(7), &json!([78]), &json!(0))
    );
    assert!(door.world.marks.lock().is_empty());
    door.close().await;
}

#[tokio::test]
async fn all_messages_of_a_group_are_marked_at_once() {
    let door = open(&[group(), closed()]).await;
    for (content_type, body, kind) in [
        (JSON, json!({"chat_dialog_id": hex(&group().id), "read": 1}).to_string(), MarkKind::Read),
        (FORM, format!("chat_dialog_id={}&delivered=1", hex(&group().id)), MarkKind::Delivered),
    ] {
        door.ask("PUT", "/chat/Message.json", &[ANN, content_type], body).await.is(200, "");
        let mark = door.world.marks.lock().pop().unwrap();
        assert_eq!((mark.dialog.clone(), mark.all, mark.kind(), mark.relay), (group().id, true, kind, false));
    }
    for (dialog, status, text) in [(UNKNOWN.to_owned(), 404, NOT_FOUND), (hex(&closed().id), 403, FORBIDDEN)] {
        let body = json!({"chat_dialog_id": dialog, "read": 1}).to_string();
        door.ask("PUT", "/chat/Message.json", &[ANN, JSON], body).await.is(status, text);
    }
    assert!(door.world.marks.lock().is_empty());
    door.close().await;
}

#[tokio::test]
async fn a_preview_shows_the_newest_messages_where_it_is_allowed() {
    let open_to_see = Dialog { allow_preview: Some(true), members: vec![ANN_ID, BOB_ID], ..closed() };
    let door = open(&[open_to_see.clone(), group()]).await;
    let path = list_of(&open_to_see, "&preview=1&limit=3&skip=2&sort_desc=date_sent&count=1");
    let list = door.get(&path, EVE).await.json();
    let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["message"]).collect();
    assert_eq!((ids, &list["skip"], &list["limit"]), (vec![&json!("text 1"), &json!("text 2")], &json!(0), &json!(20)));
    let page = door.world.pages.lock().pop().unwrap();
    assert_eq!((page.reader, page.descending, page.skip, page.limit, page.count_only), (0, true, 0, 20, false));
    assert!(door.world.marks.lock().is_empty(), "who only looks reads nothing");
    // Members get the page they ask for, with a preview or without.
    let path = list_of(&open_to_see, "&preview=1&limit=3&skip=2");
    assert_eq!(door.get(&path, ANN).await.json()["limit"], 3);
    let page = door.world.pages.lock().pop().unwrap();
    assert_eq!((page.reader, page.skip, page.limit), (ANN_ID, 2, 3));
    door.get(&list_of(&open_to_see, ""), EVE).await.is(403, FORBIDDEN);
    door.get(&list_of(&group(), "&preview=1"), EVE).await.is(403, FORBIDDEN);
    door.get(&format!("/chat/Message?chat_dialog_id={UNKNOWN}&preview=1"), EVE).await.is(404, NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn reactions_are_put_taken_back_and_listed() {
    let door = open(&[]).await;
    let path = format!("/chat/Message/{}/reactions.json", hex(&message_id(1)));
    for (content_type, body, add, remove) in [
        (JSON, r#"{"add":"+"}"#, "+", ""),
        (JSON, r#"{"remove":"+"}"#, "", "+"),
        (JSON, "{\"add\":\"\u{1f600}\",\"remove\":\"null\"}", "\u{1f600}", "null"),
        (FORM, "add=%F0%9F%98%80&remove=a%2Cb", "\u{1f600}", "a,b"),
    ] {
        door.ask("PUT", &path, &[ANN, content_type], body).await.is(200, "");
        let asked = door.world.reacted.lock().pop().unwrap();
        assert_eq!(
            (asked.user, &asked.id[..], asked.add.as_str(), asked.remove.as_str()),
            (ANN_ID, &message_id(1)[..], add, remove)
        );
    }
    for body in ["", "{}", r#"{"add":"","remove":null}"#] {
        door.ask("PUT", &path, &[ANN, JSON], body).await.is(422, r#"{"errors":{"add":["is required"]}}"#);
    }
    door.get(&path, ANN).await.is(200, "{\"+\":[34,78],\"\u{1f600}\":[78]}");
    for id in [UNKNOWN, "garbage"] {
        door.get(&format!("/chat/Message/{id}/reactions"), ANN).await.is(404, NOT_FOUND);
        door.ask("PUT", &format!("/chat/Message/{id}/reactions"), &[ANN, JSON], r#"{"add":"+"}"#).await.is(404, NOT_FOUND);
    }
    *door.world.dialog_fails.lock() = Some(Failure::of_field(Code::TooLarge, "add", "is one reaction too many of this user"));
    let full = r#"{"errors":{"add":["is one reaction too many of this user"]}}"#;
    door.ask("PUT", &path, &[ANN, JSON], r#"{"add":"x"}"#).await.is(413, full);
    *door.world.dialog_fails.lock() = Some(Failure::new(Code::Forbidden, "no member"));
    door.ask("PUT", &path, &[ANN, JSON], r#"{"add":"x"}"#).await.is(403, FORBIDDEN);
    door.get(&path, ANN).await.is(403, FORBIDDEN);
    door.close().await;
}

#[tokio::test]
async fn listed_messages_show_their_reactions_to_the_viewer() {
    let door = open(&[]).await;
    for (token, own) in [(ANN, json!(["+"])), (BOB, json!(["+", "-"]))] {
        let path = format!("/chat/Message?chat_dialog_id={}&mark_as_read=0", pair());
        let list = door.get(&path, token).await.json();
        let reactions: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["reactions"]).collect();
        let third = if token == ANN { json!([]) } else { json!(["+"]) };
        assert_eq!(
            reactions,
            [&json!({"own": own, "total": {"+": 2, "-": 1}}), &Value::Null, &json!({"own": third, "total": {"+": 1}})]
        );
    }
    door.close().await;
}

#[tokio::test]
async fn a_system_message_is_what_the_chat_connection_would_send() {
    let door = open(&[]).await;
    let body = r#"{"recipientId":"78","any":"x<y","obj":{"k":"v"},"n":1,"body":"hi"}"#;
    let answer = door.post("/chat/Message/system.json", ANN, body).await;
    let asked = door.world.headlines.lock().pop().unwrap();
    let headline = asked.headline.unwrap();
    answer.is(
        200,
        &format!(
            r#"{{"messageId":"{}","recipientId":78,"extensionParams":{{"any":"x<y","obj":{{"k":"v"}},"n":1,"body":"hi"}}}}"#,
            headline.stanza_id
        ),
    );
    assert_eq!((asked.app, asked.recipient, headline.user, headline.stanza_id.len()), (77, BOB_ID, ANN_ID, 24));
    assert_eq!(
        headline.children,
        r#"<body>hi</body><extraParams xmlns="jabber:client"><moduleIdentifier>SystemNotifications</moduleIdentifier><any>x&lt;y</any><obj><k>v</k></obj><n>1</n></extraParams>"#
    );
    for (body, status, text) in [
        ("{}", 422, r#"{"errors":{"recipientId":["is required"]}}"#),
        (r#"{"recipientId":500}"#, 404, r#"{"errors":["User not found"]}"#),
        (r#"{"recipientId":"x"}"#, 404, r#"{"errors":["User not found"]}"#),
        (r#"{"recipientId":78,"a b":1}"#, 422, r#"{"errors":{"a b":["cannot be the name of an XML element"]}}"#),
        (
            &json!({"recipientId": 78, "a": "x".repeat(250 << 10)}).to_string(),
            413,
            r#"{"errors":["The request body is too large"]}"#,
        ),
    ] {
        door.post("/chat/Message/system", ANN, body).await.is(status, text);
    }
    assert!(door.world.headlines.lock().is_empty());
    *door.world.dialog_fails.lock() = Some(Failure::new(Code::NotStored, "disk full"));
    assert_eq!(door.post("/chat/Message/system", ANN, body).await.status, 503);
    door.close().await;
}

#[tokio::test]
async fn a_search_finds_messages_and_names_and_reads_nothing() {
    let door = open(&[group(), lobby(), closed()]).await;
    let dates = "start_date=2026-02-04T00%3A00%3A00.000Z&end_date=2026-02-01T00%3A00%3A00.000Z";
    let ids = format!("{}%2C%20{}%2C{}", pair(), hex(&group().id), hex(&closed().id));
    let found = door.get(&format!("/chat/search.json?search_text=text&chat_dialog_ids={ids}&{dates}&limit=4"), ANN).await.json();
    let results = &found["results"];
    let messages: Vec<_> = results["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["chat_dialog_id"].as_str().unwrap(), m["message"].as_str().unwrap()))
        .collect();
    let (pair_id, group_id) = (pair().to_string(), hex(&group().id));
    let mut dialogs = texts(&results["dialogs"], "_id");
    dialogs.sort();
    let mut expected = vec![pair_id.clone(), group_id.clone()];
    expected.sort();
    assert_eq!((messages[0], messages.len(), dialogs), ((pair_id.as_str(), "text 3"), 4, expected));
    let dates: Vec<u64> = results["messages"].as_array().unwrap().iter().map(|m| m["date_sent"].as_u64().unwrap()).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "{dates:?}");
    assert_eq!(
        (texts(&results["users"], "login"), &results["messages"][0]["read_ids"]),
        (vec!["ann".to_owned(), "bob".to_owned()], &json!([78]))
    );
    assert_eq!(results["messages"][0]["reactions"], json!({"own": [], "total": {"+": 1}}));
    assert!(door.world.marks.lock().is_empty(), "to look for a message is not to read it");
    let pages = std::mem::take(&mut *door.world.pages.lock());
    assert_eq!(pages.len(), 2, "Ann is no member of the third");
    for page in pages {
        assert_eq!((page.reader, page.descending, page.limit), (ANN_ID, true, 4));
        let filters: Vec<_> =
            page.filters.iter().map(|f| (f.field.as_str(), f.op(), f.values[0].as_str(), f.numbers.clone())).collect();
        assert_eq!(
            filters,
            [
                ("date_sent", Op::Gte, "1769904000", vec![1_769_904_000_000]),
                ("date_sent", Op::Lte, "1770163200", vec![1_770_163_200_000]),
                ("message", Op::Ctn, "text", vec![]),
            ]
        );
    }
    door.close().await;
}

#[tokio::test]
async fn a_search_looks_at_the_names_of_all_dialogs_and_the_messages_of_ten() {
    let many = |n: u8| Dialog { id: vec![0xe0 + n; 12], updated_at: group().updated_at + 5_000 + i64::from(n), ..group() };
    let mut rooms: Vec<Dialog> = (0..11).map(many).collect();
    rooms.push(Dialog { id: vec![0xd0; 12], name: Some("The Old Boat".into()), ..group() });
    let door = open(&rooms).await;
    let results = door.get("/chat/search?search_text=Boat&limit=2", ANN).await.json()["results"].clone();
    let mut scanned: Vec<u8> = door.world.pages.lock().iter().map(|page| page.dialog[0]).collect();
    scanned.sort_unstable();
    assert_eq!(scanned, (0xe1..=0xea).collect::<Vec<u8>>(), "those that moved last");
    assert_eq!((texts(&results["dialogs"], "name"), &results["messages"]), (vec!["The Old Boat".to_owned()], &json!([])));
    let results = door.get("/chat/search?search_text=text&limit=2", ANN).await.json()["results"].clone();
    assert_eq!(results["messages"].as_array().unwrap().len(), 2);
    let results = door.get("/chat/search?search_text=Boat&limit=0", ANN).await.json()["results"].clone();
    assert_eq!(results, json!({"dialogs": [], "messages": [], "users": []}));
    let only = format!("/chat/search?search_text=Old%20Bo&chat_dialog_ids={}", hex(&[0xd0; 12]));
    assert_eq!(texts(&door.get(&only, ANN).await.json()["results"]["dialogs"], "name"), ["The Old Boat"]);
    let elsewhere = format!("/chat/search?search_text=Old%20Bo&chat_dialog_ids={}", hex(&closed().id));
    assert_eq!(door.get(&elsewhere, ANN).await.json()["results"], json!({"dialogs": [], "messages": [], "users": []}));
    for (query, text) in [
        ("", r#"{"errors":{"search_text":["is required"]}}"#),
        ("search_text=abc", r#"{"errors":{"search_text":["is shorter than 4 characters"]}}"#),
        ("search_text=abcd&start_date=5", r#"{"errors":{"end_date":["is required beside start_date"]}}"#),
        (
            "search_text=abcd&start_date=1600000000&end_date=1700000000",
            r#"{"errors":{"start_date":["is more than 3 months from end_date"]}}"#,
        ),
    ] {
        door.get(&format!("/chat/search?{query}"), ANN).await.is(422, text);
    }
    door.close().await;
}

async fn open(rooms: &[Dialog]) -> Door {
    let door = Door::open().await;
    *door.world.rooms.lock() = rooms.to_vec();
    door
}

fn list_of(dialog: &Dialog, query: &str) -> String {
    format!("/chat/Message.json?chat_dialog_id={}{query}", hex(&dialog.id))
}

fn texts(items: &Value, key: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}
