//! What starts: the door is there at once; the fan-out, the removal of expired debts and of dead sessions in rooms, and the taking
//! over of apps run until they are stopped.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use natter_actor::Clock;
use natter_bus::{Bus, Log, Subscription};
use natter_cluster::Own;
use natter_db::{Db, Lossy};
use natter_proto::presence::v1::archive_server::ArchiveServer;
use natter_proto::presence::v1::eraser_server::EraserServer;
use natter_proto::presence::v1::presence_server::PresenceServer;
use natter_proto::presence::v1::sessions_server::SessionsServer;
use natter_proto::subject::Subject;
use natter_telemetry::{Metrics, Offenders};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::activity::Activity;
use crate::contacts::PairLocks;
use crate::debt::Limits;
use crate::debts::{self, Debts};
use crate::defaults::Defaults;
use crate::directory::Directory;
use crate::edges::Edges;
use crate::fanout::Fanout;
use crate::lists::{self, Lists};
use crate::metrics::Meters;
use crate::news::News;
use crate::options::Options;
use crate::ownership::Ownership;
use crate::rooms::Rooms;
use crate::rosters::{self, Rosters};
use crate::rpc::Rpc;
use crate::seen::{self, Seen};
use crate::withheld::Withheld;

/// How often debts are looked through for expired ones. Taking one looks at the time itself.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);
/// How often rooms and users are looked through for sessions that died.
const CLEAR_EVERY: Duration = Duration::from_secs(1);
/// How often it is kept that the process lives: how exact the last activity of those is who were there when it died.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How often edges are asked for their sessions while an app is learned, and it is looked whether it is known.
const LEARN_EVERY: Duration = Duration::from_millis(500);

/// What the service is made of.
pub struct Parts {
    pub db: Db,
    /// Where records and debts of sessions are kept.
    pub lossy: Lossy,
    pub bus: Bus,
    /// In the same store, or beside it: what is told of contact requests, to whoever alerts.
    pub posted: Log,
    /// The apps whose presence should be here.
    pub own: Own,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// Presence. [`server`](Service::server) answers from the start; frames pass while [`run`](Service::run) does.
pub struct Service {
    shared: Arc<Shared>,
    told: Mutex<Option<Subscription>>,
}

/// What the door and the fan-out share.
pub(crate) struct Shared {
    pub options: Options,
    pub own: Own,
    pub edges: Edges,
    /// Locked last, as is what is withheld.
    pub ownership: Mutex<Ownership>,
    pub withheld: Mutex<Withheld>,
    pub directory: Mutex<Directory>,
    /// Locked while the directory is: a session that is not there enters nothing.
    pub rooms: Mutex<Rooms>,
    /// Likewise.
    pub activity: Mutex<Activity>,
    pub seen: Arc<dyn Seen>,
    /// For webhooks.
    pub news: News,
    pub rosters: Arc<dyn Rosters>,
    pub pairs: PairLocks,
    pub lists: Arc<dyn Lists>,
    /// Locked after the directory and the activity.
    pub defaults: Mutex<Defaults>,
    /// One change of a user's privacy lists at a time.
    pub list_turns: PairLocks,
    pub bus: Bus,
    pub clock: Clock,
    pub debts: Arc<dyn Debts>,
    pub meters: Meters,
    pub offenders: Offenders,
    /// Wakes who waits for the end of a session.
    pub departed: Notify,
}

impl Service {
    /// Frames told from here on are not missed: they wait for [`run`](Service::run), within the bus's bounds.
    pub fn new(options: Options, parts: Parts) -> Service {
        let (meters, offenders) = (Meters::new(&parts.metrics), parts.metrics.offenders());
        let ttl_ms = i64::try_from(options.debt_ttl_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let limits = Limits { ttl_ms, debts_per_user_max: options.debts_per_user_max };
        let now = parts.clock.now_ms();
        let ownership = match &parts.own {
            Own::All => Ownership::of_all(options.learning()),
            // Of one name and boot they grow.
            Own::Of(..) => Ownership::of_none(u64::try_from(now).unwrap_or_default(), options.learning()),
        };
        let seen = seen::open(&parts.db, now, &parts.own.run());
        let news = News::new(parts.posted.clone());
        let rosters = rosters::open(&parts.db, parts.posted, parts.clock.clone());
        let lists = lists::open(&parts.db);
        let defaults = Mutex::new(Defaults::new(options.privacy_users_max));
        let debts = debts::open(&parts.lossy, parts.clock.clone(), limits, meters.clone());
        let rooms = Mutex::new(Rooms::new(options.rooms()));
        let directory = Mutex::new(Directory::new(options.sessions()));
        let activity = Mutex::new(Activity::new(options.watched_per_session_max));
        let told = Mutex::new(Some(parts.bus.subscribe(&Subject::Told.to_string())));
        let shared = Shared {
            options,
            own: parts.own,
            edges: Edges::default(),
            ownership: Mutex::new(ownership),
            withheld: Mutex::default(),
            directory,
            rooms,
            activity,
            seen,
            news,
            rosters,
            pairs: PairLocks::new(),
            lists,
            defaults,
            list_turns: PairLocks::new(),
            bus: parts.bus,
            clock: parts.clock,
            debts,
            meters,
            offenders,
            departed: Notify::new(),
        };
        Service { shared: Arc::new(shared), told }
    }

    /// The gRPC door. All of them open onto the same service.
    pub fn server(&self) -> PresenceServer<Rpc> {
        PresenceServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for operators who look at sessions and end them.
    pub fn sessions_server(&self) -> SessionsServer<Rpc> {
        SessionsServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for archives.
    pub fn archive_server(&self) -> ArchiveServer<Rpc> {
        ArchiveServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Rpc> {
        EraserServer::new(Rpc::new(Arc::clone(&self.shared)))
    }

    /// Passes frames on, removes expired debts, and those from rooms and from sight who died, takes over and gives up apps, until `stop`.
    /// Runs once; called again it waits for `stop` only.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let told = self.told.lock().take();
        let fanout = async {
            match told {
                Some(told) => Fanout::new(Arc::clone(&self.shared)).run(told).await,
                None => std::future::pending().await,
            }
        };
        // The loops are dropped while they wait: a frame is passed on, and a change enqueued, between two waits.
        tokio::select! {
            biased;
            () = stop => {}
            () = fanout => tracing::error!("the bus ended, frames are no longer passed on"),
            () = self.expire() => {}
            () = self.clear() => {}
            () = self.live() => {}
            () = self.own() => {}
            () = self.shared.news.write() => {}
        }
        // Written though nobody waits for it. A store that fails has said so itself.
        drop(self.shared.seen.alive(self.shared.clock.now_ms()));
    }

    /// Sessions that died leave their rooms, and their users are gone, when nobody came back for them.
    async fn clear(&self) {
        loop {
            tokio::time::sleep(CLEAR_EVERY).await;
            self.shared.clear_rooms();
            let (ended, stored): (Vec<_>, Vec<_>) = self.shared.expire_activity().into_iter().unzip();
            for ended in ended.into_iter().flatten() {
                self.shared.tell_ended(ended).await;
            }
            // Together, in the commits that are under way. What is not kept this process knows all the same.
            join_all(stored.into_iter().flatten()).await;
        }
    }

    /// Takes apps over and gives them up, as members come and go.
    async fn own(&self) {
        if matches!(self.shared.own, Own::All) {
            return std::future::pending().await;
        }
        loop {
            let changed = self.shared.own.changed();
            self.shared.believe();
            self.shared.believe_edges().await;
            // What changed before the wait began is not missed.
            let _ = tokio::time::timeout(LEARN_EVERY, changed).await;
            self.shared.ask_edges();
            self.shared.settle_apps().await;
        }
    }

    async fn live(&self) {
        loop {
            let _ = self.shared.seen.alive(self.shared.clock.now_ms()).await;
            tokio::time::sleep(ALIVE_EVERY).await;
        }
    }

    async fn expire(&self) {
        // The records of the process before are found at the start, not at the first return.
        loop {
            if self.shared.debts.ready(None).await.is_ok() {
                // A store that fails has said so itself; what stays is removed the next time.
                let _ = self.shared.debts.expire().await;
            }
            tokio::time::sleep(EXPIRE_EVERY).await;
        }
    }
}
