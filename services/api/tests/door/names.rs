//! Names of apps: what is asked with them, and which name stands in an answer.
#![allow(clippy::unwrap_used)]

use natter_api::Options;
use serde_json::json;

use crate::client::{ANN, APP, Answer, BOB, Door, JSON};
use crate::fakes::{OTHERS_NAME, OWN_NAME, UID, file, group};

const OWN: (&str, &str) = ("Host", "api.own.example:8443");
const OTHERS: (&str, &str) = ("Host", "api.other.example:8443");
const SHARED: (&str, &str) = ("Host", "api.example.test:8443");
const BLOB: &str = r#"{"blob":{"name":"a"}}"#;

#[tokio::test]
async fn by_a_name_of_another_app_a_token_and_a_key_are_unknown() {
    let door = Door::open().await;
    door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", true));
    for host in [OTHERS, ("Host", OTHERS_NAME), ("X-Forwarded-Host", OTHERS_NAME)] {
        let refused = door.ask("GET", "/session.json", &[ANN, host], "").await;
        assert_eq!(refused.status, 401, "{host:?}");
        refused.is(401, r#"{"errors":{"base":["Required session does not exist"]}}"#);
        let sign_up = r#"{"user":{"login":"new","password":"secret"}}"#;
        let refused = door.ask("POST", "/users.json", &[("CB-AuthKey", "demoKey"), JSON, host], sign_up).await;
        refused.is(401, r#"{"errors":["Unauthorized"]}"#);
        let refused = door.ask("GET", &format!("/blobs/{UID}"), &[host], "").await;
        refused.is(404, r#"{"errors":["The resource wasn't found"]}"#);
    }
    assert!(door.world.sign_ups.lock().is_empty());
    for host in [OWN, SHARED] {
        assert_eq!(door.ask("GET", "/session.json", &[ANN, host], "").await.status, 200);
        assert_eq!(door.ask("GET", &format!("/blobs/{UID}"), &[host], "").await.status, 200);
    }
}

#[tokio::test]
async fn the_name_that_a_client_came_by_is_asked_about_without_its_port() {
    let door = Door::open().await;
    let open = r#"{"application_id":77,"auth_key":"demoKey","nonce":1,"timestamp":2,"signature":"x"}"#;
    for (host, name) in [
        (OWN, OWN_NAME),
        (("Host", OWN_NAME), OWN_NAME),
        (("X-Forwarded-Host", OWN_NAME), OWN_NAME),
        (("Host", "[::1]:8443"), "[::1]"),
    ] {
        door.ask("POST", "/session.json", &[JSON, host], open).await;
        door.ask("POST", "/password/reset/77-34-x", &[JSON, host], r#"{"password":"better"}"#).await;
        assert_eq!(door.world.opened.lock().pop().unwrap().host, name, "{host:?}");
        assert_eq!(door.world.resets.lock().pop().unwrap().host, name, "{host:?}");
    }
}

#[tokio::test]
async fn addresses_of_files_name_the_app_to_who_came_by_its_name_and_else_the_installation() {
    let settings = ["", "https://files.example.test:444/v9/"];
    let expected = [
        ["http://api.own.example:8443", "http://api.example.test:8443"],
        ["https://api.own.example:8443/v9", "https://files.example.test:444/v9"],
    ];
    for (setting, roots) in settings.into_iter().zip(expected) {
        let door = Door::open_with(Options { public_url: setting.to_owned(), ..Options::default() }).await;
        *door.world.has_names.lock() = true;
        door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", true));
        for (host, root) in [OWN, SHARED].into_iter().zip(roots) {
            let made = door.ask("POST", "/blobs.json", &[ANN, JSON, host], BLOB).await;
            let access = |answer: &Answer, field: &str| answer.json()["blob"]["blob_object_access"][field].clone();
            assert_eq!(access(&made, "params"), format!("{root}/blobs/{UID}/upload?key=k1"), "{setting} {host:?}");
            let object = door.ask("GET", &format!("/blobs/{UID}/object"), &[ANN, host], "").await;
            assert_eq!(access(&object, "download_url"), format!("{root}/blobs/{UID}"), "{setting} {host:?}");
        }
    }
}

#[tokio::test]
async fn a_mail_names_the_app_whatever_name_the_client_came_by() {
    let door = Door::open().await;
    *door.world.has_names.lock() = true;
    for (token, page) in [(ANN, "https://api.own.example/password/reset/"), (APP, "https://api.example.test/password/reset/")] {
        for host in [OWN, SHARED, ("X-Forwarded-Host", "evil.example")] {
            door.ask("POST", "/users/password/reset", &[token, JSON, host], r#"{"email":"ann@example.test"}"#).await.is(200, "");
            assert_eq!(door.world.forgotten.lock().pop().unwrap().page, page, "{host:?}");
        }
    }
}

#[tokio::test]
async fn rooms_are_addressed_at_the_name_that_the_client_came_by() {
    let door = Door::open().await;
    *door.world.has_names.lock() = true;
    door.world.rooms.lock().push(group());
    for (token, host, domain) in
        [(ANN, OWN, "muc.chat.own.example"), (ANN, SHARED, "muc.chat.example.test"), (BOB, OWN, "muc.chat.example.test")]
    {
        let room = json!(format!("77_{}@{domain}", "a1".repeat(12)));
        for path in ["/chat/Dialog.json", "/chat/Dialog.json?_id=a1a1a1a1a1a1a1a1a1a1a1a1"] {
            let listed = door.ask("GET", path, &[token, host], "").await.json();
            let rooms: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["xmpp_room_jid"].clone()).collect();
            assert!(rooms.contains(&room), "{host:?} {path} {rooms:?}");
        }
    }
}
