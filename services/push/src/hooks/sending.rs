//! Sends what waits, in rounds. A round of a webhook takes the oldest of what waits, a few of each dialog and some dialogs at once, and
//! sends of each dialog one after the other. What failed is the next of its dialog until it is delivered or parked; others go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered, StreamExt};
use natter_outbound::Request;
use natter_proto::push::v1::{WebhookDelivery, WebhookRow, WebhookState};
use natter_proto::{DialogId, MessageId};
use parking_lot::Mutex;

use super::known::Retry;
use super::pace::{self, Outcome};
use super::queue::{Shelf, Step};
use super::{Place, body, hook, sign};
use crate::error::Error;
use crate::seal::Sealed;
use crate::service::Shared;

/// Deliveries read at once, and looked at in one round.
const PAGE: usize = 256;
const LOOKED_AT_MAX: usize = 16 * PAGE;
/// Of one dialog in one round: what is slow there holds up the others for so long.
const OF_DIALOG: usize = 16;
/// After a failure that is not the receiver's.
const RETRY_MS: i64 = 1_000;
/// Between two looks at what waits too long, where nothing is sent.
const LOOK_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What a round sends.
#[derive(Default)]
struct Round {
    /// By dialog, the oldest first.
    dialogs: BTreeMap<Vec<u8>, Vec<WebhookDelivery>>,
    /// Numbers of what was read and waits.
    waiting: BTreeSet<u64>,
    /// Of the last that was read.
    last: u64,
    /// What waits too long.
    old: Vec<WebhookDelivery>,
    /// Whether there is more that could be sent.
    has_more: bool,
}

impl Shared {
    /// Sends, for ever. Dropped anywhere, what was under way is sent again.
    pub async fn send_hooks(&self) {
        let mut rounds: FuturesUnordered<BoxFuture<'_, (Place, i64)>> = FuturesUnordered::new();
        loop {
            let now = self.clock.now_ms();
            for place in self.hooks.known.start(now, |app| self.owns(app)) {
                rounds.push(self.round(place).map(move |next_at| (place, next_at)).boxed());
            }
            let wait = self.hooks.known.next_at().map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)));
            // Only waiting is cut off here: what runs stays in `rounds`.
            tokio::select! {
                biased;
                Some((place, next_at)) = rounds.next(), if !rounds.is_empty() => self.hooks.known.landed(place, next_at),
                () = self.hooks.moved.notified() => {}
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    /// When the next one may have something to do.
    async fn round(&self, place: Place) -> i64 {
        match self.round_of(place).await {
            Ok(next_at) => next_at,
            Err(error) => {
                tracing::warn!(app = place.0, webhook = place.1, %error, "what waits for a webhook cannot be sent");
                self.clock.now_ms() + RETRY_MS
            }
        }
    }

    async fn round_of(&self, place: Place) -> Result<i64, Error> {
        let (now, hooks) = (self.clock.now_ms(), self.hooks_of(place.0).await?);
        let is_meant = |row: &&WebhookRow| row.shown.as_ref().is_some_and(|shown| shown.id == place.1);
        let Some(row) = hooks.iter().find(is_meant) else {
            self.clear_hook(place).await?;
            return Ok(i64::MAX);
        };
        let Some((state, looked_at)) = self.hooks.known.of(place, |lane| (lane.state.clone(), lane.looked_at)) else {
            return Ok(i64::MAX);
        };
        let rests = row.shown.as_ref().is_some_and(|shown| shown.rests);
        let is_due = !(rests || state.paused && state.next_at > now);
        if !is_due && now < looked_at + LOOK_MS {
            let look_at = looked_at + LOOK_MS;
            return Ok(if rests { look_at } else { look_at.min(state.next_at) });
        }
        let puts = self.hooks.known.of(place, |lane| {
            lane.looked_at = now;
            lane.puts
        });
        let mut round = self.gather(place, &state, is_due, now).await?;
        let old = std::mem::take(&mut round.old);
        old.iter().for_each(|row| _ = round.waiting.remove(&row.number));
        self.park(place, old, &state).await?;
        let (dialogs, waiting) = (std::mem::take(&mut round.dialogs), Mutex::new(std::mem::take(&mut round.waiting)));
        let (stop, width) = (AtomicBool::new(false), self.hooks.options.dialogs_at_once_max.max(1));
        let mut sent: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::with_capacity(dialogs.len());
        for (dialog, rows) in dialogs {
            sent.push(self.send_dialog((place, row), dialog, rows, &waiting, &stop).boxed());
        }
        let outcomes: Vec<Result<(), Error>> = stream::iter(sent).buffer_unordered(width).collect().await;
        let waiting = waiting.into_inner();
        let next_at = self.hooks.known.of(place, |lane| {
            lane.above = waiting.first().map_or(round.last.max(lane.above), |first| first - 1);
            if waiting.is_empty() && !round.has_more && Some(lane.puts) == puts {
                // What went twice was counted twice.
                (lane.waiting, lane.retries) = (0, BTreeMap::new());
            }
            // Of a dialog of which nothing waits any more.
            lane.retries.retain(|_, retry| retry.at >= now);
            let retry_at = lane.retries.values().map(|retry| retry.at).min().unwrap_or(i64::MAX);
            match (waiting.is_empty() && !round.has_more, rests, lane.state.paused) {
                // Whoever puts something says so.
                (true, ..) => i64::MAX,
                (_, true, _) => now + LOOK_MS,
                (.., true) => lane.state.next_at.max(now + RETRY_MS),
                _ if round.has_more && is_due => now,
                _ => retry_at.min(now + LOOK_MS),
            }
        });
        outcomes.into_iter().collect::<Result<(), Error>>()?;
        Ok(next_at.unwrap_or(i64::MAX))
    }

    /// Reads what is to be sent: while it pauses, the oldest alone.
    async fn gather(&self, place: Place, state: &WebhookState, is_due: bool, now: i64) -> Result<Round, Error> {
        let too_old = now - i64::from(self.hooks.options.waiting_hours) * HOUR_MS;
        let width = if state.paused { 1 } else { self.hooks.options.dialogs_at_once_max.max(1) };
        let depth = if state.paused { 1 } else { OF_DIALOG };
        let look = |lane: &mut super::known::Lane| (lane.above, lane.retries.clone());
        let Some((mut above, retries)) = self.hooks.known.of(place, look) else { return Ok(Round::default()) };
        let mut round = Round { last: above, ..Round::default() };
        loop {
            let page = self.hooks.queue.read(place, Shelf::Waiting, above, self.numbers_end(), PAGE).await?;
            let is_last = page.len() < PAGE;
            for delivery in page {
                (above, round.last) = (delivery.number, delivery.number);
                round.waiting.insert(delivery.number);
                if delivery.queued_at <= too_old {
                    round.old.push(delivery);
                    continue;
                }
                let dialog = lane_of(&delivery);
                // One that pauses is tried with its oldest, whatever failed last.
                let waits = !state.paused && retries.get(&dialog).is_some_and(|retry| retry.at > now);
                if waits || !is_due {
                    continue;
                }
                let is_known = round.dialogs.contains_key(&dialog);
                if !is_known && round.dialogs.len() >= width {
                    round.has_more = true;
                    continue;
                }
                let of_dialog = round.dialogs.entry(dialog).or_default();
                match of_dialog.len() < depth {
                    true => of_dialog.push(delivery),
                    false => round.has_more = true,
                }
            }
            let is_enough = round.has_more && round.dialogs.len() >= width;
            if is_last {
                return Ok(round);
            }
            if is_enough || round.waiting.len() >= LOOKED_AT_MAX {
                // Also if there is nothing to send before what failed is tried again.
                round.has_more = !round.dialogs.is_empty() || !round.old.is_empty();
                return Ok(round);
            }
        }
    }

    /// One after the other, until one fails.
    async fn send_dialog(
        &self,
        (place, row): (Place, &WebhookRow),
        dialog: Vec<u8>,
        deliveries: Vec<WebhookDelivery>,
        waiting: &Mutex<BTreeSet<u64>>,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        for delivery in deliveries {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let outcome = self.send_delivery((place, row), &delivery).await;
            let (now, chance) = (self.clock.now_ms(), self.chance.u64());
            let noted = self.hooks.known.of(place, |lane| {
                let is_worth = pace::note(&mut lane.state, &outcome, &self.hooks.options, now, chance);
                let tried = lane.retries.get(&dialog).map_or(0, |retry| retry.tried);
                match &outcome {
                    Outcome::Delivered => drop(lane.retries.remove(&dialog)),
                    Outcome::Later(_) => _ = lane.retries.insert(dialog.clone(), Retry { at: now + RETRY_MS, tried }),
                    Outcome::Failed(_) | Outcome::Gone => {
                        let at = now + pace::retry_ms(tried + 1, &self.hooks.options, chance);
                        lane.retries.insert(dialog.clone(), Retry { at, tried: tried + 1 });
                    }
                }
                (lane.state.clone(), is_worth)
            });
            let Some((state, is_worth)) = noted else { return Ok(()) };
            if is_worth {
                self.hooks.registry.states.note(place.0, place.1, &state).await?;
            }
            if outcome != Outcome::Delivered {
                if state.paused {
                    stop.store(true, Ordering::Relaxed);
                }
                return Ok(());
            }
            let gone = vec![(Shelf::Waiting, delivery.number)];
            self.hooks.queue.take(place, Step { gone, ..Step::default() }).await?;
            waiting.lock().remove(&delivery.number);
            self.hooks.known.of(place, |lane| lane.waiting = lane.waiting.saturating_sub(1));
        }
        Ok(())
    }

    /// One request.
    pub async fn send_delivery(&self, (place, row): (Place, &WebhookRow), delivery: &WebhookDelivery) -> Outcome {
        let outcome = match self.request_of(place, row, delivery).await {
            Err(error) => Outcome::Later(error.to_string()),
            Ok(request) => match self.hooks.receivers.ask(place.0, &request).await {
                Ok(answer) => pace::outcome_of(answer.status),
                Err(natter_outbound::Error::Busy) => Outcome::Later(natter_outbound::Error::Busy.to_string()),
                Err(error) => Outcome::Failed(error.to_string()),
            },
        };
        self.metrics.hooked(
            match &outcome {
                Outcome::Delivered => "delivered",
                Outcome::Failed(_) | Outcome::Gone => "failed",
                Outcome::Later(_) => "later",
            },
            1,
        );
        outcome
    }

    async fn request_of(&self, place: Place, row: &WebhookRow, delivery: &WebhookDelivery) -> Result<Request, Error> {
        let url = row.shown.as_ref().map(|shown| shown.url.clone()).unwrap_or_default();
        let secrets = self.hook_secrets(place, row)?;
        let message = match (DialogId::try_from(delivery.dialog.as_slice()), MessageId::try_from(delivery.message.as_slice())) {
            (Ok(dialog), Ok(message)) => self.neighbours.message(place.0, dialog, message, delivery.seq).await?,
            _ => None,
        };
        let body = body::of(place.0, delivery, message.as_ref());
        let headers = sign::headers(&secrets, &delivery.id, self.clock.now_s(), &body);
        let request = Request::post_json(url, body);
        Ok(headers.into_iter().fold(request, |request, (name, value)| request.with(name, value)))
    }

    /// The secrets that sign, as bytes.
    pub fn hook_secrets(&self, (app, id): Place, row: &WebhookRow) -> Result<Vec<Vec<u8>>, Error> {
        let bound_to = hook::bound_to(app, id);
        let open = |secret: &natter_proto::push::v1::WebhookSecret| {
            let nonce = secret.nonce.as_slice().try_into().map_err(|_| crate::seal::SealError::Damaged)?;
            let sealed = Sealed { key: secret.key.clone(), nonce, bytes: secret.sealed.clone() };
            self.wallet.keys.open(&bound_to, &sealed)
        };
        let opened = hook::good(row, self.clock.now_ms()).map(open).collect::<Result<Vec<_>, _>>();
        opened.map_err(|why| Error::Unusable(why.into()))
    }
}

/// Within what the order is kept: a dialog; of what is in none, a user.
fn lane_of(delivery: &WebhookDelivery) -> Vec<u8> {
    if delivery.dialog.is_empty() { delivery.user.to_be_bytes().to_vec() } else { delivery.dialog.clone() }
}
