//! Who says what a frame tells, as far as privacy lists have a say in it; read from the frame's bytes without its content.
//! Rules: no clock, no store, no bus.
//!
//! Invariant: what one user causes another to be told is here, or is judged before its frame is made: comings and goings of
//! contacts and of those who are watched, and requests of contacts (`contacts.rs`, `watching.rs`). The comings and goings in
//! rooms no list keeps off (decision 0013).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use prost::{Message, Oneof};

use crate::privacy::Passing;

/// The part of `natter.event.v1.Frame` that says it, with its field numbers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Speech {
    #[prost(bool, tag = "8")]
    group: bool,
    #[prost(oneof = "Said", tags = "10, 11, 12, 13, 14, 17, 24")]
    said: Option<Said>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Said {
    #[prost(message, tag = "10")]
    Message(Third),
    #[prost(message, tag = "11")]
    Marker(Third),
    #[prost(message, tag = "12")]
    Typing(First),
    #[prost(message, tag = "13")]
    Change(Fourth),
    #[prost(message, tag = "14")]
    Headline(First),
    #[prost(message, tag = "17")]
    Reaction(First),
    #[prost(message, tag = "24")]
    CallSignal(First),
}

/// Of what is said, who says it: by the number of the field that names him.
#[derive(Clone, Copy, PartialEq, Message)]
struct First {
    #[prost(uint64, tag = "1")]
    user: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Third {
    #[prost(uint64, tag = "3")]
    user: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Fourth {
    #[prost(uint64, tag = "4")]
    user: u64,
}

impl Speech {
    /// Who says it, and how it would have to pass. Nothing if no list has a say.
    pub fn speaker(&self) -> Option<(u64, Passing)> {
        let user = match self.said.as_ref()? {
            Said::Message(Third { user }) | Said::Marker(Third { user }) | Said::Change(Fourth { user }) => *user,
            Said::Typing(First { user }) | Said::Headline(First { user }) => *user,
            Said::Reaction(First { user }) | Said::CallSignal(First { user }) => *user,
        };
        Some((user, if self.group { Passing::InGroup } else { Passing::Message }))
    }
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
        assert_eq!(Speech::decode(frame.encode_to_vec().as_slice()).unwrap().speaker(), expected, "{frame:?}");
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
