//! Numbers for new users, taken from the store in blocks: a number is used once, and what a crash leaves of a block is lost.

use std::ops::Range;

use parking_lot::Mutex;

use crate::store::{Result, Users};

/// Numbers per block.
const BLOCK: u64 = 1_000;

/// The rest of the block in hand.
#[derive(Default)]
pub struct Ids(Mutex<Range<u64>>);

impl Ids {
    /// Gives no number up to this one from now on: they are of users who come from elsewhere. Another process may still have some of its
    /// block; it finds them taken.
    pub async fn raise(&self, users: &dyn Users, upto: u64) -> Result<()> {
        {
            let mut rest = self.0.lock();
            if !rest.is_empty() && rest.end > upto + 1 {
                rest.start = rest.start.max(upto + 1);
                return Ok(());
            }
            *rest = 0..0;
        }
        let next = users.take_block(1).await?.end;
        if next <= upto {
            users.take_block(upto + 1 - next).await?;
        }
        Ok(())
    }

    /// A number that nobody had. Its block is durable before it is used.
    pub async fn next(&self, users: &dyn Users) -> Result<u64> {
        loop {
            let next = self.0.lock().next();
            if let Some(id) = next {
                return Ok(id);
            }
            let block = users.take_block(BLOCK).await?;
            let mut rest = self.0.lock();
            // Of two who came to the end at once the later block is dropped: a gap, not a repeat.
            if rest.is_empty() {
                *rest = block;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use natter_db::Kv;

    use super::*;
    use crate::store::Store;

    #[tokio::test(start_paused = true)]
    async fn numbers_come_after_those_that_were_brought() {
        let (ids, store) = (Ids::default(), Store::embedded(Kv::memory()));
        let next = async || ids.next(store.users.as_ref()).await.unwrap();
        assert_eq!(next().await, 1);
        for (upto, expected) in [(10, 11), (5, 12), (70_000, 70_001), (70_000, 70_002), (70_999, 71_000)] {
            ids.raise(store.users.as_ref(), upto).await.unwrap();
            assert!(next().await >= expected, "{upto}");
        }
        let later = Ids::default().next(store.users.as_ref()).await.unwrap();
        assert!(later > 71_000, "{later}");
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_never_repeat_not_even_after_a_crash() {
        let kv = Kv::memory();
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            let (ids, store) = (Ids::default(), Store::embedded(kv.clone()));
            for _ in 0..1_500 {
                assert!(seen.insert(ids.next(store.users.as_ref()).await.unwrap()));
            }
        }
    }
}
