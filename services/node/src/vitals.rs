//! What a member of a cluster notices while it works: whether its store answers, and, of an edge, whom it does not reach. What follows says
//! `kernel/cluster` (decision 0042).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join, join_all};
use natter_cluster::{Cluster, Member};
use natter_db::Cql;
use natter_rpc::{Link, LinkOptions, Places, Tls};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::roles::Role;

/// How often it is looked whether the store has answered. Only who asks nothing is asked for.
const LOOKS: Duration = Duration::from_millis(250);
/// After this time a server is asked anew.
const ASKS_AGAIN: Duration = Duration::from_secs(1);
/// The pause between two questions to one member.
const PAUSE: Duration = Duration::from_millis(500);
/// How long an answer of a member is waited for; half of it for a connection.
const ANSWER: Duration = Duration::from_secs(2);
/// So long without an answer, and an edge does not reach a member.
const UNREACHED: Duration = Duration::from_millis(1_500);
/// Whom edges call.
const CALLED: [Role; 4] = [Role::Account, Role::Dialog, Role::History, Role::Presence];

/// Tells the member whenever its store answers, and asks that where nobody else does, until it is dropped.
pub async fn of_store(cluster: &Cluster, cql: &Cql) {
    let mut seen = cql.answers();
    loop {
        sleep(LOOKS).await;
        if cql.answers() == seen {
            // Counted as any other answer.
            drop(timeout(ASKS_AGAIN, cql.ask()).await);
        }
        if cql.answers() != seen {
            seen = cql.answers();
            cluster.answered();
        }
    }
}

/// Asks everybody whom edges call whether he is there, and tells the member of this edge who does not answer, until it is dropped.
pub async fn of_ways(cluster: &Cluster, places: Arc<dyn Places>, tls: Option<Tls>) {
    let (silences, mut links) = (Silences::default(), BTreeMap::new());
    loop {
        let (mut changes, view) = (cluster.changes(), cluster.view());
        let others = || view.members().iter().filter(|member| CALLED.iter().any(|role| member.serves(role.name())));
        silences.keep(others());
        links.retain(|address, _| others().any(|member| member.address == *address));
        for member in others() {
            links.entry(member.address.clone()).or_insert_with(|| reach(&member.address, &*places, tls.as_ref()));
        }
        let asking = join_all(others().map(|member| ask(member, &silences, &links[&member.address])));
        tokio::select! {
            biased;
            _ = changes.changed() => {}
            _ = join(asking, silences.tell(cluster)) => {}
        }
    }
}

fn reach(address: &str, places: &dyn Places, tls: Option<&Tls>) -> Link {
    places.reach(address, tls, LinkOptions { deadline: ANSWER }).unwrap_or_else(|error| {
        tracing::error!(address, %error, "a member of the cluster has an address that is none");
        Link::absent()
    })
}

// Any answer is one, also a refusal.
async fn ask(member: &Member, silences: &Silences, link: &Link) {
    loop {
        if link.is_answered().await {
            silences.end(member);
        }
        sleep(PAUSE).await;
    }
}

/// For how long each member, by name and boot, has not answered.
#[derive(Default)]
struct Silences(Mutex<BTreeMap<(String, u64), Duration>>);

impl Silences {
    /// Forgets all others.
    fn keep<'a>(&self, members: impl Iterator<Item = &'a Member>) {
        let mut silences = self.0.lock();
        let before = std::mem::take(&mut *silences);
        let key = |member: &Member| (member.name.clone(), member.boot);
        *silences = members.map(|member| (key(member), before.get(&key(member)).copied().unwrap_or_default())).collect();
    }

    fn end(&self, member: &Member) {
        if let Some(silence) = self.0.lock().get_mut(&(member.name.clone(), member.boot)) {
            *silence = Duration::ZERO;
        }
    }

    fn pass(&self, time: Duration) -> BTreeSet<(String, u64)> {
        let mut silences = self.0.lock();
        silences.values_mut().for_each(|silence| *silence += time);
        silences.iter().filter(|(_, silence)| **silence >= UNREACHED).map(|(member, _)| member.clone()).collect()
    }

    async fn tell(&self, cluster: &Cluster) {
        loop {
            let began = Instant::now();
            sleep(LOOKS).await;
            // Who stood still himself has waited for nobody meanwhile.
            cluster.miss(self.pass(began.elapsed().min(LOOKS * 3 / 2)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, boot: u64) -> Member {
        Member { name: name.into(), boot, ..Member::default() }
    }

    #[test]
    fn who_was_silent_for_long_is_missed_until_he_answers_and_another_run_of_him_begins_anew() {
        let (silences, step) = (Silences::default(), UNREACHED / 2);
        silences.keep([member("a", 1), member("b", 1)].iter());
        assert!(silences.pass(step).is_empty());
        silences.end(&member("b", 1));
        assert_eq!(silences.pass(step), [("a".to_owned(), 1)].into());
        silences.keep([member("a", 1), member("b", 2)].iter());
        silences.end(&member("b", 1));
        assert_eq!(silences.pass(step), [("a".to_owned(), 1)].into());
        silences.end(&member("a", 1));
        assert_eq!(silences.pass(step), [("b".to_owned(), 2)].into());
        silences.keep([].iter());
        assert!(silences.pass(step * 2).is_empty());
    }
}
