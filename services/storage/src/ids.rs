//! Numbers for new blobs, taken from the store in blocks: a number is used once, and what a crash leaves of a block is lost.

use std::ops::Range;

use parking_lot::Mutex;

use crate::store::{Blobs, Result};

/// Numbers per block.
const BLOCK: u64 = 1_000;

/// The rest of the block in hand.
#[derive(Default)]
pub struct Ids(Mutex<Range<u64>>);

impl Ids {
    /// Gives no number up to this one from now on: they are of files that come from elsewhere.
    pub async fn raise(&self, blobs: &dyn Blobs, upto: u64) -> Result<()> {
        {
            let mut rest = self.0.lock();
            if !rest.is_empty() && rest.end > upto + 1 {
                rest.start = rest.start.max(upto + 1);
                return Ok(());
            }
            *rest = 0..0;
        }
        let next = blobs.take_block(1).await?.end;
        if next <= upto {
            blobs.take_block(upto + 1 - next).await?;
        }
        Ok(())
    }

    /// A number that nothing had. Its block is durable before it is used.
    pub async fn next(&self, blobs: &dyn Blobs) -> Result<u64> {
        loop {
            let next = self.0.lock().next();
            if let Some(id) = next {
                return Ok(id);
            }
            let block = blobs.take_block(BLOCK).await?;
            let mut rest = self.0.lock();
            // Of two who came to the end at once the later block is dropped: a gap, not a repeat.
            if rest.is_empty() {
                *rest = block;
            }
        }
    }
}
