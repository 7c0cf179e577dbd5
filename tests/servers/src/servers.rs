//! All the servers of a cluster together.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{Cassandra, Kind, Nats, Redis, S3, Set};

/// Those of a cluster, each in a folder of its own.
pub struct Servers {
    pub cassandra: Set<Cassandra>,
    pub nats: Set<Nats>,
    pub redis: Set<Redis>,
    pub s3: Set<S3>,
}

impl Servers {
    /// Brings the programs here, under `target`, or says what is missing.
    pub fn install(target: &Path) -> Result<()> {
        let (cassandra, nats, s3) = kinds(target, 1, false);
        Redis.install()?;
        nats.install()?;
        s3.install()?;
        cassandra.install()
    }

    /// Starts them, `nodes` each of Cassandra and NATS, and returns when all answer.
    pub fn start(target: &Path, folder: &Path, nodes: usize) -> Result<Servers> {
        Servers::start_on(target, folder, nodes, false)
    }

    /// The same; `is_small`: what NATS and S3 keep is on small volumes of their own.
    pub fn start_on(target: &Path, folder: &Path, nodes: usize, is_small: bool) -> Result<Servers> {
        let (cassandra, nats, s3) = kinds(target, nodes, is_small);
        Ok(Servers {
            redis: begin(Redis, folder, 1)?,
            nats: begin(nats, folder, nodes)?,
            s3: begin(s3, folder, 1)?,
            cassandra: begin(cassandra, folder, nodes)?,
        })
    }

    /// Those that were started in a folder.
    pub fn open(target: &Path, folder: &Path) -> Result<Servers> {
        // How they were started is not asked of those that run.
        let (cassandra, nats, s3) = kinds(target, 1, false);
        Ok(Servers {
            redis: Set::open(Redis, &folder.join(Redis::NAME))?,
            nats: Set::open(nats, &folder.join(Nats::NAME))?,
            s3: Set::open(s3, &folder.join(S3::NAME))?,
            cassandra: Set::open(cassandra, &folder.join(Cassandra::NAME))?,
        })
    }

    /// Where they are, as variables of the environment that tests read.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NATTER_TEST_CQL", addresses(&self.cassandra)),
            ("NATTER_TEST_NATS", addresses(&self.nats)),
            ("NATTER_TEST_REDIS", addresses(&self.redis)),
            ("NATTER_TEST_S3", addresses(&self.s3)),
            ("NATTER_TEST_S3_BUCKET", S3::BUCKET.into()),
            ("NATTER_TEST_S3_ACCESS_KEY", S3::ACCESS_KEY.into()),
            ("NATTER_TEST_S3_SECRET_KEY", S3::SECRET_KEY.into()),
        ]
    }

    /// Ends them, and removes what they keep.
    pub fn wipe(&self) -> Result<()> {
        // Each is tried, whatever became of those before.
        let ended = [self.cassandra.wipe(), self.nats.wipe(), self.redis.wipe(), self.s3.wipe()];
        ended.into_iter().collect()
    }
}

fn kinds(target: &Path, nodes: usize, is_small: bool) -> (Cassandra, Nats, S3) {
    let root: PathBuf = target.join("servers");
    let binaries = root.join("bin");
    // One node is for tests that make many tables, several are for those who kill them.
    let cassandra = Cassandra { jars: root.join("cassandra"), is_hasty: nodes == 1 };
    (cassandra, Nats { binaries: binaries.clone(), is_small }, S3 { binaries, is_small })
}

fn begin<K: Kind>(kind: K, folder: &Path, count: usize) -> Result<Set<K>> {
    Set::start(kind, &folder.join(K::NAME), count)
}

/// `HOST:PORT` of each, separated by commas.
pub fn addresses<K: Kind>(set: &Set<K>) -> String {
    let addresses: Vec<String> = set.seats().iter().map(|seat| seat.address().to_string()).collect();
    addresses.join(",")
}
