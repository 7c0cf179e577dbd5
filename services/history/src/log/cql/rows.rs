//! Rows in their table. A batch is one mutation of one partition, with a fixed timestamp: written again it is the same write. What
//! counts of the rows, the caller knows from the segments.

use natter_db::cql::{Cql, Part, Statement, Write};
use natter_proto::event::v1::Message;
use prost::Message as _;

use super::tables::{COLUMNS_BYTES, columns};
use crate::error::Error;
use crate::log::DialogKey;
use crate::log::segment::{Place, Stored};

const PUT: Statement = Statement::write(
    "INSERT INTO message_rows (app, dialog, segment, position, first, row, quiet) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP 1",
);
/// Of a row that nothing is left of but its edit.
const PUT_BARE: Statement = Statement::write(
    "INSERT INTO message_rows (app, dialog, segment, position, first, quiet) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP 1",
);
const READ: Statement = Statement::read(
    "SELECT position, first, row, quiet, edit, stamp FROM message_rows \
     WHERE app = ? AND dialog = ? AND segment = ? AND position >= ? AND position < ?",
);
const TOP: Statement = Statement::read(
    "SELECT position, first, row, quiet, edit, stamp FROM message_rows \
     WHERE app = ? AND dialog = ? AND segment = ? ORDER BY position DESC LIMIT 1",
);
/// The condition on `first` is that there is a row.
const EDIT: Statement = Statement::change(
    "UPDATE message_rows SET edit = ?, stamp = ? WHERE app = ? AND dialog = ? AND segment = ? AND position = ? \
     IF first = ? AND stamp = ?",
);
/// Later than the row, also if that is written once more, and earlier than any edit.
const STRIP: Statement = Statement::write(
    "DELETE row FROM message_rows USING TIMESTAMP 2 WHERE app = ? AND dialog = ? AND segment = ? AND position = ?",
);
const ERASE: Statement = Statement::write("DELETE FROM message_rows WHERE app = ? AND dialog = ? AND segment = ?");

type Read = (i32, Option<i32>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);

/// The rows of all segments.
pub struct Rows {
    pub cql: Cql,
}

impl Rows {
    /// What writes rows of one batch as they are, which are some.
    pub fn part(key: DialogKey, segment: u64, rows: &[Stored]) -> Part {
        let (app, dialog) = columns(key);
        let write = |stored: &Stored| -> Write {
            let (segment, position, first) = (segment as i64, stored.position as i32, stored.first as i32);
            let quiet = stored.quiet.clone();
            match stored.row.clone() {
                Some(row) => (PUT, Box::new((app, dialog.clone(), segment, position, first, row, quiet))),
                None => (PUT_BARE, Box::new((app, dialog.clone(), segment, position, first, quiet))),
            }
        };
        let bytes = rows.iter().map(|stored| stored.row.as_ref().map_or(0, Vec::len) + stored.quiet.len() + COLUMNS_BYTES).sum();
        Part { writes: rows.iter().map(write).collect(), bytes }
    }

    /// The rows at these positions, ascending, whether they count or not.
    pub async fn read(&self, key: DialogKey, segment: u64, from: u32, upto: u32) -> Result<Vec<Stored>, Error> {
        if from >= upto {
            return Ok(Vec::new());
        }
        let (app, dialog) = columns(key);
        let read = self.cql.rows::<Read>(READ, (app, dialog, segment as i64, from as i32, upto as i32)).await?;
        read.into_iter().map(stored).collect()
    }

    /// The row at the highest position, whether it counts or not.
    pub async fn top(&self, key: DialogKey, segment: u64) -> Result<Option<Stored>, Error> {
        let (app, dialog) = columns(key);
        let read = self.cql.row::<Read>(TOP, (app, dialog, segment as i64)).await?;
        read.map(stored).transpose()
    }

    /// Puts an edit beside a row, if its newest change is the one that was read. `false`: it is not.
    pub async fn edit(&self, key: DialogKey, segment: u64, read: &Stored, edited: &Message, stamp: i64) -> Result<bool, Error> {
        let (_, values) = edit(key, segment, read, edited, stamp);
        Ok(self.cql.change(EDIT, values).await?)
    }

    /// As [`edit`](Rows::edit) for rows of one segment: all of them or none.
    pub async fn edit_all(&self, key: DialogKey, segment: u64, edits: &[(&Stored, Message)], stamp: i64) -> Result<bool, Error> {
        let write = |(read, edited): &(&Stored, Message)| -> Write {
            let (change, values) = edit(key, segment, read, edited, stamp);
            (change, Box::new(values))
        };
        Ok(self.cql.change_all(edits.iter().map(write).collect()).await?)
    }

    /// What was appended there goes from the disk. Its edit, which says what is left, is at a quorum.
    pub async fn strip(&self, key: DialogKey, segment: u64, positions: &[u32]) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        let strip = |position: &u32| -> Write { (STRIP, Box::new((app, dialog.clone(), segment as i64, *position as i32))) };
        Ok(self.cql.write_all(positions.iter().map(strip).collect()).await?)
    }

    /// Of a dialog that nobody gets into any more.
    pub async fn erase(&self, key: DialogKey, segment: u64) -> Result<(), Error> {
        let (app, dialog) = columns(key);
        Ok(self.cql.write(ERASE, (app, dialog, segment as i64)).await?)
    }
}

type EditValues = (Vec<u8>, i64, i64, Vec<u8>, i64, i32, i32, Option<i64>);

fn edit(key: DialogKey, segment: u64, read: &Stored, edited: &Message, stamp: i64) -> (Statement, EditValues) {
    let (app, dialog) = columns(key);
    let (position, first) = (read.position as i32, read.first as i32);
    (EDIT, (edited.encode_to_vec(), stamp, app, dialog, segment as i64, position, first, read.stamp))
}

fn stored((position, first, row, quiet, edit, stamp): Read) -> Result<Stored, Error> {
    let first = first.filter(|_| row.is_some() || edit.is_some()).ok_or(Error::Corrupt("a message without its batch"))?;
    Ok(Stored { position: position as u32, first: first as u32, row, quiet: quiet.unwrap_or_default(), edit, stamp })
}

/// The message of a row, as it is since its newest change.
pub fn message(stored: &Stored) -> Result<Message, Error> {
    let bytes = stored.edit.as_ref().or(stored.row.as_ref()).ok_or(Error::Corrupt("a message"))?;
    Message::decode(&bytes[..]).map_err(|_| Error::Corrupt("a message"))
}

/// A batch as it will lie in a segment from `first` on.
pub fn batch(first: u32, rows: &[Message], quiet: &[(u64, u64)]) -> Vec<Stored> {
    let stored = |(row, position): (&Message, u32)| {
        let hidden = quiet.iter().filter(|(_, seq)| *seq == row.seq).flat_map(|(user, _)| user.to_be_bytes());
        Stored { position, first, row: Some(row.encode_to_vec()), quiet: hidden.collect(), ..Stored::default() }
    };
    rows.iter().zip(first..).map(stored).collect()
}

/// The users from whom a row is hidden from the start.
pub fn quiet(stored: &Stored) -> impl Iterator<Item = u64> + '_ {
    stored.quiet.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
}

/// Where a row lies.
pub fn place(segment: u64, stored: &Stored) -> Place {
    Place { segment, position: stored.position }
}
