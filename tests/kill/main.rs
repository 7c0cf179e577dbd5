//! An ack means durable: the process is killed (SIGKILL) under traffic at random points and started again, and nothing that was answered
//! is lost. What the traffic is and what is checked says `natter_tests::traffic`.
//!
//! `NATTER_SEED` replays a run, `NATTER_KILLS` sets how many.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use natter_actor::Chance;
use natter_tests::process::Natter;
use natter_tests::traffic::{Excuse, LOGINS, PASSWORD, Stage, Traffic};

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
    let mut users = [0; LOGINS.len()];
    for (user, login) in users.iter_mut().zip(LOGINS) {
        *user = natter.create_user(1, login, PASSWORD)?;
    }
    let stage = Stage {
        app: 1,
        config: natter.sdk_config(1, false)?,
        ca: &natter.ca(),
        wss: vec![natter.ports.wss],
        rest_plain: natter.ports.rest_plain,
        users,
    };
    let traffic = Traffic::begin(&stage, seed).await?;
    for _ in 0..kills {
        // The moment of the kill is the point of the test, so it is chance and real time.
        tokio::time::sleep(Duration::from_millis(300 + chance.u64() % 1500)).await;
        natter.kill().await?;
        natter.restart().await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut lines = vec![format!("{kills} kills")];
    lines.extend(traffic.end(Excuse::default()).await?);
    Ok(lines.join("; "))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
