//! The roles of a process, and the only match on one. All of them without another process (`natter all`), or some of them as one process
//! of a cluster.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use natter_cluster::Cluster;
use natter_db::Db;
use natter_rpc::{Serving, serve_with};
use natter_telemetry::{Logs, Process};
use tokio::task::JoinSet;
use tracing::info;

use crate::certificates::Certificates;
use crate::config::{Config, Loaded};
use crate::data::DataDir;
use crate::doors::{Doors, tokio_listener};
use crate::health::Ready;
use crate::parts::Parts;
use crate::services::{Facts, Services};
use crate::stop::Stop;
use crate::tls::{self, Tls};
use crate::{cluster, first, health, rollout, sdk, system, vitals, wanted};

/// A part of the product that a process can be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    Account,
    Api,
    Console,
    Dialog,
    Edge,
    History,
    Presence,
    Push,
    Storage,
}

impl Role {
    pub const ALL: [Role; 9] = [
        Role::Account,
        Role::Api,
        Role::Console,
        Role::Dialog,
        Role::Edge,
        Role::History,
        Role::Presence,
        Role::Push,
        Role::Storage,
    ];

    /// As it stands on the command line, and in what members say of themselves.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Account => "account",
            Role::Api => "api",
            Role::Console => "console",
            Role::Dialog => "dialog",
            Role::Edge => "edge",
            Role::History => "history",
            Role::Presence => "presence",
            Role::Push => "push",
            Role::Storage => "storage",
        }
    }
}

/// What a process is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Roles {
    /// Everything, with stores of its own.
    Alone,
    /// Some roles, ascending, beside the other processes of a cluster.
    Apart(Vec<Role>),
}

impl Roles {
    /// Which roles run here.
    pub fn list(&self) -> &[Role] {
        match self {
            Roles::Alone => &Role::ALL,
            Roles::Apart(roles) => roles,
        }
    }

    pub fn has(&self, role: Role) -> bool {
        self.list().contains(&role)
    }

    /// As what this process stands in traces: all of Natter, or its roles under the name that the cluster knows it by.
    pub fn process(&self, config: &Config) -> Process {
        let (service, name) = match self {
            Roles::Alone => ("natter".to_owned(), cluster::host_name()),
            Roles::Apart(roles) => {
                let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                (format!("natter-{}", names.join("-")), cluster::name(&config.cluster, roles))
            }
        };
        Process { service, name, version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Reads `all`, or names of roles separated by commas or spaces.
pub fn parse(text: &str) -> Result<Roles> {
    let names: Vec<&str> = text.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    if names == ["all"] {
        return Ok(Roles::Alone);
    }
    let roles = names.into_iter().map(role).collect::<Result<BTreeSet<Role>>>()?;
    match (roles.contains(&Role::Dialog), roles.contains(&Role::History)) {
        _ if roles.is_empty() => bail!("no role named; see `natter --help`"),
        (true, false) | (false, true) => bail!("dialog and history are one process: `natter dialog,history`"),
        _ => Ok(Roles::Apart(roles.into_iter().collect())),
    }
}

fn role(name: &str) -> Result<Role> {
    match Role::ALL.into_iter().find(|role| role.name() == name) {
        Some(role) => Ok(role),
        None if name == "all" => bail!("all is every role: nothing stands beside it"),
        None => bail!("there is no command or role called {name:?}; see `natter --help`"),
    }
}

/// Runs the roles until they are told to stop: starts everything, then stops it from the doors down.
pub async fn run(roles: Roles, loaded: Loaded, logs: Logs, stop: Stop) -> Result<()> {
    let system = system::facts(&loaded);
    let config = loaded.config;
    if let Roles::Apart(_) = roles {
        config.cluster.check()?;
    }
    let doors = Doors::bind(&config, &roles)?;
    let data = match roles {
        Roles::Alone => DataDir::open(&config.data)?,
        Roles::Apart(_) => DataDir::of(&config)?,
    };
    let certificates = match roles {
        Roles::Alone => Certificates::prepare(&data.tls(), &config.hosts)?,
        Roles::Apart(_) => Certificates::at(&data.tls()),
    };
    let parts = match &roles {
        Roles::Alone => Parts::embedded(&config, &data).await?,
        Roles::Apart(list) => Parts::clustered(&config, &data, list, doors.calls_port()?).await?,
    };
    let tls = Arc::new(Tls::open(&config.tls, certificates.pair(), &parts.metrics)?);
    let hangups = tls::hangups()?;
    let host = config.hosts.first().cloned().unwrap_or_else(|| config.edge.host.clone());
    let authority = certificates.authority_of(&tls.chain_for(&host));
    let ca = authority.as_ref().map(|_| certificates.ca.as_path());
    let sdk = sdk::facts(&host, &config, &doors, ca);
    let facts = Facts { host, ca_pem: authority, admin_token: data.admin_token()?, sdk: sdk.clone(), system, logs };
    let services = Services::new(&config, &parts, &roles, facts)?;

    let ready = Ready::of(services.edge.as_ref().map(natter_edge::Service::drains));
    let lower = Stop::default();
    let (drain, end) = (|| stop.drain.clone().cancelled_owned(), || lower.drain.clone().cancelled_owned());
    let health =
        tokio::spawn(health::run(doors.health, parts.metrics.clone(), ready.clone(), lower.now.clone().cancelled_owned()));
    let (mut above, mut below) = (JoinSet::new(), JoinSet::new());
    if let Some(cluster) = &parts.cluster {
        below.spawn(cluster.clone().run(lower.now.clone().cancelled_owned()));
    }
    let mut calls_health = None;
    if let Some(calls) = doors.calls {
        let (routes, health) = services.offered(&parts).finish().await?;
        calls_health = Some(health);
        let serving = Serving { tls: parts.tls.clone(), meters: Some(parts.calls.clone()) };
        let served = serve_with(tokio_listener(calls)?, routes, serving, end());
        below.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "calls are no longer taken");
            }
        });
    }
    let banner = match roles {
        Roles::Alone => Some(first::prepare(&services.links, &sdk, &doors.chosen, config.first_app).await?),
        Roles::Apart(_) => None,
    };
    let Services { account, presence, storage, push, dialog, edge, api, console, itself, links, .. } = services;
    below.spawn({
        let (overriding, end) = (links.overriding.clone(), end());
        async move {
            tokio::select! {
                biased;
                () = end => {}
                () = itself.follow(overriding) => {}
            }
        }
    });
    if let Some(cluster) = parts.cluster.clone() {
        let (roles, db, tls, end) = (roles.clone(), parts.db.clone(), parts.tls.clone(), end());
        below.spawn(async move {
            tokio::select! {
                biased;
                () = end => {}
                () = notice(&cluster, &roles, &db, tls) => {}
            }
        });
    }
    let own = |role| cluster::own(parts.cluster.as_ref(), role);
    if let Some(account) = account {
        let (walking, links, bus, own, stop) = (account.clone(), links.clone(), parts.bus.clone(), own(Role::Account), end());
        below.spawn(async move {
            let walk = || walking.clone().erase(links.keepers(&bus), std::future::pending());
            own.while_mine(cluster::ROLE_SHARD, walk, stop).await;
        });
        below.spawn(account.run(end()));
    }
    if let Some(presence) = presence {
        let end = end();
        below.spawn(async move { presence.run(end).await });
    }
    if let Some(storage) = storage {
        below.spawn(storage.run(end()));
    }
    if let Some(push) = push {
        if let Some(cluster) = parts.cluster.clone() {
            let (posted, end) = (parts.posted.clone(), end());
            below.spawn(async move {
                tokio::select! {
                    biased;
                    () = end => {}
                    () = cluster::read_lanes(&cluster, &posted) => {}
                }
            });
        }
        below.spawn(push.run(end()));
    }
    below.spawn({
        let (posted, bus, end) = (parts.posted.clone(), parts.bus.clone(), end());
        async move {
            tokio::select! {
                biased;
                () = end => {}
                () = wanted::follow(&posted, &bus) => {}
            }
        }
    });
    below.spawn({
        let (trace, end) = (parts.trace.clone(), end());
        async move { trace.run(end).await }
    });
    if let Some(dialog) = dialog {
        let end = end();
        below.spawn(async move { dialog.run(end).await });
    }
    below.spawn(tls.clone().run(hangups, end()));
    if let (Some(edge), Some(chat)) = (edge, doors.chat) {
        let chat = chat.open(tls.server_config(&[])?)?;
        let (drained, cluster) = (drain(), parts.cluster.clone());
        let end = async move {
            drained.await;
            if let Some(cluster) = cluster {
                rollout::may_move(&cluster).await;
            }
        };
        above.spawn(async move { edge.run(chat, end).await.context("the chat door ended") });
    }
    if let (Some(api), Some(rest)) = (api, doors.rest) {
        let rest = rest.open(Arc::unwrap_or_clone(tls.server_config(&["h2", "http/1.1"])?));
        let end = drain();
        above.spawn(async move { api.run(rest, end).await.context("the REST door ended") });
    }
    if let (Some(console), Some(door)) = (console, doors.console) {
        let end = drain();
        above.spawn(async move { console.run(door, end).await.context("the console ended") });
    }
    if let Some(cluster) = &parts.cluster {
        tokio::select! {
            biased;
            () = stop.drain.cancelled() => {}
            () = cluster.joined() => {}
        }
    }
    ready.set(true);
    if let Some(health) = &calls_health {
        health.set(true).await;
    }
    match banner {
        Some(banner) => banner.print(),
        None => info!(roles = ?roles.list().iter().map(|role| role.name()).collect::<Vec<_>>(), "this process serves"),
    }

    let mut ended_early = None;
    tokio::select! {
        biased;
        () = stop.drain.cancelled() => {}
        // A door that ends by itself has said why.
        Some(ended) = above.join_next() => ended_early = Some(ended),
    }
    ready.set(false);
    if let Some(health) = &calls_health {
        health.set(false).await;
    }
    if let Some(cluster) = &parts.cluster {
        cluster.drain();
    }
    info!("draining");
    let waits = parts.cluster.is_some() && roles.has(Role::Edge);
    let longest = if waits { DRAIN + rollout::PATIENCE } else { DRAIN };
    let drained = async {
        if let Some(ended) = ended_early {
            stop.drain.cancel();
            ended.context("a door ended by a panic")??;
        }
        while let Some(ended) = above.join_next().await {
            ended.context("a door ended by a panic")??;
        }
        lower.drain.cancel();
        // The membership ends with the process: what runs below is still called by others until it ends.
        let members = usize::from(parts.cluster.is_some());
        while below.len() > members {
            let Some(ended) = below.join_next().await else { break };
            ended.context("a service ended by a panic")?;
        }
        lower.now.cancel();
        while let Some(ended) = below.join_next().await {
            ended.context("a service ended by a panic")?;
        }
        health.await.context("the health port ended by a panic")?
    };
    tokio::select! {
        biased;
        () = stop.now.cancelled() => Ok(()),
        ended = tokio::time::timeout(longest, drained) => ended.unwrap_or(Ok(())),
    }
}

/// What its roles have to notice, until it is dropped. Doors keep no rows, and nobody takes their work over.
async fn notice(cluster: &Cluster, roles: &Roles, db: &Db, tls: Option<natter_rpc::Tls>) {
    let keeps_rows = |role: &Role| !matches!(role, Role::Api | Role::Console | Role::Edge);
    let of_store = async {
        if let (Db::Cql(cql), true) = (db, roles.list().iter().any(keeps_rows)) {
            vitals::of_store(cluster, cql).await;
        }
    };
    let of_ways = async {
        if roles.has(Role::Edge) {
            vitals::of_ways(cluster, cluster::routing(cluster, Role::Dialog, None, None).places, tls).await;
        }
    };
    tokio::join!(of_store, of_ways);
}

/// How long a drain may take before the process ends anyway; with an edge in a cluster, what that waits for others comes on top.
const DRAIN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_stands_in_traces_under_its_roles_and_its_name_in_the_cluster() {
        let mut config = Config::default();
        config.cluster.name = "a-1".to_owned();
        let process = |roles: &str| parse(roles).unwrap().process(&config);
        assert_eq!((process("all").service.as_str(), process("all").name == "a-1"), ("natter", false));
        let apart = process("history,dialog");
        assert_eq!((apart.service.as_str(), apart.name.as_str()), ("natter-dialog-history", "a-1"));
    }

    #[test]
    fn roles_are_read_from_their_names_and_a_typo_is_named() {
        assert_eq!(parse("all").unwrap(), Roles::Alone);
        assert_eq!(parse("push,edge edge").unwrap(), Roles::Apart(vec![Role::Edge, Role::Push]));
        for (text, said) in [
            ("egde", "no command or role"),
            ("", "no role named"),
            ("dialog", "dialog,history"),
            ("history,edge", "dialog,history"),
            ("all,edge", "nothing stands beside it"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(said), "{text}");
        }
    }
}
