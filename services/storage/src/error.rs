//! What the storage service refuses or fails with, and which failure each becomes.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

use crate::blob::Refused;
use crate::{bytes, room, store};

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, of another app, or somebody else's private file.
    #[error("there is no such file")]
    Unknown,
    /// Somebody else's file.
    #[error("the file is somebody else's")]
    Foreign,
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("the file is too large, at most {0} bytes")]
    TooLarge(u64),
    #[error("the app has no room for more files")]
    Quota,
    #[error("too many files of this user are not complete, at most {0}")]
    UnfinishedTooMany(usize),
    #[error("too many uploads at once")]
    Busy,
    /// The caller left half way, or sent what is no upload.
    #[error("the upload ended early")]
    Broken,
    /// A broken promise of our own.
    #[error("a call about files ended early")]
    Ended,
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Bytes(#[from] bytes::Error),
}

impl Error {
    /// Of a room that lets nobody in.
    pub fn of_room(refused: room::Refused, file_bytes_max: u64) -> Error {
        match refused {
            room::Refused::Busy => Error::Busy,
            room::Refused::TooLarge => Error::TooLarge(file_bytes_max),
            room::Refused::Quota => Error::Quota,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::Unknown => Code::NotFound,
            Error::Foreign | Error::Refused(Refused::Key) => Code::Forbidden,
            Error::Refused(Refused::Name) => return Failure::of_field(Code::Invalid, "name", error.to_string()),
            Error::Refused(Refused::ContentType) => return Failure::of_field(Code::Invalid, "content_type", error.to_string()),
            Error::Refused(Refused::Size) => return Failure::of_field(Code::Invalid, "size", error.to_string()),
            Error::Refused(_) | Error::Broken => Code::Invalid,
            Error::TooLarge(_) | Error::Quota | Error::Store(store::Error::Full) => Code::TooLarge,
            Error::UnfinishedTooMany(_) => Code::TooMany,
            Error::Busy => Code::Busy,
            Error::Ended => Code::Internal,
            Error::Store(store::Error::Changed) => Code::Conflict,
            Error::Store(store::Error::Db(db)) => return Failure::from(db.clone()),
            Error::Bytes(bytes::Error::Absent) => Code::NotFound,
            Error::Bytes(_) => Code::NotStored,
        };
        Failure::new(code, error.to_string())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        if matches!(&error, Error::Store(store::Error::Db(_)) | Error::Bytes(_)) {
            tracing::warn!(%error, "a file could not be stored or read");
        }
        Failure::from(error).into()
    }
}
