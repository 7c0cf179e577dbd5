//! Thousands of clients spread over the edges, one edge killed: its clients come back at once to the others. How long until all are in
//! again, and what those wait who were at the other edges. The clients and all servers share this machine, so the times are long: what
//! says something is the ratio to the time in which as many sign in one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use natter_actor::Chance;
use natter_tests::client::{Account, Client, trusting};
use natter_tests::process::cpu_of;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::chat::{Chat, millis};
use super::{Scale, add_spent};
use crate::fixture::{Doors, users};
use crate::place::Place;
use crate::report::Report;
use crate::stream::{Acked, latencies};

const CLIENTS: usize = 5_000;
const SIGN_IN_AT_ONCE: usize = 32;
/// Of the others.
const PAIRS: usize = 16;
const RATE: f64 = 32.0;
/// Before the edge is killed, and after all are in again.
const CALM: u64 = 15;
/// A client that was refused or cut off while it signed in tries again after at most this, and twice that, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(240);
/// One sign-in that takes longer is given up.
const SIGN_IN: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// What a client tells of itself.
enum Told {
    /// It is in again.
    Back(Instant),
    /// A try failed, for this reason.
    Failed(Instant, String),
}

pub async fn run(report: &mut Report, place: &Place, scale: Scale) -> Result<()> {
    let count = scale.count(CLIENTS, 30);
    let all = users(place, &place.named("storm"), count).await?;
    let (edges, tls) = (place.edges(), trusting(&place.ca())?);
    let (broken, whole) = edges.split_first().context("a cluster has edges")?;
    let chat = Chat::of(place, "storm-other", PAIRS, whole).await?;

    let (started, before, generator) = (Instant::now(), place.clock()?, cpu_of("self")?);
    let (in_now, back) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Dealt out in turns, the broken edge first.
    let at_broken = count.div_ceil(edges.len());
    let (told, mut tells) = mpsc::unbounded_channel();
    let (leave, left) = watch::channel(false);
    let entering = all.into_iter().enumerate().map(|(n, account)| {
        let returning = Returning {
            account,
            tls: tls.clone(),
            // Half of them to each of the others.
            next: whole[n / edges.len() % whole.len()],
            in_now: in_now.clone(),
            back: back.clone(),
            told: told.clone(),
        };
        returning.enter(edges[n % edges.len()], left.clone())
    });
    // Whoever is in reads from then on: the edge asks for signs of life.
    let sessions: Vec<_> = stream::iter(entering).buffered(SIGN_IN_AT_ONCE).try_collect().await?;
    let (calmly, spent) = (started.elapsed(), place.clock()?.since(&before));
    let per_second = count as f64 / calmly.as_secs_f64();
    report.add(&format!("{count} clients sign in, {SIGN_IN_AT_ONCE} at a time"), per_second, "1/s", "");
    add_spent(report, "signing in", &spent, count as u64);
    let generator = cpu_of("self")? - generator;
    report.add("  generator", generator.as_secs_f64() * 1e6 / count as f64, "us", "");

    let calm = scale.time(CALM);
    let storm = async {
        tokio::time::sleep(calm).await;
        let (was_in, part) = (in_now.load(Ordering::Relaxed), part_at(place, *broken)?);
        let (before, kill_at) = (place.clock()?, Instant::now());
        place.of_cluster()?.process(&part).kill()?;
        let are_in = || back.load(Ordering::Relaxed) >= at_broken && in_now.load(Ordering::Relaxed) >= was_in;
        while !are_in() && kill_at.elapsed() < PATIENCE {
            tokio::time::sleep(STEP).await;
        }
        let in_at = Instant::now();
        let spent = place.clock()?.since(&before);
        tokio::time::sleep(calm).await;
        anyhow::Ok((was_in, kill_at, in_at, spent))
    };
    let (seen, (was_in, kill_at, in_at, spent)) = chat.run_beside(RATE, storm).await?;

    let (mut returns, mut errors) = (Vec::new(), BTreeMap::<String, usize>::new());
    while let Ok(told) = tells.try_recv() {
        match told {
            // What happened before is none of this.
            Told::Back(at) => returns.extend(at.checked_duration_since(kill_at)),
            Told::Failed(at, error) if at >= kill_at => *errors.entry(error).or_default() += 1,
            Told::Failed(..) => {}
        }
    }
    let missing = was_in - in_now.load(Ordering::Relaxed).min(was_in);
    let took = in_at - kill_at;
    report.add(&format!("an edge is killed: of {was_in} clients came back"), returns.len() as f64, "", "");
    report.add("  not in again", missing as f64, "", "0");
    report.add("  until all are in again", took.as_secs_f64(), "s", "");
    returns.sort_unstable();
    let at = |hundredths: usize| returns.get(returns.len() * hundredths / 100).copied();
    report.add("  p50 until one is in again", at(50).unwrap_or_default().as_secs_f64(), "s", "");
    report.add("  p99 until one is in again", at(99).unwrap_or_default().as_secs_f64(), "s", "");
    let ratio = took.as_secs_f64() * per_second / returns.len().max(1) as f64;
    report.add("  to the time in which as many sign in calmly", ratio, "", "");
    add_spent(report, "the storm, for each that came back", &spent, returns.len() as u64);
    for (error, count) in errors {
        report.add(&format!("  tries that failed: {error}"), count as f64, "", "0");
    }
    let within = |from: Instant, upto: Instant| {
        latencies(seen.acked.iter().filter(move |acked: &&Acked| acked.due >= from && acked.due < upto))
    };
    let long_ago = kill_at.checked_sub(calm).unwrap_or(kill_at);
    let parts = [("before", long_ago, kill_at), ("during", kill_at, in_at), ("after", in_at, in_at + calm)];
    let mut p99 = Vec::new();
    for (name, from, upto) in parts {
        let acks = within(from, upto)?;
        report.add(&format!("others at {RATE}/s, {name}: acknowledged"), acks.len() as f64, "", "");
        report.add("  p50 until the ack", millis(&acks, 0.5), "ms", "");
        report.add("  p99 until the ack", millis(&acks, 0.99), "ms", "");
        p99.push(millis(&acks, 0.99));
    }
    let unheard = seen.count().saturating_sub(seen.heard.len());
    report.add("others: acknowledged and not heard at once", unheard as f64, "", "");
    report.add("others: p99 during the storm to p99 before", p99[1] / p99[0], "", "");
    report.add("others: p99 after the storm to p99 before", p99[2] / p99[0], "", "");

    leave.send_replace(true);
    for session in sessions {
        session.await?;
    }
    let cluster = place.of_cluster()?;
    let part = cluster.part(&part_at(place, *broken)?)?.clone();
    cluster.launch(&part)?;
    cluster.wait(&part)
}

/// The name of the edge that listens there.
fn part_at(place: &Place, port: u16) -> Result<String> {
    let mut parts = place.of_cluster()?.parts().iter();
    let part = parts.find(|part| part.port("edge.wss_port") == Some(port)).context("an edge listens there")?;
    Ok(part.name.clone())
}

/// A client that comes back by itself.
struct Returning {
    account: Account,
    tls: TlsConnector,
    /// Where it comes back to.
    next: u16,
    in_now: Arc<AtomicUsize>,
    back: Arc<AtomicUsize>,
    told: mpsc::UnboundedSender<Told>,
}

impl Returning {
    /// Signs in, and is there from then on.
    async fn enter(self, port: u16, left: watch::Receiver<bool>) -> Result<JoinHandle<()>> {
        let client = self.sign_in(port, &left).await.context("nobody leaves before all are in")?;
        self.in_now.fetch_add(1, Ordering::Relaxed);
        Ok(tokio::spawn(self.run(client, left)))
    }

    async fn run(self, mut client: Client, mut left: watch::Receiver<bool>) {
        loop {
            let frame = tokio::select! {
                biased;
                _ = left.wait_for(|left| *left) => None,
                frame = client.next() => Some(frame),
            };
            match frame {
                Some(Ok(Some(_))) => continue,
                Some(_) => {}
                None => {
                    let _ = client.close().await;
                    return;
                }
            }
            self.in_now.fetch_sub(1, Ordering::Relaxed);
            let Some(again) = self.sign_in(self.next, &left).await else { return };
            client = again;
            let _ = self.told.send(Told::Back(Instant::now()));
            self.in_now.fetch_add(1, Ordering::Relaxed);
            self.back.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Until it is in, or leaves.
    async fn sign_in(&self, port: u16, left: &watch::Receiver<bool>) -> Option<Client> {
        let (mut pause, chance) = (PAUSE, Chance::system());
        while !*left.borrow() {
            let tried = tokio::time::timeout(SIGN_IN, Client::connect(port, &self.tls, &self.account, false)).await;
            let error = match tried {
                Ok(Ok(client)) => return Some(client),
                Ok(Err(error)) => kind_of(&error),
                Err(_) => format!("not in within {} s", SIGN_IN.as_secs()),
            };
            let _ = self.told.send(Told::Failed(Instant::now(), error));
            tokio::time::sleep(pause.mul_f64(0.5 + chance.below(500) as f64 / 1_000.0)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        None
    }
}

/// An error without what differs from one to the next.
fn kind_of(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).take(120).collect()
}
