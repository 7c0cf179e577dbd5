//! How many entries a stream dropped before they were done, from what the servers count. They do not count that itself: what is
//! known is how many are gone, and how often entries were handed out. So it is at least so many: an entry that was handed out twice
//! hides one that was dropped.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// What the servers say of a stream and all its consumers, since they were made.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Entries that the stream has no more.
    pub removed: u64,
    /// How often consumers handed an entry out.
    pub delivered: u64,
    /// Entries that were handed out and are not acknowledged.
    pub pending: u64,
}

/// What was seen so far.
#[derive(Default)]
pub struct Drops {
    delivered: u64,
    /// The most that were ever gone without having been done; `None` before anything was seen.
    most: Option<u64>,
}

impl Drops {
    /// How many were dropped since the tally before. What was before the first one is not known.
    pub fn since(&mut self, tally: Tally) -> u64 {
        let Tally { removed, delivered, pending } = tally;
        let unread = removed.saturating_sub(delivered.saturating_sub(pending));
        // Fewer than before: a consumer was made again and counts from the start.
        let before = self.most.filter(|_| delivered >= self.delivered);
        self.delivered = delivered;
        self.most = Some(before.map_or(unread, |most| most.max(unread)));
        before.map_or(0, |most| unread.saturating_sub(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_without_being_handed_out_was_dropped() {
        let mut drops = Drops::default();
        let mut since = |removed, delivered, pending| drops.since(Tally { removed, delivered, pending });
        assert_eq!(since(7, 5, 0), 0, "before the first look");
        assert_eq!(since(10, 8, 0), 0, "three were done");
        assert_eq!(since(10, 12, 4), 0, "four are being looked at");
        assert_eq!(since(14, 12, 0), 0, "and were done");
        assert_eq!(since(24, 12, 0), 10, "ten went");
        assert_eq!(since(24, 14, 0), 0, "two were handed out twice");
        assert_eq!(since(26, 14, 0), 0, "which hides two");
        assert_eq!(since(27, 14, 0), 1);
        assert_eq!(since(27, 3, 0), 0, "a consumer counts from the start");
        assert_eq!(since(28, 3, 0), 1);
    }
}
