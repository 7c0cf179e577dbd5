//! How the cost of a message grows with the members of its group: first with two of them there, so that what grows is what is kept, then
//! with all of them there, so that it is told to each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use natter_tests::client::{Account, Client, trusting};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::chat::AT_ONCE;
use super::post::Post;
use super::{Scale, idle};
use crate::fixture::{Doors, Rest, users};
use crate::place::Place;
use crate::report::Report;

/// Members, and how many of them have a session.
const SHAPES: [(usize, usize); 6] = [(2, 2), (50, 2), (500, 2), (5_000, 2), (50, 50), (500, 500)];
const SECONDS: u64 = 10;

pub async fn run(report: &mut Report, places: [&Place; 2], scale: Scale) -> Result<()> {
    for place in places {
        let (tls, rest) = (trusting(&place.ca())?, Rest::of(place)?);
        let largest = SHAPES.iter().map(|(members, _)| *members).max().unwrap_or_default();
        let all = users(place, &place.named("member"), scale.count(largest, 50)).await?;
        let owner = rest.sign_in(&format!("{}-0", place.named("member"))).await?;
        let idle = idle(place, scale).await?;
        for (members, online) in SHAPES {
            let (members, online) = (scale.count(members, 2).min(all.len()), scale.count(online, 2).min(all.len()));
            let name = format!("{members} members, {online} there");
            let started = Instant::now();
            let group = owner.make_group(&name, all[..2].iter()).await?;
            owner.bring_in(&group, &all[2..members]).await?;
            let of_each = started.elapsed().as_secs_f64() * 1e3 / members as f64;
            report.add(&format!("{}, {name}: to make the group, for each member", place.name), of_each, "ms", "");
            let audience = Audience::gather(place, &tls, &all[1..online]).await?;
            let to = vec![format!("1_{group}@muc.localhost")];
            let post = Post { place, tls: &tls, writer: &all[0], to, type_: "groupchat", idle: &idle };
            // The dialog is loaded by the first message.
            post.run(Duration::from_secs(1)).await?;
            let cost = post.run(scale.time(SECONDS)).await?;
            cost.add(report, &format!("{}, {name}", place.name));
            audience.leave().await?;
        }
    }
    Ok(())
}

/// Sessions that read whatever comes.
struct Audience {
    leave: watch::Sender<bool>,
    sessions: Vec<JoinHandle<Result<()>>>,
}

impl Audience {
    /// Spread over the edges of a place.
    async fn gather(place: &Place, tls: &TlsConnector, accounts: &[Account]) -> Result<Audience> {
        let (leave, left) = watch::channel(false);
        let (edges, mut sessions) = (place.edges(), Vec::new());
        let numbers: Vec<usize> = (0..accounts.len()).collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let connecting = numbers.iter().map(|n| Client::connect(edges[n % edges.len()], tls, &accounts[*n], false));
            for client in try_join_all(connecting).await? {
                sessions.push(tokio::spawn(read(client, left.clone())));
            }
        }
        Ok(Audience { leave, sessions })
    }

    async fn leave(self) -> Result<()> {
        self.leave.send_replace(true);
        for session in self.sessions {
            session.await??;
        }
        Ok(())
    }
}

async fn read(mut client: Client, mut left: watch::Receiver<bool>) -> Result<()> {
    loop {
        let frame = tokio::select! {
            biased;
            _ = left.wait_for(|left| *left) => None,
            frame = client.next() => Some(frame),
        };
        let Some(frame) = frame else { break };
        frame?.context("the stream of a member ended")?;
    }
    client.close().await
}
