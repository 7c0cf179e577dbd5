//! What the storage service is made of and what it starts: the door for links, and a sweep of what is over.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Chance, Clock};
use natter_db::Db;
use natter_proto::storage::v1::archive_server::ArchiveServer;
use natter_proto::storage::v1::eraser_server::EraserServer;
use natter_proto::storage::v1::storage_server::StorageServer;
use natter_telemetry::{Metrics as Registry, Offence, Offenders};
use parking_lot::Mutex;

use crate::blob::{BlobRow, Usage};
use crate::bytes::{Bytes, Directory, Memory, S3, S3Options};
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::room::{Guest, Room};
use crate::store::{self, Blobs};

/// Where contents are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// For tests and simulations.
    Memory,
    /// Files of a directory, which is made if it is not there. One process uses it.
    Directory(PathBuf),
    /// Objects of a bucket.
    S3(S3Options),
}

/// What the service is given.
pub struct Parts {
    pub db: Db,
    pub place: Place,
    pub clock: Clock,
    /// Uids and upload keys come from here: the operating system's in production.
    pub chance: Chance,
    pub metrics: Registry,
}

/// Files and their rows. A handle: clones are the same service.
#[derive(Clone)]
pub struct Service {
    pub(crate) files: Arc<Files>,
}

/// Everything that the calls (`calls/`) work with.
pub(crate) struct Files {
    pub options: Options,
    pub blobs: Box<dyn Blobs>,
    pub bytes: Box<dyn Bytes>,
    pub room: Mutex<Room>,
    pub ids: Ids,
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
    /// Who is over a quota.
    pub offenders: Offenders,
}

impl Files {
    /// Notes that an upload did not fit into the quota, for operators who ask.
    pub fn note_quota(&self, guest: Guest) {
        self.offenders.user(Offence::Quota, guest.app, guest.user, self.clock.now_ms());
    }
}

/// Between two looks for what is over.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

impl Service {
    /// A service on these parts. A directory is opened, which blocks; nothing is started.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn new(options: Options, parts: Parts) -> io::Result<Service> {
        let bytes: Box<dyn Bytes> = match parts.place {
            Place::Memory => Box::new(Memory::default()),
            Place::Directory(root) => Box::new(Directory::open(&root, options.reserve_bytes)?),
            Place::S3(bucket) => Box::new(S3::new(&bucket)?),
        };
        let files = Files {
            options,
            blobs: store::open(&parts.db, &parts.clock),
            bytes,
            room: Mutex::default(),
            ids: Ids::default(),
            clock: parts.clock,
            chance: parts.chance,
            offenders: parts.metrics.offenders(),
            metrics: Metrics::new(&parts.metrics),
        };
        Ok(Service { files: Arc::new(files) })
    }

    /// The door for links.
    pub fn server(&self) -> StorageServer<Service> {
        StorageServer::new(self.clone())
    }

    /// The door for archives.
    pub fn archive_server(&self) -> ArchiveServer<Service> {
        ArchiveServer::new(self.clone())
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Service> {
        EraserServer::new(self.clone())
    }

    /// Sweeps until `stop`. Without it the service works, and what is over stays.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = Box::pin(stop);
        let mut after = None;
        while tokio::time::timeout(SWEEP_EVERY, &mut stop).await.is_err() {
            after = self.files.sweep(after).await;
        }
    }
}

impl Files {
    /// What the rows of a blob's app may weigh together.
    pub fn limit(&self, row: &BlobRow) -> Usage {
        let bytes = if row.app_bytes_max > 0 { row.app_bytes_max } else { self.options.app_bytes_max };
        Usage { bytes, files: self.options.app_files_max }
    }
}
