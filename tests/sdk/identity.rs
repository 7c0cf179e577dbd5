//! Guests and users of an app's own identity provider through the SDK: sign in, chat with the token as password, be found again.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use jsonwebtoken::{EncodingKey, Header, encode};
use natter_tests::build::Build;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Stage};

const SHARED: &str = "0123456789abcdef0123456789abcdef";

// A token of the operator's house, as its own server would sign it.
fn token_of(uid: &str) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({"sub": uid, "name": format!("The {uid}"), "iat": now, "exp": now + 600});
    Ok(encode(&Header::default(), &claims, &EncodingKey::from_secret(SHARED.as_bytes()))?)
}

// Connects with the session's token as password, and says something to Bob.
async fn chat(stage: &Stage, sdk: &Sdk, session: &Value) -> Result<()> {
    let (user, token) = (session["user_id"].as_u64().context("user_id")?, session["token"].as_str().context("token")?);
    sdk.call("chat.connect", json!([{"userId": user, "password": token}])).await?;
    let message = json!({"type": "chat", "body": "hello", "extension": {"save_to_history": 1}});
    sdk.call("chat.send", json!([stage.bob.id, message])).await?;
    let heard = stage.bob.sdk.event("onMessageListener").await?;
    assert_eq!((heard[0].as_u64(), &heard[1]["body"]), (Some(user), &json!("hello")), "{heard}");
    Ok(())
}

async fn a_guest_signs_in_and_chats(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.natter.set_identity(1, &json!({"guests": true}))?;
    let sdk = Sdk::start(build, &stage.config, json!({})).await?;
    let session = sdk.call("createSession", json!([{"guest": "1", "full_name": "A guest"}])).await?;
    assert_eq!((&session["user"]["is_guest"], &session["user"]["full_name"]), (&json!(true), &json!("A guest")), "{session}");
    chat(&stage, &sdk, &session).await
}

async fn a_user_of_the_apps_own_provider_signs_in_and_chats(build: Build) -> Result<()> {
    let stage = Stage::open(build, json!({})).await?;
    stage.natter.set_identity(1, &json!({"jwt": {"hs256_secret": SHARED}}))?;
    let sdk = Sdk::start(build, &stage.config, json!({})).await?;
    let session = sdk.call("createSession", json!([{"login": token_of("7")?, "password": "anything"}])).await?;
    assert_eq!((&session["user"]["external_id"], &session["user"]["full_name"]), (&json!("7"), &json!("The 7")), "{session}");
    chat(&stage, &sdk, &session).await?;

    let other = Sdk::start(build, &stage.config, json!({})).await?;
    other.call("createSession", json!([])).await?;
    let user = other.call("login", json!([{"login": token_of("7")?, "password": "anything"}])).await?;
    assert_eq!(
        user["id"].as_u64().or(user["user"]["id"].as_u64()),
        session["user_id"].as_u64(),
        "the same user by login: {user}"
    );
    let error = other.call("login", json!([{"login": "no token", "password": "anything"}])).await.unwrap_err().to_string();
    assert!(error.contains("422") && error.contains("refused"), "{error}");
    let ann = other.call("login", json!([{"login": "ann", "password": PASSWORD}])).await?;
    assert_eq!(ann["id"].as_u64().or(ann["user"]["id"].as_u64()), Some(stage.ann.id), "passwords go on beside it: {ann}");
    Ok(())
}

async fn a_forgotten_password_is_asked_for(build: Build) -> Result<()> {
    let mut stage = Stage::open(build, json!({})).await?;
    let ask = json!(["ann@example.test"]);
    let error = stage.ann.sdk.call("users.resetPassword", ask.clone()).await.unwrap_err().to_string();
    assert!(error.contains("422") && error.contains("not configured"), "{error}");
    // A mail server that never answers: nobody waits for it.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = format!("mail.port={}", silent.local_addr()?.port());
    stage.natter.restart_with(&["mail.host=127.0.0.1", "mail.tls=none", "mail.from=noreply@example.test", &port]).await?;
    stage.ann.sdk.call("users.resetPassword", ask).await?;
    Ok(())
}

for_each_build!(
    a_guest_signs_in_and_chats,
    a_user_of_the_apps_own_provider_signs_in_and_chats,
    a_forgotten_password_is_asked_for,
);
