//! Whether somebody looks at the client (contract xmpp 8.3; XEP-0352). Presence knows it, for whoever decides about alerts.
//! The SDK is told everything all the same; a standard client is spared, while nobody looks, what only matters at the moment:
//! typing, and who comes and goes. The last word of each is told when somebody looks again. Messages and statuses never wait.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::sync::Arc;

use natter_proto::event::v1::OccupantState;
use natter_proto::event::v1::frame::Told as FrameTold;
use natter_xmpp::{Element, Stanza, StreamFault};

use super::{Ending, Query, Session};
use crate::shared::SharedFrame;

/// Words of others that wait at most; the oldest is told then.
const WAITING_MAX: usize = 256;

/// The state of one client.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Nobody looks at it.
    inactive: bool,
    /// It wants to be spared meanwhile.
    spares: bool,
    /// The last word of each, the oldest first.
    waiting: VecDeque<(Word, Arc<SharedFrame>)>,
}

/// Whose word about what.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Word {
    Typing { dialog: Vec<u8>, user: u64 },
    Contact { user: u64, resource: String },
    Occupant { dialog: Vec<u8>, user: u64 },
}

impl Attention {
    pub(super) fn is_inactive(&self) -> bool {
        self.inactive
    }

    /// Frames do not reach the session any more: when they do, it is told who is there.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }
}

impl Session {
    // === what the client says ===

    /// `mobile` (contract xmpp 8.3): `enable` means that nobody looks.
    pub(super) fn mobile_state(&mut self, stanza: &Stanza<'_>, mobile: &Element) {
        self.attention.inactive = matches!(mobile.attr("enable"), Some("true" | "1"));
        self.query(Query::SetInactive(self.attention.inactive), Some(stanza.element));
    }

    /// `<active/>` or `<inactive/>` (XEP-0352, 4.1), which nothing answers.
    pub(super) fn client_state(&mut self, now: i64, element: &Element) {
        match element.name.as_str() {
            "active" => self.attend(now, false),
            "inactive" => self.attend(now, true),
            _ => self.end(now, Some(StreamFault::UnsupportedStanzaType), Ending::Vanished),
        }
    }

    /// Takes note of it, and tells what waited if somebody looks again.
    pub(super) fn attend(&mut self, now: i64, inactive: bool) {
        if self.attention.inactive != inactive {
            self.attention.inactive = inactive;
            self.query(Query::SetInactive(inactive), None);
        }
        self.attention.spares = inactive;
        if !inactive {
            let waiting = std::mem::take(&mut self.attention.waiting);
            waiting.into_iter().for_each(|(_, frame)| self.queue(now, frame));
        }
    }

    /// Frames reach the session again: presence had forgotten its state.
    pub(super) fn attend_again(&mut self) {
        if self.attention.inactive {
            self.query(Query::SetInactive(true), None);
        }
    }

    // === what waits ===

    /// Nobody looks, and it is nothing that is kept.
    pub(super) fn can_wait(&self, frame: &SharedFrame) -> bool {
        self.attention.spares && Word::of(frame).is_some()
    }

    /// Keeps the word in place of an earlier one.
    pub(super) fn wait_with(&mut self, now: i64, frame: Arc<SharedFrame>) {
        let Some(word) = Word::of(&frame) else { return };
        let waiting = &mut self.attention.waiting;
        waiting.retain(|(earlier, _)| *earlier != word);
        waiting.push_back((word, frame));
        if waiting.len() > WAITING_MAX
            && let Some((_, oldest)) = waiting.pop_front()
        {
            self.attention.spares = false;
            self.deliver(now, oldest);
            self.attention.spares = true;
        }
    }
}

impl Word {
    /// Nothing if it is of another kind. That somebody was removed from a group is more than a going.
    fn of(frame: &SharedFrame) -> Option<Word> {
        let dialog = || frame.dialog.clone();
        match &frame.told {
            Some(FrameTold::Typing(typing)) => Some(Word::Typing { dialog: dialog(), user: typing.user }),
            Some(FrameTold::Availability(availability)) => {
                Some(Word::Contact { user: availability.user, resource: availability.resource.clone() })
            }
            Some(FrameTold::Occupant(occupant)) if occupant.state() != OccupantState::Removed => {
                Some(Word::Occupant { dialog: dialog(), user: occupant.user })
            }
            _ => None,
        }
    }
}
