//! What can go wrong in the log, and which failure code it becomes.

use natter_proto::{Code, Failure};

/// Why the log did not do what it was asked. Texts name places and fields, never a body.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The rows do not follow the newest one: another writer was there first. Load again.
    #[error("rows from {first_seq} do not follow row {head}")]
    Conflict { head: u64, first_seq: u64 },
    /// A field of the request is not as it must be: the field, and what is wrong with it.
    #[error("{0} {1}")]
    Invalid(&'static str, &'static str),
    /// There are as many as there may be: the field, and of what.
    #[error("{0} {1}")]
    Full(&'static str, &'static str),
    /// A filter that cannot be understood: its field, and what is wrong with it.
    #[error("{0} {1}")]
    BadFilter(String, &'static str),
    /// A filter would look at more rows than one call may: its field, and how many that is.
    #[error("{0} needs more than {1} rows looked at; narrow date_sent")]
    TooWide(String, u64),
    /// There is no such row, or it was removed for all.
    #[error("there is no such message")]
    NoRow,
    /// Several writers were in each other's way for too long. Nothing was written.
    #[error("too many writers at once")]
    Busy,
    /// A row that must be there is not, or is not readable.
    #[error("the log is corrupt: {0}")]
    Corrupt(&'static str),
    /// What the store said.
    #[error(transparent)]
    Store(#[from] natter_db::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let text = error.to_string();
        match error {
            Error::Conflict { .. } => Failure::new(Code::Conflict, text),
            Error::Invalid(field, wrong) => Failure::of_field(Code::Invalid, field, wrong),
            Error::Full(field, which) => Failure::of_field(Code::TooLarge, field, which),
            Error::BadFilter(field, wrong) => Failure::of_field(Code::Invalid, field, wrong),
            Error::TooWide(field, rows) => {
                let text = format!("needs more than {rows} rows looked at; narrow date_sent");
                Failure::of_field(Code::TooLarge, field, text)
            }
            Error::NoRow => Failure::new(Code::NotFound, text),
            Error::Busy => Failure::new(Code::Busy, text),
            Error::Corrupt(_) => Failure::new(Code::Internal, text),
            Error::Store(error) => error.into(),
        }
    }
}
