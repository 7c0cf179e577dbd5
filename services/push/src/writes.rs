//! Many plain writes to ScyllaDB: those of one partition in batches that every server takes, several partitions at once. Each is durable
//! when all are answered; what fails leaves some of them.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use natter_db::Error;
use natter_db::cql::{Cql, Write};
use sha2::{Digest, Sha256};

/// Bytes of one batch, about. Above 5 KiB a Cassandra as it comes warns of it, above 50 KiB it refuses.
const BATCH_BYTES: usize = 4 * 1_024;
/// Beside what is written itself: keys, and what frames them.
const ROW_BYTES: usize = 128;
/// Partitions that are written at once.
const AT_ONCE: usize = 32;

/// Writes that are gathered by their partitions.
#[derive(Default)]
pub struct Writes {
    /// The last batch of each partition is filled up.
    parts: BTreeMap<Vec<u8>, Vec<Group>>,
}

#[derive(Default)]
struct Group {
    bytes: usize,
    writes: Vec<Write>,
}

impl Writes {
    /// One more. `part` names its table and partition, `bytes` is the size of its values.
    pub fn push(&mut self, part: Vec<u8>, bytes: usize, write: Write) {
        let groups = self.parts.entry(part).or_default();
        if groups.last().is_none_or(|last| last.bytes + bytes > BATCH_BYTES) {
            groups.push(Group::default());
        }
        if let Some(last) = groups.last_mut() {
            last.bytes += bytes + ROW_BYTES;
            last.writes.push(write);
        }
    }

    /// Writes them all.
    pub async fn done(self, cql: &Cql) -> Result<(), Error> {
        let groups = stream::iter(self.parts.into_values().flatten());
        let written = groups.map(|group| cql.write_all(group.writes)).buffer_unordered(AT_ONCE);
        written.try_collect().await
    }
}

/// The number of a row whose key says less than the row: what is written twice is one row, whoever writes it.
pub fn number_of(row: &[u8]) -> i64 {
    let hash = Sha256::digest(row);
    hash.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// How long a row lives, in the seconds that servers take: at least one, as none means for ever, and at most twenty years.
pub fn seconds_of(ms: i64) -> i32 {
    const TWENTY_YEARS: i64 = 20 * 365 * 24 * 60 * 60;
    (ms / 1_000).clamp(1, TWENTY_YEARS) as i32
}
