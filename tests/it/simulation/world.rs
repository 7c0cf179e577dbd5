//! A node on a LocalSet of its own, over a store that survives it. A crash drops the node half way, and what the store had
//! not committed.

use std::cell::RefCell;
use std::time::Duration;

use natter_actor::{Chance, Clock, Executor};
use natter_bus::Bus;
use natter_db::{Faults, Kv};
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{CreateAppRequest, SignUpRequest, User};
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::{CreateRequest, DialogKind};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::{DialogId, UserId};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use tokio::task::{JoinHandle, LocalSet};

const START_MS: i64 = 1_790_000_000_000;
pub const APP: u64 = 1;

/// What users of the simulation see of a node.
#[derive(Clone)]
pub struct Doors {
    pub dialog: DialogsClient<Link>,
    pub history: HistoryClient<Link>,
}

/// The store, the node that runs on it, and two users of one app.
pub struct World {
    pub users: [u64; 2],
    pub dialog: DialogId,
    /// A group of the two.
    pub group: DialogId,
    pub chance: Chance,
    clock: Clock,
    node: RefCell<Node>,
}

struct Node {
    store: Kv,
    doors: Option<Doors>,
    running: JoinHandle<()>,
}

impl World {
    /// A node with one app and two users. The faults begin after that.
    pub async fn new(chance: Chance) -> World {
        let (store, clock) = (Kv::memory_with(Faults { seed: chance.u64(), ..Faults::default() }), Clock::paused(START_MS));
        let (account, pair_key, users) = first_start(&store, &clock, &chance).await;
        drop(account);
        let node = boot(store, &clock, &chance).await;
        let group = make_group(&node, users).await;
        node.store.set_faults(faults());
        let dialog = DialogId::of_pair(&pair_key, UserId(users[0]), UserId(users[1]));
        World { users, dialog, group, chance, clock, node: RefCell::new(node) }
    }

    /// The doors of the node that runs; none while it is down.
    pub fn doors(&self) -> Option<Doors> {
        self.node.borrow().doors.clone()
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
        let next = boot(store, &self.clock, &self.chance).await;
        *self.node.borrow_mut() = next;
    }

    /// No more faults, and a node that starts from what is stored.
    pub async fn calm(&self) {
        self.crash().await;
        self.node.borrow().store.set_faults(Faults::default());
    }
}

async fn make_group(node: &Node, users: [u64; 2]) -> DialogId {
    let [owner, other] = users;
    let request = CreateRequest {
        app: APP,
        kind: DialogKind::Group.into(),
        owner,
        members: vec![other],
        name: Some("the two".into()),
        ..Default::default()
    };
    // The network loses calls from the first one on.
    loop {
        let mut dialog = node.doors.clone().unwrap().dialog;
        if let Ok(made) = dialog.create(request.clone()).await {
            return DialogId::try_from(made.into_inner().id.as_slice()).unwrap();
        }
    }
}

fn faults() -> Faults {
    Faults {
        delay_min: Duration::from_micros(50),
        delay_max: Duration::from_millis(8),
        not_stored: 0.02,
        unknown: 0.02,
        ..Faults::default()
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

async fn first_start(store: &Kv, clock: &Clock, chance: &Chance) -> (natter_account::Service, Vec<u8>, [u64; 2]) {
    let service = account(store, clock, chance);
    let mut client = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
    let app = client.create_app(CreateAppRequest { id: APP, ..Default::default() }).await.unwrap().into_inner();
    let mut users = [0; 2];
    for (user, login) in users.iter_mut().zip(["ann", "bob"]) {
        let row = User { login: Some(login.into()), ..Default::default() };
        let request = SignUpRequest { app: APP, user: Some(row), password: "correct horse".into(), ..Default::default() };
        *user = client.sign_up(request).await.unwrap().into_inner().id;
    }
    (service, app.pair_key, users)
}

async fn boot(store: Kv, clock: &Clock, chance: &Chance) -> Node {
    let set = LocalSet::new();
    let doors = set.run_until(services(store.clone(), clock.clone(), chance.clone())).await;
    let running = tokio::task::spawn_local(set);
    Node { store, doors: Some(doors), running }
}

// The services of a node, started on the LocalSet that is current.
async fn services(store: Kv, clock: Clock, chance: Chance) -> Doors {
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
        history: history.clone().faulty(network(), chance.clone()),
        account,
        presence: presence_link,
        executor: Executor::local(),
        clock,
        chance: chance.clone(),
        metrics,
    };
    let dialog = natter_dialog::Service::new(Default::default(), parts);
    let dialog_link = Link::local(dialog.server(), inner).faulty(network(), chance);
    tokio::task::spawn_local(async move { dialog.run(std::future::pending()).await });
    Doors { dialog: DialogsClient::new(dialog_link), history: HistoryClient::new(history) }
}

fn network() -> natter_rpc::Faults {
    natter_rpc::Faults { lost_per_mille: 10, delay_max: Duration::from_millis(10) }
}
