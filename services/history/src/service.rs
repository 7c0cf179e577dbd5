//! The history service: an engine per port, behind the generated server. Nothing runs beside the calls.

use std::sync::Arc;

use natter_actor::Clock;
use natter_bus::Log;
use natter_db::Kv;
use natter_proto::history::v1::eraser_server::EraserServer;
use natter_proto::history::v1::history_server::HistoryServer;

use crate::log::MessageLog;
use crate::log::embedded::EmbeddedLog;
use crate::metrics::Metrics;
use crate::offline::OfflineQueue;
use crate::offline::embedded::EmbeddedQueue;
use crate::options::Options;
use crate::reactions::ReactionStore;
use crate::reactions::embedded::EmbeddedReactions;
use crate::rpc::Rpc;

/// Most bytes of a request: a batch of 256 messages of the largest size, with room.
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// What the service needs from outside. It must be the only writer of its tables in `db`.
pub struct Parts {
    pub db: Kv,
    /// In the same store.
    pub posted: Log,
    pub clock: Clock,
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

impl Service {
    /// Opens the log in the given store.
    pub fn new(options: Options, parts: Parts) -> Service {
        let log = EmbeddedLog::new(parts.db.clone(), options.cached_dialogs, options.changes_kept, parts.posted.clone());
        let reactions = EmbeddedReactions::new(parts.db.clone(), &options);
        let queue = EmbeddedQueue::new(parts.db, &options, parts.posted.clone());
        Service {
            log: Arc::new(log),
            queue: Arc::new(queue),
            posted: parts.posted,
            reactions: Arc::new(reactions),
            options: Arc::new(options),
            clock: parts.clock,
            metrics: Metrics::new(&parts.metrics),
        }
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Rpc> {
        EraserServer::new(Rpc(self.clone()))
    }

    /// The gRPC door. A call needs a tokio runtime: a write goes on in a task of its own when its caller is gone.
    pub fn server(&self) -> HistoryServer<Rpc> {
        HistoryServer::new(Rpc(self.clone())).max_decoding_message_size(REQUEST_BYTES_MAX)
    }
}
