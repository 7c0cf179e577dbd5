//! What the account service is made of and what it starts: the doors for links, a sweep of what is over, and the sender
//! of mails.

use std::collections::BTreeSet;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use natter_actor::{Chance, Clock, Dial};
use natter_bus::Log;
use natter_db::Db;
use natter_mail::Mails;
use natter_outbound::Outbound;
use natter_proto::account::v1::App;
use natter_proto::account::v1::accounts_server::AccountsServer;
use natter_proto::account::v1::administration_server::AdministrationServer;
use natter_proto::account::v1::archive_server::ArchiveServer;
use natter_proto::account::v1::audit_server::AuditServer;
use natter_proto::account::v1::eraser_server::EraserServer;
use natter_proto::account::v1::operators_server::OperatorsServer;
use natter_proto::account::v1::overriding_server::OverridingServer;
use natter_proto::account::v1::reports_server::ReportsServer;
use natter_proto::account::v1::tokens_server::TokensServer;
use natter_telemetry::{Metrics as Registry, Offence, Offenders};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::cache::{Cache, Ticket};
use crate::calls::{Swept, Wanted};
use crate::endings::Endings;
use crate::guesses::{Guesses, Limits, Table};
use crate::host;
use crate::houses::Houses;
use crate::ids::Ids;
use crate::indexes::Indexes;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::secret::Hashers;
use crate::store::{self, Kept, OperatorRow, SignInRow, Store, TokenRow, UserRow};
use crate::token::{Life, TokenKey};
use crate::verifier::{Verifier, VerifierKey};
use crate::walk::{self, Keepers};

/// What the service is given.
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    /// Tokens and keys come from here: the operating system's in production.
    pub chance: Chance,
    pub metrics: Registry,
    /// To users who have forgotten a password.
    pub mails: Mails,
    /// To the identity providers of apps.
    pub outbound: Outbound,
    /// Makes the verifiers of passwords. Kept outside the store; with another key every password is hashed once more.
    pub verifier_key: [u8; 32],
    /// Names by which clients reach the installation: they serve every app, so none gets one of them.
    pub hosts: Vec<String>,
}

/// Apps and their keys, users, tokens. A handle: clones are the same service.
#[derive(Clone)]
pub struct Service {
    pub(crate) accounts: Arc<Accounts>,
}

/// Everything that the calls (`calls/`) work with.
pub(crate) struct Accounts {
    pub options: Options,
    pub life: Life,
    pub store: Store,
    pub clock: Clock,
    pub chance: Chance,
    pub metrics: Metrics,
    /// Who shows wrong passwords and keys.
    pub offenders: Offenders,
    pub dials: Dials,
    pub hashers: Hashers,
    pub verifier_key: VerifierKey,
    pub guesses: Mutex<Guesses>,
    /// Wrong passwords at the admin API.
    pub operator_guesses: Mutex<Guesses>,
    pub operators: Cache<String, Arc<Kept<OperatorRow>>>,
    pub sign_ins: Cache<TokenKey, Arc<Kept<SignInRow>>>,
    /// Number of the next entry of the audit log.
    pub audit_number: AtomicU32,
    /// Users made without a sign-up, by address.
    pub newcomers: Mutex<Table<String>>,
    pub outbound: Outbound,
    pub houses: Houses,
    pub mails: Mails,
    /// Mails that wait to be sent, and who sends them once the service runs.
    pub resets: mpsc::Sender<Wanted>,
    resets_waiting: Mutex<Option<mpsc::Receiver<Wanted>>>,
    pub resets_of_email: Mutex<Table<(u64, String)>>,
    pub resets_of_network: Mutex<Table<String>>,
    pub ids: Ids,
    pub apps: Cache<u64, Arc<App>>,
    /// Whose the names are by which clients came; none: nobody's.
    pub hosts: Cache<String, Option<u64>>,
    pub own_hosts: BTreeSet<String>,
    pub users: Cache<(u64, u64), Arc<Kept<UserRow>>>,
    pub tokens: Cache<TokenKey, Arc<Kept<TokenRow>>>,
    pub verifiers: Cache<(u64, u64), Verifier>,
    pub indexes: Indexes,
    pub endings: Endings,
    /// For webhooks; none: nobody is told of reports.
    pub posted: OnceLock<Log>,
}

/// Apps in memory. An installation has a handful.
const APPS_CACHED: usize = 10_000;
/// Names in memory, of apps and of nobody. Clients spell them as they like, each in at most 253 bytes.
const HOSTS_CACHED: usize = 20_000;
/// Sign-ins of operators in memory.
const SIGN_INS_CACHED: usize = 10_000;
/// The sweep takes one page of tokens at a time, so that it is never noticed: a million tokens in a little over an hour.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const SWEEP_PAGE: usize = 1_000;
/// Mails that wait to be sent. More are refused as busy.
const RESETS_WAITING_MAX: usize = 256;
const HOUR_MS: i64 = 60 * 60 * 1000;
/// Guests deleted in one step of the sweep.
const GUESTS_PAGE: usize = 100;

impl Service {
    /// A service on these parts. Nothing is read or started.
    pub fn new(options: Options, parts: Parts) -> Service {
        let metrics = Metrics::new(&parts.metrics);
        let rows = options.cache_rows;
        let (resets, resets_waiting) = mpsc::channel(RESETS_WAITING_MAX);
        let accounts = Accounts {
            life: Life {
                span: 1000 * i64::from(options.token_life_s),
                write_every: 1000 * i64::from(options.token_write_every_s),
            },
            store: Store::open(parts.db, &parts.clock),
            clock: parts.clock,
            chance: parts.chance,
            offenders: parts.metrics.offenders(),
            dials: Dials::of(&options),
            hashers: Hashers::new(&options.argon2, metrics.clone()),
            verifier_key: VerifierKey(parts.verifier_key),
            guesses: Mutex::default(),
            operator_guesses: Mutex::default(),
            operators: Cache::new(2 * options.operators_max),
            sign_ins: Cache::new(SIGN_INS_CACHED),
            audit_number: AtomicU32::default(),
            newcomers: Mutex::default(),
            outbound: parts.outbound,
            houses: Houses::default(),
            mails: parts.mails,
            resets,
            resets_waiting: Mutex::new(Some(resets_waiting)),
            resets_of_email: Mutex::new(Table::over(HOUR_MS)),
            resets_of_network: Mutex::new(Table::over(HOUR_MS)),
            ids: Ids::default(),
            apps: Cache::new(APPS_CACHED),
            hosts: Cache::new(HOSTS_CACHED),
            own_hosts: parts.hosts.iter().filter_map(|name| host::asked(name)).collect(),
            users: Cache::new(rows),
            tokens: Cache::new(rows),
            verifiers: Cache::new(rows),
            indexes: Indexes::new(options.index_users_max, options.index_apps_max, metrics.clone()),
            endings: Endings::default(),
            posted: OnceLock::new(),
            metrics,
            options,
        };
        Service { accounts: Arc::new(accounts) }
    }

    /// From here on webhooks are told of reports, by this log. The first word counts.
    pub fn tell(&self, posted: Log) {
        // Said again, it is the same.
        let _ = self.accounts.posted.set(posted);
    }

    /// The door for links.
    pub fn server(&self) -> AccountsServer<Service> {
        AccountsServer::new(self.clone())
    }

    /// The door for links about operators.
    pub fn operators_server(&self) -> OperatorsServer<Service> {
        OperatorsServer::new(self.clone())
    }

    /// The door for links about the audit log.
    pub fn audit_server(&self) -> AuditServer<Service> {
        AuditServer::new(self.clone())
    }

    /// The door for links about reports.
    pub fn reports_server(&self) -> ReportsServer<Service> {
        ReportsServer::new(self.clone())
    }

    /// The door for links about what is set over the settings of all processes.
    pub fn overriding_server(&self) -> OverridingServer<Service> {
        OverridingServer::new(self.clone())
    }

    /// The limits that may be changed while the service runs.
    pub fn dials(&self) -> Vec<Dial> {
        let Dials { guesses_user, guesses_address, newcomers } = self.accounts.dials.clone();
        vec![guesses_user, guesses_address, newcomers]
    }

    /// The door for links about the sessions of users at the REST door.
    pub fn tokens_server(&self) -> TokensServer<Service> {
        TokensServer::new(self.clone())
    }

    /// The door for links about the life of apps.
    pub fn administration_server(&self) -> AdministrationServer<Service> {
        AdministrationServer::new(self.clone())
    }

    /// The door for archives.
    pub fn archive_server(&self) -> ArchiveServer<Service> {
        ArchiveServer::new(self.clone())
    }

    /// The door for the walk of an erasure.
    pub fn eraser_server(&self) -> EraserServer<Service> {
        EraserServer::new(self.clone())
    }

    /// Tells edges which sessions end, and carries out erasures, until `stop`. Without it users and apps end, and what is kept of
    /// them stays.
    pub async fn erase(self, keepers: Keepers, stop: impl Future<Output = ()>) {
        walk::run(self.accounts, keepers, stop).await;
    }

    /// Sweeps tokens, sign-ins, the audit log and guests, and sends mails until `stop`. Without it the service works, but what is over stays in the store and
    /// no mail goes out. One run per service.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let waiting = self.accounts.resets_waiting.lock().take();
        // A mail that is under way at the stop is lost: who wanted it asks again.
        let mailing = waiting.map(|waiting| {
            let accounts = self.accounts.clone();
            tokio::spawn(async move { accounts.send_resets(waiting).await })
        });
        let mut stop = Box::pin(stop);
        let (mut after, mut sign_ins_after, mut audited) = (None, None, Swept::default());
        let mut is_indexed = self.accounts.index_tokens().await.is_ok();
        while tokio::time::timeout(SWEEP_EVERY, &mut stop).await.is_err() {
            is_indexed = is_indexed || self.accounts.index_tokens().await.is_ok();
            after = self.accounts.sweep(after, SWEEP_PAGE).await;
            self.accounts.sweep_guests(GUESTS_PAGE).await;
            sign_ins_after = self.accounts.sweep_sign_ins(sign_ins_after, SWEEP_PAGE).await;
            audited = self.accounts.sweep_audit(audited, SWEEP_PAGE).await;
        }
        if let Some(mailing) = mailing {
            mailing.abort();
        }
    }
}

impl Accounts {
    pub fn guess_limits(&self) -> Limits {
        Limits { user: self.dials.guesses_user.get(), address: self.dials.guesses_address.get() }
    }

    /// A wrong password of a user, or by nobody that is known.
    pub fn guess_wrong(&self, user: Option<(u64, u64)>, address: &str) {
        let now = self.clock.now_ms();
        self.guesses.lock().wrong(user, address, now);
        self.note_guess(user, address, now);
    }

    /// Notes who guesses, for operators who ask. A user that is nobody is one that somebody made up.
    pub fn note_guess(&self, user: Option<(u64, u64)>, address: &str, now: i64) {
        if let Some((app, user)) = user {
            self.offenders.user(Offence::SignIn, app, user, now);
        }
        self.offenders.address(Offence::SignIn, address, now);
    }
}

/// The limits that may be changed while the service runs.
#[derive(Clone)]
pub(crate) struct Dials {
    pub guesses_user: Dial,
    pub guesses_address: Dial,
    pub newcomers: Dial,
}

impl Dials {
    fn of(options: &Options) -> Dials {
        Dials {
            guesses_user: Dial::new("account.guesses_user_max", options.guesses_user_max),
            guesses_address: Dial::new("account.guesses_address_max", options.guesses_address_max),
            newcomers: Dial::new("account.newcomers_address_max", options.newcomers_address_max),
        }
    }
}

/// Tells a cache what came of a write. Of an unknown outcome it is told nothing, so that the row is read until it is forgotten.
pub(crate) fn settle<K: Clone + Eq + Hash, V: Clone>(cache: &Cache<K, V>, ticket: Ticket<K>, outcome: &store::Result<V>) {
    match outcome {
        Ok(row) => cache.finish(ticket, Some(row.clone())),
        Err(store::Error::Db(natter_db::Error::Unknown(_))) => {}
        Err(_) => cache.finish(ticket, None),
    }
}
