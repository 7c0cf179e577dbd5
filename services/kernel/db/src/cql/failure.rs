//! What a failed request means for what was asked.

use scylla::errors::{DbError, ExecutionError, RequestAttemptError};

use super::statement::Statement;
use crate::error::Error;

/// Nothing was written only if no server could have begun: the request was never well-formed, or was refused for what it says. All else
/// may have been written, or will be: the driver may have tried other nodes before, and a node that said nothing may do it later.
pub fn of(statement: Statement, error: &ExecutionError) -> Error {
    let is_refused = match error {
        ExecutionError::BadQuery(_) | ExecutionError::EmptyPlan | ExecutionError::PrepareError(_) => true,
        ExecutionError::LastAttemptError(error) => is_refusal(error),
        _ => false,
    };
    let text = format!("{}: {error}", table_of(statement.text()));
    if is_refused { Error::NotStored(text) } else { Error::Unknown(text) }
}

// What every server refuses, each time it is asked.
fn is_refusal(error: &RequestAttemptError) -> bool {
    use RequestAttemptError as A;
    match error {
        A::SerializationError(_) | A::CqlRequestSerialization(_) => true,
        A::DbError(error, _) => {
            matches!(error, DbError::SyntaxError | DbError::Invalid | DbError::Unauthorized | DbError::ConfigError)
        }
        _ => false,
    }
}

// The first words of a statement name its table; values are never in it.
fn table_of(text: &str) -> String {
    text.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use scylla::frame::types::Consistency;

    use super::*;

    const WRITE: Statement = Statement::write("INSERT INTO rows (id, value) VALUES (?, ?)");

    #[test]
    fn what_no_server_began_was_not_stored_and_all_else_is_unknown() {
        let said = |error| ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, "said so".into()));
        assert!(matches!(of(WRITE, &said(DbError::Invalid)), Error::NotStored(_)));
        assert!(matches!(of(WRITE, &ExecutionError::EmptyPlan), Error::NotStored(_)));
        let unavailable = DbError::Unavailable { consistency: Consistency::LocalQuorum, required: 2, alive: 1 };
        for error in [unavailable, DbError::Overloaded, DbError::ServerError] {
            assert!(matches!(of(WRITE, &said(error)), Error::Unknown(_)));
        }
        let late = ExecutionError::RequestTimeout(std::time::Duration::from_secs(2));
        assert!(matches!(of(WRITE, &late), Error::Unknown(text) if text.starts_with("INSERT INTO rows (id,: ")));
    }
}
