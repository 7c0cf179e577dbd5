//! The engine on disk: fjall behind one committer thread. This file is its door; `committer.rs` writes and recovers,
//! `store.rs` is the open database, `space.rs` looks at the volume. Never used in a simulation: it has threads.

mod committer;
mod space;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::batch::{Batch, Table};
use crate::commit::Commit;
use crate::error::Error;
use crate::metrics::Meters;
use crate::options::KvOptions;
use crate::queue::Queue;
use crate::range::KeyRange;
use crate::snapshot::Snapshot;

use committer::Committer;
pub(crate) use store::Store;

/// Up to this many keys are read on the caller's thread.
const INLINE_KEYS_MAX: usize = 16;
/// Up to this many ranges, and as many rows of each.
const INLINE_RANGES_MAX: usize = 16;
const INLINE_ROWS_MAX: usize = 8;

/// A store on disk and its committer.
pub(crate) struct Disk {
    shared: Arc<Shared>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

/// What the callers share with the committer.
pub(crate) struct Shared {
    pub path: PathBuf,
    pub options: KvOptions,
    pub queue: Queue,
    /// `None` while the committer opens it again after a failure.
    pub store: watch::Sender<Option<Arc<Store>>>,
    pub meters: Arc<Meters>,
}

impl Disk {
    pub fn open(path: &Path, options: KvOptions, meters: Arc<Meters>) -> Result<Disk, Error> {
        let store = Store::open(path, &options).map_err(Error::NotStored)?;
        let queue = Queue::new(options.limits());
        let store = watch::Sender::new(Some(Arc::new(store)));
        let shared = Arc::new(Shared { path: path.to_owned(), options, queue, store, meters });
        let committer = Committer::new(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("natter-db".into()).spawn(move || committer.run());
        let thread = thread.map_err(|error| Error::NotStored(format!("cannot start the committer: {error}")))?;
        Ok(Disk { shared, committer: Mutex::new(Some(thread)) })
    }

    pub async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.store().await?.get(table, key)
    }

    pub async fn multi_get(&self, table: Table, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>, Error> {
        let store = self.store().await?;
        if keys.len() <= INLINE_KEYS_MAX {
            return store.multi_get(table, &keys);
        }
        blocking(move || store.multi_get(table, &keys)).await
    }

    pub async fn scan(&self, table: Table, range: KeyRange, limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let found = self.multi_scan(table, vec![range], limit).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Few ranges that hold little are read on the caller's thread.
    pub async fn multi_scan(&self, table: Table, ranges: Vec<KeyRange>, limit: usize) -> Result<Vec<Vec<(Bytes, Bytes)>>, Error> {
        let store = self.store().await?;
        if ranges.len() <= INLINE_RANGES_MAX {
            let found = store.multi_scan(table, &ranges, limit.min(INLINE_ROWS_MAX))?;
            if limit <= INLINE_ROWS_MAX || found.iter().all(|rows| rows.len() < INLINE_ROWS_MAX) {
                return Ok(found);
            }
        }
        blocking(move || store.multi_scan(table, &ranges, limit)).await
    }

    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let store = self.store().await?;
        // In this order: a table that is made in between has no row of that moment.
        let (moment, tables) = (store.moment(), store.tables());
        Ok(Snapshot::Disk { store: Arc::downgrade(&store), moment, tables })
    }

    pub fn commit(&self, batch: Batch) -> Commit {
        self.shared.queue.push(batch)
    }

    /// The open store; while it is opened again, at most until a read's deadline.
    async fn store(&self) -> Result<Arc<Store>, Error> {
        if let Some(store) = &*self.shared.store.borrow() {
            return Ok(Arc::clone(store));
        }
        let mut opened = self.shared.store.subscribe();
        let deadline = self.shared.options.deadline();
        let waited = tokio::time::timeout(deadline, opened.wait_for(Option::is_some)).await;
        let store = waited.ok().and_then(|opened| opened.ok()?.clone());
        store.ok_or_else(|| Error::NotStored("the store is being opened again".into()))
    }
}

impl Drop for Disk {
    /// Writes what waits, then closes the store: whoever opens it next finds all of it.
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.committer.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the committer of the store panicked");
        }
    }
}

pub(crate) async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(Error::NotStored(format!("a read was cut short: {error}"))))
}
