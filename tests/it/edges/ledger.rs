//! What was asked for and what was answered, each with its place in the one order of all events of a life.

use std::collections::BTreeMap;

use natter_proto::{DialogId, MessageId};
use natter_tests::membership::{Membership, Move, Tick, during};

/// All that was asked for in one life.
#[derive(Default)]
pub struct Ledger {
    pub posts: BTreeMap<MessageId, Posted>,
    pub moves: Vec<Move>,
    /// When an edit of a message to a body was sent, or its removal.
    pub changes: BTreeMap<(MessageId, Option<String>), Tick>,
}

/// A message that was sent.
pub struct Posted {
    pub dialog: DialogId,
    pub user: u64,
    pub device: usize,
    pub body: String,
    pub began: Tick,
    /// It was sent on more than one stream.
    pub repeated: bool,
    pub fate: Fate,
}

/// What a sender was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing, or that it may be there or not.
    Unknown,
    Acked(Tick),
    /// The first and only answer was a refusal: it must not be there.
    Refused,
}

impl Ledger {
    /// Whether the user was in the dialog from `from` to `upto`, both included, all the time or at no time. `at_start`: in the
    /// beginning.
    pub fn during(&self, dialog: DialogId, user: u64, at_start: bool, from: Tick, upto: Tick) -> Membership {
        during(&self.moves, dialog, user, at_start, from, upto)
    }
}
