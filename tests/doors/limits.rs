//! Limits that protect the others: a reader that does not read, a user that asks too often, a guesser of passwords.

use anyhow::{Context, Result, bail, ensure};
use natter_tests::client::{ASK, Account, Client, acknowledged, between, trusting};
use natter_tests::process::Natter;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::raw::{Over, Raw, numbered, plain};
use crate::rest::{PASSWORD, Rest};

/// Together more than a socket and the lowered budget hold, and not more than a returning session is told at once.
const MESSAGES: u64 = 90;
const BODY: usize = 30 << 10;

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_off_and_loses_nothing() {
    stop_reading().await.unwrap();
}

async fn stop_reading() -> Result<()> {
    let natter = Natter::start(&["edge.write_buffer_bytes=300000", "edge.idle_s=600"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let dialog = rest.dialog(&ann, &bob).await?;

    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 << 10)?;
    let socket = socket.connect(([127, 0, 0, 1], natter.ports.ws).into()).await?;
    let mut deaf = Raw::on(Over::WebSocket, natter.ports.ws, socket).await?;
    deaf.open().await?;
    deaf.sign_in(&bob.account).await?;

    let before = natter.resident_bytes()?;
    let mut sender = Client::connect(natter.ports.wss, &trusting(&natter.ca())?, &ann.account, true).await?;
    let mut sent = Vec::new();
    for number in 0..MESSAGES {
        let id = numbered(number);
        sender.send(large(&bob.account, &id)).await?;
        sender.send(ASK.into()).await?;
        sent.push(id);
    }
    let mut acked = 0;
    while acked < MESSAGES {
        acked = acknowledged(&sender.expect("<a ").await?).unwrap_or(acked);
    }
    let last = sent.last().context("messages were sent")?;
    // Bob never read, so only what his socket holds is left for him; the connection is gone.
    let read_late = deaf.end().await?;
    ensure!(!read_late.contains(last), "the last message did not fit anywhere");
    let metrics = metrics(&natter).await?;
    ensure!(metrics.contains("natter_edge_cut_off_total 1"), "cut off once, not {metrics}");
    let grown = natter.resident_bytes()?.saturating_sub(before);
    ensure!(grown < 256 << 20, "{grown} bytes for one reader that does not read");

    let stored = rest.bodies(&bob.token, &dialog).await?;
    ensure!(stored.len() == sent.len(), "{} of {} are in history", stored.len(), sent.len());
    ensure!(stored.iter().zip(&sent).all(|(body, id)| body.starts_with(id)), "history is in the order of sending");

    let mut back = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    back.open().await?;
    back.sign_in(&bob.account).await?;
    let mut told = read_late + &back.expect(&format!("<body>{last}")).await?;
    told.retain(|c| c != 'x');
    let missing: Vec<_> = sent.iter().filter(|id| !told.contains(id.as_str())).collect();
    ensure!(missing.is_empty(), "{} of {} never came", missing.len(), sent.len());
    Ok(())
}

#[tokio::test]
async fn who_asks_or_guesses_too_often_waits_and_nobody_else_does() {
    ask_too_often().await.unwrap();
}

async fn ask_too_often() -> Result<()> {
    let natter =
        Natter::start(&["api.user_rate=5", "account.guesses_user_max=3", "account.guesses_address_max=6", "api.app_rate=25"])
            .await?;
    natter.shell(&["app", "create", "--id", "2"])?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob, cat) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?);

    ask_until_refused(&rest, &ann.token).await?;
    rest.done(rest.get("/session", &bob.token)).await?;
    // All sessions of an app together have a rate of their own.
    let other = Rest::of(&natter, 2)?;
    ask_until_refused(&other, &other.app_token().await?).await?;
    rest.done(rest.get("/session", &bob.token)).await?;

    let login = |login: &str, password: &str| rest.session(Some(json!({"login": login, "password": password})));
    for _ in 0..3 {
        rest.refused(login("bob", "wrong"), 401, r#"{"errors":["Invalid password"]}"#).await?;
    }
    // Over the limit nothing is compared: the answer does not tell which guess was right.
    rest.refused(login("bob", PASSWORD), 429, TOO_MANY).await?;
    refused_at_the_chat_door(&natter, &bob.account).await?;
    rest.done(rest.get("/session", &bob.token)).await?;
    token_opens_the_chat(&natter, &bob.account, &bob.token).await?;
    rest.done(login("cat", PASSWORD)).await?;

    for n in 0..3 {
        rest.refused(login(&format!("nobody{n}"), PASSWORD), 404, r#"{"errors":["User not found"]}"#).await?;
    }
    // Six wrong ones from this address: nobody may guess from it any more, and who has a token need not.
    rest.refused(login("cat", PASSWORD), 429, TOO_MANY).await?;
    refused_at_the_chat_door(&natter, &cat.account).await?;
    token_opens_the_chat(&natter, &cat.account, &cat.token).await
}

#[tokio::test]
async fn an_app_over_its_messages_or_its_sessions_is_refused_and_another_app_is_not() {
    use_up_an_app().await.unwrap();
}

async fn use_up_an_app() -> Result<()> {
    let settings = ["dialog.app_rate=2", "presence.sessions_per_app_max=2", "api.user_rate=100000", "api.app_rate=100000"];
    let natter = Natter::start(&settings).await?;
    natter.shell(&["app", "create", "--id", "2"])?;
    let (rest, other) = (Rest::of(&natter, 1)?, Rest::of(&natter, 2)?);
    let (ann, bob, cat) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?);
    let (dan, eve) = (other.sign_up("dan").await?, other.sign_up("eve").await?);
    let (dialog, apart) = (rest.dialog(&ann, &bob).await?, other.dialog(&dan, &eve).await?);
    let tls = trusting(&natter.ca())?;
    let mut sender = Client::connect(natter.ports.wss, &tls, &ann.account, true).await?;

    // Over REST and over the chat door it is one rate.
    let mut taken = post_until_refused(&rest, &ann.token, &dialog).await?;
    let sent: Vec<String> = (0..30).map(numbered).collect();
    for id in &sent {
        sender.feed(natter_tests::client::message(&bob.account, id, id)).await?;
    }
    sender.feed(ASK.into()).await?;
    sender.flush().await?;
    let refused = refused_before_the_ack(&mut sender).await?;
    ensure!(!refused.is_empty(), "thirty messages at once are over two a second");
    taken.extend(sent.into_iter().filter(|id| !refused.contains(id)));
    let message = json!({"chat_dialog_id": apart, "message": "apart"});
    other.done(other.post("/chat/Message.json", &dan.token, &message)).await?;
    ensure!(rest.bodies(&bob.token, &dialog).await? == taken, "what was refused is absent, what was taken is there");

    let _second = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    let mut third = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    third.open().await?;
    let error = third.sign_in(&cat.account).await.err().context("a third session of the app was made")?.to_string();
    ensure!(error.contains("<resource-constraint"), "{error}");
    Raw::signed_in(Over::WebSocket, natter.ports.ws, &dan.account).await?;
    Ok(())
}

/// The bodies that were taken.
async fn post_until_refused(rest: &Rest, token: &str, dialog: &str) -> Result<Vec<String>> {
    for n in 0..1_000 {
        let body = json!({"chat_dialog_id": dialog, "message": format!("rest {n}")});
        let answer = rest.send(rest.post("/chat/Message.json", token, &body)).await?;
        if answer.status != 201 {
            ensure!((answer.status, answer.text.as_str()) == (429, TOO_MANY), "{} {}", answer.status, answer.text);
            ensure!(answer.headers.contains_key("retry-after"));
            return Ok((0..n).map(|n| format!("rest {n}")).collect());
        }
    }
    bail!("a thousand messages in a row are over any rate")
}

/// The ids of the messages that came back as errors.
async fn refused_before_the_ack(client: &mut Client) -> Result<Vec<String>> {
    let mut refused = Vec::new();
    loop {
        let frame = client.next().await?.context("the stream ended")?;
        if acknowledged(&frame).is_some() {
            return Ok(refused);
        }
        if frame.contains("type=\"error\"") {
            ensure!(frame.contains("code=\"406\"") && frame.contains("<policy-violation"), "{frame}");
            refused.push(between(&frame, " id=\"", "\"").context("an error names its message")?.to_owned());
        }
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_given_up_and_the_door_goes_on() {
    wait_in_vain().await.unwrap();
}

async fn wait_in_vain() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    // A hash takes minutes at that cost. The first start has made its users before.
    natter.restart_with(&["link.deadline_ms=1000", "account.argon2.passes=20000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let token = rest.app_token().await?;
    let user = json!({"user": {"login": "ann", "password": PASSWORD}});
    let late = r#"{"errors":["No answer in time, it may have been done"]}"#;
    rest.refused(rest.post("/users.json", &token, &user), 504, late).await?;
    rest.done(rest.get("/session", &token)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_over_every_queue_is_slowed_or_refused_and_never_lost() {
    overflow_the_queues().await.unwrap();
}

const BURST: u64 = 60;
const SENDERS: u64 = 3;

async fn overflow_the_queues() -> Result<()> {
    let settings = ["edge.mailbox=1", "edge.posts_max=2", "dialog.mailbox=2", "dialog.dialogs_of_user_max=4"];
    let natter = Natter::start(&settings).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let dialog = rest.dialog(&ann, &bob).await?;
    let _reader = Raw::signed_in(Over::Tcp, natter.ports.tcp, &bob.account).await?;
    let tls = trusting(&natter.ca())?;
    let mut running = Vec::new();
    for sender in 0..SENDERS {
        let client = Client::connect(natter.ports.wss, &tls, &ann.account, true).await?;
        running.push(tokio::spawn(burst(client, bob.account.clone(), sender)));
    }
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for sender in running {
        let (mine, not_mine) = sender.await??;
        taken.push(mine);
        refused.extend(not_mine);
    }
    let stored = rest.bodies(&bob.token, &dialog).await?;
    for mine in taken {
        let kept: Vec<&String> = stored.iter().filter(|body| mine.contains(body)).collect();
        ensure!(kept.iter().copied().eq(mine.iter()), "{} acknowledged, {} stored in their order", mine.len(), kept.len());
    }
    ensure!(stored.iter().all(|body| !refused.contains(body)), "what was refused is absent");
    too_many_dialogs(&rest).await
}

/// Sends without waiting. The ids that were taken, in their order, and those that were refused.
async fn burst(mut client: Client, to: Account, sender: u64) -> Result<(Vec<String>, Vec<String>)> {
    let mut taken: Vec<String> = (0..BURST).map(|number| numbered(sender * BURST + number)).collect();
    for id in &taken {
        client.feed(natter_tests::client::message(&to, id, id)).await?;
        client.feed(ASK.into()).await?;
    }
    client.flush().await?;
    let (mut acked, mut refused) = (0, Vec::new());
    while acked < BURST {
        let frame = client.next().await?.context("the stream ended")?;
        if frame.contains("type=\"error\"") {
            let id = between(&frame, " id=\"", "\"").context("an error names its message")?.to_owned();
            ensure!(frame.contains("<resource-constraint"), "{frame}");
            taken.retain(|other| *other != id);
            refused.push(id);
        }
        acked = acknowledged(&frame).unwrap_or(acked);
    }
    Ok((taken, refused))
}

async fn too_many_dialogs(rest: &Rest) -> Result<()> {
    let zoe = rest.sign_up("zoe").await?;
    for n in 0..4 {
        rest.dialog(&zoe, &rest.sign_up(&format!("friend{n}")).await?).await?;
    }
    let friend = rest.sign_up("one too many").await?;
    let body = json!({"type": 3, "occupants_ids": friend.account.user.to_string()});
    let answer = rest.send(rest.post("/chat/Dialog", &zoe.token, &body)).await?;
    ensure!(answer.status == 429, "a fifth dialog: {} {}", answer.status, answer.text);
    Ok(())
}

async fn ask_until_refused(rest: &Rest, token: &str) -> Result<()> {
    for _ in 0..1_000 {
        let answer = rest.send(rest.get("/session", token)).await?;
        if answer.status != 200 {
            ensure!((answer.status, answer.text.as_str()) == (429, TOO_MANY), "{} {}", answer.status, answer.text);
            ensure!(answer.headers.contains_key("retry-after"));
            return Ok(());
        }
    }
    bail!("a thousand requests in a row are over any rate")
}

const TOO_MANY: &str = r#"{"errors":["Too many requests"]}"#;

async fn refused_at_the_chat_door(natter: &Natter, account: &Account) -> Result<()> {
    let mut raw = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    raw.open().await?;
    raw.send(&plain(account)).await?;
    raw.expect("<temporary-auth-failure").await?;
    Ok(())
}

async fn token_opens_the_chat(natter: &Natter, account: &Account, token: &str) -> Result<()> {
    let account = Account { password: token.to_owned(), ..account.clone() };
    Raw::signed_in(Over::WebSocket, natter.ports.ws, &account).await?;
    Ok(())
}

fn large(to: &Account, id: &str) -> String {
    natter_tests::client::message(to, id, &format!("{id}{}", "x".repeat(BODY)))
}

pub async fn metrics(natter: &Natter) -> Result<String> {
    let url = format!("http://127.0.0.1:{}/metrics", natter.ports.health);
    Ok(natter_tests::client::http()?.get(url).send().await?.text().await?)
}
