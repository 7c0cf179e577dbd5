//! Edges that died without a word: their sessions are owed what they had not, and whoever comes back before that is known waits for it.
//! Who is believed alive says the cluster; this process alone has no such edges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use natter_cluster::{Cluster, Own, View};
use natter_proto::presence::v1::Fingerprint;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

/// The role of members that hold sessions.
const ROLE: &str = "edge";
/// Sessions of a dead edge that end together.
const TOGETHER: usize = 256;
/// Longest wait for a word of an edge, or for its death: longer than a member may be silent.
const WAIT_MAX: Duration = Duration::from_millis(3_500);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs of edges as they were believed alive last, and those that were and are not.
#[derive(Debug, Default)]
pub(crate) struct Edges(Mutex<Believed>);

#[derive(Debug, Default)]
struct Believed {
    alive: BTreeSet<u64>,
    /// Since when, by the run.
    dead: BTreeMap<u64, Instant>,
}

/// Dead runs that are remembered; over it those are forgotten that died first.
const DEAD_MAX: usize = 1_000;
/// How long one is: far longer than any call of it is on its way, and than an edge is held still and goes on.
const DEAD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

impl Edges {
    /// Takes what is believed now. Gives the runs that died since, and whether one that was dead lives.
    fn believe(&self, view: &View) -> (BTreeSet<u64>, bool) {
        let alive: BTreeSet<u64> = view.members().iter().filter(|member| member.serves(ROLE)).map(|member| member.boot).collect();
        let mut believed = self.0.lock();
        let died: BTreeSet<u64> = believed.alive.difference(&alive).copied().collect();
        let is_back = alive.iter().any(|boot| believed.dead.contains_key(boot));
        let now = Instant::now();
        believed.dead.retain(|boot, since| !alive.contains(boot) && now.duration_since(*since) < DEAD_FOR);
        believed.dead.extend(died.iter().map(|boot| (*boot, now)));
        while believed.dead.len() > DEAD_MAX {
            let first = believed.dead.iter().min_by_key(|(_, since)| **since).map(|(boot, _)| *boot);
            first.and_then(|boot| believed.dead.remove(&boot));
        }
        believed.alive = alive;
        (died, is_back)
    }

    /// Whether this run is believed dead. Asked under the lock of the directory: what is put there before its death is known ends with it.
    fn is_dead(&self, boot: u64) -> bool {
        self.0.lock().dead.contains_key(&boot)
    }
}

impl Shared {
    /// What follows from the edges that are believed alive now.
    pub async fn believe_edges(&self) {
        let Some(cluster) = self.own.cluster() else { return };
        let (died, is_back) = self.edges.believe(&cluster.view());
        if is_back {
            self.ownership.lock().ask_again();
        }
        if died.is_empty() {
            return;
        }
        let sessions = self.directory.lock().of_boots(&died);
        tracing::info!(edges = died.len(), sessions = sessions.len(), "edges died; what their sessions had not is owed");
        for together in sessions.chunks(TOGETHER) {
            join_all(together.iter().map(|(user, session)| self.vanish(*user, session.clone(), None))).await;
        }
    }

    /// Refuses a session of a run that is believed dead: its sessions have ended, and what is announced late would be there for ever. An edge
    /// that was not dead is asked for its sessions when it is heard.
    pub fn check_edge(&self, session: &SessionKey) -> Result<(), Error> {
        if self.edges.is_dead(session.boot) { Err(Error::DeadEdge) } else { Ok(()) }
    }

    /// Waits until it is known of sessions with the same client, at other edges, whether these live: what a dead one had not is a debt only
    /// then. An edge is heard twice a second; who waits longest comes back as its edge has just died.
    pub async fn wait_for_edges(&self, user: UserKey, session: &SessionKey, client: &Fingerprint) {
        let Own::Of(cluster, _) = &self.own else { return };
        let since = Instant::now();
        while self.is_in_doubt(cluster, since, (user, session, client)) && since.elapsed() < WAIT_MAX {
            sleep(LOOK_EVERY).await;
        }
    }

    fn is_in_doubt(
        &self,
        cluster: &Cluster,
        since: Instant,
        (user, session, client): (UserKey, &SessionKey, &Fingerprint),
    ) -> bool {
        let directory = self.directory.lock();
        let Some(mut sessions) = directory.sessions(user) else { return false };
        sessions.any(|(other, _)| {
            other.boot != session.boot
                && cluster.heard(other.boot).is_some_and(|heard| heard <= since)
                && self.debts.is_of(user, other, client)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use natter_cluster::Member;

    fn view(boots: &[u64]) -> View {
        let member = |boot: &u64| Member { name: format!("e{boot}"), boot: *boot, roles: vec![ROLE.into()], ..Member::default() };
        boots.iter().map(member).collect()
    }

    #[test]
    fn a_run_that_is_believed_no_more_died_once_and_may_come_back() {
        let edges = Edges::default();
        assert_eq!(edges.believe(&view(&[1, 2])), (BTreeSet::new(), false));
        assert_eq!(edges.believe(&view(&[2])), (BTreeSet::from([1]), false));
        assert!(edges.is_dead(1) && !edges.is_dead(2));
        assert_eq!(edges.believe(&view(&[2, 3])), (BTreeSet::new(), false), "another run is nobody who was dead");
        assert!(edges.is_dead(1), "and the first one is dead as before");
        assert_eq!(edges.believe(&view(&[1, 2, 3])), (BTreeSet::new(), true));
        assert!(!edges.is_dead(1));
        assert_eq!(edges.believe(&view(&[1, 2, 3])), (BTreeSet::new(), false));
        assert_eq!(edges.believe(&view(&[])), (BTreeSet::from([1, 2, 3]), false));
    }

    #[tokio::test(start_paused = true)]
    async fn the_dead_are_remembered_for_a_day_and_in_a_bounded_number() {
        let edges = Edges::default();
        // The number of a run says nothing of when it began.
        let (first, others): (u64, Vec<u64>) = (DEAD_MAX as u64, (0..DEAD_MAX as u64).collect());
        edges.believe(&view(&[first]));
        edges.believe(&view(&others));
        assert!(edges.is_dead(first));
        sleep(Duration::from_millis(1)).await;
        edges.believe(&view(&[]));
        assert!(!edges.is_dead(first) && others.iter().all(|boot| edges.is_dead(*boot)));
        sleep(DEAD_FOR).await;
        edges.believe(&view(&[]));
        assert!(!edges.is_dead(1) && edges.0.lock().dead.is_empty());
    }
}
