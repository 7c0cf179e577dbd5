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
