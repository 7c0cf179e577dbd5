//! A node on a LocalSet of its own, with users of one app, over a store that survives it. A crash drops the node half way, and what the store had
//! not committed.

use std::cell::RefCell;
use std::time::Duration;

use natter_actor::{Chance, Clock, Executor};
use natter_bus::Bus;
use natter_db::{Faults, Kv};
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{CreateAppRequest, SignUpRequest, User};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::{DialogId, UserId};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use tokio::task::{JoinHandle, LocalSet};

const START_MS: i64 = 1_790_000_000_000;
pub const APP: u64 = 1;

/// What users see of a node.
#[derive(Clone)]
pub struct Doors {
    pub dialog: DialogsClient<Link>,
    pub history: HistoryClient<Link>,
    pub presence: PresenceClient<Link>,
}

/// The store, the node that runs on it, and the users of one app.
pub struct World {
    pub users: Vec<u64>,
    pub chance: Chance,
    clock: Clock,
    pair_key: Vec<u8>,
    /// What calls suffer; none: nothing.
    network: Option<natter_rpc::Faults>,
    node: RefCell<Node>,
}

struct Node {
    store: Kv,
    doors: Option<Doors>,
    running: JoinHandle<()>,
}

impl World {
    /// A node with one app and users with these names. Its store has no faults yet.
    pub async fn new(chance: Chance, names: &[&str], network: Option<natter_rpc::Faults>) -> World {
        let (store, clock) = (Kv::memory_with(Faults { seed: chance.u64(), ..Faults::default() }), Clock::paused(START_MS));
        let (pair_key, users) = first_start(&store, &clock, &chance, names).await;
        let node = boot(store, &clock, &chance, network).await;
        World { users, chance, clock, pair_key, network, node: RefCell::new(node) }
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
            node.doors = None;
            node.store.crash()
        };
        tokio::time::sleep(Duration::from_millis(self.chance.below(300))).await;
        let next = boot(store, &self.clock, &self.chance, self.network).await;
        *self.node.borrow_mut() = next;
    }

    /// No more faults of the store, and a node that starts from what is stored.
    pub async fn calm(&self) {
        self.crash().await;
        self.set_faults(Faults::default());
    }
}

fn account(store: &Kv, clock: &Clock, chance: &Chance) -> natter_account::Service {
    let options = natter_account::Options { argon2: natter_account::Argon2Options::cheap(), ..Default::default() };
    let parts = natter_account::Parts {
        db: store.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        metrics: Metrics::new(),
        verifier_key: [7; 32],
    };
    natter_account::Service::new(options, parts)
}

async fn first_start(store: &Kv, clock: &Clock, chance: &Chance, names: &[&str]) -> (Vec<u8>, Vec<u64>) {
    let service = account(store, clock, chance);
    let mut client = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
    let app = client.create_app(CreateAppRequest { id: APP, ..Default::default() }).await.unwrap().into_inner();
    let mut users = Vec::new();
    for login in names {
        let row = User { login: Some((*login).into()), ..Default::default() };
        let request = SignUpRequest { app: APP, user: Some(row), password: "correct horse".into(), ..Default::default() };
        users.push(client.sign_up(request).await.unwrap().into_inner().id);
    }
    (app.pair_key, users)
}

async fn boot(store: Kv, clock: &Clock, chance: &Chance, network: Option<natter_rpc::Faults>) -> Node {
    let set = LocalSet::new();
    let doors = set.run_until(services(store.clone(), clock.clone(), chance.clone(), network)).await;
    let running = tokio::task::spawn_local(set);
    Node { store, doors: Some(doors), running }
}

// The services of a node, started on the LocalSet that is current.
async fn services(store: Kv, clock: Clock, chance: Chance, network: Option<natter_rpc::Faults>) -> Doors {
    let suffer = |link: Link| match network {
        Some(faults) => link.faulty(faults, chance.clone()),
        None => link,
    };
    let (bus, metrics) = (Bus::local(), Metrics::new());
    let inner = LinkOptions { deadline: Duration::from_secs(2) };
    let parts = natter_history::Parts { db: store.clone(), clock: clock.clone(), metrics: metrics.clone() };
    let history = natter_history::Service::new(Default::default(), parts);
    let history = Link::local(history.server(), inner);
    let account = Link::local(account(&store, &clock, &chance).server(), inner);
    let parts = natter_presence::Parts { db: store.clone(), bus: bus.clone(), clock: clock.clone(), metrics: metrics.clone() };
    let presence = natter_presence::Service::new(Default::default(), parts);
    let presence_link = Link::local(presence.server(), inner);
    let parts = natter_dialog::Parts {
        db: store,
        bus,
        history: suffer(history.clone()),
        account,
        presence: presence_link.clone(),
        executor: Executor::local(),
        clock,
        chance: chance.clone(),
        metrics,
    };
    let dialog = natter_dialog::Service::new(Default::default(), parts);
    let dialog_link = suffer(Link::local(dialog.server(), inner));
    tokio::task::spawn_local(async move { dialog.run(std::future::pending()).await });
    Doors {
        dialog: DialogsClient::new(dialog_link),
        history: HistoryClient::new(history),
        presence: PresenceClient::new(presence_link),
    }
}
