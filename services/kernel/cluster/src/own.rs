//! What a process should serve of a role, as it believes now.

use std::future::Future;
use std::pin::pin;

use natter_proto::{AppId, DialogId};

use crate::cluster::Cluster;
use crate::shard::Shard;

/// Which shards of a role are this process's. A hint: two may believe in the same one at once.
#[derive(Clone)]
pub enum Own {
    /// All of them: there is no other process.
    All,
    /// Those that fall to this member among those that serve the role.
    Of(Cluster, &'static str),
}

impl Own {
    pub fn has(&self, shard: Shard) -> bool {
        match self {
            Own::All => true,
            Own::Of(cluster, role) => cluster.is_mine(role, shard),
        }
    }

    pub fn has_dialog(&self, app: AppId, dialog: DialogId) -> bool {
        self.has(Shard::of_dialog(app, dialog))
    }

    /// Names this run of this process among those that serve the role.
    pub fn run(&self) -> String {
        match self {
            Own::All => "always".to_owned(),
            Own::Of(cluster, _) => {
                let me = cluster.me();
                format!("{}/{}", me.name, me.boot)
            }
        }
    }

    /// The members, if there are others.
    pub fn cluster(&self) -> Option<&Cluster> {
        match self {
            Own::All => None,
            Own::Of(cluster, _) => Some(cluster),
        }
    }

    /// Resolves when something may be owned by another than when this was called; never where there is no other.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let changes = match self {
            Own::All => None,
            Own::Of(cluster, _) => Some(cluster.changes()),
        };
        async move {
            let Some(mut changes) = changes else { return std::future::pending().await };
            changes.changed().await;
        }
    }

    /// Does some work whenever a shard is this process's, dropped while it waits as soon as it is another's, until `stop`.
    pub async fn while_mine<W: Future<Output = ()>>(&self, shard: Shard, work: impl Fn() -> W, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let changed = self.changed();
            if !self.has(shard) {
                tokio::select! {
                    biased;
                    () = &mut stop => return,
                    () = changed => continue,
                }
            }
            let lost = async {
                changed.await;
                while self.has(shard) {
                    self.changed().await;
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = lost => {}
                () = work() => return,
            }
        }
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Own::All => f.write_str("All"),
            Own::Of(_, role) => write!(f, "Of({role})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use natter_bus::Bus;
    use tokio::time::sleep;

    use super::*;
    use crate::view::Member;

    #[tokio::test(start_paused = true)]
    async fn work_is_done_while_the_shard_is_ours_and_begins_anew_when_it_is_ours_again() {
        let bus = Bus::local();
        let member = |name: &str| Member { name: name.into(), boot: 1, roles: vec!["account".into()], ..Member::default() };
        let ours = Cluster::new(member("a"), bus.clone());
        let own = Own::Of(ours.clone(), "account");
        // One that falls to `b` as soon as there is a `b`.
        let both = [member("a"), member("b")];
        let shard = (0..100).map(Shard).find(|shard| shard.owner(both.iter()).is_some_and(|owner| owner.name == "b"));
        let shard = shard.unwrap_or(Shard(0));
        let (begun, running) = (AtomicUsize::new(0), AtomicUsize::new(0));
        struct Running<'a>(&'a AtomicUsize);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let work = || async {
            begun.fetch_add(1, Ordering::Relaxed);
            running.fetch_add(1, Ordering::Relaxed);
            let _running = Running(&running);
            std::future::pending().await
        };
        let told = || (begun.load(Ordering::Relaxed), running.load(Ordering::Relaxed));
        let story = async {
            sleep(Duration::from_secs(2)).await;
            assert_eq!(told(), (1, 1));
            let other = tokio::spawn(Cluster::new(member("b"), bus.clone()).run(std::future::pending()));
            sleep(Duration::from_secs(2)).await;
            assert_eq!(told(), (1, 0), "it is another's");
            other.abort();
            sleep(Duration::from_secs(4)).await;
            assert_eq!(told(), (2, 1), "it is ours again");
        };
        tokio::select! {
            biased;
            () = own.while_mine(shard, work, std::future::pending()) => unreachable!("it never ends"),
            () = ours.clone().run(std::future::pending()) => unreachable!("it never ends"),
            () = story => {}
        }
        assert_eq!(told(), (2, 0));
    }

    #[tokio::test]
    async fn where_there_is_no_other_everything_is_ours() {
        assert!((0..100).all(|shard| Own::All.has(Shard(shard))));
        let work = || async {};
        Own::All.while_mine(Shard(1), work, std::future::pending()).await;
    }
}
