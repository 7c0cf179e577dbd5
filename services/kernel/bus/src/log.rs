//! The durable log: events that one reader must not miss while it is away. Two engines, in `log/`: rows of the store that one
//! process has to itself, where an entry is put into the batch of the row that it tells of; and a stream of NATS JetStream, which is
//! told after the row is written.
//!
//! Entries lie in lanes. An app has one lane, a lane may have several apps: in the store a lane is an app, on JetStream there are
//! [`LANES`], and a process reads those that it owns ([`own`](Log::own)).
//!
//! Invariants:
//! - An entry stays until its reader is done with it, also over a restart: at least once. What is dropped before, because there is
//!   too much or it is too old, is counted in `natter_bus_log_dropped_total`: whoever writes is never refused for it.
//! - Entries of an app are read in the order in which they came. On JetStream one that was read by a process that ended comes again
//!   later, maybe behind newer ones.
//! - Every wait for servers has a deadline.

mod drops;
mod embedded;
mod jetstream;
mod lanes;
mod options;
mod wanted;

#[cfg(test)]
mod contract;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use natter_db::{Batch, Error, Kv, Table};
use natter_telemetry::Metrics;
use tokio::time::timeout;

use crate::NatsOptions;
use embedded::Embedded;
use jetstream::JetStream;
pub use lanes::{LANES, lane_of};
pub use options::LogOptions;
use wanted::Wanted;

/// A log. Clones share it.
#[derive(Clone)]
pub struct Log {
    engine: Engine,
    /// Of what there are entries only where somebody is told of it.
    wanted: Wanted,
}

#[derive(Clone)]
enum Engine {
    Embedded(Arc<Embedded>),
    JetStream(Arc<JetStream>),
}

/// An entry as it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub app: u64,
    /// Its place in its lane.
    pub number: u64,
    pub value: Bytes,
}

impl Log {
    /// A log in `table` of `kv`, whose only user it must be. `entries_max`: so many wait of an app.
    pub fn embedded(kv: Kv, table: Table, entries_max: u64) -> Log {
        Log::over(Engine::Embedded(Arc::new(Embedded::new(kv, table, entries_max))))
    }

    /// A log that all processes share which reach the same servers. It connects now or later, and again whenever it has to. It owns
    /// no lane at first. Within a tokio runtime.
    ///
    /// # Errors
    /// An option cannot be right, or a file that one names cannot be read.
    pub async fn jetstream(nats: &NatsOptions, options: &LogOptions) -> std::io::Result<Log> {
        Ok(Log::over(Engine::JetStream(Arc::new(JetStream::connect(nats, options).await?))))
    }

    fn over(engine: Engine) -> Log {
        Log { engine, wanted: Wanted::default() }
    }

    /// Whether an entry of this kind of an app has a reader, of the kinds that are written only where one has (bits of
    /// [`heed`](Log::heed)). None has, until one of the two below is called.
    pub fn wants(&self, app: u64, kind: u32) -> bool {
        self.wanted.wants(app, kind)
    }

    /// It is not known yet what is wanted: from here on all of every app is, so that nothing is missed.
    pub fn heed_all(&self) {
        self.wanted.all();
    }

    /// From here on this is wanted, and nothing else: bits of kinds, by app.
    pub fn heed(&self, apps: impl IntoIterator<Item = (u64, u32)>) {
        self.wanted.set(apps);
    }

    /// Registers the metrics of this log.
    pub fn observe(&self, metrics: &Metrics) {
        match &self.engine {
            Engine::Embedded(log) => {
                let dropped = log.dropped.clone();
                metrics.register(|all| {
                    let help = "Entries of the durable log dropped because too many of their app waited";
                    all.sub_registry_with_prefix("natter_bus").register("log_dropped", help, dropped);
                });
            }
            Engine::JetStream(log) => log.observe(metrics),
        }
    }

    /// How many entries were dropped unread, as far as this process knows.
    pub fn dropped(&self) -> u64 {
        match &self.engine {
            Engine::Embedded(log) => log.dropped.get(),
            Engine::JetStream(log) => log.dropped(),
        }
    }

    /// Finds what an earlier process left, or that the servers have the stream. To be `Ok` once before anything else; cheap from then
    /// on.
    ///
    /// # Errors
    /// The store cannot be read, or no server answers in time. It may be asked again.
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.engine {
            Engine::Embedded(log) => log.ready().await,
            Engine::JetStream(log) => log.ready().await,
        }
    }

    /// Whether what keeps the log is there. Makes nothing.
    ///
    /// # Errors
    /// The servers do not answer, or keep no streams.
    pub async fn is_kept(&self) -> Result<bool, Error> {
        match &self.engine {
            Engine::Embedded(_) => Ok(true),
            Engine::JetStream(log) => log.is_kept().await,
        }
    }

    /// Adds an entry to the batch of what it tells of. Where the log is not in the store of the batch, the batch is refused: an engine
    /// of another store [`tell`](Log::tell)s.
    pub fn append(&self, batch: &mut Batch, app: u64, value: impl Into<Bytes>) {
        match &self.engine {
            Engine::Embedded(log) => log.append(batch, app, value.into()),
            Engine::JetStream(_) => batch.refuse("the durable log is not in this store"),
        }
    }

    /// Adds an entry that no row of the same store tells of. It is there when this is answered; `id` names what it tells of, and nothing
    /// else of the app. Told again soon it may be one entry or two.
    ///
    /// # Errors
    /// It was not added, or (`Unknown`) that is not known: the servers did not say so in time.
    pub async fn tell(&self, app: u64, id: &str, value: impl Into<Bytes>) -> Result<(), Error> {
        match &self.engine {
            Engine::Embedded(log) => log.tell(app, value.into()).await,
            Engine::JetStream(log) => log.tell(app, id, value.into()).await,
        }
    }

    /// Tells what may be missed: waits so long at most, and what the log did not take, or did not say in time that it took, stands in this
    /// process's own log alone.
    pub async fn tell_within(&self, wait: Duration, app: u64, id: &str, value: impl Into<Bytes>) {
        let told = timeout(wait, async {
            self.ready().await?;
            self.tell(app, id, value).await
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(app, id, %error, "the durable log was not told of what happened"),
            Err(_) => tracing::warn!(app, id, "the durable log did not say in time whether it took what happened"),
        }
    }

    /// From here on this process reads those lanes, and no other: what of others it read and is not done with comes to who owns them.
    /// To be called whenever that changes. A log in a store is its process's own, whatever is said. Within a tokio runtime.
    pub fn own(&self, is_owned: impl Fn(u64) -> bool) {
        if let Engine::JetStream(log) = &self.engine {
            log.own(is_owned);
        }
    }

    /// Returns when an entry may have come since it returned last.
    pub async fn moved(&self) {
        match &self.engine {
            Engine::Embedded(log) => log.moved().await,
            Engine::JetStream(log) => log.moved().await,
        }
    }

    /// Lanes in which an entry may be there, ascending.
    pub fn lanes(&self) -> Vec<u64> {
        match &self.engine {
            Engine::Embedded(log) => log.lanes(),
            Engine::JetStream(log) => log.lanes(),
        }
    }

    /// The oldest entries of a lane, ascending, at most `limit`: the same again until they are done.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(&self, lane: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        match &self.engine {
            Engine::Embedded(log) => log.read(lane, limit).await,
            Engine::JetStream(log) => Ok(log.read(lane, limit)),
        }
    }

    /// Removes entries of an app that were read with what came of them, if the batch is of the log's own store.
    /// [`forgotten`](Log::forgotten) is to be called when it is written, [`done`](Log::done) in any case.
    pub fn forget(&self, batch: &mut Batch, app: u64, entries: &[Entry]) {
        if let Engine::Embedded(log) = &self.engine {
            log.forget(batch, app, entries);
        }
    }

    /// The entries of an app up to this number were removed with a batch.
    pub fn forgotten(&self, app: u64, upto: u64) {
        if let Engine::Embedded(log) = &self.engine {
            log.forgotten(app, upto);
        }
    }

    /// What came of these entries is durable: they are not read again. Of an app all that were read before them are to be done, or
    /// among them.
    ///
    /// # Errors
    /// They could not be removed, and come again.
    pub async fn done(&self, entries: &[Entry]) -> Result<(), Error> {
        match &self.engine {
            Engine::Embedded(log) => log.done(entries).await,
            Engine::JetStream(log) => {
                log.done(entries).await;
                Ok(())
            }
        }
    }

    /// Removes a page of the entries of an app that nobody gets into any more. How many; fewer than `max`: nothing is left. On
    /// JetStream they are left to their reader, who finds nothing of the app, and to their age: they name and say nothing.
    ///
    /// # Errors
    /// As [`Kv::clear`].
    pub async fn erase(&self, app: u64, max: usize) -> Result<usize, Error> {
        match &self.engine {
            Engine::Embedded(log) => log.erase(app, max).await,
            Engine::JetStream(_) => Ok(0),
        }
    }
}
