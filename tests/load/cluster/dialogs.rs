//! How the cost of a message grows with the dialogs of its sender, who writes to one after the other of them; and what his list of them
//! and his unread count cost.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use natter_tests::client::{Client, trusting};

use super::chat::millis;
use super::post::{Post, RATE};
use super::{Scale, add_spent, idle};
use crate::fixture::{Doors, Rest, RestUser, users};
use crate::place::{Clock, Place};
use crate::report::Report;
use crate::stream::{Stream, address};

const DIALOGS: [usize; 4] = [1, 10, 100, 1_000];
const SECONDS: u64 = 10;

pub async fn run(report: &mut Report, places: [&Place; 2], scale: Scale) -> Result<()> {
    for place in places {
        let (tls, rest) = (trusting(&place.ca())?, Rest::of(place)?);
        for (n, dialogs) in DIALOGS.iter().map(|dialogs| scale.count(*dialogs, 1)).enumerate() {
            let prefix = place.named(&format!("dialogs{n}"));
            let all = users(place, &prefix, dialogs + 1).await?;
            let to: Vec<String> = all[1..].iter().map(address).collect();
            let idle = idle(place, scale).await?;
            // One message makes each of them.
            let one = Stream::to_user(&all[1], 1, None, Duration::ZERO, Instant::now());
            let first = Stream { to: to.clone(), ..one };
            first.run(Client::connect(place.edges()[0], &tls, &all[0], true).await?).await?;
            let post = Post { place, tls: &tls, writer: &all[0], to, type_: "chat", idle: &idle };
            let what = format!("{}, {dialogs} dialogs", place.name);
            post.run(scale.time(SECONDS)).await?.add(report, &what);
            let reader = rest.sign_in(&format!("{prefix}-0")).await?;
            for (name, path) in READS {
                read(report, &format!("{what}: {name}"), (place, &idle), (&reader, path), scale.time(SECONDS)).await?;
            }
        }
    }
    Ok(())
}

const READS: [(&str, &str); 2] = [("the newest 10 of the list", "chat/Dialog?limit=10"), ("unread count", "chat/Message/unread")];

/// The same read at a rate.
pub async fn read(
    report: &mut Report,
    what: &str,
    (place, idle): (&Place, &(Clock, Duration)),
    (reader, path): (&RestUser, &str),
    time: Duration,
) -> Result<()> {
    reader.get(path).await?;
    let (before, started, mut latency) = (place.clock()?, Instant::now(), Histogram::new(3)?);
    let count = (time.as_secs_f64() * RATE).max(1.0) as u64;
    for n in 0..count {
        let due = started + Duration::from_secs_f64(n as f64 / RATE);
        tokio::time::sleep_until(due.into()).await;
        reader.get(path).await?;
        latency.record(due.elapsed().as_micros() as u64)?;
    }
    let spent = place.clock()?.since(&before).without_idle(started.elapsed(), idle);
    report.add(&format!("{what}: p50"), millis(&latency, 0.5), "ms", "");
    report.add(&format!("{what}: p99"), millis(&latency, 0.99), "ms", "");
    add_spent(report, what, &spent, count);
    Ok(())
}
