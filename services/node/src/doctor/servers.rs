//! The servers that a cluster keeps its things in, asked as a process would ask them: each kind in one line. Nothing is made or changed there.

use std::time::Duration;

use futures::join;
use natter_bus::{Bus, Log};
use natter_db::Cql;
use natter_db::cql::Applied;
use natter_db::redis::Redis;
use tokio::time::timeout;

use super::facts::{Servers, State};
use crate::command::migrate::migrations;
use crate::config::Config;

/// How long servers of one kind may take, all of them together.
const PATIENCE: Duration = Duration::from_secs(10);
/// A key that nobody has.
const NO_KEY: &str = "natter-doctor";

/// Looks at all four. What each connects with is large, so it is boxed.
pub async fn look(config: &Config) -> [Servers; 4] {
    let options = &config.cluster;
    let (cql, nats, redis, s3) = join!(
        within(Box::pin(cql(config))),
        within(Box::pin(nats(config))),
        within(Box::pin(redis(config))),
        within(Box::pin(async { natter_storage::look(&options.s3).await.map(State::Well) })),
    );
    let bucket = match options.s3.endpoint.as_str() {
        "" => format!("bucket {} of AWS", options.s3.bucket),
        endpoint => format!("bucket {} at {endpoint}", options.s3.bucket),
    };
    [
        Servers { check: "CQL", settings: "cluster.cql", at: options.cql.nodes.join(", "), state: cql },
        Servers { check: "NATS", settings: "cluster.nats", at: options.nats.nodes.join(", "), state: nats },
        Servers { check: "Redis", settings: "cluster.redis", at: options.redis.nodes.join(", "), state: redis },
        Servers { check: "S3", settings: "cluster.s3", at: bucket, state: s3 },
    ]
}

async fn within(looking: impl Future<Output = Result<State, String>>) -> State {
    let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
    let found = timeout(PATIENCE, looking).await.unwrap_or_else(late);
    // A bucket refuses in many lines.
    found.unwrap_or_else(|why| State::Failed(why.lines().next().unwrap_or_default().to_owned()))
}

async fn cql(config: &Config) -> Result<State, String> {
    let found = Cql::migrate(&config.cluster.cql, &migrations(), true).await.map_err(|error| error.to_string())?;
    let waiting = found.iter().filter(|(_, applied)| *applied == Applied::Not).count();
    Ok(match waiting {
        0 => State::Well(format!("answers, and has all {} changes of tables of this version", found.len())),
        _ => State::Waits(format!("answers, and {waiting} changes of tables wait: run `natter migrate`")),
    })
}

async fn nats(config: &Config) -> Result<State, String> {
    let options = &config.cluster;
    let bus = Bus::nats(&options.nats).await.map_err(|error| error.to_string())?;
    if !bus.is_reached().await {
        return Err("no server answers".to_owned());
    }
    let log = Log::jetstream(&options.nats, &options.posted).await.map_err(|error| error.to_string())?;
    Ok(match log.is_kept().await.map_err(|error| error.to_string())? {
        true => State::Well(format!("answers, and keeps the stream {}", options.posted.stream)),
        false => State::Well(format!("answers; the stream {} is made by the first process that needs it", options.posted.stream)),
    })
}

async fn redis(config: &Config) -> Result<State, String> {
    let redis = Redis::connect(&config.cluster.redis).await.map_err(|error| error.to_string())?;
    redis.get(NO_KEY).await.map_err(|error| error.to_string())?;
    Ok(State::Well("answers".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config() -> Config {
        let text = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not said"));
        let nodes = |name: &str| text(name).split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut config = Config::default();
        let cluster = &mut config.cluster;
        cluster.cql.nodes = nodes("NATTER_TEST_CQL");
        // Nobody makes it.
        cluster.cql.keyspace = format!("doctor_{}", std::process::id());
        cluster.nats.nodes = nodes("NATTER_TEST_NATS");
        cluster.posted.stream = format!("doctor-{}", std::process::id());
        cluster.redis.nodes = nodes("NATTER_TEST_REDIS");
        cluster.s3.endpoint = format!("http://{}", text("NATTER_TEST_S3"));
        cluster.s3.bucket = text("NATTER_TEST_S3_BUCKET");
        cluster.s3.access_key = text("NATTER_TEST_S3_ACCESS_KEY");
        cluster.s3.secret_key = text("NATTER_TEST_S3_SECRET_KEY");
        config
    }

    #[tokio::test]
    #[ignore = "needs NATS: cargo xtask test --servers"]
    async fn servers_of_all_kinds_are_asked_and_those_that_cannot_be_used_are_named() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let there = config();
        let [cql, nats, redis, s3] = look(&there).await.map(|found| found.state);
        assert!(matches!(&cql, State::Waits(what) if what.contains("natter migrate")), "{cql:?}");
        // A look makes no stream.
        for _ in 0..2 {
            let [_, nats, ..] = look(&there).await.map(|found| found.state);
            assert!(matches!(&nats, State::Well(what) if what.contains("is made by the first")), "{nats:?}");
        }
        for found in [nats, redis, s3] {
            assert!(matches!(found, State::Well(_)), "{found:?}");
        }
        let mut away = there.clone();
        let nobody = vec!["127.0.0.1:1".to_owned()];
        away.cluster.cql.nodes = nobody.clone();
        away.cluster.nats.nodes = nobody.clone();
        away.cluster.redis.nodes = nobody;
        away.cluster.s3.bucket = "natter-doctor-none".into();
        for found in look(&away).await {
            assert!(matches!(found.state, State::Failed(_)), "{found:?}");
        }
        let mut wrong = there;
        wrong.cluster.s3.secret_key = "another".into();
        let [.., s3] = look(&wrong).await;
        assert!(matches!(s3.state, State::Failed(_)), "{s3:?}");
    }
}
