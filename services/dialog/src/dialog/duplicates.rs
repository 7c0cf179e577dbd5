//! Which messages were here before: the ids of the newest rows, kept in memory. Older ids are asked from history.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeSet, VecDeque};

use natter_proto::event::v1::Message;
use natter_proto::history::v1::IdRow;
use natter_proto::ids::NotAnId;
use natter_proto::{MessageId, UserId};

use super::content::Hash;

/// What is remembered of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub id: MessageId,
    /// The id its client gave, where another message had it.
    pub alias: Option<MessageId>,
    pub sender: UserId,
    /// 0: not stored.
    pub seq: u64,
    pub hash: Hash,
    /// Unix seconds.
    pub date_sent: i64,
    /// This actor has told it. Of a row that was loaded nobody knows: its owner may have died before.
    pub told: bool,
}

impl Known {
    /// Whether a message with this id may mean this one.
    pub fn answers_to(&self, id: MessageId) -> bool {
        self.id == id || self.alias == Some(id)
    }

    /// Whether it is what `sender` sends again.
    pub fn is_same(&self, sender: UserId, hash: &Hash) -> bool {
        self.sender == sender && self.hash == *hash
    }

    /// The id by which its author knows it.
    pub fn id_of_author(&self) -> MessageId {
        self.alias.unwrap_or(self.id)
    }

    /// A row as history returns it.
    pub fn of_row(row: &Message) -> Result<Known, NotAnId> {
        Ok(Known {
            id: row.id.as_slice().try_into()?,
            alias: alias(&row.alias)?,
            sender: UserId(row.sender),
            seq: row.seq,
            hash: row.content_hash.as_slice().try_into().map_err(|_| NotAnId)?,
            date_sent: row.date_sent,
            told: true,
        })
    }
}

impl TryFrom<IdRow> for Known {
    type Error = NotAnId;
    fn try_from(row: IdRow) -> Result<Known, NotAnId> {
        Ok(Known {
            id: row.id.as_slice().try_into()?,
            alias: alias(&row.alias)?,
            sender: UserId(row.sender),
            seq: row.seq,
            hash: row.content_hash.as_slice().try_into().map_err(|_| NotAnId)?,
            date_sent: row.date_sent,
            told: false,
        })
    }
}

fn alias(bytes: &[u8]) -> Result<Option<MessageId>, NotAnId> {
    match bytes {
        [] => Ok(None),
        bytes => bytes.try_into().map(Some),
    }
}

/// The newest messages, found by their id or alias. Holds at most as many as it was made for: the oldest goes first.
#[derive(Clone, PartialEq, Debug)]
pub struct Tail {
    max: usize,
    known: VecDeque<Known>,
    /// Ordinal of the first of `known`, counted from the first that was ever pushed.
    first: u64,
    /// Id or alias with the ordinals of the messages that have it.
    by_id: BTreeSet<(MessageId, u64)>,
}

impl Tail {
    pub fn new(max: usize) -> Tail {
        Tail { max, known: VecDeque::new(), first: 0, by_id: BTreeSet::new() }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn push(&mut self, known: Known) {
        let ordinal = self.first + self.known.len() as u64;
        self.by_id.insert((known.id, ordinal));
        self.by_id.extend(known.alias.map(|alias| (alias, ordinal)));
        self.known.push_back(known);
        if self.known.len() > self.max {
            self.forget_oldest();
        }
    }

    /// Messages with this id or alias, oldest first.
    pub fn find(&self, id: MessageId) -> impl Iterator<Item = &Known> {
        let ordinals = self.by_id.range((id, 0)..=(id, u64::MAX)).map(|(_, ordinal)| *ordinal);
        ordinals.map(|ordinal| &self.known[(ordinal - self.first) as usize])
    }

    /// Notes that the row was told.
    pub fn told(&mut self, seq: u64) {
        if let Ok(place) = self.known.binary_search_by_key(&seq, |known| known.seq) {
            self.known[place].told = true;
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.known.pop_front() else { return };
        self.by_id.remove(&(oldest.id, self.first));
        if let Some(alias) = oldest.alias {
            self.by_id.remove(&(alias, self.first));
        }
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tail_finds_what_a_plain_search_of_the_newest_finds(
            ids in proptest::collection::vec((0u8..12, proptest::option::of(0u8..12)), 0..60),
            max in 1usize..20,
        ) {
            let all: Vec<Known> = (1..).zip(ids).map(|(seq, (id, alias))| known(seq, id, alias)).collect();
            let mut tail = Tail::new(max);
            all.iter().cloned().for_each(|known| tail.push(known));
            let newest = &all[all.len().saturating_sub(max)..];
            prop_assert_eq!(tail.len(), newest.len());
            for id in 0..12 {
                let expected: Vec<&Known> = newest.iter().filter(|known| known.answers_to(message_id(id))).collect();
                prop_assert_eq!(tail.find(message_id(id)).collect::<Vec<_>>(), expected);
            }
            prop_assert!(tail.by_id.len() <= 2 * max);
        }
    }

    #[test]
    fn a_row_is_told_once_it_was_noted() {
        let mut tail = Tail::new(2);
        (1..=3).for_each(|seq| tail.push(known(seq, seq as u8, None)));
        tail.told(3);
        tail.told(1);
        assert!(tail.find(message_id(3)).all(|known| known.told));
        assert!(tail.find(message_id(2)).all(|known| !known.told));
    }

    fn known(seq: u64, id: u8, alias: Option<u8>) -> Known {
        let (id, alias) = (message_id(id), alias.map(message_id));
        Known { id, alias, sender: UserId(1), seq, hash: [0; 32], date_sent: 0, told: false }
    }

    fn message_id(n: u8) -> MessageId {
        MessageId([n; 12])
    }
}
