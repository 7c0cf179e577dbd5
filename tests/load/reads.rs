//! Reads over REST with TLS, at a fixed low rate, by a user with 500 dialogs among 10,000 users, 1,000 dialogs and a million
//! messages: pages of history, the dialog list, the unread count. The same reads were measured when there was a tenth of the
//! messages: what they take grows with the page, not with the log. A read is due at its time whether or not the one before it was
//! slow, and its latency counts from then.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use natter_tests::client::{Account, trusting};
use natter_tests::process::Natter;
use serde_json::Value;

use crate::fixture::{FILLED, Rest, RestUser, Talk, users};
use crate::report::Report;

/// Messages of a full run.
pub const MESSAGES: usize = 1_000_000;
/// Below this, dialogs hold less than what is asked of them.
/// Between the last message and the first read.
const SETTLE: Duration = Duration::from_secs(20);
const MESSAGES_MIN: u64 = 100_000;

/// How much there is, of everything in proportion. Half of the dialogs are private, half are groups; the reader is in half of
/// each.
#[derive(Clone, Copy)]
struct Size {
    users: usize,
    dialogs: usize,
    messages: u64,
    /// Of each read.
    seconds: u64,
}

const MEMBERS: usize = 20;
/// Private dialogs of the reader that hold half of all messages; the other half lies even in all other dialogs.
const LARGE: usize = 16;
/// Writers at a time.
const WRITERS: usize = LARGE;
/// Every so many dialogs of the reader end with a message of his own, of which the list says who has read it.
const OWN_EVERY: usize = 5;
/// Reads a second.
const RATE: u64 = 20;
const WARM: usize = 50;

/// Everything before the messages: who is there, and who talks where.
struct Place {
    size: Size,
    natter: Natter,
    reader: RestUser,
    /// The first [`LARGE`] of them are the large ones, and the next a short one.
    talks: Vec<Talk>,
    /// What the reader says at the end.
    last_words: Vec<Talk>,
}

/// A read and what its answer must hold: how many items.
struct Read {
    what: &'static str,
    path: String,
    items: Option<usize>,
}

/// What one read took.
struct Took {
    /// Microseconds.
    latency: Histogram<u64>,
    /// Of the server on a core, per read: what a noisy machine changes least.
    server: Duration,
}

/// Fills a server, measuring on the way.
pub async fn run(report: &mut Report, messages: u64) -> Result<()> {
    ensure!(messages >= MESSAGES_MIN, "it takes {MESSAGES_MIN} messages");
    let (users, dialogs) = (messages as usize / 100, messages as usize / 1_000);
    let size = Size { users, dialogs, messages, seconds: messages / MESSAGES_MIN };
    let place = Place::prepare(size).await?;
    let tenth = size.messages / 10;
    place.fill(report, 0, tenth).await?;
    let before = place.measure(report, tenth).await?;
    place.fill(report, tenth, size.messages).await?;
    let after = place.measure(report, size.messages).await?;
    for ((what, before), (_, after)) in before.iter().zip(&after) {
        let ratio = after.server.as_secs_f64() / before.server.as_secs_f64();
        report.add(&format!("{what}: time on a core to that with a tenth of the log"), ratio, "", "1");
    }
    Ok(())
}

impl Place {
    async fn prepare(size: Size) -> Result<Place> {
        let natter = Natter::start(&FILLED).await?;
        let rest = Rest::of(&natter)?;
        let all = users(&natter, "user", size.users).await?;
        let reader = rest.sign_in("user-0").await?;
        let (first, others) = all.split_first().context("there are users")?;
        let groups = make_groups(&rest, size, first, others).await?;
        let (mut talks, mut last_words) = (Vec::new(), Vec::new());
        let is_last_word = |n: usize| n < size.dialogs / 4 && n.is_multiple_of(OWN_EVERY);
        for n in 0..size.dialogs / 2 {
            let (other, lane) = (&others[n], n as i64);
            // The reader talks with the first half; those of the second half with one another.
            let with = if n < size.dialogs / 4 { first } else { &others[n + size.dialogs] };
            talks.push(private(other, with, lane));
            if is_last_word(n) {
                last_words.push(private(first, other, -1 - lane));
            }
        }
        for (n, (group, owner)) in groups.iter().enumerate() {
            let to = format!("1_{group}@muc.localhost");
            let lane = (size.dialogs + n) as i64;
            if is_last_word(n) {
                last_words.push(Talk { writer: first.clone(), to: to.clone(), type_: "groupchat", lane: -1 - lane });
            }
            talks.push(Talk { writer: owner.clone(), to, type_: "groupchat", lane });
        }
        Ok(Place { size, natter, reader, talks, last_words })
    }

    /// Adds messages to all dialogs, from `said` in all up to `messages`.
    async fn fill(&self, report: &mut Report, said: u64, messages: u64) -> Result<()> {
        let started = Instant::now();
        let (tls, port) = (trusting(&self.natter.ca())?, self.natter.ports.wss);
        let (large, small) = self.talks.split_at(LARGE);
        let numbers = |among: usize| in_each(said, among)..in_each(messages, among);
        try_join_all(large.iter().map(|talk| talk.say(port, &tls, numbers(LARGE)))).await?;
        let saying = small.iter().map(|talk| talk.say(port, &tls, numbers(small.len())));
        stream::iter(saying).buffer_unordered(WRITERS).try_collect::<Vec<()>>().await?;
        for talk in &self.last_words {
            talk.say(port, &tls, said..said + 1).await?;
        }
        report.add(&format!("to fill up to {messages} messages"), started.elapsed().as_secs_f64(), "s", "");
        // Nobody reads beside a storm of as many messages as the machine takes: its compactions are not what is measured.
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    async fn measure(&self, report: &mut Report, messages: u64) -> Result<Vec<(&'static str, Took)>> {
        let mut all = Vec::new();
        for read in self.reads(messages).await? {
            let took = self.time(&read).await?;
            for (name, quantile, target) in [("p50", 0.5, ""), ("p95", 0.95, ""), ("p99", 0.99, "5 ms")] {
                let millis = took.latency.value_at_quantile(quantile) as f64 / 1000.0;
                report.add(&format!("{}, {messages} messages: {name}", read.what), millis, "ms", target);
            }
            report.add("  time of the server on a core, per read", took.server.as_secs_f64() * 1e3, "ms", "");
            all.push((read.what, took));
        }
        Ok(all)
    }

    async fn reads(&self, messages: u64) -> Result<Vec<Read>> {
        let (in_long, in_short) = (in_each(messages, LARGE), in_each(messages, self.talks.len() - LARGE));
        let (long, short) = (self.dialog_with(LARGE - 1, in_long).await?, self.dialog_with(LARGE, in_short).await?);
        // To mark what was read is a write, and is not measured here.
        let newest = |id: &str| format!("chat/Message?chat_dialog_id={id}&sort_desc=date_sent&mark_as_read=0");
        let (of_long, of_short, middle) = (newest(&long), newest(&short), in_long / 2);
        let date = self.json(&format!("{of_long}&limit=1&skip={middle}")).await?["items"][0]["date_sent"].clone();
        let of_user = self.size.dialogs / 2;
        let read = |what, path: String, items| Read { what, path, items };
        Ok(vec![
            read("history, the newest 50", format!("{of_long}&limit=50"), Some(50)),
            read("history, the newest 100", format!("{of_long}&limit=100"), Some(100)),
            read(
                "history, the newest 50 of a short dialog",
                format!("{of_short}&limit=50"),
                Some(50_usize.min(in_short as usize)),
            ),
            read("history, 100 from the middle", format!("{of_long}&limit=100&skip={middle}"), Some(100)),
            read("history, 50 up to a date in the middle", format!("{of_long}&limit=50&date_sent[lte]={date}"), Some(50)),
            read("dialog list, the newest 10", "chat/Dialog?limit=10".to_owned(), Some(10)),
            read("dialog list, the newest 100", "chat/Dialog?limit=100".to_owned(), Some(100_usize.min(of_user))),
            read("unread count of all dialogs", "chat/Message/unread".to_owned(), None),
            read("unread counts of two by their ids", format!("chat/Message/unread?chat_dialog_ids={long},{short}"), None),
        ])
    }

    /// The private dialog of this talk, which must hold what it should: what was said in it, and last words.
    async fn dialog_with(&self, talk: usize, messages: u64) -> Result<String> {
        let with = self.talks[talk].writer.user;
        let list = self.json(&format!("chat/Dialog?type=3&occupants_ids[in]={with}")).await?;
        let id = list["items"][0]["_id"].as_str().with_context(|| format!("no dialog with {with} in {list}"))?.to_owned();
        let count = self.json(&format!("chat/Message?chat_dialog_id={id}&count=1")).await?;
        let count = count["items"]["count"].as_u64().context("a count")?;
        ensure!((messages..=messages + 2).contains(&count), "{id} holds {count} messages, not {messages}");
        Ok(id)
    }

    async fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.reader.get(path).await?)?)
    }

    async fn time(&self, read: &Read) -> Result<Took> {
        let Read { path, items, .. } = read;
        for _ in 0..WARM {
            let found = self.json(path).await?["items"].as_array().map(Vec::len);
            ensure!(found == *items, "{path}: {found:?} items, not {items:?}");
        }
        let (mut latency, before) = (Histogram::new(3)?, self.natter.cpu()?);
        let (count, started) = (RATE * self.size.seconds, Instant::now());
        for n in 0..count {
            let due = started + Duration::from_secs_f64(n as f64 / RATE as f64);
            tokio::time::sleep_until(due.into()).await;
            self.reader.get(path).await?;
            latency.record(due.elapsed().as_micros() as u64)?;
        }
        Ok(Took { latency, server: (self.natter.cpu()? - before) / count as u32 })
    }
}

/// The groups with their owners. The reader is in the first half of them.
async fn make_groups(rest: &Rest, size: Size, reader: &Account, others: &[Account]) -> Result<Vec<(String, Account)>> {
    let making = (0..size.dialogs / 2).map(|n| async move {
        let at = n * (MEMBERS - 1);
        let members: Vec<&Account> = (at..at + MEMBERS - 1).map(|place| &others[place % others.len()]).collect();
        // `user-0` is the reader.
        let owner = rest.sign_in(&format!("user-{}", at % others.len() + 1)).await?;
        let with_reader = (n < size.dialogs / 4).then_some(reader);
        let id = owner.make_group(&format!("group {n}"), members.iter().copied().chain(with_reader)).await?;
        anyhow::Ok((id, members[0].clone()))
    });
    stream::iter(making).buffered(WRITERS).try_collect().await
}

/// How many of all messages lie in one of `among` dialogs that share a half of them.
fn in_each(messages: u64, among: usize) -> u64 {
    messages / 2 / among as u64
}

fn private(from: &Account, to: &Account, lane: i64) -> Talk {
    let to = format!("{}-{}@localhost", to.user, to.app);
    Talk { writer: from.clone(), to, type_: "chat", lane }
}
