//! The frames in which a dialog tells the sessions of its members what happened. Pure.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{
    Change, Frame, Headline, MarkKind, Marker, Message, Occupant, OccupantState, Reaction, SessionRef, Typing,
};
use natter_proto::{AppId, MessageId, UserId};

use crate::dialog::marks::Mark;
use crate::dialog::post::Source;
use crate::dialog::{Dialog, Key, Kind};

/// A message for every member; the edges make the copies of the sender's other sessions out of it. Whoever wrote to a public
/// dialog hears himself, member or not.
pub fn message(dialog: &Dialog, message: Message, source: Source) -> Frame {
    let Source { origin, traceparent } = source;
    let (to, stamp) = (members_and(dialog, message.sender), dialog.stamp());
    let changed_at = dialog.changed_at_below(stamp + 1);
    Frame { to, origin, traceparent, stamp, changed_at, told: Some(Told::Message(message)), ..of(dialog) }
}

/// The message of a frame that [`message`] made.
pub fn message_of(frame: &Frame) -> &Message {
    match &frame.told {
        Some(Told::Message(message)) => message,
        _ => unreachable!("the frame was made of a message"),
    }
}

/// A status for the author; of a read one the reader's other sessions learn too (contract xmpp 3.4).
pub fn marker(key: Key, mark: &Mark, id: MessageId, author: UserId) -> Frame {
    let mut to = vec![author.0];
    to.extend((mark.kind == MarkKind::Read).then_some(mark.user.0));
    let marker = Marker {
        kind: mark.kind as i32,
        message_id: id.to_vec(),
        user: mark.user.0,
        resource: mark.origin.as_ref().map(|origin| origin.resource.clone()).unwrap_or_default(),
        stanza_id: mark.stanza_id.clone(),
        author: author.0,
        domain: String::new(),
        named: mark.named.clone(),
    };
    Frame { to, origin: mark.origin.clone(), told: Some(Told::Marker(marker)), ..about(key) }
}

/// Somebody types in a private dialog, made or not, or has stopped.
pub fn typing(key: Key, to: UserId, origin: Option<SessionRef>, typing: Typing) -> Frame {
    Frame { to: vec![to.0], origin, told: Some(Told::Typing(typing)), ..about(key) }
}

/// Somebody types in a group: told to all others.
pub fn group_typing(dialog: &Dialog, origin: Option<SessionRef>, typing: Typing) -> Frame {
    let to = dialog.members.ids().into_iter().filter(|user| *user != typing.user).collect();
    Frame { to, origin, told: Some(Told::Typing(Typing { recipient: 0, ..typing })), ..of(dialog) }
}

/// An edit or a removal of a row, for every member and whoever made it. `except` hear nothing of it but its number.
pub fn change(dialog: &Dialog, change: Change, except: Vec<u64>, origin: Option<SessionRef>) -> Frame {
    let (to, stamp) = (members_and(dialog, change.user), change.stamp);
    let changed_at = dialog.changed_at_below(stamp);
    Frame { to, except, stamp, changed_at, origin, told: Some(Told::Change(change)), ..of(dialog) }
}

/// A reaction to a message, for every member but `except` and whoever reacted.
pub fn reaction(dialog: &Dialog, reaction: Reaction, except: Vec<u64>) -> Frame {
    Frame { to: members_and(dialog, reaction.user), except, told: Some(Told::Reaction(reaction)), ..of(dialog) }
}

/// A user is no member any more: for those in the room, and for himself if it was not his wish.
pub fn gone(dialog: &Dialog, user: UserId, actor: UserId, room: &[u64]) -> Frame {
    let (state, himself) = match user == actor {
        true => (OccupantState::Left, None),
        false => (OccupantState::Removed, Some(user.0)),
    };
    let occupant = Occupant { user: user.0, state: state as i32, actor: actor.0 };
    let to = room.iter().copied().chain(himself).collect();
    Frame { to, told: Some(Told::Occupant(occupant)), ..of(dialog) }
}

/// A system message for a user, at this place of his queue.
pub fn headline(app: AppId, to: UserId, headline: Headline, origin: Option<SessionRef>) -> Frame {
    Frame { app: app.0, to: vec![to.0], origin, told: Some(Told::Headline(headline)), ..Frame::default() }
}

/// A signal of a call for a user.
pub fn call_signal(app: AppId, to: UserId, signal: Headline, origin: Option<SessionRef>) -> Frame {
    Frame { app: app.0, to: vec![to.0], origin, told: Some(Told::CallSignal(signal)), ..Frame::default() }
}

/// The members, ascending, and the user who did something in the dialog: in a public one he need not be a member.
fn members_and(dialog: &Dialog, user: u64) -> Vec<u64> {
    let mut users = dialog.members.ids();
    if let Err(place) = users.binary_search(&user) {
        users.insert(place, user);
    }
    users
}

fn of(dialog: &Dialog) -> Frame {
    Frame { group: dialog.facts.kind != Kind::Private, ..about(dialog.key) }
}

fn about(key: Key) -> Frame {
    Frame { app: key.app.0, dialog: key.dialog.to_vec(), ..Frame::default() }
}
