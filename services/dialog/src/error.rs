//! What can go wrong, and with which code it crosses a link.

use natter_proto::{AppId, Code, Failure, UserId};

use crate::dialog::bars::Bar;
use crate::dialog::group::GroupError;
use crate::dialog::post::PostError;
use crate::dialog::{Dialog, Key};

/// The user is not a member, or his role does not allow it.
pub fn forbidden(key: Key, user: UserId) -> Failure {
    Failure::new(Code::Forbidden, format!("user {user} may not do this in dialog {}", key.dialog))
}

/// The dialog is frozen, and what was asked is to write.
pub fn frozen(key: Key) -> Failure {
    Failure::new(Code::Forbidden, format!("dialog {} is frozen: nobody may write in it", key.dialog))
}

/// A privacy list keeps what the user says from the other.
pub fn barred(user: UserId, bar: Bar) -> Failure {
    match bar {
        Bar::Theirs => Failure::new(Code::Blocked, format!("user {user} is blocked")),
        Bar::Own => Failure::new(Code::Blocking, format!("user {user} blocks the other one")),
    }
}

/// Nobody made the dialog.
pub fn no_dialog(key: Key) -> Failure {
    Failure::new(Code::NotFound, format!("dialog {} does not exist", key.dialog))
}

/// A kind of dialog that is not supported.
pub fn other_kind(kind: i32) -> Failure {
    Failure::of_field(Code::Invalid, "type", format!("{kind} is not supported: 1, 2, 3 and 4 are"))
}

/// Nothing was done; it may be sent again.
pub fn busy(key: Key) -> Failure {
    Failure::new(Code::Busy, format!("dialog {} is loading again", key.dialog))
}

/// The app sends too many messages. Nothing was done.
pub fn over_rate(app: AppId, max: u32) -> Failure {
    Failure::new(Code::TooMany, format!("app {app} sends more than {max} messages a second"))
}

/// A refused post as its sender hears it.
pub fn of_post(key: Key, sender: UserId, error: &PostError) -> Failure {
    match error {
        PostError::NotMember => forbidden(key, sender),
        PostError::Frozen => frozen(key),
        PostError::Gone(user) => Failure::new(Code::NotFound, format!("user {user} does not exist")),
        PostError::Barred(bar) => barred(sender, *bar),
        PostError::OtherRecipient => Failure::new(Code::Invalid, format!("the recipient is not in dialog {}", key.dialog)),
        PostError::BodyTooLarge { bytes, max } => {
            Failure::of_field(Code::TooLarge, "message", format!("has {bytes} bytes, at most {max} are taken"))
        }
        PostError::MessageTooLarge { bytes, max } => {
            Failure::new(Code::TooLarge, format!("the message has {bytes} bytes, at most {max} are taken"))
        }
        PostError::NoRepeat => Failure::new(Code::NotStored, "a later message was taken first"),
        PostError::Nothing => Failure::new(Code::Invalid, "a message must be stored or delivered"),
    }
}

/// A refused change of a dialog as its user hears it.
pub fn of_group(dialog: &Dialog, user: UserId, error: GroupError) -> Failure {
    match error {
        GroupError::Forbidden => forbidden(dialog.key, user),
        GroupError::Frozen => frozen(dialog.key),
        GroupError::Invalid(field, text) => Failure::of_field(Code::Invalid, field, text),
        GroupError::TooMany(field, max) => {
            Failure::of_field(Code::TooMany, field, format!("has too many: at most {max} are taken"))
        }
    }
}

/// A failed beat: what its askers hear, and whether the actor still knows its own state.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub failure: Failure,
    /// The outcome is unknown, or somebody else wrote: only the store knows, so the actor is made again from it.
    pub reload: bool,
}

/// A refusal, after which the actor knows what it knew before.
impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble { failure, reload: false }
    }
}

/// The failure of a write.
impl From<natter_rpc::Status> for Trouble {
    fn from(status: natter_rpc::Status) -> Trouble {
        Trouble::of_write(status.into())
    }
}

/// The failure of a write.
impl From<natter_db::Error> for Trouble {
    fn from(error: natter_db::Error) -> Trouble {
        Trouble::of_write(error.into())
    }
}

impl Trouble {
    fn of_write(failure: Failure) -> Trouble {
        match failure.code {
            // A broken answer says nothing about what was written.
            Code::Unknown | Code::Internal => Trouble { failure: Failure { code: Code::Unknown, ..failure }, reload: true },
            // Another writer was there first, so nothing of ours was written.
            Code::Conflict => Trouble { failure: Failure { code: Code::Busy, ..failure }, reload: true },
            _ => Trouble { failure, reload: false },
        }
    }

    /// The failure of a write that is idempotent and that the actor's state does not rest on: the asker may repeat it, and
    /// the actor goes on.
    pub fn of_repeatable(status: natter_rpc::Status) -> Trouble {
        Trouble { reload: false, ..Trouble::from(status) }
    }
}
