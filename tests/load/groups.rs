//! Durable group messages over TLS WebSockets: deliveries per second, and how long from sending until a member hears. A sender
//! has a few messages on their way and sends the next one when it hears one of them back, so a room's rate is its own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use natter_actor::Chance;
use natter_proto::MessageId;
use natter_tests::client::{Account, Client, between, group_message, http, trusting};
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::report::Report;

const SECONDS: u64 = 10;
const PASSWORD: &str = "correct horse";
/// Messages of one sender on their way.
const WINDOW: usize = 4;
/// A member that heard nothing for so long hears nothing more.
const QUIET: Duration = Duration::from_secs(3);

/// Some rooms of one size.
struct Shape {
    name: &'static str,
    rooms: usize,
    members: usize,
    /// Members with a session.
    online: usize,
}

const SHAPES: [Shape; 3] = [
    Shape { name: "10 groups of 50", rooms: 10, members: 50, online: 50 },
    Shape { name: "a group of 500", rooms: 1, members: 500, online: 500 },
    Shape { name: "a group of 10,000, 2,000 online", rooms: 1, members: 10_000, online: 2_000 },
];

/// What a member heard.
struct Heard {
    count: u64,
    last: Instant,
    /// Microseconds.
    latency: Histogram<u64>,
}

/// Each shape on a server of its own.
pub async fn run(report: &mut Report) -> Result<()> {
    for shape in &SHAPES {
        let (per_second, latency, resident) = measure(shape).await?;
        let millis = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
        report.add(&format!("{}: durable deliveries", shape.name), per_second, "1/s", "50,000");
        report.add("  p50 until a member hears", millis(0.5), "ms", "");
        report.add("  p99 until a member hears", millis(0.99), "ms", "");
        report.add("  resident memory of the server", resident as f64 / f64::from(1 << 20), "MiB", "");
    }
    Ok(())
}

/// Deliveries per second, how long they took, and the server's memory in bytes.
async fn measure(shape: &Shape) -> Result<(f64, Histogram<u64>, u64)> {
    let natter = Natter::start(&[
        // Signing thousands of users up is not what is measured.
        "account.argon2.memory_kib=8",
        "account.argon2.passes=1",
        "edge.connections_per_address_max=20000",
        "dialog.app_rate=1000000",
    ])
    .await?;
    let tls = trusting(&natter.ca())?;
    let (mut listeners, mut senders) = (Vec::new(), Vec::new());
    let epoch = Instant::now();
    for room in 0..shape.rooms {
        let accounts = users(&natter, room, shape.members).await?;
        let group = group(&natter, room, &accounts).await?;
        let (sender, others) = accounts[..shape.online].split_first().context("a group has members")?;
        for chunk in others.chunks(50) {
            let connecting = chunk.iter().map(|account| Client::connect(natter.ports.wss, &tls, account, false));
            listeners.extend(try_join_all(connecting).await?.into_iter().map(|client| listen(client, epoch)));
        }
        senders.push((Client::connect(natter.ports.wss, &tls, sender, false).await?, group));
    }
    let started = Instant::now();
    let end = started + Duration::from_secs(SECONDS);
    let talking = senders.into_iter().zip(0..).map(|((client, group), lane)| talk(client, group, lane, epoch, end));
    let sent: u64 = try_join_all(talking).await?.into_iter().sum();
    let resident = natter.resident_bytes()?;
    let (mut deliveries, mut last, mut latency) = (sent, started, Histogram::new(2)?);
    for listener in listeners {
        let heard = listener.await??;
        deliveries += heard.count;
        last = last.max(heard.last);
        latency.add(heard.latency)?;
    }
    let expected = sent * shape.online as u64;
    ensure!(deliveries == expected, "of {expected} deliveries {deliveries} came");
    Ok((deliveries as f64 / (last - started).as_secs_f64(), latency, resident))
}

/// Counts what a member hears, until nothing comes any more.
fn listen(mut client: Client, epoch: Instant) -> JoinHandle<Result<Heard>> {
    tokio::spawn(async move {
        let mut heard = Heard { count: 0, last: epoch, latency: Histogram::new(2)? };
        loop {
            let frame = match tokio::time::timeout(QUIET, client.next()).await {
                Ok(frame) => frame?.context("the stream of a member ended")?,
                Err(_) if heard.count > 0 => return Ok(heard),
                Err(_) => continue,
            };
            let Some(sent_at) = between(&frame, "<body>", "</body>") else { continue };
            heard.count += 1;
            heard.last = Instant::now();
            let sent_at: u64 = sent_at.parse().context("a body is the time it was sent at")?;
            heard.latency.record((epoch.elapsed().as_micros() as u64).saturating_sub(sent_at))?;
        }
    })
}

/// Sends until the end, and hears all of it back. How many messages.
async fn talk(mut client: Client, group: String, lane: i64, epoch: Instant, end: Instant) -> Result<u64> {
    let salt = Chance::system().u64();
    let (mut sent, mut heard) = (0_u64, 0_u64);
    loop {
        while Instant::now() < end && sent - heard < WINDOW as u64 {
            let id = MessageId::from_random(lane, salt.wrapping_add(sent).to_be_bytes());
            let body = epoch.elapsed().as_micros();
            client.send(group_message(1, &group, &id.to_string(), &body.to_string())).await?;
            sent += 1;
        }
        if sent == heard {
            return Ok(sent);
        }
        let frame = client.next().await?.context("the stream of a sender ended")?;
        heard += u64::from(frame.contains("<body>"));
    }
}

/// Makes the users of a room.
async fn users(natter: &Natter, room: usize, count: usize) -> Result<Vec<Account>> {
    let token = std::fs::read_to_string(natter.data().join("admin.token"))?;
    let (http, url) = (http()?, format!("http://127.0.0.1:{}/admin/v1/apps/1/users", natter.ports.console));
    let mut accounts = Vec::with_capacity(count);
    for chunk in (0..count).collect::<Vec<_>>().chunks(16) {
        let made = chunk.iter().map(|n| {
            let body = json!({"login": format!("u{room}-{n}"), "password": PASSWORD});
            let request = http.post(&url).bearer_auth(token.trim()).json(&body);
            async move { anyhow::Ok(request.send().await?.error_for_status()?.json::<Value>().await?) }
        });
        for made in try_join_all(made).await? {
            let user = made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))?;
            accounts.push(Account { app: 1, user, password: PASSWORD.into() });
        }
    }
    Ok(accounts)
}

/// Makes the group of a room, over REST as its first user; its id.
async fn group(natter: &Natter, room: usize, members: &[Account]) -> Result<String> {
    let config = natter.sdk_config(1, true)?;
    let (http, root) = (http()?, format!("http://127.0.0.1:{}", natter.ports.rest_plain));
    let session = json!({
        "application_id": 1, "auth_key": config["credentials"]["authKey"],
        "user": {"login": format!("u{room}-0"), "password": PASSWORD},
    });
    let made: Value = http.post(format!("{root}/session")).json(&session).send().await?.error_for_status()?.json().await?;
    let token = made["session"]["token"].as_str().with_context(|| format!("no token in {made}"))?.to_owned();
    let ids: Vec<String> = members.iter().map(|member| member.user.to_string()).collect();
    let wanted = json!({"type": 2, "name": "room", "occupants_ids": ids.join(", ")});
    let request = http.post(format!("{root}/chat/Dialog")).header("CB-Token", token).json(&wanted);
    let made: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(made["_id"].as_str().with_context(|| format!("no _id in {made}"))?.to_owned())
}
