//! Alerts through each provider's path: how many in a second, and how long after its message a request reaches the provider. The
//! providers stand in this process and check what they are sent, so their time on a core is in the figures.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use natter_push::provider::testing::Server;
use natter_tests::client::Account;
use natter_tests::process::Natter;
use natter_tests::providers::Providers;
use tokio::time::timeout;

use crate::admin::AT_ONCE;
use crate::fixture::{FILLED, Rest, RestUser, users};
use crate::report::Report;

/// Users who are away, of a full run, each with a device of one kind.
pub const USERS: usize = 200;
/// Messages to all of them.
const MESSAGES: usize = 20;
/// Messages to one of them, one after the other.
const SAMPLES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);
const CHANNELS: [&str; 3] = ["apns", "fcm", "web"];

/// Each path, one after the other.
pub async fn run(report: &mut Report, away: usize) -> Result<()> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let settings: Vec<&str> = FILLED.into_iter().chain(settings.iter().map(String::as_str)).collect();
    let natter = Natter::start(&settings).await?;
    let public_key = providers.give(&natter, 1)?;
    let rest = Rest::of(&natter)?;
    users(&natter, "writer", 1).await?;
    let writer = rest.sign_in("writer-0").await?;
    for (channel, name) in CHANNELS.into_iter().enumerate() {
        let readers = readers(&natter, &rest, &providers, (channel, name, &public_key), away).await?;
        let group = writer.make_group(name, readers.iter()).await?;
        let server = server(&providers, channel);
        let (before, started) = (server.asked(), Instant::now());
        for n in 0..MESSAGES {
            writer.say(&group, &format!("message {n}")).await?;
        }
        let all = away * MESSAGES;
        timeout(PATIENCE, server.asked_for(before + all)).await.with_context(|| format!("{name}: alerts did not come"))?;
        report.add(&format!("alerts, {name}"), all as f64 / started.elapsed().as_secs_f64(), "1/s", "");
        let one = writer.make_group(&format!("{name} alone"), readers.iter().take(1)).await?;
        let latency = one_by_one(&writer, &one, server).await?;
        for quantile in [0.5, 0.99] {
            let what = format!("  from the answer to a message to the request, p{}, {name}", quantile * 100.0);
            report.add(&what, latency.value_at_quantile(quantile) as f64 / 1_000.0, "ms", "");
        }
    }
    Ok(())
}

fn server(providers: &Providers, channel: usize) -> &Server {
    let checking = &providers.checking;
    [&checking.apple.server, &checking.google.server, &checking.postman.server][channel]
}

/// Users with a device each, and no session.
pub async fn readers(
    natter: &Natter,
    rest: &Rest,
    providers: &Providers,
    (channel, name, public_key): (usize, &str, &str),
    count: usize,
) -> Result<Vec<Account>> {
    let readers = users(natter, name, count).await?;
    for some in (0..count).collect::<Vec<_>>().chunks(AT_ONCE) {
        try_join_all(some.iter().map(|n| async move {
            let device = providers.devices(public_key).subscriptions()[channel].clone();
            rest.sign_in(&format!("{name}-{n}")).await?.post("subscriptions", &device).await
        }))
        .await?;
    }
    Ok(readers)
}

async fn one_by_one(writer: &RestUser, dialog: &str, server: &Server) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new(3)?;
    for n in 0..SAMPLES {
        let before = server.asked();
        writer.say(dialog, &format!("sample {n}")).await?;
        let answered = Instant::now();
        timeout(PATIENCE, server.asked_for(before + 1)).await.context("an alert did not come")?;
        latency.record(answered.elapsed().as_micros() as u64)?;
    }
    Ok(latency)
}
