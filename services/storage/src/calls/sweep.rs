//! The end of what is over: blobs that nobody finished in time, and contents that no row names.

use crate::error::Error;
use crate::service::Files;
use crate::store::{self, Doomed, Unfinished};

/// Rows and contents that one sweep looks at, so that it is never noticed.
const PAGE: usize = 1_000;

impl Files {
    /// Removes what is over among the next page of the unfinished, and all that is doomed and due. Gives the place to go on
    /// from; none at the end. What could not be done now is found again.
    pub async fn sweep(&self, after: Option<Unfinished>) -> Option<Unfinished> {
        if let Err(error) = self.bury_due().await {
            tracing::warn!(%error, "contents without a row could not be removed");
        }
        match self.sweep_page(after).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "files that are over could not be removed");
                None
            }
        }
    }

    async fn sweep_page(&self, after: Option<Unfinished>) -> Result<Option<Unfinished>, Error> {
        let over_before = self.clock.now_ms() - 1_000 * i64::from(self.options.unfinished_s);
        let page = self.blobs.unfinished(after, over_before, PAGE).await?;
        for found in page.iter().filter(|found| found.created_at <= over_before) {
            match self.blobs.blob(found.app, found.id).await? {
                Some(kept) if !kept.row.is_complete() => match self.remove(&kept).await {
                    Ok(()) => {
                        self.metrics.swept.inc();
                    }
                    // An upload has ended meanwhile, or another process sweeps too.
                    Err(Error::Store(store::Error::Changed)) => {}
                    Err(error) => return Err(error),
                },
                // It may have been completed since the page was read, or what made or ended it has died.
                _ => self.blobs.settle(*found).await?,
            }
        }
        Ok(page.last().copied().filter(|_| page.len() == PAGE))
    }

    /// Removes a page of the contents that are due. How many there were.
    pub async fn bury_due(&self) -> Result<usize, Error> {
        let due = self.blobs.doomed(self.clock.now_ms(), PAGE).await?;
        self.bury(&due).await?;
        Ok(due.len())
    }

    /// Removes contents, then takes them off the list.
    pub async fn bury(&self, doomed: &[Doomed]) -> Result<(), Error> {
        for one in doomed {
            self.bytes.remove(one.object).await?;
        }
        Ok(self.blobs.forget(doomed).await?)
    }
}
