//! Numbers for new subscriptions, taken from the store in blocks: a number is used once, and what a crash leaves of a block is
//! lost.

use std::ops::Range;

use parking_lot::Mutex;

use crate::store::{Result, Subscriptions};

/// Numbers per block.
const BLOCK: u64 = 1_000;

/// The rest of the block in hand.
#[derive(Default)]
pub struct Ids(Mutex<Range<u64>>);

impl Ids {
    /// A number that nothing had. Its block is durable before it is used.
    pub async fn next(&self, store: &dyn Subscriptions) -> Result<u64> {
        loop {
            let next = self.0.lock().next();
            if let Some(id) = next {
                return Ok(id);
            }
            let block = store.take_block(BLOCK).await?;
            let mut rest = self.0.lock();
            // Of two who came to the end at once the later block is dropped: a gap, not a repeat.
            if rest.is_empty() {
                *rest = block;
            }
        }
    }
}
