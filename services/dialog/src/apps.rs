//! What an app says of its dialogs, where that is not what every app says: asked of the account service, and remembered for some
//! seconds. What changes holds after that.

use std::collections::BTreeMap;

use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::{App, GetAppRequest};
use natter_proto::{AppId, Code, Failure};
use natter_rpc::Link;
use parking_lot::Mutex;

use crate::shared::of_read;

/// How long an answer is believed, milliseconds.
const LASTS_MS: i64 = 5_000;
/// Apps that are remembered; over it all are forgotten and asked again.
const APPS_MAX: usize = 10_000;

/// What an app says. An app that is not there says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// Messages a second; `None`: as many as every app.
    pub rate: Option<u32>,
    /// Admins of a group remove members, not its owner alone.
    pub admins_remove: bool,
    /// Members of a group see what was said since they joined; else all.
    pub from_joining: bool,
}

/// The settings of apps.
pub struct Apps {
    accounts: AccountsClient<Link>,
    known: Mutex<BTreeMap<AppId, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    settings: Settings,
    asked_at: i64,
}

impl Apps {
    pub fn new(account: Link) -> Apps {
        Apps { accounts: AccountsClient::new(account), known: Mutex::default() }
    }

    /// What the app says. Without an answer what was known holds on.
    ///
    /// # Errors
    /// There is no answer, and nothing was known: who asks must not guess what somebody may see.
    pub async fn settings(&self, app: AppId, now_ms: i64) -> Result<Settings, Failure> {
        let known = self.known.lock().get(&app).copied();
        if let Some(known) = known.filter(|known| (0..LASTS_MS).contains(&(now_ms - known.asked_at))) {
            return Ok(known.settings);
        }
        let settings = match self.accounts.clone().get_app(GetAppRequest { id: app.0 }).await.map_err(Failure::from) {
            Ok(answer) => Settings::from(answer.into_inner()),
            Err(failure) if failure.code == Code::NotFound => Settings::default(),
            Err(failure) => return known.map(|known| known.settings).ok_or_else(|| of_read(failure)),
        };
        let mut known = self.known.lock();
        if known.len() >= APPS_MAX {
            known.clear();
        }
        known.insert(app, Known { settings, asked_at: now_ms });
        Ok(settings)
    }
}

impl From<App> for Settings {
    fn from(app: App) -> Settings {
        let rate = app.quotas.map_or(0, |quotas| quotas.messages_per_second);
        let groups = app.groups.unwrap_or_default();
        Settings {
            rate: (rate > 0).then(|| u32::try_from(rate).unwrap_or(u32::MAX)),
            admins_remove: groups.admins_remove,
            from_joining: groups.history_from_joining,
        }
    }
}
