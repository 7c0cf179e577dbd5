//! What `<a h="N"/>` says and when: XEP-0198 in the three ways of counting of contract xmpp 5. An ack is a promise, so it
//! waits until every stanza before its `<r/>` is done with, in the order of the stream.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;

/// How a session's client reads `h` (contract xmpp 5, the table).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counting {
    /// Every stanza handled: standard clients, SDK 1.x.
    Standard,
    /// Only the client's own stored messages that an `<r/>` follows directly: SDK 2.x to 6.x.
    Content,
}

/// Place of a stanza in its stream, counted from the bind.
pub(crate) type Place = u64;

/// The counts of one stream.
///
/// Invariant: an `<r/>` is answered exactly once, in order, with the counts as they were at its place in the stream.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    enabled: bool,
    /// Place of the next stanza.
    next: Place,
    /// What is not counted yet, in the order of the stream; the first stanza in it stands at `base`.
    queue: VecDeque<Entry>,
    base: Place,
    standard: u32,
    content: u32,
    counting: Option<Counting>,
    /// The last thing that came was a content message that is counted already, so an `<r/>` coming now counts it here.
    follows_counted: bool,
}

#[derive(Debug)]
enum Entry {
    Stanza { done: bool, content: bool, asked: bool },
    Asked { at: i64 },
}

impl Acks {
    /// Starts to count at zero, at `<enable/>`.
    pub(crate) fn enable(&mut self) {
        let next = self.next;
        *self = Acks { enabled: true, next, base: next, ..Acks::default() };
    }

    /// Goes on counting where another edge stood: at this place, after so many.
    pub(crate) fn resumed(base: Place, standard: u32) -> Acks {
        Acks { enabled: true, next: base, base, standard, ..Acks::default() }
    }

    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// A stanza came. `content`: it is a message of the client with a body or an attachment.
    pub(crate) fn stanza(&mut self, content: bool) -> Place {
        let place = self.next;
        self.next += 1;
        if self.enabled {
            self.queue.push_back(Entry::Stanza { done: false, content, asked: false });
        } else {
            self.base = self.next;
        }
        self.follows_counted = false;
        place
    }

    /// The stanza at this place needs nothing more: durable, refused with an error, or answered.
    pub(crate) fn done(&mut self, place: Place) {
        let Some(mut offset) = place.checked_sub(self.base) else { return };
        for entry in &mut self.queue {
            let Entry::Stanza { done, .. } = entry else { continue };
            if offset == 0 {
                *done = true;
                break;
            }
            offset -= 1;
        }
        self.count();
    }

    /// An `<r/>` came. The first one decides how this stream is counted.
    pub(crate) fn asked(&mut self, now: i64, counting: Counting) {
        if !self.enabled {
            return;
        }
        self.counting.get_or_insert(counting);
        match self.queue.back_mut() {
            Some(Entry::Stanza { asked, .. }) => *asked = true,
            None if self.follows_counted => self.content = self.content.wrapping_add(1),
            _ => {}
        }
        self.follows_counted = false;
        self.queue.push_back(Entry::Asked { at: now });
    }

    /// The `h` of the next answer that is due, if one is.
    pub(crate) fn answer(&mut self) -> Option<u32> {
        let Some(Entry::Asked { .. }) = self.queue.front() else { return None };
        self.queue.pop_front();
        let h = match self.counting {
            Some(Counting::Content) => self.content,
            _ => self.standard,
        };
        self.count();
        Some(h)
    }

    /// Since when (unix milliseconds) the oldest `<r/>` waits.
    pub(crate) fn waits_since(&self) -> Option<i64> {
        self.queue.iter().find_map(|entry| match entry {
            Entry::Asked { at } => Some(*at),
            Entry::Stanza { .. } => None,
        })
    }

    /// Stanzas and questions that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Stanzas counted so far in the standard way; what a resumed stream tells its client.
    pub(crate) fn handled(&self) -> u32 {
        self.standard
    }

    /// Place of the first stanza that is not counted.
    pub(crate) fn base(&self) -> Place {
        self.base
    }

    /// A resumed client sends again all that was not counted (XEP-0198, 5): the same stanzas take the same places.
    pub(crate) fn rewind(&mut self) {
        self.queue.clear();
        self.next = self.base;
        self.follows_counted = false;
    }

    fn count(&mut self) {
        while let Some(Entry::Stanza { done: true, content, asked }) = self.queue.front() {
            let (content, asked) = (*content, *asked);
            self.queue.pop_front();
            self.base += 1;
            self.standard = self.standard.wrapping_add(1);
            if content && asked {
                self.content = self.content.wrapping_add(1);
            }
            self.follows_counted = content && !asked && self.queue.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Asked, Done, Iq, Message};

    /// One step of a stream and what is answered after it.
    enum Step {
        /// An iq or presence: done at once.
        Iq,
        /// A content message; it is done later.
        Message,
        /// The message at this place is durable.
        Done(Place),
        Asked,
    }

    #[test]
    fn the_three_rows_of_the_contract() {
        // What 6.1.2 sends: carbons, presence, m1, r, m2, r.
        let stream = || [Iq, Iq, Message, Asked, Message, Asked, Done(2), Done(3)];
        check(Counting::Content, stream(), &[1, 2]);
        check(Counting::Standard, stream(), &[3, 4]);
    }

    #[test]
    fn an_ack_waits_for_every_stanza_before_it() {
        check(Counting::Standard, [Message, Asked, Message, Asked, Done(1)], &[]);
        check(Counting::Standard, [Message, Asked, Message, Asked, Done(1), Done(0)], &[1, 2]);
        check(Counting::Content, [Message, Asked, Iq, Message, Asked, Done(2), Done(0)], &[1, 2]);
    }

    #[test]
    fn a_message_without_its_own_question_is_not_counted_as_content() {
        // An attachment without body: these builds send no <r/> after it.
        check(Counting::Content, [Message, Done(0), Iq, Asked, Message, Asked, Done(2)], &[0, 1]);
        check(Counting::Content, [Message, Message, Asked, Done(0), Done(1)], &[1]);
        check(Counting::Standard, [Message, Message, Asked, Done(0), Done(1)], &[2]);
    }

    #[test]
    fn a_question_after_a_durable_message_counts_it_once() {
        check(Counting::Content, [Message, Done(0), Asked, Asked, Iq, Asked], &[1, 1, 1]);
    }

    #[test]
    fn counting_begins_at_enable_and_wraps() {
        let mut acks = Acks::default();
        let before = acks.stanza(false);
        acks.done(before);
        acks.enable();
        acks.standard = u32::MAX;
        let place = acks.stanza(true);
        acks.asked(0, Counting::Standard);
        acks.done(before);
        assert_eq!(acks.answer(), None);
        acks.done(place);
        assert_eq!(acks.answer(), Some(0));
    }

    #[test]
    fn stanzas_sent_again_after_a_resumption_take_their_old_places() {
        let mut acks = Acks::default();
        acks.enable();
        let first = acks.stanza(true);
        let lost = acks.stanza(true);
        acks.done(first);
        acks.rewind();
        assert_eq!(acks.handled(), 1);
        assert_eq!(acks.stanza(true), lost);
    }

    fn check(counting: Counting, steps: impl IntoIterator<Item = Step>, expected: &[u32]) {
        let mut acks = Acks::default();
        acks.enable();
        let mut answers = Vec::new();
        for step in steps {
            match step {
                Iq => {
                    let place = acks.stanza(false);
                    acks.done(place);
                }
                Message => drop(acks.stanza(true)),
                Done(place) => acks.done(place),
                Asked => acks.asked(0, counting),
            }
            answers.extend(std::iter::from_fn(|| acks.answer()));
        }
        assert_eq!(answers, expected, "{counting:?}");
    }
}
