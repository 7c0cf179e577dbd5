//! What the owner of an app knows of its alerts that wait, by slots of time: how many there are, and when the next one is due. Pure.
//!
//! A slot is a minute. In the store it is a partition, and whoever puts an alert into one has a mark there first that says so: by the marks
//! the next owner finds what waits. Who has seen a slot empty, and puts nothing into it, takes its own mark away.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

/// Milliseconds of a slot. Never changed: rows lie by it.
const SLOT_MS: i64 = 60_000;
/// What of a slot is read at once: the alerts of a busy app that are gone do not get in the way of more than one such read.
const SPAN_MS: i64 = 10_000;
/// After that a mark is made again, lest it ends before what it stands for, milliseconds.
const MARK_FRESH_MS: i64 = 12 * 60 * 60 * 1_000;
/// Slots of one look.
const SLOTS_MAX: usize = 1_000;

/// That of an instant.
pub fn slot_of(at: i64) -> i64 {
    at.div_euclid(SLOT_MS)
}

/// When a slot ends.
pub fn end_of(slot: i64) -> i64 {
    (slot + 1) * SLOT_MS
}

/// A part of a slot: from an instant, up to before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub slot: i64,
    pub from: i64,
    pub upto: i64,
}

/// The parts of a slot that hold what is at or after `from`, in their order.
pub fn spans(slot: i64, from: i64) -> impl Iterator<Item = Span> {
    let begins = (slot * SLOT_MS..end_of(slot)).step_by(SPAN_MS as usize);
    let span = move |begin: i64| Span { slot, from: begin.max(from), upto: begin + SPAN_MS };
    begins.map(span).filter(|span| span.from < span.upto)
}

/// The alerts of an app that wait.
#[derive(Debug)]
pub struct Lane {
    slots: BTreeMap<i64, Slot>,
    /// None is due earlier that is not looked at.
    next_at: i64,
    /// Grows with each step that puts: what was read before does not say when the next one is due.
    puts: u64,
}

#[derive(Debug)]
struct Slot {
    /// As far as is known.
    count: u64,
    /// None is earlier.
    low: i64,
    puts: u64,
    /// Steps that are putting something into it.
    filling: u32,
    /// When its mark was made, if it was.
    marked_at: Option<i64>,
    /// Of the newest mark that may have been made.
    stamp: Option<i64>,
}

/// A step that puts alerts: their slots, and the earliest of each.
#[derive(Debug, Default)]
pub struct Filling {
    lows: BTreeMap<i64, i64>,
    /// Marks to be made before: the slot, and the stamp.
    pub marks: Vec<(i64, i64)>,
}

/// What is to be read, and what it will be told by.
#[derive(Debug, Default)]
pub struct Look {
    pub spans: Vec<Span>,
    slots: Vec<(i64, u64)>,
    puts: u64,
    /// When something is due behind all that.
    behind: Option<i64>,
}

impl Look {
    /// A look at this alone.
    pub fn of(span: Span) -> Look {
        Look { spans: vec![span], ..Look::default() }
    }

    /// Only what is after that.
    pub fn after(self, at: i64) -> Look {
        let cut = |span: Span| Span { from: span.from.max(at.saturating_add(1)), ..span };
        let spans = self.spans.into_iter().map(cut).filter(|span| span.from < span.upto).collect();
        Look { spans, ..self }
    }
}

impl Default for Lane {
    fn default() -> Lane {
        Lane { slots: BTreeMap::new(), next_at: i64::MAX, puts: 0 }
    }
}

impl Lane {
    /// When an alert may be due; never, if none waits.
    pub fn next_at(&self) -> i64 {
        self.next_at
    }

    /// How many wait, as far as is known.
    pub fn count(&self) -> u64 {
        self.slots.values().map(|slot| slot.count).sum()
    }

    /// What is there of a slot, whoever put it: the earliest, and how many.
    pub fn found(&mut self, slot: i64, low: i64, count: u64) {
        let of_slot = self.slots.entry(slot).or_insert_with(|| Slot::new(low));
        (of_slot.low, of_slot.count) = (of_slot.low.min(low), of_slot.count.max(count));
        (of_slot.puts, self.puts) = (of_slot.puts + 1, self.puts + 1);
        self.next_at = self.next_at.min(low);
    }

    /// A step begins that puts alerts at these instants. Until it [ends](Lane::end) their slots are kept.
    pub fn begin(&mut self, ats: impl Iterator<Item = i64>, now: i64, mut stamp: impl FnMut() -> i64) -> Filling {
        let mut filling = Filling::default();
        for at in ats {
            let low = filling.lows.entry(slot_of(at)).or_insert(at);
            *low = at.min(*low);
        }
        for (slot, low) in &filling.lows {
            let of_slot = self.slots.entry(*slot).or_insert_with(|| Slot::new(*low));
            of_slot.filling += 1;
            if of_slot.marked_at.is_none_or(|at| now - at >= MARK_FRESH_MS) {
                let stamp = stamp();
                of_slot.stamp = Some(stamp);
                filling.marks.push((*slot, stamp));
            }
        }
        filling
    }

    /// The marks of a step are made.
    pub fn marked(&mut self, filling: &Filling, now: i64) {
        for (slot, _) in &filling.marks {
            if let Some(of_slot) = self.slots.get_mut(slot) {
                of_slot.marked_at = Some(now);
            }
        }
    }

    /// A step ended. What it put, if that is known: else some of it may be there.
    pub fn end(&mut self, filling: &Filling, put: impl Iterator<Item = i64>) {
        for (slot, low) in &filling.lows {
            self.next_at = self.next_at.min(*low);
            if let Some(of_slot) = self.slots.get_mut(slot) {
                of_slot.filling -= 1;
                (of_slot.low, of_slot.puts) = (of_slot.low.min(*low), of_slot.puts + 1);
            }
        }
        self.puts += u64::from(!filling.lows.is_empty());
        for at in put {
            if let Some(of_slot) = self.slots.get_mut(&slot_of(at)) {
                of_slot.count += 1;
            }
        }
    }

    /// Alerts at these instants are not there any more.
    pub fn gone(&mut self, ats: impl Iterator<Item = i64>) {
        for at in ats {
            if let Some(of_slot) = self.slots.get_mut(&slot_of(at)) {
                of_slot.count = of_slot.count.saturating_sub(1);
            }
        }
    }

    /// What waits up to then, and what is in the same slot as that; or the first slots of it.
    pub fn look(&self, upto: i64) -> Look {
        let last = slot_of(upto);
        let mut look = Look { puts: self.puts, ..Look::default() };
        for (slot, of_slot) in self.slots.range(..=last).take(SLOTS_MAX) {
            look.spans.extend(spans(*slot, of_slot.low));
            look.slots.push((*slot, of_slot.puts));
        }
        look.behind = self.slots.values().skip(look.slots.len()).map(|of_slot| of_slot.low).next();
        look
    }

    /// What a look has found, in its order, when everything before `through` was read: as many as there was room for, and one more if
    /// there is one. Which marks are to be taken away: the slot, and the stamp that it had at most.
    pub fn looked(&mut self, look: &Look, found: &[i64], through: i64, (now, limit): (i64, usize)) -> Vec<(i64, i64)> {
        let mut over = Vec::new();
        for (slot, puts) in &look.slots {
            let Some(of_slot) = self.slots.get_mut(slot).filter(|one| one.puts == *puts && one.filling == 0) else { continue };
            let mut theirs = found.iter().filter(|at| slot_of(**at) == *slot);
            let first = theirs.next();
            if through < end_of(*slot) {
                of_slot.low = of_slot.low.max(first.copied().unwrap_or(through));
                continue;
            }
            match first {
                Some(first) => (of_slot.low, of_slot.count) = (*first, 1 + theirs.count() as u64),
                None => {
                    over.extend(of_slot.stamp.map(|stamp| (*slot, stamp)));
                    self.slots.remove(slot);
                }
            }
        }
        if self.puts == look.puts {
            let later = found.iter().find(|at| **at > now).copied();
            let behind = look.behind.filter(|_| found.len() <= limit);
            self.next_at = later.or(behind).or(found.last().copied()).unwrap_or(i64::MAX);
        }
        over
    }
}

impl Slot {
    fn new(low: i64) -> Slot {
        Slot { count: 0, low, puts: 0, filling: 0, marked_at: None, stamp: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = SLOT_MS;

    #[test]
    fn a_slot_is_read_in_spans_from_where_something_is() {
        let all: Vec<(i64, i64)> = spans(1, 0).map(|span| (span.from, span.upto)).collect();
        assert_eq!((all[0], all[5], all.len()), ((60_000, 70_000), (110_000, 120_000), 6));
        let rest: Vec<(i64, i64)> = spans(1, 105_000).map(|span| (span.from, span.upto)).collect();
        assert_eq!(rest, [(105_000, 110_000), (110_000, 120_000)]);
        assert_eq!((slot_of(-1), slot_of(59_999), end_of(0)), (-1, 0, 60_000));
    }

    #[test]
    fn a_slot_is_marked_once_before_the_first_alert_and_not_after_it_was_seen_empty() {
        let mut lane = Lane::default();
        let first = put(&mut lane, &[10, 20], 0);
        assert_eq!((first, lane.count(), lane.next_at()), (vec![(0, 1)], 2, 10));
        assert_eq!(put(&mut lane, &[30, MINUTE], 0), [(1, 2)], "the other has one");
        lane.gone([10, 20, 30].into_iter());
        let look = lane.look(50);
        assert_eq!((look.spans.len(), look.behind), (6, Some(MINUTE)));
        assert_eq!(lane.looked(&look, &[], i64::MAX, (50, 9)), [(0, 1)]);
        assert_eq!((lane.count(), lane.next_at()), (1, MINUTE));
        assert_eq!(put(&mut lane, &[40], 0), [(0, 3)], "it is marked anew");
    }

    #[test]
    fn an_old_mark_is_made_again() {
        let mut lane = Lane::default();
        put(&mut lane, &[10], 0);
        assert_eq!(put(&mut lane, &[10], MARK_FRESH_MS - 1), []);
        assert_eq!(put(&mut lane, &[10], MARK_FRESH_MS).len(), 1);
    }

    #[test]
    fn a_slot_that_something_was_put_into_while_it_was_read_stays() {
        let mut lane = Lane::default();
        put(&mut lane, &[10], 0);
        lane.gone([10].into_iter());
        let look = lane.look(50);
        let filling = lane.begin([20].into_iter(), 0, || 7);
        assert_eq!(lane.looked(&look, &[], i64::MAX, (50, 9)), [], "it is being filled");
        lane.end(&filling, [20].into_iter());
        assert_eq!(lane.looked(&look, &[], i64::MAX, (50, 9)), [], "it was filled since");
        assert_eq!((lane.count(), lane.next_at()), (1, 20));
        let look = lane.look(50);
        assert_eq!(lane.looked(&look, &[20], i64::MAX, (50, 9)), []);
        assert_eq!((lane.count(), lane.look(50).spans[0].from), (1, 20));
    }

    #[test]
    fn a_mark_that_may_have_been_made_is_taken_away_and_one_that_was_not_made_is_made() {
        let mut lane = Lane::default();
        let filling = lane.begin([10].into_iter(), 0, || 7);
        lane.end(&filling, std::iter::empty());
        assert_eq!(put(&mut lane, &[20], 0).len(), 1, "the first one was never said to be there");
        let mut lane = Lane::default();
        let filling = lane.begin([10].into_iter(), 0, || 7);
        lane.end(&filling, std::iter::empty());
        assert_eq!(lane.next_at(), 10, "some of it may be there");
        let look = lane.look(50);
        assert_eq!(lane.looked(&look, &[], i64::MAX, (50, 9)), [(0, 7)]);
    }

    #[test]
    fn when_the_next_one_is_due_follows_from_what_was_found() {
        let next = |found: &[i64], limit| {
            let mut lane = Lane::default();
            put(&mut lane, &[10, 20, 30, MINUTE + 5], 0);
            let look = lane.look(25);
            lane.looked(&look, found, i64::MAX, (25, limit));
            lane.next_at()
        };
        assert_eq!(next(&[10, 20, 30], 9), 30, "what is later in the same slot");
        assert_eq!(next(&[10, 20], 9), MINUTE + 5, "what is behind");
        assert_eq!(next(&[10, 20], 1), 20, "there is no room: it is due");
    }

    #[test]
    fn what_was_read_in_part_is_counted_as_before() {
        let mut lane = Lane::default();
        put(&mut lane, &[10, 20, 15_000], 0);
        let look = lane.look(MINUTE);
        lane.looked(&look, &[20], 10_000, (MINUTE, 1));
        assert_eq!((lane.count(), lane.look(0).spans[0].from), (3, 20));
        let look = lane.look(MINUTE);
        lane.looked(&look, &[], 10_000, (MINUTE, 1));
        assert_eq!((lane.count(), lane.look(0).spans[0].from), (3, 10_000), "nothing is before");
    }

    #[test]
    fn what_another_left_is_there() {
        let mut lane = Lane::default();
        lane.found(3, 190_000, 2);
        lane.found(1, 61_000, 1);
        assert_eq!((lane.next_at(), lane.count()), (61_000, 3));
        let look = lane.look(70_000);
        lane.found(1, 60_500, 2);
        assert_eq!(lane.looked(&look, &[], i64::MAX, (70_000, 9)), []);
        assert_eq!((lane.next_at(), lane.count()), (60_500, 4), "seen again, there are more");
        assert_eq!(put(&mut lane, &[61_000], 0).len(), 1, "the mark there is not ours");
    }

    // Stamps are as many as there are puts so far.
    fn put(lane: &mut Lane, ats: &[i64], now: i64) -> Vec<(i64, i64)> {
        let first = lane.slots.values().filter_map(|slot| slot.stamp).max().unwrap_or_default().max(lane.puts as i64);
        let mut stamps = first + 1..;
        let filling = lane.begin(ats.iter().copied(), now, || stamps.next().unwrap_or_default());
        lane.marked(&filling, now);
        lane.end(&filling, ats.iter().copied());
        filling.marks
    }
}
