//! What can be told, and which of it is wanted. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::WebhookEvent::{self, *};

/// All that can be asked for, as receivers and operators name it.
pub const WORDS: [(WebhookEvent, &str); 10] = [
    (MessageCreated, "message.created"),
    (MessageEdited, "message.edited"),
    (MessageDeleted, "message.deleted"),
    (DialogCreated, "dialog.created"),
    (DialogUpdated, "dialog.updated"),
    (DialogDeleted, "dialog.deleted"),
    (UserOnline, "user.online"),
    (UserOffline, "user.offline"),
    (PushFailed, "push.failed"),
    (ReportFiled, "report.filed"),
];

/// How a receiver reads it.
pub fn word(event: WebhookEvent) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == event).map_or("webhook.ping", |(_, word)| word)
}

/// Whether a webhook that names these is told of this one. Who names none is told of all.
pub fn takes(named: &[i32], event: WebhookEvent) -> bool {
    named.is_empty() || named.contains(&event.into())
}

/// Bits of what it is told of.
pub fn bits(named: &[i32]) -> u32 {
    WORDS.iter().filter(|(event, _)| takes(named, *event)).fold(0, |bits, (event, _)| bits | 1 << *event as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_none_is_told_of_all_and_else_of_what_is_named() {
        assert_eq!((bits(&[]), bits(&[1, 3])), (0b111_1111_1110, 0b1010));
        assert!(takes(&[], PushFailed) && takes(&[9], PushFailed) && !takes(&[1], PushFailed));
        assert_eq!((word(MessageCreated), word(Ping)), ("message.created", "webhook.ping"));
    }
}
