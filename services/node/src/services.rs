//! The services of a process, made from the lowest layer up, and the links to all of them: into this process, or to whichever process of
//! the cluster should serve what is asked.

use std::sync::Arc;

use anyhow::{Context, Result};
use natter_bus::Bus;
use natter_console::{Archives, SdkFacts, SystemFacts};
use natter_rpc::{Link, Offered, guarded};
use natter_telemetry::Logs;

use crate::config::Config;
use crate::parts::Parts;
use crate::process::{self, Itself};
use crate::roles::{Role, Roles};
use crate::{backup, cluster, peers};

/// Made and not yet running. Absent: of a role that is not this process's.
pub struct Services {
    pub account: Option<natter_account::Service>,
    pub presence: Option<natter_presence::Service>,
    pub storage: Option<natter_storage::Service>,
    pub push: Option<natter_push::Service>,
    pub history: Option<natter_history::Service>,
    pub dialog: Option<natter_dialog::Service>,
    pub edge: Option<natter_edge::Service>,
    pub api: Option<natter_api::Service>,
    pub console: Option<natter_console::Service>,
    /// This process, whatever its roles are.
    pub itself: Itself,
    pub links: Links,
}

/// To every door of every role.
#[derive(Clone)]
pub struct Links {
    pub account: Link,
    pub administration: Link,
    pub operators: Link,
    pub audit: Link,
    pub overriding: Link,
    pub reports: Link,
    pub tokens: Link,
    pub account_eraser: Link,
    pub presence: Link,
    pub sessions: Link,
    pub presence_eraser: Link,
    pub storage: Link,
    pub storage_eraser: Link,
    pub history: Link,
    pub history_eraser: Link,
    pub dialog: Link,
    pub dialog_eraser: Link,
    pub push: Link,
    pub events: Link,
    pub traces: Link,
    pub credentials: Link,
    pub alerting: Link,
    pub webhooks: Link,
    pub push_eraser: Link,
    pub archives: Archives,
}

/// What the services need beside the shared parts.
pub struct Facts {
    /// The name under which clients reach this host.
    pub host: String,
    /// Of the CA that clients have to trust; none if they know it.
    pub ca_pem: Option<String>,
    pub admin_token: String,
    pub sdk: SdkFacts,
    pub system: SystemFacts,
    /// What this process logs.
    pub logs: Logs,
}

impl Links {
    /// For the walk of an erasure.
    pub fn keepers(&self, bus: &Bus) -> natter_account::Keepers {
        natter_account::Keepers {
            bus: bus.clone(),
            account: self.account_eraser.clone(),
            presence: self.presence_eraser.clone(),
            dialog: self.dialog_eraser.clone(),
            history: self.history_eraser.clone(),
            storage: self.storage_eraser.clone(),
            push: self.push_eraser.clone(),
        }
    }
}

/// Makes links to a role: into this process if it is alone, else to the process that should serve what is asked.
struct To<'a> {
    config: &'a Config,
    parts: &'a Parts,
    role: Role,
}

/// A link to one door of a role, with its server if it is here.
macro_rules! link {
    ($to:expr, $service:expr, $server:ident) => {{
        let to = $to;
        let options = to.config.link.options();
        let here = $service.as_ref().map(|service| Link::measured(service.$server(), options, &to.parts.calls));
        to.link(here)
    }};
}

impl To<'_> {
    fn link(&self, here: Option<Link>) -> Link {
        match &self.parts.cluster {
            Some(cluster) => cluster::link(cluster, self.role, here, self.parts.tls.clone(), self.config.link.options()),
            None => here.unwrap_or_else(Link::absent),
        }
    }
}

impl Services {
    /// Makes those of these roles, and links to all.
    pub fn new(config: &Config, parts: &Parts, roles: &Roles, facts: Facts) -> Result<Services> {
        let to = |role| To { config, parts, role };
        let has = |role| roles.has(role);
        let history = has(Role::History).then(|| history(config, parts)).transpose()?;
        let account = has(Role::Account).then(|| account(config, parts, &facts.host)).transpose()?;
        let presence = has(Role::Presence).then(|| presence(config, parts)).transpose()?;
        let storage = has(Role::Storage).then(|| storage(config, parts)).transpose()?;
        let account_link = link!(to(Role::Account), account, server);
        let presence_link = link!(to(Role::Presence), presence, server);
        let history_link = link!(to(Role::History), history, server);
        let dialog = match (&history, has(Role::Dialog)) {
            // The history of a dialog that is this process's is here too.
            (Some(history), true) => {
                let old_rows = Link::measured(history.archive_server(), config.link.options(), &parts.calls);
                let history = Link::measured(history.server(), config.link.options(), &parts.calls);
                Some(dialog(config, parts, (history, old_rows), account_link.clone(), presence_link.clone())?)
            }
            _ => None,
        };
        let dialog_link = link!(to(Role::Dialog), dialog, server);
        let push = match has(Role::Push) {
            true => {
                let links = natter_push::Links {
                    account: account_link.clone(),
                    dialog: dialog_link.clone(),
                    history: history_link.clone(),
                    presence: presence_link.clone(),
                };
                Some(push(config, parts, &facts.host, links)?)
            }
            false => None,
        };
        let archives = Archives {
            account: link!(to(Role::Account), account, archive_server),
            dialog: link!(to(Role::Dialog), dialog, archive_server),
            history: link!(to(Role::History), history, archive_server),
            storage: link!(to(Role::Storage), storage, archive_server),
            presence: link!(to(Role::Presence), presence, archive_server),
        };
        let links = Links {
            archives,
            administration: link!(to(Role::Account), account, administration_server),
            operators: link!(to(Role::Account), account, operators_server),
            audit: link!(to(Role::Account), account, audit_server),
            overriding: link!(to(Role::Account), account, overriding_server),
            reports: link!(to(Role::Account), account, reports_server),
            tokens: link!(to(Role::Account), account, tokens_server),
            account_eraser: link!(to(Role::Account), account, eraser_server),
            account: account_link,
            sessions: link!(to(Role::Presence), presence, sessions_server),
            presence_eraser: link!(to(Role::Presence), presence, eraser_server),
            presence: presence_link,
            storage: link!(to(Role::Storage), storage, server),
            storage_eraser: link!(to(Role::Storage), storage, eraser_server),
            history_eraser: link!(to(Role::History), history, eraser_server),
            history: history_link,
            dialog_eraser: link!(to(Role::Dialog), dialog, eraser_server),
            dialog: dialog_link,
            push: link!(to(Role::Push), push, server),
            events: link!(to(Role::Push), push, events_server),
            traces: link!(to(Role::Push), push, traces_server),
            credentials: link!(to(Role::Push), push, credentials_server),
            alerting: link!(to(Role::Push), push, alerting_server),
            webhooks: link!(to(Role::Push), push, webhooks_server),
            push_eraser: link!(to(Role::Push), push, eraser_server),
        };
        let edge = has(Role::Edge).then(|| edge(config, parts, &facts.host, &links)).transpose()?;
        let api = has(Role::Api).then(|| api(config, parts, &facts, &links));
        let dials = [
            account.as_ref().map(natter_account::Service::dials),
            dialog.as_ref().map(natter_dialog::Service::dials),
            edge.as_ref().map(natter_edge::Service::dials),
            api.as_ref().map(natter_api::Service::dials),
        ];
        let itself = Itself::new(process::Parts {
            name: parts.cluster.as_ref().map_or_else(|| "natter".to_owned(), |cluster| cluster.me().name),
            boot: parts.cluster.as_ref().map_or(0, |cluster| cluster.me().boot),
            roles: roles.list().iter().map(|role| role.name().to_owned()).collect(),
            logs: facts.logs.clone(),
            dials: dials.into_iter().flatten().flatten().collect(),
            edge: edge.as_ref().map(natter_edge::Service::drains),
            offenders: parts.metrics.offenders(),
            clock: parts.clock.clone(),
        });
        let console = has(Role::Console).then(|| console(config, parts, facts, &links, &itself));
        Ok(Services { account, presence, storage, push, history, dialog, edge, api, console, itself, links })
    }

    /// What calls of other processes arrive at: every door of every role that is here.
    pub fn offered(&self, parts: &Parts) -> Offered {
        let guard = |role| cluster::serves(parts.cluster.as_ref(), role);
        // About this process, so that nobody else could be the right one.
        let mut routes = Offered::default().add_service(self.itself.server());
        if let Some(account) = &self.account {
            routes = routes
                .add_service(guarded(account.server(), guard(Role::Account)))
                .add_service(guarded(account.administration_server(), guard(Role::Account)));
            routes = routes
                .add_service(guarded(account.operators_server(), guard(Role::Account)))
                .add_service(guarded(account.audit_server(), guard(Role::Account)));
            routes = routes
                .add_service(guarded(account.reports_server(), guard(Role::Account)))
                .add_service(guarded(account.tokens_server(), guard(Role::Account)));
            routes = routes
                .add_service(guarded(account.overriding_server(), guard(Role::Account)))
                .add_service(guarded(account.archive_server(), guard(Role::Account)))
                .add_service(guarded(account.eraser_server(), guard(Role::Account)));
        }
        if let Some(presence) = &self.presence {
            routes = routes
                .add_service(guarded(presence.server(), guard(Role::Presence)))
                .add_service(guarded(presence.sessions_server(), guard(Role::Presence)));
            routes = routes.add_service(guarded(presence.eraser_server(), guard(Role::Presence)));
            routes = routes.add_service(guarded(presence.archive_server(), guard(Role::Presence)));
        }
        if let Some(storage) = &self.storage {
            routes = routes
                .add_service(guarded(storage.server(), guard(Role::Storage)))
                .add_service(guarded(storage.eraser_server(), guard(Role::Storage)));
            routes = routes.add_service(guarded(storage.archive_server(), guard(Role::Storage)));
        }
        if let Some(history) = &self.history {
            routes = routes
                .add_service(guarded(history.server(), guard(Role::History)))
                .add_service(guarded(history.eraser_server(), guard(Role::History)));
            routes = routes.add_service(guarded(history.archive_server(), guard(Role::History)));
        }
        if let Some(dialog) = &self.dialog {
            routes = routes
                .add_service(guarded(dialog.server(), guard(Role::Dialog)))
                .add_service(guarded(dialog.eraser_server(), guard(Role::Dialog)));
            routes = routes.add_service(guarded(dialog.archive_server(), guard(Role::Dialog)));
        }
        if let Some(push) = &self.push {
            routes = routes
                .add_service(guarded(push.server(), guard(Role::Push)))
                .add_service(guarded(push.events_server(), guard(Role::Push)))
                .add_service(guarded(push.traces_server(), guard(Role::Push)));
            routes = routes
                .add_service(guarded(push.credentials_server(), guard(Role::Push)))
                .add_service(guarded(push.alerting_server(), guard(Role::Push)));
            routes = routes
                .add_service(guarded(push.webhooks_server(), guard(Role::Push)))
                .add_service(guarded(push.eraser_server(), guard(Role::Push)));
        }
        routes
    }
}

fn history(config: &Config, parts: &Parts) -> Result<natter_history::Service> {
    Ok(natter_history::Service::new(
        config.history.clone(),
        natter_history::Parts {
            db: parts.db.clone(),
            posted: parts.posted.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
        },
    ))
}

fn account(config: &Config, parts: &Parts, host: &str) -> Result<natter_account::Service> {
    // With the name that REST is reached by, if it is another one. Further hosts are on the certificate, and may be an app's.
    let public = config.api.public_url.split("://").last().unwrap_or_default();
    let public = public.split(['/', ':']).next().unwrap_or_default();
    let names = [host, &config.edge.host, public, "localhost"].into_iter().map(str::to_owned);

    let service = natter_account::Service::new(
        config.account.clone(),
        natter_account::Parts {
            db: parts.db.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
            mails: parts.mails.clone(),
            outbound: parts.outbound.clone(),
            verifier_key: parts.verifier_key,
            hosts: names.collect(),
        },
    );
    service.tell(parts.posted.clone());
    Ok(service)
}

fn presence(config: &Config, parts: &Parts) -> Result<natter_presence::Service> {
    Ok(natter_presence::Service::new(
        config.presence.clone(),
        natter_presence::Parts {
            db: parts.db.clone(),
            lossy: parts.lossy.clone(),
            bus: parts.bus.clone(),
            posted: parts.posted.clone(),
            own: cluster::own(parts.cluster.as_ref(), Role::Presence),
            clock: parts.clock.clone(),
            metrics: parts.metrics.clone(),
        },
    ))
}

fn storage(config: &Config, parts: &Parts) -> Result<natter_storage::Service> {
    let service = natter_storage::Service::new(
        config.storage.clone(),
        natter_storage::Parts {
            db: parts.db.clone(),
            place: parts.files.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
        },
    );
    service.context("cannot use the place of files")
}

fn dialog(
    config: &Config,
    parts: &Parts,
    (history, old_rows): (Link, Link),
    account: Link,
    presence: Link,
) -> Result<natter_dialog::Service> {
    Ok(natter_dialog::Service::new(
        config.dialog.clone(),
        natter_dialog::Parts {
            db: parts.db.clone(),
            bus: parts.bus.clone(),
            posted: parts.posted.clone(),
            history,
            account,
            presence,
            old_rows,
            own: cluster::own(parts.cluster.as_ref(), Role::Dialog),
            peers: To { config, parts, role: Role::Dialog }.link(None),
            executor: parts.executor.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
            trace: parts.trace.clone(),
        },
    ))
}

fn push(config: &Config, parts: &Parts, host: &str, links: natter_push::Links) -> Result<natter_push::Service> {
    let contact = match config.push.contact.as_str() {
        "" => format!("https://{host}"),
        contact => contact.to_owned(),
    };
    let service = natter_push::Service::new(
        natter_push::Options { contact, ..config.push.clone() },
        natter_push::Parts {
            db: parts.db.clone(),
            bus: parts.bus.clone(),
            posted: parts.posted.clone(),
            links,
            providers: Arc::new(config.push.senders(parts.clock.clone(), &parts.metrics)?),
            receivers: config.push.webhooks.receivers().context("push.webhooks")?,
            keys: parts.push_keys.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
        },
    );
    if let Some(cluster) = &parts.cluster {
        service.own(cluster::alerts(cluster));
    }
    Ok(service)
}

/// `HOST[:PORT]` of a URL.
fn host_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    behind.split('/').next().unwrap_or_default()
}

fn edge(config: &Config, parts: &Parts, host: &str, links: &Links) -> Result<natter_edge::Service> {
    let id = match &parts.cluster {
        // A subject of the bus is of words without dots.
        Some(cluster) if config.edge.id.is_empty() => cluster.me().name.replace(['.', ' '], "-"),
        _ => config.edge.id.clone(),
    };
    let elsewhere = match &parts.cluster {
        Some(_) if config.edge.elsewhere.is_empty() => host_of(&config.cluster.public_websocket),
        _ => &config.edge.elsewhere,
    };
    Ok(natter_edge::Service::new(
        natter_edge::Options { host: host.to_owned(), id, elsewhere: elsewhere.to_owned(), ..config.edge.clone() },
        natter_edge::Parts {
            account: links.account.clone(),
            dialog: links.dialog.clone(),
            presence: links.presence.clone(),
            history: links.history.clone(),
            bus: parts.bus.clone(),
            executor: parts.executor.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            proxies: config.trusted_proxies.clone(),
            boot: parts.cluster.as_ref().map_or_else(|| parts.chance.u64(), |cluster| cluster.me().boot),
            metrics: parts.metrics.clone(),
            trace: parts.trace.clone(),
            streams: (&parts.lossy).into(),
        },
    )?)
}

fn api(config: &Config, parts: &Parts, facts: &Facts, links: &Links) -> natter_api::Service {
    natter_api::Service::new(
        config.api.clone(),
        natter_api::Parts {
            account: links.account.clone(),
            dialog: links.dialog.clone(),
            presence: links.presence.clone(),
            history: links.history.clone(),
            storage: links.storage.clone(),
            push: links.push.clone(),
            events: links.events.clone(),
            reports: links.reports.clone(),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            proxies: config.trusted_proxies.clone(),
            metrics: parts.metrics.clone(),
            ca_pem: facts.ca_pem.clone(),
            root: format!("https://{}", facts.sdk.api_host),
            muc_domain: format!("muc.{}", facts.host),
        },
    )
}

fn console(config: &Config, parts: &Parts, facts: Facts, links: &Links, itself: &Itself) -> natter_console::Service {
    let here = Link::measured(itself.server(), config.link.options(), &parts.calls);
    natter_console::Service::new(
        config.console.clone(),
        natter_console::Parts {
            account: links.account.clone(),
            operators: links.operators.clone(),
            audit: links.audit.clone(),
            reports: links.reports.clone(),
            administration: links.administration.clone(),
            traces: links.traces.clone(),
            credentials: links.credentials.clone(),
            webhooks: links.webhooks.clone(),
            push: links.push.clone(),
            alerting: links.alerting.clone(),
            dialog: links.dialog.clone(),
            history: links.history.clone(),
            clock: parts.clock.clone(),
            proxies: config.trusted_proxies.clone(),
            tokens: links.tokens.clone(),
            presence: links.presence.clone(),
            chat_sessions: links.sessions.clone(),
            storage: links.storage.clone(),
            events: links.events.clone(),
            archives: links.archives.clone(),
            rows: backup::rows(&parts.db),
            overriding: links.overriding.clone(),
            processes: peers::processes(parts.cluster.as_ref(), here, parts.tls.clone(), config.link.options()),
            metrics: parts.metrics.clone(),
            token: facts.admin_token,
            sdk: facts.sdk,
            system: facts.system,
        },
    )
}

#[cfg(test)]
mod tests;
