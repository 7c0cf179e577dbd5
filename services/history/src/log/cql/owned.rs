//! What the process keeps in memory of the dialogs that it writes: its segment and the next position there. What is not here is taken
//! over from whoever has it, this process too: what lies in its segment behind what it remembers would be overwritten else.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use super::senders::Senders;
use crate::log::DialogKey;
use crate::log::segment::Segment;

/// A segment of this boot in which nothing is in flight.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Owned {
    pub segment: Segment,
    /// The next position.
    pub next: u32,
    /// Of the newest row of the dialog.
    pub date_sent: i64,
    pub updated_at: i64,
}

impl Owned {
    /// Number and dates of the newest row.
    pub fn newest(&self) -> (u64, i64, i64) {
        (self.segment.seq_of(self.next) - 1, self.date_sent, self.updated_at)
    }
}

/// One dialog. Who writes holds it to its end, so one append is in flight; it is empty while one is, and after one that ended in doubt.
pub type Entry = AsyncMutex<Entered>;

/// What is in memory of a dialog.
#[derive(Default, Debug)]
pub struct Entered {
    pub owned: Option<Owned>,
    /// Of those who wrote in what is owned.
    pub senders: Senders,
}

impl Entered {
    /// Nothing is known any more.
    pub fn forget(&mut self) -> Option<Owned> {
        std::mem::take(self).owned
    }
}

/// The dialogs in memory.
pub struct Dialogs {
    max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    uses: u64,
    /// With the number of their last use.
    entries: BTreeMap<DialogKey, (u64, Arc<Entry>)>,
}

impl Dialogs {
    pub fn new(max: usize) -> Dialogs {
        Dialogs { max: max.max(1), held: Mutex::default() }
    }

    /// The dialog to write in. Over the bound an eighth of all goes, of those that nobody writes in the ones used longest ago.
    pub fn entry(&self, key: DialogKey) -> Arc<Entry> {
        let mut held = self.held.lock();
        held.uses += 1;
        let now = held.uses;
        if held.entries.len() >= self.max && !held.entries.contains_key(&key) {
            let mut uses: Vec<u64> = held.entries.values().map(|(used, _)| *used).collect();
            uses.sort_unstable();
            let oldest = uses[(uses.len() - 1) / 8];
            // Clones are made under this lock only, so what nobody else holds stays so.
            held.entries.retain(|_, (used, entry)| *used > oldest || Arc::strong_count(entry) > 1);
        }
        let (used, entry) = held.entries.entry(key).or_default();
        *used = now;
        entry.clone()
    }

    /// What is known of a dialog in which nothing is being written.
    pub fn peek(&self, key: DialogKey) -> Option<Owned> {
        let held = self.held.lock();
        let (_, entry) = held.entries.get(&key)?;
        entry.try_lock().ok()?.owned
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::{AppId, DialogId};

    use super::*;
    use crate::log::segment::{Boot, State};

    #[tokio::test]
    async fn over_the_bound_the_oldest_go_but_those_that_are_written_in() {
        let dialogs = Dialogs::new(8);
        for n in 0..8 {
            dialogs.entry(key(n)).lock().await.owned = Some(owned());
        }
        let first = dialogs.entry(key(0));
        let writing = dialogs.entry(key(1));
        let guard = writing.lock().await;
        for n in 2..8 {
            dialogs.entry(key(n));
        }
        drop(first);
        dialogs.entry(key(9));
        assert_eq!((dialogs.peek(key(0)), dialogs.peek(key(2))), (None, Some(owned())));
        assert_eq!(dialogs.peek(key(1)), None, "somebody writes in it");
        drop(guard);
        assert_eq!(dialogs.peek(key(1)), Some(owned()));
    }

    fn owned() -> Owned {
        let segment = Segment { number: 3, writer: Boot(1), state: State::Open, first_seq: 9 };
        Owned { segment, next: 2, date_sent: 1, updated_at: 2 }
    }

    fn key(n: u8) -> DialogKey {
        DialogKey { app: AppId(1), dialog: DialogId([n; 12]) }
    }
}
