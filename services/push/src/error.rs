//! What the push service refuses or fails with, and which failure each becomes.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

use crate::provider::CredentialsError;
use crate::subscription::Refused;
use crate::template::Wrong;
use crate::wallet::Unusable;
use crate::{events, store, vault};

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
    #[error("nothing is known of the way of this message: it left no trace, or it is more than a day old")]
    NoTrace,
    #[error("too many apps are traced without exception, at most {0}")]
    TracedTooMany(usize),
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
    #[error("there is no such webhook")]
    NoWebhook,
    #[error("too many webhooks of this app, at most {0}")]
    WebhooksTooMany(usize),
    #[error("the webhooks of this app are being changed by others")]
    WebhooksChanged,
    #[error("there are no such credentials")]
    NoCredential,
    #[error("too many credentials of this app, at most {0}")]
    CredentialsTooMany(usize),
    /// What was given cannot be used.
    #[error("{0}")]
    Credential(CredentialsError),
    /// The installation cannot seal or open.
    #[error("{0}")]
    Unusable(Unusable),
    #[error("{0}")]
    Vault(#[from] vault::Error),
    /// Another service did not answer, or refused.
    #[error("{0}")]
    Neighbour(#[from] Failure),
}

impl Error {
    /// A field of the request, and what is wrong with it.
    pub fn wrong(field: &'static str, what: &'static str) -> Error {
        Error::Refused(Refused(field, what))
    }
}

impl From<Unusable> for Error {
    fn from(why: Unusable) -> Error {
        match why {
            Unusable::Content(error) if error != CredentialsError::NoKey => Error::Credential(error),
            why => Error::Unusable(why),
        }
    }
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
            Error::Unknown | Error::NoTrace | Error::NoCredential | Error::NoEvent | Error::NoWebhook => {
                Failure::new(Code::NotFound, text)
            }
            Error::TracedTooMany(_) => Failure::new(Code::TooMany, text),
            Error::Refused(Refused(field, wrong)) => Failure::of_field(Code::Invalid, field, wrong),
            // Waiting does not help: one has to end first.
            Error::SubscriptionsTooMany(_) => Failure::of_field(Code::Invalid, "subscription", text),
            Error::Store(store::Error::Full) => Failure::of_field(Code::Invalid, "subscription", text),
            Error::WebhooksTooMany(_) => Failure::of_field(Code::Invalid, "webhooks", text),
            Error::WebhooksChanged => Failure::new(Code::Conflict, text),
            Error::CredentialsTooMany(_) => Failure::of_field(Code::Invalid, "credentials", text),
            Error::Credential(error) => Failure::of_field(Code::Invalid, error.field(), text),
            Error::Unusable(_) => Failure::new(Code::NotStored, text),
            Error::Sample(wrong) => Failure::of_field(Code::Invalid, "extension", wrong),
            Error::Wrong(Wrong { field, text }) => Failure::of_field(Code::Invalid, field, text),
            Error::Events(events::Error::Full(_)) => Failure::new(Code::TooMany, text),
            Error::Events(events::Error::Db(db)) => db.into(),
            Error::Malformed(field) => Failure::of_field(Code::Invalid, field, "is malformed"),
            Error::Store(store::Error::Changed) | Error::Vault(vault::Error::Changed) => Failure::new(Code::Conflict, text),
            Error::Store(store::Error::Db(db)) | Error::Vault(vault::Error::Db(db)) => db.into(),
            Error::Neighbour(failure) => failure,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let is_stores = matches!(
            &error,
            Error::Store(store::Error::Db(_)) | Error::Vault(vault::Error::Db(_)) | Error::Events(events::Error::Db(_))
        );
        if is_stores || matches!(&error, Error::Unusable(_)) {
            tracing::warn!(%error, "what is kept of alerts could not be stored or read");
        }
        Failure::from(error).into()
    }
}
