//! Why a call to presence is refused or fails, and its code.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

use crate::privacy::{Limits, ListError};

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
    /// The user has as many privacy lists as he may have.
    #[error("too many privacy lists of one user, at most {max}")]
    TooManyLists { max: usize },
    #[error("too many items of one privacy list, at most {max}")]
    TooManyItems { max: usize },
    #[error("a privacy list has a name of at most {max} bytes")]
    ListName { max: usize },
    #[error("two items of a privacy list have the same order")]
    SameOrder,
    #[error("no such privacy list")]
    NoList,
    /// The other's privacy list keeps the user out.
    #[error("the other one does not take this")]
    Blocked,
    /// The user's own privacy list keeps it from the other.
    #[error("the user's own privacy list forbids this")]
    Blocking,
    /// The user was never there.
    #[error("the user was never there")]
    NeverSeen,
    /// What ends is to end first.
    #[error("there are sessions yet")]
    SessionsLeft,
    /// The user has no session of this name.
    #[error("no such session")]
    NoSession,
    /// Frames do not reach the session, so its end would not be heard of.
    #[error("the session is not announced")]
    NotAnnounced,
    /// Another process should have the app. Nothing was done.
    #[error("presence of the app is with another process")]
    Elsewhere,
    /// The run of the edge is believed dead. Nothing was done.
    #[error("the edge of the session is believed dead")]
    DeadEdge,
    /// The app was taken over a moment ago: who is there is not known of all. Nothing was done.
    #[error("who is there is being learned")]
    Learning,
    /// The store refused or failed.
    #[error("presence store: {0}")]
    Store(#[from] natter_db::Error),
}

impl Error {
    /// Why a list is none, within these limits.
    pub fn of_list(error: ListError, limits: Limits) -> Error {
        match error {
            ListError::Name => Error::ListName { max: limits.name_bytes },
            ListError::TooManyItems => Error::TooManyItems { max: limits.items },
            ListError::SameOrder => Error::SameOrder,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let code = match &error {
            Error::Missing(_) | Error::OneSelf | Error::ListName { .. } | Error::SameOrder => Code::Invalid,
            Error::TooManySessions { .. }
            | Error::TooManyRooms { .. }
            | Error::TooManyWatched { .. }
            | Error::TooManyContacts { .. }
            | Error::TooManyLists { .. }
            | Error::TooManyItems { .. } => Code::TooMany,
            Error::NeverSeen | Error::NoContact | Error::NoList | Error::NoSession => Code::NotFound,
            Error::Blocked => Code::Blocked,
            Error::Blocking => Code::Blocking,
            Error::SessionsLeft | Error::Elsewhere | Error::DeadEdge | Error::Learning => Code::Busy,
            Error::NotAnnounced => Code::Conflict,
            Error::Store(error) => error.code(),
        };
        Failure::new(code, error.to_string()).into()
    }
}
