//! What the roles of a process share, opened once from the settings: stores, bus, executor, clock, metrics. The one place that knows
//! whether a process has everything to itself or is one of a cluster.

use anyhow::{Context, Result};
use natter_actor::{Chance, Clock, Executor};
use natter_bus::{Bus, Log};
use natter_cluster::Cluster;
use natter_db::redis::Redis;
use natter_db::{Cql, Db, Kv, Lossy, Table};
use natter_mail::Mails;
use natter_outbound::Outbound;
use natter_push::Keys;
use natter_rpc::{Meters, Tls};
use natter_storage::Place;
use natter_telemetry::Metrics;
use natter_trace::Recorder;

use crate::cluster;
use crate::config::Config;
use crate::data::{DataDir, read_secret};
use crate::roles::Role;

/// The kernel's parts. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    /// What may be lost.
    pub lossy: Lossy,
    pub bus: Bus,
    /// Messages that somebody may have to be alerted of, from history to push.
    pub posted: Log,
    /// This process as a member; none: it has everything to itself.
    pub cluster: Option<Cluster>,
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
    pub files: Place,
    /// Between processes.
    pub tls: Option<Tls>,
    /// What is measured of calls that are served here.
    pub calls: Meters,
}

/// Where the durable things are, and who else is there.
struct Stores {
    db: Db,
    lossy: Lossy,
    bus: Bus,
    posted: Log,
    cluster: Option<Cluster>,
    files: Place,
}

impl Parts {
    /// Opens the embedded store under the data directory and starts the threads that run actors.
    pub async fn embedded(config: &Config, data: &DataDir) -> Result<Parts> {
        let metrics = Metrics::new();
        let path = data.store();
        let kv = Kv::open(&path, config.store.clone()).with_context(|| {
            format!("cannot open the store {} (does another natter run on this data directory?)", path.display())
        })?;
        kv.register(&metrics);
        let posted = Log::embedded(kv.clone(), Table("posted"), config.push.queue_max);
        let files = Place::Directory(data.blobs());
        let lossy = kv.clone().into();
        let stores = Stores { db: kv.into(), lossy, bus: Bus::local(), posted, cluster: None, files };
        Parts::open(config, data, metrics, stores)
    }

    /// Connects to the servers of a cluster. `port`: that this process takes calls at.
    pub async fn clustered(config: &Config, data: &DataDir, roles: &[Role], port: u16) -> Result<Parts> {
        let (metrics, options) = (Metrics::new(), &config.cluster);
        let cql = Cql::connect(&options.cql).await.context("cannot use the rows of the cluster (was `natter migrate` run?)")?;
        cql.register(&metrics);
        let bus = Bus::nats(&options.nats).await.context("cannot read the settings of NATS")?;
        let cluster = cluster::member(config, roles, port, bus.clone())?;
        cluster.observe(&metrics);
        let files = Place::S3(options.s3.clone());
        let redis = Redis::connect(&options.redis).await.context("cannot reach Redis")?;
        redis.register(&metrics);
        let posted = Log::jetstream(&options.nats, &options.posted).await.context("cannot use the durable log of the cluster")?;
        let stores = Stores { db: cql.into(), lossy: redis.into(), bus, posted, cluster: Some(cluster), files };
        Parts::open(config, data, metrics, stores)
    }

    fn open(config: &Config, data: &DataDir, metrics: Metrics, stores: Stores) -> Result<Parts> {
        let Stores { db, lossy, bus, posted, cluster, files } = stores;
        bus.observe(&metrics);
        posted.observe(&metrics);
        // Until the push service has said what is wanted (`wanted.rs`): nothing that a row tells before is missed.
        posted.heed_all();
        let threads = match config.actor_threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            threads => threads,
        };
        let executor = Executor::arbiters(threads).context("cannot start the threads that run actors")?;
        let name = cluster.as_ref().map_or_else(|| "natter".to_owned(), |cluster| cluster.me().name);
        let trace = Recorder::new(&config.trace, &name, bus.clone(), Clock::system(), &metrics);
        let calls = Meters::new(&metrics);
        let mails = Mails::new(&config.mail, &metrics)?;
        let outbound = Outbound::new(&config.outbound, &metrics)?;
        Ok(Parts {
            db,
            lossy,
            bus,
            posted,
            cluster,
            executor,
            clock: Clock::system(),
            chance: Chance::system(),
            metrics,
            trace,
            outbound,
            mails,
            verifier_key: data.verifier_key()?,
            push_keys: push_keys(&config.push, data),
            files,
            tls: config.cluster.tls.open()?,
            calls,
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
