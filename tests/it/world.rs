//! A node on a LocalSet of its own, with users of one app and chat doors if they are wanted, over a store that survives it. A
//! crash drops the node half way, and what the store had not committed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Chance, Clock, Executor};
use natter_bus::Bus;
use natter_db::{Faults, Kv};
use natter_edge::Knocker;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{CreateAppRequest, SignUpRequest, User};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::{DialogId, UserId};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, LocalSet};

pub const START_MS: i64 = 1_790_000_000_000;
pub const APP: u64 = 1;
pub const PASSWORD: &str = "correct horse";

/// What a world is like.
#[derive(Clone, Copy, Default)]
pub struct Setting {
    /// What calls of dialogs and on them suffer; none: nothing.
    pub network: Option<natter_rpc::Faults>,
    /// What the bus does to what it carries.
    pub bus: natter_bus::Faults,
    /// Chat doors.
    pub edges: usize,
}

/// What users see of a node.
#[derive(Clone)]
pub struct Doors {
    pub dialog: DialogsClient<Link>,
    pub history: HistoryClient<Link>,
    pub presence: PresenceClient<Link>,
    /// Where clients knock, by edge.
    pub chat: Vec<Knocker>,
}

/// The store, the node that runs on it, and the users of one app.
pub struct World {
    pub users: Vec<u64>,
    pub chance: Chance,
    clock: Clock,
    pair_key: Vec<u8>,
    setting: RefCell<Setting>,
    node: RefCell<Node>,
}

struct Node {
    store: Kv,
    doors: Option<Doors>,
    running: JoinHandle<()>,
    edges: Option<Rc<Edges>>,
}

impl World {
    /// A node with one app and users with these names. Its store has no faults yet.
    pub async fn new(chance: Chance, names: &[&str], setting: Setting) -> World {
        let (store, clock) = (Kv::memory_with(Faults { seed: chance.u64(), ..Faults::default() }), Clock::paused(START_MS));
        let (pair_key, users) = first_start(&store, &clock, &chance, names).await;
        let node = boot(store, &clock, &chance, setting).await;
        World { users, chance, clock, pair_key, setting: RefCell::new(setting), node: RefCell::new(node) }
    }

    /// The id of the private dialog of two users.
    pub fn pair(&self, a: u64, b: u64) -> DialogId {
        DialogId::of_pair(&self.pair_key, UserId(a), UserId(b))
    }

    /// The doors of the node that runs; none while it is down.
    pub fn doors(&self) -> Option<Doors> {
        self.node.borrow().doors.clone()
    }

    /// Replaces the faults of the store.
    pub fn set_faults(&self, faults: Faults) {
        self.node.borrow().store.set_faults(faults);
    }

    /// Kills the node, loses what was not committed, and starts another one after a moment.
    pub async fn crash(&self) {
        let store = {
            let mut node = self.node.borrow_mut();
            node.running.abort();
            (node.doors, node.edges) = (None, None);
            node.store.crash()
        };
        tokio::time::sleep(Duration::from_millis(self.chance.below(300))).await;
        let setting = *self.setting.borrow();
        let next = boot(store, &self.clock, &self.chance, setting).await;
        *self.node.borrow_mut() = next;
    }

    /// Replaces the faults of the bus.
    pub fn set_bus(&self, faults: natter_bus::Faults) {
        self.setting.borrow_mut().bus = faults;
        if let Some(edges) = &self.node.borrow().edges {
            edges.bus.set_faults(faults);
        }
    }

    /// Stops one edge as an upgrade does: it ends its sessions properly, then another process takes its place.
    pub async fn drain(&self, edge: usize) {
        let edges = self.node.borrow().edges.clone();
        let Some(edges) = edges else { return };
        edges.stop(edge).await;
        let knocker = edges.start(edge);
        let mut node = self.node.borrow_mut();
        let is_same = node.edges.as_ref().is_some_and(|now| Rc::ptr_eq(now, &edges));
        if let Some(doors) = node.doors.as_mut().filter(|_| is_same) {
            doors.chat[edge] = knocker;
        }
    }

    /// No more faults of the store, and a node that starts from what is stored.
    pub async fn calm(&self) {
        self.crash().await;
        self.set_faults(Faults::default());
    }
}

pub fn account(store: &Kv, clock: &Clock, chance: &Chance) -> natter_account::Service {
    let options = natter_account::Options { argon2: natter_account::Argon2Options::cheap(), ..Default::default() };
    let parts = natter_account::Parts {
        db: store.clone().into(),
        clock: clock.clone(),
        chance: chance.clone(),
        metrics: Metrics::new(),
        mails: natter_mail::Mails::off(),
        outbound: natter_outbound::Outbound::written(|_| Err(natter_outbound::Error::Broken)),
        verifier_key: [7; 32],
        hosts: Vec::new(),
    };
    natter_account::Service::new(options, parts)
}

pub async fn first_start(store: &Kv, clock: &Clock, chance: &Chance, names: &[&str]) -> (Vec<u8>, Vec<u64>) {
    let service = account(store, clock, chance);
    let mut client = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
    let app = client.create_app(CreateAppRequest { id: APP, ..Default::default() }).await.unwrap().into_inner();
    let mut users = Vec::new();
    for login in names {
        let row = User { login: Some((*login).into()), ..Default::default() };
        let request = SignUpRequest { app: APP, user: Some(row), password: PASSWORD.into(), ..Default::default() };
        users.push(client.sign_up(request).await.unwrap().into_inner().id);
    }
    (app.pair_key, users)
}

async fn boot(store: Kv, clock: &Clock, chance: &Chance, setting: Setting) -> Node {
    let set = LocalSet::new();
    let (doors, edges) = set.run_until(services(store.clone(), clock.clone(), chance.clone(), setting)).await;
    let running = tokio::task::spawn_local(set);
    Node { store, doors: Some(doors), running, edges: Some(Rc::new(edges)) }
}

// The services of a node, started on the LocalSet that is current.
async fn services(store: Kv, clock: Clock, chance: Chance, setting: Setting) -> (Doors, Edges) {
    let suffer = |link: Link| match setting.network {
        Some(faults) => link.faulty(faults, chance.clone()),
        None => link,
    };
    let (bus, metrics) = (Bus::local().faulty(setting.bus, chance.clone()), Metrics::new());
    let inner = LinkOptions { deadline: Duration::from_secs(2) };
    let posted = natter_bus::Log::embedded(store.clone(), natter_db::Table("posted"), 100_000);
    let parts = natter_history::Parts {
        db: store.clone().into(),
        posted: posted.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        metrics: metrics.clone(),
    };
    let history = natter_history::Service::new(Default::default(), parts);
    let old_rows = Link::local(history.archive_server(), inner);
    let history = Link::local(history.server(), inner);
    let account = Link::local(account(&store, &clock, &chance).server(), inner);
    let posted_of_all = posted.clone();
    let parts = natter_presence::Parts {
        db: store.clone().into(),
        lossy: store.clone().into(),
        bus: bus.clone(),
        posted,
        own: natter_cluster::Own::All,
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let presence = natter_presence::Service::new(Default::default(), parts);
    let presence_link = Link::local(presence.server(), inner);
    let executor = Executor::local();
    let parts = natter_dialog::Parts {
        db: store.into(),
        bus: bus.clone(),
        posted: posted_of_all,
        history: suffer(history.clone()),
        account: account.clone(),
        presence: presence_link.clone(),
        old_rows,
        own: natter_cluster::Own::All,
        peers: Link::absent(),
        executor: executor.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        metrics,
        trace: Default::default(),
    };
    let dialog = natter_dialog::Service::new(Default::default(), parts);
    let dialog_link = suffer(Link::local(dialog.server(), inner));
    tokio::task::spawn_local(async move { dialog.run(std::future::pending()).await });
    tokio::task::spawn_local(async move { presence.run(std::future::pending()).await });
    let edges = Edges {
        account,
        dialog: dialog_link.clone(),
        presence: presence_link.clone(),
        history: history.clone(),
        bus,
        executor,
        clock,
        chance: chance.clone(),
        running: RefCell::default(),
    };
    let doors = Doors {
        dialog: DialogsClient::new(dialog_link),
        history: HistoryClient::new(history),
        presence: PresenceClient::new(presence_link),
        chat: (0..setting.edges).map(|edge| edges.start(edge)).collect(),
    };
    (doors, edges)
}

// === edges ===

/// The chat doors of a node, and what they are made of.
struct Edges {
    account: Link,
    dialog: Link,
    presence: Link,
    history: Link,
    bus: Bus,
    executor: Executor,
    clock: Clock,
    chance: Chance,
    running: RefCell<Vec<Running>>,
}

struct Running {
    edge: usize,
    stop: Arc<Notify>,
    ended: oneshot::Receiver<()>,
}

impl Edges {
    /// A process of its own would not look different: it shares only links and bus with the others.
    fn start(&self, edge: usize) -> Knocker {
        let options = natter_edge::Options { id: format!("e{edge}"), ..Default::default() };
        let parts = natter_edge::Parts {
            account: self.account.clone(),
            dialog: self.dialog.clone(),
            presence: self.presence.clone(),
            history: self.history.clone(),
            bus: self.bus.clone(),
            executor: self.executor.clone(),
            clock: self.clock.clone(),
            boot: self.chance.u64(),
            chance: self.chance.clone(),
            proxies: natter_peer::Proxies::default(),
            metrics: Metrics::new(),
            trace: Default::default(),
            streams: Default::default(),
        };
        let service = natter_edge::Service::new(options, parts).unwrap();
        let (knocker, memory) = Knocker::new();
        let (stop, (over, ended)) = (Arc::new(Notify::new()), oneshot::channel());
        self.running.borrow_mut().push(Running { edge, stop: stop.clone(), ended });
        self.executor.run(0, move || async move {
            service.run_in_memory(memory, async move { stop.notified().await }).await;
            let _ = over.send(());
        });
        knocker
    }

    async fn stop(&self, edge: usize) {
        let running = {
            let mut all = self.running.borrow_mut();
            let place = all.iter().position(|running| running.edge == edge).expect("it was started");
            all.swap_remove(place)
        };
        running.stop.notify_one();
        // An error: the node crashed meanwhile.
        let _ = running.ended.await;
    }
}
