//! The port of the message log: what an engine has to keep, and what it promises. What can be derived from rows, heads and
//! members' states (pages, counts, gaps) is not asked of an engine: see `queries`.

use std::collections::BTreeMap;

use natter_proto::event::v1::{Change, Message};
use natter_proto::history::v1::IdRow;
use natter_proto::{AppId, DialogId, MessageId};
use natter_rpc::async_trait;

use crate::edit::Edit;
use crate::error::Error;
use crate::head::Head;
use crate::member::{Member, Move};
use crate::ranges::Ranges;

#[cfg(test)]
mod contract;
pub(crate) mod cql;
pub(crate) mod embedded;
pub(crate) mod segment;
mod takeover;

/// A dialog of an app: what every row of the log is kept under.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DialogKey {
    pub app: AppId,
    pub dialog: DialogId,
}

/// Rows to be made durable together.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Append {
    /// Place of the first row: that of the newest one, and one.
    pub first_seq: u64,
    /// At least one.
    pub rows: Vec<Message>,
    /// Members from whom one of these rows is hidden from the start, each with the row's place: they block its sender.
    pub quiet: Vec<(u64, u64)>,
    /// They were said elsewhere, and are brought here: nobody is alerted of them.
    pub old: bool,
}

impl Append {
    /// Whether its parts fit together; where it has to stand, only the head knows.
    pub fn check(&self) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Err(Error::Invalid("rows", "are missing"));
        }
        for (row, seq) in self.rows.iter().zip(self.first_seq..) {
            if row.seq != seq {
                return Err(Error::Invalid("rows", "are not dense"));
            }
            if MessageId::try_from(&row.id[..]).is_err() || !(row.alias.is_empty() || row.alias.len() == row.id.len()) {
                return Err(Error::Invalid("rows", "have an id that is none"));
            }
        }
        let places = self.first_seq..self.first_seq + self.rows.len() as u64;
        if self.quiet.iter().any(|(_, seq)| !places.contains(seq)) {
            return Err(Error::Invalid("quiet", "names a row that is not appended"));
        }
        Ok(())
    }
}

/// What became of an edit or a removal.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// Of this change, or of the one that did the same before; 0: too many changes came after it.
    pub stamp: u64,
    /// The row as it is afterwards.
    pub row: Message,
}

/// What became of a member's move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    pub changed: bool,
    /// Place of the newest row that was durable then.
    pub head: u64,
}

/// What the index of ids keeps of a row.
pub fn id_row(row: &Message) -> IdRow {
    IdRow {
        id: row.id.clone(),
        sender: row.sender,
        seq: row.seq,
        content_hash: row.content_hash.clone(),
        alias: row.alias.clone(),
        date_sent: row.date_sent,
    }
}

/// What rows mean for the states of members: their senders' own, and those who do not see them.
fn moves_of(append: &Append) -> BTreeMap<u64, Vec<Move>> {
    let mut wrote: BTreeMap<u64, Ranges> = BTreeMap::new();
    let mut quiet: BTreeMap<u64, Ranges> = BTreeMap::new();
    for row in &append.rows {
        wrote.entry(row.sender).or_default().insert(row.seq, row.seq);
    }
    for (user, seq) in &append.quiet {
        quiet.entry(*user).or_default().insert(*seq, *seq);
    }
    let mut moves: BTreeMap<u64, Vec<Move>> = BTreeMap::new();
    wrote.into_iter().for_each(|(user, rows)| moves.entry(user).or_default().push(Move::Wrote(rows)));
    quiet.into_iter().for_each(|(user, rows)| moves.entry(user).or_default().push(Move::Hid(rows)));
    moves
}

/// The log of all dialogs. Every write is answered when it is durable, and not before.
///
/// - Whoever is dropped while a write runs does not stop it.
/// - A write that failed with [`natter_db::Error::NotStored`] changed nothing; after
///   [`natter_db::Error::Unknown`] what is read next is what is so.
/// - Reads show what is stored, whatever is in flight.
#[async_trait]
pub trait MessageLog: Send + Sync + 'static {
    /// Appends rows, the index of their ids, and what follows for their senders (own rows are settled) and for those who
    /// block them: all of it or nothing. Answers the place of the newest row.
    ///
    /// Fails with [`Error::Conflict`] if `first_seq` is not the next place, with [`Error::Invalid`] if the rows are not
    /// dense, or go back in time.
    async fn append(&self, key: DialogKey, append: Append) -> Result<u64, Error>;

    /// The head, when everything is decided that was in flight: what a new owner may build upon.
    async fn load(&self, key: DialogKey) -> Result<Head, Error>;

    /// Heads in the order asked; of a dialog without rows, an empty one.
    async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error>;

    /// The rows at these places, ascending, removed ones included. A place without a row is passed over.
    async fn rows(&self, key: DialogKey, places: &Ranges) -> Result<Vec<Message>, Error>;

    /// Rows of many dialogs, in the order asked.
    async fn pick(&self, app: AppId, places: &[(DialogId, u64)]) -> Result<Vec<Option<Message>>, Error>;

    /// Where messages with these ids, or with these aliases, are in the given dialogs: for each id, in the order asked.
    async fn find(&self, app: AppId, ids: &[MessageId], dialogs: &[DialogId]) -> Result<Vec<Vec<(DialogId, IdRow)>>, Error>;

    /// Changes a row for everybody; `now` in unix milliseconds. The same edit again changes nothing.
    ///
    /// Fails with [`Error::NoRow`] if there is no such row, or if one that was removed is to be replaced.
    async fn change(&self, key: DialogKey, seq: u64, edit: Edit, user: u64, now: i64) -> Result<Changed, Error>;

    /// Removes every row for all, and answers the place of the newest. They are out of sight at once; what they said goes from the
    /// disk afterwards, also if the process ends meanwhile and the dialog is loaded again.
    async fn clear(&self, key: DialogKey) -> Result<u64, Error>;

    /// Changes above a stamp, ascending, at most `max`. Those that are kept: old ones go.
    async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Change>, Error>;

    /// The newest changes, newest first, at most `max`.
    async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Change>, Error>;

    /// Moves a member. Places above the newest durable row are cut off. What a member received may be lost with the
    /// machine, everything else is durable when answered.
    async fn move_member(&self, key: DialogKey, user: u64, to: Move) -> Result<Moved, Error>;

    /// Users join, or join again, at the newest durable row: what was there before is not unread to them. Durable in parts;
    /// who joined in which part does not matter, and after a failure the same call completes it.
    async fn join(&self, key: DialogKey, users: &[u64]) -> Result<(), Error>;

    /// States of members, in the order asked.
    async fn members(&self, app: AppId, of: &[(DialogId, u64)]) -> Result<Vec<Member>, Error>;

    /// Everybody of a dialog of whom something is kept, ascending by user.
    async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error>;

    /// Removes rows, ids, heads, states and changes of an app that nobody gets into any more, at most `max` of each. How many
    /// messages, and how many of the kind of which there were most; fewer than `max`: nothing is left.
    async fn erase(&self, app: AppId, max: usize) -> Result<(usize, usize), Error>;
}
