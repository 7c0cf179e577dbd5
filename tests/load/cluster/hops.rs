//! What each part of the way takes, at a rate at which nobody waits for another. From outside: a question to the edge alone, the ack, the
//! hearing. From inside, as the processes count: the append, what it asks of CQL, the durable log. What is left between the ack and
//! the append is the call from edge to dialog and what both do for it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use natter_tests::client::{ASK, Client, http};

use super::chat::{Chat, millis};
use super::{Scale, add_spent, idle};
use crate::place::Place;
use crate::report::Report;

const PAIRS: usize = 16;
const RATES: [f64; 2] = [16.0, 100.0];
const SECONDS: u64 = 10;
const QUESTIONS: usize = 200;

pub async fn run(report: &mut Report, place: &Place, scale: Scale) -> Result<()> {
    let chat = Chat::of(place, "hops", PAIRS, &place.edges()).await?;
    let to_edge = questions(&chat, scale.count(QUESTIONS, 20)).await?;
    report.add("client to edge and back (`<r/>`, nothing on its way): mean", to_edge.mean() / 1e3, "ms", "");
    report.add("  p99", millis(&to_edge, 0.99), "ms", "");
    let idle = idle(place, scale).await?;
    // The dialogs are loaded.
    chat.run(Some(RATES[0]), scale.time(SECONDS).min(std::time::Duration::from_secs(2))).await?;
    for rate in RATES {
        let what = format!("at {rate}/s");
        let before = Counted::of(place).await?;
        let seen = chat.run(Some(rate), scale.time(SECONDS)).await?;
        let passed = Counted::of(place).await?.since(&before);
        let ack = seen.acks.mean() / 1e3;
        report.add(&format!("{what}: from client to ack: mean"), ack, "ms", "");
        let (_, append) = passed.mean("dialog natter_history_append_seconds");
        report.add(&format!("{what}: dialog to store, the append: mean"), append, "ms", "");
        let between = ack - to_edge.mean() / 1e3 - append;
        report.add(&format!("{what}: edge to dialog and back, and what both do: mean"), between, "ms", "");
        let heard = seen.heard.mean() / 1e3;
        report.add(&format!("{what}: from client to listener: mean"), heard, "ms", "");
        report.add(&format!("{what}: fan-out, the listener after the append: mean"), heard - ack + between / 2.0, "ms", "");
        for (name, (count, mean)) in passed.all() {
            let each = count / (seen.count() + PAIRS as u64) as f64;
            if each >= 0.02 {
                report.add(&format!("{what}: {name}: calls for a message"), each, "", "");
                report.add("  mean", mean, "ms", "");
            }
        }
        add_spent(report, &what, &seen.spent.without_idle(seen.took, &idle), seen.count());
    }
    Ok(())
}

/// How long an edge takes to say that nothing is outstanding, microseconds.
async fn questions(chat: &Chat<'_>, count: usize) -> Result<Histogram<u64>> {
    let mut client = Client::connect(chat.edges[0], &chat.tls, &chat.pairs[0].0, true).await?;
    let mut latency = Histogram::new(3)?;
    for _ in 0..count {
        let asked = Instant::now();
        client.send(ASK.into()).await?;
        client.expect("<a ").await?;
        latency.record(asked.elapsed().as_micros() as u64)?;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    client.close().await?;
    Ok(latency)
}

/// Count and sum of seconds of every histogram of time, of all processes of a kind together.
struct Counted(BTreeMap<String, (f64, f64)>);

const KINDS: [&str; 5] = ["edge", "dialog", "presence", "push", "account"];

impl Counted {
    async fn of(place: &Place) -> Result<Counted> {
        let (http, mut all) = (http()?, BTreeMap::<String, (f64, f64)>::new());
        for kind in KINDS {
            for port in place.health_ports(kind) {
                let text = http.get(format!("http://127.0.0.1:{port}/metrics")).send().await?.error_for_status()?.text().await?;
                for (name, is_sum, figure) in text.lines().filter_map(time_of) {
                    let (count, sum) = all.entry(format!("{kind} {name}")).or_default();
                    *(if is_sum { sum } else { count }) += figure.parse::<f64>().with_context(|| format!("{name} {figure}"))?;
                }
            }
        }
        Ok(Counted(all))
    }

    fn since(&self, earlier: &Counted) -> Counted {
        let passed = |(name, (count, sum)): (&String, &(f64, f64))| {
            let (then_count, then_sum) = earlier.0.get(name).copied().unwrap_or_default();
            (name.clone(), (count - then_count, sum - then_sum))
        };
        Counted(self.0.iter().map(passed).collect())
    }

    /// How many, and the mean in milliseconds.
    fn mean(&self, name: &str) -> (f64, f64) {
        let (count, sum) = self.0.get(name).copied().unwrap_or_default();
        (count, if count > 0.0 { sum / count * 1e3 } else { 0.0 })
    }

    fn all(&self) -> impl Iterator<Item = (&String, (f64, f64))> {
        self.0.keys().map(|name| (name, self.mean(name)))
    }
}

/// A line `NAME_seconds_sum{LABELS} FIGURE` or `..._count...`: the name with its labels, whether it is a sum, the figure.
fn time_of(line: &str) -> Option<(String, bool, &str)> {
    let (name, figure) = line.rsplit_once(' ')?;
    let (name, labels) = name.split_once('{').map_or((name, ""), |(name, labels)| (name, labels.trim_end_matches('}')));
    let (name, is_sum) = match name.strip_suffix("_seconds_sum") {
        Some(name) => (name, true),
        None => (name.strip_suffix("_seconds_count")?, false),
    };
    Some((format!("{name}_seconds {labels}").trim_end().to_owned(), is_sum, figure))
}
