//! The mail of a dialog: what it can be asked, and what it answers.

use std::sync::Arc;

use natter_actor::Reply;
use natter_proto::archive::v1::Taken;
use natter_proto::event::v1::{Frame, Message, SessionRef, Typing};
use natter_proto::history::v1::{Found, MemberState, Reactions};
use natter_proto::{Failure, MessageId, UserId, dialog::v1 as wire};

use crate::dialog::changes::Words;
use crate::dialog::group::Change;
use crate::dialog::marks::Mark;
use crate::dialog::rings::Step;
use crate::dialog::{Kept, Kind, Post};
use crate::frames;

/// Where the answer to a request goes.
pub type Answer<T> = Reply<Result<T, Failure>>;

/// All that a dialog can be asked.
pub enum DialogMessage {
    Post(Box<Post>, Answer<Posted>),
    /// Answers with the number of messages found.
    Mark(Mark, Answer<u32>),
    Signal(Signal, Answer<()>),
    CallSignal(Box<CallSignal>, Answer<()>),
    Create(Box<Create>, Answer<wire::Dialog>),
    Delete(Delete, Answer<()>),
    Clear(Delete, Answer<()>),
    Change(Box<Changing>, Answer<wire::Dialog>),
    Subscribe(Subscribe, Answer<wire::Dialog>),
    /// Answers whether the user wants alerts.
    Notify(Notify, Answer<bool>),
    Edit(Box<Edit>, Answer<()>),
    Remove(Remove, Answer<Removed>),
    /// The user is no more.
    Erase(UserId, Answer<()>),
    React(React, Answer<()>),
    /// An operator wants it frozen, or not.
    Freeze(bool, Answer<wire::Dialog>),
    /// An archive brings something of it.
    Take(Box<Taking>, Answer<Taken>),
}

/// What an archive brings of a dialog.
pub enum Take {
    Dialog(Kept),
    /// Ascending.
    Rows(Vec<Message>),
    States(Vec<MemberState>, Vec<Reactions>),
}

/// It is to be taken over, or if it is dry only looked at.
pub struct Taking {
    pub take: Take,
    pub dry: bool,
}

/// A message that is stored, or told, or both.
#[derive(Clone, PartialEq, Debug)]
pub struct Posted {
    pub content: Content,
    /// It was there already.
    pub duplicate: bool,
}

/// A message, or the frame in which it was told: who hears it shares that with whoever is answered.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    Message(Box<Message>),
    Told(Arc<Frame>),
}

impl Content {
    pub fn message(&self) -> &Message {
        match self {
            Content::Message(message) => message,
            Content::Told(frame) => frames::message_of(frame),
        }
    }
}

/// Somebody types.
pub struct Signal {
    pub user: UserId,
    /// Names the pair while nobody has made the dialog.
    pub recipient: Option<UserId>,
    pub origin: Option<SessionRef>,
    pub typing: Typing,
}

/// One of the two signals to the other about a call.
pub struct CallSignal {
    pub from: UserId,
    pub to: UserId,
    /// As it is told.
    pub frame: Frame,
    /// What it does to the call, if that begins to ring or rings no more.
    pub step: Option<Step>,
}

/// A dialog is wanted: the private one of two users, or a new one.
pub enum Create {
    Private { owner: UserId, other: UserId },
    New { kind: Kind, owner: UserId, change: Box<Change> },
}

/// A user wants to be rid of the dialog, or of what is in it: alone, or with `force` for all.
pub struct Delete {
    pub user: UserId,
    pub force: bool,
}

/// A user wants the dialog to be different.
pub struct Changing {
    pub user: UserId,
    pub change: Change,
    /// As the app says.
    pub admins_remove: bool,
}

/// A user adds himself to a public dialog, or goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribe {
    pub user: UserId,
    pub how: Subscribing,
}

/// How a user comes to a public dialog, or goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subscribing {
    /// For good.
    Subscribe,
    Unsubscribe,
    /// Its room (contract xmpp 4.1). In a group it only asks whether he may.
    Enter,
    Exit,
}

/// Whether a member wants alerts; absent: only asks.
pub struct Notify {
    pub user: UserId,
    pub enabled: Option<bool>,
}

/// A message gets another body.
pub struct Edit {
    pub user: UserId,
    pub id: MessageId,
    pub words: Words,
    /// Absent: nobody is told.
    pub told: Option<TellEdit>,
}

/// How an edit is told.
pub struct TellEdit {
    pub from: By,
    pub relay: String,
    pub last: bool,
}

/// The stanza by which a message was changed; empty over REST.
#[derive(Clone, Default)]
pub struct By {
    pub origin: Option<SessionRef>,
    pub stanza_id: String,
}

/// Rows to be rid of, as history found them in this dialog.
pub struct Remove {
    /// None: an operator is.
    pub user: Option<UserId>,
    pub rows: Vec<Found>,
    pub force: bool,
    pub by: By,
}

/// A user reacts to a row.
pub struct React {
    pub user: UserId,
    pub row: Message,
    pub add: String,
    pub remove: String,
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
            DialogMessage::Signal(_, answer)
            | DialogMessage::CallSignal(_, answer)
            | DialogMessage::Delete(_, answer)
            | DialogMessage::Clear(_, answer)
            | DialogMessage::Edit(_, answer)
            | DialogMessage::Erase(_, answer)
            | DialogMessage::React(_, answer) => answer.send(Err(failure)),
            DialogMessage::Create(_, answer)
            | DialogMessage::Change(_, answer)
            | DialogMessage::Subscribe(_, answer)
            | DialogMessage::Freeze(_, answer) => answer.send(Err(failure)),
            DialogMessage::Notify(_, answer) => answer.send(Err(failure)),
            DialogMessage::Remove(_, answer) => answer.send(Err(failure)),
            DialogMessage::Take(_, answer) => answer.send(Err(failure)),
        }
    }

    /// The two of whom this makes a private dialog where there is none; the first will own it.
    pub(super) fn makes(&self) -> Option<(UserId, UserId)> {
        match self {
            DialogMessage::Post(post, _) => post.recipient.map(|recipient| (post.sender, recipient)),
            DialogMessage::Create(create, _) => match **create {
                Create::Private { owner, other } => Some((owner, other)),
                Create::New { .. } => None,
            },
            _ => None,
        }
    }
}
