//! Who is there, as others see it: last activity, asked for and watched.

use anyhow::{Context, Result};
use natter_tests::build::Build;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Person, Stage};

/// 1.x answers by the listener alone, later majors by both (contract xmpp 8.1).
async fn last_activity_is_asked_for(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    let ask = async |user: u64| -> Result<Value> {
        ann.sdk.call("chat.getLastUserActivity", json!([user])).await?;
        ann.sdk.event("onLastUserActivityListener").await
    };
    assert_eq!(ask(bob.id).await?, json!([bob.id, 0]), "he is there");
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let told = loop {
        let told = ask(bob.id).await?;
        if told[1] != 0 {
            break told;
        }
    };
    assert_eq!(told[0], bob.id);
    assert!((1..60).contains(&told[1].as_u64().context("seconds")?), "{told}");

    // The demo user of the first start never came.
    let never = ann.sdk.call("chat.getLastUserActivity", json!([1])).await;
    if build.major() == 1 {
        assert_eq!(ann.sdk.event("onLastUserActivityListener").await?, json!([1, null]));
    } else {
        assert!(never.unwrap_err().to_string().contains("404"));
    }
    Ok(())
}

async fn whoever_watches_is_told_who_comes_and_goes(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    // The SDK does not wait for the answer, but what is asked about the same user later is answered later.
    let settled = async || {
        ann.sdk.call("chat.getLastUserActivity", json!([bob.id])).await?;
        ann.sdk.event("onLastUserActivityListener").await
    };
    ann.sdk.call("chat.subscribeToUserLastActivityStatus", json!([bob.id])).await?;
    settled().await?;
    bob.sdk.call("chat.disconnect", json!([])).await?;
    let told = ann.sdk.event("onLastUserActivityListener").await?;
    assert!(told[0] == bob.id && (1..60).contains(&told[1].as_u64().context("seconds")?), "{told}");
    let again = bob.another_device(build, &stage.config, json!({})).await?;
    again.connect().await?;
    assert_eq!(ann.sdk.event("onLastUserActivityListener").await?, json!([bob.id, 0]));
    ann.sdk.call("chat.unsubscribeFromUserLastActivityStatus", json!([bob.id])).await?;
    settled().await?;
    again.sdk.call("chat.disconnect", json!([])).await?;
    // What is told is told in order: after this nothing of Bob can be on its way.
    let third = bob.another_device(build, &stage.config, json!({})).await?;
    third.connect().await?;
    let message = third.send(ann.id, &stage.dialog, "hi").await?;
    let got = ann.sdk.event("onMessageListener").await?;
    assert_eq!(got[1]["id"], message.as_str());
    assert!(ann.sdk.drain("onLastUserActivityListener").await.is_empty());
    Ok(())
}

/// The flow in the order of the contract (xmpp 6), in mutual mode, which is the SDK's default.
async fn two_become_contacts_and_see_each_other(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    assert_eq!(ann.sdk.call("chat.contactList.get", json!([])).await?, json!({}));
    ann.sdk.call("chat.contactList.add", json!([{"userId": bob.id, "name": "Bobby"}])).await?;
    assert_eq!(bob.sdk.event("onSubscribeListener").await?, json!([ann.id]));
    bob.sdk.call("chat.contactList.confirm", json!([{"userId": ann.id}])).await?;
    assert_eq!(ann.sdk.event("onConfirmSubscribeListener").await?, json!([bob.id]));
    assert_eq!(ann.sdk.event("onContactListListener").await?, json!([bob.id]));
    // Ann's client grants his request by itself.
    assert_eq!(bob.sdk.event("onConfirmSubscribeListener").await?, json!([ann.id]));
    assert_eq!(bob.sdk.event("onContactListListener").await?, json!([ann.id]));
    assert_eq!(contacts(ann).await?, json!({bob.id.to_string(): {"subscription": "both", "ask": null, "name": "Bobby"}}));
    assert_eq!(contact(bob, ann).await?, ("both".into(), Value::Null, Value::Null));
    ann.sdk.call("chat.contactList.updateName", json!([{"userId": bob.id, "name": "Rob"}])).await?;
    assert_eq!(contact(ann, bob).await?, ("both".into(), Value::Null, "Rob".into()));

    bob.sdk.call("chat.disconnect", json!([])).await?;
    assert_eq!(ann.sdk.event("onContactListListener").await?, json!([bob.id, "unavailable"]));
    let bob = bob.another_device(build, &stage.config, json!({})).await?;
    let known = bob.sdk.call("chat.connect", json!([{"userId": bob.id, "password": PASSWORD}])).await?;
    if build.major() == 1 {
        assert_eq!(known[ann.id.to_string()]["subscription"], "both", "the callback of connect has the list: {known}");
    }
    assert_eq!(ann.sdk.event("onContactListListener").await?, json!([bob.id]));

    ann.sdk.call("chat.contactList.remove", json!([bob.id])).await?;
    assert_eq!(contacts(ann).await?, json!({}));
    // 2.1.7 breaks when it hears of this (contract xmpp 10): another device asks.
    let bob = bob.another_device(build, &stage.config, json!({})).await?;
    bob.connect().await?;
    assert_eq!(contact(&bob, ann).await?, ("none".into(), Value::Null, Value::Null));
    Ok(())
}

/// A request waits for whom it is for, and a refusal ends it.
async fn a_contact_request_waits_and_is_refused(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob);
    bob.sdk.call("chat.disconnect", json!([])).await?;
    ann.sdk.call("chat.contactList.add", json!([{"userId": bob.id}])).await?;
    for _ in 0..2 {
        let bob = bob.another_device(build, &stage.config, json!({})).await?;
        bob.connect().await?;
        assert_eq!(bob.sdk.event("onSubscribeListener").await?, json!([ann.id]), "at each login until it is answered");
        bob.sdk.call("chat.disconnect", json!([])).await?;
    }
    assert_eq!(contact(ann, bob).await?, ("none".into(), "subscribe".into(), Value::Null));
    let bob = bob.another_device(build, &stage.config, json!({})).await?;
    bob.connect().await?;
    bob.sdk.event("onSubscribeListener").await?;
    bob.sdk.call("chat.contactList.reject", json!([ann.id])).await?;
    assert_eq!(ann.sdk.event("onRejectSubscribeListener").await?, json!([bob.id]));
    assert_eq!(contact(ann, &bob).await?, ("none".into(), Value::Null, Value::Null));
    Ok(())
}

async fn contacts(person: &Person) -> Result<Value> {
    person.sdk.call("chat.contactList.get", json!([])).await
}

/// Subscription, request and name of a contact as its owner sees it.
async fn contact(person: &Person, other: &Person) -> Result<(Value, Value, Value)> {
    let mut contact = contacts(person).await?[other.id.to_string()].take();
    Ok((contact["subscription"].take(), contact["ask"].take(), contact["name"].take()))
}

/// Of both the answer is all there is to see: alerts are decided by them.
async fn a_client_says_whether_it_is_in_front(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.ann.sdk.call("chat.markInactive", json!([])).await?;
    let id = stage.bob.send(stage.ann.id, &stage.dialog, "anybody there?").await?;
    let got = stage.ann.sdk.event("onMessageListener").await?;
    assert_eq!(got[1]["id"], id.as_str(), "it receives everything");
    stage.ann.sdk.call("chat.markActive", json!([])).await?;
    Ok(())
}

for_each_build! {
    two_become_contacts_and_see_each_other,
    a_contact_request_waits_and_is_refused,
    last_activity_is_asked_for,
    whoever_watches_is_told_who_comes_and_goes,
    a_client_says_whether_it_is_in_front,
}
