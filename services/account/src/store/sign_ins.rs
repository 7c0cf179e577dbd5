//! The port of sign-ins: the sessions of operators at the console.

use natter_rpc::async_trait;

use super::{Kept, Result};
use crate::sign_in::Id;
use crate::token::TokenKey;

/// A sign-in as kept, under the hash of its token. Instants in unix milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignInRow {
    pub operator: String,
    /// That of the operator when it signed in: with another one it is over.
    pub epoch: u64,
    pub begun_at: i64,
    /// Not written with every use.
    pub used_at: i64,
    pub address: String,
    pub agent: String,
}

/// Sign-ins by their token's hash, and by operator. There are few of them: an operator has a bounded number.
#[async_trait]
pub trait SignIns: Send + Sync {
    async fn sign_in(&self, key: &TokenKey) -> Result<Option<Kept<SignInRow>>>;
    /// The one whose key begins with these bytes.
    async fn sign_in_called(&self, id: &Id) -> Result<Option<(TokenKey, SignInRow)>>;
    /// At most `limit` of an operator.
    async fn sign_ins_of(&self, operator: &str, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>>;
    /// At most `limit` above `after`, by key.
    async fn sign_ins(&self, after: Option<TokenKey>, limit: usize) -> Result<Vec<(TokenKey, SignInRow)>>;
    async fn add_sign_in(&self, key: &TokenKey, row: SignInRow) -> Result<Kept<SignInRow>>;
    /// Replaces `before`, of the same operator; `Changed` if that is not what is kept.
    async fn change_sign_in(&self, key: &TokenKey, before: &Kept<SignInRow>, after: SignInRow) -> Result<Kept<SignInRow>>;
    /// Ends one of an operator; one that is not there stays away.
    async fn end_sign_in(&self, key: &TokenKey, operator: &str) -> Result<()>;
}
