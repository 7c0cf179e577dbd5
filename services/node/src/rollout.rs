//! When the clients of an edge that ends are moved: not while the edges that they would come to end as well, nor while what they need to sign in
//! is being replaced (decision 0045).

use std::time::Duration;

use natter_cluster::{Cluster, Member, View};
use tokio::time::timeout;

use crate::roles::Role;

/// Longest wait. Nobody is kept waiting by it: the edge serves its clients as before.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Resolves when the clients of this edge may be moved, or after a while.
pub async fn may_move(cluster: &Cluster) {
    let me = cluster.me();
    let may = async { cluster.changes().until(|view| is_over(view, &me)).await };
    if timeout(PATIENCE, may).await.is_err() {
        tracing::info!("other processes are still being replaced: clients may have to move twice, or wait while they sign in");
    }
}

fn is_over(view: &View, me: &Member) -> bool {
    let is_replaced = || Role::ALL.iter().filter(|role| **role != Role::Edge).any(|role| view.is_replaced(role.name()));
    me.generation.is_empty() || !(view.would_leave_again(me, Role::Edge.name()) || is_replaced())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: Role, generation: &str, is_draining: bool) -> Member {
        let roles = vec![role.name().to_owned()];
        Member { name: name.into(), roles, generation: generation.into(), is_draining, ..Member::default() }
    }

    #[test]
    fn clients_stay_while_there_is_nowhere_to_stay_or_nobody_to_let_them_in() {
        let me = member("old", Role::Edge, "1", true);
        let other = member("other", Role::Edge, "1", true);
        let next = member("next", Role::Edge, "2", false);
        let presences = [member("p1", Role::Presence, "3", true), member("p2", Role::Presence, "4", false)];
        let is_over = |members: &[&Member]| is_over(&members.iter().map(|member| (*member).clone()).collect(), &me);
        assert!(is_over(&[&me, &other, &next]));
        assert!(!is_over(&[&me, &Member { is_draining: false, ..other.clone() }, &next]));
        assert!(!is_over(&[&me, &other, &next, &presences[0], &presences[1]]));
        assert!(is_over(&[&me, &other, &next, &presences[1]]));
    }
}
