//! How much of the protocol a search visits.

use crate::clause::Clause;
use crate::world::{ACTORS, MESSAGES, POSITIONS, SEGMENTS};

/// The bounds of a search. Within them everything happens that can happen.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub name: &'static str,
    /// Processes that own, take over, pause and come back.
    pub actors: usize,
    /// Messages that clients send, each as often as they like.
    pub messages: u8,
    /// Segments in the chain; what would need another one stops there.
    pub segments: usize,
    /// Rows in a full segment.
    pub positions: usize,
    /// Rows in a batch.
    pub batch: u8,
    /// Ends of processes, each of which starts again as another boot.
    pub crashes: u8,
    /// Id rows; without them an owner knows the messages of earlier segments by reading the log.
    pub ids: bool,
    /// Acknowledged rows are edited.
    pub edits: bool,
    /// A reader that owns nothing.
    pub reader: bool,
    /// Reads by others that repair single rows of a batch.
    pub strays: bool,
    /// Reads of a batch go row by row, each from another quorum.
    pub paged: bool,
    /// Writers seal their segment also when it is not full.
    pub handover: bool,
    /// From every world, each process alone must get a message accepted.
    pub alone: bool,
    /// Without the reductions that leave out what makes no difference; only names are forgotten.
    pub exact: bool,
    /// A clause that is left out.
    pub dropped: Option<Clause>,
    /// The search is cut off when it has seen so many worlds.
    pub worlds_max: usize,
}

const SMALL: Scope = Scope {
    name: "one",
    actors: 2,
    messages: 2,
    segments: 2,
    positions: 2,
    batch: 1,
    crashes: 0,
    ids: false,
    edits: false,
    reader: false,
    strays: false,
    paged: false,
    handover: false,
    alone: false,
    exact: false,
    dropped: None,
    worlds_max: 40_000_000,
};

/// Scopes that the suite searches to their end, within seconds.
pub const SMALL_SCOPES: [Scope; 10] = [
    SMALL,
    Scope { name: "two", batch: 2, ..SMALL },
    Scope { name: "crash", crashes: 1, ..SMALL },
    Scope { name: "alone", crashes: 1, alone: true, ..SMALL },
    Scope { name: "handover", handover: true, ..SMALL },
    Scope { name: "paged", paged: true, batch: 2, ..SMALL },
    Scope { name: "ids", ids: true, ..SMALL },
    Scope { name: "edits", edits: true, messages: 1, ..SMALL },
    Scope { name: "reader", reader: true, ..SMALL },
    Scope { name: "strays", reader: true, strays: true, batch: 2, ..SMALL },
];

/// Scopes that are searched by command, the largest ones last.
pub const LARGE_SCOPES: [Scope; 16] = [
    Scope { name: "boots", crashes: 2, ..SMALL },
    Scope { name: "boots-alone", crashes: 2, handover: true, alone: true, ..SMALL },
    Scope { name: "ids-boots", ids: true, crashes: 2, ..SMALL },
    Scope { name: "ids-chain", ids: true, segments: 3, messages: 1, crashes: 1, handover: true, ..SMALL },
    Scope { name: "ids-batch", ids: true, batch: 2, paged: true, strays: true, ..SMALL },
    Scope { name: "ids-alone", ids: true, crashes: 1, alone: true, ..SMALL },
    Scope { name: "three", actors: 3, messages: 1, crashes: 1, ..SMALL },
    Scope { name: "three-ids", actors: 3, messages: 1, ids: true, ..SMALL },
    Scope { name: "wide", positions: 3, messages: 3, batch: 2, paged: true, strays: true, ..SMALL },
    Scope { name: "reader-boots", reader: true, paged: true, messages: 1, crashes: 1, ..SMALL },
    Scope { name: "edits-boots", edits: true, messages: 1, crashes: 2, handover: true, ..SMALL },
    Scope { name: "three-boots", actors: 3, crashes: 2, handover: true, ..SMALL },
    Scope { name: "three-all", actors: 3, crashes: 1, ids: true, batch: 2, handover: true, ..SMALL },
    Scope { name: "reader-all", reader: true, paged: true, strays: true, batch: 2, crashes: 1, ..SMALL },
    Scope { name: "chain", segments: 3, batch: 2, crashes: 2, handover: true, ..SMALL },
    Scope { name: "chain-ids", segments: 3, batch: 2, crashes: 2, handover: true, paged: true, ids: true, ..SMALL },
];

/// The scope of that name.
pub fn named(name: &str) -> Option<Scope> {
    SMALL_SCOPES.into_iter().chain(LARGE_SCOPES).find(|scope| scope.name == name)
}

impl Scope {
    /// Whether a world has room for it, the one message more included that must always be possible.
    pub fn fits(&self) -> bool {
        let messages = (self.messages as usize) < MESSAGES;
        self.actors <= ACTORS && messages && self.segments < SEGMENTS && self.positions <= POSITIONS
    }
}
