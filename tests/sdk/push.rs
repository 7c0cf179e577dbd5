//! Devices on which a user wants alerts, through the SDK: subscribed, subscribed again, listed, ended. And events.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use natter_tests::build::Build;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};

use crate::stage::Stage;

fn device(udid: &str, token: &str) -> Value {
    json!({
        "notification_channel": "gcm",
        "device": {"platform": "android", "udid": udid},
        "push_token": {"environment": "development", "client_identification_sequence": token, "bundle_identifier": "org.x"},
    })
}

async fn devices_are_subscribed_listed_and_ended(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann.sdk, &stage.bob.sdk);
    let token = "dK:APA91-b_+/ &=";
    let made = ann.call("pushnotifications.subscriptions.create", json!([device("device-1", "first")])).await?;
    let id = made[0]["subscription"]["id"].clone();
    let expected = json!([{"subscription": {
        "id": id,
        "notification_channel": {"name": "gcm"},
        "device": {"udid": "device-1", "platform": {"name": "android"}},
        "client_identification_sequence": "first",
        "bundle_identifier": "org.x",
    }}]);
    assert_eq!(made, expected);
    let refused = ann.call("pushnotifications.subscriptions.create", json!([device("device-1", token)])).await.unwrap_err();
    assert!(refused.to_string().contains("422"), "a token has no spaces: {refused}");
    let token = token.replace(' ', "");
    let again = ann.call("pushnotifications.subscriptions.create", json!([device("device-1", &token)])).await?;
    assert_eq!(
        (&again[0]["subscription"]["id"], &again[0]["subscription"]["client_identification_sequence"]),
        (&id, &json!(token))
    );
    ann.call("pushnotifications.subscriptions.create", json!([device("device-2", "second")])).await?;

    let list = ann.call("pushnotifications.subscriptions.list", json!([])).await?;
    let udids: Vec<_> = list.as_array().unwrap().iter().map(|one| one["subscription"]["device"]["udid"].clone()).collect();
    assert_eq!(udids, ["device-1", "device-2"]);
    assert_eq!(bob.call("pushnotifications.subscriptions.list", json!([])).await?, json!([]), "his own alone");

    let error = bob.call("pushnotifications.subscriptions.delete", json!([id])).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
    ann.call("pushnotifications.subscriptions.delete", json!([id])).await?;
    let list = ann.call("pushnotifications.subscriptions.list", json!([])).await?;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    Ok(())
}

async fn a_browser_is_subscribed(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    // The keys of RFC 8291, 5.
    let params = json!({
        "notification_channels": "web",
        "device": {"platform": "web", "udid": "browser-1"},
        "push_token": {
            "environment": "production",
            "web_endpoint": "https://push.example.net/send/abc?x=1",
            "web_auth": "BTBZMqHH6r4Tts7J/aSIgg==",
            "web_p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        },
    });
    let made = stage.ann.sdk.call("pushnotifications.subscriptions.create", json!([params])).await?;
    let subscription = &made[0]["subscription"];
    assert_eq!(subscription["notification_channel"]["name"], "web");
    assert_eq!(subscription["client_identification_sequence"], "https://push.example.net/send/abc?x=1");
    assert_eq!(subscription["bundle_identifier"], json!(null));
    Ok(())
}

async fn events_are_sent_and_seen_by_their_maker(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    let (ann, bob) = (&stage.ann, &stage.bob.sdk);
    bob.call("pushnotifications.subscriptions.create", json!([device("device-1", "token")])).await?;
    let message = STANDARD.encode(json!({"message": "hi", "mine": 1}).to_string());
    let recipients =
        [json!({"ids": [stage.bob.id]}), json!({"ids": format!("{},{}", stage.bob.id, ann.id)}), json!({"tags": {"any": "vip"}})];
    for user in recipients {
        let params = json!({
            "notification_type": "push",
            "user": user,
            "environment": "development",
            "event_type": "one_shot",
            "message": message,
        });
        let made = ann.sdk.call("pushnotifications.events.create", json!([params])).await?;
        let channels: Vec<_> =
            made.as_array().unwrap().iter().map(|one| one["event"]["notification_channel"]["name"].clone()).collect();
        assert_eq!(channels, ["apns", "gcm", "web"], "{made}");
        let event = &made[0]["event"];
        assert_eq!((&event["message"], &event["occured_count"], &event["active"]), (&json!(message), &json!(0), &json!(true)));
        assert_eq!((&event["user_id"], &event["kind"]), (&json!(ann.id), &json!("API")));
    }
    if build.major() == 1 {
        seen_by_the_maker(&ann.sdk, bob).await?;
    }
    let wrong = json!({"notification_type": "push", "user": {}, "environment": "development", "message": message});
    let error = ann.sdk.call("pushnotifications.events.create", json!([wrong])).await.unwrap_err();
    assert!(error.to_string().contains("422"), "nobody is meant: {error}");
    Ok(())
}

/// What only 1.x has: list, get, status, delete.
async fn seen_by_the_maker(maker: &Sdk, other: &Sdk) -> Result<()> {
    let list = maker.call("pushnotifications.events.list", json!([{"page": 1, "per_page": 2}])).await?;
    assert_eq!((&list["total_entries"], list["items"].as_array().map(Vec::len)), (&json!(3), Some(2)), "{list}");
    let event = &list["items"][0]["event"];
    for call in ["get", "status"] {
        let shown = maker.call(&format!("pushnotifications.events.{call}"), json!([event["id"]])).await?;
        assert_eq!(shown["event"]["message"], event["message"], "{call}");
        assert!(other.call(&format!("pushnotifications.events.{call}"), json!([event["id"]])).await.is_err(), "{call}");
    }
    assert!(other.call("pushnotifications.events.delete", json!([event["id"]])).await.is_err());
    maker.call("pushnotifications.events.delete", json!([event["id"]])).await?;
    let list = maker.call("pushnotifications.events.list", json!([{"page": 1, "per_page": 9}])).await?;
    assert_eq!(list["total_entries"], 2, "{list}");
    Ok(())
}

for_each_build!(events_are_sent_and_seen_by_their_maker, devices_are_subscribed_listed_and_ended, a_browser_is_subscribed);
