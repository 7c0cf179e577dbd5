//! Settings of the dialog service. The doc comments become the config reference.

use std::time::Duration;

use natter_actor::RegistryOptions;
use serde::{Deserialize, Serialize};

use crate::dialog::Limits;
use crate::dialog::group::GroupLimits;

/// Most posts of one append, whatever the settings of any process that owned the dialog before: a dialog that is loaded takes
/// so many of its newest messages for untold.
pub(crate) const BATCH_MAX: usize = 256;

/// Settings of `[dialog]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Requests that may wait in front of one dialog. One more is refused as busy.
    pub mailbox: usize,
    /// Waiting requests of one dialog that are decided together, and posts that are appended together; 256 at most. There is
    /// no timer: what came while the last append was written makes the next.
    pub batch: usize,
    /// Seconds without a request after which a dialog leaves memory.
    pub idle_s: u64,
    /// Dialogs in memory at most. One more is refused as busy.
    pub actors_max: usize,
    /// Milliseconds that a caller waits for a dialog's answer. Over it the outcome is unknown. Longer than the deadline of a
    /// link, so that a dialog that waits for history is the one to say what became of a message.
    pub answer_ms: u64,
    /// Bytes of a message's body.
    pub body_bytes_max: usize,
    /// Bytes of a stored message with everything it carries.
    pub stored_bytes_max: usize,
    /// Bytes of a message that is told and not stored.
    pub unsaved_bytes_max: usize,
    /// Newest messages of a dialog whose ids are kept in memory to find repeated ones. Older ids are asked from history.
    pub tail_ids: usize,
    /// Newest messages outside history whose ids are kept in memory while the dialog is.
    pub unsaved_ids: usize,
    /// Messages that all users of one app may send in a second, through this process. One more is refused.
    pub app_rate: u32,
    /// Dialogs of one user.
    pub dialogs_of_user_max: usize,
    /// Members of a group or a public dialog.
    pub members_max: usize,
    /// Admins of one (contract rest 4.6).
    pub admins_max: usize,
    /// Pinned messages of one.
    pub pinned_max: usize,
    /// Keys that an app may add to one (contract rest 4.2).
    pub extensions_max: usize,
    /// Bytes of a name, of a photo's id, of a key and its value.
    pub text_bytes_max: usize,
    /// Bytes of a description.
    pub description_bytes_max: usize,
    /// Members up to which delivered and read statuses of a group's messages are told to their authors. Above it they are only
    /// stored.
    pub markers_relayed_members_max: usize,
    /// Seconds without a session after which a user who only entered the room of a public dialog is no member of it any more.
    pub join_idle_s: u64,
    /// Seconds for which the newest number of a dialog that moved is published, once a second.
    pub heads_active_s: u64,
    /// Dialogs whose newest number is published at most.
    pub heads_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            mailbox: 1024,
            batch: BATCH_MAX,
            idle_s: 60,
            actors_max: 100_000,
            answer_ms: 3000,
            body_bytes_max: 60 * 1024,
            stored_bytes_max: 64 * 1024,
            unsaved_bytes_max: 256 * 1024,
            tail_ids: 1000,
            unsaved_ids: 1000,
            app_rate: 5000,
            dialogs_of_user_max: 5000,
            members_max: 10_000,
            admins_max: 5,
            pinned_max: 100,
            extensions_max: 3,
            text_bytes_max: 1024,
            description_bytes_max: 4096,
            markers_relayed_members_max: 100,
            join_idle_s: 24 * 3600,
            heads_active_s: 30,
            heads_max: 200_000,
        }
    }
}

impl Options {
    /// The sizes that the rules hold.
    pub fn limits(&self) -> Limits {
        Limits {
            body_bytes_max: self.body_bytes_max,
            stored_bytes_max: self.stored_bytes_max,
            unsaved_bytes_max: self.unsaved_bytes_max,
            tail_ids: self.tail_ids,
            unsaved_ids: self.unsaved_ids,
        }
    }

    /// The bounds of a group that the rules hold.
    pub fn group(&self) -> GroupLimits {
        GroupLimits {
            members_max: self.members_max,
            admins_max: self.admins_max,
            pinned_max: self.pinned_max,
            extensions_max: self.extensions_max,
            text_bytes_max: self.text_bytes_max,
            description_bytes_max: self.description_bytes_max,
            // Unless the app says otherwise.
            admins_remove: false,
        }
    }

    /// How long a caller waits for a dialog's answer.
    pub fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }

    /// Waiting requests that are taken at once.
    pub(crate) fn batch(&self) -> usize {
        self.batch.clamp(1, BATCH_MAX)
    }

    pub(crate) fn registry(&self) -> RegistryOptions {
        RegistryOptions { capacity: self.mailbox, idle: Duration::from_secs(self.idle_s), actors_max: self.actors_max }
    }
}
