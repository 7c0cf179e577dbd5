//! How many messages a second an app may send, where that is not what every app may: asked of the account service, and remembered for
//! some seconds. A quota that changes holds after that.

use std::collections::BTreeMap;

use natter_proto::AppId;
use natter_proto::account::v1::GetAppRequest;
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_rpc::Link;
use parking_lot::Mutex;

/// How long an answer is believed, milliseconds.
const LASTS_MS: i64 = 5_000;
/// Apps that are remembered; over it all are forgotten and asked again.
const APPS_MAX: usize = 10_000;

/// The rates of apps.
pub struct Quotas {
    accounts: AccountsClient<Link>,
    known: Mutex<BTreeMap<AppId, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    rate: Option<u32>,
    asked_at: i64,
}

impl Quotas {
    pub fn new(account: Link) -> Quotas {
        Quotas { accounts: AccountsClient::new(account), known: Mutex::default() }
    }

    /// The app's own rate, if it has one. Without an answer the one that was known holds on.
    pub async fn rate_of(&self, app: AppId, now_ms: i64) -> Option<u32> {
        let known = self.known.lock().get(&app).copied();
        if let Some(known) = known.filter(|known| (0..LASTS_MS).contains(&(now_ms - known.asked_at))) {
            return known.rate;
        }
        let Ok(answer) = self.accounts.clone().get_app(GetAppRequest { id: app.0 }).await else {
            return known.and_then(|known| known.rate);
        };
        let rate = answer.into_inner().quotas.map_or(0, |quotas| quotas.messages_per_second);
        let rate = (rate > 0).then(|| u32::try_from(rate).unwrap_or(u32::MAX));
        let mut known = self.known.lock();
        if known.len() >= APPS_MAX {
            known.clear();
        }
        known.insert(app, Known { rate, asked_at: now_ms });
        rate
    }
}
