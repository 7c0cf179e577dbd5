//! Users through the SDK: lookups, filters, orders, pages, who is online, and what a new password ends.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Person, Stage};

// What an app reads of a page: total and logins. Items of the first version are wrapped, those of the second are bare.
fn page(list: &Value) -> Result<(u64, Vec<String>)> {
    let items = list["items"].as_array().with_context(|| format!("no items in {list}"))?;
    let login = |item: &Value| item["user"]["login"].as_str().or(item["login"].as_str()).unwrap_or_default().to_owned();
    Ok((list["total_entries"].as_u64().context("total_entries")?, items.iter().map(login).collect()))
}

async fn one_user_is_found_by_every_name(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    let fields = json!([{"login": "cat", "password": PASSWORD, "email": "Cat@example.test", "phone": "+15550100",
        "facebook_id": "f1", "twitter_id": "t1", "external_user_id": 675, "full_name": "Cat"}]);
    let id = sdk.call("users.signup", fields).await?["user"]["id"].clone();
    for query in [
        json!({"login": "cat"}),
        json!({"email": "cat@example.test"}),
        json!({"phone": "+15550100"}),
        json!({"facebook_id": "f1"}),
        json!({"twitter_id": "t1"}),
        json!({"external": 675}),
    ] {
        let found = sdk.call("users.get", json!([query])).await?;
        assert_eq!(found["user"]["id"], id, "{query}: {found}");
    }
    let by_id = sdk.call("users.get", json!([id])).await?;
    assert_eq!(by_id["user"]["login"], "cat");
    for query in [json!({"login": "nobody"}), json!({"email": "nobody@example.test"}), json!({"external": 1})] {
        let error = sdk.call("users.get", json!([query])).await.unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("User not found"), "{query}: {error}");
    }
    Ok(())
}

async fn lists_are_filtered_ordered_and_paged(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    for (login, name, tags) in [("cat", "Ann Lee", "vip,staff"), ("dan", "Dan Lee", "staff"), ("eve", "Eve", "")] {
        let fields = json!([{"login": login, "password": PASSWORD, "full_name": name, "tag_list": tags}]);
        sdk.call("users.signup", fields).await?;
    }
    let get = async |query: Value| -> Result<(u64, Vec<String>)> { page(&sdk.call("users.get", json!([query])).await?) };
    let found = |total: u64, logins: &[&str]| (total, logins.iter().map(|login| (*login).to_owned()).collect::<Vec<_>>());

    let ids = json!([stage.bob.id, stage.ann.id]);
    assert_eq!(get(json!({"filter": {"field": "id", "param": "in", "value": ids}})).await?, found(2, &["ann", "bob"]));
    let two = json!([
        {"field": "login", "param": "in", "value": ["cat", "dan"]},
        {"field": "created_at", "param": "gt", "value": "2015-01-01"},
    ]);
    assert_eq!(get(json!({"filter": two})).await?, found(2, &["cat", "dan"]));
    let none = json!({"filter": {"field": "created_at", "param": "lt", "value": "2015-01-01"}});
    assert_eq!(get(none).await?, found(0, &[]));
    let five = json!({"field": "login", "param": "in", "value": ["dan", "eve", "cat", "bob", "ann"]});
    let ordered = json!({"filter": five, "order": {"sort": "desc", "field": "login"}, "per_page": 2, "page": 2});
    assert_eq!(get(ordered).await?, found(5, &["cat", "bob"]));
    assert_eq!(get(json!({"full_name": "lee"})).await?, found(2, &["cat", "dan"]));
    assert_eq!(get(json!({"full_name": "lee", "per_page": 1, "page": 2})).await?, found(2, &["dan"]));
    assert_eq!(get(json!({"tags": ["vip", "staff"]})).await?, found(2, &["cat", "dan"]));
    assert_eq!(get(json!({"tags": ["vip"]})).await?, found(1, &["cat"]));
    // Those of a first start stand before them.
    let (total, everybody) = get(json!({})).await?;
    assert_eq!(total, everybody.len() as u64);
    assert!(everybody.ends_with(&found(5, &["ann", "bob", "cat", "dan", "eve"]).1), "{everybody:?}");
    let refused = sdk.call("users.get", json!([{"filter": {"field": "custom_data", "param": "eq", "value": 1}}])).await;
    assert!(refused.unwrap_err().to_string().contains("422"));
    Ok(())
}

async fn lists_of_the_second_version_name_somebody(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    for (login, name, tags) in [("cat", "Ann Lee", "vip,staff"), ("dan", "Dan Lee", "staff"), ("eve", "Eve", "")] {
        let fields = json!([{"login": login, "password": PASSWORD, "full_name": name, "tag_list": tags}]);
        sdk.call("users.signup", fields).await?;
    }
    let found = |total: u64, logins: &[&str]| (total, logins.iter().map(|login| (*login).to_owned()).collect::<Vec<_>>());
    let v2 = async |query: Value| -> Result<(u64, Vec<String>)> { page(&sdk.call("users.getV2", json!([query])).await?) };
    assert_eq!(v2(json!({"login": {"in": ["eve", "cat"]}, "sort_desc": "login"})).await?, found(2, &["eve", "cat"]));
    assert_eq!(v2(json!({"full_name": {"start_with": "Ann "}})).await?, found(1, &["cat"]));
    assert_eq!(v2(json!({"user_tags": "staff", "limit": 1, "offset": 1})).await?, found(2, &["dan"]));
    let tagged = sdk.call("users.getV2", json!([{"login": "cat"}])).await?;
    assert_eq!((&tagged["items"][0]["user_tags"], &tagged["limit"]), (&json!(["vip", "staff"]), &json!(100)));
    assert!(v2(json!({"limit": 10})).await.unwrap_err().to_string().contains("422"), "it must name somebody");

    sdk.call("users.update", json!([{"full_name": "Ann Lee"}])).await?;
    assert_eq!(v2(json!({"full_name": "Ann Lee"})).await?, found(2, &["ann", "cat"]), "a change shows at once");
    Ok(())
}

async fn users_with_a_chat_session_are_online(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let sdk = &stage.ann.sdk;
    let cat = Person::sign_up(build, &stage.config, "cat", json!({})).await?;
    let online = sdk.call("users.listOnline", json!([{"limit": 10, "offset": 0}])).await?;
    let logins: Vec<_> = online["users"].as_array().context("users")?.iter().map(|user| user["login"].clone()).collect();
    assert_eq!(logins, ["ann", "bob"]);
    let second = sdk.call("users.listOnline", json!([{"limit": 1, "offset": 1}])).await?;
    assert_eq!((second["users"].as_array().map(Vec::len), &second["users"][0]["login"]), (Some(1), &json!("bob")));
    assert_eq!(sdk.call("users.getOnlineCount", json!([])).await?, json!({"count": 2}));
    cat.connect().await?;
    assert_eq!(sdk.call("users.getOnlineCount", json!([])).await?, json!({"count": 3}));
    Ok(())
}

async fn a_new_password_ends_the_other_sessions_and_no_stream(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    let tablet = ann.another_device(build, &stage.config, json!({})).await?;
    tablet.connect().await?;
    ann.sdk.call("users.update", json!([{"password": "better horse", "old_password": PASSWORD}])).await?;
    assert_eq!(ann.sdk.call("getSession", json!([])).await?["user_id"], ann.id, "the caller's own session stays");
    let error = tablet.sdk.call("chat.dialog.list", json!([{}])).await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("Required session does not exist"), "{error}");
    let sent = bob.send(ann.id, dialog, "still there?").await?;
    assert_eq!(tablet.sdk.event("onMessageListener").await?[1]["id"], sent.as_str(), "its stream goes on");
    Ok(())
}

async fn a_deleted_user_is_signed_out_and_his_partner_goes_on(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob, dialog) = (&stage.ann, &stage.bob, stage.dialog.as_str());
    // SDK 6 has no contact lists any more.
    let has_contacts = build.major() < 6;
    if has_contacts {
        ann.sdk.call("chat.contactList.add", json!([{"userId": bob.id, "name": "Bobby"}])).await?;
        bob.sdk.event("onSubscribeListener").await?;
        bob.sdk.call("chat.contactList.confirm", json!([{"userId": ann.id}])).await?;
        ann.sdk.event("onConfirmSubscribeListener").await?;
    }
    ann.send(bob.id, dialog, "goodbye").await?;
    bob.sdk.event("onMessageListener").await?;
    let group = ann.sdk.call("chat.dialog.create", json!([{"type": 2, "name": "trip", "occupants_ids": [bob.id]}])).await?;
    // 2.1.7 breaks when it hears that a contact is removed (contract xmpp 10): another device asks.
    bob.sdk.call("chat.disconnect", json!([])).await?;

    ann.sdk.call("users.delete", json!([])).await?;
    // In a browser 1.7.3 says nothing of a stream error to its app (ran).
    if build != Build::Browser1 {
        ann.sdk.event("onDisconnectedListener").await?;
    }
    let error = ann.sdk.call("chat.dialog.list", json!([{}])).await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("Required session does not exist"), "{error}");
    stage.natter.shell(&["user", "delete", "--wait", &ann.id.to_string()])?;

    let bob = bob.another_device(build, &stage.config, json!({})).await?;
    bob.connect().await?;
    if has_contacts {
        assert_eq!(bob.sdk.call("chat.contactList.get", json!([])).await?, json!({}));
    }
    if build.major() > 3 {
        assert_eq!(bob.sdk.call("users.getOnlineCount", json!([])).await?, json!({"count": 1}), "she is connected");
    }
    let list = bob.sdk.call("chat.dialog.list", json!([{}])).await?;
    let of = |id: &Value| list["items"].as_array().and_then(|items| items.iter().find(|item| item["_id"] == *id));
    let private = of(&json!(dialog)).with_context(|| format!("no private dialog in {list}"))?;
    assert_eq!(private["last_message"], "goodbye", "{list}");
    let group = of(&group["_id"]).with_context(|| format!("no group in {list}"))?;
    assert_eq!((&group["occupants_ids"], &group["user_id"]), (&json!([bob.id]), &json!(bob.id)), "{list}");
    assert_eq!(bob.bodies(dialog).await?, ["goodbye"]);
    assert_eq!(bob.unread(dialog).await?, (1, 1));
    let error = bob.sdk.call("users.get", json!([ann.id])).await.unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    Ok(())
}

for_each_build!(
    one_user_is_found_by_every_name,
    lists_are_filtered_ordered_and_paged,
    lists_of_the_second_version_name_somebody,
    users_with_a_chat_session_are_online,
    a_new_password_ends_the_other_sessions_and_no_stream,
    a_deleted_user_is_signed_out_and_his_partner_goes_on,
);
