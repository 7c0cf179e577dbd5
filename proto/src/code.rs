//! The failures that cross a link, one to one with gRPC codes. The doors map each code once: `edge/src/stanza_error.rs`
//! to XMPP, `api/src/error.rs` to REST.

use std::fmt;

use tonic::Status;
use tonic::metadata::MetadataValue;

use crate::event::v1::Refusal;

/// Why a call was refused or failed. What it means for the caller stands beside each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// The request is malformed or breaks a rule of the domain; sending it again changes nothing.
    Invalid,
    /// Wrong password, unknown token, bad signature.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// A privacy list of somebody else keeps the caller out.
    Blocked,
    /// A privacy list of his own keeps the caller from reaching the other.
    Blocking,
    NotFound,
    /// A login, an e-mail or an id is taken.
    Exists,
    /// Over a size limit.
    TooLarge,
    /// Over a rate or a quota; later it may work.
    TooMany,
    /// A mailbox or queue is full, or the service is not there. Nothing was done; it may be sent again.
    Busy,
    /// The store refused. Nothing was written.
    NotStored,
    /// No answer in time: it may have happened. Only idempotent requests may be sent again.
    Unknown,
    /// Another writer was there first; load again.
    Conflict,
    /// A broken promise of our own.
    Internal,
}

/// A code with its text, and the field it is about where there is one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Failure {
    pub code: Code,
    /// Name of the field as the REST door calls it; empty: the whole request.
    pub field: String,
    pub text: String,
}

impl Failure {
    /// A failure of the whole request.
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        Failure { code, field: String::new(), text: text.into() }
    }

    /// A failure of one field.
    pub fn of_field(code: Code, field: impl Into<String>, text: impl Into<String>) -> Failure {
        Failure { code, field: field.into(), text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.text),
            field => write!(f, "{field} {}", self.text),
        }
    }
}

const FIELD: &str = "natter-field";
/// Which of the two it is of the codes that gRPC has no word for: to it they are what is forbidden.
const LIST: &str = "natter-list";
const OF_LISTS: [(Code, &str); 2] = [(Code::Blocked, "theirs"), (Code::Blocking, "own")];

const CODES: [(Code, tonic::Code); 12] = [
    (Code::Invalid, tonic::Code::InvalidArgument),
    (Code::Unauthenticated, tonic::Code::Unauthenticated),
    (Code::Forbidden, tonic::Code::PermissionDenied),
    (Code::NotFound, tonic::Code::NotFound),
    (Code::Exists, tonic::Code::AlreadyExists),
    (Code::TooLarge, tonic::Code::OutOfRange),
    (Code::TooMany, tonic::Code::ResourceExhausted),
    (Code::Busy, tonic::Code::Unavailable),
    (Code::NotStored, tonic::Code::Aborted),
    (Code::Unknown, tonic::Code::DeadlineExceeded),
    (Code::Conflict, tonic::Code::FailedPrecondition),
    (Code::Internal, tonic::Code::Internal),
];

impl Code {
    /// As gRPC says it, and which list it is of.
    fn to_grpc(self) -> (tonic::Code, Option<&'static str>) {
        let list = OF_LISTS.iter().find(|(code, _)| *code == self).map(|(_, list)| *list);
        let code = if list.is_some() { Code::Forbidden } else { self };
        (CODES.iter().find(|(known, _)| *known == code).map_or(tonic::Code::Internal, |(_, grpc)| *grpc), list)
    }

    fn of_grpc(code: tonic::Code, list: &str) -> Code {
        let code = match code {
            // A call that was dropped or cut may have been carried out.
            tonic::Code::Cancelled | tonic::Code::Unknown => Code::Unknown,
            grpc => CODES.iter().find(|(_, code)| *code == grpc).map_or(Code::Internal, |(code, _)| *code),
        };
        let of_list = OF_LISTS.iter().find(|(_, of)| *of == list && code == Code::Forbidden);
        of_list.map_or(code, |(code, _)| *code)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let (code, list) = failure.code.to_grpc();
        Refusal { code: code.into(), text: failure.text, field: failure.field, list: list.unwrap_or_default().to_owned() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let Refusal { code, text, field, list } = refusal;
        Failure { code: Code::of_grpc(tonic::Code::from_i32(code), &list), field, text }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Status {
        let (code, list) = failure.code.to_grpc();
        let mut status = Status::new(code, failure.text);
        if let Some(list) = list {
            status.metadata_mut().insert(LIST, MetadataValue::from_static(list));
        }
        if let Ok(field) = failure.field.parse()
            && !failure.field.is_empty()
        {
            status.metadata_mut().insert(FIELD, field);
        }
        status
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        let word = |name| status.metadata().get(name).and_then(|word| word.to_str().ok()).unwrap_or_default();
        let (code, field) = (Code::of_grpc(status.code(), word(LIST)), word(FIELD).to_owned());
        Failure { code, field, text: status.message().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_survives_the_wire() {
        for (code, _) in CODES.map(|(code, _)| (code, "")).into_iter().chain(OF_LISTS) {
            let failure = Failure::of_field(code, "login", "has already been taken");
            assert_eq!(Failure::from(Status::from(failure.clone())), failure);
            assert_eq!(Failure::from(Refusal::from(failure.clone())), failure);
        }
    }
}
