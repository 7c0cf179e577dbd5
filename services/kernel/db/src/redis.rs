//! What is shared and may be lost, in Redis or Valkey, one server or a cluster: sessions, tokens that were looked up, limits. Never the
//! only copy of anything durable.
//!
//! - Keys that one script or one batch touches have one hash tag (`{u:1:34}:...`): in a cluster they must lie together.
//! - Every call ends at the deadline. What failed may have been done ([`Error::Unknown`]), unless no server was reached.
//! - No call blocks at the server: one connection carries all of them.

mod options;
#[cfg(feature = "testing")]
pub mod simulated;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use natter_telemetry::Metrics;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, TlsCertificates, TlsMode, cmd};
use tokio::time::timeout;

pub use options::RedisOptions;

use crate::error::Error;
use crate::metrics::{Meters, Op};

/// A program that a server runs in one step, without another's step between.
#[derive(Clone)]
pub struct Script(Arc<redis::Script>);

impl Script {
    /// In Lua 5.1, as Redis takes it.
    pub fn new(code: &str) -> Script {
        Script(Arc::new(redis::Script::new(code)))
    }
}

/// `KEYS[1]`: a hash. `ARGV`: its life in milliseconds, then fields and values; an empty value removes the field.
static PUT_FIELDS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 2, #ARGV, 2 do \
         if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end \
         end \
         redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
         return {}",
    )
});

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Redis {
    connection: Connection,
    prefix: Arc<str>,
    deadline: Duration,
    meters: Arc<Meters>,
}

#[derive(Clone)]
enum Connection {
    One(Box<ConnectionManager>),
    Many(ClusterConnection),
    #[cfg(feature = "testing")]
    Simulated(simulated::Hashes),
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

/// An entry of a stream: its id, and what was put.
pub type StreamEntry = (String, Bytes);

impl Redis {
    /// Connects, and again by itself whenever it has to.
    ///
    /// # Errors
    /// The settings cannot be meant, or no server is reached.
    pub async fn connect(options: &RedisOptions) -> Result<Redis, Error> {
        let refused = |error: RedisError| Error::NotStored(format!("Redis: cannot connect: {error}"));
        let certificates = match options.ca.as_os_str().is_empty() {
            true => None,
            false => Some(std::fs::read(&options.ca).map_err(|error| {
                let ca = options.ca.display();
                Error::NotStored(format!("Redis: {ca}: {error}"))
            })?),
        };
        let scheme = if certificates.is_some() { "rediss" } else { "redis" };
        let urls: Vec<String> = options.nodes.iter().map(|node| format!("{scheme}://{node}")).collect();
        let certificates = certificates.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        let connection = match options.cluster {
            true => {
                let mut builder = ClusterClientBuilder::new(urls).response_timeout(options.deadline());
                builder = builder.connection_timeout(options.deadline()).retries(3);
                if !options.user.is_empty() {
                    builder = builder.username(&options.user);
                }
                if !options.password.is_empty() {
                    builder = builder.password(&options.password);
                }
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates).tls(TlsMode::Secure);
                }
                let client = builder.build().map_err(refused)?;
                Connection::Many(client.get_async_connection().await.map_err(refused)?)
            }
            false => {
                let url = urls.first().ok_or_else(|| Error::NotStored("Redis: no server is named".into()))?;
                let info = url.as_str().into_connection_info().map_err(refused)?;
                let mut settings = info.redis_settings().clone();
                if !options.user.is_empty() {
                    settings = settings.set_username(&options.user);
                }
                if !options.password.is_empty() {
                    settings = settings.set_password(&options.password);
                }
                let info = info.set_redis_settings(settings);
                let client = match certificates {
                    Some(certificates) => Client::build_with_tls(info, certificates),
                    None => Client::open(info),
                };
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(options.deadline()))
                    .set_response_timeout(Some(options.deadline()))
                    .set_max_delay(Duration::from_secs(1));
                let manager = ConnectionManager::new_with_config(client.map_err(refused)?, config).await.map_err(refused)?;
                Connection::One(Box::new(manager))
            }
        };
        Ok(Redis::over(connection, options))
    }

    /// A connection to simulated servers.
    #[cfg(feature = "testing")]
    pub fn simulated(hashes: &simulated::Hashes) -> Redis {
        Redis::over(Connection::Simulated(hashes.clone()), &RedisOptions::default())
    }

    fn over(connection: Connection, options: &RedisOptions) -> Redis {
        let prefix = options.prefix.as_str().into();
        Redis { connection, prefix, deadline: options.deadline(), meters: Arc::new(Meters::new()) }
    }

    /// Shows the metrics of this connection in a registry.
    pub fn register(&self, metrics: &Metrics) {
        self.meters.register(metrics);
    }

    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.ask(Op::Get, cmd("GET").arg(self.key(key))).await
    }

    /// Those of one hash tag, in the order asked.
    pub async fn multi_get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(Op::Get, cmd("MGET").arg(keys.iter().map(|key| self.key(key)).collect::<Vec<_>>())).await
    }

    /// Puts a value, which goes by itself after so long.
    pub async fn put(&self, key: &str, value: &[u8], life: Duration) -> Result<(), Error> {
        self.ask(Op::Commit, cmd("SET").arg(self.key(key)).arg(value).arg("PX").arg(millis(life))).await
    }

    /// The same where there is none yet. Whether it was put.
    pub async fn put_new(&self, key: &str, value: &[u8], life: Duration) -> Result<bool, Error> {
        let put: Option<String> =
            self.ask(Op::Commit, cmd("SET").arg(self.key(key)).arg(value).arg("NX").arg("PX").arg(millis(life))).await?;
        Ok(put.is_some())
    }

    /// Whether there was one.
    pub async fn forget(&self, key: &str) -> Result<bool, Error> {
        self.ask(Op::Commit, cmd("DEL").arg(self.key(key))).await
    }

    /// Fields of a hash, in no order.
    pub async fn fields(&self, key: &str) -> Result<Vec<(String, Bytes)>, Error> {
        #[cfg(feature = "testing")]
        if let Connection::Simulated(hashes) = &self.connection {
            return Ok(hashes.fields(&self.key(key)).await);
        }
        self.ask(Op::Scan, cmd("HGETALL").arg(self.key(key))).await
    }

    /// Puts fields of a hash, and removes those whose value is empty, in one step. The hash goes after so long without a writing.
    pub async fn put_fields(&self, key: &str, fields: &[(String, Vec<u8>)], life: Duration) -> Result<(), Error> {
        #[cfg(feature = "testing")]
        if let Connection::Simulated(hashes) = &self.connection {
            hashes.put_fields(&self.key(key), fields).await;
            return Ok(());
        }
        let life = millis(life).to_string();
        let fields = fields.iter().flat_map(|(field, value)| [field.as_bytes(), value.as_slice()]);
        let arguments: Vec<&[u8]> = [life.as_bytes()].into_iter().chain(fields).collect();
        self.run(&PUT_FIELDS, &[key], &arguments).await.map(drop)
    }

    /// Puts an entry at the end of a stream that keeps about `most` of the newest and goes after so long without one.
    pub async fn append(&self, stream: &str, value: &[u8], most: usize, life: Duration) -> Result<String, Error> {
        let mut together = redis::pipe();
        together.atomic();
        let stream = self.key(stream);
        together.cmd("XADD").arg(&stream).arg("MAXLEN").arg("~").arg(most).arg("*").arg("v").arg(value);
        together.cmd("PEXPIRE").arg(&stream).arg(millis(life)).ignore();
        let started = Instant::now();
        let answer = match &self.connection {
            Connection::One(one) => self.bounded(together.query_async::<(String,)>(&mut one.as_ref().clone())).await,
            Connection::Many(many) => self.bounded(together.query_async::<(String,)>(&mut many.clone())).await,
            #[cfg(feature = "testing")]
            Connection::Simulated(_) => simulated::Hashes::unknown(),
        };
        let answer = answer.map(|(id,)| id);
        self.meters.observe(Op::Commit, started, &answer);
        answer
    }

    /// The entries of a stream above an id (empty: from the first), the oldest first, at most `limit`.
    pub async fn read(&self, stream: &str, above: &str, limit: usize) -> Result<Vec<StreamEntry>, Error> {
        let from = if above.is_empty() { "-".to_owned() } else { format!("({above}") };
        let rows: Vec<(String, Vec<(String, Bytes)>)> =
            self.ask(Op::Scan, cmd("XRANGE").arg(self.key(stream)).arg(from).arg("+").arg("COUNT").arg(limit)).await?;
        let value = |(id, mut fields): (String, Vec<(String, Bytes)>)| fields.pop().map(|(_, value)| (id, value));
        rows.into_iter().map(value).collect::<Option<_>>().ok_or_else(|| Error::Corrupt("an entry of a stream is empty".into()))
    }

    /// Runs a script on keys of one hash tag.
    pub async fn run(&self, script: &Script, keys: &[&str], arguments: &[&[u8]]) -> Result<Vec<Bytes>, Error> {
        let mut invocation = script.0.prepare_invoke();
        for key in keys {
            invocation.key(self.key(key));
        }
        for argument in arguments {
            invocation.arg(*argument);
        }
        let started = Instant::now();
        let answer = match &self.connection {
            Connection::One(one) => self.bounded(invocation.invoke_async(&mut one.as_ref().clone())).await,
            Connection::Many(many) => self.bounded(invocation.invoke_async(&mut many.clone())).await,
            #[cfg(feature = "testing")]
            Connection::Simulated(_) => simulated::Hashes::unknown(),
        };
        self.meters.observe(Op::Commit, started, &answer);
        answer
    }

    // As it stands on the servers.
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn ask<T: FromRedisValue>(&self, op: Op, command: &mut Cmd) -> Result<T, Error> {
        let started = Instant::now();
        let answer = match &self.connection {
            Connection::One(one) => self.one(command, one.as_ref().clone()).await,
            Connection::Many(many) => self.one(command, many.clone()).await,
            #[cfg(feature = "testing")]
            Connection::Simulated(_) => simulated::Hashes::unknown(),
        };
        self.meters.observe(op, started, &answer);
        answer
    }

    async fn one<T: FromRedisValue>(&self, command: &Cmd, mut connection: impl ConnectionLike) -> Result<T, Error> {
        self.bounded(command.query_async(&mut connection)).await
    }

    async fn bounded<T>(&self, answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, Error> {
        match timeout(self.deadline, answer).await {
            Ok(answer) => answer.map_err(|error| failure(&error)),
            Err(_) => Err(Error::Unknown(format!("Redis: no answer within {} ms", self.deadline.as_millis()))),
        }
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

// What a server said no to was not done, nor what never reached one.
fn failure(error: &RedisError) -> Error {
    let text = format!("Redis: {error}");
    match error.kind() {
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Error::Corrupt(text),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => {
            Error::NotStored(text)
        }
        _ if error.is_connection_refusal() => Error::NotStored(text),
        _ => Error::Unknown(text),
    }
}
