//! Why a call to presence is refused or fails, and its code.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request does not name what it must.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The user, or the whole app, has as many sessions as it may have.
    #[error("too many sessions of one {of}, at most {max}")]
    TooManySessions { of: &'static str, max: usize },
    /// The session is in as many rooms as it may be in.
    #[error("too many rooms of one session, at most {max}")]
    TooManyRooms { max: usize },
    /// The session watches as many users as it may.
    #[error("too many users watched by one session, at most {max}")]
    TooManyWatched { max: usize },
    /// The user, or the other one, has as many contacts or requests as he may have.
    #[error("too many contacts of one user, at most {max}")]
    TooManyContacts { max: usize },
    /// Nobody is his own contact.
    #[error("a user is no contact of his own")]
    OneSelf,
    /// The user is not in the list.
    #[error("no such contact")]
    NoContact,
    /// The user was never there.
    #[error("the user was never there")]
    NeverSeen,
    /// Frames do not reach the session, so its end would not be heard of.
    #[error("the session is not announced")]
    NotAnnounced,
    /// The store refused or failed.
    #[error("presence store: {0}")]
    Store(#[from] natter_db::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let code = match &error {
            Error::Missing(_) | Error::OneSelf => Code::Invalid,
            Error::TooManySessions { .. }
            | Error::TooManyRooms { .. }
            | Error::TooManyWatched { .. }
            | Error::TooManyContacts { .. } => Code::TooMany,
            Error::NeverSeen | Error::NoContact => Code::NotFound,
            Error::NotAnnounced => Code::Conflict,
            Error::Store(error) => error.code(),
        };
        Failure::new(code, error.to_string()).into()
    }
}
