//! What the account service is made of and what it starts: the doors for links, and a sweep of tokens whose life is over.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Chance, Clock};
use natter_db::Kv;
use natter_outbound::Outbound;
use natter_proto::account::v1::App;
use natter_proto::account::v1::accounts_server::AccountsServer;
use natter_proto::account::v1::operators_server::OperatorsServer;
use natter_telemetry::Metrics as Registry;
use parking_lot::Mutex;

use crate::cache::{Cache, Ticket};
use crate::guesses::{Guesses, Limits, Table};
use crate::houses::Houses;
use crate::ids::Ids;
use crate::indexes::Indexes;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::secret::Hashers;
use crate::store::{self, Kept, Store, TokenRow, UserRow};
use crate::token::{Life, TokenKey};
use crate::verifier::{Verifier, VerifierKey};

/// What the service is given.
pub struct Parts {
    pub db: Kv,
    pub clock: Clock,
    /// Tokens and keys come from here: the operating system's in production.
    pub chance: Chance,
    pub metrics: Registry,
    /// To the identity providers of apps.
    pub outbound: Outbound,
    /// Makes the verifiers of passwords. Kept outside the store; with another key every password is hashed once more.
    pub verifier_key: [u8; 32],
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
    pub hashers: Hashers,
    pub verifier_key: VerifierKey,
    pub guesses: Mutex<Guesses>,
    /// Wrong passwords at the admin API.
    pub operator_guesses: Mutex<Guesses>,
    /// Users made without a sign-up, by address.
    pub newcomers: Mutex<Table<String>>,
    pub outbound: Outbound,
    pub houses: Houses,
    pub ids: Ids,
    pub apps: Cache<u64, Arc<App>>,
    pub users: Cache<(u64, u64), Arc<Kept<UserRow>>>,
    pub tokens: Cache<TokenKey, Arc<Kept<TokenRow>>>,
    pub verifiers: Cache<(u64, u64), Verifier>,
    pub indexes: Indexes,
}

/// Apps in memory. An installation has a handful.
const APPS_CACHED: usize = 10_000;
/// The sweep takes one page of tokens at a time, so that it is never noticed: a million tokens in a little over an hour.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const SWEEP_PAGE: usize = 1_000;
/// Guests deleted in one step of the sweep.
const GUESTS_PAGE: usize = 100;

impl Service {
    /// A service on these parts. Nothing is read or started.
    pub fn new(options: Options, parts: Parts) -> Service {
        let metrics = Metrics::new(&parts.metrics);
        let rows = options.cache_rows;
        let accounts = Accounts {
            life: Life {
                span: 1000 * i64::from(options.token_life_s),
                write_every: 1000 * i64::from(options.token_write_every_s),
            },
            store: Store::embedded(parts.db),
            clock: parts.clock,
            chance: parts.chance,
            hashers: Hashers::new(&options.argon2, metrics.clone()),
            verifier_key: VerifierKey(parts.verifier_key),
            guesses: Mutex::default(),
            operator_guesses: Mutex::default(),
            newcomers: Mutex::default(),
            outbound: parts.outbound,
            houses: Houses::default(),
            ids: Ids::default(),
            apps: Cache::new(APPS_CACHED),
            users: Cache::new(rows),
            tokens: Cache::new(rows),
            verifiers: Cache::new(rows),
            indexes: Indexes::new(options.index_users_max, options.index_apps_max, metrics.clone()),
            metrics,
            options,
        };
        Service { accounts: Arc::new(accounts) }
    }

    /// The door for links.
    pub fn server(&self) -> AccountsServer<Service> {
        AccountsServer::new(self.clone())
    }

    /// The door for links about operators.
    pub fn operators_server(&self) -> OperatorsServer<Service> {
        OperatorsServer::new(self.clone())
    }

    /// Sweeps tokens and guests until `stop`. Without it the service works, and what is over stays in the store.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = Box::pin(stop);
        let mut after = None;
        while tokio::time::timeout(SWEEP_EVERY, &mut stop).await.is_err() {
            after = self.accounts.sweep(after, SWEEP_PAGE).await;
            self.accounts.sweep_guests(GUESTS_PAGE).await;
        }
    }
}

impl Accounts {
    pub fn guess_limits(&self) -> Limits {
        Limits { user: self.options.guesses_user_max, address: self.options.guesses_address_max }
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
