//! A forgotten password on a real process: the mail that a local SMTP server is handed, its link, and what the page does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::rest::{EXPIRED, PASSWORD, Rest};

const PATIENCE: Duration = Duration::from_secs(60);
const OFF: &str = r#"{"errors":["Password reset by e-mail is not configured"]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_it_is_said_so() {
    say_so().await.unwrap();
}

async fn say_so() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let token = rest.app_token().await?;
    rest.refused(rest.get("/users/password/reset?email=a%40b.test", &token), 422, OFF).await?;
    rest.refused(rest.post("/users/password/reset.json", &token, &json!({"email": "a@b.test"})), 422, OFF).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_of_a_mail_sets_a_new_password_once() {
    follow_the_link().await.unwrap();
}

async fn follow_the_link() -> Result<()> {
    let mut post = Post::open().await?;
    let natter = Natter::start(&post.settings()).await?;
    let rest = Rest::of(&natter, 1)?;
    let app = rest.app_token().await?;
    let ann = rest.sign_up_as(&app, "ann", json!({"email": "ann@example.test", "full_name": "Ann"})).await?;
    let own = json!({"reset_mail": {"subject": "Neues Passwort", "text": "#{name}: #{link}"}});
    natter.set_identity(1, &own)?;

    // A name in the request leads nobody anywhere, and an address that is nobody's is answered alike.
    for email in ["nobody@example.test", "Ann@example.test"] {
        let asked = rest.get(&format!("/users/password/reset.json?email={}", email.replace('@', "%40")), &app);
        let answer = rest.send(asked.header("Host", "evil.test")).await?;
        ensure!((answer.status, answer.text.as_str()) == (200, ""), "{answer:?}");
    }
    let mail = post.next().await?;
    ensure!(mail.recipients == ["<ann@example.test>"] && mail.sender == "<noreply@example.test>", "{mail:?}");
    ensure!(mail.text.contains("Subject: Neues Passwort") && mail.text.contains("Ann: "), "{mail:?}");
    let text = mail.text.replace("=\n", "");
    let root = format!("https://localhost:{}/password/reset/", natter.ports.rest);
    let key = text.split(&root).nth(1).context("no link to this house")?.split_whitespace().next().context("no key")?.to_owned();

    let page = http()?.get(format!("{}/password/reset/{key}", rest.root)).send().await?;
    ensure!(page.headers().get("content-security-policy").is_some(), "{page:?}");
    ensure!(page.text().await?.contains("<form"), "no form");
    rest.done(rest.get("/session", &ann.token)).await.context("a look ends nothing")?;
    let set = |password: &str| {
        let path = format!("/password/reset/{key}");
        let kind = "application/x-www-form-urlencoded";
        rest.request(Method::POST, &path).header("Content-Type", kind).body(format!("password={password}"))
    };
    ensure!(set("x").send().await?.status() == 422, "too short");
    ensure!(set("better+horse").send().await?.status() == 200, "not set");
    ensure!(set("worse+horse").send().await?.status() == 404, "set twice");
    rest.refused(rest.get("/session", &ann.token), 401, EXPIRED).await?;
    rest.done(rest.session(Some(json!({"login": "ann", "password": "better horse"})))).await?;
    let old = rest.session(Some(json!({"login": "ann", "password": PASSWORD})));
    rest.refused(old, 401, r#"{"errors":["Invalid password"]}"#).await?;
    ensure!(!std::fs::read_to_string(natter.log())?.contains(&key), "the log holds a key");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_hangs_holds_up_no_answer() {
    hang().await.unwrap();
}

async fn hang() -> Result<()> {
    let hanging = TcpListener::bind("127.0.0.1:0").await?;
    let port = format!("mail.port={}", hanging.local_addr()?.port());
    let natter = Natter::start(&["mail.host=127.0.0.1", "mail.tls=none", "mail.from=noreply@example.test", &port]).await?;
    let rest = Rest::of(&natter, 1)?;
    let app = rest.app_token().await?;
    let ann = rest.sign_up_as(&app, "ann", json!({"email": "ann@example.test"})).await?;
    let ask = || rest.post("/users/password/reset", &app, &json!({"email": "ann@example.test"}));
    rest.done(ask()).await?;
    let _connection = timeout(PATIENCE, hanging.accept()).await.context("the server is not asked")??;
    rest.done(ask()).await?;
    rest.done(rest.get("/session", &ann.token)).await?;
    rest.done(ask()).await?;
    rest.refused(ask(), 429, r#"{"errors":["Too many requests"]}"#).await
}

/// A post office on this machine.
struct Post {
    port: u16,
    mails: mpsc::UnboundedReceiver<Letter>,
}

/// A mail as it was handed over.
#[derive(Debug, Default)]
struct Letter {
    sender: String,
    recipients: Vec<String>,
    text: String,
}

impl Post {
    async fn open() -> Result<Post> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (taken, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(letter) = take(socket).await {
                    let _ = taken.send(letter);
                }
            }
        });
        Ok(Post { port, mails })
    }

    fn settings(&self) -> [&'static str; 4] {
        let port = Box::leak(format!("mail.port={}", self.port).into_boxed_str());
        ["mail.host=127.0.0.1", "mail.tls=none", "mail.from=noreply@example.test", port]
    }

    async fn next(&mut self) -> Result<Letter> {
        timeout(PATIENCE, self.mails.recv()).await.context("no mail came")?.context("the post office is closed")
    }
}

// One mail, by the steps of RFC 5321, 4.1.1; a step out of order is refused.
async fn take(socket: TcpStream) -> Result<Letter> {
    let mut socket = BufReader::new(socket);
    let mut letter = Letter::default();
    say(&mut socket, "220 here").await?;
    let mut line = String::new();
    while socket.read_line(&mut line).await? > 0 {
        let said = std::mem::take(&mut line).trim_end().to_owned();
        let (verb, rest) = said.split_once(':').unwrap_or((said.split(' ').next().unwrap_or_default(), ""));
        match (verb, letter.sender.is_empty(), letter.recipients.is_empty()) {
            ("EHLO" | "HELO", ..) => say(&mut socket, "250 fine").await?,
            ("MAIL FROM", true, _) => {
                letter.sender = rest.to_owned();
                say(&mut socket, "250 fine").await?;
            }
            ("RCPT TO", false, _) => {
                letter.recipients.push(rest.to_owned());
                say(&mut socket, "250 fine").await?;
            }
            ("DATA", false, false) => {
                say(&mut socket, "354 go on").await?;
                while socket.read_line(&mut line).await? > 0 && line != ".\r\n" {
                    letter.text.push_str(&std::mem::take(&mut line).replace("\r\n", "\n"));
                }
                line.clear();
                say(&mut socket, "250 taken").await?;
            }
            ("QUIT", ..) => {
                say(&mut socket, "221 bye").await?;
                break;
            }
            _ => say(&mut socket, "503 out of order").await?,
        }
    }
    ensure!(!letter.text.is_empty(), "no mail");
    Ok(letter)
}

async fn say(socket: &mut BufReader<TcpStream>, line: &str) -> Result<()> {
    socket.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(socket.flush().await?)
}
