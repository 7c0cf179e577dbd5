//! Who only entered the room of a public dialog, and has had no session for a day, is a member no more (design.md section 8). A sweep
//! over the members' views, a page at a time, so that it is never noticed.

use std::time::Duration;

use natter_proto::presence::v1::LastActivityRequest;
use natter_proto::{Code, Failure, UserId};

use crate::actor::Subscribing;
use crate::dialog::Key;
use crate::rpc::Rpc;

/// Between two pages: a hundred thousand views in less than two hours.
pub(crate) const EVERY: Duration = Duration::from_secs(30);
/// Views of a page.
const PAGE: usize = 500;

/// Where the sweep stands.
#[derive(Default)]
pub(crate) struct Lapses {
    after: Option<(Key, UserId)>,
}

impl Lapses {
    /// Looks at the next page. What fails is tried again when its turn comes again.
    pub async fn step(&mut self, rpc: &Rpc) {
        let views = match rpc.shared.store.views(self.after, PAGE).await {
            Ok(views) => views,
            Err(error) => return tracing::warn!(%error, "cannot read who entered public dialogs"),
        };
        self.after = views.last().filter(|_| views.len() == PAGE).map(|(key, user, _)| (*key, *user));
        // Each process looks after its own.
        let is_ours = |key: &Key| rpc.shared.own.has_dialog(key.app, key.dialog);
        for (key, user, _) in views.into_iter().filter(|(key, _, view)| view.entered && is_ours(key)) {
            if let Err(failure) = lapse(rpc, key, user).await {
                tracing::warn!(app = %key.app, dialog = %key.dialog, %user, %failure, "cannot tell whether a join has lapsed");
            }
        }
    }
}

async fn lapse(rpc: &Rpc, key: Key, user: UserId) -> Result<(), Failure> {
    let request = LastActivityRequest { app: key.app.0, user: user.0, asker: 0 };
    let seen_at = match rpc.shared.presence().last_activity(request).await.map_err(Failure::from) {
        Ok(reply) => reply.into_inner().seen_at,
        // Never, or his account is gone.
        Err(failure) if failure.code == Code::NotFound => Some(0),
        Err(failure) => return Err(failure),
    };
    let idle_ms = i64::try_from(rpc.shared.options.join_idle_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
    // Nothing: he is there.
    if seen_at.is_none_or(|seen_at| rpc.shared.clock.now_ms().saturating_sub(seen_at) < idle_ms) {
        return Ok(());
    }
    match rpc.subscribe(key, user, Subscribing::Exit).await {
        Err(failure) if !matches!(failure.code, Code::NotFound | Code::Forbidden) => Err(failure),
        _ => Ok(()),
    }
}
