//! How the cost of a message, and of a page of history, grows with the messages that the dialog has already.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use natter_tests::client::trusting;
use serde_json::Value;

use super::dialogs::read;
use super::post::Post;
use super::{Scale, idle};
use crate::fixture::{Doors, Rest, Talk, users};
use crate::place::Place;
use crate::report::Report;
use crate::stream::address;

/// A segment has 1,024 rows.
const LENGTHS: [usize; 3] = [100, 2_000, 20_000];
const SECONDS: u64 = 10;

pub async fn run(report: &mut Report, places: [&Place; 2], scale: Scale) -> Result<()> {
    for place in places {
        let (tls, rest) = (trusting(&place.ca())?, Rest::of(place)?);
        let all = users(place, &place.named("length"), 2).await?;
        let idle = idle(place, scale).await?;
        let to = address(&all[1]);
        let talk = Talk { writer: all[0].clone(), to: to.clone(), type_: "chat", lane: 2 };
        let writer = rest.sign_in(&format!("{}-0", place.named("length"))).await?;
        let mut there = 0;
        for length in LENGTHS.map(|length| scale.count(length, 50) as u64) {
            let started = Instant::now();
            talk.say(place.edges()[0], &tls, there..length.max(there)).await?;
            let filled = (length.saturating_sub(there)) as f64 / started.elapsed().as_secs_f64();
            there = length.max(there);
            let what = format!("{}, {there} messages", place.name);
            report.add(&format!("{what}: written by one client"), filled, "msg/s", "");
            let post = Post { place, tls: &tls, writer: &all[0], to: vec![to.clone()], type_: "chat", idle: &idle };
            post.run(scale.time(SECONDS)).await?.add(report, &what);
            let list: Value = serde_json::from_slice(&writer.get("chat/Dialog?limit=1").await?)?;
            let id = list["items"][0]["_id"].as_str().with_context(|| format!("no dialog in {list}"))?;
            let page = format!("chat/Message?chat_dialog_id={id}&sort_desc=date_sent&mark_as_read=0&limit=50");
            let time: Duration = scale.time(SECONDS);
            read(report, &format!("{what}: the newest 50"), (place, &idle), (&writer, &page), time).await?;
        }
    }
    Ok(())
}
