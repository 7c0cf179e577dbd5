//! The index of ids and aliases in its table: where a message with an id may lie. An entry counts only if the row there is that message,
//! and not void; the caller looks.

use futures::{StreamExt, TryStreamExt, stream};
use natter_db::cql::{Cql, Part, Statement};
use natter_proto::MessageId;
use natter_proto::event::v1::Message;
use natter_proto::history::v1::IdRow;
use prost::Message as _;

use super::tables::{COLUMNS_BYTES, columns};
use crate::error::Error;
use crate::log::segment::Place;
use crate::log::{DialogKey, id_row};

const PUT: Statement = Statement::write(
    "INSERT INTO message_ids (app, dialog, id, is_alias, segment, position, row) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP 1",
);
const FIND: Statement =
    Statement::read("SELECT segment, position, row FROM message_ids WHERE app = ? AND dialog = ? AND id = ? LIMIT 256");
const ERASE: Statement = Statement::write("DELETE FROM message_ids WHERE app = ? AND dialog = ? AND id = ?");

/// Deletions at once.
const AT_ONCE: usize = 32;

/// The index of all dialogs.
pub struct Ids {
    pub cql: Cql,
}

impl Ids {
    /// What writes those of rows of one batch, each with its place.
    pub fn parts(key: DialogKey, rows: &[(Place, Message)]) -> impl Iterator<Item = Part> {
        let entries = rows.iter().flat_map(|(place, row)| {
            let ids = [(&row.id, 0), (&row.alias, 1)].into_iter().filter(|(id, _)| !id.is_empty());
            ids.map(move |(id, is_alias)| (*place, id.clone(), is_alias, id_row(row)))
        });
        entries.map(move |(place, id, is_alias, row): (Place, Vec<u8>, i32, IdRow)| {
            let ((app, dialog), row) = (columns(key), row.encode_to_vec());
            let bytes = id.len() + row.len() + COLUMNS_BYTES;
            let values = (app, dialog, id, is_alias, place.segment as i64, place.position as i32, row);
            Part { writes: vec![(PUT, Box::new(values))], bytes }
        })
    }

    /// Those of an id: as ids before aliases, then by place.
    pub async fn find(&self, key: DialogKey, id: MessageId) -> Result<Vec<(Place, IdRow)>, Error> {
        let (app, dialog) = columns(key);
        let read = self.cql.rows::<(i64, i32, Vec<u8>)>(FIND, (app, dialog, id.0.to_vec())).await?;
        let found = read.into_iter().map(|(segment, position, row)| {
            let row = IdRow::decode(&row[..]).map_err(|_| Error::Corrupt("an id"))?;
            Ok((Place { segment: segment as u64, position: position as u32 }, row))
        });
        found.collect()
    }

    /// Of rows of a dialog that nobody gets into any more.
    pub async fn erase(&self, key: DialogKey, rows: Vec<Message>) -> Result<(), Error> {
        let ids = rows.into_iter().flat_map(|row| [row.id, row.alias]).filter(|id| !id.is_empty());
        let erase = |id: Vec<u8>| async move {
            let (app, dialog) = columns(key);
            self.cql.write(ERASE, (app, dialog, id)).await.map_err(Error::from)
        };
        let ids: Vec<_> = ids.collect();
        stream::iter(ids).map(erase).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }
}
