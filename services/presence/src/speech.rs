//! Who says what a frame tells, as far as privacy lists have a say in it.
//! Rules: no clock, no store, no bus.
//!
//! Invariant: what one user causes another to be told is here, or is judged before its frame is made: comings and goings of
//! contacts and of those who are watched, and requests of contacts (`contacts.rs`, `watching.rs`). The comings and goings in
//! rooms no list keeps off (decision 0013).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::Frame;
use natter_proto::event::v1::frame::Told;

use crate::privacy::Passing;

/// Who says it, and how it would have to pass. Nothing if no list has a say.
pub(crate) fn speaker(frame: &Frame) -> Option<(u64, Passing)> {
    let user = match frame.told.as_ref()? {
        Told::Message(message) => message.sender,
        Told::Marker(marker) => marker.user,
        Told::Typing(typing) => typing.user,
        Told::Change(change) => change.user,
        Told::Headline(headline) | Told::CallSignal(headline) => headline.user,
        Told::Reaction(reaction) => reaction.user,
        Told::Occupant(_) | Told::Activity(_) | Told::Availability(_) | Told::ContactRequest(_) | Told::ContactChange(_) => {
            return None;
        }
    };
    Some((user, if frame.group { Passing::InGroup } else { Passing::Message }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use natter_proto::event::v1::frame::Told;
    use natter_proto::event::v1::{
        Activity, Availability, Change, ContactChange, ContactRequest, Frame, Headline, Marker, Message as Text, Occupant,
        Reaction, Typing,
    };

    #[test]
    fn of_every_kind_of_frame_it_is_known_who_says_it() {
        for told in one_of_each() {
            let frame = Frame { told: Some(told.clone()), ..Frame::default() };
            check(&frame, said_by(&told).map(|user| (user, Passing::Message)));
            check(&Frame { group: true, ..frame }, said_by(&told).map(|user| (user, Passing::InGroup)));
        }
    }

    fn check(frame: &Frame, expected: Option<(u64, Passing)>) {
        assert_eq!(speaker(frame), expected, "{frame:?}");
    }

    fn one_of_each() -> Vec<Told> {
        let user = 34;
        vec![
            Told::Message(Text { sender: user, recipient: 78, body: Some("o".into()), ..Text::default() }),
            Told::Marker(Marker { user, author: 78, ..Marker::default() }),
            Told::Typing(Typing { user, recipient: 78, ..Typing::default() }),
            Told::Change(Change { user, seq: 3, recipient: 78, ..Change::default() }),
            Told::Headline(Headline { user, ..Headline::default() }),
            Told::Reaction(Reaction { user, recipient: 78, ..Reaction::default() }),
            Told::CallSignal(Headline { user, ..Headline::default() }),
            Told::Occupant(Occupant { user, ..Occupant::default() }),
            Told::Activity(Activity { user, seen_at: 1 }),
            Told::Availability(Availability { user, ..Availability::default() }),
            Told::ContactRequest(ContactRequest { user, kind: 1 }),
            Told::ContactChange(ContactChange::default()),
        ]
    }

    /// A kind that is added belongs here and above: is it said by a user, and to be kept from whoever keeps him out?
    fn said_by(told: &Told) -> Option<u64> {
        match told {
            Told::Message(message) => Some(message.sender),
            Told::Marker(marker) => Some(marker.user),
            Told::Typing(typing) => Some(typing.user),
            Told::Change(change) => Some(change.user),
            Told::Headline(headline) | Told::CallSignal(headline) => Some(headline.user),
            Told::Reaction(reaction) => Some(reaction.user),
            Told::Occupant(_) | Told::ContactChange(_) => None,
            Told::Activity(_) | Told::Availability(_) | Told::ContactRequest(_) => None,
        }
    }
}
