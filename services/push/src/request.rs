//! A contact request as an alert (contract xmpp 6): what tells it from others, and when there is nothing to say of it any more.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::MessageId;
use natter_proto::event::v1::PostedRequest;

use crate::alerts::{Due, Source};
use crate::event::NO_DIALOG;

/// Under which a request stands in the journal, beside dialog 0: the same one again has the same id. No event has it: their ids
/// are given in turn, and never get so large.
pub fn message_id(from: u64, to: u64) -> MessageId {
    let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
    let mut id = [0; 12];
    // Ids of users are given in turn too: six bytes hold them.
    id[..6].copy_from_slice(&from[2..]);
    id[6..].copy_from_slice(&to[2..]);
    MessageId(id)
}

/// The alert of a request, due at once: whether it has to wait is decided then.
pub fn due(app: u64, request: &PostedRequest) -> Due {
    let PostedRequest { from, to, at } = *request;
    Due {
        app,
        at,
        user: to,
        dialog: NO_DIALOG,
        place: from,
        source: Source::Request,
        message: message_id(from, to),
        sender: from,
        said_at: at,
        attempts: 0,
        done: Vec::new(),
        traceparent: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    #[test]
    fn a_request_has_the_id_of_no_other_and_of_no_event() {
        assert_eq!(message_id(34, 78), message_id(34, 78));
        assert_ne!(message_id(34, 78), message_id(78, 34));
        assert_ne!(message_id(34, 78), message_id(34, 79));
        for event in [34, 78, 34 << 32 | 78, u64::from(u32::MAX)] {
            assert_ne!(message_id(34, 78), event::message_id(event));
        }
    }

    #[test]
    fn every_entry_of_a_request_makes_the_same_alert() {
        let request = PostedRequest { from: 34, to: 78, at: 1_000 };
        assert_eq!(due(1, &request), due(1, &request));
        let later = due(1, &PostedRequest { at: 2_000, ..request });
        assert_eq!((later.message, later.place), (due(1, &request).message, 34));
    }
}
