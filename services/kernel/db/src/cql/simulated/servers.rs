//! Three servers and what is on its way to them. What is due is carried out before anybody looks, in the order of its time; so nothing
//! runs by itself, and a seed says what happens.
//!
//! - A plain write goes to all three, each after a delay of its own; some come long after their sender gave up.
//! - A read is of two servers at different times. What one of them lacks it has when the read is answered.
//! - A conditional write is decided at one instant, on what two servers and earlier decisions say. It may be decided when its sender
//!   does not wait any more, or never. Answered, it is at two servers, whatever the answer is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::Chance;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::bound::{self, Bound, Known};
use super::replica::{Partition, Place};
use super::table::Table;
use super::text;
use crate::cql::{Migration, Outcome, Statement};

const SERVERS: usize = 3;

/// What goes wrong, of a thousand requests each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// What takes long at most, usually.
    pub delay_max: Duration,
    /// A write comes late to one of the servers: after this time at most.
    pub late_per_mille: u32,
    pub late_max: Duration,
    /// Nobody hears a request.
    pub lost_per_mille: u32,
    /// A request is carried out, and its sender is not told so.
    pub unanswered_per_mille: u32,
}

/// How much went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Writes that came late to one of the servers.
    pub late: usize,
    pub lost: usize,
    pub unanswered: usize,
    /// Conditional writes that were to be decided when nobody waited for them any more.
    pub decided_late: usize,
}

/// A conditional write whose condition held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    pub text: &'static str,
    /// Its values that are numbers, in their order.
    pub numbers: Vec<i64>,
}

/// Hears of every request what became of it.
pub type Listener = Arc<dyn Fn(String) + Send + Sync>;

/// The servers. Clones are the same.
#[derive(Clone)]
pub struct Servers(Arc<Mutex<State>>);

struct State {
    tables: Vec<Table>,
    known: BTreeMap<&'static str, Arc<Known>>,
    chance: Chance,
    faults: Faults,
    replicas: [BTreeMap<Place, Partition>; SERVERS],
    /// What conditional writes decided.
    decided: BTreeMap<Place, Partition>,
    /// By time, then in the order of asking.
    due: BTreeMap<(Instant, u64), Due>,
    asked: u64,
    outcomes: BTreeMap<u64, (Outcome, Instant)>,
    began: Instant,
    ballot: i64,
    counts: Counts,
    applied: Vec<Applied>,
    listener: Option<Listener>,
}

enum Due {
    Mutation { server: usize, place: Place, piece: Arc<Partition> },
    Change { number: u64, place: Place, changes: Vec<Bound> },
}

/// What befalls a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Answered,
    Lost,
    Unanswered,
}

impl Servers {
    /// Servers with the tables of these migrations, without faults.
    ///
    /// # Panics
    /// A statement is not one that makes a table.
    pub fn new(migrations: &[Migration], chance: Chance) -> Servers {
        let statements = migrations.iter().flat_map(|migration| migration.statements);
        let tables = statements.map(|text| text::table(text).unwrap_or_else(|refusal| panic!("{refusal}: {text}")));
        Servers(Arc::new(Mutex::new(State {
            tables: tables.collect(),
            known: BTreeMap::new(),
            chance,
            faults: Faults::default(),
            replicas: Default::default(),
            decided: BTreeMap::new(),
            due: BTreeMap::new(),
            asked: 0,
            outcomes: BTreeMap::new(),
            began: Instant::now(),
            ballot: 0,
            counts: Counts::default(),
            applied: Vec::new(),
            listener: None,
        })))
    }

    /// From now on.
    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Tells what becomes of requests from now on, for comparing two runs.
    pub fn tell(&self, listener: Listener) {
        self.0.lock().listener = Some(listener);
    }

    pub fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// In the order of deciding.
    pub fn applied(&self) -> Vec<Applied> {
        self.0.lock().applied.clone()
    }

    pub(super) fn known(&self, statement: Statement) -> Result<Arc<Known>, String> {
        let mut state = self.0.lock();
        if let Some(known) = state.known.get(statement.text()) {
            return Ok(known.clone());
        }
        let known = Arc::new(Known::read(statement.text(), &state.tables)?);
        state.known.insert(statement.text(), known.clone());
        Ok(known)
    }

    pub(super) fn fate(&self, request: &Bound) -> Fate {
        let mut state = self.0.lock();
        let drawn = state.chance.below(1_000);
        let lost = u64::from(state.faults.lost_per_mille);
        let fate = match drawn {
            drawn if drawn < lost => Fate::Lost,
            drawn if drawn < lost + u64::from(state.faults.unanswered_per_mille) => Fate::Unanswered,
            _ => Fate::Answered,
        };
        state.counts.lost += usize::from(fate == Fate::Lost);
        state.counts.unanswered += usize::from(fate == Fate::Unanswered);
        state.say(|| format!("{fate:?}: {} {:?}", request.known.source, request.numbers()));
        fate
    }

    pub(super) fn delay(&self) -> Duration {
        self.0.lock().delay()
    }

    // === plain writes ===

    /// Sends a write to all servers; when two of them have it.
    pub(super) fn write(&self, place: &Place, piece: Partition) -> Instant {
        self.0.lock().spread(place, Arc::new(piece))
    }

    // === reads ===

    /// Two servers, in the order in which they are asked.
    pub(super) fn quorum(&self) -> [usize; 2] {
        self.0.lock().quorum()
    }

    /// What a server has of what a statement is about.
    pub(super) fn look(&self, server: usize, place: &Place, read: &Bound) -> Partition {
        let mut state = self.0.lock();
        state.carry_out();
        state.replicas[server].get(place).map(|all| all.piece(|key| read.is_about(key))).unwrap_or_default()
    }

    /// Gives servers what another one had.
    pub(super) fn repair(&self, servers: [usize; 2], place: &Place, found: &Partition) {
        let mut state = self.0.lock();
        state.carry_out();
        servers.iter().for_each(|server| state.replicas[*server].entry(place.clone()).or_default().merge(found));
    }

    // === conditional writes ===

    /// Lets conditional writes be decided at a time; the number of their outcome.
    pub(super) fn decide_at(&self, at: Instant, place: Place, changes: Vec<Bound>) -> u64 {
        let mut state = self.0.lock();
        state.asked += 1;
        let number = state.asked;
        state.due.insert((at, number), Due::Change { number, place, changes });
        number
    }

    /// What was decided, and when two servers know it.
    pub(super) fn outcome(&self, number: u64) -> Option<(Outcome, Instant)> {
        let mut state = self.0.lock();
        state.carry_out();
        state.outcomes.remove(&number)
    }

    /// A time at which somebody who was not heard in time may be heard after all, if ever.
    pub(super) fn lateness(&self) -> Option<Duration> {
        let mut state = self.0.lock();
        let late_max = state.faults.late_max.as_millis() as u64;
        let late = (state.chance.below(2) == 0).then(|| Duration::from_millis(state.chance.below(late_max + 1)));
        state.counts.decided_late += usize::from(late.is_some());
        late
    }
}

impl State {
    fn say(&self, what: impl FnOnce() -> String) {
        if let Some(listener) = &self.listener {
            listener(what());
        }
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(self.chance.below(self.faults.delay_max.as_micros() as u64 + 1))
    }

    fn quorum(&self) -> [usize; 2] {
        let first = self.chance.below(SERVERS as u64) as usize;
        [first, (first + 1 + self.chance.below(2) as usize) % SERVERS]
    }

    fn spread(&mut self, place: &Place, piece: Arc<Partition>) -> Instant {
        let now = Instant::now();
        let mut times = Vec::new();
        for server in 0..SERVERS {
            let is_late = self.chance.below(1_000) < u64::from(self.faults.late_per_mille);
            self.counts.late += usize::from(is_late);
            let late_max = self.faults.late_max.as_millis() as u64;
            let late = Duration::from_millis(if is_late { self.chance.below(late_max + 1) } else { 0 });
            let at = now + self.delay() + late;
            self.asked += 1;
            self.due.insert((at, self.asked), Due::Mutation { server, place: place.clone(), piece: piece.clone() });
            times.push(at);
        }
        times.sort_unstable();
        times[1]
    }

    /// Everything that is due.
    fn carry_out(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Due::Mutation { server, place, piece } => self.replicas[server].entry(place).or_default().merge(&piece),
                Due::Change { number, place, changes } => {
                    let decided = self.decide(&place, &changes);
                    self.outcomes.insert(number, decided);
                }
            }
        }
    }

    fn decide(&mut self, place: &Place, changes: &[Bound]) -> (Outcome, Instant) {
        let servers = self.quorum();
        let mut found = self.decided.get(place).cloned().unwrap_or_default();
        servers.iter().filter_map(|server| self.replicas[*server].get(place)).for_each(|piece| found.merge(piece));
        let outcome = bound::outcome(changes, &found);
        self.say(|| format!("{outcome:?}: {}", changes[0].known.source));
        if outcome != Outcome::Applied {
            // What was decided before is at a quorum by now.
            let before = self.decided.get(place).cloned().unwrap_or_default();
            servers.iter().for_each(|server| self.replicas[*server].entry(place.clone()).or_default().merge(&before));
            return (outcome, Instant::now());
        }
        // By the servers' own clock, and later than any decision before.
        let clock = FIRST_BALLOT + self.began.elapsed().as_micros() as i64;
        self.ballot = clock.max(self.ballot + 1);
        let applied = changes.iter().map(|change| Applied { text: change.known.source, numbers: change.numbers() });
        self.applied.extend(applied);
        let mut piece = Partition::default();
        changes.iter().filter_map(|change| change.mutation(self.ballot).ok()).for_each(|one| piece.merge(&one));
        self.decided.entry(place.clone()).or_default().merge(&piece);
        (outcome, self.spread(place, Arc::new(piece)))
    }
}

/// Above every timestamp that a statement sets by a number of its own.
const FIRST_BALLOT: i64 = 1_700_000_000_000_000;
