//! Calls about apps: create, look up by id and by key, list.

use std::sync::Arc;

use natter_proto::account::v1::{App, CreateAppRequest};

use crate::app::{Dice, KEY_CHARS_MAX, draft, is_opened_by};
use crate::error::Error;
use crate::service::Accounts;

/// Most apps in one list. Whoever has more asks by id.
const APPS_LISTED_MAX: usize = 10_000;

impl Accounts {
    /// Makes an app; what the request leaves open is chosen.
    pub async fn create_app(&self, request: CreateAppRequest) -> Result<App, Error> {
        let dice = Dice { auth_key: self.chance.bytes(), auth_secret: self.chance.bytes(), pair_key: self.chance.bytes() };
        let app = draft(request, dice, self.clock.now_ms())?;
        Ok(self.store.apps.add_app(app).await?)
    }

    /// An app, from memory if it is known there.
    pub async fn app(&self, id: u64) -> Result<Arc<App>, Error> {
        if let Some(app) = self.apps.get(&id) {
            return Ok(app);
        }
        let reading = self.apps.reading();
        let app = Arc::new(self.store.apps.app(id).await?.ok_or(Error::AppUnknown)?.row);
        self.apps.remember(reading, id, app.clone());
        Ok(app)
    }

    /// An app that the caller names with its auth key. An unknown id is refused like a wrong key (contract rest 1.6).
    pub async fn app_opened_by(&self, id: u64, auth_key: &str) -> Result<Arc<App>, Error> {
        let app = match self.app(id).await {
            Err(Error::AppUnknown) => None,
            found => Some(found?),
        };
        match app.filter(|app| is_opened_by(Some(app), auth_key)) {
            Some(app) => Ok(app),
            None => Err(Error::Unauthorized),
        }
    }

    /// The app whose auth key this is: who signs up names its app by nothing else (contract rest 1.2).
    pub async fn find_app(&self, auth_key: &str) -> Result<Arc<App>, Error> {
        if auth_key.len() > KEY_CHARS_MAX {
            return Err(Error::AppUnknown);
        }
        let id = self.store.apps.app_with_key(auth_key).await?.ok_or(Error::AppUnknown)?;
        self.app(id).await
    }

    /// All apps by id.
    pub async fn list_apps(&self) -> Result<Vec<App>, Error> {
        Ok(self.store.apps.apps(0, APPS_LISTED_MAX).await?)
    }
}
