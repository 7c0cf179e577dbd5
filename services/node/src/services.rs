//! Every service of `natter all`, made from the lowest layer up, so that each link finds its server.

use std::sync::Arc;

use anyhow::{Context, Result};
use natter_console::{SdkFacts, SystemFacts};
use natter_rpc::Link;

use crate::config::Config;
use crate::parts::Parts;

/// Made and not yet running.
pub struct Services {
    pub account: natter_account::Service,
    pub presence: natter_presence::Service,
    pub storage: natter_storage::Service,
    pub push: natter_push::Service,
    pub dialog: natter_dialog::Service,
    pub edge: natter_edge::Service,
    pub api: natter_api::Service,
    pub console: natter_console::Service,
    /// To `account`, for what a first start makes.
    pub account_link: Link,
    /// To its operators, for the same.
    pub operators_link: Link,
    /// Who keeps something of users, for the walk of an erasure.
    pub keepers: natter_account::Keepers,
}

/// What the services need beside the shared parts.
pub struct Facts {
    /// The name under which clients reach this host.
    pub host: String,
    pub ca_pem: String,
    pub admin_token: String,
    pub sdk: SdkFacts,
    pub system: SystemFacts,
}

impl Services {
    /// Makes all of them.
    pub fn new(config: &Config, parts: &Parts, facts: Facts) -> Result<Services> {
        let link = config.link.options();
        let history_service = history(config, parts);
        let history = Link::local(history_service.server(), link);
        let account = account(config, parts, &facts.host);
        let account_link = Link::local(account.server(), link);
        let administration = Link::local(account.administration_server(), link);
        let operators_link = Link::local(account.operators_server(), link);
        let reports_link = Link::local(account.reports_server(), link);
        let presence = presence(config, parts);
        let presence_link = Link::local(presence.server(), link);
        let storage = storage(config, parts)?;
        let dialog = natter_dialog::Service::new(
            config.dialog.clone(),
            natter_dialog::Parts {
                db: parts.db.clone(),
                bus: parts.bus.clone(),
                history: history.clone(),
                account: account_link.clone(),
                presence: presence_link.clone(),
                executor: parts.executor.clone(),
                clock: parts.clock.clone(),
                chance: parts.chance.clone(),
                metrics: parts.metrics.clone(),
                trace: parts.trace.clone(),
            },
        );
        let dialog_link = Link::local(dialog.server(), link);
        let contact = match config.push.contact.as_str() {
            "" => format!("https://{}", facts.host),
            contact => contact.to_owned(),
        };
        let push = natter_push::Service::new(
            natter_push::Options { contact, ..config.push.clone() },
            natter_push::Parts {
                db: parts.db.clone(),
                bus: parts.bus.clone(),
                posted: parts.posted.clone(),
                links: natter_push::Links {
                    account: account_link.clone(),
                    dialog: dialog_link.clone(),
                    history: history.clone(),
                    presence: presence_link.clone(),
                },
                providers: Arc::new(config.push.senders(parts.clock.clone(), &parts.metrics)?),
                keys: parts.push_keys.clone(),
                clock: parts.clock.clone(),
                metrics: parts.metrics.clone(),
            },
        );
        let edge = natter_edge::Service::new(
            natter_edge::Options { host: facts.host.clone(), ..config.edge.clone() },
            natter_edge::Parts {
                account: account_link.clone(),
                dialog: dialog_link.clone(),
                presence: presence_link.clone(),
                history: history.clone(),
                bus: parts.bus.clone(),
                executor: parts.executor.clone(),
                clock: parts.clock.clone(),
                chance: parts.chance.clone(),
                metrics: parts.metrics.clone(),
                trace: parts.trace.clone(),
            },
        )?;
        let api = natter_api::Service::new(
            config.api.clone(),
            natter_api::Parts {
                account: account_link.clone(),
                dialog: dialog_link.clone(),
                presence: presence_link.clone(),
                history: history.clone(),
                storage: Link::local(storage.server(), link),
                push: Link::local(push.server(), link),
                events: Link::local(push.events_server(), link),
                reports: reports_link.clone(),
                clock: parts.clock.clone(),
                chance: parts.chance.clone(),
                metrics: parts.metrics.clone(),
                ca_pem: Some(facts.ca_pem),
                root: format!("https://{}", facts.sdk.api_host),
                muc_domain: format!("muc.{}", facts.host),
            },
        );
        let console = natter_console::Service::new(
            config.console.clone(),
            natter_console::Parts {
                account: account_link.clone(),
                operators: operators_link.clone(),
                audit: Link::local(account.audit_server(), link),
                reports: reports_link,
                administration,
                traces: Link::local(push.traces_server(), link),
                credentials: Link::local(push.credentials_server(), link),
                push: Link::local(push.server(), link),
                alerting: Link::local(push.alerting_server(), link),
                dialog: dialog_link,
                history,
                clock: parts.clock.clone(),
                tokens: Link::local(account.tokens_server(), link),
                presence: presence_link,
                chat_sessions: Link::local(presence.sessions_server(), link),
                storage: Link::local(storage.server(), link),
                events: Link::local(push.events_server(), link),
                metrics: parts.metrics.clone(),
                token: facts.admin_token,
                sdk: facts.sdk,
                system: facts.system,
            },
        );
        let keepers = natter_account::Keepers {
            bus: parts.bus.clone(),
            account: Link::local(account.eraser_server(), link),
            presence: Link::local(presence.eraser_server(), link),
            dialog: Link::local(dialog.eraser_server(), link),
            history: Link::local(history_service.eraser_server(), link),
            storage: Link::local(storage.eraser_server(), link),
            push: Link::local(push.eraser_server(), link),
        };
        Ok(Services { account, presence, storage, push, dialog, edge, api, console, account_link, operators_link, keepers })
    }
}

fn history(config: &Config, parts: &Parts) -> natter_history::Service {
    natter_history::Service::new(
        config.history.clone(),
        natter_history::Parts {
            db: parts.db.clone(),
            posted: parts.posted.clone(),
            clock: parts.clock.clone(),
            metrics: parts.metrics.clone(),
        },
    )
}

fn account(config: &Config, parts: &Parts, host: &str) -> natter_account::Service {
    // With the name that REST is reached by, if it is another one. Further hosts are on the certificate, and may be an app's.
    let public = config.api.public_url.split("://").last().unwrap_or_default();
    let public = public.split(['/', ':']).next().unwrap_or_default();
    let names = [host, &config.edge.host, public, "localhost"].into_iter().map(str::to_owned);

    natter_account::Service::new(
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
    )
}

fn presence(config: &Config, parts: &Parts) -> natter_presence::Service {
    natter_presence::Service::new(
        config.presence.clone(),
        natter_presence::Parts {
            db: parts.db.clone(),
            bus: parts.bus.clone(),
            posted: parts.posted.clone(),
            clock: parts.clock.clone(),
            metrics: parts.metrics.clone(),
        },
    )
}

fn storage(config: &Config, parts: &Parts) -> Result<natter_storage::Service> {
    let directory = parts.blobs.clone();
    let service = natter_storage::Service::new(
        config.storage.clone(),
        natter_storage::Parts {
            db: parts.db.clone().into(),
            place: natter_storage::Place::Directory(directory.clone()),
            clock: parts.clock.clone(),
            chance: parts.chance.clone(),
            metrics: parts.metrics.clone(),
        },
    );
    service.with_context(|| format!("cannot use the directory of files {}", directory.display()))
}
