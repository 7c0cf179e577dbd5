//! A user who only chats: the stream that a session token opened keeps that token alive, without any REST request.

use std::time::Duration;

use anyhow::{Result, ensure};
use natter_tests::client::Account;
use natter_tests::process::Natter;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::raw::{Over, Raw};
use crate::rest::{EXPIRED, PASSWORD, Rest, token_of};

#[tokio::test]
async fn a_user_who_only_chats_comes_back_with_the_same_token() {
    only_chat().await.unwrap();
}

async fn only_chat() -> Result<()> {
    // Three hours of real life in miniature.
    let natter = Natter::start(&["account.token_life_s=2", "account.token_write_every_s=1", "edge.touch_s=1"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let session = || rest.session(Some(json!({"login": "ann", "password": PASSWORD})));
    let (kept, idle) = (token_of(&rest.done(session()).await?)?, token_of(&rest.done(session()).await?)?);
    let account = Account { password: kept.clone(), ..ann.account };
    let mut chat = Raw::signed_in(Over::WebSocket, natter.ports.ws, &account).await?;

    let opened = Instant::now();
    // The token dies by the clock of the process, so real time has to pass.
    while opened.elapsed() < Duration::from_secs(8) {
        chat.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
        chat.expect("id=\"p\"").await?;
        sleep(Duration::from_millis(500)).await;
    }
    rest.refused(rest.get("/session.json", &idle), 401, EXPIRED).await?;
    drop(chat);
    let mut again = Raw::signed_in(Over::WebSocket, natter.ports.ws, &account).await?;
    again.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    again.expect("id=\"p\"").await?;
    let answer = rest.done(rest.get("/session.json", &kept)).await?;
    ensure!(answer["session"]["user_id"] == account.user, "{answer}");

    let dead = Account { password: idle, ..account };
    let mut refused = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    refused.open().await?;
    let error = refused.sign_in(&dead).await.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("not-authorized"), "a dead token is no password: {error}");
    Ok(())
}
