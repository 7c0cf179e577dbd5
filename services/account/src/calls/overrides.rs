//! Calls about what is set over the settings of all processes.

use natter_proto::account::v1::{ChangeOverridesRequest, Overrides};

use crate::error::Error;
use crate::overrides::changed;
use crate::service::Accounts;
use crate::store;

/// How often a change that met another one is tried.
const TRIES: usize = 8;

impl Accounts {
    /// What is set. Every process asks once a minute.
    pub async fn overrides(&self) -> Result<Overrides, Error> {
        Ok(self.store.overrides.overrides().await?.map(|kept| kept.row).unwrap_or_default())
    }

    /// Changes what is set.
    pub async fn change_overrides(&self, change: ChangeOverridesRequest) -> Result<Overrides, Error> {
        for _ in 0..TRIES {
            let before = self.store.overrides.overrides().await?;
            let row = before.as_ref().map(|kept| kept.row.clone()).unwrap_or_default();
            let after = changed(row, &change, self.clock.now_ms())?;
            match self.store.overrides.change_overrides(before.as_ref(), after).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?.row),
            }
        }
        Err(store::Error::Changed.into())
    }
}
