//! The roles of a process, and the only match on one. Today every role runs in one process (`natter all`).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use natter_console::SdkFacts;
use tokio::task::JoinSet;
use tracing::info;

use crate::certificates::Certificates;
use crate::config::Loaded;
use crate::data::DataDir;
use crate::doors::{Doors, port_of, tokio_listener};
use crate::health::Ready;
use crate::parts::Parts;
use crate::services::{Facts, Services};
use crate::stop::Stop;
use crate::tls::{self, Tls};
use crate::{first, health, system};

/// What a process can be. More of them come with the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    All,
}

const NAMES: [&str; 10] = ["account", "api", "console", "dialog", "edge", "history", "presence", "push", "storage", "cluster"];

/// Reads `all`, or names of roles separated by commas or spaces.
pub fn parse(text: &str) -> Result<Vec<Role>> {
    text.split([',', ' ']).filter(|name| !name.is_empty()).map(role).collect()
}

fn role(name: &str) -> Result<Role> {
    match name {
        "all" => Ok(Role::All),
        name if NAMES.contains(&name) => {
            bail!("the role {name} cannot run in a process of its own yet: this release runs them together (`natter all`)")
        }
        name => bail!("there is no command or role called {name:?}; see `natter --help`"),
    }
}

/// Runs the roles until they are told to stop.
pub async fn run(roles: Vec<Role>, loaded: Loaded, stop: Stop) -> Result<()> {
    match roles.as_slice() {
        [Role::All, ..] => all(loaded, stop).await,
        [] => bail!("no role named; see `natter --help`"),
    }
}

// Starts everything, then stops it from the doors down.
async fn all(loaded: Loaded, stop: Stop) -> Result<()> {
    let system = system::facts(&loaded);
    let config = loaded.config;
    let doors = Doors::bind(&config)?;
    let data = DataDir::open(&config.data)?;
    let certificates = Certificates::prepare(&data.tls(), &config.hosts)?;
    let parts = Parts::open(&config, &data)?;
    let tls = Arc::new(Tls::open(&config.tls, certificates.pair(), &parts.metrics)?);
    let hangups = tls::hangups()?;
    let host = config.hosts.first().cloned().unwrap_or_else(|| config.edge.host.clone());
    let sdk = sdk_facts(&host, &doors, &certificates)?;
    let facts = Facts { host, ca_pem: certificates.ca_pem()?, admin_token: data.admin_token()?, sdk: sdk.clone(), system };
    let services = Services::new(&config, &parts, facts)?;
    let banner = first::prepare(&services, &sdk, &doors).await?;

    let ready = Ready::default();
    let lower = Stop::default();
    let health = health::run(doors.health, parts.metrics.clone(), ready.clone(), lower.now.clone().cancelled_owned());
    let mut above = JoinSet::new();
    let mut below = JoinSet::new();
    let chat = natter_edge::Doors {
        tcp: Some(tokio_listener(doors.chat_tcp)?),
        tls: Some(tokio_listener(doors.chat_tls)?),
        wss: Some(tokio_listener(doors.chat_wss)?),
        ws: Some(tokio_listener(doors.chat_ws)?),
        tls_config: Some(tls.server_config(&[])?),
    };
    let rest = natter_api::Doors {
        tls: Some(doors.rest_tls),
        plain: Some(doors.rest_plain),
        tls_config: Some(Arc::unwrap_or_clone(tls.server_config(&["h2", "http/1.1"])?)),
    };
    let Services { account, presence, storage, push, dialog, edge, api, console, keepers, .. } = services;
    let (drain, end) = (|| stop.drain.clone().cancelled_owned(), || lower.drain.clone().cancelled_owned());
    below.spawn({
        let (account, end) = (account.clone(), end());
        async move { account.erase(keepers, end).await }
    });
    below.spawn({
        let end = end();
        async move { account.run(end).await }
    });
    below.spawn({
        let end = end();
        async move { presence.run(end).await }
    });
    below.spawn({
        let end = end();
        async move { storage.run(end).await }
    });
    below.spawn({
        let end = end();
        async move { push.run(end).await }
    });
    below.spawn({
        let (trace, end) = (parts.trace.clone(), end());
        async move { trace.run(end).await }
    });
    below.spawn({
        let end = end();
        async move { dialog.run(end).await }
    });
    let tls_end = end();
    below.spawn(async move { tls.run(hangups, tls_end).await });
    let (chat_end, rest_end, console_end) = (drain(), drain(), drain());
    above.spawn(async move { edge.run(chat, chat_end).await.context("the chat door ended") });
    above.spawn(async move { api.run(rest, rest_end).await.context("the REST door ended") });
    above.spawn(async move { console.run(doors.console, console_end).await.context("the console ended") });
    let health = tokio::spawn(health);
    ready.set(true);
    banner.print();

    stop.drain.cancelled().await;
    ready.set(false);
    info!("draining");
    let drained = async {
        while let Some(ended) = above.join_next().await {
            ended.context("a door ended by a panic")??;
        }
        lower.drain.cancel();
        while let Some(ended) = below.join_next().await {
            ended.context("a service ended by a panic")?;
        }
        lower.now.cancel();
        health.await.context("the health port ended by a panic")?
    };
    tokio::select! {
        biased;
        () = stop.now.cancelled() => Ok(()),
        ended = tokio::time::timeout(DRAIN, drained) => ended.unwrap_or(Ok(())),
    }
}

/// How long a drain may take before the process ends anyway.
const DRAIN: Duration = Duration::from_secs(30);

fn sdk_facts(host: &str, doors: &Doors, certificates: &Certificates) -> Result<SdkFacts> {
    Ok(SdkFacts {
        api_host: format!("{host}:{}", port_of(&doors.rest_tls)?),
        chat_host: host.to_owned(),
        websocket: format!("wss://{host}:{}", port_of(&doors.chat_wss)?),
        api_url_plain: format!("http://localhost:{}", port_of(&doors.rest_plain)?),
        chat_url_plain: format!("ws://localhost:{}", port_of(&doors.chat_ws)?),
        ca_path: certificates.ca.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_the_cluster_and_a_typo_are_told_apart() {
        assert_eq!(parse("all").unwrap(), [Role::All]);
        assert!(parse("edge,dialog").unwrap_err().to_string().contains("cannot run in a process of its own yet"));
        assert!(parse("egde").unwrap_err().to_string().contains("no command or role"));
    }
}
