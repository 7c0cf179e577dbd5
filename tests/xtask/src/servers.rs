//! `cargo xtask servers`: the servers that a cluster stands on, for a developer to look at and for the tests that need them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use natter_servers::{Cassandra, Kind, Nats, Redis, S3, Set};

use crate::command::target;

/// Those of a cluster, each in a folder of its own.
pub struct Servers {
    cassandra: Set<Cassandra>,
    nats: Set<Nats>,
    redis: Set<Redis>,
    s3: Set<S3>,
}

impl Servers {
    /// Brings the programs here, under `target/`, or says what is missing.
    pub fn install() -> Result<()> {
        let (cassandra, nats, s3) = kinds(1)?;
        Redis.install()?;
        nats.install()?;
        s3.install()?;
        cassandra.install()
    }

    /// Starts them, `nodes` each of Cassandra and NATS, and returns when all answer.
    pub fn start(folder: &Path, nodes: usize) -> Result<Servers> {
        let (cassandra, nats, s3) = kinds(nodes)?;
        Ok(Servers {
            redis: begin(Redis, folder, 1)?,
            nats: begin(nats, folder, nodes)?,
            s3: begin(s3, folder, 1)?,
            cassandra: begin(cassandra, folder, nodes)?,
        })
    }

    /// Those that were started in a folder.
    pub fn open(folder: &Path) -> Result<Servers> {
        // How they were started is not asked of those that run.
        let (cassandra, nats, s3) = kinds(1)?;
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

/// `start DIR [NODES]` and `stop DIR`.
pub fn run(words: &[&str]) -> Result<()> {
    match words {
        ["start", folder] => say(&Servers::start(Path::new(folder), 1)?),
        ["start", folder, nodes] => say(&Servers::start(Path::new(folder), nodes.parse()?)?),
        ["stop", folder] => return Servers::open(Path::new(folder))?.wipe(),
        _ => bail!("usage: cargo xtask servers start DIR [NODES] | stop DIR"),
    }
    Ok(())
}

fn say(servers: &Servers) {
    for (name, value) in servers.environment() {
        println!("export {name}={value}");
    }
}

fn kinds(nodes: usize) -> Result<(Cassandra, Nats, S3)> {
    let root: PathBuf = target()?.join("servers");
    let binaries = root.join("bin");
    // One node is for tests that make many tables, several are for those who kill them.
    Ok((Cassandra { jars: root.join("cassandra"), is_hasty: nodes == 1 }, Nats { binaries: binaries.clone() }, S3 { binaries }))
}

fn begin<K: Kind>(kind: K, folder: &Path, count: usize) -> Result<Set<K>> {
    Set::start(kind, &folder.join(K::NAME), count)
}

fn addresses<K: Kind>(set: &Set<K>) -> String {
    let addresses: Vec<String> = set.seats().iter().map(|seat| seat.address().to_string()).collect();
    addresses.join(",")
}
