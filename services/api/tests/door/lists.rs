//! Lists of users at the door.
#![allow(clippy::unwrap_used)]

use natter_api::Options;
use natter_proto::account::v1::{ListUsersRequest, UserOp};
use natter_proto::{Code, Failure};
use serde_json::{Value, json};

use crate::client::{ANN, APP, Door};

#[tokio::test]
async fn lists_of_the_first_version_wrap_their_items() {
    let door = Door::open().await;
    for (path, page, per_page) in [
        ("/users.json?", 1, 10),
        ("/users?page=3&per_page=20", 3, 20),
        ("/users/by_full_name.json?full_name=Lee&page=3&per_page=20", 3, 20),
        ("/users/by_tags.json?tags[]=vip%2Cstaff&per_page=1000", 1, 100),
    ] {
        let answer = door.get(path, APP).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.body);
        let list = answer.json();
        let head = json!([list["current_page"], list["per_page"], list["total_entries"]]);
        assert_eq!(head, json!([page, per_page, 7]), "{path}");
        let items: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["user"]["id"].as_u64().unwrap()).collect();
        assert_eq!((items, &list["items"][1]["user"]["user_tags"]), (vec![34, 78], &json!("vip,staff")), "{path}");
        let asked = door.world.lists.lock().pop().unwrap();
        assert_eq!((asked.app, asked.skip, asked.limit), (77, (page - 1) * per_page, per_page as u32), "{path}");
    }
    door.close().await;
}

#[tokio::test]
async fn what_a_list_looks_for_reaches_the_account_service() {
    let door = Door::open().await;
    for (path, filters, sort, descending) in [
        (
            "/users.json?filter[]=number%20id%20in%205%2C6&order=desc%20string%20updated_at",
            json!([["id", "In", [], [5, 6]]]),
            "updated_at",
            true,
        ),
        (
            "/users?filter[]=string%20login%20eq%20a1%2Cstring%20created_at%20gt%202015-01-01",
            json!([["login", "Eq", ["a1"], []], ["created_at", "Gt", [], [1_420_070_400_000_i64]]]),
            "",
            false,
        ),
        ("/users?external_user_id=67", json!([["external_user_id", "Eq", [], [67]]]), "", false),
        ("/users/by_full_name?full_name=Ann%20Lee", json!([["full_name", "Contain", ["Ann Lee"], []]]), "", false),
        ("/users/by_tags?tags[]=a&tags[]=b", json!([["user_tags", "In", ["a", "b"], []]]), "", false),
        ("/users/by_tags?tags[]=a%2Cb", json!([["user_tags", "In", ["a", "b"], []]]), "", false),
        ("/users/v2?login[in][]=a&login[in][]=b&sort_asc=login", json!([["login", "In", ["a", "b"], []]]), "login", false),
    ] {
        assert_eq!(door.get(path, ANN).await.status, 200, "{path}");
        let asked = door.world.lists.lock().pop().unwrap();
        assert_eq!((shown(&asked), asked.sort.as_str(), asked.descending), (filters, sort, descending), "{path}");
    }
    for (path, body) in [
        ("/users?filter[]=nonsense", r#"{"errors":{"filter":["is not <type> <field> <operator> <value>"]}}"#),
        ("/users?filter[]=string%20custom_data%20eq%20x", r#"{"errors":{"filter":["cannot be filtered by"]}}"#),
        ("/users?order=up", r#"{"errors":{"order":["is not <direction> <type> <field>"]}}"#),
        ("/users?page=x", r#"{"errors":{"page":["is not a number"]}}"#),
        ("/users/by_full_name", r#"{"errors":{"full_name":["is required"]}}"#),
        ("/users/by_tags?tags[]=", r#"{"errors":{"tags":["is required"]}}"#),
    ] {
        door.get(path, ANN).await.is(422, body);
    }
    door.close().await;
}

#[tokio::test]
async fn lists_of_the_second_version_have_bare_items_and_name_whom_they_look_for() {
    let door = Door::open().await;
    let list = door.get("/users/v2.json?full_name[start_with]=anna&offset=3", APP).await.json();
    assert_eq!(json!([list["limit"], list["skip"], list["total_entries"]]), json!([5, 3, 7]));
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["user_tags"]), (&json!(34), &Value::Null));
    assert_eq!(list["items"][1]["user_tags"], json!(["vip", "staff"]));
    for path in ["/users/v2.json?", "/users/v2?limit=10", "/users/v2?created_at[gt]=5", "/users/v2?login[nin][]=a"] {
        let answer = door.get(path, ANN).await;
        assert_eq!(answer.status, 422, "{path}");
        assert!(answer.json()["errors"]["base"][0].as_str().unwrap().contains("user_tags"), "{}", answer.body);
    }
    let short = r#"{"errors":{"login":["needs 4 characters or more to start with"]}}"#;
    door.get("/users/v2?login[start_with]=ann", ANN).await.is(422, short);
    *door.world.account_fails.lock() = Some(Failure::new(Code::TooLarge, "this app has too many users"));
    door.get("/users/v2?login=ann", ANN).await.is(413, r#"{"errors":["this app has too many users"]}"#);
    door.ask("GET", "/users/v2?login=ann", &[], "").await.is(401, r#"{"errors":{"base":["Token is required"]}}"#);
    door.close().await;
}

#[tokio::test]
async fn users_online_are_listed_and_counted() {
    let door = Door::open().await;
    door.get("/users/online.json?count=true", APP).await.is(200, r#"{"count":3}"#);
    let ids = async |path: &str| -> Vec<u64> {
        let answer = door.get(path, APP).await.json();
        answer["users"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("/users/online.json?").await, [34, 78], "who was deleted meanwhile is left out");
    assert_eq!(ids("/users/online?limit=1&offset=2").await, [78]);
    assert_eq!(ids("/users/online?limit=1&offset=9").await, [0; 0]);
    door.close().await;
}

#[tokio::test]
async fn the_operator_may_forbid_lists_that_name_nobody() {
    let door = Door::open_with(Options { user_lists: false, ..Options::default() }).await;
    for path in
        ["/users", "/users?filter[]=date%20created_at%20gt%202015-01-01", "/users?filter[]=number%20id%20ne%201", "/users/online"]
    {
        door.get(path, ANN).await.is(403, r#"{"errors":{"base":["Users retrieving forbidden"]}}"#);
    }
    for path in [
        "/users?filter[]=number%20id%20in%201%2C2",
        "/users/by_full_name?full_name=Lee",
        "/users/by_tags?tags=vip",
        "/users/v2?login=ann",
        "/users/online?count=true",
        "/users/by_login?login=ann",
    ] {
        assert_eq!(door.get(path, ANN).await.status, 200, "{path}");
    }
    door.close().await;
}

fn shown(request: &ListUsersRequest) -> Value {
    let filters = request.filters.iter().map(|f| json!([f.field, format!("{:?}", f.op()), f.texts, f.numbers]));
    assert!(request.filters.iter().all(|filter| filter.op() != UserOp::Unspecified));
    filters.collect()
}
