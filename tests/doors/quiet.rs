//! What never stands in a log or a metric, whatever the level.

use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine;
use natter_tests::client::{Account, http};
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::json;

use crate::operator::{Operator, printed};
use crate::raw::{Over, Raw, numbered};
use crate::rest::{PASSWORD, Rest};
use crate::verdict::Verdict;

#[tokio::test]
async fn no_body_token_or_password_stands_in_the_log_or_the_metrics() {
    keep_quiet().await.unwrap();
}

async fn keep_quiet() -> Result<()> {
    let natter = Natter::start(&["telemetry.log=trace", "store.reserve_bytes=1"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let dialog = rest.dialog(&ann, &bob).await?;
    let secrets = [
        "MarkedBodyOfChat",
        "MarkedBodyOfRest",
        "MarkedExtension",
        "MarkedWrongWord",
        "MarkedNewWord",
        "MarkedQuery",
        "MarkedBrokenJson",
        "MarkedBrokenXml",
    ];

    let mut chat = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    let mut tcp =
        Raw::signed_in(Over::Tcp, natter.ports.tcp, &Account { password: ann.token.clone(), ..ann.account.clone() }).await?;
    let text = format!(
        "<message xmlns='jabber:client' to='{}-1@localhost' type='chat' id='{}'><body>MarkedBodyOfChat</body><extraParams \
         xmlns='jabber:client'><save_to_history>1</save_to_history><own>MarkedExtension</own></extraParams></message>",
        bob.account.user,
        numbered(1)
    );
    tcp.send(&text).await?;
    chat.expect("MarkedBodyOfChat").await?;
    tcp.send("<message><body>MarkedBrokenXml</message>").await?;
    tcp.end().await?;
    rest.done(rest.post(
        "/chat/Message",
        &ann.token,
        &json!({"chat_dialog_id": dialog, "message": "MarkedBodyOfRest", "send_to_chat": 1}),
    ))
    .await?;
    let update = json!({"user": {"password": "MarkedNewWord", "old_password": PASSWORD}});
    rest.done(rest.request(Method::PUT, "/users.json").header("CB-Token", &ann.token).json(&update)).await?;
    let wrong = Account { password: "MarkedWrongWord".into(), ..bob.account.clone() };
    ensure!(Raw::signed_in(Over::WebSocket, natter.ports.ws, &wrong).await.is_err());
    rest.send(rest.session(Some(json!({"login": "bob", "password": "MarkedWrongWord"})))).await?;
    rest.send(rest.get("/blobs/1?token=MarkedQuery", &ann.token)).await?;
    rest.send(rest.request(Method::POST, "/session").header("Content-Type", "application/json").body("{\"MarkedBrokenJson"))
        .await?;

    let standard = base64::engine::general_purpose::STANDARD;
    let base64 = |word: &str| standard.encode(format!("\0{}-1\0{word}", bob.account.user));
    let (operator, renewed) = (printed(&natter)?.context("no operator was printed")?, Operator::renewed(&natter)?);
    let pairs = [&operator, &renewed, &Operator::called("admin", "MarkedConsoleWord")];
    for pair in pairs {
        pair.status_of(&natter).await?;
    }
    let pairs = pairs.map(|pair| standard.encode(format!("{}:{}", pair.name, pair.password)));
    let encoded = [base64(PASSWORD), base64("MarkedWrongWord")];
    let metrics = http()?.get(format!("http://127.0.0.1:{}/metrics", natter.ports.health)).send().await?.text().await?;
    let log = std::fs::read_to_string(natter.log())?;
    ensure!(log.contains("DEBUG") && metrics.contains("natter_api"), "there is something to look through");
    let given = [PASSWORD, ann.token.as_str(), bob.token.as_str(), rest.auth_secret.as_str()];
    let of_operators = [operator.password.as_str(), renewed.password.as_str(), "MarkedConsoleWord"];
    let mut verdict = Verdict::default();
    for secret in secrets.into_iter().chain(encoded.iter().chain(&pairs).map(String::as_str)).chain(given).chain(of_operators) {
        for (place, text) in [("the log", &log), ("the metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(secret)).filter(|line| !is_banner(line));
            verdict.of(&format!("{secret} in {place}"), line.map_or(Ok(()), |line| Err(anyhow!("{line}"))));
        }
    }
    verdict.pronounce()
}

// What is printed once to whoever started the process: the block for ConnectyCube.init holds the app's secret, the line of the
// operator its password.
fn is_banner(line: &str) -> bool {
    line.trim_start().starts_with("authSecret: ") || line.starts_with("  operator  admin   password ")
}
