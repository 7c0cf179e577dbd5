//! What the scenario about a user's sessions finds: a user with two chat sessions, two tokens, a contact and a privacy list.

use anyhow::{Context, Result};
use natter_tests::client::{Account, Client, http, trusting};
use natter_tests::process::Natter;
use serde_json::json;

const PASSWORD: &str = "correct horse";

pub async fn run(hand: &str) -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let user = natter.create_user(1, "sessions-ann", PASSWORD)?;
    let other = natter.create_user(1, "sessions-bob", PASSWORD)?;
    let account = Account { app: 1, user, password: PASSWORD.to_owned() };
    let tls = trusting(&natter.ca())?;
    let mut phone = Client::connect(natter.ports.wss, &tls, &account, true).await?;
    phone
        .send(format!(
            "<iq xmlns='jabber:client' type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='{other}-1@localhost' \
             name='The Romeo'/></query></iq>"
        ))
        .await?;
    phone.expect("id=\"add\"").await?;
    phone
        .send(format!(
            "<iq xmlns='jabber:client' type='set' id='list'><query xmlns='jabber:iq:privacy'><list name='blocked'>\
             <item type='jid' value='{other}-1@localhost' action='deny' order='1'><message/></item></list></query></iq>"
        ))
        .await?;
    phone.expect("id=\"list\"").await?;
    let tablet = Client::connect(natter.ports.wss, &tls, &account, true).await?;
    // Both answer when they are asked for a sign of life.
    for mut client in [phone, tablet] {
        tokio::spawn(async move { while let Ok(Some(_)) = client.next().await {} });
    }
    let config = natter.sdk_config(1, true)?;
    let key = config["credentials"]["authKey"].as_str().context("authKey")?;
    for _ in 0..2 {
        let login = json!({"login": "sessions-ann", "password": PASSWORD});
        let body = json!({"application_id": 1, "auth_key": key, "user": login});
        let url = format!("http://127.0.0.1:{}/session.json", natter.ports.rest_plain);
        http()?.post(url).json(&body).send().await?.error_for_status()?;
    }
    super::act(&natter, "sessions", hand, super::SESSIONS, &json!({ "user": user })).await
}
