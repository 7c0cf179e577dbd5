//! An ack means durable: clients stream numbered messages to one user and to groups, members of the groups come and go, one user
//! changes his contacts and his privacy list, one uploads files, the process is killed (SIGKILL) at random points and started again, the clients return by themselves. History must then hold every
//! acked message, none twice, in the order of each sender, the members must be those that were answered, and the unread counts
//! must be what history says; contacts, lists and files are those that were answered.
//!
//! `NATTER_SEED` replays a run, `NATTER_KILLS` sets how many.
#![allow(clippy::unwrap_used)]

mod check;
mod comings;
mod keeper;
mod record;
mod sender;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_actor::Chance;
use natter_proto::DialogId;
use natter_tests::build::Build;
use natter_tests::client::{Account, trusting};
use natter_tests::process::Natter;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};

use check::Group;
use comings::Comings;
use keeper::{Files, Keeper};
use record::{Lane, Ticks};
use sender::{Errand, Lean};

const PASSWORD: &str = "correct horse";
const KILLS: u64 = 20;
/// The owner of the groups and who reads, three senders, two who come and go, and one who keeps contacts and files and says nothing.
const LOGINS: [&str; 7] = ["reader", "lean", "sdk6", "sdk3", "guest1", "guest2", "keeper"];
const GUESTS: Range<usize> = 4..6;
const KEEPER: usize = 6;

/// A user.
pub struct Person {
    pub login: &'static str,
    pub account: Account,
}

impl Person {
    pub fn user(&self) -> u64 {
        self.account.user
    }

    /// Gives a client the user's REST session.
    pub async fn sign_in(&self, rest: &Sdk) -> Result<()> {
        rest.call("createSession", json!([{"login": self.login, "password": self.account.password}])).await?;
        Ok(())
    }
}

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
    let mut people = Vec::new();
    for login in LOGINS {
        let user = natter.create_user(1, login, PASSWORD)?;
        people.push(Person { login, account: Account { app: 1, user, password: PASSWORD.into() } });
    }
    let people = Arc::new(people);
    let reading = Sdk::start(Build::Node6, &config, json!({})).await?;
    let groups = [make_group(&reading, &people).await?, make_group(&reading, &people).await?];
    let (ticks, stop) = (Ticks::default(), Arc::new(AtomicBool::new(false)));

    let to_groups = groups.map(Lane::Group);
    let to_reader = [Lane::Private(people[0].account.clone())];
    let errand = |n: usize, name, lanes: &[&[Lane]]| Errand {
        name,
        me: people[n].account.clone(),
        lanes: lanes.concat(),
        ticks: ticks.clone(),
        stop: stop.clone(),
    };
    let tls = trusting(&natter.ca())?;
    let lean = |errand, window, pause| Lean { errand, port: natter.ports.wss, tls: tls.clone(), window, pause };
    let managed = json!({"streamManagement": {"enable": true}, "reconnect": {"enable": true, "timeInterval": 1}});
    let plain = json!({"reconnect": {"enable": true, "timeInterval": 1}});
    let pause = Duration::from_millis(30);
    let running = [
        tokio::spawn(lean(errand(1, "lean client", &[&to_reader]), 32, Duration::ZERO).run()),
        tokio::spawn(lean(errand(4, "lean client, guest 1", &[&to_groups]), 4, pause).run()),
        tokio::spawn(lean(errand(5, "lean client, guest 2", &[&to_groups]), 4, pause).run()),
        tokio::spawn(sender::sdk(
            errand(2, Build::Node6.name(), &[&to_reader, &to_groups]),
            Build::Node6,
            config.clone(),
            managed,
        )),
        tokio::spawn(sender::sdk(errand(3, Build::Node3.name(), &[&to_reader, &to_groups]), Build::Node3, config.clone(), plain)),
    ];
    let comings = Comings {
        rest: reading,
        signed_in: None,
        people: people.clone(),
        guests: GUESTS,
        groups: groups.to_vec(),
        chance: Chance::seeded(seed.wrapping_add(1)),
        ticks: ticks.clone(),
        stop: stop.clone(),
    };
    let comings = tokio::spawn(comings.run());
    let keeper = Keeper {
        me: people[KEEPER].account.clone(),
        others: people[..KEEPER].iter().map(Person::user).collect(),
        port: natter.ports.wss,
        tls,
        chance: Chance::seeded(seed.wrapping_add(2)),
        stop: stop.clone(),
    };
    let credentials = &config["credentials"];
    let session = json!({
        "application_id": credentials["appId"], "auth_key": credentials["authKey"],
        "user": {"login": people[KEEPER].login, "password": PASSWORD},
    });
    let keeping = [
        tokio::spawn(keeper.run()),
        tokio::spawn(Files { rest_port: natter.ports.rest_plain, session, stop: stop.clone() }.run()),
    ];

    for _ in 0..kills {
        // The moment of the kill is the point of the test, so it is chance and real time.
        tokio::time::sleep(Duration::from_millis(300 + chance.u64() % 1500)).await;
        natter.kill().await?;
        natter.restart().await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let (reading, moves) = comings.await??;
    let mut records = Vec::new();
    for running in running {
        records.push(running.await??);
    }

    let mut lines = vec![format!("{kills} kills")];
    for keeping in keeping {
        lines.push(keeping.await??);
    }
    for record in records.iter().filter(|record| !record.private().is_empty()) {
        lines.push(check::private(&reading, &people[0], record).await?);
    }
    for (number, dialog) in (1..).zip(groups) {
        let group = Group { dialog, people: &people, records: &records, moves: &moves };
        lines.push(format!("group {number}: {}", group.check(&reading).await.with_context(|| format!("group {number}"))?));
    }
    Ok(lines.join("; "))
}

/// A group of everybody.
async fn make_group(rest: &Sdk, people: &[Person]) -> Result<DialogId> {
    people[0].sign_in(rest).await?;
    let members: Vec<u64> = people.iter().map(Person::user).collect();
    let made: Value = rest.call("chat.dialog.create", json!([{"type": 2, "name": "all", "occupants_ids": members}])).await?;
    made["_id"].as_str().and_then(|id| id.parse().ok()).with_context(|| format!("no _id in {made}"))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
