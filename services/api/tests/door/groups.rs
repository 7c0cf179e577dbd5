//! Groups and public dialogs at the door.
#![allow(clippy::unwrap_used)]

use natter_api::Options;
use natter_proto::dialog::v1::{ChangeDialogRequest, Dialog, DialogKind};
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::client::{ANN, BOB, Door, FORM, JSON};
use crate::fakes::{ANN_ID, BOB_ID, EVE_ID, closed, group, hex, lobby, message_id, pair};

const EVE: (&str, &str) = ("CB-Token", "eve");
const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
const FORBIDDEN: &str = r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#;
/// Well formed, and no dialog.
const UNKNOWN: &str = "aaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn a_group_is_created_from_every_form_of_its_fields() {
    let door = open(&[]).await;
    let whole = [
        (
            FORM,
            "name=Trip%20planning&occupants_ids=78%2C%20500%2C%2099&type=2&admins_ids[]=78&description=x&photo=p&extensions[location]=Bar&extensions[n]=1&permissions[allow_preview]=1",
        ),
        (
            JSON,
            r#"{"type":2,"name":"Trip planning","occupants_ids":"78, 500, 99","admins_ids":[78],"description":"x","photo":"p","extensions":{"location":"Bar","n":1},"permissions":{"allow_preview":true}}"#,
        ),
        (
            JSON,
            r#"{"type":"2","name":"Trip planning","occupants_ids":[78,"99",34,500,"x"],"admins_ids":"78","description":"x","photo":"p","extensions":{"location":"Bar","n":"1","z":null},"permissions":{"allow_preview":"1"}}"#,
        ),
    ];
    for (content_type, body) in whole {
        let answer = door.ask("POST", "/chat/Dialog.json", &[ANN, content_type], body).await;
        let dialog = answer.json();
        assert_eq!(answer.status, 201, "{body} {}", answer.body);
        assert_eq!(
            (&dialog["occupants_ids"], &dialog["occupants_count"], &dialog["admins_ids"], &dialog["user_id"]),
            (&json!([34, 78, 99]), &json!(3), &json!([78]), &json!(34)),
            "{body}"
        );
        assert_eq!(
            (&dialog["extensions"], &dialog["permissions"], &dialog["photo"], &dialog["description"]),
            (&json!({"location": "Bar", "n": "1"}), &json!({"allow_preview": true}), &json!("p"), &json!("x"))
        );
        assert_eq!(
            (&dialog["name"], &dialog["unread_messages_count"], &dialog["xmpp_room_jid"]),
            (&json!("Trip planning"), &json!(0), &json!("77_d4d4d4d4d4d4d4d4d4d4d4d4@muc.chat.example.test"))
        );
        let asked = door.world.creations.lock().pop().unwrap();
        assert_eq!((asked.kind(), asked.id.len()), (DialogKind::Group, 0), "the dialog service chooses the id");
    }
    // A group may lack everything but its owner.
    let alone = door.post("/chat/Dialog", ANN, r#"{"type":2,"occupants_ids":"34"}"#).await.json();
    assert_eq!((&alone["name"], &alone["occupants_ids"], &alone["extensions"]), (&Value::Null, &json!([34]), &Value::Null));
    assert_eq!((&alone["permissions"], &alone["photo"]), (&Value::Null, &Value::Null));
    door.post("/chat/Dialog", ANN, r#"{"type":2,"occupants_ids":"500, 501"}"#)
        .await
        .is(422, r#"{"errors":["Occupants_ids is missing opponent ID."]}"#);
    for (body, field) in [
        (r#"{"type":2,"extensions":"x"}"#, "extensions"),
        (
            &json!({"type": 2, "occupants_ids": (1..=10_001).map(|id| id.to_string()).collect::<Vec<_>>().join(",")}).to_string(),
            "occupants_ids",
        ),
    ] {
        let answer = door.post("/chat/Dialog", ANN, body).await;
        assert_eq!((answer.status, answer.json()["errors"][field].is_array()), (422, true), "{}", answer.body);
    }
    *door.world.dialog_fails.lock() = Some(Failure::of_field(Code::Invalid, "admins_ids", "names user 5, who is no occupant"));
    door.post("/chat/Dialog", ANN, r#"{"type":2,"admins_ids":[5]}"#)
        .await
        .is(422, r#"{"errors":{"admins_ids":["names user 5, who is no occupant"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn public_dialogs_have_a_name_and_no_occupants() {
    let door = open(&[]).await;
    for kind in [1, 4] {
        let body = json!({"type": kind, "name": "Lobby", "occupants_ids": [78, 99]}).to_string();
        let dialog = door.post("/chat/Dialog", ANN, body).await.json();
        assert_eq!(
            (&dialog["type"], &dialog["occupants_ids"], &dialog["occupants_count"]),
            (&json!(kind), &json!([]), &json!(1))
        );
        assert_eq!(door.world.creations.lock().pop().unwrap().members, [ANN_ID]);
        for name in ["", r#","name":"""#, r#","name":"  ""#, r#","name":null"#] {
            door.post("/chat/Dialog", ANN, format!(r#"{{"type":{kind}{name}}}"#))
                .await
                .is(422, r#"{"errors":{"name":["is required"]}}"#);
        }
    }
    door.close().await;
}

#[tokio::test]
async fn lists_are_filtered_by_what_groups_have() {
    let door = Door::open_with(Options { user_rate: 1_000, ..Options::default() }).await;
    *door.world.rooms.lock() = vec![group(), lobby()];
    let list = door.get("/chat/Dialog?sort_asc=name", ANN).await.json();
    let names: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["Lobby", "Trip planning", "bob"]);
    for (query, found) in [
        ("type=2", &["Trip planning"][..]),
        ("type[in]=1%2C2", &["Lobby", "Trip planning"]),
        ("type[in][]=1&type[in][]=4", &["Lobby"]),
        ("admins_ids=34", &["Lobby"]),
        ("admins_ids[all]=34%2C78", &["Lobby"]),
        ("admins_ids[all][]=34&admins_ids[all][]=99", &[]),
        ("admins_ids[in]=99%2C%2078", &["Lobby"]),
        ("admins_ids[]=99%2C78", &["Lobby"]),
        ("admins_ids[nin]=34", &["Trip planning", "bob"]),
        ("admins_ids%5Bne%5D=34", &["Trip planning", "bob"]),
        ("occupants_ids[all]=34,78", &["Trip planning", "bob"]),
        ("occupants_ids[or][]=34&occupants_ids[or][]=99", &["Trip planning", "bob"]),
        ("occupants_ids[ctn]=78&type=2", &["Trip planning"]),
        ("occupants_count[gt]=2", &["Lobby"]),
        ("extensions[location]=Bar", &["Trip planning"]),
        ("extensions%5Blocation%5D=Bar", &["Trip planning"]),
        ("extensions[location]=bar", &[]),
        ("extensions[location][ctn]=a", &["Trip planning"]),
        ("extensions[location][in]=Foo%2CBar", &["Trip planning"]),
        ("extensions[location][in][]=Foo&extensions[location][in][]=Bar", &["Trip planning"]),
        ("extensions[location][ne]=Bar", &["Lobby", "bob"]),
        ("extensions[in]=x", &[]),
        ("name=Trip%20planning", &["Trip planning"]),
        ("name[ctn]=rip%20p", &["Trip planning"]),
        ("name[in]=Lobby,bob", &["Lobby", "bob"]),
        ("user_id=78", &["Lobby"]),
    ] {
        let list = door.get(&format!("/chat/Dialog?sort_asc=name&{query}"), ANN).await.json();
        let names: Vec<&str> = list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!((names.as_slice(), &list["total_entries"]), (found, &json!(found.len())), "{query}");
        let count = json!({"items": {"count": found.len()}}).to_string();
        door.get(&format!("/chat/Dialog?count=1&{query}"), ANN).await.is(200, &count);
    }
    let list = door.get("/chat/Dialog?sort_asc=name&skip=1&limit=1", ANN).await.json();
    assert_eq!((&list["items"][0]["name"], &list["skip"], &list["limit"]), (&json!("Trip planning"), &json!(1), &json!(1)));
    door.get("/chat/Dialog?admins_ids=x", ANN).await.is(422, r#"{"errors":{"admins_ids":["is not a number"]}}"#);
    door.get("/chat/Dialog?extensions=x", ANN).await.is(422, r#"{"errors":{"extensions":["cannot be filtered by"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn a_dialog_is_changed_by_several_operators_at_once() {
    let door = open(&[group()]).await;
    let path = format!("/chat/Dialog/{}.json", id(&group()));
    let (pin, unpin) = (hex(&message_id(1)), hex(&message_id(2)));
    let body = json!({"name": "Book club", "photo": "uid", "description": null, "extensions": {"location": "Pub", "n": 2},
        "permissions": {"allow_preview": true}, "color": "red",
        "push_all": {"occupants_ids": ["99", 500, 78], "pinned_messages_ids": [pin], "admins_ids": [78]},
        "pull_all": {"occupants_ids": [500, "7"], "pinned_messages_ids": [unpin, "x"], "admins_ids": "99, 5"}});
    let answer = door.ask("PUT", &path, &[ANN, JSON], body.to_string()).await;
    let asked = door.world.changes.lock().pop().unwrap();
    let extensions = asked.extensions.clone().unwrap().values;
    assert_eq!((extensions.len(), extensions["location"].as_str(), extensions["n"].as_str()), (2, "Pub", "2"));
    assert_eq!(
        asked,
        ChangeDialogRequest {
            app: 77,
            dialog: group().id,
            user: ANN_ID,
            name: Some("Book club".into()),
            photo: Some("uid".into()),
            description: Some(String::new()),
            extensions: asked.extensions.clone(),
            allow_preview: Some(true),
            add_members: vec![BOB_ID, EVE_ID],
            remove_members: vec![7, 500],
            add_admins: vec![BOB_ID],
            remove_admins: vec![5, EVE_ID],
            pin: vec![message_id(1).to_vec()],
            unpin: vec![message_id(2).to_vec()],
        }
    );
    let dialog = answer.json();
    assert_eq!(
        (answer.status, &dialog["name"], &dialog["extensions"]),
        (200, &json!("Book club"), &json!({"location": "Pub", "n": "2"}))
    );
    assert_eq!((&dialog["pinned_messages_ids"], &dialog["admins_ids"]), (&json!([pin]), &json!([78])));
    assert_eq!((&dialog["last_message"], &dialog["unread_messages_count"]), (&json!("text 3"), &json!(2)));
    // What is not given stays.
    door.ask("PUT", &path, &[ANN, JSON], "{}").await;
    let nothing = ChangeDialogRequest { app: 77, dialog: group().id, user: ANN_ID, ..ChangeDialogRequest::default() };
    assert_eq!(door.world.changes.lock().pop().unwrap(), nothing);
    for body in
        [r#"{"extensions":null,"permissions":null,"name":null}"#, r#"{"extensions":{},"permissions":{"allow_preview":0}}"#]
    {
        let dialog = door.ask("PUT", &path, &[ANN, JSON], body).await.json();
        assert_eq!((&dialog["extensions"], &dialog["name"]), (&Value::Null, &json!("Trip planning")), "{body}");
        let asked = door.world.changes.lock().pop().unwrap();
        assert_eq!((asked.extensions.unwrap().values.len(), asked.allow_preview, asked.name), (0, Some(false), None), "{body}");
    }
    door.ask("PUT", &path, &[ANN, FORM], "push_all[occupants_ids][]=99&pull_all[occupants_ids]=34%2C78").await;
    let asked = door.world.changes.lock().pop().unwrap();
    assert_eq!((asked.add_members, asked.remove_members), (vec![EVE_ID], vec![ANN_ID, BOB_ID]));
    door.close().await;
}

#[tokio::test]
async fn who_leaves_a_group_is_told_no_more_of_it() {
    let door = open(&[group()]).await;
    let path = format!("/chat/Dialog/{}", id(&group()));
    let dialog = door.ask("PUT", &path, &[ANN, JSON], r#"{"pull_all":{"occupants_ids":[34]}}"#).await.json();
    assert_eq!(
        (&dialog["occupants_ids"], &dialog["last_message"], &dialog["unread_messages_count"]),
        (&json!([78]), &Value::Null, &json!(0))
    );
    door.close().await;
}

#[tokio::test]
async fn changes_that_may_not_be_are_refused() {
    let door = open(&[group(), closed()]).await;
    let fixed = r#"{"errors":["Occupants can be changed in group and public dialogs only"]}"#;
    for (id, body, status, text) in [
        (pair().to_string(), r#"{"push_all":{"occupants_ids":[99]}}"#, 403, fixed),
        (pair().to_string(), r#"{"pull_all":{"occupants_ids":"78"}}"#, 403, fixed),
        (pair().to_string(), r#"{"name":"x"}"#, 403, FORBIDDEN),
        (id(&closed()), r#"{"push_all":{"occupants_ids":[99]}}"#, 403, FORBIDDEN),
        (UNKNOWN.to_owned(), r#"{"name":"x"}"#, 404, NOT_FOUND),
        ("garbage".to_owned(), r#"{"name":"x"}"#, 404, NOT_FOUND),
        (id(&group()), r#"{"push_all":{"pinned_messages_ids":["x"]}}"#, 404, NOT_FOUND),
        (id(&group()), r#"{"extensions":[1]}"#, 422, r#"{"errors":{"extensions":["is not an object"]}}"#),
    ] {
        door.ask("PUT", &format!("/chat/Dialog/{id}"), &[ANN, JSON], body).await.is(status, text);
    }
    *door.world.dialog_fails.lock() = Some(Failure::of_field(Code::Invalid, "name", "is required"));
    door.ask("PUT", &format!("/chat/Dialog/{}", id(&group())), &[ANN, JSON], r#"{"name":""}"#)
        .await
        .is(422, r#"{"errors":{"name":["is required"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn admins_come_and_go_and_nothing_else_changes_by_that() {
    let door = open(&[group()]).await;
    let path = format!("/chat/Dialog/{}/admins.json", id(&group()));
    let body = r#"{"name":"x","push_all":{"admins_ids":[78,"99"],"occupants_ids":[99]}}"#;
    let dialog = door.ask("PUT", &path, &[ANN, JSON], body).await.json();
    assert_eq!((&dialog["admins_ids"], &dialog["name"]), (&json!([78, 99]), &json!("Trip planning")));
    let asked = door.world.changes.lock().pop().unwrap();
    let admins =
        ChangeDialogRequest { app: 77, dialog: group().id, user: ANN_ID, add_admins: vec![78, 99], ..Default::default() };
    assert_eq!(asked, admins);
    door.ask("PUT", &path, &[ANN, JSON], r#"{"pull_all":{"admins_ids":[78]}}"#).await;
    assert_eq!(door.world.changes.lock().pop().unwrap().remove_admins, [78]);
    door.ask("PUT", &path, &[EVE, JSON], body).await.is(403, FORBIDDEN);
    door.ask("PUT", &format!("/chat/Dialog/{UNKNOWN}/admins"), &[ANN, JSON], body).await.is(404, NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn public_dialogs_are_subscribed_to_and_left() {
    let door = open(&[group(), lobby()]).await;
    for path in ["/chat/dialog", "/chat/Dialog"] {
        let path = format!("{path}/{}/subscribe.json", id(&lobby()));
        // A JSON content type and no body.
        let answer = door.ask("POST", &path, &[ANN, JSON], "").await;
        let dialog = answer.json();
        assert_eq!((answer.status, &dialog["occupants_ids"], &dialog["occupants_count"]), (200, &json!([]), &json!(8)));
        assert_eq!((&dialog["unread_messages_count"], &dialog["admins_ids"]), (&json!(0), &json!([34, 78])));
        door.ask("DELETE", &path, &[ANN, FORM], "").await.is(200, "");
        let asked: Vec<_> = door.world.subscriptions.lock().drain(..).map(|asked| (asked.user, asked.leave)).collect();
        assert_eq!(asked, [(ANN_ID, false), (ANN_ID, true)]);
    }
    for method in ["POST", "DELETE"] {
        door.ask(method, &format!("/chat/Dialog/{}/subscribe", id(&group())), &[ANN], "").await.is(403, FORBIDDEN);
        door.ask(method, &format!("/chat/Dialog/{UNKNOWN}/subscribe"), &[ANN], "").await.is(404, NOT_FOUND);
        door.ask(method, "/chat/Dialog/garbage/subscribe", &[ANN], "").await.is(404, NOT_FOUND);
    }
    door.close().await;
}

#[tokio::test]
async fn notifications_are_on_until_they_are_switched_off() {
    let door = open(&[group()]).await;
    let path = format!("/chat/Dialog/{}/notifications.json", id(&group()));
    let (on, off) = (r#"{"notifications":{"enabled":1}}"#, r#"{"notifications":{"enabled":0}}"#);
    door.get(&path, ANN).await.is(200, on);
    for (content_type, body, answer) in [
        (JSON, r#"{"enabled":0}"#, off),
        (JSON, r#"{"enabled":"1"}"#, on),
        (JSON, r#"{"enabled":false}"#, off),
        (JSON, r#"{"enabled":true}"#, on),
        (FORM, "enabled=0", off),
    ] {
        door.ask("PUT", &path, &[ANN, content_type], body).await.is(200, answer);
        door.get(&path, ANN).await.is(200, answer);
    }
    door.ask("PUT", &path, &[ANN, JSON], "{}").await.is(422, r#"{"errors":{"enabled":["is required"]}}"#);
    door.get(&path, EVE).await.is(403, FORBIDDEN);
    door.get(&format!("/chat/Dialog/{UNKNOWN}/notifications"), ANN).await.is(404, NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn occupants_are_paged_as_bare_users() {
    let door = open(&[group(), lobby(), closed()]).await;
    let path = format!("/chat/Dialog/{}/occupants", id(&lobby()));
    for (query, ids) in [
        ("", &[ANN_ID, BOB_ID, EVE_ID][..]),
        ("?limit=100&skip=0", &[ANN_ID, BOB_ID, EVE_ID]),
        ("?limit=2", &[ANN_ID]),
        ("?limit=1&skip=2", &[BOB_ID]),
        ("?limit=5000&skip=3", &[EVE_ID]),
        ("?skip=4", &[]),
    ] {
        let items = door.get(&format!("{path}.json{query}"), EVE).await.json()["items"].clone();
        let found: Vec<u64> = items.as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()).collect();
        assert_eq!(found, ids, "{query}");
    }
    let items = door.get(&format!("/chat/Dialog/{}/occupants", id(&group())), ANN).await.json();
    assert_eq!((items["items"][0]["full_name"].as_str(), items["items"][1]["login"].as_str()), (Some("Ann Lee"), Some("bob")));
    door.get(&format!("/chat/Dialog/{}/occupants", id(&closed())), ANN).await.is(403, FORBIDDEN);
    door.get(&format!("/chat/Dialog/{UNKNOWN}/occupants"), ANN).await.is(404, NOT_FOUND);
    door.get(&format!("{path}?limit=x"), ANN).await.is(422, r#"{"errors":{"limit":["is not a number"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn a_history_is_cleared_for_oneself_or_for_all() {
    let door = open(&[group(), closed()]).await;
    let id = id(&group());
    door.ask("DELETE", &format!("/chat/Dialog/clearHistory/{id}.json"), &[ANN, FORM], "").await.is(200, "");
    door.ask("DELETE", &format!("/chat/Dialog/clearHistory/{id}"), &[ANN, FORM], "force=1").await.is(200, "");
    door.ask("DELETE", &format!("/chat/Dialog/clearHistory/{id},{}?force=true", pair()), &[ANN], "").await.is(200, "");
    let asked: Vec<_> = door.world.clearings.lock().iter().map(|asked| (asked.dialog.clone(), asked.force)).collect();
    assert_eq!(asked, [(group().id, false), (group().id, true), (group().id, true), (pair().to_vec(), true)]);
    door.ask("DELETE", &format!("/chat/Dialog/clearHistory/{}", self::id(&closed())), &[ANN], "").await.is(403, FORBIDDEN);
    door.ask("DELETE", &format!("/chat/Dialog/clearHistory/{UNKNOWN}"), &[ANN], "").await.is(404, NOT_FOUND);
    door.ask("DELETE", "/chat/Dialog/clearHistory/garbage", &[ANN], "").await.is(404, NOT_FOUND);
    door.close().await;
}

#[tokio::test]
async fn several_dialogs_are_deleted_at_once_and_each_is_accounted_for() {
    let door = open(&[group(), closed()]).await;
    let ids = format!("{},{},{UNKNOWN},{}", id(&group()), id(&closed()), pair());
    let answer = door.ask("DELETE", &format!("/chat/Dialog/{ids}.json"), &[ANN, FORM], "force=1").await;
    let lists = json!({"SuccessfullyDeleted": {"ids": [id(&group()), pair().to_string()]}, "NotFound": {"ids": [UNKNOWN]},
        "WrongPermissions": {"ids": [id(&closed())]}});
    answer.is(200, &lists.to_string());
    assert!(door.world.deletions.lock().iter().all(|asked| asked.force && asked.user == ANN_ID));
    door.ask("DELETE", &format!("/chat/Dialog/{}", id(&group())), &[BOB, FORM], "").await.is(200, "");
    door.close().await;
}

async fn open(rooms: &[Dialog]) -> Door {
    let door = Door::open().await;
    *door.world.rooms.lock() = rooms.to_vec();
    door
}

fn id(dialog: &Dialog) -> String {
    hex(&dialog.id)
}
