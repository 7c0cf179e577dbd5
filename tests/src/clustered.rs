//! The sandbox's process as one of a cluster: all roles in it, over the real servers that `NATTER_TEST_CQL` and the other variables name, each
//! process with a keyspace, subjects and a bucket prefix of its own. `NATTER_CLUSTERED=1` makes every test's process such a one.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Every role, as the command line takes them.
pub const ROLES: &str = "account,api,console,dialog,edge,history,presence,push,storage";

static MADE: AtomicU32 = AtomicU32::new(0);

/// What sets one process of a cluster apart.
#[derive(Clone, Debug)]
pub struct Clustered {
    settings: Vec<String>,
}

impl Clustered {
    /// Settings for a process that keeps its secrets in this folder; none if the tests run on embedded stores.
    pub fn of(secrets: &Path) -> Result<Option<Clustered>> {
        if std::env::var_os("NATTER_CLUSTERED").is_none() {
            return Ok(None);
        }
        let name = format!("t{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let servers = |variable: &str| -> Result<String> {
            let list = std::env::var(variable).with_context(|| format!("{variable} names no server"))?;
            let quoted: Vec<String> = list.split(',').map(|address| format!("\"{address}\"")).collect();
            Ok(format!("[{}]", quoted.join(",")))
        };
        let word = |variable: &str| std::env::var(variable).with_context(|| format!("{variable} is not set"));
        let settings = vec![
            format!("cluster.name={name}"),
            "cluster.port=0".to_owned(),
            format!("cluster.secrets={}", secrets.display()),
            format!("cluster.cql.nodes={}", servers("NATTER_TEST_CQL")?),
            format!("cluster.cql.keyspace={name}"),
            "cluster.cql.replicas=1".to_owned(),
            format!("cluster.nats.nodes={}", servers("NATTER_TEST_NATS")?),
            format!("cluster.nats.prefix={name}"),
            format!("cluster.posted.stream={name}"),
            format!("cluster.redis.nodes={}", servers("NATTER_TEST_REDIS")?),
            format!("cluster.redis.prefix={name}:"),
            format!("cluster.s3.endpoint=http://{}", word("NATTER_TEST_S3")?),
            format!("cluster.s3.bucket={}", word("NATTER_TEST_S3_BUCKET")?),
            format!("cluster.s3.prefix={name}/"),
            format!("cluster.s3.access_key={}", word("NATTER_TEST_S3_ACCESS_KEY")?),
            format!("cluster.s3.secret_key={}", word("NATTER_TEST_S3_SECRET_KEY")?),
        ];
        Ok(Some(Clustered { settings }))
    }

    pub fn settings(&self) -> &[String] {
        &self.settings
    }
}
