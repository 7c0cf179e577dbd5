//! Dialogs in memory, each with its writes in flight. What is here may be ahead of the store; it is thrown away when a write
//! fails. Reads are answered from here where nothing is ahead. It neither reads nor decides: `embedded.rs` does.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_db::{Batch, Commit, Kv};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::slot::Slot;
use crate::error::Error;
use crate::head::Head;
use crate::log::DialogKey;
use crate::member::Member;

/// Most members' states that a dialog keeps while nothing is in flight, and most ranges in all of them.
const SLOTS_MAX: usize = 256;
const RANGES_MAX: usize = 4_096;
/// Most ranges of a member's state that is kept because it was read.
const READ_RANGES_MAX: usize = RANGES_MAX / SLOTS_MAX;

/// The dialogs that were written to last.
pub struct Lives {
    count_max: usize,
    lru: Mutex<Lru>,
}

#[derive(Default)]
struct Lru {
    lives: BTreeMap<DialogKey, (Arc<Live>, u64)>,
    by_use: BTreeMap<u64, DialogKey>,
    uses: u64,
}

impl Lives {
    pub fn new(count_max: usize) -> Lives {
        Lives { count_max, lru: Mutex::default() }
    }

    /// The dialog, loaded or not.
    ///
    /// Invariant: while anybody holds it, or a write of it is in flight (whose task holds it), it is the only one of this
    /// key. Two would not know of each other's writes.
    pub fn get(&self, key: DialogKey) -> Arc<Live> {
        let mut lru = self.lru.lock();
        lru.uses += 1;
        let uses = lru.uses;
        let (live, used) = lru.lives.entry(key).or_default();
        let (live, before) = (live.clone(), std::mem::replace(used, uses));
        lru.by_use.remove(&before);
        lru.by_use.insert(uses, key);
        lru.shrink(self.count_max);
        live
    }

    /// The dialog, if it is here.
    pub fn peek(&self, key: DialogKey) -> Option<Arc<Live>> {
        self.lru.lock().lives.get(&key).map(|(live, _)| live.clone())
    }

    /// What is seen of each of these dialogs, or of what is asked of them; nothing of one that is not here.
    pub fn look<A, T>(&self, of: impl Iterator<Item = (DialogKey, A)>, see: impl Fn(&Live, A) -> Option<T>) -> Vec<Option<T>> {
        let lru = self.lru.lock();
        of.map(|(key, asked)| see(&lru.lives.get(&key)?.0, asked)).collect()
    }
}

impl Lru {
    /// Drops what was used longest ago. Clones are only made under this lock, so a dialog that nobody else holds stays so.
    fn shrink(&mut self, count_max: usize) {
        let excess = self.lives.len().saturating_sub(count_max);
        let idle = |key: &DialogKey| self.lives.get(key).is_none_or(|(live, _)| Arc::strong_count(live) == 1);
        let gone: Vec<(u64, DialogKey)> =
            self.by_use.iter().filter(|(_, key)| idle(key)).take(excess).map(|(used, key)| (*used, *key)).collect();
        for (used, key) in gone {
            self.by_use.remove(&used);
            self.lives.remove(&key);
        }
    }
}

/// One dialog.
#[derive(Default)]
pub struct Live {
    state: Mutex<State>,
    landed: Notify,
}

#[derive(Default)]
struct State {
    /// `None`: not loaded, or thrown away.
    dialog: Option<Dialog>,
    /// Grows when something was thrown away: what was read before that is stale.
    epoch: u64,
    tickets: u64,
    flights: BTreeMap<u64, Touch>,
}

/// What is known of a dialog, as it is when everything in flight has landed.
pub struct Dialog {
    pub head: Head,
    /// The newest row that is durable.
    pub stored_seq: u64,
    pub slots: BTreeMap<u64, Slot>,
    /// Whoever has a state has a slot.
    everyone: bool,
}

/// What a write is about.
#[derive(Clone, Default, Debug)]
pub struct Touch {
    /// Members whose state it changes, ascending.
    pub users: Vec<u64>,
    /// It changes the head or rows. Nothing that it touches is written upon before it has landed, for if it fails, what
    /// was written upon it would speak of rows that do not exist.
    pub head: bool,
    /// An answer that nothing had to be written waits for what is in flight.
    pub durable: bool,
}

impl Touch {
    fn meets(&self, other: &Touch) -> bool {
        self.head && other.head || self.users.iter().any(|user| other.users.binary_search(user).is_ok())
    }
}

/// What a decision comes to.
pub enum Verdict<T> {
    /// Write this; the answer holds once it is durable.
    Write(Batch, T),
    /// Nothing has to be written.
    Same(T),
}

/// What has to happen next for a write.
pub enum Step<'a, T> {
    /// Something in flight is in the way.
    Wait(Notified<'a>),
    /// This has to be read first.
    Load(Missing),
    Done(T),
    /// The batch is in the store's queue.
    InFlight(Flight, T),
}

/// What a write needs and is not in memory.
pub struct Missing {
    epoch: u64,
    pub head: bool,
    pub users: Vec<u64>,
}

/// A write on its way.
pub struct Flight {
    ticket: u64,
    pub commit: Commit,
}

impl Live {
    /// Goes one step towards a write: decides and enqueues under one lock, so that decisions and commits have one order.
    ///
    /// `decide` sees the dialog with a slot for each user touched. It refuses before it changes anything.
    pub fn step<T>(
        &self,
        kv: &Kv,
        touch: &Touch,
        decide: &mut impl FnMut(&mut Dialog) -> Result<Verdict<T>, Error>,
    ) -> Result<Step<'_, T>, Error> {
        let mut state = self.state.lock();
        if state.flights.values().any(|flight| flight.head && flight.meets(touch)) {
            return Ok(Step::Wait(self.landed.notified()));
        }
        let State { dialog, epoch, tickets, flights } = &mut *state;
        let Some(dialog) = dialog else {
            if !flights.is_empty() {
                return Ok(Step::Wait(self.landed.notified()));
            }
            return Ok(Step::Load(Missing { epoch: *epoch, head: true, users: touch.users.clone() }));
        };
        let users: Vec<u64> = touch.users.iter().copied().filter(|user| !dialog.slots.contains_key(user)).collect();
        if !users.is_empty() {
            return Ok(Step::Load(Missing { epoch: *epoch, head: false, users }));
        }
        match decide(dialog)? {
            Verdict::Same(_) if touch.durable && flights.values().any(|flight| flight.meets(touch)) => {
                Ok(Step::Wait(self.landed.notified()))
            }
            Verdict::Same(answer) => Ok(Step::Done(answer)),
            Verdict::Write(batch, answer) => {
                *tickets += 1;
                flights.insert(*tickets, touch.clone());
                Ok(Step::InFlight(Flight { ticket: *tickets, commit: kv.commit(batch) }, answer))
            }
        }
    }

    /// Takes in what was read, unless it was overtaken.
    pub fn fill(&self, missing: &Missing, head: Option<Head>, slots: Vec<Slot>) {
        let mut state = self.state.lock();
        if state.epoch != missing.epoch {
            return;
        }
        if state.dialog.is_none() && state.flights.is_empty() {
            state.dialog = head.map(|head| Dialog { stored_seq: head.seq, head, slots: BTreeMap::new(), everyone: false });
        }
        let Some(dialog) = &mut state.dialog else { return };
        for slot in slots {
            dialog.slots.entry(slot.whole.user).or_insert(slot);
        }
    }

    /// The head as it is stored, if it is known and no other is on its way.
    pub fn stored_head(&self) -> Option<Head> {
        let state = self.state.lock();
        let is_moving = state.flights.values().any(|flight| flight.head);
        state.dialog.as_ref().filter(|_| !is_moving).map(|dialog| dialog.head.clone())
    }

    /// The state of a member as it is stored, if it is known and no other is on its way.
    pub fn stored_member(&self, user: u64) -> Option<Member> {
        let state = self.state.lock();
        let is_moving = state.flights.values().any(|flight| flight.users.binary_search(&user).is_ok());
        let slot = state.dialog.as_ref().filter(|_| !is_moving)?.slots.get(&user)?;
        Some(slot.whole.clone())
    }

    /// The states of all members, ascending, as they are stored, if they are known and none is on its way.
    pub fn stored_everyone(&self) -> Option<Vec<Member>> {
        let state = self.state.lock();
        let is_moving = state.flights.values().any(|flight| !flight.users.is_empty());
        let dialog = state.dialog.as_ref().filter(|dialog| dialog.everyone && !is_moving)?;
        // One of whom nothing is kept has a slot, if he was asked for.
        Some(dialog.slots.values().filter(|slot| !slot.is_empty()).map(|slot| slot.whole.clone()).collect())
    }

    /// Before something is read that may be kept here then.
    pub fn begin_read(&self) -> Missing {
        Missing { epoch: self.state.lock().epoch, head: false, users: Vec::new() }
    }

    /// Keeps what was read, unless it was overtaken, or would be too much for a dialog that is only read.
    pub fn keep(&self, begun: &Missing, head: Option<Head>, slot: Option<Slot>) {
        let is_small = |slot: &Slot| slot.whole.range_count() <= READ_RANGES_MAX;
        let has_room = self.state.lock().dialog.as_ref().is_none_or(|dialog| dialog.slots.len() < SLOTS_MAX);
        self.fill(begun, head, slot.into_iter().filter(|slot| has_room && is_small(slot)).collect());
    }

    /// Keeps the states of all members, unless what was read was overtaken, or there are too many.
    pub fn keep_everyone(&self, begun: &Missing, slots: Vec<Slot>) {
        let ranges: usize = slots.iter().map(|slot| slot.whole.range_count()).sum();
        if slots.len() > SLOTS_MAX || ranges > RANGES_MAX {
            return;
        }
        self.fill(begun, None, slots);
        let mut state = self.state.lock();
        let is_current = state.epoch == begun.epoch;
        if let Some(dialog) = state.dialog.as_mut().filter(|_| is_current) {
            dialog.everyone = true;
        }
    }

    /// Waits for the outcome of a write and takes note of it.
    pub async fn land(&self, flight: Flight) -> Result<(), Error> {
        let outcome = flight.commit.await;
        let mut state = self.state.lock();
        let touch = state.flights.remove(&flight.ticket).unwrap_or_default();
        match (&outcome, &mut state.dialog) {
            (Ok(()), Some(dialog)) if touch.head => dialog.stored_seq = dialog.head.seq,
            (Ok(()), _) => {}
            (Err(_), _) => state.throw_away(),
        }
        if state.flights.is_empty() {
            state.trim();
        }
        drop(state);
        self.landed.notify_waiters();
        Ok(outcome?)
    }

    /// Resolves when no append, edit or removal is in flight.
    pub async fn settled(&self) {
        loop {
            let landed = {
                let state = self.state.lock();
                if !state.flights.values().any(|flight| flight.head) {
                    return;
                }
                self.landed.notified()
            };
            landed.await;
        }
    }
}

impl State {
    fn throw_away(&mut self) {
        self.dialog = None;
        self.epoch += 1;
    }

    fn trim(&mut self) {
        let Some(dialog) = &mut self.dialog else { return };
        let ranges = || dialog.slots.values().map(|slot| slot.whole.range_count()).sum::<usize>();
        if dialog.slots.len() > SLOTS_MAX || ranges() > RANGES_MAX {
            dialog.slots.clear();
            dialog.everyone = false;
            self.epoch += 1;
        }
    }
}
