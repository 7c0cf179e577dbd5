//! What a refused request is answered: status and body, in the two shapes and with the texts of contract rest 1.6.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::{Code, Failure};
use natter_rpc::Status;
use serde_json::{Value, json};

use crate::decode::{Fault, Wrong};
use crate::multipart;

/// The text the SDK compares (contract rest 1.6), and the account service's text for a token that is not there.
const EXPIRED: &str = "Required session does not exist";

/// The account service's text for an app that its operator closed.
const SUSPENDED: &str = "This application is suspended";

/// The account service's text for a page that an app does not take.
const FOREIGN: &str = "Pages of this origin may not use this application";

/// A refusal as the client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// HTTP status, 400 to 599.
    pub status: u16,
    errors: Errors,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Errors {
    /// `{"errors": {"base": ["<text>"]}}`
    Base(String),
    /// `{"errors": ["<text>"]}`
    List(String),
    /// `{"errors": {"<field>": ["<text>"]}}`
    Field(String, String),
}

impl Refusal {
    /// `{"errors": {"base": [text]}}`.
    pub(crate) fn base(status: u16, text: impl Into<String>) -> Refusal {
        Refusal { status, errors: Errors::Base(text.into()) }
    }

    /// `{"errors": [text]}`.
    pub(crate) fn list(status: u16, text: impl Into<String>) -> Refusal {
        Refusal { status, errors: Errors::List(text.into()) }
    }

    /// `422 {"errors": {field: [text]}}`.
    pub(crate) fn field(field: impl Into<String>, text: impl Into<String>) -> Refusal {
        Refusal { status: 422, errors: Errors::Field(field.into(), text.into()) }
    }

    /// The token is unknown, expired or destroyed. The SDK compares this very text (contract rest 1.6).
    pub(crate) fn session_expired() -> Refusal {
        Refusal::base(401, EXPIRED)
    }

    /// No token at all.
    pub(crate) fn token_required() -> Refusal {
        Refusal::base(401, "Token is required")
    }

    /// The operator closed the app for now.
    pub(crate) fn suspended() -> Refusal {
        Refusal::base(403, SUSPENDED)
    }

    /// A page of an origin that the app does not list.
    pub(crate) fn foreign_page() -> Refusal {
        Refusal::base(403, FOREIGN)
    }

    /// An app session where a user is needed.
    pub(crate) fn need_user() -> Refusal {
        Refusal::base(403, "Forbidden. Need user.")
    }

    /// Neither a member nor an owner.
    pub(crate) fn no_permission() -> Refusal {
        Refusal::list(403, "You don't have appropriate permissions to perform this operation")
    }

    /// A dialog or message that is not there, or not there for the caller.
    pub(crate) fn not_found() -> Refusal {
        Refusal::list(404, "The resource wasn't found")
    }

    /// A search for one user without a hit.
    pub(crate) fn user_not_found() -> Refusal {
        Refusal::list(404, "User not found")
    }

    /// An unknown app or a wrong auth key.
    pub(crate) fn unauthorized() -> Refusal {
        Refusal::list(401, "Unauthorized")
    }

    /// A private dialog that names nobody else.
    pub(crate) fn opponent_missing() -> Refusal {
        Refusal::list(422, "Occupants_ids is missing opponent ID.")
    }

    /// Occupants of a private dialog are to be changed.
    pub(crate) fn pair_is_fixed() -> Refusal {
        Refusal::list(403, "Occupants can be changed in group and public dialogs only")
    }

    /// Over a rate.
    pub(crate) fn too_many() -> Refusal {
        Refusal::list(429, "Too many requests")
    }

    /// A body over the limit.
    pub(crate) fn too_large() -> Refusal {
        Refusal::list(413, "The request body is too large")
    }

    /// Too much is under way; later it may work.
    pub(crate) fn busy() -> Refusal {
        Refusal::list(503, "Not done, please try again")
    }

    /// A broken promise of our own; what broke stands in the log.
    pub(crate) fn internal() -> Refusal {
        Refusal::list(500, "Internal error")
    }

    /// What a call about sessions or users says to a failure of the account service.
    pub(crate) fn of_account(status: Status) -> Refusal {
        let failure = Failure::from(status);
        match failure.code {
            Code::NotFound => Refusal::user_not_found(),
            _ => failure.into(),
        }
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> Value {
        match &self.errors {
            Errors::Base(text) => json!({"errors": {"base": [text]}}),
            Errors::List(text) => json!({"errors": [text]}),
            Errors::Field(field, text) => json!({"errors": {field.as_str(): [text]}}),
        }
    }
}

/// The general table from a failure of a service to what the client sees.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        match failure.code {
            Code::Invalid if failure.field.is_empty() => Refusal::list(422, failure.text),
            Code::Invalid => Refusal::field(failure.field, failure.text),
            Code::Exists if failure.field.is_empty() => Refusal::list(422, "has already been taken"),
            Code::Exists => Refusal::field(failure.field, "has already been taken"),
            Code::Unauthenticated if failure.text == EXPIRED => Refusal::session_expired(),
            // The account service speaks the texts of the contract: a wrong password, a wrong key.
            Code::Unauthenticated => Refusal::list(401, failure.text),
            Code::Forbidden if failure.text == SUSPENDED => Refusal::suspended(),
            Code::Forbidden if failure.text == FOREIGN => Refusal::foreign_page(),
            Code::Forbidden | Code::Blocked | Code::Blocking => Refusal::no_permission(),
            Code::NotFound => Refusal::not_found(),
            Code::TooLarge if failure.field.is_empty() => Refusal::list(413, failure.text),
            Code::TooLarge => Refusal { status: 413, errors: Errors::Field(failure.field, failure.text) },
            Code::TooMany => Refusal::too_many(),
            Code::Busy | Code::NotStored | Code::Conflict => Refusal::busy(),
            Code::Unknown => Refusal::list(504, "No answer in time, it may have been done"),
            Code::Internal => Refusal::internal(),
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Failure::from(status).into()
    }
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Refusal {
        Refusal::field(wrong.field, wrong.text)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        let status = if fault == Fault::ContentType { 415 } else { 400 };
        Refusal::list(status, fault.to_string())
    }
}

impl From<multipart::Fault> for Refusal {
    fn from(fault: multipart::Fault) -> Refusal {
        let status = match fault {
            multipart::Fault::ContentType => 415,
            multipart::Fault::TooMuch => 413,
            multipart::Fault::Malformed | multipart::Fault::AfterFile => 400,
        };
        Refusal::list(status, fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_are_those_of_the_contract_to_the_byte() {
        check(Refusal::session_expired(), 401, r#"{"errors":{"base":["Required session does not exist"]}}"#);
        check(Refusal::token_required(), 401, r#"{"errors":{"base":["Token is required"]}}"#);
        check(Refusal::need_user(), 403, r#"{"errors":{"base":["Forbidden. Need user."]}}"#);
        check(Refusal::opponent_missing(), 422, r#"{"errors":["Occupants_ids is missing opponent ID."]}"#);
        check(Refusal::not_found(), 404, r#"{"errors":["The resource wasn't found"]}"#);
        check(
            Refusal::no_permission(),
            403,
            r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#,
        );
        check(Refusal::user_not_found(), 404, r#"{"errors":["User not found"]}"#);
    }

    #[test]
    fn refusals_of_the_account_service_keep_its_text() {
        for (code, text, status, body) in [
            (Code::Invalid, "Unexpected signature", 422, r#"{"errors":["Unexpected signature"]}"#),
            (Code::Invalid, "Bad timestamp", 422, r#"{"errors":["Bad timestamp"]}"#),
            (Code::Unauthenticated, "Unauthorized", 401, r#"{"errors":["Unauthorized"]}"#),
            (Code::Unauthenticated, "Invalid password", 401, r#"{"errors":["Invalid password"]}"#),
            (Code::Unauthenticated, EXPIRED, 401, r#"{"errors":{"base":["Required session does not exist"]}}"#),
            (Code::Forbidden, SUSPENDED, 403, r#"{"errors":{"base":["This application is suspended"]}}"#),
            (Code::Forbidden, FOREIGN, 403, r#"{"errors":{"base":["Pages of this origin may not use this application"]}}"#),
            (Code::NotFound, "x", 404, r#"{"errors":["User not found"]}"#),
            (Code::TooMany, "x", 429, r#"{"errors":["Too many requests"]}"#),
        ] {
            check(Refusal::of_account(Failure::new(code, text).into()), status, body);
        }
    }

    #[test]
    fn failures_of_services_show_no_inner_text() {
        for (code, status) in
            [(Code::Internal, 500), (Code::Busy, 503), (Code::NotStored, 503), (Code::Conflict, 503), (Code::Unknown, 504)]
        {
            let refusal = Refusal::from(Failure::new(code, "secret"));
            assert_eq!(refusal.status, status);
            assert!(!refusal.body().to_string().contains("secret"));
        }
        check(
            Failure::of_field(Code::Exists, "login", "taken").into(),
            422,
            r#"{"errors":{"login":["has already been taken"]}}"#,
        );
        check(Failure::of_field(Code::Invalid, "login", "is too short").into(), 422, r#"{"errors":{"login":["is too short"]}}"#);
    }

    fn check(refusal: Refusal, status: u16, body: &str) {
        assert_eq!((refusal.status, refusal.body().to_string().as_str()), (status, body));
    }
}
