//! Carries out what follows an end: tells the edges whose sessions end, and walks the services with each erasure, page by page, each
//! step kept before the next. A crash repeats at most one page, which does no harm.
//!
//! This is the one place where a lower service asks the ones above it. Nobody waits for it, so no two services wait for each other.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use natter_bus::{Bus, Payload};
use natter_proto::Failure;
use natter_proto::account::v1::AppState;
use natter_proto::account::v1::eraser_client::EraserClient as OwnRows;
use natter_proto::dialog::v1::eraser_client::EraserClient as Dialogs;
use natter_proto::erasure::v1::{EraseReply, EraseRequest};
use natter_proto::event::v1::Ended;
use natter_proto::history::v1::eraser_client::EraserClient as History;
use natter_proto::presence::v1::eraser_client::EraserClient as Presence;
use natter_proto::push::v1::eraser_client::EraserClient as Alerts;
use natter_proto::storage::v1::eraser_client::EraserClient as Storage;
use natter_proto::subject::Subject;
use natter_rpc::Link;

use crate::endings::Ending;
use crate::erasure::{ErasureRow, Keeper};
use crate::service::Accounts;

/// Erasures that are walked in turn before the others.
const TAKEN: usize = 1_000;
/// Until a service is asked again that failed, or that still has sessions.
const RETRY: Duration = Duration::from_millis(250);
/// Between two looks when nothing was told: suspended apps are told again, and old reports go.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const REPORTS_PAGE: usize = 1_000;
/// How long a report is kept.
const REPORT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
const APPS_MAX: usize = 10_000;

/// Who keeps something of users, and the bus to the edges.
pub struct Keepers {
    pub bus: Bus,
    pub account: Link,
    pub presence: Link,
    pub dialog: Link,
    pub history: Link,
    pub storage: Link,
    pub push: Link,
}

impl Keepers {
    async fn erase(&self, keeper: Keeper, request: EraseRequest) -> Result<EraseReply, Failure> {
        let reply = match keeper {
            Keeper::Presence => Presence::new(self.presence.clone()).erase(request).await,
            Keeper::Dialogs => Dialogs::new(self.dialog.clone()).erase(request).await,
            Keeper::History => History::new(self.history.clone()).erase(request).await,
            Keeper::Storage => Storage::new(self.storage.clone()).erase(request).await,
            Keeper::Alerts => Alerts::new(self.push.clone()).erase(request).await,
            Keeper::Accounts => OwnRows::new(self.account.clone()).erase(request).await,
        };
        Ok(reply.map_err(Failure::from)?.into_inner())
    }

    fn tell(&self, app: u64, user: u64) {
        self.bus.publish(&Subject::Ended.to_string(), Payload::of(Ended { app, user }));
    }
}

/// Walks until `stop`.
pub(crate) async fn run(accounts: Arc<Accounts>, keepers: Keepers, stop: impl Future<Output = ()>) {
    let walk = async {
        let mut reports = None;
        loop {
            accounts.tell_endings(&keepers);
            let rest = accounts.walk(&keepers).await;
            let wait = if rest { RETRY } else { LOOK_EVERY };
            if tokio::time::timeout(wait, accounts.endings.some()).await.is_err() && !rest {
                accounts.tell_suspended(&keepers).await;
                reports = accounts.forget_reports(reports).await;
            }
        }
    };
    // Dropped while it waits: what was written is written, and the rest is found at the next start.
    tokio::select! {
        biased;
        () = stop => {}
        () = walk => {}
    }
}

impl Accounts {
    fn tell_endings(&self, keepers: &Keepers) {
        for ending in self.endings.take() {
            match ending {
                Ending::Over(app, user) => keepers.tell(app, user),
                Ending::Expelled(expelled) => keepers.bus.publish(&Subject::Expelled.to_string(), Payload::of(expelled)),
            }
        }
    }

    /// Each erasure after the other, as far as it goes. Answers whether some do not end yet.
    async fn walk(&self, keepers: &Keepers) -> bool {
        let pending = match self.store.erasures.pending_erasures(TAKEN).await {
            Ok(pending) => pending,
            Err(error) => {
                tracing::warn!(%error, "erasures cannot be read");
                return true;
            }
        };
        let mut rest = pending.len() == TAKEN;
        for row in pending {
            let (app, user) = (row.app, row.user);
            if let Err(failure) = self.walk_one(keepers, row).await {
                rest = true;
                tracing::debug!(app, user, %failure, "an erasure waits");
            }
        }
        rest
    }

    async fn walk_one(&self, keepers: &Keepers, mut row: ErasureRow) -> Result<(), Failure> {
        while let Some(keeper) = row.keeper() {
            // An app takes long to erase: whoever ends meanwhile is signed out at once all the same.
            self.tell_endings(keepers);
            let (app, user) = (row.app, row.user);
            if keeper == Keeper::Presence && row.after.is_empty() {
                keepers.tell(app, user);
            }
            let reply = keepers.erase(keeper, EraseRequest { app, user, after: row.after.clone() }).await?;
            row = row.moved(reply, self.clock.now_ms());
            self.store.erasures.put_erasure(&row).await.map_err(|error| Failure::from(crate::error::Error::from(error)))?;
        }
        tracing::info!(app = row.app, user = row.user, rounds = row.round, "an erasure has ended");
        Ok(())
    }

    /// An edge that missed the word hears it again.
    async fn tell_suspended(&self, keepers: &Keepers) {
        let Ok(apps) = self.store.apps.apps(0, APPS_MAX).await else { return };
        for app in apps.iter().filter(|app| app.state() != AppState::Unspecified) {
            keepers.tell(app.id, 0);
        }
    }

    async fn forget_reports(&self, after: Option<(u64, u64)>) -> Option<(u64, u64)> {
        let before = self.clock.now_ms() - REPORT_MS;
        self.store.erasures.forget_erasures(after, before, REPORTS_PAGE).await.ok().flatten()
    }
}
