//! Attachments: what they are called and to whom they belong, as JSON.
#![allow(clippy::unwrap_used)]

use natter_api::Options;
use natter_proto::storage::v1::{CompleteRequest, ListRequest};
use serde_json::json;

use crate::client::{ANN, APP, BOB, Door, FORM, JSON};
use crate::fakes::{ANN_ID, APP_ID, UID, file};

#[tokio::test]
async fn a_blob_is_made_with_the_address_of_its_upload() {
    let door = Door::open().await;
    let body = r#"{"blob":{"name":"image.jpg","content_type":"image/jpeg","public":false}}"#;
    let made = door.post("/blobs.json", ANN, body).await;
    let expected = json!({"blob": {
        "id": 9001, "uid": UID, "content_type": "image/jpeg", "name": "image.jpg", "size": null, "public": false,
        "blob_status": null, "set_completed_at": null, "created_at": "2026-02-03T10:11:12Z", "updated_at": "2026-02-03T10:11:12Z",
        "blob_object_access": {
            "id": 9001, "blob_id": 9001, "expires": "2026-02-03T11:11:12Z", "object_access_type": "Write",
            "params": format!("http://x/blobs/{UID}/upload?key=k1"),
        },
    }});
    assert_eq!((made.status, made.json()), (201, expected));
    let made = door.ask("POST", "/blobs", &[ANN, FORM], "blob[name]=a%20b.txt&blob[public]=true").await;
    assert_eq!((made.status, &made.json()["blob"]["content_type"]), (201, &json!(null)));
    let asked = door.world.blob_creations.lock().clone();
    assert_eq!((asked[0].public, asked[1].public, asked[1].name.as_str()), (false, true, "a b.txt"));
    assert_eq!((asked[0].app, asked[0].user), (APP_ID, ANN_ID));
    door.post("/blobs", ANN, r#"{"blob":{}}"#).await.is(422, r#"{"errors":{"name":["is required"]}}"#);
    door.post("/blobs", APP, body).await.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
}

#[tokio::test]
async fn addresses_are_those_by_which_the_client_came_or_the_operators() {
    let door = Door::open().await;
    let params = |made: crate::client::Answer| made.json()["blob"]["blob_object_access"]["params"].as_str().unwrap().to_owned();
    let proxied = [ANN, JSON, ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example.test:8443")];
    let made = door.ask("POST", "/blobs", &proxied, r#"{"blob":{"name":"a"}}"#).await;
    assert!(params(made).starts_with("https://api.example.test:8443/blobs/"));
    // The SDK takes what stands before an `@` for a user, and sends the query along unparsed (contract rest 6.1).
    let made = door.ask("POST", "/blobs", &[ANN, JSON, ("X-Forwarded-Host", "a@b")], r#"{"blob":{"name":"a"}}"#).await;
    assert_eq!(made.status, 400);
    let door = Door::open_with(Options { public_url: "https://files.example.test/v9/".to_owned(), ..Options::default() }).await;
    let made = door.post("/blobs", ANN, r#"{"blob":{"name":"a"}}"#).await;
    assert_eq!(params(made), format!("https://files.example.test/v9/blobs/{UID}/upload?key=k1"));
}

#[tokio::test]
async fn a_size_is_taken_in_every_spelling() {
    let door = Door::open().await;
    for (kind, body, size) in [
        (JSON, r#"{"size": 8}"#, Some(8)),
        (JSON, r#"{"blob":{"size":"9"}}"#, Some(9)),
        (FORM, "size=10", Some(10)),
        (FORM, "size=undefined", None),
        (JSON, "", None),
    ] {
        door.ask("PUT", "/blobs/9001/complete.json", &[ANN, kind], body).await.is(200, "");
        let asked = door.world.completions.lock().pop().unwrap();
        assert_eq!(asked, CompleteRequest { app: APP_ID, user: ANN_ID, id: 9001, size }, "{body}");
    }
    let refused = door.ask("PUT", "/blobs/9001/complete.json", &[ANN, FORM], "size=many").await;
    refused.is(422, r#"{"errors":{"size":["is not a number"]}}"#);
    door.ask("PUT", &format!("/blobs/{UID}/complete"), &[ANN, JSON], "").await.is(404, NOT_FOUND);
}

#[tokio::test]
async fn what_is_known_of_a_file_is_found_by_number_and_by_uid() {
    let door = Door::open().await;
    door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", false));
    let found = door.get("/blobs/9001.json", ANN).await;
    let shown = &found.json()["blob"];
    assert_eq!((&shown["size"], &shown["blob_status"]), (&json!(8), &json!("complete")));
    assert_eq!(shown["set_completed_at"], "2026-02-03T10:11:12Z");
    for path in ["/blobs/9001".to_owned(), format!("/blobs/{UID}.json")] {
        assert_eq!(door.get(&path, ANN).await.json(), found.json(), "{path}");
    }
    door.get("/blobs/9002", ANN).await.is(404, NOT_FOUND);
    let object = door.get(&format!("/blobs/{UID}/object?download_url=1"), ANN).await.json();
    let url = format!("http://x/blobs/{UID}?token=ann");
    assert_eq!(object["blob"]["blob_object_access"], json!({"download_url": url, "dowload_url": url}));
    door.world.files.lock()[0].0.public = true;
    let object = door.get(&format!("/blobs/{UID}/object"), BOB).await.json();
    assert_eq!(object["blob"]["blob_object_access"]["download_url"], format!("http://x/blobs/{UID}"));
}

#[tokio::test]
async fn the_get_that_renames_renames_and_a_head_does_not() {
    let door = Door::open().await;
    door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", false));
    let path = "/blobs/9001.json?blob[name]=neu.jpg";
    let head = door.ask("HEAD", path, &[ANN], "").await;
    assert_eq!((head.status, door.world.renames.lock().len()), (200, 0));
    let renamed = door.get(path, ANN).await;
    assert_eq!((renamed.status, &renamed.json()["blob"]["name"]), (200, &json!("neu.jpg")));
    assert_eq!(renamed.header("cache-control"), Some("no-store"));
    let renamed = door.ask("PUT", "/blobs/9001", &[ANN, JSON], r#"{"blob":{"name":"x"}}"#).await;
    assert_eq!((renamed.status, &renamed.json()["blob"]["name"]), (200, &json!("x")));
    assert_eq!(door.get(path, BOB).await.status, 403);
    // By its uid a file is looked at, whatever the query says.
    let shown = door.get(&format!("/blobs/{UID}.json?blob[name]=neu.jpg"), ANN).await;
    assert_eq!((shown.status, &shown.json()["blob"]["name"]), (200, &json!("image.jpg")));
    assert_eq!(door.world.renames.lock().len(), 3);
    door.ask("DELETE", "/blobs/9001.json", &[ANN], "").await.is(200, "");
    assert_eq!(*door.world.blob_deletions.lock(), [9001]);
}

#[tokio::test]
async fn lists_have_pages() {
    let door = Door::open().await;
    door.world.files.lock().push(file(b"12345678", "image.jpg", "image/jpeg", false));
    let list = door.get("/blobs.json?page=2&per_page=5", ANN).await.json();
    assert_eq!((&list["current_page"], &list["per_page"], &list["total_entries"]), (&json!(2), &json!(5), &json!(9)));
    assert_eq!(list["items"][0]["blob"]["uid"], UID);
    door.get("/blobs.json", ANN).await;
    door.get("/blobs.json?page=0&per_page=100000", ANN).await;
    let asked = door.world.blob_lists.lock().clone();
    let of = |skip, limit| ListRequest { app: APP_ID, user: ANN_ID, skip, limit, after: 0 };
    assert_eq!(asked, [of(5, 5), of(0, 10), of(0, 100)]);
}

const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
