//! A full disk: what cannot be stored is refused and never acknowledged, what is stored can be read, and when there is space
//! again the service goes on by itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_tests::build::Build;
use natter_tests::client::{ASK, Account, Client, acknowledged, message, trusting};
use natter_tests::process::Natter;
use natter_tests::sdk::Sdk;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::raw::numbered;
use crate::rest::{Answer, PASSWORD, Person, Rest};

/// What the process may still write, and what is taken away from it.
const LEFT: u64 = 512 << 20;
const TAKEN: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_posts_are_refused_and_afterwards_the_service_goes_on() {
    fill_the_disk().await.unwrap();
}

async fn fill_the_disk() -> Result<()> {
    let reserve = free_bytes(&std::env::temp_dir())?.checked_sub(LEFT).context("the disk of the test is full itself")?;
    let natter = Natter::start(&[&format!("store.reserve_bytes={reserve}")]).await?;
    let stage = Stage::open(&natter).await?;
    let (rest, tls) = (&stage.rest, trusting(&natter.ca())?);
    let lean = Client::connect(natter.ports.wss, &tls, &stage.cat.account, true).await?;
    stage.sdk_sends_and_hears("before").await?;

    let beside = tempfile::tempfile_in(natter.data())?;
    fallocate(&beside, FallocateFlags::empty(), 0, TAKEN)?;
    let refused = stage.post("refused").await?;
    ensure!(refused.status == 503, "{} {}", refused.status, refused.text);
    let lost = stage.sdk_loses("lost").await?;
    never_acked(lean, &stage.bob.account).await?;
    ensure!(rest.bodies(&stage.bob.token, &stage.dialog).await? == ["before"], "what is stored can be read");

    drop(beside);
    stage.posted_again().await?;
    stage.sdk_returns().await?;
    stage.sdk_sends_and_hears("after").await?;
    let mut lean = Client::connect(natter.ports.wss, &tls, &stage.cat.account, true).await?;
    lean.send(message(&stage.bob.account, &numbered(2), "lean after")).await?;
    lean.send(ASK.into()).await?;
    lean.expect("<a ").await?;

    let bodies = rest.bodies(&stage.bob.token, &stage.dialog).await?;
    ensure!(bodies == ["before", "again", "after"], "of what was refused nothing is there: {bodies:?}");
    let path = format!("/chat/Message.json?chat_dialog_id={}&_id={lost}", stage.dialog);
    ensure!(rest.done(rest.get(&path, &stage.bob.token)).await?["items"] == json!([]), "the lost message is absent");
    let with_cat = rest.dialog(&stage.bob, &stage.cat).await?;
    ensure!(rest.bodies(&stage.bob.token, &with_cat).await? == ["lean after"]);
    Ok(())
}

struct Stage {
    rest: Rest,
    /// Sends through the SDK, with stream management.
    ann: Person,
    sdk: Sdk,
    bob: Person,
    /// Sends through the lean client.
    cat: Person,
    dialog: String,
}

impl Stage {
    async fn open(natter: &Natter) -> Result<Stage> {
        let rest = Rest::of(natter, 1)?;
        let (ann, bob, cat) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?);
        let dialog = rest.dialog(&ann, &bob).await?;
        // It must not return by itself: an ack of a later stream would count for a message of this one (contract xmpp 5).
        let chat = json!({"streamManagement": {"enable": true, "acknowledgementTimeout": 5}, "reconnect": {"enable": true, "timeInterval": 600}});
        let sdk = Sdk::start(Build::Node6, &natter.sdk_config(1, false)?, chat).await?;
        let stage = Stage { rest, ann, sdk, bob, cat, dialog };
        stage.connect().await?;
        Ok(stage)
    }

    async fn connect(&self) -> Result<()> {
        self.sdk.call("chat.connect", json!([{"userId": self.ann.account.user, "password": PASSWORD}])).await?;
        // The SDK asks for no ack of what it sends before it has read `<enabled/>`, and its `connect` does not wait for that.
        let enabled = async {
            while self.sdk.get("chat.streamManagement.enabled").await? != true {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, enabled).await.context("stream management was not enabled")?
    }

    async fn sdk_returns(&self) -> Result<()> {
        self.sdk.call("chat.disconnect", json!([])).await?;
        self.sdk.drain("onSentMessageCallback").await;
        self.connect().await
    }

    async fn send(&self, body: &str) -> Result<String> {
        let message = json!({"type": "chat", "body": body, "extension": {"save_to_history": 1, "dialog_id": self.dialog}});
        let id = self.sdk.call("chat.send", json!([self.bob.account.user, message])).await?;
        Ok(id.as_str().context("send returns the id")?.to_owned())
    }

    async fn sdk_sends_and_hears(&self, body: &str) -> Result<()> {
        let id = self.send(body).await?;
        let event = self.sdk.event("onSentMessageCallback").await?;
        ensure!(event[0] == Value::Null && event[1]["id"] == id.as_str(), "{body}: {event}");
        Ok(())
    }

    /// Sends, and waits until the SDK reports the message as lost. It does so at the latest when the app sends again while
    /// the stream is gone; its own timer runs only from the last `<a/>` on (contract xmpp 5).
    async fn sdk_loses(&self, body: &str) -> Result<String> {
        let id = self.send(body).await?;
        self.sdk.event("onDisconnectedListener").await?;
        let _ = self.send("while offline").await;
        let event = self.sdk.event_where("onSentMessageCallback", |event| event[0]["id"] == id.as_str()).await?;
        ensure!(event[1] == Value::Null, "{body} was not lost: {event}");
        Ok(id)
    }

    async fn post(&self, body: &str) -> Result<Answer> {
        let body = json!({"chat_dialog_id": self.dialog, "message": body});
        self.rest.send(self.rest.post("/chat/Message.json", &self.ann.token, &body)).await
    }

    /// Asks until a post is taken; the store may rest for up to two seconds after a failure.
    async fn posted_again(&self) -> Result<()> {
        let posted = async {
            loop {
                let answer = self.post("again").await?;
                match answer.status {
                    201 => return Ok(()),
                    503 => tokio::time::sleep(Duration::from_millis(50)).await,
                    status => bail!("{status} {}", answer.text),
                }
            }
        };
        timeout(PATIENCE, posted).await.context("posts are refused although there is space")?
    }
}

/// Sends one message and expects anything but an ack: a stream error, or the end.
async fn never_acked(mut client: Client, to: &Account) -> Result<()> {
    client.send(message(to, &numbered(1), "lean refused")).await?;
    client.send(ASK.into()).await?;
    loop {
        match timeout(PATIENCE, client.next()).await.context("neither an ack nor an end")? {
            Ok(Some(frame)) if acknowledged(&frame).is_some() => bail!("acknowledged on a full disk: {frame}"),
            Ok(Some(frame)) if frame.contains("<stream:error") || frame.contains("type=\"error\"") => return Ok(()),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

/// Of the volume that a folder lies on.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let volume = statvfs(folder)?;
    Ok(volume.f_bavail * volume.f_frsize)
}
