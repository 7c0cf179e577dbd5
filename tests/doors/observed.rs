//! What an operator sees of a message from outside: one trace from the socket that it came by to those that it went to, and to the
//! provider of alerts, at a collector of his own.

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Client, group_message, trusting};
use natter_tests::otlp::{Collector, Seen, only};
use natter_tests::process::Natter;
use natter_tests::providers::{Providers, eventually};
use serde_json::json;

use crate::rest::Rest;

/// Each span of the way of a message, and whose child it is.
const WAY: [(&str, &str); 10] = [
    ("stanza", ""),
    ("dialog.post", "stanza"),
    ("dialog.append", "dialog.post"),
    ("history.append", "dialog.append"),
    ("store.append", "history.append"),
    ("fan_out", "dialog.post"),
    ("edge.write", "fan_out"),
    ("push.decide", "store.append"),
    ("push.alert", "push.decide"),
    ("push.attempt", "push.alert"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_one_trace_from_socket_to_socket_and_to_the_provider() {
    trace().await.unwrap();
}

async fn trace() -> Result<()> {
    let (collector, providers) = (Collector::start().await?, Providers::start().await?);
    let mut settings = providers.settings();
    settings.extend([format!("telemetry.otlp_endpoint={}", collector.endpoint), "telemetry.sample=1".to_owned()]);
    let mut natter = Natter::start(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob, cat) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, rest.sign_up("cat").await?);
    let devices = providers.devices(&providers.give(&natter, 1)?);
    rest.done(rest.post("/subscriptions", &cat.token, &devices.subscriptions()[1])).await?;
    let group = json!({"type": 2, "name": "three", "occupants_ids": [bob.account.user, cat.account.user]});
    let group = rest.done(rest.post("/chat/Dialog", &ann.token, &group)).await?;
    let group = group["_id"].as_str().context("an id")?.to_owned();

    // Bob is there and reads, Cat has a telephone.
    let tls = trusting(&natter.ca())?;
    let mut writes = Client::connect(natter.ports.wss, &tls, &ann.account, false).await?;
    let mut reads = Client::connect(natter.ports.wss, &tls, &bob.account, false).await?;
    writes.send(group_message(1, &group, "66f100000000000000000001", "words of nobody else")).await?;
    reads.expect("words of nobody else").await?;

    let is_whole = |trace: &Vec<Seen>| WAY.iter().all(|(name, _)| trace.iter().any(|span| span.name == *name));
    let trace = eventually("the whole trace", || collector.traces_with("dialog.post").into_iter().find(is_whole)).await;
    let trace = trace.with_context(|| format!("{:#?}", collector.traces_with("dialog.post")))?;
    for (name, parent) in WAY {
        // Ann's own session is told of it too.
        let span = match name {
            "edge.write" => trace.iter().find(|span| span.name == name).context("no write")?,
            name => only(&trace, name)?,
        };
        ensure!(span.parent == parent, "{name} is a child of {:?}", span.parent);
        ensure!(span.process.get("service.name").is_some_and(|name| name.starts_with("natter")), "{:?}", span.process);
        ensure!(span.process.contains_key("service.instance.id"), "{:?}", span.process);
    }
    ensure!(only(&trace, "push.attempt")?.text.contains("accepted"), "{:#?}", only(&trace, "push.attempt")?);
    for name in ["stanza", "dialog.post", "fan_out", "edge.write"] {
        let all = collector.traces_with(name).into_iter().flatten();
        for secret in ["words of nobody", &ann.account.password, &cat.token, &devices.google] {
            ensure!(!all.clone().any(|span| span.text.contains(secret)), "a span says {secret}");
        }
    }
    ensure!(natter.stop().await?.success(), "it ends as it does without a collector");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_starts_and_ends_without_its_collector() {
    do_without().await.unwrap();
}

async fn do_without() -> Result<()> {
    // Nobody listens there.
    let mut natter = Natter::start(&["telemetry.otlp_endpoint=http://127.0.0.1:1", "telemetry.sample=1"]).await?;
    Rest::of(&natter, 1)?.sign_up("ann").await?;
    ensure!(natter.stop().await?.success(), "{}", std::fs::read_to_string(natter.log())?);
    Ok(())
}
