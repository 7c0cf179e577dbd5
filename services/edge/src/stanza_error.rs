//! What a refusal of another service is in XMPP: the one table from [`Code`] to stanza errors (contract xmpp 9).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::{Code, Failure};
use natter_xmpp::{Condition, StanzaError};

/// The stanza error for a failure. Its text is ours: what a service says about itself is not for clients.
pub(crate) fn of(failure: &Failure) -> StanzaError {
    let (condition, text) = match failure.code {
        Code::Invalid => (Condition::BadRequest, "Bad request."),
        Code::Unauthenticated => (Condition::NotAuthorized, "Unauthorized."),
        Code::Forbidden => (Condition::Forbidden, "Forbidden."),
        // Contract xmpp 7.3. Of a block it says no more than of somebody who cannot be reached.
        Code::Blocked => (Condition::ServiceUnavailable, "Service not available."),
        Code::Blocking => (Condition::NotAcceptable, "You have blocked this user."),
        Code::NotFound => (Condition::ItemNotFound, "Not found."),
        Code::Exists | Code::Conflict => (Condition::Conflict, "Conflict."),
        Code::TooLarge => (Condition::PolicyViolation, "The message is too large."),
        Code::TooMany => (Condition::PolicyViolation, "Too many messages."),
        Code::Busy => (Condition::ResourceConstraint, "Busy, try again."),
        Code::NotStored => (Condition::InternalServerError, "Not stored, try again."),
        Code::Unknown | Code::Internal => (Condition::InternalServerError, "Internal error."),
    };
    StanzaError::new(condition, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_legacy_code_and_loses_its_inner_text() {
        for (code, legacy) in [
            (Code::Forbidden, 403),
            (Code::Blocked, 503),
            (Code::Blocking, 406),
            (Code::NotFound, 404),
            (Code::TooLarge, 406),
            (Code::Busy, 500),
        ] {
            let error = of(&Failure::new(code, "row 7 of shard 3"));
            assert_eq!(error.condition.code(), legacy);
            assert!(!error.text.contains("shard"));
        }
    }
}
