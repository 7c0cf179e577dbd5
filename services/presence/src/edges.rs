//! Edges that died without a word: their sessions are owed what they had not, and whoever comes back before that is known waits for it.
//! Who is believed alive says the cluster; this process alone has no such edges.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use natter_cluster::{Cluster, Own, View};
use natter_proto::presence::v1::Fingerprint;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

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
    dead: BTreeSet<u64>,
}

/// Dead runs that are remembered.
const DEAD_MAX: usize = 1_000;

impl Edges {
    /// Takes what is believed now. Gives the runs that died since, and whether one that was dead lives.
    fn believe(&self, view: &View) -> (BTreeSet<u64>, bool) {
        let alive: BTreeSet<u64> = view.members().iter().filter(|member| member.serves(ROLE)).map(|member| member.boot).collect();
        let mut believed = self.0.lock();
        let died: BTreeSet<u64> = believed.alive.difference(&alive).copied().collect();
        let is_back = alive.iter().any(|boot| believed.dead.contains(boot));
        believed.dead.retain(|boot| !alive.contains(boot));
        believed.dead.extend(&died);
        while believed.dead.len() > DEAD_MAX {
            believed.dead.pop_first();
        }
        believed.alive = alive;
        (died, is_back)
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
        assert_eq!(edges.believe(&view(&[2, 3])), (BTreeSet::new(), false), "another run is nobody who was dead");
        assert_eq!(edges.believe(&view(&[1, 2, 3])), (BTreeSet::new(), true));
        assert_eq!(edges.believe(&view(&[1, 2, 3])), (BTreeSet::new(), false));
        assert_eq!(edges.believe(&view(&[])), (BTreeSet::from([1, 2, 3]), false));
    }
}
