//! The pages about webhooks, with a receiver on this machine.

use anyhow::Result;
use natter_tests::process::Natter;
use natter_tests::receiver::{Mood, Receiver};
use serde_json::json;

use crate::act;

const WEBHOOKS: &[&str] = &[
    "a webhook is made, and its secret shown once",
    "a test reaches the receiver, and its signature is good",
    "what it is told is changed",
    "it is paused and resumed",
    "it is deleted after a question",
];

mod mouse {
    #[tokio::test]
    async fn what_servers_of_an_app_are_told() {
        super::hear("mouse").await.unwrap();
    }
}

mod keyboard {
    #[tokio::test]
    async fn what_servers_of_an_app_are_told() {
        super::hear("keyboard").await.unwrap();
    }
}

async fn hear(hand: &str) -> Result<()> {
    let receiver = Receiver::start(1).await?;
    receiver.set(Mood::default());
    let natter = Natter::start(&Receiver::settings()).await?;
    // What is made stands here: the scenario asks the receiver what it took.
    let looks = receiver.look().await?;
    act(&natter, "webhooks", hand, WEBHOOKS, &json!({ "url": receiver.url, "taken": looks })).await
}
