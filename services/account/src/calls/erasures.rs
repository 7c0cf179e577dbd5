//! Calls about erasures: the report, and what accounts themselves remove.

use natter_proto::account::v1::Erasure;
use natter_proto::erasure::v1::{EraseReply, EraseRequest, Erased};

use crate::error::Error;
use crate::service::Accounts;

impl Accounts {
    /// What became of the end of a user, or with user 0 of an app.
    pub async fn erasure(&self, app: u64, user: u64) -> Result<Erasure, Error> {
        let row = self.store.erasures.erasure(app, user).await?;
        Ok(row.ok_or(Error::ErasureUnknown)?.shown())
    }

    /// A page of what accounts keep. Only of who has ended: a call by mistake removes nothing.
    pub async fn erase_page(&self, request: EraseRequest) -> Result<EraseReply, Error> {
        let EraseRequest { app, user, after } = request;
        self.store.erasures.erasure(app, user).await?.ok_or(Error::ErasureUnknown)?;
        let grants = if user == 0 && after.is_empty() { self.end_grants(app).await? } else { 0 };
        let (mut erased, next) = self.store.erasures.erase_rows(app, user, &after).await?;
        erased.push(Erased { kind: "grants".to_owned(), count: grants });
        Ok(EraseReply { erased, next })
    }
}
