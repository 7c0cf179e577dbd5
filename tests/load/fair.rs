//! Many apps in one installation: what 299 of them get while one is far over its quotas, and while it is silent. Both are measured in
//! turns, so what else the machine does falls on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use natter_actor::Chance;
use natter_proto::MessageId;
use natter_tests::client::{Account, Client, group_message, http, message, trusting};
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use crate::admin::{AT_ONCE, Admin};
use crate::fixture::PASSWORD;
use crate::messages;
use crate::report::Report;
use crate::stream::{PATIENCE, Stream, latencies, listen};

const APPS: u64 = 300;
const RUNS: usize = 5;
/// Of the quiet apps together.
const QUIET_PER_SECOND: f64 = 1_000.0;
/// The quotas of an app, and ten times as much is what the loud one asks for.
const MESSAGES_PER_SECOND: u64 = 100;
const REQUESTS_PER_SECOND: u64 = 50;
const TIMES: u64 = 10;
/// The loud app's group, of whom some are there.
const MEMBERS: usize = 1_000;
const ONLINE: usize = 100;
const WRITERS: usize = 10;

/// Five times quiet and loud, the medians of the ratios.
pub async fn run(report: &mut Report) -> Result<()> {
    let settings = [
        format!("dialog.app_rate={MESSAGES_PER_SECOND}"),
        format!("api.app_rate={REQUESTS_PER_SECOND}"),
        "account.argon2.memory_kib=8".to_owned(),
        "account.argon2.passes=1".to_owned(),
        "edge.connections_per_address_max=20000".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let natter = Natter::start(&settings).await?;
    let admin = Admin::of(&natter)?;
    let began = Instant::now();
    let apps: Vec<u64> = (0..APPS).map(|n| 1_001 + n).collect();
    let keys = admin.all(&apps, |app| admin.app(*app)).await?;
    let quiet = admin.all(&apps[1..], |app| admin.pair(*app)).await?;
    let loud = Loud::new(&natter, &admin, apps[0], &keys[0]).await?;
    report.add("to make 300 apps", began.elapsed().as_secs_f64(), "s", "");

    let (mut throughput, mut latency) = (Vec::new(), Vec::new());
    for n in 0..RUNS {
        let alone = speak(&natter, &quiet).await?;
        let (stop, doing) = (Arc::new(AtomicBool::new(false)), Arc::new(loud.clone()));
        let noise = tokio::spawn(doing.shout(stop.clone()));
        let beside = speak(&natter, &quiet).await?;
        stop.store(true, Ordering::Relaxed);
        let shouted = noise.await??;
        throughput.push(beside.per_second / alone.per_second);
        latency.push(beside.p99 / alone.p99);
        report.add(&format!("run {n}: quiet apps alone, reached"), alone.per_second, "msg/s", "");
        report.add(&format!("run {n}: quiet apps alone, p99"), alone.p99, "ms", "");
        report.add(&format!("run {n}: beside the loud one, reached"), beside.per_second, "msg/s", "");
        report.add(&format!("run {n}: beside the loud one, p99"), beside.p99, "ms", "");
        report.add(&format!("run {n}: the loud one offered"), shouted, "msg/s", "");
    }
    report.add("quiet apps' messages beside a loud one to alone", median(throughput), "", "at least 0.95");
    report.add("quiet apps' p99 beside a loud one to alone", median(latency), "", "at most 1.5");
    Ok(())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// What quiet apps got.
struct Got {
    per_second: f64,
    /// Milliseconds until the ack, counted from when the message was due.
    p99: f64,
}

async fn speak(natter: &Natter, pairs: &[(Account, Account)]) -> Result<Got> {
    let tls = trusting(&natter.ca())?;
    let pace = Duration::from_secs_f64(pairs.len() as f64 / QUIET_PER_SECOND);
    let connect = |account: &Account, acks| {
        let (port, tls, account) = (natter.ports.wss, tls.clone(), account.clone());
        async move { Client::connect(port, &tls, &account, acks).await }
    };
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    let epoch = Instant::now();
    for pairs in pairs.chunks(AT_ONCE) {
        let reading = try_join_all(pairs.iter().map(|(_, to)| connect(to, false))).await?;
        readers.extend(reading.into_iter().map(|client| tokio::spawn(listen(client, epoch))));
        writers.extend(try_join_all(pairs.iter().map(|(from, _)| connect(from, true))).await?);
    }
    let time = Duration::from_secs(messages::SECONDS);
    let lanes = writers.into_iter().zip(pairs).zip(0..);
    let stream = |lane, to| Stream::to_user(to, lane, Some(pace), time, epoch);
    let senders: Vec<_> = lanes.map(|((client, (_, to)), lane)| tokio::spawn(stream(lane, to).run(client))).collect();
    let mut acked = Vec::new();
    for sender in senders {
        acked.extend(sender.await??);
    }
    for reader in readers {
        tokio::time::timeout(PATIENCE, reader).await.context("messages did not reach their recipient")???;
    }
    let per_second = acked.len() as f64 / time.as_secs_f64();
    Ok(Got { per_second, p99: latencies(&acked)?.value_at_quantile(0.99) as f64 / 1_000.0 })
}

/// The app that is over its quotas: messages to one user and to a large group, and logins.
#[derive(Clone)]
struct Loud {
    port: u16,
    tls: TlsConnector,
    writers: Vec<Account>,
    readers: Vec<Account>,
    group: String,
    login: (reqwest::Client, String, Value),
}

impl Loud {
    async fn new(natter: &Natter, admin: &Admin, app: u64, key: &str) -> Result<Loud> {
        let numbers: Vec<usize> = (0..MEMBERS).collect();
        let members = admin.all(&numbers, |n| admin.user(app, format!("member{n}"))).await?;
        let url = format!("http://127.0.0.1:{}", natter.ports.rest_plain);
        let user = json!({"login": "member0", "password": PASSWORD});
        let session = json!({"application_id": app, "auth_key": key, "user": user});
        let http = http()?;
        let opened: Value = http.post(format!("{url}/session")).json(&session).send().await?.error_for_status()?.json().await?;
        let ids: Vec<u64> = members.iter().map(|member| member.user).collect();
        let group = json!({"type": 2, "name": "all", "occupants_ids": ids});
        let token = opened["session"]["token"].as_str().context("a token")?;
        let made = http.post(format!("{url}/chat/Dialog")).header("CB-Token", token).json(&group).send().await?;
        let made: Value = made.error_for_status()?.json().await?;
        Ok(Loud {
            port: natter.ports.wss,
            tls: trusting(&natter.ca())?,
            writers: members[..WRITERS].to_vec(),
            readers: members[WRITERS..WRITERS + ONLINE].to_vec(),
            group: made["_id"].as_str().context("an _id")?.to_owned(),
            login: (http, format!("{url}/session"), session),
        })
    }

    /// Until `stop`; the messages that were sent per second.
    async fn shout(self: Arc<Loud>, stop: Arc<AtomicBool>) -> Result<f64> {
        let began = Instant::now();
        let mut tasks = Vec::new();
        for reader in &self.readers {
            let mut client = Client::connect(self.port, &self.tls, reader, false).await?;
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let heard = tokio::time::timeout(Duration::from_millis(500), client.next()).await;
                    if matches!(heard, Ok(Ok(None) | Err(_))) {
                        break;
                    }
                }
                anyhow::Ok(0)
            }));
        }
        for writer in 0..WRITERS {
            tasks.push(tokio::spawn(self.clone().write(writer, stop.clone())));
        }
        let (me, until) = (self.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            let pace = Duration::from_secs_f64(1.0 / (REQUESTS_PER_SECOND * TIMES) as f64);
            while !until.load(Ordering::Relaxed) {
                let (http, url, session) = &me.login;
                let asked = http.post(url).json(session).send();
                let (_, asked) = tokio::join!(tokio::time::sleep(pace), asked);
                asked?;
            }
            anyhow::Ok(0)
        }));
        let mut sent = 0;
        for task in tasks {
            sent += task.await??;
        }
        Ok(sent as f64 / began.elapsed().as_secs_f64())
    }

    /// Nine messages to a user, one to the group, and so on; what is refused is refused.
    async fn write(self: Arc<Loud>, writer: usize, stop: Arc<AtomicBool>) -> Result<u64> {
        let me = &self.writers[writer];
        let mut client = Client::connect(self.port, &self.tls, me, false).await?;
        let pace = Duration::from_secs_f64(WRITERS as f64 / (MESSAGES_PER_SECOND * TIMES) as f64);
        let (started, salt, mut sent) = (Instant::now(), Chance::system().u64(), 0_u64);
        while !stop.load(Ordering::Relaxed) {
            let id = MessageId::from_random(writer as i64, salt.wrapping_add(sent).to_be_bytes()).to_string();
            let text = match sent % 10 {
                9 => group_message(me.app, &self.group, &id, "to all"),
                _ => message(&self.writers[(writer + 1) % WRITERS], &id, "to one"),
            };
            client.send(text).await?;
            sent += 1;
            let due = started + pace.mul_f64(sent as f64);
            while let Ok(heard) = tokio::time::timeout_at(due.into(), client.next()).await {
                heard?.context("the loud app was cut off")?;
            }
        }
        client.close().await?;
        Ok(sent)
    }
}
