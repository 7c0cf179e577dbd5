//! The call about an app's identity settings.

use natter_proto::account::v1::{App, Identity};

use crate::error::Error;
use crate::identity::accept;
use crate::service::Accounts;
use crate::store;

/// How often a change that met another writer of the same app is tried.
const TRIES: usize = 8;

impl Accounts {
    /// Puts other identity settings in place of an app's. The next sign-in goes by them.
    pub async fn set_identity(&self, app: u64, given: Identity) -> Result<App, Error> {
        for _ in 0..TRIES {
            let before = self.kept_app(app).await?;
            let identity = accept(&before.row.identity.clone().unwrap_or_default(), given.clone())?;
            let after = App { identity: Some(identity), ..before.row.clone() };
            match self.write_app(&before, after, None).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(store::Error::Changed.into())
    }
}
