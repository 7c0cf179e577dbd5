//! The port of operators. Its engines and its contract lie beside those of the other nouns.

use natter_proto::account::v1::Operator;
use natter_rpc::async_trait;

use super::{Kept, Result};
use crate::operator::Grant;

/// An operator as kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorRow {
    pub name: String,
    /// Argon2id in PHC form.
    pub password: String,
    /// Another one with every password, also of an operator that is made again under its name: sign-ins are of one.
    pub epoch: u64,
    pub grant: Grant,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When the password was set.
    pub updated_at: i64,
}

impl OperatorRow {
    /// As others see it.
    pub fn shown(&self) -> Operator {
        Operator {
            name: self.name.clone(),
            role: self.grant.role.into(),
            limited: self.grant.apps.is_some(),
            apps: self.grant.apps.iter().flatten().copied().collect(),
            created_at: self.created_at,
            password_at: self.updated_at,
        }
    }
}

/// Operators by name. There are few of them.
///
/// A `witness` is another operator for whose sake a step may be taken. If it is not what is kept, nothing is written.
#[async_trait]
pub trait Operators: Send + Sync {
    async fn operator(&self, name: &str) -> Result<Option<Kept<OperatorRow>>>;
    /// At most `limit` operators, by name.
    async fn operators(&self, limit: usize) -> Result<Vec<Kept<OperatorRow>>>;
    /// Adds an operator. `Taken("name")` if there is one of that name.
    async fn add_operator(&self, row: OperatorRow) -> Result<Kept<OperatorRow>>;
    /// Replaces `before`; `Changed` if that, or the witness, is not what is kept. The name stays.
    async fn change_operator(
        &self,
        before: &Kept<OperatorRow>,
        after: OperatorRow,
        witness: Option<&Kept<OperatorRow>>,
    ) -> Result<Kept<OperatorRow>>;
    /// Removes `before`; `Changed` if that, or the witness, is not what is kept.
    async fn remove_operator(&self, before: &Kept<OperatorRow>, witness: Option<&Kept<OperatorRow>>) -> Result<()>;
}
