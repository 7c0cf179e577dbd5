//! Who is there, in which dialogs, and what links, bus and store do to them.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use natter_actor::Chance;
use natter_bus::Faults as BusFaults;
use natter_db::Faults as StoreFaults;
use natter_proto::DialogId;
use natter_proto::dialog::v1::{CreateRequest, DialogKind};
use natter_tests::membership::Tick;
use tokio::time::Instant;

use super::ledger::Ledger;
use crate::world::{APP, Setting, World};

pub const EDGES: usize = 3;
pub const NAMES: [&str; 5] = ["ann", "bob", "cat", "dan", "eve"];
/// The user of each device.
pub const DEVICES: [usize; 7] = [0, 0, 1, 1, 2, 3, 4];
/// Owner and first members of each group. In the last one nobody says anything before the last words.
pub const GROUPS: [(usize, &[usize]); 3] = [(0, &[0, 1, 2, 3, 4]), (1, &[0, 1, 2, 4]), (4, &[0, 2, 4])];
pub const QUIET: usize = 2;
/// Users of private dialogs.
const PAIRS: [(usize, usize); 2] = [(0, 1), (2, 3)];
/// How long anything may take that has to come, with all misfortune.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    Arriving,
    Writing,
    /// Nobody begins anything, nobody is cut off; what was sent is answered.
    Settling,
    /// Everybody says one more thing everywhere.
    LastWords,
    Over,
}

/// Where something can be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Group(usize),
    /// To this user.
    Private(usize),
}

pub struct Scene {
    pub world: World,
    pub groups: Vec<DialogId>,
    pub ledger: RefCell<Ledger>,
    /// Whether links lose and delay calls. Calls overtake one another then, so each device has one message on its way.
    pub bad_links: bool,
    /// What befell whom, for the story of a life that failed.
    pub events: RefCell<Vec<(Tick, String)>>,
    began: Instant,
    phase: Cell<Phase>,
    tick: Cell<Tick>,
    /// Of each device, whether its session is bound, and what is on its way.
    live: RefCell<[bool; DEVICES.len()]>,
    unanswered: RefCell<[usize; DEVICES.len()]>,
    silent: RefCell<[bool; DEVICES.len()]>,
}

impl Scene {
    /// The faults of the store begin once everything is there.
    pub async fn new(chance: Chance) -> Scene {
        let bad_links = chance.below(2) == 0;
        let network = bad_links.then_some(natter_rpc::Faults { lost_per_mille: 5, delay_max: Duration::from_millis(5) });
        let world = World::new(chance, &NAMES, Setting { network, bus: bus_faults(), edges: EDGES }).await;
        let mut groups = Vec::new();
        for (owner, members) in GROUPS {
            groups.push(make_group(&world, owner, members).await);
        }
        // What the store refuses or leaves open is met by the simulation of the services: records of sessions are relaxed, and
        // one that was refused is missing after a kill.
        world.set_faults(StoreFaults {
            delay_min: Duration::from_micros(50),
            delay_max: Duration::from_millis(5),
            ..StoreFaults::default()
        });
        Scene {
            world,
            groups,
            ledger: RefCell::default(),
            bad_links,
            events: RefCell::default(),
            began: Instant::now(),
            phase: Cell::new(Phase::Arriving),
            tick: Cell::new(0),
            live: RefCell::default(),
            unanswered: RefCell::default(),
            silent: RefCell::new([true; DEVICES.len()]),
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub fn enter(&self, phase: Phase) {
        if phase == Phase::LastWords {
            *self.silent.borrow_mut() = [true; DEVICES.len()];
        }
        self.phase.set(phase);
    }

    /// The next place in the order of all events.
    pub fn tick(&self) -> Tick {
        self.tick.set(self.tick.get() + 1);
        self.tick.get()
    }

    /// Notes an event for the story.
    pub fn note(&self, event: impl Into<String>) {
        let event = format!("{:5} ms {}", self.began.elapsed().as_millis(), event.into());
        self.events.borrow_mut().push((self.tick.get(), event));
    }

    pub fn user(&self, user: usize) -> u64 {
        self.world.users[user]
    }

    /// Where a user may say something, as far as he knows: he may have been removed.
    pub fn places_of(user: usize) -> Vec<Place> {
        let groups = GROUPS.iter().enumerate().filter(|(_, (_, members))| members.contains(&user));
        let mut places: Vec<Place> = groups.map(|(group, _)| Place::Group(group)).collect();
        for (a, b) in PAIRS {
            places.extend((a == user).then_some(Place::Private(b)));
            places.extend((b == user).then_some(Place::Private(a)));
        }
        places
    }

    pub fn dialog(&self, user: usize, place: Place) -> DialogId {
        match place {
            Place::Group(group) => self.groups[group],
            Place::Private(other) => self.world.pair(self.user(user), self.user(other)),
        }
    }

    /// Whether the user is in the dialog from the start.
    pub fn is_first_member(&self, dialog: DialogId, user: u64) -> bool {
        let user = self.world.users.iter().position(|id| *id == user).unwrap();
        Scene::places_of(user).into_iter().any(|place| self.dialog(user, place) == dialog)
    }

    // === how far the devices are ===

    pub fn set_live(&self, device: usize, live: bool) {
        self.live.borrow_mut()[device] = live;
    }

    pub fn live_devices(&self) -> usize {
        self.live.borrow().iter().filter(|live| **live).count()
    }

    pub fn set_unanswered(&self, device: usize, count: usize) {
        self.unanswered.borrow_mut()[device] = count;
    }

    pub fn all_answered(&self) -> bool {
        self.unanswered.borrow().iter().all(|count| *count == 0)
    }

    pub fn has_spoken(&self, device: usize) {
        self.silent.borrow_mut()[device] = false;
    }

    pub fn all_said(&self) -> bool {
        self.all_answered() && !self.silent.borrow().contains(&true)
    }

    /// Waits until something holds.
    pub async fn when(&self, holds: impl Fn(&Scene) -> bool) {
        let waits = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waits).await.is_err() {
            let (live, unanswered, silent) = (self.live.borrow(), self.unanswered.borrow(), self.silent.borrow());
            panic!("stuck: live {live:?}, unanswered {unanswered:?}, silent {silent:?}");
        }
    }
}

async fn make_group(world: &World, owner: usize, members: &[usize]) -> DialogId {
    let request = CreateRequest {
        app: APP,
        kind: DialogKind::Group.into(),
        owner: world.users[owner],
        members: members.iter().map(|user| world.users[*user]).collect(),
        name: Some("some".into()),
        ..Default::default()
    };
    // The network loses calls from the first one on.
    loop {
        let mut dialog = world.doors().unwrap().dialog;
        if let Ok(made) = dialog.create(request.clone()).await {
            return DialogId::try_from(made.into_inner().id.as_slice()).unwrap();
        }
    }
}

fn bus_faults() -> BusFaults {
    BusFaults { lost_per_mille: 80, delay_max: Duration::from_millis(40) }
}
