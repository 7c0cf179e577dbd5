//! What a call to the store may fail with, and which failure code it becomes.

use natter_proto::{Code, Failure};

/// Why a call to the store failed. The texts name tables and causes, never keys or values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Too many commits wait. Nothing was written; later it may work.
    #[error("the store's queue is full")]
    Full,
    /// A `require_*` of the batch did not hold. Nothing of the batch was written.
    #[error("a row is not as required")]
    Condition,
    /// The store refused. Nothing was written, and nothing will be.
    #[error("not stored: {0}")]
    NotStored(String),
    /// The batch may have been written or not. Who needs to know reads it again.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// What was read cannot be right.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

impl Error {
    /// The failure code of this error.
    pub fn code(&self) -> Code {
        match self {
            Error::Full => Code::Busy,
            Error::Condition => Code::Conflict,
            Error::NotStored(_) => Code::NotStored,
            Error::Unknown(_) => Code::Unknown,
            Error::Corrupt(_) => Code::Internal,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error.code(), error.to_string())
    }
}
