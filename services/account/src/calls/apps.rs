//! Calls about apps: create, apply, suspend, delete, look up by id and by key, list.

use std::sync::Arc;

use natter_proto::account::v1::{
    App, AppState, ApplyAppReply, ApplyAppRequest, CreateAppRequest, Erasure, FindAppRequest, RotateKeysRequest,
};

use crate::app::{Dice, KEY_CHARS_MAX, Wanted, draft, erased, overlap, rotated, secret_of};
use crate::erasure::ErasureRow;
use crate::error::Error;
use crate::host::hosts;
use crate::origin;
use crate::service::{Accounts, settle};
use crate::store::{self, Kept};

/// Most apps in one list. Whoever has more asks by id.
const APPS_LISTED_MAX: usize = 10_000;
/// Fewest apps that are read at once.
const APPS_PAGE: usize = 16;
/// How often a change that met another writer is tried.
const TRIES: usize = 8;

impl Accounts {
    /// Makes an app; what the request leaves open is chosen.
    pub async fn create_app(&self, request: CreateAppRequest) -> Result<App, Error> {
        let app = draft(request, self.dice(), self.clock.now_ms())?;
        Ok(self.store.apps.add_app(app).await?)
    }

    fn dice(&self) -> Dice {
        Dice { auth_key: self.chance.bytes(), auth_secret: self.chance.bytes(), pair_key: self.chance.bytes() }
    }

    /// An app, open or suspended, from memory if it is known there. One that is erased is unknown.
    pub async fn app(&self, id: u64) -> Result<Arc<App>, Error> {
        let app = match self.apps.get(&id) {
            Some(app) => app,
            None => {
                let reading = self.apps.reading();
                let app = Arc::new(self.store.apps.app(id).await?.ok_or(Error::AppUnknown)?.row);
                self.apps.remember(reading, id, app.clone());
                app
            }
        };
        match app.state() {
            AppState::Erased => Err(Error::AppUnknown),
            AppState::Suspended | AppState::Unspecified => Ok(app),
        }
    }

    /// An app that lets its users in.
    pub async fn open_app(&self, id: u64) -> Result<Arc<App>, Error> {
        let app = self.app(id).await?;
        if app.state() == AppState::Suspended { Err(Error::AppSuspended) } else { Ok(app) }
    }

    /// An app that the caller names with its auth key. An unknown id is refused like a wrong key (contract rest 1.6).
    pub async fn app_opened_by(&self, id: u64, auth_key: &str) -> Result<Arc<App>, Error> {
        let app = match self.app(id).await {
            Err(Error::AppUnknown) => None,
            found => Some(found?),
        };
        let secret = secret_of(app.as_deref(), auth_key, self.clock.now_ms());
        match app.clone().filter(|_| secret.is_some()) {
            // Who does not have the key does not learn it either.
            Some(app) if app.state() == AppState::Suspended => Err(Error::AppSuspended),
            Some(app) => Ok(app),
            None => Err(Error::Unauthorized),
        }
    }

    /// The app whose auth key this is: who signs up names its app by nothing else (contract rest 1.2).
    pub async fn find_app(&self, request: FindAppRequest) -> Result<Arc<App>, Error> {
        let FindAppRequest { auth_key, host, origin } = &request;
        if auth_key.len() > KEY_CHARS_MAX {
            return Err(Error::AppUnknown);
        }
        let id = self.store.apps.app_with_key(auth_key).await?.ok_or(Error::AppUnknown)?;
        self.came_by(host, id, Error::AppUnknown).await?;
        let app = self.app(id).await?;
        // One that was rotated stays the app's until its keys change again, and opens it no longer.
        secret_of(Some(&app), auth_key, self.clock.now_ms()).ok_or(Error::AppUnknown)?;
        origin::check(&app, origin)?;
        Ok(app)
    }

    /// The first `limit` apps by id, but those that are erased; 0: all.
    pub async fn list_apps(&self, limit: usize) -> Result<Vec<App>, Error> {
        let limit = if limit == 0 { APPS_LISTED_MAX } else { limit.min(APPS_LISTED_MAX) };
        let page = limit.max(APPS_PAGE);
        let (mut listed, mut after) = (Vec::new(), Some(0));
        while let Some(above) = after.filter(|_| listed.len() < limit) {
            let apps = self.store.apps.apps(above, page).await?;
            after = apps.last().map(|app| app.id).filter(|_| apps.len() == page);
            listed.extend(apps.into_iter().filter(|app| app.state() != AppState::Erased));
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// Makes the app that is described, or changes of it what is different.
    pub async fn apply_app(&self, request: ApplyAppRequest) -> Result<ApplyAppReply, Error> {
        let wanted = Wanted::read(request)?;
        self.check_hosts(wanted.id, wanted.hosts()).await?;
        let now = self.clock.now_ms();
        for _ in 0..TRIES {
            let Some(before) = self.store.apps.app(wanted.id).await? else {
                self.create_app(wanted.create()).await?;
                let made = self.kept_app(wanted.id).await?;
                let app = self.write_app(&made, wanted.applied(&made.row, now).0, None).await?;
                return Ok(ApplyAppReply { app: Some(app), created: true, changed: Vec::new() });
            };
            if before.row.state() == AppState::Erased {
                return Err(store::Error::Taken("id").into());
            }
            let (after, changed) = wanted.applied(&before.row, now);
            if changed.is_empty() {
                return Ok(ApplyAppReply { app: Some(before.row), created: false, changed: Vec::new() });
            }
            match self.write_app(&before, after, None).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    let changed = changed.into_iter().map(str::to_owned).collect();
                    return Ok(ApplyAppReply { app: Some(outcome?), created: false, changed });
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Gives an app other keys, beside which those it had hold for a while.
    pub async fn rotate_keys(&self, request: RotateKeysRequest) -> Result<App, Error> {
        let overlap = overlap(request.overlap_s, self.options.key_overlap_s)?;
        self.rewrite_app(request.id, |app, now| rotated(app, &self.dice(), overlap, now)).await
    }

    /// Ends the keys that were rotated.
    pub async fn end_previous_keys(&self, id: u64) -> Result<App, Error> {
        self.rewrite_app(id, |app, now| match app.previous {
            None => app.clone(),
            Some(_) => App { previous: None, updated_at: now, ..app.clone() },
        })
        .await
    }

    async fn rewrite_app(&self, id: u64, change: impl Fn(&App, i64) -> App) -> Result<App, Error> {
        for _ in 0..TRIES {
            let before = self.kept_app(id).await?;
            match self.write_app(&before, change(&before.row, self.clock.now_ms()), None).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Closes an app for now, or opens it again. The sessions that are there end; memory of it is given up.
    pub async fn suspend_app(&self, id: u64, suspended: bool) -> Result<App, Error> {
        let state = if suspended { AppState::Suspended } else { AppState::Unspecified };
        for _ in 0..TRIES {
            let before = self.kept_app(id).await?;
            if before.row.state() == state {
                return Ok(before.row);
            }
            let after = App { state: state.into(), updated_at: self.clock.now_ms(), ..before.row.clone() };
            match self.write_app(&before, after, None).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    let app = outcome?;
                    if suspended {
                        self.indexes.forget(id);
                        self.endings.tell(id, 0);
                    }
                    return Ok(app);
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Ends a suspended app for good. What is kept of it goes afterwards; asked again, the report.
    pub async fn delete_app(&self, id: u64) -> Result<Erasure, Error> {
        for _ in 0..TRIES {
            let before = match self.kept_app(id).await {
                Err(Error::AppUnknown) => return self.erasure(id, 0).await.map_err(|_| Error::AppUnknown),
                before => before?,
            };
            if before.row.state() != AppState::Suspended {
                return Err(Error::AppOpen);
            }
            let now = self.clock.now_ms();
            let erasure = ErasureRow::begun(id, 0, now);
            match self.write_app(&before, erased(&before.row, now), Some(erasure.clone())).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    outcome?;
                    self.endings.tell(id, 0);
                    return Ok(erasure.shown());
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    /// An app as it is in the store, which decides when it is changed.
    pub(super) async fn kept_app(&self, id: u64) -> Result<Kept<App>, Error> {
        let app = self.store.apps.app(id).await?;
        app.filter(|app| app.row.state() != AppState::Erased).ok_or(Error::AppUnknown)
    }

    /// Puts an app in place of what is kept, and begins an erasure with its end.
    pub(super) async fn write_app(&self, before: &Kept<App>, after: App, erasure: Option<ErasureRow>) -> store::Result<App> {
        if before.row == after && erasure.is_none() {
            return Ok(after);
        }
        let ticket = self.apps.begin(before.row.id);
        let names: Vec<String> = hosts(&before.row).symmetric_difference(&hosts(&after)).map(|name| (*name).to_owned()).collect();
        let names: Vec<_> = names.into_iter().map(|name| self.hosts.begin(name)).collect();
        let outcome = self.store.apps.change_app(before, after, erasure).await.map(|kept| kept.row);
        settle(&self.apps, ticket, &outcome.clone().map(Arc::new));
        if !matches!(outcome, Err(store::Error::Db(natter_db::Error::Unknown(_)))) {
            // Whose they are now is read when it is asked.
            names.into_iter().for_each(|ticket| self.hosts.finish(ticket, None));
        }
        outcome
    }
}
