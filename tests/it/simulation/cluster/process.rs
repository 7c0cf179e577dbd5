//! One process of the cluster: the real services of its roles, on a LocalSet of its own, with its own clock and its own view of who is
//! alive. It is killed, stands still, or is stopped as an upgrade does it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use natter_actor::{Chance, Clock, Executor, Watched, Watcher};
use natter_bus::{Bus, Log};
use natter_cluster::{Cluster, Member};
use natter_db::cql::simulated::{Servers, Standing};
use natter_db::redis::Redis;
use natter_db::redis::simulated::Hashes;
use natter_db::{Cql, Kv, Table};
use natter_edge::{Knocker, Streams};
use natter_node::cluster::{own, patient, routing, serves};
use natter_node::roles::Role;
use natter_node::vitals;
use natter_proto::{AppId, DialogId};
use natter_rpc::{Link, LinkOptions, Places, Routes, Routing, guarded};
use natter_telemetry::Metrics;
use tokio::task::LocalSet;

use crate::simulation::cluster::net::{Life, Net, OnNet, within};
use crate::world;

/// Rows of a segment: few, so that many end.
pub const SEGMENT_ROWS: u32 = 12;

/// What all processes share.
pub struct Ground {
    pub net: Net,
    pub servers: Servers,
    pub chance: Chance,
    /// What presence may lose, and kept streams.
    pub hashes: Hashes,
    pub streams: Streams,
    /// The rows of account, which has one process that nothing befalls.
    pub accounts: Kv,
    /// How often a process began to ail.
    pub ailings: Arc<AtomicUsize>,
}

/// A place where a process runs, one after another.
pub struct Process {
    pub place: usize,
    pub role: Role,
    clock_ms: i64,
    run: RefCell<Option<Run>>,
}

/// One run of it.
struct Run {
    cluster: Cluster,
    standing: Watched<Standing>,
    links: Links,
    knocker: Option<Knocker>,
    /// Ends it as an upgrade does.
    stop: Watched<bool>,
    end: Watched<bool>,
    life: Watcher<Life>,
}

/// To every role that others call.
#[derive(Clone)]
pub struct Links {
    pub account: Link,
    pub dialog: Link,
    pub history: Link,
    pub presence: Link,
}

impl Process {
    /// `clock_ms`: what its clock shows in the beginning.
    pub fn new(place: usize, role: Role, clock_ms: i64) -> Process {
        Process { place, role, clock_ms, run: RefCell::default() }
    }

    pub fn is_up(&self) -> bool {
        self.run.borrow().is_some()
    }

    /// Whether it has a dialog, as it believes.
    pub fn has(&self, dialog: DialogId) -> bool {
        let run = self.run.borrow();
        run.as_ref().is_some_and(|run| own(Some(&run.cluster), Role::Dialog).has_dialog(AppId(world::APP), dialog))
    }

    pub fn links(&self) -> Option<Links> {
        self.run.borrow().as_ref().map(|run| run.links.clone())
    }

    pub fn knocker(&self) -> Option<Knocker> {
        self.run.borrow().as_ref().and_then(|run| run.knocker.clone())
    }

    /// Begins. `boot`: larger than that of any run before. `since`: how long the world is there.
    pub async fn start(&self, ground: &Ground, boot: u64, since: Duration) {
        self.kill(ground);
        let (life, bus) = ground.net.begin(self.place);
        let standing = Watched::new(Standing::Reaches);
        let (stop, end) = (Watched::new(false), Watched::new(false));
        let clock = Clock::paused(self.clock_ms + since.as_millis() as i64);
        let member = Member {
            name: format!("{}-{}", self.role.name(), self.place),
            boot,
            roles: roles(self.role).into_iter().map(|role| role.name().to_owned()).collect(),
            address: format!("place:{}", self.place),
            version: "1".into(),
            generation: String::new(),
            is_draining: false,
            is_ailing: false,
        };
        let parts = Parts {
            cluster: Cluster::new(member, bus.clone()),
            net: ground.net.clone(),
            place: self.place,
            cql: Cql::simulated(&ground.servers, clock.clone(), standing.watch()),
            kv: Kv::memory(),
            hashes: ground.hashes.clone(),
            streams: ground.streams.clone(),
            bus,
            clock,
            chance: Chance::seeded(ground.chance.u64()),
            stop: stop.clone(),
            end: end.clone(),
            ailings: ground.ailings.clone(),
        };
        let cluster = parts.cluster.clone();
        let set = LocalSet::new();
        let (links, knocker) = set.run_until(async { parts.start(self.role, &ground.accounts) }).await;
        tokio::task::spawn_local(within(life.clone(), set));
        *self.run.borrow_mut() = Some(Run { cluster, standing, links, knocker, stop, end, life });
    }

    /// It is gone at once.
    pub fn kill(&self, ground: &Ground) {
        if let Some(run) = self.run.borrow_mut().take() {
            run.standing.set(Standing::Dead);
            ground.net.set_life(self.place, Life::Dead);
        }
    }

    pub fn stand_still(&self, ground: &Ground) {
        self.set(ground, Standing::Stopped, Life::StandsStill);
    }

    pub fn go_on(&self, ground: &Ground) {
        self.set(ground, Standing::Reaches, Life::Runs);
    }

    /// It reaches the others, and not the rows.
    pub fn lose_rows(&self, ground: &Ground) {
        self.set(ground, Standing::CutOff, Life::Runs);
    }

    fn set(&self, ground: &Ground, standing: Standing, life: Life) {
        if let Some(run) = self.run.borrow().as_ref() {
            run.standing.set(standing);
            ground.net.set_life(self.place, life);
        }
    }

    /// It gets nothing new, hands over what it has, and ends.
    pub async fn drain(&self, ground: &Ground) {
        let (stop, end, life) = {
            let run = self.run.borrow();
            let Some(run) = run.as_ref() else { return };
            run.cluster.drain();
            (run.stop.clone(), run.end.clone(), run.life.clone())
        };
        tokio::time::sleep(Duration::from_millis(ground.chance.below(1_500))).await;
        stop.set(true);
        // It may be killed meanwhile.
        if within(life, async { end.watch().until(|ended| *ended).await }).await.is_some() {
            self.kill(ground);
        }
    }
}

/// A process whose services need no end of their own is a member until it is stopped.
async fn nothing_to_end(stopped: impl Future<Output = ()>, end: Watched<bool>) {
    stopped.await;
    end.set(true);
}

fn roles(role: Role) -> Vec<Role> {
    match role {
        Role::Dialog => vec![Role::Dialog, Role::History],
        role => vec![role],
    }
}

/// What a run is made of.
struct Parts {
    cluster: Cluster,
    net: Net,
    place: usize,
    cql: Cql,
    kv: Kv,
    hashes: Hashes,
    streams: Streams,
    bus: Bus,
    clock: Clock,
    chance: Chance,
    stop: Watched<bool>,
    end: Watched<bool>,
    ailings: Arc<AtomicUsize>,
}

impl Parts {
    fn options() -> LinkOptions {
        LinkOptions { deadline: Duration::from_secs(2) }
    }

    fn places(&self, places: Arc<dyn Places>) -> Arc<dyn Places> {
        Arc::new(OnNet { places, net: self.net.clone(), from: self.place })
    }

    fn link(&self, role: Role, here: Option<Link>) -> Link {
        let Routing { places, here, repeats, tls } = routing(&self.cluster, role, here, None);
        let places = self.places(places);
        Link::routed(Routing { places, here, repeats, tls }, patient(Self::options()))
    }

    fn posted(&self) -> Log {
        Log::embedded(self.kv.clone(), Table("posted"), 100_000)
    }

    /// Resolves when it is to end.
    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stop = self.stop.watch();
        async move {
            stop.until(|stop| *stop).await;
        }
    }

    // On the LocalSet that is current.
    fn start(self, role: Role, accounts: &Kv) -> (Links, Option<Knocker>) {
        let mut links = Links {
            account: self.link(Role::Account, None),
            dialog: self.link(Role::Dialog, None),
            history: self.link(Role::History, None),
            presence: self.link(Role::Presence, None),
        };
        let (stopped, end) = (self.stopped(), self.end.clone());
        // The membership ends with what runs.
        let mut ended = end.watch();
        tokio::task::spawn_local(self.cluster.clone().run(async move {
            ended.until(|ended| *ended).await;
        }));
        self.notice(role);
        let mut knocker = None;
        match role {
            Role::Account => {
                let account = world::account(accounts, &self.clock, &self.chance);
                let routes = Routes::default().add_service(guarded(account.server(), serves(Some(&self.cluster), role)));
                self.net.serve(self.place, routes);
                tokio::task::spawn_local(nothing_to_end(stopped, end));
            }
            Role::Dialog => {
                let (dialog, history) = self.dialog(&mut links);
                let guard = |role| serves(Some(&self.cluster), role);
                let routes = Routes::default()
                    .add_service(guarded(history.server(), guard(Role::History)))
                    .add_service(guarded(dialog.server(), guard(Role::Dialog)));
                self.net.serve(self.place, routes);
                tokio::task::spawn_local(async move {
                    dialog.run(stopped).await;
                    end.set(true);
                });
            }
            Role::Presence => {
                let presence = self.presence();
                let guard = serves(Some(&self.cluster), role);
                self.net.serve(self.place, Routes::default().add_service(guarded(presence.server(), guard)));
                tokio::task::spawn_local(async move {
                    presence.run(stopped).await;
                    end.set(true);
                });
            }
            Role::Edge => {
                let (edge, door) = self.edge(&links);
                let (knocks, memory) = door;
                knocker = Some(knocks);
                tokio::task::spawn_local(async move {
                    edge.run_in_memory(memory, stopped).await;
                    end.set(true);
                });
            }
            Role::Api | Role::Console | Role::History | Role::Push | Role::Storage => {
                tokio::task::spawn_local(nothing_to_end(stopped, end));
            }
        }
        (links, knocker)
    }

    /// As the roles of a real process have it noticed.
    fn notice(&self, role: Role) {
        let (member, ailings) = (self.cluster.clone(), self.ailings.clone());
        tokio::task::spawn_local(async move {
            let (mut changes, mut was_ailing) = (member.changes(), false);
            loop {
                changes.changed().await;
                let is_ailing = member.me().is_ailing;
                ailings.fetch_add(usize::from(is_ailing && !was_ailing), Ordering::Relaxed);
                was_ailing = is_ailing;
            }
        });
        let (cluster, cql) = (self.cluster.clone(), self.cql.clone());
        match role {
            Role::Dialog | Role::Presence => {
                tokio::task::spawn_local(async move { vitals::of_store(&cluster, &cql).await });
            }
            Role::Edge => {
                let places = self.places(routing(&self.cluster, Role::Dialog, None, None).places);
                tokio::task::spawn_local(async move { vitals::of_ways(&cluster, places, None).await });
            }
            _ => {}
        }
    }

    fn dialog(&self, links: &mut Links) -> (natter_dialog::Service, natter_history::Service) {
        let parts = natter_history::Parts {
            db: self.cql.clone().into(),
            posted: self.posted(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            metrics: Metrics::new(),
        };
        let history = natter_history::Service::with_segments(SEGMENT_ROWS, Default::default(), parts);
        let parts = natter_dialog::Parts {
            db: self.cql.clone().into(),
            bus: self.bus.clone(),
            posted: self.posted(),
            history: Link::local(history.server(), Self::options()),
            old_rows: Link::local(history.archive_server(), Self::options()),
            account: links.account.clone(),
            presence: links.presence.clone(),
            own: own(Some(&self.cluster), Role::Dialog),
            peers: self.link(Role::Dialog, None),
            executor: Executor::local(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            metrics: Metrics::new(),
            trace: Default::default(),
        };
        (natter_dialog::Service::new(Default::default(), parts), history)
    }

    fn presence(&self) -> natter_presence::Service {
        let parts = natter_presence::Parts {
            db: self.cql.clone().into(),
            lossy: Redis::simulated(&self.hashes).into(),
            bus: self.bus.clone(),
            posted: self.posted(),
            own: own(Some(&self.cluster), Role::Presence),
            clock: self.clock.clone(),
            metrics: Metrics::new(),
        };
        natter_presence::Service::new(Default::default(), parts)
    }

    fn edge(&self, links: &Links) -> (natter_edge::Service, (Knocker, natter_edge::MemoryDoor)) {
        let options = natter_edge::Options { id: self.cluster.me().name, ..Default::default() };
        let parts = natter_edge::Parts {
            account: links.account.clone(),
            dialog: links.dialog.clone(),
            presence: links.presence.clone(),
            history: links.history.clone(),
            bus: self.bus.clone(),
            executor: Executor::local(),
            clock: self.clock.clone(),
            boot: self.cluster.me().boot,
            chance: self.chance.clone(),
            proxies: natter_peer::Proxies::default(),
            metrics: Metrics::new(),
            trace: Default::default(),
            streams: self.streams.clone(),
        };
        (natter_edge::Service::new(options, parts).unwrap(), Knocker::new())
    }
}
