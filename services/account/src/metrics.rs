//! Every metric of the account service: `natter_account_...`.

use natter_telemetry::Metrics as Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// The metrics; clones count into the same.
#[derive(Clone, Default)]
pub struct Metrics {
    pub sessions_opened: Counter,
    pub users_added: Counter,
    pub reports_filed: Counter,
    pub proofs: Family<ProofLabels, Counter>,
    pub guesses_refused: Counter,
    pub hashes: Counter,
    pub hashes_waiting: Gauge,
    pub hashes_refused: Counter,
    pub token_reads: Family<ReadLabels, Counter>,
    pub tokens_swept: Counter,
    pub guests_swept: Counter,
    pub index_loads: Counter,
    pub lists_refused: Counter,
}

/// How a user proved to be itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct ProofLabels {
    pub by: Proof,
}

/// What decided about a login.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
pub enum Proof {
    Token,
    Verifier,
    Argon2,
    /// None of them did.
    Nothing,
}

/// Where a token was found.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct ReadLabels {
    pub from: Source,
}

/// Memory or store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelValue)]
pub enum Source {
    Memory,
    Store,
}

impl Metrics {
    /// Metrics that show up in `registry`.
    pub fn new(registry: &Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register(|root| {
            let ours = root.sub_registry_with_prefix("natter_account");
            ours.register("sessions_opened", "Sessions opened at the REST door", metrics.sessions_opened.clone());
            ours.register("users_added", "Users that signed up", metrics.users_added.clone());
            ours.register("reports_filed", "Reports of users and messages that users filed", metrics.reports_filed.clone());
            ours.register("proofs", "Logins by what proved them", metrics.proofs.clone());
            ours.register(
                "guesses_refused",
                "Logins refused because of too many wrong passwords",
                metrics.guesses_refused.clone(),
            );
            ours.register("hashes", "Argon2 runs", metrics.hashes.clone());
            ours.register("hashes_waiting", "Logins that wait for an Argon2 run or are in one", metrics.hashes_waiting.clone());
            ours.register(
                "hashes_refused",
                "Logins refused because too many wait for an Argon2 run",
                metrics.hashes_refused.clone(),
            );
            ours.register("token_reads", "Tokens looked up, by where they were found", metrics.token_reads.clone());
            ours.register("index_loads", "Apps whose users were read for lists", metrics.index_loads.clone());
            ours.register("lists_refused", "Lists refused because the app has too many users", metrics.lists_refused.clone());
            ours.register("guests_swept", "Guests deleted after their end", metrics.guests_swept.clone());
            ours.register("tokens_swept", "Tokens removed after their end", metrics.tokens_swept.clone());
        });
        metrics
    }

    pub fn proved(&self, by: Proof) {
        self.proofs.get_or_create(&ProofLabels { by }).inc();
    }

    pub fn token_read(&self, from: Source) {
        self.token_reads.get_or_create(&ReadLabels { from }).inc();
    }
}
