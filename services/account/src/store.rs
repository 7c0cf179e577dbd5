//! What is kept of apps, users, tokens, operators and their sign-ins, the audit log, reports, erasures, and what is set over the settings: nine ports, one per
//! noun, each an atomic step of the rules above it.
//! Engines lie in `store/`, and `store/contract.rs` runs on each of them.
//!
//! Invariants of every engine:
//! - A write is there wholly or not at all, and durable when it is answered.
//! - A name belongs to at most one user of an app, however many ask at once.
//! - An id of a user is given once: a user that was deleted leaves its id behind.
//! - Dropping a call leaves it undone or done, never half. An engine that takes several steps may be cut off between two of them:
//!   that shows to nobody as a half, and is mended by who comes next. Its files say what each step leaves.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use natter_actor::Clock;
use natter_db::{Cql, Db, Kv};
use natter_proto::account::v1::{App, User};
use natter_rpc::async_trait;

use crate::erasure::ErasureRow;
use crate::name::{Name, Proofs};
use crate::reset::ResetRow;
use crate::sign_in::Id;
use crate::token::TokenKey;
use crate::verifier::Verifier;

mod audit;
#[cfg(test)]
mod contract;
pub(crate) mod cql;
mod embedded;
mod erasures;
mod operators;
mod overrides;
mod reports;
mod rows;
mod sign_ins;
mod written;

pub use audit::Audit;
pub use erasures::Erasures;
pub use operators::{OperatorRow, Operators};
pub use overrides::KeptOverrides;
pub use reports::{ReportId, ReportRow, Reports};
pub use sign_ins::{SignInRow, SignIns};

/// Why a step was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// An id or a name belongs to somebody else; the field says which (contract rest 3.1).
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The row is not what the caller had read. Nothing was written.
    #[error("another writer was there first")]
    Changed,
    #[error(transparent)]
    Db(#[from] natter_db::Error),
}

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// A row with the mark by which the engine sees whether it was written since.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept<T> {
    pub row: T,
    pub stamp: Stamp,
}

/// Opaque to everybody but the engine that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp(Bytes);

/// A user as kept. `user.last_request_at` is filled in from a row of its own.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UserRow {
    pub user: User,
    /// Argon2id in PHC form; a user without a password signs in by token only.
    pub password: Option<String>,
    /// Grows with every change of the password.
    pub password_version: u64,
    /// Only the id is left.
    pub deleted: bool,
    /// Grows with every change of the row, so that of two states the later one is known.
    pub revision: u64,
    /// End of a guest, unix milliseconds. 0: no guest.
    pub guest_until: i64,
    /// The names that a provider has vouched for.
    pub proofs: Proofs,
}

/// What is written in the same step as a user.
#[derive(Clone, Default)]
pub struct Along<'a> {
    /// If it gets lost, a password is hashed once more.
    pub verifier: Option<Verifier>,
    /// An engine that cannot write both at once writes it behind the user: cut off between them, the token ends with the password that
    /// it was of.
    pub token: Option<TokenChange<'a>>,
    /// Begins with a user's end. No user is deleted without it, and it shows only if he is.
    pub erasure: Option<ErasureRow>,
}

/// A token that changes together with its user: one that outlives a new password.
#[derive(Clone)]
pub struct TokenChange<'a> {
    pub key: TokenKey,
    pub before: &'a Kept<TokenRow>,
    pub after: TokenRow,
}

/// A token as kept, under its hash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenRow {
    pub app: u64,
    /// 0: an app session.
    pub user: u64,
    /// Unix milliseconds, like every instant here.
    pub created_at: i64,
    /// When a user was put on or taken off.
    pub updated_at: i64,
    /// Never earlier than announced.
    pub expires_at: i64,
    pub nonce: u64,
    /// Unix seconds, as the client said when it opened the session.
    pub timestamp: i64,
    /// That of the user when it signed in: a token of an older password is over.
    pub password_version: u64,
}

/// Apps and their keys. There are few of them.
#[async_trait]
pub trait Apps: Send + Sync {
    async fn app(&self, id: u64) -> Result<Option<Kept<App>>>;
    /// At most `limit` apps above `after`, by id.
    async fn apps(&self, after: u64, limit: usize) -> Result<Vec<App>>;
    /// The app whose auth key this is, or was until it was rotated.
    async fn app_with_key(&self, auth_key: &str) -> Result<Option<u64>>;
    /// The app that has this name, in lower case, for one of its doors.
    async fn app_with_host(&self, host: &str) -> Result<Option<u64>>;
    /// Adds an app. Id 0 becomes the lowest id that was never given out here; `Taken(field)` if the id, the auth key or a name is
    /// in use.
    async fn add_app(&self, app: App) -> Result<App>;
    /// Replaces `before`, and begins an erasure with its end. Of an erased app only the id and the instants are kept, and its auth
    /// keys and names are free. `Taken(field)` if another app has one of them; `Changed` if `before` is not what is kept.
    async fn change_app(&self, before: &Kept<App>, after: App, erasure: Option<ErasureRow>) -> Result<Kept<App>>;
}

/// Users, their names, and what proves their passwords.
#[async_trait]
pub trait Users: Send + Sync {
    /// The rows of `ids`, in that order; deleted ones come with their mark.
    async fn users(&self, app: u64, ids: &[u64]) -> Result<Vec<Option<Kept<UserRow>>>>;
    /// At most `limit` users above `after`, by id; deleted ones come with their mark.
    async fn user_page(&self, app: u64, after: u64, limit: usize) -> Result<Vec<UserRow>>;
    /// Who holds a name.
    async fn holder(&self, app: u64, name: &Name) -> Result<Option<u64>>;
    /// Ids that were never in a block before, also not before a crash.
    async fn take_block(&self, length: u64) -> Result<Range<u64>>;
    /// Adds a user with its names. `Taken(field)` if the id or a name is in use.
    async fn add_user(&self, row: UserRow, verifier: Option<Verifier>) -> Result<Kept<UserRow>>;
    /// Replaces `before`: names that fell away are free again, new ones are reserved, of which `Taken(field)` tells.
    /// `Changed` if the user or the token along is not what is kept. A deleted user's verifier, reset key and last
    /// request go with it.
    async fn change_user(&self, before: &Kept<UserRow>, after: UserRow, along: Along<'_>) -> Result<Kept<UserRow>>;
    /// At most `limit` guests whose end is not after `now`, as app and id, by their end. Fewer do not say that there are no more.
    async fn guests_over(&self, now: i64, limit: usize) -> Result<Vec<(u64, u64)>>;
    /// The latest key for a forgotten password.
    async fn reset(&self, app: u64, user: u64) -> Result<Option<ResetRow>>;
    /// Keeps a key in place of an earlier one.
    async fn put_reset(&self, app: u64, user: u64, row: ResetRow) -> Result<()>;
    async fn verifier(&self, app: u64, user: u64) -> Result<Option<Verifier>>;
    /// Keeps a verifier without waiting: if it gets lost, a password is hashed once more.
    fn keep_verifier(&self, app: u64, user: u64, verifier: &Verifier);
}

/// A page of the tokens of a user, and where to go on.
pub type OfUser = (Vec<(TokenKey, Kept<TokenRow>)>, Option<TokenKey>);

/// Session tokens. `seen_at` is when the user of the row made a request; it is kept in the same write.
#[async_trait]
pub trait Tokens: Send + Sync {
    async fn token(&self, key: &TokenKey) -> Result<Option<Kept<TokenRow>>>;
    async fn add_token(&self, key: &TokenKey, row: TokenRow, seen_at: i64) -> Result<Kept<TokenRow>>;
    /// Replaces `before`; `Changed` if that is not what is kept.
    async fn change_token(
        &self,
        key: &TokenKey,
        before: &Kept<TokenRow>,
        after: TokenRow,
        seen_at: i64,
    ) -> Result<Kept<TokenRow>>;
    /// Ends a token; one that is not there stays away.
    async fn end_token(&self, key: &TokenKey) -> Result<()>;
    /// Ends `before` unless it was written since (`Changed`).
    async fn end_token_if(&self, key: &TokenKey, before: &Kept<TokenRow>) -> Result<()>;
    /// At most `limit` tokens of a user above `after`, by key, dead ones among them. The second value is where to go on; `None` at
    /// the end.
    async fn tokens_of(&self, app: u64, user: u64, after: Option<TokenKey>, limit: usize) -> Result<OfUser>;
    /// The token of a user whose key begins with these bytes.
    async fn token_called(&self, app: u64, user: u64, id: &Id) -> Result<Option<(TokenKey, Kept<TokenRow>)>>;
    /// Makes tokens of an earlier version known to [`tokens_of`](Tokens::tokens_of), a page above `after`. Answers where to go on;
    /// `None` when all are, which is kept: asked again it is one read. An engine without an earlier version has nothing to do.
    async fn index_tokens(&self, after: Option<TokenKey>, limit: usize) -> Result<Option<TokenKey>>;
    /// At most `limit` tokens above `after`, by key: for the sweep of those whose life is over. None of an engine that lets them go by
    /// itself.
    async fn tokens(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, Kept<TokenRow>)>>;
}

/// The ports on one engine.
#[derive(Clone)]
pub struct Store {
    pub apps: Arc<dyn Apps>,
    pub users: Arc<dyn Users>,
    pub tokens: Arc<dyn Tokens>,
    pub operators: Arc<dyn Operators>,
    pub sign_ins: Arc<dyn SignIns>,
    pub audit: Arc<dyn Audit>,
    pub reports: Arc<dyn Reports>,
    pub erasures: Arc<dyn Erasures>,
    pub overrides: Arc<dyn KeptOverrides>,
}

impl Store {
    /// The ports on this store.
    pub fn open(db: Db, clock: &Clock) -> Store {
        match db {
            Db::Kv(kv) => Store::embedded(kv),
            Db::Cql(cql) => Store::on_cql(cql, clock.clone()),
        }
    }

    /// The ports on ScyllaDB.
    fn on_cql(cql: Cql, clock: Clock) -> Store {
        let engine = Arc::new(cql::OnCql { cql });
        Store {
            apps: Arc::new(cql::AppsOnCql::new((*engine).clone(), engine.clone(), clock)),
            users: engine.clone(),
            tokens: engine.clone(),
            operators: engine.clone(),
            sign_ins: engine.clone(),
            audit: engine.clone(),
            reports: engine.clone(),
            erasures: engine.clone(),
            overrides: engine,
        }
    }

    /// The ports on a key-value store.
    pub fn embedded(kv: Kv) -> Store {
        let engine = Arc::new(embedded::Embedded::new(kv));
        Store {
            apps: engine.clone(),
            users: engine.clone(),
            tokens: engine.clone(),
            operators: engine.clone(),
            sign_ins: engine.clone(),
            audit: engine.clone(),
            reports: engine.clone(),
            erasures: engine.clone(),
            overrides: engine,
        }
    }
}
