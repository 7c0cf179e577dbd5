//! `subscriptions`: devices on which users want alerts, in every dialect (contract rest 7.1).
#![allow(clippy::unwrap_used)]

use natter_proto::push::v1::{Channel, Environment, Platform};

use crate::client::{ANN, APP, BOB, Door, FORM, JSON};
use crate::fakes::{ANN_ID, APP_ID};

const MADE: &str = concat!(
    r#"[{"subscription":{"id":17,"notification_channel":{"name":"gcm"},"device":{"udid":"device-1","#,
    r#""platform":{"name":"android"}},"client_identification_sequence":"t:1","bundle_identifier":"org.x"}}]"#,
);
const ANDROID: &str = concat!(
    r#"{"notification_channel":"gcm","push_token":{"environment":"development","client_identification_sequence":"t:1","#,
    r#""bundle_identifier":"org.x"},"device":{"platform":"android","udid":"device-1"}}"#,
);
const BROWSER: &str = concat!(
    r#"{"notification_channels":["web"],"push_token":{"environment":"production","web_endpoint":"https://p.example.net/1","#,
    r#""web_p256dh":"k","web_auth":"s"},"device":{"platform":"web","udid":"b"}}"#,
);
const BROWSER_MADE: &str = concat!(
    r#"[{"subscription":{"id":17,"notification_channel":{"name":"web"},"device":{"udid":"b","platform":{"name":"web"}},"#,
    r#""client_identification_sequence":"https://p.example.net/1","bundle_identifier":null}}]"#,
);
const APPLE: &str = concat!(
    r#"{"notification_channels":"apns, apns_voip","push_token":{"environment":"production","#,
    r#""client_identification_sequence":"t"},"device":{"platform":"ios","udid":"p"}}"#,
);

#[tokio::test]
async fn a_device_is_subscribed_in_every_dialect_and_answered_to_the_byte() {
    let form = "device[platform]=android&device[udid]=device-1&notification_channel=gcm&push_token[bundle_identifier]=org.x\
                &push_token[client_identification_sequence]=t%3A1&push_token[environment]=development";
    let plural = ANDROID.replace("notification_channel", "notification_channels");
    for (path, kind, body) in [
        ("/subscriptions", JSON, ANDROID),
        ("/subscriptions.json", FORM, form),
        ("/subscriptions", JSON, &plural),
        ("/subscriptions", JSON, &ANDROID.replace("development", "production")),
    ] {
        let door = Door::open().await;
        door.ask("POST", path, &[ANN, kind], body).await.is(201, MADE);
        let asked = door.world.devices.lock()[0].clone();
        assert_eq!((asked.app, asked.user, asked.token.as_str(), asked.bundle.as_str()), (APP_ID, ANN_ID, "t:1", "org.x"));
        assert_eq!((asked.channel(), asked.platform()), (Channel::Gcm, Platform::Android));
        let production = body.contains("production");
        assert_eq!(asked.environment(), if production { Environment::Production } else { Environment::Development });
    }
}

#[tokio::test]
async fn a_browser_is_known_by_its_address_and_has_no_bundle() {
    let door = Door::open().await;
    door.post("/subscriptions", ANN, BROWSER).await.is(201, BROWSER_MADE);
    let web = door.world.devices.lock()[0].web.clone().unwrap();
    assert_eq!((web.p256dh.as_str(), web.auth.as_str()), ("k", "s"));
}

#[tokio::test]
async fn each_channel_that_is_named_is_a_subscription() {
    let door = Door::open().await;
    let made = door.post("/subscriptions", ANN, APPLE).await;
    assert_eq!(made.status, 201);
    let names: Vec<_> =
        made.json().as_array().unwrap().iter().map(|one| one["subscription"]["notification_channel"]["name"].clone()).collect();
    assert_eq!(names, ["apns", "apns_voip"]);
}

#[tokio::test]
async fn what_is_no_device_is_refused_by_field() {
    let door = Door::open().await;
    let refused = async |body: &str, errors: &str| door.post("/subscriptions", ANN, body).await.is(422, errors);
    refused("{}", r#"{"errors":{"notification_channel":["is required"]}}"#).await;
    let unknown = r#"{"errors":{"notification_channel":["is not one of apns, apns_voip, gcm, web"]}}"#;
    for channel in ["mpns", "bbps", "email", "GCM"] {
        refused(&format!(r#"{{"notification_channel":"{channel}"}}"#), unknown).await;
    }
    refused(r#"{"notification_channel":"gcm"}"#, r#"{"errors":{"udid":["is required"]}}"#).await;
    assert!(door.world.devices.lock().is_empty());
    door.post("/subscriptions", APP, "{}").await.is(403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
}

#[tokio::test]
async fn a_user_lists_and_deletes_his_own() {
    let door = Door::open().await;
    door.get("/subscriptions", ANN).await.is(200, "[]");
    door.post("/subscriptions", ANN, ANDROID).await.is(201, MADE);
    door.get("/subscriptions.json", ANN).await.is(200, MADE);
    door.get("/subscriptions", BOB).await.is(200, "[]");
    let not_found = r#"{"errors":["The resource wasn't found"]}"#;
    door.delete("/subscriptions/17", BOB).await.is(404, not_found);
    for id in ["x", "18", "1e1", "99999999999999999999"] {
        door.delete(&format!("/subscriptions/{id}"), ANN).await.is(404, not_found);
    }
    door.delete("/subscriptions/17.json", ANN).await.is(200, "");
    door.get("/subscriptions", ANN).await.is(200, "[]");
}
