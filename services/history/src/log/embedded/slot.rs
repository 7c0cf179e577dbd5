//! How a member's state lies in the store: one small row that is written again and again, and older ranges in rows that are
//! written once. So a post costs the same however scattered its sender's state is. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_db::Batch;
use natter_proto::history::v1::MemberState;
use prost::Message as _;

use super::keys::{self, MEMBER_STATE};
use crate::log::DialogKey;
use crate::member::{Member, Move};

/// Most ranges of the first row: about a kilobyte.
const ROW_RANGES_MAX: usize = 128;

/// A member's state and how it is laid out.
///
/// Invariant: `whole` is the union of `fresh` and the spilled rows. That is enough, because the sets only grow.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    pub whole: Member,
    /// What the first row holds; `None`: everything.
    fresh: Option<Member>,
    spilled: u32,
}

impl Slot {
    /// Of the first row and the spilled ones, as they were read.
    pub fn of(first: MemberState, spills: impl IntoIterator<Item = MemberState>) -> Slot {
        let spilled = first.spilled;
        let mut whole = Member::from(first);
        let fresh = (spilled > 0).then(|| whole.clone());
        spills.into_iter().for_each(|spill| whole.absorb(&spill.into()));
        Slot { whole, fresh, spilled }
    }

    /// Nothing is kept of the member.
    pub fn is_empty(&self) -> bool {
        self.spilled == 0 && self.whole == Member::new(self.whole.user)
    }

    /// Applies a move. Answers whether it changed anything, and so has to be put.
    pub fn apply(&mut self, to: &Move) -> bool {
        let changed = self.whole.apply(to);
        if let Some(fresh) = &mut self.fresh {
            fresh.apply(to);
            fresh.raise(self.whole.base);
        }
        changed
    }

    /// Puts the state into a batch: the first row, and what became of the spilled ones.
    pub fn put(&mut self, key: DialogKey, batch: &mut Batch) {
        let user = self.whole.user;
        if self.spilled > 0 && self.whole.range_count() <= ROW_RANGES_MAX {
            (0..self.spilled).for_each(|spill| batch.delete(MEMBER_STATE, keys::spill(key, user, spill)));
            (self.fresh, self.spilled) = (None, 0);
        }
        let first = self.fresh.as_ref().unwrap_or(&self.whole);
        if first.range_count() > ROW_RANGES_MAX {
            let spill = MemberState::from(first.clone());
            batch.put(MEMBER_STATE, keys::spill(key, user, self.spilled), spill.encode_to_vec());
            self.spilled += 1;
            let Member { base, joined, .. } = self.whole;
            self.fresh = Some(Member { base, joined, ..Member::new(user) });
        }
        let first = self.fresh.as_ref().unwrap_or(&self.whole);
        let row = MemberState { spilled: self.spilled, ..first.clone().into() };
        batch.put(MEMBER_STATE, keys::numbered(key, user), row.encode_to_vec());
    }
}
