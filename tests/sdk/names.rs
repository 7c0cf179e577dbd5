//! Two apps with names of their own, as SDK 6.1.2 on Node finds them: REST, WebSocket over TLS and files by those names alone.

use anyhow::{Context, Result, ensure};
use natter_tests::build::Build;
use natter_tests::process::Natter;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Person};

mod node_6_1_2 {
    #[tokio::test]
    async fn an_app_is_used_by_its_own_names_and_no_other_app_is() {
        super::by_own_names().await.unwrap();
    }
}

async fn by_own_names() -> Result<()> {
    let hosts = r#"hosts=["localhost", "chat.otter.test", "api.otter.test", "chat.heron.test", "api.heron.test"]"#;
    let natter = Natter::start(&[hosts]).await?;
    let [otter, heron] = [app(&natter, 2, "otter")?, app(&natter, 3, "heron")?];
    let (ann, bob) = (sign_up(&otter, "ann").await?, sign_up(&otter, "bob").await?);
    let eve = sign_up(&heron, "eve").await?;
    for person in [&ann, &bob, &eve] {
        person.connect().await?;
    }

    let dialog = ann.dialog_with(bob.id).await?;
    let dialog = dialog["_id"].as_str().context("_id")?;
    ann.send(bob.id, dialog, "hello").await?;
    let heard = bob.sdk.event("onMessageListener").await?;
    ensure!((&heard[0], &heard[1]["body"]) == (&json!(ann.id), &json!("hello")), "{heard}");
    let group = ann.sdk.call("chat.dialog.create", json!([{"type": 2, "name": "All", "occupants_ids": [bob.id]}])).await?;
    let group_id = &group["_id"];
    ensure!(group["xmpp_room_jid"] == format!("2_{}@muc.chat.otter.test", group_id.as_str().context("_id")?), "{group}");
    for person in [&bob, &ann] {
        person.sdk.call("chat.muc.join", json!([group_id])).await?;
    }
    let message = json!({"type": "groupchat", "body": "all", "extension": {"save_to_history": 1, "dialog_id": group_id}});
    ann.sdk.call("chat.send", json!([group_id, message])).await?;
    let heard = bob.sdk.event("onMessageListener").await?;
    ensure!((&heard[0], &heard[1]["body"], &heard[1]["type"]) == (&json!(ann.id), &json!("all"), &json!("groupchat")), "{heard}");

    let params = json!({"name": "a.txt", "type": "text/plain", "size": 5, "public": false});
    let blob = ann.sdk.call("own.createAndUpload", json!(["otter", params])).await?;
    let url = bob.sdk.call("storage.privateUrl", json!([blob["uid"]])).await?;
    let shown = url.as_str().context("an address")?;
    ensure!(shown.starts_with(&format!("https://api.otter.test:{}/", natter.ports.rest)), "{shown}");
    let got = bob.sdk.call("own.fetch", json!([url])).await?;
    ensure!(got == json!({"status": 200, "text": "otter"}), "{got}");

    // The keys and users of one app at the names of the other, with another client of eve.
    let mut crossed = heron.clone();
    crossed["config"] = otter["config"].clone();
    let stray = Sdk::start(Build::Node6, &crossed, json!({})).await?;
    let refused = stray.call("createSession", json!([{"login": "eve", "password": PASSWORD}])).await;
    let refused = refused.err().context("a session was opened")?.to_string();
    ensure!(refused.contains("401") && refused.contains("Unauthorized"), "{refused}");
    let refused = stray.call("chat.connect", json!([{"userId": eve.id, "password": PASSWORD}])).await;
    let refused = refused.err().context("it was connected")?.to_string();
    ensure!(refused.contains("not-authorized"), "{refused}");
    Ok(())
}

/// An app with its names, and what its clients are given.
fn app(natter: &Natter, id: u64, word: &str) -> Result<Value> {
    let number = id.to_string();
    natter.shell(&["app", "create", "--id", &number])?;
    natter.shell(&["app", "names", &number, "--chat", &format!("chat.{word}.test"), "--api", &format!("api.{word}.test")])?;
    let config = natter.sdk_config(id, false)?;
    ensure!(!config["config"].to_string().contains("localhost"), "{config}");
    Ok(config)
}

async fn sign_up(config: &Value, login: &str) -> Result<Person> {
    Person::sign_up(Build::Node6, config, login, json!({})).await
}
