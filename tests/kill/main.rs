//! An ack means durable: clients stream numbered messages, the process is killed (SIGKILL) at random points and started again,
//! the clients return by themselves. History must then hold every acked message, none twice, in the order of each sender, and
//! the unread count must be what history says.
//!
//! `NATTER_SEED` replays a run, `NATTER_KILLS` sets how many.
#![allow(clippy::unwrap_used)]

mod check;
mod sender;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use natter_actor::Chance;
use natter_tests::build::Build;
use natter_tests::client::{Account, trusting};
use natter_tests::process::Natter;
use natter_tests::sdk::Sdk;
use serde_json::json;

const PASSWORD: &str = "correct horse";
const KILLS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acked_is_lost_when_the_process_is_killed() {
    let seed = number("NATTER_SEED").unwrap_or_else(|| Chance::system().u64() >> 16);
    let kills = number("NATTER_KILLS").unwrap_or(KILLS);
    let replay = format!("NATTER_SEED={seed} NATTER_KILLS={kills} cargo xtask test");
    let mut natter = Natter::start(&[]).await.unwrap();
    let outcome = run(&mut natter, seed, kills).await;
    match outcome {
        Ok(report) => println!("seed {seed}: {report}"),
        Err(error) => {
            let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{seed}"));
            natter.keep_logs(&logs).unwrap();
            panic!("{error:#}\nreplay: {replay}\nlogs: {}", logs.display());
        }
    }
}

async fn run(natter: &mut Natter, seed: u64, kills: u64) -> Result<String> {
    let chance = Chance::seeded(seed);
    let config = natter.sdk_config(1, false)?;
    let mut accounts = Vec::new();
    for login in ["reader", "lean", "sdk6", "sdk3"] {
        let user = natter.create_user(1, login, PASSWORD)?;
        accounts.push(Account { app: 1, user, password: PASSWORD.into() });
    }
    let [reader, lean, sdk6, sdk3] = &accounts[..] else { unreachable!("four were made") };

    let stop = Arc::new(AtomicBool::new(false));
    let tls = trusting(&natter.ca())?;
    let lean_run = tokio::spawn(sender::lean(natter.ports.wss, tls, lean.clone(), reader.clone(), stop.clone()));
    let managed = json!({"streamManagement": {"enable": true}, "reconnect": {"enable": true, "timeInterval": 1}});
    let plain = json!({"reconnect": {"enable": true, "timeInterval": 1}});
    let sdk6_run = tokio::spawn(sender::sdk(Build::Node6, config.clone(), managed, sdk6.clone(), reader.clone(), stop.clone()));
    let sdk3_run = tokio::spawn(sender::sdk(Build::Node3, config.clone(), plain, sdk3.clone(), reader.clone(), stop.clone()));

    for _ in 0..kills {
        // The moment of the kill is the point of the test, so it is chance and real time.
        tokio::time::sleep(Duration::from_millis(300 + chance.u64() % 1500)).await;
        natter.kill().await?;
        natter.restart().await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let sent = [(lean, lean_run.await??), (sdk6, sdk6_run.await??), (sdk3, sdk3_run.await??)];

    let reading = Sdk::start(Build::Node6, &config, json!({})).await?;
    reading.call("createSession", json!([{"login": "reader", "password": PASSWORD}])).await?;
    let mut lines = vec![format!("{kills} kills")];
    for (who, record) in sent {
        lines.push(check::history(&reading, reader, who, &record).await?);
    }
    Ok(lines.join("; "))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
