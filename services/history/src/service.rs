//! The history service: an engine per port, behind the generated server. Beside the calls it is only looked for what the durable log
//! was not told.

use std::sync::Arc;

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Cql, Db, Kv};
use natter_proto::history::v1::archive_server::ArchiveServer;
use natter_proto::history::v1::eraser_server::EraserServer;
use natter_proto::history::v1::history_server::HistoryServer;

use crate::log::cql::{Setup, Told};
use crate::log::embedded::EmbeddedLog;
use crate::log::segment::Boot;
use crate::log::{self, MessageLog};
use crate::metrics::Metrics;
use crate::offline::embedded::EmbeddedQueue;
use crate::offline::{self, OfflineQueue};
use crate::options::Options;
use crate::reactions::embedded::EmbeddedReactions;
use crate::reactions::{self, ReactionStore};
use crate::rpc::Rpc;

/// Most bytes of a request: a batch of 256 messages of the largest size, with room.
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// Rows of a segment (decision 0028).
const SEGMENT_ROWS: u32 = 1_024;

/// What the service needs from outside. Of a key-value store it must be the only writer of its tables.
pub struct Parts {
    pub db: Db,
    /// Beside a key-value store: in the same one.
    pub posted: Log,
    pub clock: Clock,
    /// Tells this run of the process from all others.
    pub chance: Chance,
    pub metrics: natter_telemetry::Metrics,
}

/// The message log of one process. Clones share it.
#[derive(Clone)]
pub struct Service {
    pub(crate) log: Arc<dyn MessageLog>,
    pub(crate) queue: Arc<dyn OfflineQueue>,
    pub(crate) posted: Log,
    pub(crate) reactions: Arc<dyn ReactionStore>,
    pub(crate) options: Arc<Options>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
}

/// The engines for where rows are kept.
struct Ports {
    log: Arc<dyn MessageLog>,
    queue: Arc<dyn OfflineQueue>,
    reactions: Arc<dyn ReactionStore>,
}

impl Ports {
    fn embedded(kv: &Kv, options: &Options, parts: &Parts) -> Ports {
        let posted = &parts.posted;
        Ports {
            log: Arc::new(EmbeddedLog::new(kv.clone(), options.cached_dialogs, options.changes_kept, posted.clone())),
            queue: Arc::new(EmbeddedQueue::new(kv.clone(), options, posted.clone())),
            reactions: Arc::new(EmbeddedReactions::new(kv.clone(), options)),
        }
    }

    fn on_cql(cql: &Cql, options: &Options, parts: &Parts, segment_rows: u32) -> Ports {
        let told = Told::new(cql.clone(), parts.posted.clone());
        let setup = Setup {
            boot: Boot(parts.chance.u64()),
            segment_rows,
            dialogs_max: options.cached_dialogs,
            changes_kept: options.changes_kept,
        };
        Ports {
            log: Arc::new(log::cql::OnCql::new(cql.clone(), setup, told.clone(), parts.clock.clone())),
            queue: Arc::new(offline::cql::OnCql::new(cql.clone(), options, told)),
            reactions: Arc::new(reactions::cql::OnCql::new(cql.clone(), options)),
        }
    }
}

impl Service {
    /// Opens the log in the given store. On servers it needs a tokio runtime.
    pub fn new(options: Options, parts: Parts) -> Service {
        Service::with_segments(SEGMENT_ROWS, options, parts)
    }

    /// The same with segments of another size, for tests. It matters on servers only.
    pub fn with_segments(rows: u32, options: Options, parts: Parts) -> Service {
        let Ports { log, queue, reactions } = match &parts.db {
            Db::Kv(kv) => Ports::embedded(kv, &options, &parts),
            Db::Cql(cql) => Ports::on_cql(cql, &options, &parts, rows),
        };
        Service {
            log,
            queue,
            posted: parts.posted,
            reactions,
            options: Arc::new(options),
            clock: parts.clock,
            metrics: Metrics::new(&parts.metrics),
        }
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Rpc> {
        EraserServer::new(Rpc(self.clone()))
    }

    /// The door for archives.
    pub fn archive_server(&self) -> ArchiveServer<Rpc> {
        ArchiveServer::new(Rpc(self.clone())).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// The gRPC door. A call needs a tokio runtime: a write goes on in a task of its own when its caller is gone.
    pub fn server(&self) -> HistoryServer<Rpc> {
        HistoryServer::new(Rpc(self.clone())).max_decoding_message_size(REQUEST_BYTES_MAX)
    }
}
