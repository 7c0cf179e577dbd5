//! All rows of a store as they were at one moment, read page by page while others write. It holds no lock and no open file: a store that
//! fails meanwhile is opened again without it, and it ends. Not a way to read rows of one key or range: that is [`Kv`](crate::Kv).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Weak;

use bytes::Bytes;

use crate::disk::{Store, blocking};
use crate::error::Error;

/// The rows at a moment. While it lives the store keeps what was overwritten or removed since.
pub(crate) enum Snapshot {
    Memory(BTreeMap<String, BTreeMap<Vec<u8>, Bytes>>),
    Disk { store: Weak<Store>, moment: fjall::Snapshot, tables: Vec<String> },
}

impl Snapshot {
    /// The names of all tables, ascending.
    pub fn tables(&self) -> Vec<String> {
        match self {
            Snapshot::Memory(rows) => rows.keys().cloned().collect(),
            Snapshot::Disk { tables, .. } => tables.clone(),
        }
    }

    /// The rows above a key, ascending, as many as reach so many bytes; none: the table has no more.
    pub async fn page(&self, table: &str, above: Option<Bytes>, bytes: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        match self {
            Snapshot::Memory(rows) => {
                let rows = rows.get(table).into_iter().flat_map(|rows| rows.range::<[u8], _>(bounds(above.as_deref())));
                fill(rows.map(|(key, value)| Ok((Bytes::copy_from_slice(key), value.clone()))), bytes)
            }
            Snapshot::Disk { store, moment, .. } => {
                let (store, moment, table) = (store.clone(), moment.clone(), table.to_owned());
                let reopened = || Error::NotStored("the store was opened again meanwhile".into());
                blocking(move || store.upgrade().ok_or_else(reopened)?.page(&moment, &table, above.as_deref(), bytes)).await
            }
        }
    }
}

/// The keys above one, or all.
pub(crate) fn bounds(above: Option<&[u8]>) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (above.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// Rows until they reach so many bytes.
pub(crate) fn fill(
    rows: impl Iterator<Item = Result<(Bytes, Bytes), Error>>,
    bytes: usize,
) -> Result<Vec<(Bytes, Bytes)>, Error> {
    let (mut page, mut held) = (Vec::new(), 0);
    for row in rows {
        let (key, value) = row?;
        held += key.len() + value.len();
        page.push((key, value));
        if held >= bytes {
            break;
        }
    }
    Ok(page)
}
