//! What an archive brings of a dialog (decision 0039): whether it can be kept, and whether what is there already is the same. Pure.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::MessageId;
use natter_proto::event::v1::Message;
use prost::Message as _;

use super::content::hash;
use super::group::GroupLimits;
use super::{Kept, Kind, Limits};

/// Why a dialog cannot be like this.
pub fn fault_of_dialog(kept: &Kept, limits: &GroupLimits) -> Option<String> {
    let Kept { facts, profile, members } = kept;
    if facts.kind == Kind::Private && (members.len() != 2 || members.get(facts.owner).is_none()) {
        return Some("a private dialog has two members, and one of them owns it".into());
    }
    if members.len() > limits.members_max {
        return Some(format!("has {} members, at most {} are taken", members.len(), limits.members_max));
    }
    let texts = [(&profile.name, limits.text_bytes_max), (&profile.photo, limits.text_bytes_max)];
    let mut texts = texts.into_iter().chain([(&profile.description, limits.description_bytes_max)]);
    if let Some((_, max)) = texts.find(|(text, max)| text.as_ref().is_some_and(|text| text.len() > *max)) {
        return Some(format!("a name, photo or description has more than {max} bytes"));
    }
    let many = [
        (profile.admins.len(), limits.admins_max, "admins"),
        (profile.pinned.len(), limits.pinned_max, "pinned messages"),
        (profile.extensions.len(), limits.extensions_max, "extensions"),
    ];
    let (_, max, what) = many.into_iter().find(|(count, max, _)| count > max)?;
    Some(format!("has more than {max} {what}"))
}

/// Whether the dialog that is there is the one that is brought: what it is called and who is in it may have changed since.
pub fn is_same_dialog(there: &Kept, brought: &Kept) -> bool {
    let (a, b) = (&there.facts, &brought.facts);
    (a.kind, a.created_at) == (b.kind, b.created_at) && (a.kind != Kind::Private || there.members.ids() == brought.members.ids())
}

/// Why a row cannot be like this.
pub fn fault_of_row(row: &Message, limits: &Limits) -> Option<String> {
    if row.seq == 0 || row.sender == 0 || MessageId::try_from(row.id.as_slice()).is_err() {
        return Some("lacks a place, a sender or an id".into());
    }
    if !row.content_hash.is_empty() && row.content_hash.len() != hash(&Message::default()).len() {
        return Some("has a hash that is none".into());
    }
    let bytes = row.encoded_len();
    (bytes > limits.stored_bytes_max).then(|| format!("has {bytes} bytes, at most {} are taken", limits.stored_bytes_max))
}

/// The row as it is appended. One that is removed for all is appended without what it said, and removed afterwards.
pub fn appended(row: &Message) -> Message {
    let mut row = row.clone();
    if row.removed {
        row = Message { removed: false, body: None, extensions: vec![], attachments: vec![], relay: String::new(), ..row };
    }
    if row.content_hash.is_empty() {
        row.content_hash = hash(&row).to_vec();
    }
    row.updated_at = row.updated_at.max(row.created_at);
    row
}

/// Whether the row that is there is the one that is brought: by id, sender, date and what was said first. It may have been edited or
/// removed since.
pub fn is_same_row(there: &Message, brought: &Message) -> bool {
    let key = |row: &Message| (row.seq, row.id.clone(), row.sender, row.date_sent, row.content_hash.clone());
    key(there) == key(&appended(brought))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Message {
        let (id, body) = (vec![1; 12], Some("hello".to_owned()));
        Message { id, body, seq: 3, sender: 7, date_sent: 100, created_at: 100_000, ..Message::default() }
    }

    #[test]
    fn a_row_is_the_same_also_when_it_was_edited_or_removed_since() {
        let there = appended(&row());
        assert!(is_same_row(&there, &row()) && is_same_row(&there, &there));
        assert!(is_same_row(&Message { body: Some("better".into()), updated_at: 200_000, ..there.clone() }, &row()));
        assert!(is_same_row(&Message { body: None, removed: true, ..there.clone() }, &row()));
        for other in [
            Message { body: Some("other".into()), ..row() },
            Message { sender: 8, ..row() },
            Message { id: vec![2; 12], ..row() },
            Message { date_sent: 101, ..row() },
        ] {
            assert!(!is_same_row(&there, &other), "{other:?}");
        }
    }

    #[test]
    fn of_a_removed_row_nothing_that_was_said_is_appended() {
        let row = appended(&Message { removed: true, relay: "<x xmlns='y'/>".into(), content_hash: vec![5; 32], ..row() });
        assert_eq!((row.body, row.relay.as_str(), row.removed), (None, "", false));
        assert_eq!(row.content_hash, [5; 32], "a repetition of it is known again");
    }
}
