//! A call as an alert (contract xmpp 11, decision 0032): what tells it from others, how long it rings, and what the journal has of
//! it already.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::MessageId;
use natter_proto::event::v1::PostedCall;
use natter_proto::push::v1::Note;
use sha2::{Digest, Sha256};

use crate::alerts::{Due, Source};
use crate::decision::Reason;
use crate::event::NO_DIALOG;

/// How long a call rings from its first offer on, milliseconds. Nobody needs an alert of it later.
pub const RING_MS: i64 = 45_000;

/// Under which a call stands in the journal of who is called, beside dialog 0: every offer of it has the same, whoever makes it. No
/// event and no contact request has it: theirs begin with zeros.
pub fn message_id(session: &str, callee: u64) -> MessageId {
    let mut digest = Sha256::new();
    digest.update(callee.to_be_bytes());
    digest.update(session);
    let mut id = [0; 12];
    id.copy_from_slice(&digest.finalize()[..12]);
    id[0] |= 0x80;
    MessageId(id)
}

/// The alert of a call, due at once: whether it has to wait is decided then.
pub fn due(app: u64, call: &PostedCall) -> Due {
    let message = message_id(&call.session, call.callee);
    let mut place = [0; 8];
    place.copy_from_slice(&message.0[..8]);
    Due {
        app,
        at: call.at,
        user: call.callee,
        dialog: NO_DIALOG,
        place: u64::from_be_bytes(place),
        source: Source::Call(call.kind()),
        message,
        sender: call.caller,
        said_at: call.at,
        attempts: 0,
        done: Vec::new(),
        traceparent: String::new(),
    }
}

/// How a call stands by what was noted of it, for one alert of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing was decided.
    Open,
    /// It was decided, and nothing of it waits.
    Settled,
    /// It was tried, and is to be tried again.
    Trying,
    /// It rings no more.
    Over,
}

/// `notes`: all of the call, newest first. That it is over was said by who made `due`: another who is in the same call may leave it while
/// the first one rings on.
pub fn standing(notes: &[Note], due: &Due) -> Standing {
    let is_over = |note: &Note| note.reason == Reason::CallOver.word();
    if notes.iter().any(|note| is_over(note) && note.sender == due.sender) {
        return Standing::Over;
    }
    // Of each device the newest attempt counts.
    let mut devices = BTreeSet::new();
    let mut newest = notes.iter().filter(|note| note.subscription > 0 && devices.insert(note.subscription));
    let is_to_come = newest.any(|note| matches!(note.answer.split(' ').next(), Some("later" | "credentials")));
    match notes.iter().any(|note| !is_over(note)) {
        false => Standing::Open,
        true if is_to_come => Standing::Trying,
        true => Standing::Settled,
    }
}

/// Whether there is nothing more to do about an alert that is due: the call is over, or it is the same call once more.
pub fn is_done(standing: Standing, due: &Due) -> bool {
    match standing {
        Standing::Open => false,
        Standing::Settled | Standing::Trying => due.attempts == 0,
        Standing::Over => true,
    }
}

#[cfg(test)]
mod tests {
    use natter_proto::event::v1::CallKind;

    use super::*;
    use crate::{event, request};

    #[test]
    fn a_call_has_one_id_for_who_is_called_whoever_offers_it() {
        let call = |caller: u64, at: i64| PostedCall {
            caller,
            callee: 78,
            session: "f0f1".into(),
            kind: CallKind::Audio.into(),
            at,
            over: false,
        };
        let (first, again) = (due(1, &call(34, 1_000)), due(1, &call(56, 6_000)));
        assert_eq!((first.message, first.place), (again.message, again.place));
        assert_eq!((first.source, first.user, first.sender, first.at), (Source::Call(CallKind::Audio), 78, 34, 1_000));
        assert_ne!(message_id("f0f1", 78), message_id("f0f1", 79));
        assert_ne!(message_id("f0f1", 78), message_id("f0f2", 78));
        for other in [event::message_id(u64::MAX), request::message_id(34, 78)] {
            assert!(other.0[0] < 0x80 && message_id("f0f1", 78).0[0] >= 0x80);
        }
    }

    #[test]
    fn how_a_call_stands_is_in_the_journal() {
        for (notes, expected) in [
            (vec![], Standing::Open),
            (vec![decided(Reason::NoSubscription)], Standing::Settled),
            (vec![tried(1, "accepted x")], Standing::Settled),
            (vec![tried(1, "later 503")], Standing::Trying),
            (vec![tried(1, "credentials 403 Bad")], Standing::Trying),
            (vec![tried(1, "accepted"), tried(2, "rejected x"), tried(1, "later 503")], Standing::Settled),
            (vec![tried(1, "accepted"), tried(2, "later 503")], Standing::Trying),
            (vec![decided(Reason::CallOver)], Standing::Over),
            (vec![decided(Reason::CallOver), tried(1, "later 503")], Standing::Over),
            (vec![Note { sender: 56, ..decided(Reason::CallOver) }], Standing::Open),
            (vec![Note { sender: 56, ..decided(Reason::CallOver) }, tried(1, "accepted")], Standing::Settled),
        ] {
            assert_eq!(standing(&notes, &alert(0)), expected, "{notes:?}");
        }
    }

    #[test]
    fn only_what_is_tried_again_goes_on_once_something_was_noted() {
        let done = |attempts: u32| {
            let all = [Standing::Open, Standing::Settled, Standing::Trying, Standing::Over];
            all.map(|standing| is_done(standing, &alert(attempts)))
        };
        assert_eq!((done(0), done(1)), ([false, true, true, true], [false, false, false, true]));
    }

    fn alert(attempts: u32) -> Due {
        let call = PostedCall { caller: 34, callee: 78, session: "f0f1".into(), ..PostedCall::default() };
        Due { attempts, ..due(1, &call) }
    }

    fn decided(reason: Reason) -> Note {
        Note { sender: 34, user: 78, reason: reason.word().to_owned(), ..Note::default() }
    }

    fn tried(subscription: u64, answer: &str) -> Note {
        Note { sender: 34, subscription, reason: "offline".into(), answer: answer.into(), ..Note::default() }
    }
}
