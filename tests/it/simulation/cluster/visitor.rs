//! A further device of each user, which comes when everybody reaches everybody, looks which contacts are there, and goes.

use std::collections::BTreeSet;
use std::time::Duration;

use natter_tests::client::between;
use tokio::time::{Instant, timeout};

use crate::simulation::cluster::listener::sign_in;
use crate::simulation::cluster::town::{NAMES, Town};

/// How long after a sign-in it is told who is there.
const TOLD: Duration = Duration::from_secs(2);

/// Panics unless each user is shown each other one, all of whom have a device that listens.
pub async fn all_see_all(town: &Town) {
    for user in 0..NAMES.len() {
        for edge in 0..2 {
            let seen = who_is_there(town, user, edge).await;
            for other in (0..NAMES.len()).filter(|other| *other != user) {
                assert!(
                    seen.contains(&town.users[other]),
                    "user {user} who comes to edge {edge} is not shown that {other} is there"
                );
            }
        }
    }
}

async fn who_is_there(town: &Town, user: usize, edge: usize) -> BTreeSet<u64> {
    let mut client = sign_in(town, user, edge, "visitor").await.expect("an edge lets everybody in");
    let (began, mut seen) = (Instant::now(), BTreeSet::new());
    while let Some(left) = TOLD.checked_sub(began.elapsed()) {
        let Ok(frame) = timeout(left, client.next()).await else { break };
        let frame = frame.unwrap().expect("the session goes on");
        if let Some(from) = frame.strip_prefix("<presence").and_then(|rest| between(rest, "from=\"", "-")) {
            let user: u64 = from.parse().unwrap();
            match frame.contains("type=\"unavailable\"") {
                true => seen.remove(&user),
                false => seen.insert(user),
            };
        }
    }
    client.close().await.unwrap();
    seen
}
