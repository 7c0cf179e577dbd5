//! The way of a message, from the edge that read it to the session that proved to have it, over the admin API.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::operator::Operator;
use crate::raw::{Over, Raw};
use crate::rest::Rest;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_message_of_an_app_that_is_looked_into_is_followed_to_the_one_who_reads_it() {
    follow().await.unwrap();
}

async fn follow() -> Result<()> {
    let natter = Natter::start(&["trace.one_in=0"]).await?;
    let (rest, admin) = (Rest::of(&natter, 1)?, Admin { operator: Operator::renewed(&natter)?, port: natter.ports.console });
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let mut writes = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    let mut reads = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    for session in [&mut writes, &mut reads] {
        session.send("<presence xmlns='jabber:client'/>").await?;
    }
    let to = format!("{}-1@localhost", bob.account.user);
    let say = |id: &str, body: &str| {
        format!(
            "<message xmlns='jabber:client' type='chat' id='{id}' to='{to}'><body>{body}</body><extraParams>\
             <save_to_history>1</save_to_history></extraParams></message>"
        )
    };
    let before = "66f100000000000000000000";
    writes.send(&say(before, "of which nobody asks")).await?;
    reads.expect("of which nobody asks").await?;

    let (status, on) = admin.ask(Method::PUT, "trace", Some(json!({"hours": 1}))).await?;
    ensure!(status == 200 && on["trace"]["every_message"] == true, "{on}");
    // Every process is told, but not before the answer: some of what is said next may leave no trace.
    let traced = async {
        for n in 1.. {
            let (id, body) = (format!("66f1{n:020x}"), format!("looked into, {n}"));
            writes.send(&say(&id, &body)).await?;
            reads.expect(&body).await?;
            for _ in 0..20 {
                if admin.ask(Method::GET, &format!("messages/{id}/trace"), None).await?.0 == 200 {
                    return Ok(id);
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        bail!("none is traced")
    };
    let after = timeout(PATIENCE, traced).await.context("none is traced in time")??;
    reads
        .send(&format!(
            "<message xmlns='jabber:client' type='chat' id='r1' to='{}-1@localhost'>\
        <displayed xmlns='urn:xmpp:chat-markers:0' id='{after}'/></message>",
            ann.account.user
        ))
        .await?;

    let path = format!("messages/{after}/trace");
    let wanted = ["received", "ordered", "stored", "told", "acked", "written", "proved", "delivered", "read"];
    let mut last = Value::Null;
    let complete = async {
        loop {
            last = admin.ask(Method::GET, &path, None).await?.1;
            if wanted.iter().all(|word| hop(&last, word).is_some()) {
                return anyhow::Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    // He answers pings while he reads.
    let reading = async {
        match reads.end().await {
            Ok(last) => bail!("his stream ended: {last}"),
            Err(error) => anyhow::Result::<()>::Err(error),
        }
    };
    let seen = tokio::select! {
        biased;
        seen = timeout(PATIENCE, complete) => seen,
        outcome = reading => bail!("not the whole way in time, {outcome:?}: {last:#}"),
    };
    seen.ok().with_context(|| format!("not the whole way: {last:#}"))??;
    let user = |word: &str| hop(&last, word).and_then(|hop| hop["user"].as_u64());
    for (word, expected) in [("received", ann.account.user), ("written", bob.account.user), ("read", bob.account.user)] {
        ensure!(user(word) == Some(expected), "{word}: {last:#}");
    }
    ensure!(hop(&last, "told").is_some_and(|hop| hop["users"] == 2), "{last:#}");
    let at = |word: &str| hop(&last, word).and_then(|hop| hop["at"].as_str().map(str::to_owned));
    ensure!(at("received") <= at("stored") && at("stored") <= at("written") && at("written") <= at("proved"), "{last:#}");
    let (status, text) = admin.ask(Method::GET, &format!("messages/{before}/trace"), None).await?;
    ensure!(status == 404 && text["error"]["code"] == "not_found", "{text}");
    Ok(())
}

fn hop<'a>(trace: &'a Value, word: &str) -> Option<&'a Value> {
    trace["trace"]["hops"].as_array()?.iter().find(|hop| hop["what"] == word)
}

struct Admin {
    operator: Operator,
    port: u16,
}

impl Admin {
    /// A status and an answer of app 1.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
        let url = format!("http://localhost:{}/admin/v1/apps/1/{path}", self.port);
        let request = http()?.request(method, url).basic_auth(&self.operator.name, Some(&self.operator.password));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}
