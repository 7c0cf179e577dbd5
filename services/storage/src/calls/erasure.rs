//! The files of a user or an app go, a page at a time: rows first, then contents, as if their owner removed each.

use natter_proto::erasure::v1::{EraseReply, Erased};

use crate::error::Error;
use crate::service::Files;
use crate::store::{self, Kept, Page};

/// Files of one page: their contents are removed one after another.
const PAGE: usize = 100;

impl Files {
    /// A page of an erasure; of an app with user 0.
    pub async fn erase(&self, app: u64, user: u64) -> Result<EraseReply, Error> {
        let found = match user {
            0 => self.blobs.of_app(app, PAGE).await?,
            user => self.own_page(app, user).await?,
        };
        let (mut files, mut bytes) = (0, 0);
        for kept in &found {
            match self.remove(kept).await {
                Ok(()) => (files, bytes) = (files + 1, bytes + kept.row.weight().bytes),
                // An upload ended meanwhile: the next page finds it as it is.
                Err(Error::Store(store::Error::Changed)) => {}
                Err(error) => return Err(error),
            }
        }
        // Of a page that was cut off the rows are gone, and their contents are due. What is being uploaded just now is due later.
        if found.is_empty() && self.bury_due().await? > 0 {
            return Ok(EraseReply { erased: Vec::new(), next: vec![1] });
        }
        if user == 0 && found.is_empty() {
            self.blobs.forget_usage(app).await?;
        }
        let erased = [("files", files), ("file_bytes", bytes)];
        let erased = erased.into_iter().map(|(kind, count)| Erased { kind: kind.to_owned(), count }).collect();
        Ok(EraseReply { erased, next: if found.is_empty() { Vec::new() } else { vec![1] } })
    }

    async fn own_page(&self, app: u64, user: u64) -> Result<Vec<Kept>, Error> {
        let page = Page { after: 0, skip: 0, limit: PAGE, count_max: PAGE };
        let (rows, _) = self.blobs.of_owner(app, user, page).await?;
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            kept.extend(self.blobs.blob(app, row.id).await?);
        }
        Ok(kept)
    }
}
