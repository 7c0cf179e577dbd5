//! The mail of a dialog: what it can be asked, and what it answers.

use natter_actor::Reply;
use natter_proto::event::v1::{Message, SessionRef, Typing};
use natter_proto::history::v1::Found;
use natter_proto::{Failure, MessageId, UserId, dialog::v1 as wire};

use crate::dialog::Post;
use crate::dialog::marks::Mark;

/// Where the answer to a request goes.
pub type Answer<T> = Reply<Result<T, Failure>>;

/// All that a dialog can be asked.
pub enum DialogMessage {
    Post(Box<Post>, Answer<Posted>),
    /// Answers with the number of messages found.
    Mark(Mark, Answer<u32>),
    Signal(Signal, Answer<()>),
    Create(Create, Answer<wire::Dialog>),
    Delete(Delete, Answer<()>),
    Edit(Edit, Answer<()>),
    Remove(Remove, Answer<Removed>),
}

/// A message that is stored, or told, or both.
#[derive(Clone, PartialEq, Debug)]
pub struct Posted {
    pub message: Message,
    /// It was there already.
    pub duplicate: bool,
}

/// Somebody types.
pub struct Signal {
    pub user: UserId,
    /// Names the pair while nobody has made the dialog.
    pub recipient: Option<UserId>,
    pub origin: Option<SessionRef>,
    pub typing: Typing,
}

/// A private dialog is wanted.
pub struct Create {
    pub owner: UserId,
    pub other: UserId,
}

/// A user wants to be rid of the dialog: alone, or with `force` for all.
pub struct Delete {
    pub user: UserId,
    pub force: bool,
}

/// A message gets another body.
pub struct Edit {
    pub user: UserId,
    pub id: MessageId,
    pub body: String,
}

/// Rows to be rid of, as history found them in this dialog.
pub struct Remove {
    pub user: UserId,
    pub rows: Vec<Found>,
    pub force: bool,
}

/// Of the ids that were asked for: what became of each.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Removed {
    pub removed: Vec<Vec<u8>>,
    pub not_found: Vec<Vec<u8>>,
    pub forbidden: Vec<Vec<u8>>,
}

impl DialogMessage {
    /// Answers that it was not done.
    pub(super) fn refuse(self, failure: Failure) {
        match self {
            DialogMessage::Post(_, answer) => answer.send(Err(failure)),
            DialogMessage::Mark(_, answer) => answer.send(Err(failure)),
            DialogMessage::Signal(_, answer) | DialogMessage::Delete(_, answer) | DialogMessage::Edit(_, answer) => {
                answer.send(Err(failure));
            }
            DialogMessage::Create(_, answer) => answer.send(Err(failure)),
            DialogMessage::Remove(_, answer) => answer.send(Err(failure)),
        }
    }

    /// The two of whom this makes a dialog where there is none; the first will own it.
    pub(super) fn makes(&self) -> Option<(UserId, UserId)> {
        match self {
            DialogMessage::Post(post, _) => post.recipient.map(|recipient| (post.sender, recipient)),
            DialogMessage::Create(create, _) => Some((create.owner, create.other)),
            _ => None,
        }
    }
}
