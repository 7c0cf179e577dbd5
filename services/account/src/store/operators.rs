//! The port of operators. Its engines and its contract lie beside those of the other nouns.

use natter_rpc::async_trait;

use super::{Kept, Result};

/// An operator as kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperatorRow {
    pub name: String,
    /// Argon2id in PHC form.
    pub password: String,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When the password was set.
    pub updated_at: i64,
}

/// Operators by name. There are few of them.
#[async_trait]
pub trait Operators: Send + Sync {
    async fn operator(&self, name: &str) -> Result<Option<Kept<OperatorRow>>>;
    /// Adds an operator. `Taken("name")` if there is one of that name.
    async fn add_operator(&self, row: OperatorRow) -> Result<Kept<OperatorRow>>;
    /// Replaces `before`; `Changed` if that is not what is kept. The name stays.
    async fn change_operator(&self, before: &Kept<OperatorRow>, after: OperatorRow) -> Result<Kept<OperatorRow>>;
}
