//! A whole store as a stream of bytes, and the way back. The bytes are no engine's own: tables by name, rows by key and value, and at the
//! end how many, so a stream that was cut is known. Checksums are whoever's who keeps the bytes.
//!
//! The form: `natter rows 1\n`, then per table `T`, the length of its name (2 bytes, big endian) and the name, and of each of its rows `R`,
//! the lengths of key and value (4 bytes each), key and value; at the end `E` and the number of all rows (8 bytes).

use std::io::{self, Read};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::batch::{Batch, Table};
use crate::error::Error;
use crate::kv::Kv;
use crate::snapshot::Snapshot;

const HEAD: &[u8] = b"natter rows 1\n";
const TABLE: u8 = b'T';
const ROW: u8 = b'R';
const END: u8 = b'E';

/// Bytes of rows that are read, and written, at once, about.
const PIECE: usize = 1 << 20;
/// Tables of a copy: each name is kept until the process ends.
const TABLES_MAX: usize = 1_000;
const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// No row can be larger: it would not have fitted into the queue of commits.
const VALUE_BYTES_MAX: usize = 256 << 20;
/// How often a batch is tried that the store, busy with merging, refuses.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// A store as it was when this was made, piece by piece.
pub struct Copied {
    snapshot: Snapshot,
    /// That are still to come, the next one last.
    tables: Vec<String>,
    table: Option<String>,
    /// The last row that was given.
    above: Option<Bytes>,
    rows: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Begins,
    Runs,
    Ended,
}

impl Copied {
    pub(crate) fn new(snapshot: Snapshot) -> Copied {
        let mut tables = snapshot.tables();
        tables.reverse();
        Copied { snapshot, tables, table: None, above: None, rows: 0, state: State::Begins }
    }

    /// The next piece; none after the last.
    ///
    /// # Errors
    /// As a read of the store. Also if the store failed and was opened again since: what was given so far is worth nothing then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let mut piece = BytesMut::new();
        if self.state == State::Begins {
            self.state = State::Runs;
            piece.extend_from_slice(HEAD);
            // Alone, so that whoever asked knows the moment.
            return Ok(Some(piece.freeze()));
        }
        while self.state == State::Runs && piece.len() < PIECE {
            let Some(table) = &self.table else {
                self.begin_table(&mut piece);
                continue;
            };
            let page = self.snapshot.page(table, self.above.clone(), PIECE - piece.len()).await?;
            match page.last() {
                Some((last, _)) => self.above = Some(last.clone()),
                None => self.table = None,
            }
            self.rows += page.len() as u64;
            for (key, value) in page {
                piece.put_u8(ROW);
                // Keys have 65,535 bytes at most, values less than 4 GiB (`Batch::put`).
                piece.put_u32(key.len() as u32);
                piece.put_u32(value.len() as u32);
                piece.extend_from_slice(&key);
                piece.extend_from_slice(&value);
            }
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }

    fn begin_table(&mut self, piece: &mut BytesMut) {
        (self.table, self.above) = (self.tables.pop(), None);
        match &self.table {
            Some(name) => {
                piece.put_u8(TABLE);
                // Names have 255 characters at most (`Table`).
                piece.put_u16(name.len() as u16);
                piece.extend_from_slice(name.as_bytes());
            }
            None => {
                piece.put_u8(END);
                piece.put_u64(self.rows);
                self.state = State::Ended;
            }
        }
    }
}

/// Why a store was not filled.
#[derive(Debug, thiserror::Error)]
pub enum NotFilled {
    #[error("cannot read the rows: {0}")]
    Read(#[from] io::Error),
    #[error("is no whole copy of a store: {0}")]
    NoCopy(&'static str),
    #[error("the store does not take the rows: {0}")]
    Refused(#[from] Error),
}

/// Writes a copy into a store that is empty, and says how many rows it had. The bytes are read on the caller's thread.
///
/// # Errors
/// After one the store holds a part of the copy, and is to be thrown away.
pub async fn refill(kv: &Kv, from: &mut impl Read) -> Result<u64, NotFilled> {
    let mut head = [0; HEAD.len()];
    exactly(from, &mut head)?;
    if head != HEAD {
        return Err(NotFilled::NoCopy("it does not begin as one of this version"));
    }
    let (mut table, mut tables, mut rows) = (None, 0, 0);
    let (mut batch, mut held) = (Batch::new(), 0);
    loop {
        match number::<1>(from)? as u8 {
            TABLE => {
                tables += 1;
                if tables > TABLES_MAX {
                    return Err(NotFilled::NoCopy("it has too many tables"));
                }
                let length = number::<2>(from)?;
                let name = String::from_utf8(taken(from, length)?).map_err(|_| NotFilled::NoCopy("a name is no text"))?;
                if !(1..=255).contains(&name.chars().count()) {
                    return Err(NotFilled::NoCopy("a table has no name"));
                }
                // The names of tables are constants everywhere else; these are few and live as long.
                table = Some(Table(Box::leak(name.into_boxed_str())));
            }
            ROW => {
                let table = table.ok_or(NotFilled::NoCopy("a row is in no table"))?;
                let (key, value) = (number::<4>(from)?, number::<4>(from)?);
                if key > KEY_BYTES_MAX || value > VALUE_BYTES_MAX {
                    return Err(NotFilled::NoCopy("a row is too large"));
                }
                held += key + value;
                rows += 1;
                batch.put(table, taken(from, key)?, taken(from, value)?);
                if held >= PIECE {
                    commit(kv, &std::mem::take(&mut batch)).await?;
                    held = 0;
                }
            }
            END => {
                if number::<8>(from)? != rows {
                    return Err(NotFilled::NoCopy("it counts other rows than it has"));
                }
                if from.read(&mut [0])? != 0 {
                    return Err(NotFilled::NoCopy("it goes on after its end"));
                }
                if !batch.is_empty() {
                    commit(kv, &batch).await?;
                }
                return Ok(rows as u64);
            }
            _ => return Err(NotFilled::NoCopy("it has something that is neither table, row nor end")),
        }
    }
}

async fn commit(kv: &Kv, batch: &Batch) -> Result<(), Error> {
    for _ in 1..ATTEMPTS {
        match kv.commit(batch.clone()).await {
            Err(Error::Full | Error::NotStored(_)) => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
    kv.commit(batch.clone()).await
}

fn number<const BYTES: usize>(from: &mut impl Read) -> Result<usize, NotFilled> {
    let mut bytes = [0; 8];
    exactly(from, &mut bytes[8 - BYTES..])?;
    usize::try_from(u64::from_be_bytes(bytes)).map_err(|_| NotFilled::NoCopy("a number is too large"))
}

// No more is held than there is, whatever the length says.
fn taken(from: &mut impl Read, length: usize) -> Result<Vec<u8>, NotFilled> {
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length { Ok(bytes) } else { Err(NotFilled::NoCopy("it was cut")) }
}

fn exactly(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), NotFilled> {
    match from.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(NotFilled::NoCopy("it was cut")),
        outcome => Ok(outcome?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn copy_of(kv: &Kv) -> Vec<u8> {
        let (mut copied, mut bytes) = (kv.copied().await.unwrap(), Vec::new());
        while let Some(piece) = copied.next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        bytes
    }

    #[tokio::test]
    async fn a_copy_that_was_cut_or_changed_in_its_frame_is_refused() {
        let kv = Kv::memory();
        let mut batch = Batch::new();
        batch.put(Table("rows"), "a", "one");
        batch.put(Table("more"), "b", "");
        kv.commit(batch).await.unwrap();
        let whole = copy_of(&kv).await;
        assert_eq!(refill(&Kv::memory(), &mut whole.as_slice()).await.unwrap(), 2);
        for length in 0..whole.len() {
            assert!(refill(&Kv::memory(), &mut &whole[..length]).await.is_err(), "cut to {length}");
        }
        let longer = [whole.as_slice(), b"E"].concat();
        assert!(refill(&Kv::memory(), &mut longer.as_slice()).await.is_err(), "it goes on");
        let mut other = whole.clone();
        other[0] = b'N';
        assert!(refill(&Kv::memory(), &mut other.as_slice()).await.is_err(), "another head");
        let mut fewer = whole;
        *fewer.last_mut().unwrap() = 1;
        assert!(refill(&Kv::memory(), &mut fewer.as_slice()).await.is_err(), "another count");
    }
}
