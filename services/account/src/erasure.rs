//! The walk of an erasure: which service is asked next, and when it is over. Pure.
//!
//! The services are asked one after another, page by page. The walk is over when a whole round found nothing: what a call that
//! was under way wrote behind its back is found by the next round.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::account::v1::Erasure;
use natter_proto::erasure::v1::{EraseReply, Erased};

/// Who keeps something of users, in the order of the walk. Presence comes first: it refuses while a session is there. Accounts
/// come last: their rows are what tells the others apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeper {
    Presence,
    Dialogs,
    History,
    Storage,
    Alerts,
    Accounts,
}

const WALK: [Keeper; 6] = [Keeper::Presence, Keeper::Dialogs, Keeper::History, Keeper::Storage, Keeper::Alerts, Keeper::Accounts];

/// Most rounds. Each further one finds only what was written during the one before, by calls that began before the end.
const ROUNDS_MAX: u32 = 20;

/// An erasure: how far it is, and what went so far. Instants in unix milliseconds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ErasureRow {
    pub app: u64,
    /// 0: the whole app.
    pub user: u64,
    pub begun_at: i64,
    /// 0: it goes on.
    pub ended_at: i64,
    /// How many by kind.
    pub erased: BTreeMap<String, u64>,
    pub round: u32,
    /// Place of the keeper in the walk.
    pub step: u32,
    /// Where the keeper goes on.
    pub after: Vec<u8>,
    /// This round has found something.
    pub found: bool,
}

impl ErasureRow {
    /// One that begins.
    pub fn begun(app: u64, user: u64, now: i64) -> ErasureRow {
        ErasureRow { app, user, begun_at: now, ..ErasureRow::default() }
    }

    /// Whom to ask next; nobody when it has ended.
    pub fn keeper(&self) -> Option<Keeper> {
        WALK.get(self.step as usize).copied().filter(|_| self.ended_at == 0)
    }

    /// After the answer of the keeper.
    pub fn moved(mut self, reply: EraseReply, now: i64) -> ErasureRow {
        for Erased { kind, count } in reply.erased {
            if count > 0 {
                *self.erased.entry(kind).or_default() += count;
                self.found = true;
            }
        }
        self.after = reply.next;
        if !self.after.is_empty() {
            return self;
        }
        self.step += 1;
        if self.step as usize == WALK.len() {
            (self.step, self.round) = (0, self.round + 1);
            if !std::mem::take(&mut self.found) || self.round >= ROUNDS_MAX {
                self.ended_at = now.max(1);
            }
        }
        self
    }

    /// As it is reported.
    pub fn shown(&self) -> Erasure {
        let ErasureRow { app, user, begun_at, ended_at, .. } = *self;
        let erased = self.erased.iter().map(|(kind, count)| Erased { kind: kind.clone(), count: *count }).collect();
        Erasure { app, user, begun_at, ended_at, erased }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_ends_after_a_round_that_found_nothing() {
        let mut row = ErasureRow::begun(1, 2, 10);
        let mut asked = Vec::new();
        while let Some(keeper) = row.keeper() {
            asked.push(keeper);
            // Dialogs have two pages in the first round, and one late find in the second.
            let reply = match (keeper, asked.len()) {
                (Keeper::Dialogs, 2) => reply(7, b"x"),
                (Keeper::Dialogs, 3) => reply(1, b""),
                (Keeper::Storage, 11) => reply(2, b""),
                _ => reply(0, b""),
            };
            row = row.moved(reply, 99);
        }
        assert_eq!(asked.len(), 7 + 6 + 6, "{asked:?}");
        assert_eq!(asked[..4], [Keeper::Presence, Keeper::Dialogs, Keeper::Dialogs, Keeper::History]);
        assert_eq!((row.begun_at, row.ended_at, row.round), (10, 99, 3));
        assert_eq!(row.shown().erased, [Erased { kind: "things".into(), count: 10 }]);
    }

    #[test]
    fn a_walk_that_always_finds_something_ends_all_the_same() {
        let mut row = ErasureRow::begun(1, 2, 10);
        let mut asked = 0;
        while row.keeper().is_some() {
            row = row.moved(reply(1, b""), 99);
            asked += 1;
        }
        assert_eq!(asked, WALK.len() as u32 * ROUNDS_MAX);
    }

    fn reply(count: u64, next: &[u8]) -> EraseReply {
        EraseReply { erased: vec![Erased { kind: "things".into(), count }], next: next.to_vec() }
    }
}
