//! What the push service refuses or fails with, and which failure each becomes.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

use crate::events;
use crate::store;
use crate::subscription::Refused;
use crate::template::Wrong;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or somebody else's.
    #[error("there is no such subscription")]
    Unknown,
    #[error("there is no such event")]
    NoEvent,
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("too many subscriptions of this user, at most {0}")]
    SubscriptionsTooMany(usize),
    /// The field that is wrong.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// What is wrong with the keys of a sample.
    #[error("extension {0}")]
    Sample(&'static str),
    /// Settings that may not be kept.
    #[error("{0}")]
    Wrong(#[from] Wrong),
    #[error("{0}")]
    Events(#[from] events::Error),
    #[error("{0}")]
    Store(#[from] store::Error),
    /// Another service did not answer, or refused.
    #[error("{0}")]
    Neighbour(#[from] Failure),
}

impl From<natter_db::Error> for Error {
    fn from(error: natter_db::Error) -> Error {
        store::Error::Db(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let text = error.to_string();
        match error {
            Error::Unknown | Error::NoEvent => Failure::new(Code::NotFound, text),
            Error::Refused(Refused(field, wrong)) => Failure::of_field(Code::Invalid, field, wrong),
            // Waiting does not help: one has to end first.
            Error::SubscriptionsTooMany(_) => Failure::of_field(Code::Invalid, "subscription", text),
            Error::Store(store::Error::Full) => Failure::of_field(Code::Invalid, "subscription", text),
            Error::Sample(wrong) => Failure::of_field(Code::Invalid, "extension", wrong),
            Error::Wrong(Wrong { field, text }) => Failure::of_field(Code::Invalid, field, text),
            Error::Events(events::Error::Full(_)) => Failure::new(Code::TooMany, text),
            Error::Events(events::Error::Db(db)) => db.into(),
            Error::Malformed(field) => Failure::of_field(Code::Invalid, field, "is malformed"),
            Error::Store(store::Error::Changed) => Failure::new(Code::Conflict, text),
            Error::Store(store::Error::Db(db)) => db.into(),
            Error::Neighbour(failure) => failure,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        if matches!(&error, Error::Store(store::Error::Db(_)) | Error::Events(events::Error::Db(_))) {
            tracing::warn!(%error, "what is kept of alerts could not be stored or read");
        }
        Failure::from(error).into()
    }
}
