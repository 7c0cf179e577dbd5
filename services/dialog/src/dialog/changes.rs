//! Edits and removals of rows: whose, and what is left of them.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::UserId;
use natter_proto::event::v1::{Attachment, Extension, Message};
use prost::Message as _;

use super::rights::Action;
use super::{Dialog, Frozen, Limits};

/// Why a row is not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeError {
    /// Not a member, or somebody else's message.
    Forbidden,
    /// The dialog is.
    Frozen,
    /// Removed, or hidden from the user.
    NotFound,
    BodyTooLarge {
        bytes: usize,
        max: usize,
    },
    /// With all its keys.
    MessageTooLarge {
        bytes: usize,
        max: usize,
    },
}

/// What an edit says: a body, the keys that get other values, and attachments, which replace the old ones if there are any.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Words {
    pub body: String,
    pub extensions: Vec<Extension>,
    pub attachments: Vec<Attachment>,
}

/// What becomes of a row that its reader wants to be rid of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// Hidden from the user only.
    Hide,
    /// Removed for all.
    ForAll,
}

impl Dialog {
    /// The row with other words. Only its sender may write it. The content hash stays: it is of what was sent, and the
    /// message sent again is still the same.
    pub fn edited(&self, user: UserId, row: Message, words: Words, limits: &Limits, now_ms: i64) -> Result<Message, ChangeError> {
        self.sees(user, &row)?;
        if row.sender != user.0 {
            return Err(ChangeError::Forbidden);
        }
        self.check_writable().map_err(|Frozen| ChangeError::Frozen)?;
        let Words { body, extensions, attachments } = words;
        let (bytes, max) = (body.len(), limits.body_bytes_max);
        if bytes > max {
            return Err(ChangeError::BodyTooLarge { bytes, max });
        }
        let mut edited = Message { body: Some(body), updated_at: now_ms.max(row.updated_at), ..row };
        // A key may be there several times, on either side.
        edited.extensions.retain(|old| extensions.iter().all(|new| new.key != old.key));
        edited.extensions.extend(extensions);
        if !attachments.is_empty() {
            edited.attachments = attachments;
        }
        let (bytes, max) = (edited.encoded_len(), limits.stored_bytes_max);
        match bytes > max {
            true => Err(ChangeError::MessageTooLarge { bytes, max }),
            false => Ok(edited),
        }
    }

    /// How a row goes (contract rest 5.5): without `force` for the user only, with it for all, if it is his own.
    pub fn removal(&self, user: UserId, row: &Message, force: bool) -> Result<Removal, ChangeError> {
        self.sees(user, row)?;
        match force {
            false => Ok(Removal::Hide),
            true if row.sender == user.0 || self.may(user, Action::ChangeOthers).is_ok() => {
                self.check_writable().map_err(|Frozen| ChangeError::Frozen)?;
                Ok(Removal::ForAll)
            }
            true => Err(ChangeError::Forbidden),
        }
    }

    /// Refuses unless the row is there for the user to see.
    pub fn sees(&self, user: UserId, row: &Message) -> Result<(), ChangeError> {
        let member = self.may(user, Action::Read).map_err(|_| ChangeError::Forbidden)?;
        match row.removed || !member.sees(row.seq) {
            true => Err(ChangeError::NotFound),
            false => Ok(()),
        }
    }
}
