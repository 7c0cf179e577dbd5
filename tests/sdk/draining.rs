//! A process that ends while an app sends: what the SDK then says was sent is kept. Of what it wrote to a stream that nobody reads any more it says
//! so wrongly, with the first ack of the next stream (contract xmpp 5).

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use natter_tests::build::Build;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stage::Stage;

const ENDS: usize = 3;
/// Messages around the end of a process, which comes in the middle of them.
const MESSAGES: usize = 60;

// With 1.x the count is another one, and 3.35.3 overflows its own stack when it comes back with stream management on (contract xmpp 10).
#[tokio::test]
async fn node_2_1_7_says_of_nothing_that_it_was_sent_which_is_not_kept() -> Result<()> {
    what_is_said_to_be_sent_is_kept(Build::Node2).await
}

#[tokio::test]
async fn node_6_1_2_says_of_nothing_that_it_was_sent_which_is_not_kept() -> Result<()> {
    what_is_said_to_be_sent_is_kept(Build::Node6).await
}

#[tokio::test]
async fn browser_6_1_2_says_of_nothing_that_it_was_sent_which_is_not_kept() -> Result<()> {
    what_is_said_to_be_sent_is_kept(Build::Browser6).await
}

async fn what_is_said_to_be_sent_is_kept(build: Build) -> Result<()> {
    let chat = json!({"streamManagement": {"enable": true}, "reconnect": {"enable": true, "timeInterval": 1}});
    let mut stage = Stage::open(build, chat).await?;
    let port = if build.is_plain() { stage.natter.ports.ws } else { stage.natter.ports.wss };
    stage.natter.restart_with(&[&format!("edge.elsewhere=localhost:{port}")]).await?;
    stage.ann.sdk.event("onReconnectListener").await?;
    let mut said = BTreeSet::new();
    for _ in 0..ENDS {
        for number in 0..MESSAGES {
            if number == MESSAGES / 2 {
                stage.natter.terminate()?;
            }
            // While it is away the SDK refuses to send.
            let _ = stage.ann.send(stage.bob.id, &stage.dialog, "hello").await;
        }
        stage.natter.ended().await?;
        stage.natter.restart().await?;
        stage.ann.sdk.event("onReconnectListener").await?;
        said.extend(sent(&stage.ann.sdk.drain("onSentMessageCallback").await));
        said.extend(first_said(&stage).await?);
    }
    let listed = json!([{"chat_dialog_id": stage.dialog, "mark_as_read": 0, "limit": 1000}]);
    let listed = stage.ann.sdk.call("chat.message.list", listed).await?;
    let kept: BTreeSet<String> =
        listed["items"].as_array().context("items")?.iter().filter_map(|item| item["_id"].as_str()).map(str::to_owned).collect();
    assert!(said.len() > ENDS * MESSAGES / 4, "only {} were sent", said.len());
    let missing: Vec<_> = said.difference(&kept).collect();
    assert!(missing.is_empty(), "{missing:?} of {} are not among the {} that are kept", said.len(), kept.len());
    Ok(())
}

// What the SDK takes the first ack of a stream for. A message that is sent before stream management is on again is acknowledged to nobody.
async fn first_said(stage: &Stage) -> Result<Vec<String>> {
    for _ in 0..100 {
        stage.ann.send(stage.bob.id, &stage.dialog, "hello again").await?;
        sleep(Duration::from_millis(100)).await;
        let said = sent(&stage.ann.sdk.drain("onSentMessageCallback").await);
        if !said.is_empty() {
            return Ok(said);
        }
    }
    bail!("nothing is said to be sent after it came back")
}

// The first argument of the callback names what was lost, the second what was sent.
fn sent(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(|event| event[1]["id"].as_str()).map(str::to_owned).collect()
}
