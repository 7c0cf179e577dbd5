//! What makes a process one of a cluster: its settings, its announcement, and where requests to a role go. Which engines it gets says
//! `parts.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use natter_bus::{Bus, Log, lane_of};
use natter_cluster::{Cluster, Member, Own, Shard};
use natter_proto::{AppId, DialogId};
use natter_rpc::{About, Link, LinkOptions, Pem, Place, Places, Routing, Serves, Tls};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::roles::Role;

/// One process among several.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Name of this process, another one than that of every other, and the same when it is started again. Empty: the host's name and the roles.
    pub name: String,
    /// What it is replaced together with: an edge that ends keeps its clients for up to 30 s while other edges of its generation are not ending
    /// yet and there are edges of another one, or while processes of another role live in two generations. In Kubernetes the hash of the pod's template. Empty: it does not wait.
    pub generation: String,
    /// Address that calls of the other processes are taken at.
    pub address: String,
    /// Port of the same.
    pub port: u16,
    /// `HOST:PORT` under which the other processes reach it. Empty: `address` and `port`, which then must be one that they reach.
    pub advertise: String,
    /// Directory of what all processes share and none makes: `admin.token`, `verifier.key`, `push.key`, and in `tls` the `ca.pem`, `cert.pem` and `cert.key`. `natter secrets DIR` makes one.
    pub secrets: PathBuf,
    /// `HOST:PORT` of REST as apps reach it, for the lines that the console shows. Empty: this host and `api.tls_port`.
    pub public_api: String,
    /// URL of the chat door over WebSocket as apps reach it, for the same. Empty: this host and `edge.wss_port`.
    pub public_websocket: String,
    /// Rows of everything that is durable: ScyllaDB or Cassandra.
    pub cql: natter_db::cql::CqlOptions,
    /// Events between processes, and the durable log: NATS with JetStream.
    pub nats: natter_bus::NatsOptions,
    /// The durable log on the same servers.
    pub posted: natter_bus::LogOptions,
    /// Between the processes of the cluster.
    pub tls: TlsOptions,
    /// What may be lost: Redis or Valkey.
    pub redis: natter_db::redis::RedisOptions,
    /// Contents of files: a bucket of S3.
    pub s3: natter_storage::S3Options,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: String::new(),
            generation: String::new(),
            address: "127.0.0.1".into(),
            port: 7400,
            advertise: String::new(),
            secrets: PathBuf::new(),
            public_api: String::new(),
            public_websocket: String::new(),
            cql: Default::default(),
            nats: Default::default(),
            posted: Default::default(),
            tls: Default::default(),
            redis: Default::default(),
            s3: Default::default(),
        }
    }
}

/// Certificates between processes: each shows its own, and takes calls from nobody who shows none of the same CA.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// PEM file of the CA. With it go `cert` and `key`; all three empty: calls are not encrypted, and belong into a network of their own.
    pub ca: PathBuf,
    /// PEM file of the chain of this process, for calls that it takes and for those that it makes. Read when it starts.
    pub cert: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// Name for which the certificate of every process is made. Empty: each is made for the host of its `cluster.advertise`.
    pub name: String,
}

impl TlsOptions {
    /// Reads the files; nothing if none is named.
    ///
    /// # Errors
    /// Some are named and others are not, or one cannot be used.
    pub fn open(&self) -> Result<Option<Tls>> {
        let files = [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)];
        if files.iter().all(|(_, file)| file.as_os_str().is_empty()) {
            return Ok(None);
        }
        let read = |(name, file): (&str, &PathBuf)| match file.as_os_str().is_empty() {
            true => bail!("cluster.tls.{name} is missing: ca, cert and key go together"),
            false => std::fs::read(file).with_context(|| format!("cannot read cluster.tls.{name}, {}", file.display())),
        };
        let [ca, cert, key] = files.map(read);
        let (ca, cert, key) = (ca?, cert?, key?);
        Ok(Some(Tls::new(Pem { ca: &ca, cert: &cert, key: &key }, &self.name)?))
    }
}

impl Options {
    /// Whether they name servers at all: that of one process alone do not.
    pub fn is_named(&self) -> bool {
        !self.cql.nodes.is_empty()
    }

    /// Whether they can be those of a process of a cluster.
    ///
    /// # Errors
    /// A setting is missing; it is named.
    pub fn check(&self) -> Result<()> {
        let missing = [
            ("cluster.cql.nodes", self.cql.nodes.is_empty()),
            ("cluster.nats.nodes", self.nats.nodes.is_empty()),
            ("cluster.redis.nodes", self.redis.nodes.is_empty()),
            ("cluster.s3.bucket", self.s3.bucket.is_empty()),
            ("cluster.secrets", self.secrets.as_os_str().is_empty()),
        ];
        match missing.iter().find(|(_, is_missing)| *is_missing) {
            Some((name, _)) => {
                bail!("a role in a process of its own needs the setting {name} (everything in one process: `natter all`)")
            }
            None => Ok(()),
        }
    }
}

/// This process as a member: announced from the moment it runs. `port`: the one that calls are taken at.
///
/// # Errors
/// It has no address that others could reach.
pub fn member(config: &Config, roles: &[Role], port: u16, bus: Bus) -> Result<Cluster> {
    let options = &config.cluster;
    let served: Vec<String> = roles.iter().map(|role| role.name().to_owned()).collect();
    let name = name(options, roles);
    let address = match options.advertise.as_str() {
        "" if ["0.0.0.0", "::"].contains(&options.address.as_str()) => {
            bail!(
                "cluster.advertise has to say where the other processes reach this one, as cluster.address is {}",
                options.address
            )
        }
        "" => format!("{}:{port}", crate::doors::in_url(&options.address)),
        advertise => advertise.to_owned(),
    };
    // Larger than those of its earlier starts, by the wall clock: one that was set back makes this start look dead, and is said.
    let boot = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock stands before 1970")?;
    let boot = u64::try_from(boot.as_micros()).context("the clock stands far in the future")?;
    let (version, generation) = (env!("CARGO_PKG_VERSION").to_owned(), options.generation.clone());
    let me = Member { name, boot, roles: served, address, version, generation, is_draining: false, is_ailing: false };
    Ok(Cluster::new(me, bus))
}

/// The name under which the cluster knows this process.
pub fn name(options: &Options, roles: &[Role]) -> String {
    if !options.name.is_empty() {
        return options.name.clone();
    }
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    format!("{}-{}", host_name(), roles.join("-"))
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "natter".to_owned() } else { name.trim().to_owned() }
}

/// How requests find the process that should serve them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    /// One process serves all of a role, the others stand by.
    Role,
    /// By the app that a request names.
    App,
    /// By the lane of the durable log in which the app's entries are: who reads those has all of the app.
    Lane,
    /// By the dialog, and where it names none by the app.
    Dialog,
}

impl By {
    /// The shard whose owner has to serve a request; none: anybody may.
    fn shard(self, about: &About) -> Option<Shard> {
        let app = AppId(about.app);
        match (self, about.dialog) {
            (By::Role, _) => Some(ROLE_SHARD),
            (By::Lane, _) => (about.app > 0).then(|| lane_shard(lane_of(about.app))),
            (By::App, _) => (about.app > 0).then(|| Shard::of_app(app)),
            (By::Dialog, dialog) => dialog.map(|dialog| Shard::of_dialog(app, DialogId(dialog))),
        }
    }
}

fn by(role: Role) -> By {
    match role {
        Role::Dialog | Role::History => By::Dialog,
        Role::Presence | Role::Storage => By::App,
        Role::Push => By::Lane,
        // Its requests name tokens, logins and keys: what of them is whose app's is what it finds out.
        Role::Account | Role::Api | Role::Console | Role::Edge => By::Role,
    }
}

/// The shard of a lane of the durable log.
fn lane_shard(lane: u64) -> Shard {
    Shard(lane as u16)
}

/// Reads the lanes of the durable log that are this process's, as they change, until it is dropped.
pub async fn read_lanes(cluster: &Cluster, posted: &Log) {
    let own = own(Some(cluster), Role::Push);
    loop {
        let changed = own.changed();
        posted.own(|lane| own.has(lane_shard(lane)));
        changed.await;
    }
}

/// Of which apps the alerts are this process's.
pub fn alerts(cluster: &Cluster) -> natter_push::Owns {
    let own = own(Some(cluster), Role::Push);
    Arc::new(move |app| own.has(lane_shard(lane_of(app))))
}

/// What of a role is this process's.
pub fn own(cluster: Option<&Cluster>, role: Role) -> Own {
    match cluster {
        None => Own::All,
        Some(cluster) => Own::Of(cluster.clone(), owners(role)),
    }
}

/// By then a process that died is known to be dead, and another has its place.
const TAKEN_OVER: Duration = Duration::from_secs(6);

/// A link to a role: to the process that should own what a request is about, which may be this one.
pub fn link(cluster: &Cluster, role: Role, here: Option<Link>, tls: Option<Tls>, options: LinkOptions) -> Link {
    Link::routed(routing(cluster, role, here, tls), patient(options))
}

/// How requests to a role are routed, as this member sees it.
pub fn routing(cluster: &Cluster, role: Role, here: Option<Link>, tls: Option<Tls>) -> Routing {
    let places = Arc::new(Owners { cluster: cluster.clone(), role: owners(role), by: by(role) });
    Routing { places, here, repeats, tls }
}

/// What may be repeated is, until another process has taken over from one that died.
pub fn patient(options: LinkOptions) -> LinkOptions {
    LinkOptions { deadline: options.deadline.max(TAKEN_OVER) }
}

/// Whether this process should serve what is about something, of a role that it has.
pub fn serves(cluster: Option<&Cluster>, role: Role) -> Serves {
    let (own, by) = (own(cluster, role), by(role));
    Arc::new(move |about| by.shard(about).is_none_or(|shard| own.has(shard)))
}

/// Dialog and history are one process: the log of a dialog is where its members are.
fn owners(role: Role) -> &'static str {
    match role {
        Role::History => Role::Dialog.name(),
        role => role.name(),
    }
}

/// The shard whose owner does what is done once for all of a role.
pub const ROLE_SHARD: Shard = Shard(0);

struct Owners {
    cluster: Cluster,
    role: &'static str,
    by: By,
}

impl Places for Owners {
    fn place(&self, about: &About) -> Place {
        let shard = self.by.shard(about).unwrap_or_else(|| Shard::of_app(AppId(about.app)));
        let (view, me) = (self.cluster.view(), self.cluster.me());
        match view.owner(self.role, shard) {
            None => Place::Nowhere,
            Some(owner) if owner.name == me.name && owner.boot == me.boot => Place::Here,
            Some(owner) => Place::There(owner.address.clone(), owner.boot),
        }
    }

    fn moved(&self) -> futures::future::BoxFuture<'static, ()> {
        let mut changes = self.cluster.changes();
        Box::pin(async move {
            changes.changed().await;
        })
    }
}

/// Requests that may be carried out twice: those that only look, and those that say what is to be so.
fn repeats(path: &str) -> bool {
    let Some((service, method)) = path.trim_start_matches('/').split_once('/') else { return false };
    let repeatable = match service {
        "natter.dialog.v1.Dialogs" => &[
            "Audience",
            "Batch",
            "Forget",
            "Freeze",
            "Get",
            "List",
            "Mark",
            "Notify",
            "Occupants",
            "Post",
            "Reactions",
            "Search",
            "Unread",
        ][..],
        "natter.dialog.v1.Archive" => &["Dialogs", "TakeDialog", "TakeRows", "TakeStates"],
        "natter.account.v1.Archive" => &["TakeApp", "TakeUsers", "Users"],
        "natter.history.v1.Archive" => &["AddState", "Rows"],
        "natter.presence.v1.Archive" => &["TakeViews", "Views"],
        "natter.history.v1.History" => {
            &["Changes", "Drop", "Find", "Gap", "Heads", "Hide", "Join", "Kept", "Mark", "Members", "Page", "Reactions", "Unread"]
        }
        "natter.presence.v1.Presence" => &[
            "Announce",
            "Attention",
            "Contacts",
            "Enter",
            "Exit",
            "Judge",
            "LastActivity",
            "Occupants",
            "Online",
            "PrivacyList",
            "PrivacyLists",
            "Reachable",
            "Record",
            "RemoveContact",
            "SetContact",
            "SetDefaultPrivacyList",
            "SetInactive",
            "SetPrivacyList",
            "Subscribe",
            "Watch",
        ],
        "natter.account.v1.Overriding" => &["Get"],
        "natter.account.v1.Accounts" => &[
            "Admit",
            "Authenticate",
            "CloseSession",
            "FindApp",
            "FindUser",
            "GetApp",
            "GetUsers",
            "ListApps",
            "ListUsers",
            "Login",
            "Logout",
            "OpenSession",
            "Resolve",
            "Touch",
            "VisitApp",
        ],
        "natter.storage.v1.Storage" => &["Find", "Get", "List"],
        "natter.push.v1.Push" => &["Journal", "List"],
        "natter.push.v1.Webhooks" => &["Deliveries", "List"],
        _ => return false,
    };
    repeatable.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(app: u64, dialog: Option<u8>) -> About {
        About { app, dialog: dialog.map(|byte| [byte; 12]) }
    }

    async fn places(by: By) -> Owners {
        let me = Member { name: "a".into(), boot: 1, roles: vec!["dialog".into()], ..Member::default() };
        let cluster = Cluster::new(me, Bus::local());
        tokio::spawn(cluster.clone().run(std::future::pending()));
        cluster.joined().await;
        Owners { cluster, role: "dialog", by }
    }

    #[tokio::test]
    async fn who_is_alone_serves_everything_of_its_role_and_nothing_of_others() {
        for by in [By::Role, By::App, By::Dialog] {
            assert_eq!(places(by).await.place(&about(1, Some(7))), Place::Here);
            assert_eq!(Owners { role: "push", ..places(by).await }.place(&about(1, None)), Place::Nowhere);
        }
    }

    #[test]
    fn certificates_between_processes_are_three_files_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, "no certificate").unwrap();
        assert!(TlsOptions::default().open().unwrap().is_none());
        let said = |options: TlsOptions| format!("{:#}", options.open().unwrap_err());
        let some = TlsOptions { ca: ca.clone(), cert: ca.clone(), ..TlsOptions::default() };
        assert!(said(some.clone()).contains("cluster.tls.key is missing"));
        assert!(said(TlsOptions { key: folder.path().join("none"), ..some.clone() }).contains("cannot read cluster.tls.key"));
        assert!(said(TlsOptions { key: ca, ..some }).contains("certificates between processes"));
    }

    #[test]
    fn posts_and_looks_may_be_repeated_and_what_makes_something_new_may_not() {
        assert!(repeats("/natter.dialog.v1.Dialogs/Post") && repeats("/natter.account.v1.Accounts/Resolve"));
        for path in
            ["/natter.dialog.v1.Dialogs/Create", "/natter.account.v1.Accounts/SignUp", "/natter.push.v1.Events/Create", "", "/"]
        {
            assert!(!repeats(path), "{path}");
        }
    }

    #[test]
    fn what_a_cluster_needs_is_named() {
        let error = Options::default().check().unwrap_err();
        assert!(error.to_string().contains("cluster.cql.nodes"), "{error}");
    }
}
