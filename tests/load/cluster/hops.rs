//! What each part of the way takes, at a rate at which nobody waits for another. From outside: a question to the edge alone, the ack, the
//! hearing. From inside, as the processes count: the append, what it asks of CQL, the durable log. What is left between the ack and
//! the append is the call from edge to dialog and what both do for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use natter_tests::client::{ASK, Client, http};

use super::chat::{Chat, millis};
use super::{Scale, add_spent, idle};
use crate::place::Place;
use crate::report::Report;
use crate::stream::latencies;

const PAIRS: usize = 16;
const RATES: [f64; 2] = [16.0, 64.0];
const SECONDS: u64 = 10;
const QUESTIONS: usize = 200;
/// From when a chat begins until it is looked at.
const RAMP: Duration = Duration::from_secs(2);

pub async fn run(report: &mut Report, place: &Place, scale: Scale) -> Result<()> {
    let chat = Chat::of(place, "hops", PAIRS, &place.edges()).await?;
    let to_edge = questions(&chat, scale.count(QUESTIONS, 20)).await?;
    report.add("client to edge and back (`<r/>`, nothing on its way): mean", to_edge.mean() / 1e3, "ms", "");
    report.add("  p99", millis(&to_edge, 0.99), "ms", "");
    let idle = idle(place, scale).await?;
    for rate in RATES {
        let what = format!("at {rate}/s");
        let looking = async {
            // Those who came in are in.
            tokio::time::sleep(RAMP).await;
            let (counted, clock, from) = (Counted::of(place).await?, place.clock()?, Instant::now());
            tokio::time::sleep(scale.time(SECONDS)).await;
            let (upto, time) = (Instant::now(), from.elapsed());
            let spent = place.clock()?.since(&clock).without_idle(time, &idle);
            Ok((Counted::of(place).await?.since(&counted), spent, from..upto))
        };
        let (seen, (passed, spent, window)) = chat.run_beside(rate, looking).await?;
        let acked = seen.acked.iter().filter(|acked| window.contains(&(acked.due + acked.took)));
        let acks = latencies(acked)?;
        let ack = acks.mean() / 1e3;
        report.add(&format!("{what}: from client to ack: mean"), ack, "ms", "");
        report.add("  p99", millis(&acks, 0.99), "ms", "");
        let (_, append) = passed.mean("dialog natter_history_append_seconds");
        report.add(&format!("{what}: dialog to store, the append: mean"), append, "ms", "");
        let between = ack - to_edge.mean() / 1e3 - append;
        report.add(&format!("{what}: edge to dialog and back, and what both do: mean"), between, "ms", "");
        let later = (seen.heard.mean() - seen.acks.mean()) / 1e3;
        report.add(&format!("{what}: fan-out, how much later than the ack it is heard: mean"), later, "ms", "");
        for (name, (count, mean)) in passed.all() {
            let each = count / acks.len().max(1) as f64;
            if each >= 0.02 {
                report.add(&format!("{what}: {name}: calls for a message"), each, "", "");
                report.add("  mean", mean, "ms", "");
            }
        }
        add_spent(report, &what, &spent, acks.len());
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
        tokio::time::sleep(Duration::from_millis(10)).await;
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
