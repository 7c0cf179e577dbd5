//! What an edit and a removal for all do to a row. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::{Attachment, Change, Extension, Message, change};

use crate::error::Error;

/// A change of a row that everybody sees.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// Other words. What else the row holds stays. `silent`: live sessions are not told.
    Replace { body: Option<String>, extensions: Vec<Extension>, attachments: Vec<Attachment>, silent: bool },
    /// Nothing is left of what was said. Who said it, when and under which id stays, so that a repeated post is known again.
    Remove,
}

impl Edit {
    /// An edit that gives a row the content of `row`.
    pub fn of(row: Message, silent: bool) -> Edit {
        Edit::Replace { body: row.body, extensions: row.extensions, attachments: row.attachments, silent }
    }

    /// The row after the edit, or `None` if it is like that already. `now` is in unix milliseconds.
    ///
    /// Fails with [`Error::NoRow`] if the row is to be replaced and was removed.
    pub fn apply(&self, row: &Message, now: i64) -> Result<Option<Message>, Error> {
        let mut edited = row.clone();
        match self {
            Edit::Replace { .. } if row.removed => return Err(Error::NoRow),
            Edit::Replace { body, extensions, attachments, .. } => {
                edited.body.clone_from(body);
                edited.extensions.clone_from(extensions);
                edited.attachments.clone_from(attachments);
            }
            Edit::Remove => {
                edited.removed = true;
                edited.body = None;
                edited.extensions.clear();
                edited.attachments.clear();
                edited.relay.clear();
            }
        }
        if edited == *row {
            return Ok(None);
        }
        edited.updated_at = now.max(row.updated_at);
        Ok(Some(edited))
    }

    /// What is told and kept of it: by whom, under which stamp.
    pub fn told(&self, edited: &Message, user: u64, stamp: u64) -> Change {
        let (what, silent) = match self {
            Edit::Replace { silent, .. } => (change::What::Edited(edited.clone()), *silent),
            Edit::Remove => (change::What::Removed(true), false),
        };
        let (seq, message_id, at, recipient) = (edited.seq, edited.id.clone(), edited.updated_at, edited.recipient);
        Change { stamp, seq, message_id, user, what: Some(what), at, silent, recipient, ..Change::default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_edit_replaces_the_words_and_keeps_the_place() {
        let edited = edit("better").apply(&row(), 900).unwrap().unwrap();
        assert_eq!(edited, Message { body: Some("better".into()), updated_at: 900, ..row() });
        assert_eq!(edit("better").apply(&edited, 950), Ok(None));
    }

    #[test]
    fn a_removal_leaves_nothing_of_what_was_said() {
        let removed = Edit::Remove.apply(&row(), 900).unwrap().unwrap();
        assert_eq!(removed, Message { body: None, relay: String::new(), removed: true, updated_at: 900, ..row() });
        assert_eq!(Edit::Remove.apply(&removed, 950), Ok(None));
        assert_eq!(edit("back again").apply(&removed, 950), Err(Error::NoRow));
    }

    fn edit(body: &str) -> Edit {
        Edit::of(Message { body: Some(body.into()), ..Message::default() }, false)
    }

    fn row() -> Message {
        let body = Some("good".into());
        Message {
            seq: 3,
            sender: 7,
            date_sent: 1,
            created_at: 800,
            updated_at: 800,
            body,
            relay: "<x xmlns='y'/>".into(),
            ..Message::default()
        }
    }
}
