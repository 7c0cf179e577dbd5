//! What the roles of a process share, opened once from the settings: store, bus, executor, clock, metrics.

use std::path::PathBuf;

use anyhow::{Context, Result};
use natter_actor::{Chance, Clock, Executor};
use natter_bus::{Bus, Log};
use natter_db::{Kv, Table};
use natter_mail::Mails;
use natter_outbound::Outbound;
use natter_push::Keys;
use natter_telemetry::Metrics;
use natter_trace::Recorder;

use crate::config::Config;
use crate::data::{DataDir, read_secret};

/// The kernel's parts. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    pub db: Kv,
    pub bus: Bus,
    /// Messages that somebody may have to be alerted of, from history to push.
    pub posted: Log,
    pub executor: Executor,
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
    /// Notes the ways of messages.
    pub trace: Recorder,
    /// To addresses that apps name.
    pub outbound: Outbound,
    pub mails: Mails,
    pub verifier_key: [u8; 32],
    pub push_keys: Keys,
    /// Where files of users are kept.
    pub blobs: PathBuf,
}

impl Parts {
    /// Opens the embedded store under the data directory and starts the threads that run actors.
    pub fn open(config: &Config, data: &DataDir) -> Result<Parts> {
        let metrics = Metrics::new();
        let path = data.store();
        let db = Kv::open(&path, config.store.clone()).with_context(|| {
            format!("cannot open the store {} (does another natter run on this data directory?)", path.display())
        })?;
        db.register(&metrics);
        let bus = Bus::local();
        bus.observe(&metrics);
        let posted = Log::embedded(db.clone(), Table("posted"), config.push.queue_max);
        posted.observe(&metrics);
        let threads = match config.actor_threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            threads => threads,
        };
        let executor = Executor::arbiters(threads).context("cannot start the threads that run actors")?;
        let trace = Recorder::new(&config.trace, "natter", bus.clone(), Clock::system(), &metrics);
        let mails = Mails::new(&config.mail, &metrics)?;
        let outbound = Outbound::new(&config.outbound, &metrics)?;
        Ok(Parts {
            db,
            bus,
            posted,
            executor,
            clock: Clock::system(),
            chance: Chance::system(),
            metrics,
            trace,
            outbound,
            mails,
            verifier_key: data.verifier_key()?,
            push_keys: push_keys(&config.push, data),
            blobs: data.blobs(),
        })
    }
}

/// The keys of what apps keep secret with the push service. Without them alerts wait, and everything else runs.
fn push_keys(options: &natter_push::Options, data: &DataDir) -> Keys {
    let current = match options.key_file.as_os_str().is_empty() {
        true => data.push_key(),
        false => read_secret(&options.key_file),
    };
    let older = options.older_key_files.iter().filter_map(|file| {
        let key = read_secret(file);
        // What only this one opens is named by its id where it is looked at.
        key.inspect_err(|error| tracing::error!("an older key of push credentials: {error:#}")).ok()
    });
    match current {
        Ok(current) => Keys::new(current, &older.collect::<Vec<_>>()),
        Err(error) => {
            tracing::error!("the key of push credentials: {error:#}");
            Keys::absent(format!("{error:#}"))
        }
    }
}
