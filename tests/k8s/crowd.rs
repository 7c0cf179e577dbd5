//! Two hundred clients who chat: in pairs, in groups of ten, and all of them in one public dialog. Each remembers what it was told and how
//! often it had to come back; at the end all of that is compared.

mod check;
mod lean;
mod sdk;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use natter_tests::client::{Account, trusting};
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use check::{During, Found};

use crate::release::Release;

/// How many, and those of them that are the SDK. Both even.
pub const CLIENTS: usize = 200;
pub const SDKS: usize = 10;
/// Of a group.
const MEMBERS: usize = 10;
/// Between two messages of a client.
const EVERY: Duration = Duration::from_secs(5);
/// Of so many messages of a client one goes to all and four to its group; the rest to the other one of its pair.
const ROUND: usize = 20;
const ACQUAINTED: Duration = Duration::from_secs(90);
/// How long the last messages may take to be answered and heard, and how long nothing new is heard when they are.
const LATE: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(5);

/// What the clients are to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Meet,
    Talk,
    Listen,
    End,
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    Pair,
    Group,
    All,
}

impl Lane {
    fn of(number: usize) -> Lane {
        match number % ROUND {
            7 => Lane::All,
            2 | 9 | 13 | 18 => Lane::Group,
            _ => Lane::Pair,
        }
    }
}

/// A message, and when its sender was told that it is kept.
#[derive(Clone, Debug)]
struct Sent {
    id: String,
    lane: Lane,
    at: Instant,
    acked: Option<Instant>,
    is_refused: bool,
}

/// A message that the app was given.
#[derive(Clone, Debug)]
struct Heard {
    id: String,
    is_delayed: bool,
}

/// A stream that ended, and the next one.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub at: Instant,
    /// It was told where to go.
    pub is_told: bool,
    pub back: Duration,
}

/// What a client did and was told.
#[derive(Default, Debug)]
struct Seen {
    is_sdk: bool,
    sent: Vec<Sent>,
    heard: Vec<Heard>,
    moves: Vec<Move>,
    /// When the other one of the pair was said to be away.
    away: Vec<Instant>,
    /// The contact has been seen, or there is none to be seen.
    has_met: bool,
}

/// A user of the crowd.
#[derive(Clone)]
struct Person {
    number: usize,
    me: Account,
    partner: Account,
    group: String,
    all: String,
    seen: Arc<Mutex<Seen>>,
    orders: watch::Receiver<Order>,
}

impl Person {
    /// Spread over the time between two messages.
    fn first_after(&self) -> Duration {
        EVERY.mul_f64(self.number as f64 / CLIENTS as f64)
    }
}

/// The crowd, while it chats.
pub struct Crowd {
    seen: Vec<Arc<Mutex<Seen>>>,
    orders: watch::Sender<Order>,
    running: Vec<JoinHandle<Result<()>>>,
    groups: Vec<String>,
}

impl Crowd {
    /// Users, their groups, and the clients, who talk when all are there.
    pub async fn gather(release: &Release) -> Result<Crowd> {
        let logins: Vec<String> = (0..CLIENTS).map(|number| format!("crowd{number}")).collect();
        let users = release.users(&logins).await?;
        let all = make_dialog(release, &logins[0], json!({"type": 1, "name": "All"})).await?;
        for some in logins.chunks(8) {
            let subscribe = async |login: &String| {
                let token = release.sign_in(login).await?;
                release.rest(Method::POST, &format!("chat/Dialog/{all}/subscribe"), &token, None).await
            };
            try_join_all(some.iter().map(subscribe)).await?;
        }
        let mut groups = Vec::new();
        for (number, members) in users.chunks(MEMBERS).enumerate() {
            let ids: Vec<u64> = members.iter().map(|member| member.user).collect();
            let group = json!({"type": 2, "name": format!("Group {number}"), "occupants_ids": ids});
            groups.push(make_dialog(release, &logins[number * MEMBERS], group).await?);
        }
        let orders = watch::Sender::new(Order::Meet);
        let tls = trusting(&release.ca)?;
        let (mut seen, mut running) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS {
            let person = Person {
                number,
                me: users[number].clone(),
                partner: users[number ^ 1].clone(),
                group: groups[number / MEMBERS].clone(),
                all: all.clone(),
                seen: Arc::default(),
                orders: orders.subscribe(),
            };
            seen.push(person.seen.clone());
            running.push(match number < SDKS {
                true => tokio::spawn(sdk::run(person, release.config.clone())),
                false => tokio::spawn(lean::run(person, release.chat, tls.clone())),
            });
        }
        groups.push(all);
        let crowd = Crowd { seen, orders, running, groups };
        timeout(ACQUAINTED, crowd.met()).await.map_err(|_| crowd.strangers())??;
        crowd.orders.send_replace(Order::Talk);
        Ok(crowd)
    }

    async fn met(&self) -> Result<()> {
        while !self.seen.iter().all(|seen| seen.lock().unwrap().has_met) {
            ensure!(!self.running.iter().any(JoinHandle::is_finished), "a client gave up before all had met");
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Until everything is answered, and nothing new is heard any more.
    async fn quiet(&self) {
        let mut heard = usize::MAX;
        loop {
            let (mut now, mut waits) = (0, false);
            for seen in &self.seen {
                let seen = seen.lock().unwrap();
                now += seen.heard.len();
                // Of what it sent before it was cut off the SDK tells nothing.
                waits |= !seen.is_sdk && seen.sent.iter().any(|sent| sent.acked.is_none());
            }
            if now == heard && !waits {
                return;
            }
            heard = now;
            sleep(QUIET).await;
        }
    }

    fn strangers(&self) -> anyhow::Error {
        let strangers = (0..).zip(&self.seen).filter(|(_, seen)| !seen.lock().unwrap().has_met).map(|(number, _)| number);
        anyhow::anyhow!("clients {:?} do not find their contacts", strangers.collect::<Vec<usize>>())
    }

    /// Moves of all clients since then, at most of one of them, so far.
    pub fn moved(&self, since: Instant) -> (usize, usize) {
        let of = |seen: &Arc<Mutex<Seen>>| seen.lock().unwrap().moves.iter().filter(|moved| moved.at >= since).count();
        let counts: Vec<usize> = self.seen.iter().map(of).collect();
        (counts.iter().sum(), counts.into_iter().max().unwrap_or_default())
    }

    /// Stops the clients when the last message was heard, and compares what they were told, and what is kept, step by step.
    pub async fn end(self, release: &Release, steps: &[During]) -> Result<Vec<Found>> {
        self.orders.send_replace(Order::Listen);
        let _ = timeout(LATE, self.quiet()).await;
        self.orders.send_replace(Order::End);
        for running in self.running {
            running.await??;
        }
        let seen: Vec<Seen> = self.seen.iter().map(|seen| std::mem::take(&mut *seen.lock().unwrap())).collect();
        check::stored(release, &seen, &self.groups).await?;
        Ok(check::all(&seen, steps))
    }
}

async fn make_dialog(release: &Release, login: &str, dialog: serde_json::Value) -> Result<String> {
    let token = release.sign_in(login).await?;
    let made = release.rest(Method::POST, "chat/Dialog", &token, Some(dialog)).await?;
    Ok(made["_id"].as_str().with_context(|| format!("no _id in {made}"))?.to_owned())
}
