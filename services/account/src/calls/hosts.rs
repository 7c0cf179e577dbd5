//! Whose a name is, by which a client came. Asked with every request that shows who a client is, so it is answered from memory.

use std::sync::Arc;

use natter_proto::account::v1::{App, VisitAppRequest};

use crate::error::Error;
use crate::host;
use crate::origin;
use crate::service::Accounts;
use crate::store;
use crate::user::Fault;

impl Accounts {
    /// Whether somebody of `app` who came by `host` came by a name of its own; `refusal` if it is another app's. By any other name
    /// comes who likes: the installation serves all of its apps.
    pub async fn came_by(&self, host: &str, app: u64, refusal: Error) -> Result<bool, Error> {
        match self.app_at(host).await? {
            None => Ok(false),
            Some(owner) if owner == app => Ok(true),
            Some(_) => Err(refusal),
        }
    }

    /// The app as who came by a name sees it.
    pub async fn visit_app(&self, request: VisitAppRequest) -> Result<Arc<App>, Error> {
        let VisitAppRequest { id, host, origin } = request;
        self.came_by(&host, id, Error::AppUnknown).await?;
        let app = self.open_app(id).await?;
        origin::check(&app, &origin)?;
        Ok(app)
    }

    // The installation's own names win over what was given before they were its own.
    async fn app_at(&self, spelt: &str) -> Result<Option<u64>, Error> {
        let Some(name) = host::asked(spelt).filter(|name| !self.own_hosts.contains(name)) else { return Ok(None) };
        if let Some(owner) = self.hosts.get(&name) {
            return Ok(owner);
        }
        let reading = self.hosts.reading();
        let owner = self.store.apps.app_with_host(&name).await?;
        self.hosts.remember(reading, name, owner);
        Ok(owner)
    }

    /// Refuses names that no app gets and those that another one has, before anything is written. The store decides.
    pub async fn check_hosts(&self, app: u64, wanted: [(&'static str, Option<&str>); 2]) -> Result<(), Error> {
        for (field, name) in wanted {
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            if self.own_hosts.contains(name) {
                return Err(Fault::new(field, "is a name of this installation, which serves all apps").into());
            }
            if self.store.apps.app_with_host(name).await?.is_some_and(|owner| owner != app) {
                return Err(store::Error::Taken(field).into());
            }
        }
        Ok(())
    }
}
