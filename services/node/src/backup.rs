//! Backups of an installation that is one process (decision 0043): a folder with all rows of the store at one moment, the files of users,
//! the secrets and the certificates. `deploy/backup.md` says how it is used, and what to do in a cluster instead.
//!
//! | in the folder | what |
//! |---|---|
//! | `store.rows` | the rows, in the form of `natter_db::refill` |
//! | `blobs/XX/...` | the contents of files, as in the data directory |
//! | `admin.token`, `verifier.key`, `push.key`, `tls/...` | as in the data directory |
//! | `SHA256SUMS` | one line per file above, for `sha256sum -c` too |
//! | `backup.json` | what it is, of when, and the sum of `SHA256SUMS` |
//!
//! Invariant: a folder that has its name is whole. It is written beside, under the name with `.part`, and renamed; a data directory that is
//! being restored carries a mark until it is whole, and nothing starts on it.

mod bringing;
mod sums;
mod taking;

pub use bringing::restore;
pub use sums::About;
pub use taking::Taking;

use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::{Sender, channel};
use futures::{SinkExt, StreamExt};
use natter_db::{Copied, Db, Kv};
use natter_proto::{Code, Failure};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const ROWS: &str = "store.rows";
const SUMS: &str = "SHA256SUMS";
const ABOUT: &str = "backup.json";

/// Pieces that wait for whoever asked for the rows.
const WAITING: usize = 2;
/// How long he may leave one waiting: meanwhile the store keeps all that is overwritten.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What the admin API reads the rows of a store by; none for a process that has no store to itself. One reader at a time.
pub fn rows(db: &Db) -> Option<natter_console::Rows> {
    let Db::Kv(kv) = db else { return None };
    let (kv, seat) = (kv.clone(), Arc::new(Semaphore::new(1)));
    Some(Arc::new(move || Box::pin(pieces(kv.clone(), seat.clone()))))
}

async fn pieces(kv: Kv, seat: Arc<Semaphore>) -> Result<natter_console::Pieces, Failure> {
    let seat = seat.try_acquire_owned().map_err(|_| Failure::new(Code::Busy, "another backup is being taken"))?;
    let copied = kv.copied().await?;
    let (sender, pieces) = channel(WAITING);
    tokio::spawn(hand_on(copied, sender, seat));
    Ok(pieces.boxed())
}

async fn hand_on(mut copied: Copied, mut sender: Sender<Result<bytes::Bytes, Failure>>, _seat: OwnedSemaphorePermit) {
    while let Some(piece) = copied.next().await.transpose() {
        let is_last = piece.is_err();
        // Whoever is gone, or does not read, gets no more; what he has does not end as a copy does.
        if !matches!(timeout(PATIENCE, sender.send(piece.map_err(Failure::from))).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}
