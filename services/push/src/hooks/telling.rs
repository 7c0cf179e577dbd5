//! Looks again and again which webhooks there are: finds what waits for those of this process, and tells all who write to the durable log
//! what of which app is wanted.

use std::time::Duration;

use natter_bus::Payload;
use natter_proto::push::v1::{Wanted, WantedByApp};
use natter_proto::subject::Subject;

use super::registry::Kept;
use super::{Place, event};
use crate::error::Error;
use crate::service::Shared;

/// Between two looks. So long what a webhook wants may not be written yet.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Apps that are read at once.
const PAGE: usize = 1_000;

impl Shared {
    /// For ever.
    pub async fn care_for_hooks(&self) {
        loop {
            if let Err(error) = self.look_at_hooks().await {
                tracing::warn!(%error, "which webhooks there are could not be read");
            }
            // Only waiting is cut off here.
            tokio::select! {
                biased;
                () = self.hooks.changed.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look_at_hooks(&self) -> Result<(), Error> {
        let (mut after, mut apps) = (0, Vec::new());
        loop {
            let page = self.hooks.registry.rows.page(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.app;
            apps.extend(page.iter().map(wanted));
            let mut places: Vec<Place> = Vec::new();
            for kept in page.iter().filter(|kept| self.owns(kept.app)) {
                places.extend(kept.rows.iter().filter_map(|row| Some((kept.app, row.shown.as_ref()?.id))));
            }
            for place in places {
                self.find_lane(place).await?;
            }
        }
        self.bus.publish(&Subject::Wanted.to_string(), Payload::of(Wanted { apps }));
        self.hooks.known.leave(|app| self.owns(app));
        // For whoever sends what was found.
        self.hooks.moved.notify_one();
        Ok(())
    }
}

fn wanted(kept: &Kept) -> WantedByApp {
    let shown = kept.rows.iter().filter_map(|row| row.shown.as_ref());
    WantedByApp { app: kept.app, events: shown.fold(0, |bits, hook| bits | event::bits(&hook.events)) }
}
