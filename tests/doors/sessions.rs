//! The sessions of a user as the operator sees and ends them, on a real process.

use anyhow::{Context, Result, ensure};
use natter_tests::client::Account;
use natter_tests::process::Natter;
use serde_json::{Value, json};

use crate::raw::{Over, Raw, plain};
use crate::rest::{EXPIRED, PASSWORD, Person, Rest};

const PING: &str = "<iq xmlns='jabber:client' type='get' id='there'><ping xmlns='urn:xmpp:ping'/></iq>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_session_that_is_ended_is_out_and_may_come_back() {
    end_chat().await.unwrap();
}

async fn end_chat() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let mut web = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    there(&mut web).await?;
    let mut tcp = Raw::signed_in(Over::Tcp, natter.ports.tcp, &ann.account).await?;
    there(&mut tcp).await?;
    let mut his = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    let chat = listed(&natter, &ann, "chat")?;
    let of = |transport: &str| chat.iter().find(|session| session["transport"] == transport).context("no such session");
    for transport in ["ws", "tcp"] {
        let session = of(transport)?;
        ensure!(session["address"] == "127.0.0.1" && session["is_active"] == true, "{session}");
        ensure!(session["begun_at"].is_string(), "{session}");
    }
    end(&natter, &ann, text(of("ws")?)?)?;
    let last = web.end().await?;
    ensure!(last.contains("<reset"), "ended without a word: {last}");
    there(&mut tcp).await.context("the other session lives")?;
    there(&mut his).await?;
    ensure!(listed(&natter, &ann, "chat")?.len() == 1, "it is listed still");
    ensure!(end(&natter, &ann, text(of("ws")?)?).is_err(), "twice");
    ensure!(end(&natter, &bob, text(of("tcp")?)?).is_err(), "of somebody else");

    let mut again = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    there(&mut again).await.context("it is no ban")?;
    natter.shell(&["user", "end-session", &ann.account.user.to_string(), "--all"])?;
    for stream in [&mut tcp, &mut again] {
        let last = stream.end().await?;
        ensure!(last.contains("<reset"), "ended without a word: {last}");
    }
    rest.refused(rest.get("/chat/Dialog.json", &ann.token), 401, EXPIRED).await?;
    ensure!(listed(&natter, &ann, "chat")?.is_empty() && listed(&natter, &ann, "rest")?.is_empty());
    rest.done(rest.get("/chat/Dialog.json", &bob.token)).await?;
    rest.done(rest.session(Some(json!({"login": ann.login, "password": PASSWORD})))).await?;
    there(&mut Raw::signed_in(Over::Tcp, natter.ports.tcp, &ann.account).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_ended_is_dead_at_every_door_and_after_a_restart() {
    end_token().await.unwrap();
}

async fn end_token() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let by_token = Account { password: ann.token.clone(), ..ann.account.clone() };
    let mut chat = Raw::signed_in(Over::WebSocket, natter.ports.ws, &by_token).await?;
    let mut by_password = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    there(&mut chat).await?;
    there(&mut by_password).await?;
    let shown = natter.shell(&["user", "sessions", &ann.account.user.to_string()])?;
    ensure!(!shown.contains(&ann.token), "a token is shown: {shown}");
    let tokens = listed(&natter, &ann, "rest")?;
    let [only] = &tokens[..] else { anyhow::bail!("not one token: {tokens:?}") };
    end(&natter, &ann, text(only)?)?;
    rest.refused(rest.get("/chat/Dialog.json", &ann.token), 401, EXPIRED).await?;
    let last = chat.end().await?;
    ensure!(last.contains("<reset"), "the stream that came by it lives: {last}");
    there(&mut by_password).await.context("one by the password lives")?;
    refused(&natter, &by_token).await?;
    natter.stop().await?;
    natter.restart().await?;
    rest.refused(rest.get("/chat/Dialog.json", &ann.token), 401, EXPIRED).await?;
    refused(&natter, &by_token).await?;
    let session = rest.done(rest.session(Some(json!({"login": ann.login, "password": PASSWORD})))).await?;
    ensure!(session["session"]["user_id"] == ann.account.user, "{session}");
    ensure!(listed(&natter, &ann, "rest")?.len() == 1);
    Ok(())
}

// === helpers ===

async fn there(stream: &mut Raw) -> Result<()> {
    stream.send(PING).await?;
    stream.expect("id=\"there\"").await.map(drop)
}

async fn refused(natter: &Natter, account: &Account) -> Result<()> {
    let mut stream = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    stream.open().await?;
    stream.send(&plain(account)).await?;
    stream.expect("<not-authorized").await.map(drop)
}

fn listed(natter: &Natter, person: &Person, kind: &str) -> Result<Vec<Value>> {
    let all: Value = serde_json::from_str(&natter.shell(&["user", "sessions", &person.account.user.to_string()])?)?;
    let all = all["sessions"].as_array().context("sessions")?;
    Ok(all.iter().filter(|session| session["kind"] == kind).cloned().collect())
}

fn end(natter: &Natter, person: &Person, session: &str) -> Result<()> {
    natter.shell(&["user", "end-session", &person.account.user.to_string(), session]).map(drop)
}

fn text(session: &Value) -> Result<&str> {
    session["id"].as_str().context("id")
}
