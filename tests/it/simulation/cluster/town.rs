//! The cluster: three processes of dialog and history, two of presence, two edges, account, and one through which the users of the
//! simulation ask, as an edge does.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Chance, Clock};
use natter_db::Kv;
use natter_db::cql::simulated::{self, Servers};
use natter_db::redis::simulated::Hashes;
use natter_edge::{Knocker, Streams};
use natter_node::roles::Role;
use natter_proto::dialog::v1::dialogs_client::DialogsClient;
use natter_proto::dialog::v1::{CreateRequest, DialogKind};
use natter_proto::event::v1::Subscription;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::presence::v1::SubscribeRequest;
use natter_proto::presence::v1::presence_client::PresenceClient;
use natter_proto::{DialogId, UserId};
use natter_rpc::Link;
use tokio::time::{Instant, sleep};

use crate::simulation::cluster::net::{self, Net};
use crate::simulation::cluster::process::{Ground, Process};
use crate::simulation::cluster::trace::Trace;
use crate::world::{self, APP, START_MS};

const ROLES: [Role; 9] =
    [Role::Account, Role::Api, Role::Dialog, Role::Dialog, Role::Dialog, Role::Presence, Role::Presence, Role::Edge, Role::Edge];
/// The place through which users ask.
pub const DOOR: usize = 1;
pub const NAMES: [&str; 4] = ["ann", "bob", "cat", "dan"];
const GROUPS_OF_ALL: usize = 6;
/// How far a clock may be off, milliseconds.
const OFFSET_MAX: u64 = 3_000;

pub struct Town {
    pub ground: Ground,
    pub users: Vec<u64>,
    pub chance: Chance,
    /// In every other life: each clock is off by up to three seconds else.
    pub clocks_agree: bool,
    /// Each with its members, as numbers of users: all pairs, groups of all, one of three.
    pub dialogs: Vec<(DialogId, Vec<usize>)>,
    pub is_over: Cell<bool>,
    pub trace: Trace,
    processes: Vec<Process>,
    began: Instant,
    boots: Cell<u64>,
}

impl Town {
    /// Without faults yet.
    pub async fn new(chance: Chance, trace: Trace) -> Town {
        let tables: Vec<_> = [natter_history::TABLES, natter_dialog::TABLES, natter_presence::TABLES].concat();
        let ground = Ground {
            net: Net::new(Chance::seeded(chance.u64()), trace.clone()),
            servers: Servers::new(&tables, Chance::seeded(chance.u64())),
            chance: Chance::seeded(chance.u64()),
            hashes: Hashes::new(Chance::seeded(chance.u64()), Duration::from_millis(2)),
            streams: Streams::memory(),
            accounts: Kv::memory(),
            ailings: Arc::default(),
        };
        if trace.is_whole() {
            let trace = trace.clone();
            ground.servers.tell(Arc::new(move |said| trace.note(said)));
        }
        let (pair_key, users) = world::first_start(&ground.accounts, &Clock::paused(START_MS), &chance, &NAMES).await;
        let clocks_agree = chance.below(2) == 0;
        let process = |(place, role): (usize, &Role)| {
            let offset = chance.below(2 * OFFSET_MAX) as i64 - OFFSET_MAX as i64;
            Process::new(place, *role, START_MS + if clocks_agree { 0 } else { offset })
        };
        let processes = ROLES.iter().enumerate().map(process).collect();
        let pair = |a: usize, b: usize| (DialogId::of_pair(&pair_key, UserId(users[a]), UserId(users[b])), vec![a, b]);
        let dialogs = vec![pair(0, 1), pair(2, 3), pair(0, 2), pair(1, 3), pair(0, 3), pair(1, 2)];
        let mut town = Town {
            ground,
            users,
            chance,
            clocks_agree,
            dialogs,
            is_over: Cell::new(false),
            trace,
            processes,
            began: Instant::now(),
            boots: Cell::new(0),
        };
        for place in 0..ROLES.len() {
            town.start(place).await;
        }
        // Until all know all, and presence knows the app.
        sleep(Duration::from_secs(9)).await;
        for user in town.users.clone() {
            town.befriend(user).await;
        }
        // So many that each process has some, and looks at their segments go together.
        for members in [vec![vec![1, 2, 3]], vec![vec![0, 1, 2, 3]; GROUPS_OF_ALL]].concat() {
            let group = town.make_group(&members).await;
            town.dialogs.push((group, members));
        }
        town
    }

    pub fn note(&self, event: impl Display) {
        self.trace.note(event);
    }

    // === processes ===

    pub fn places(&self, role: Role) -> Vec<usize> {
        (0..ROLES.len()).filter(|place| ROLES[*place] == role).collect()
    }

    pub fn process(&self, place: usize) -> &Process {
        &self.processes[place]
    }

    pub async fn start(&self, place: usize) {
        self.boots.set(self.boots.get() + 1);
        self.process(place).start(&self.ground, self.boots.get(), self.began.elapsed()).await;
    }

    /// Everybody runs and reaches everybody.
    pub async fn calm(&self) {
        self.note("calm");
        self.ground.net.heal();
        self.ground.net.set_faults(net::Faults::default());
        self.ground.servers.set_faults(simulated::Faults::default());
        for process in &self.processes {
            match process.is_up() {
                true => process.go_on(&self.ground),
                false => self.start(process.place).await,
            }
        }
    }

    /// No call comes there from where users are, or back.
    pub fn part_from_callers(&self, place: usize) {
        self.callers().for_each(|caller| self.ground.net.cut(place, caller));
    }

    /// They do again.
    pub fn join_callers(&self, place: usize) {
        self.callers().for_each(|caller| self.ground.net.join(place, caller));
    }

    fn callers(&self) -> impl Iterator<Item = usize> {
        self.places(Role::Edge).into_iter().chain([DOOR])
    }

    pub fn begin_faults(&self) {
        let delay_max = Duration::from_millis(1 + self.chance.below(12));
        let lost_per_mille = self.chance.below(4);
        self.ground.net.set_faults(net::Faults { lost_per_mille, delay_max, unheard_per_mille: self.chance.below(60) });
        self.ground.servers.set_faults(simulated::Faults {
            delay_max: Duration::from_millis(1 + self.chance.below(8)),
            late_per_mille: self.chance.below(80) as u32,
            late_max: Duration::from_millis(200 + self.chance.below(8_000)),
            lost_per_mille: self.chance.below(6) as u32,
            unanswered_per_mille: self.chance.below(6) as u32,
        });
    }

    // === what users see ===

    fn door(&self) -> crate::simulation::cluster::process::Links {
        self.process(DOOR).links().expect("nothing befalls it")
    }

    /// As somebody sees them through whom users ask, each with a view of his own of who has what.
    pub fn dialog(&self) -> DialogsClient<Link> {
        let edges = self.places(Role::Edge);
        let place = edges[self.chance.below(edges.len() as u64) as usize];
        let links = self.process(place).links().filter(|_| self.chance.below(2) == 0);
        DialogsClient::new(links.unwrap_or_else(|| self.door()).dialog)
    }

    pub fn presence(&self) -> PresenceClient<Link> {
        PresenceClient::new(self.door().presence)
    }

    pub fn history(&self) -> HistoryClient<Link> {
        HistoryClient::new(self.door().history)
    }

    /// Where a client may knock; none while that edge is down.
    pub fn knocker(&self, edge: usize) -> Option<Knocker> {
        self.process(self.places(Role::Edge)[edge]).knocker()
    }

    /// Everybody else is shown when this user comes and goes.
    async fn befriend(&self, user: u64) {
        for other in self.users.iter().copied().filter(|other| *other != user) {
            for (user, contact, kind) in [(other, user, Subscription::Subscribe), (user, other, Subscription::Subscribed)] {
                let request = SubscribeRequest { app: APP, user, contact, kind: kind.into() };
                self.presence().subscribe(request).await.unwrap();
            }
        }
    }

    async fn make_group(&self, members: &[usize]) -> DialogId {
        let request = CreateRequest {
            app: APP,
            kind: DialogKind::Group.into(),
            owner: self.users[members[0]],
            members: members[1..].iter().map(|user| self.users[*user]).collect(),
            name: Some("some".into()),
            ..Default::default()
        };
        let made = self.dialog().create(request).await.unwrap().into_inner();
        DialogId::try_from(made.id.as_slice()).unwrap()
    }
}
