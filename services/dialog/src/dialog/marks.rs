//! Delivered and read statuses: which rows a mark is about, and whom it is told.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{MarkKind, SessionRef};
use natter_proto::history::v1::Range;
use natter_proto::{MessageId, UserId};

use super::duplicates::Known;
use super::rights::Action;
use super::{Dialog, Forbidden};

/// What a member has received or read.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    pub user: UserId,
    /// Whose messages; `None`: whoever wrote them.
    pub author: Option<UserId>,
    pub kind: MarkKind,
    pub rows: Marked,
    /// Tell the authors.
    pub relay: bool,
    pub origin: Option<SessionRef>,
    /// Id of the marker itself.
    pub stanza_id: String,
    /// The message's id as the marker named it, where that is none of ours in form.
    pub named: String,
}

/// The rows a mark names.
#[derive(Clone, PartialEq, Debug)]
pub enum Marked {
    Ids(Vec<MessageId>),
    Ranges(Vec<Range>),
    /// Everything up to the head.
    All,
}

impl Mark {
    /// The ids it names.
    pub fn ids(&self) -> &[MessageId] {
        match &self.rows {
            Marked::Ids(ids) => ids,
            Marked::Ranges(_) | Marked::All => &[],
        }
    }
}

/// What becomes of a mark.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Settled {
    /// Rows to mark in the log: ascending, apart.
    pub ranges: Vec<Range>,
    /// Everything up to the head, instead of the ranges.
    pub all: bool,
    /// Messages found; with ranges or `all`: rows covered.
    pub found: u32,
    /// Markers to tell: id as the author knows it, author.
    pub told: Vec<(MessageId, UserId)>,
}

impl Dialog {
    /// Decides a mark. Messages that are unknown, the member's own or hidden from him are ignored (contract xmpp 3.4).
    /// `older` are rows that the tail has forgotten. With more than `markers_max` members authors are not told (design.md 8).
    pub fn settle(&self, mark: &Mark, older: &[Known], markers_max: usize) -> Result<Settled, Forbidden> {
        let member = self.may(mark.user, Action::Read)?;
        let whole = Range { from: member.cleared_upto + 1, upto: self.head() };
        let settled = match &mark.rows {
            Marked::All => Settled { all: whole.upto >= whole.from, found: rows_in(&[whole]), ..Settled::default() },
            Marked::Ranges(ranges) => {
                let ranges = merge(ranges.iter().filter_map(|range| cut(*range, whole)));
                Settled { found: rows_in(&ranges), ranges, ..Settled::default() }
            }
            Marked::Ids(ids) => self.settle_ids(mark, ids, older, markers_max),
        };
        // Nobody keeps book of who has read what in public (contract rest 4.2): what is there is found, and no more.
        Ok(if self.facts.kind.is_public() { Settled { found: settled.found, ..Settled::default() } } else { settled })
    }

    fn settle_ids(&self, mark: &Mark, ids: &[MessageId], older: &[Known], markers_max: usize) -> Settled {
        let found: Vec<&Known> = ids.iter().filter_map(|id| self.marked(mark, *id, older)).collect();
        let rows = found.iter().filter(|known| known.seq > 0);
        let told = found
            .iter()
            .filter(|_| mark.relay && self.members.len() <= markers_max)
            .map(|known| (known.id_of_author(), known.sender));
        Settled {
            ranges: merge(rows.map(|known| Range { from: known.seq, upto: known.seq })),
            all: false,
            found: found.len() as u32,
            told: told.collect(),
        }
    }

    /// The message that the user means by this id: one that has it before one whose client gave it.
    fn marked<'a>(&'a self, mark: &Mark, id: MessageId, older: &'a [Known]) -> Option<&'a Known> {
        let member = self.may(mark.user, Action::Read).ok()?;
        let candidates = self.known(id).chain(older).chain(self.unsaved.find(id));
        let visible = candidates
            .filter(|known| known.answers_to(id) && known.sender != mark.user)
            .filter(|known| known.seq == 0 || member.sees(known.seq))
            .filter(|known| mark.author.is_none_or(|author| author == known.sender));
        visible.min_by_key(|known| known.id != id)
    }

    /// Whether it covers rows above the head.
    pub fn is_behind(&self, mark: &Mark) -> bool {
        matches!(&mark.rows, Marked::Ranges(ranges) if ranges.iter().any(|range| range.upto > self.head()))
    }

    /// Ids of this mark that may stand in rows which are not in the tail: forgotten, or, unless nobody else writes, written by another process. Nothing
    /// comes of a status in public: none is looked for.
    pub fn forgotten_of(&self, mark: &Mark, writes_alone: bool) -> Vec<MessageId> {
        let is_idle = self.facts.kind.is_public() && mark.relay;
        let knows_all = writes_alone && self.remembers_all();
        if knows_all || is_idle || self.may(mark.user, Action::Read).is_err() {
            return Vec::new();
        }
        // An alias in the tail is no answer: an older row may have the id as its own.
        let unknown = |id: &&MessageId| self.marked(mark, **id, &[]).is_none_or(|known| known.id != **id);
        mark.ids().iter().filter(unknown).copied().collect()
    }
}

/// Ranges in ascending order, none touching another.
pub fn merge(ranges: impl Iterator<Item = Range>) -> Vec<Range> {
    let mut sorted: Vec<Range> = ranges.collect();
    sorted.sort_by_key(|range| (range.from, range.upto));
    let mut merged: Vec<Range> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.from <= last.upto.saturating_add(1) => last.upto = last.upto.max(range.upto),
            _ => merged.push(range),
        }
    }
    merged
}

fn cut(range: Range, whole: Range) -> Option<Range> {
    let cut = Range { from: range.from.max(whole.from), upto: range.upto.min(whole.upto) };
    (cut.from <= cut.upto).then_some(cut)
}

fn rows_in(ranges: &[Range]) -> u32 {
    let rows: u64 = ranges.iter().map(|range| (range.upto + 1).saturating_sub(range.from)).sum();
    rows.min(u64::from(u32::MAX)) as u32
}
