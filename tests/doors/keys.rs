//! Keys of an app that are rotated, at the REST door: both pairs open it for a while, each with its own secret, then only the new one.
//! What lives, lives on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use serde_json::json;

use crate::raw::{Over, Raw};
use crate::rest::Rest;
use crate::rest_refusals::{Signed, signed};

const UNAUTHORIZED: &str = r#"{"errors":["Unauthorized"]}"#;
const UNEXPECTED: &str = r#"{"errors":["Unexpected signature"]}"#;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_keys_open_the_door_beside_the_new_ones_until_they_are_ended() {
    rotate().await.unwrap();
}

async fn rotate() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let old = Rest::of(&natter, 1)?;
    let (ann, bob) = (old.sign_up("ann").await?, old.sign_up("bob").await?);
    natter.shell(&["app", "rotate-key", "1"])?;
    let new = Rest::of(&natter, 1)?;
    ensure!(new.auth_key != old.auth_key && new.auth_secret != old.auth_secret);
    natter.kill().await?;
    natter.restart().await?;
    let mut stream = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    for rest in [&old, &new] {
        rest.app_token().await?;
        rest.done(open(rest, signed(rest, now()?)?)).await?;
    }
    // A key goes with its own secret.
    let (old_by_new, new_by_old) = (old.with_secret_of(&new), new.with_secret_of(&old));
    for rest in [&old_by_new, &new_by_old] {
        rest.refused(open(rest, signed(rest, now()?)?), 422, UNEXPECTED).await?;
    }

    natter.shell(&["app", "rotate-key", "1", "--end"])?;
    old.refused(old.session(None), 401, UNAUTHORIZED).await?;
    old.refused(open(&old, signed(&old, now()?)?), 401, UNAUTHORIZED).await?;
    new_by_old.refused(open(&new_by_old, signed(&new_by_old, now()?)?), 422, UNEXPECTED).await?;
    new.app_token().await?;
    new.done(open(&new, signed(&new, now()?)?)).await?;

    new.done(new.get("/session", &ann.token)).await?;
    let mut other = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    let to = format!("{}-1@localhost", ann.account.user);
    other
        .send(&format!("<message xmlns='jabber:client' type='chat' id='m1' to='{to}'><body>still there</body></message>"))
        .await?;
    stream.expect("<body>still there</body>").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlap_ends_by_itself() {
    end().await.unwrap();
}

async fn end() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let old = Rest::of(&natter, 1)?;
    let url = format!("http://localhost:{}/admin/v1/apps/1/keys", natter.ports.console);
    let token = std::fs::read_to_string(natter.data().join("admin.token"))?;
    http()?.post(url).bearer_auth(token.trim()).json(&json!({"overlap_s": 1})).send().await?.error_for_status()?;
    let until = tokio::time::Instant::now() + PATIENCE;
    while old.send(old.session(None)).await?.status != 401 {
        ensure!(tokio::time::Instant::now() < until, "a second lasts half a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    old.refused(old.session(None), 401, UNAUTHORIZED).await?;
    Rest::of(&natter, 1)?.app_token().await?;
    Ok(())
}

fn open(rest: &Rest, body: Signed) -> reqwest::RequestBuilder {
    rest.request(reqwest::Method::POST, "/session.json").json(&body.0)
}

fn now() -> Result<i64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?)
}
