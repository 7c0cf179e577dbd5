//! The open fjall database: tables, reads, one atomic write per group. It decides nothing about failures; it says whether
//! one can have left something behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use parking_lot::RwLock;

use crate::batch::Table;
use crate::error::Error;
use crate::group::{Group, Writes};
use crate::options::KvOptions;
use crate::range::KeyRange;
use crate::snapshot::{bounds, fill};

/// Threads that flush and merge.
const WORKERS: usize = 2;
/// The smallest size of all journals that fjall takes; it asserts it.
const JOURNAL_BYTES_MIN: u64 = 64 << 20;
/// Where we wait for the workers ourselves. fjall waits at 4 and 30, without an end and without looking whether the
/// workers still live, which a full disk can make last for ever.
const SEALED_MAX: usize = 3;
const RUNS_MAX: usize = 28;
/// How long a group waits for the workers before it is refused.
const ROOM_WAIT: Duration = Duration::from_millis(1_500);

/// An open database. Dropping it closes it.
pub(crate) struct Store {
    // Before `db`: a table keeps the database's lock on the directory.
    tables: RwLock<BTreeMap<String, Keyspace>>,
    db: Database,
    write_buffer_bytes: u64,
}

/// Why a group was not written.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing was written, and the database is fine: its workers are behind.
    Behind,
    /// Nothing was written; the database has failed before and must be opened again.
    Refused(String),
    /// Something may have been written; the database must be opened again.
    Failed(String),
}

impl Store {
    /// Opens or makes the database and recovers its journal.
    pub fn open(path: &Path, options: &KvOptions) -> Result<Store, String> {
        let failed = |error: fjall::Error| format!("cannot open the store: {}", describe(&error));
        sweep_cut_creation(path).map_err(|error| failed(error.into()))?;
        let db = Database::builder(path)
            .cache_size(options.cache_bytes)
            .max_journaling_size(options.journal_bytes.max(JOURNAL_BYTES_MIN))
            .worker_threads(WORKERS)
            .open()
            .map_err(failed)?;
        let mut tables = BTreeMap::new();
        for name in db.list_keyspace_names() {
            let table = db.keyspace(&name, KeyspaceCreateOptions::default).map_err(failed)?;
            tables.insert(name.to_string(), table);
        }
        Ok(Store { tables: RwLock::new(tables), db, write_buffer_bytes: options.write_buffer_bytes })
    }

    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let Some(rows) = self.table(table) else { return Ok(None) };
        let value = rows.get(key).map_err(|error| unreadable(table.0, &error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    pub fn multi_get(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Error> {
        let Some(rows) = self.table(table) else { return Ok(vec![None; keys.len()]) };
        let snapshot = self.db.snapshot();
        let read = |key: &Vec<u8>| match snapshot.get(&rows, key) {
            Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(unreadable(table.0, &error)),
        };
        keys.iter().map(read).collect()
    }

    pub fn multi_scan(&self, table: Table, ranges: &[KeyRange], limit: usize) -> Result<Vec<Vec<(Bytes, Bytes)>>, Error> {
        let Some(rows) = self.table(table) else { return Ok(vec![Vec::new(); ranges.len()]) };
        // A snapshot, because a plain range sees the rows of a batch one by one as they are applied.
        let snapshot = self.db.snapshot();
        let copy = |row: fjall::Guard| copied(table.0, row);
        let scan = |range: &KeyRange| {
            if range.is_empty() {
                return Ok(Vec::new());
            }
            let found = snapshot.range::<&[u8], _>(&rows, range.bounds());
            if range.reversed { found.rev().take(limit).map(copy).collect() } else { found.take(limit).map(copy).collect() }
        };
        ranges.iter().map(scan).collect()
    }

    /// What is committed so far, and nothing that comes later. It does not keep the database open.
    pub fn moment(&self) -> fjall::Snapshot {
        self.db.snapshot()
    }

    /// The names of all tables, ascending.
    pub fn tables(&self) -> Vec<String> {
        self.tables.read().keys().cloned().collect()
    }

    /// Rows of a moment of this database above a key, as many as reach so many bytes.
    pub fn page(
        &self,
        moment: &fjall::Snapshot,
        table: &str,
        above: Option<&[u8]>,
        bytes: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let Some(rows) = self.tables.read().get(table).cloned() else { return Ok(Vec::new()) };
        fill(moment.range::<&[u8], _>(&rows, bounds(above)).map(|row| copied(table, row)), bytes)
    }

    /// Writes the group as one atomic batch, on disk if it is durable, else handed to the operating system.
    pub fn write(&self, group: &Group) -> Result<(), Fault> {
        let mode = if group.durable { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = self.db.batch().durability(Some(mode));
        for (table, writes) in &group.writes {
            let rows = self.table_made(*table)?;
            self.wait_for_room(&rows)?;
            for (key, value) in writes {
                match value {
                    Some(value) => batch.insert(&rows, key.as_slice(), value.as_ref()),
                    None => batch.remove(&rows, key.as_slice()),
                }
            }
        }
        batch.commit().map_err(|error| match error {
            // Checked before the journal is touched.
            fjall::Error::Poisoned => Fault::Refused("the store failed before".into()),
            error => Fault::Failed(format!("cannot write the journal: {}", describe(&error))),
        })
    }

    /// Whether the rows are as these writes leave them. After a failed write of the only writer: false means that nothing of
    /// it was written, because a batch is atomic.
    pub fn holds(&self, writes: &Writes) -> Result<bool, Error> {
        for (table, writes) in writes {
            for (key, value) in writes {
                if self.get(*table, key)? != *value {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn table(&self, table: Table) -> Option<Keyspace> {
        self.tables.read().get(table.0).cloned()
    }

    fn table_made(&self, table: Table) -> Result<Keyspace, Fault> {
        if let Some(rows) = self.table(table) {
            return Ok(rows);
        }
        let options = || KeyspaceCreateOptions::default().max_memtable_size(self.write_buffer_bytes);
        let made = self.db.keyspace(table.0, options);
        let rows = made.map_err(|error| Fault::Refused(format!("cannot make table {}: {}", table.0, describe(&error))))?;
        self.tables.write().insert(table.0.to_owned(), rows.clone());
        Ok(rows)
    }

    fn wait_for_room(&self, rows: &Keyspace) -> Result<(), Fault> {
        let until = Instant::now() + ROOM_WAIT;
        while rows.sealed_memtable_count() >= SEALED_MAX || rows.tree.l0_run_count() >= RUNS_MAX {
            // The only public way to ask whether a worker has failed.
            self.db.persist(PersistMode::Buffer).map_err(|_| Fault::Refused("a worker of the store failed".into()))?;
            if Instant::now() >= until {
                return Err(Fault::Behind);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// A first start that was cut leaves a journal without a version, over which fjall stumbles for ever. Tables are made after
/// the version is written, so a directory without either holds no row.
fn sweep_cut_creation(path: &Path) -> std::io::Result<()> {
    let tables = path.join("keyspaces");
    if !tables.try_exists()? || path.join("version").try_exists()? || std::fs::read_dir(tables)?.next().is_some() {
        return Ok(());
    }
    match std::fs::remove_file(path.join("0.jnl")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copied(table: &str, row: fjall::Guard) -> Result<(Bytes, Bytes), Error> {
    match row.into_inner() {
        Ok((key, value)) => Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value))),
        Err(error) => Err(unreadable(table, &error)),
    }
}

fn unreadable(table: &str, error: &fjall::Error) -> Error {
    Error::Corrupt(format!("cannot read table {table}: {}", describe(error)))
}

/// The error's own words; its debug form, because fjall's display adds only its name to it.
fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => error.to_string(),
        fjall::Error::Locked => "another process has it open".into(),
        error => format!("{error:?}"),
    }
}
