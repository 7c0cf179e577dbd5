//! Calls about webhooks: list, make, change, rotate, forget, wake, try; what waits and what was parked; the end of an app's; and their
//! secrets under a new key.

use std::time::Duration;

use natter_proto::push::v1::*;

use super::pace::Outcome;
use super::queue::{Shelf, Step};
use super::{Place, hook, news, sign};
use crate::by_app;
use crate::error::Error;
use crate::seal::Sealed;
use crate::service::Shared;

/// How often a change that met another writer of the same app is tried.
const TRIES: usize = 16;
/// Deliveries of one page, and of one step of many.
const PAGE: u32 = 100;
const STEP: usize = 500;
/// What is sent or dropped again with one call.
const AT_ONCE_MAX: usize = 10_000;
/// Rows that go with one page of an erasure.
const ERASED: usize = 1_000;
/// Apps that are looked at together.
const APPS: usize = 100;
/// For who waits at the console, whatever the deadline of deliveries is.
const PING_WITHIN: Duration = Duration::from_millis(4_500);

impl Shared {
    /// Those of an app, the oldest first.
    pub async fn webhooks_of(&self, app: u64) -> Result<Vec<Webhook>, Error> {
        let kept = self.hooks.registry.rows.of_app(app).await?;
        let mut shown = Vec::with_capacity(kept.rows.len());
        for row in &kept.rows {
            shown.push(self.shown_hook(app, row).await?);
        }
        Ok(shown)
    }

    /// Another one, and its secret.
    pub async fn create_webhook(&self, request: CreateWebhookRequest) -> Result<NewWebhookSecret, Error> {
        let CreateWebhookRequest { app, url, events, name } = request;
        let now = self.clock.now_ms();
        let draft = Webhook { app, url, events, name, created_at: now, changed_at: now, ..Webhook::default() };
        hook::check(&draft, self.hooks.options.allow_http)?;
        self.neighbours.has_app(app).await?;
        let id = self.ids.next(&*self.subscriptions).await?;
        let (secret, sealed) = self.new_secret((app, id))?;
        let row = WebhookRow { shown: Some(Webhook { id, ..draft }), secrets: vec![sealed] };
        let most = self.hooks.options.per_app_max;
        self.change_hooks(app, |rows| {
            rows.push(row.clone());
            if rows.len() > most { Err(Error::WebhooksTooMany(most)) } else { Ok(()) }
        })
        .await?;
        Ok(NewWebhookSecret { webhook: Some(self.shown_hook(app, &row).await?), secret })
    }

    /// Where one is, what it hears, whether it rests.
    pub async fn change_webhook(&self, request: ChangeWebhookRequest) -> Result<Webhook, Error> {
        let (now, allow_http) = (self.clock.now_ms(), self.hooks.options.allow_http);
        let row = self
            .change_hook((request.app, request.id), |row| {
                let before = row.shown.take().unwrap_or_default();
                let after = Webhook {
                    url: request.url.clone().unwrap_or(before.url),
                    events: request.events.as_ref().map_or(before.events, |wanted| wanted.events.clone()),
                    rests: request.rests.unwrap_or(before.rests),
                    name: request.name.clone().unwrap_or(before.name),
                    changed_at: now,
                    ..before
                };
                hook::check(&after, allow_http)?;
                row.shown = Some(after);
                Ok(())
            })
            .await?;
        self.hooks.known.of((request.app, request.id), |lane| (lane.next_at, lane.looked_at) = (now, 0));
        self.hooks.moved.notify_one();
        self.shown_hook(request.app, &row).await
    }

    /// Another secret.
    pub async fn rotate_webhook(&self, request: RotateWebhookRequest) -> Result<NewWebhookSecret, Error> {
        let RotateWebhookRequest { app, id, overlap_ms } = request;
        if !(0..=hook::OVERLAP_MS_MAX).contains(&overlap_ms) {
            return Err(Error::wrong("overlap_hours", "is between 0 and 168"));
        }
        let (now, (secret, sealed)) = (self.clock.now_ms(), self.new_secret((app, id))?);
        let rotated = |row: &mut WebhookRow| {
            row.secrets = hook::rotated(row, sealed.clone(), now + overlap_ms, now);
            Ok(())
        };
        let row = self.change_hook((app, id), rotated).await?;
        Ok(NewWebhookSecret { webhook: Some(self.shown_hook(app, &row).await?), secret })
    }

    /// Forgets one, and all that waits for it.
    pub async fn delete_webhook(&self, place: Place) -> Result<(), Error> {
        let (app, id) = place;
        self.change_hooks(app, |rows| {
            let count = rows.len();
            rows.retain(|row| id_of(row) != id);
            if rows.len() == count { Err(Error::NoWebhook) } else { Ok(()) }
        })
        .await?;
        self.clear_hook(place).await
    }

    /// What failed is forgotten; it rests no more.
    pub async fn resume_webhook(&self, place: Place) -> Result<Webhook, Error> {
        let awake = |row: &mut WebhookRow| {
            row.shown.get_or_insert_default().rests = false;
            Ok(())
        };
        let row = self.change_hook(place, awake).await?;
        self.find_lane(place).await?;
        let now = self.clock.now_ms();
        let state = self.hooks.known.of(place, |lane| {
            let WebhookState { delivered_at, dropped, .. } = lane.state;
            lane.state = WebhookState { delivered_at, dropped, ..WebhookState::default() };
            lane.retries.clear();
            lane.next_at = now;
            lane.state.clone()
        });
        self.hooks.registry.states.note(place.0, place.1, &state.unwrap_or_default()).await?;
        self.hooks.moved.notify_one();
        self.shown_hook(place.0, &row).await
    }

    /// Sends one that says nothing, beside what waits.
    pub async fn ping_webhook(&self, place: Place) -> Result<PingWebhookReply, Error> {
        let row = self.hook(place).await?;
        let (at, user) = (self.clock.now_ms(), 0);
        let ping = WebhookDelivery { event: WebhookEvent::Ping.into(), at, user, ..WebhookDelivery::default() };
        let ping = news::named(place.0, self.chance.u64(), ping);
        let outcome = tokio::time::timeout(PING_WITHIN, self.send_delivery((place, &row), &ping)).await;
        let took_ms = self.clock.now_ms() - at;
        let (delivered, answer) = match outcome {
            Ok(Outcome::Delivered) => (true, String::new()),
            Ok(Outcome::Gone) => (false, "status 410".to_owned()),
            Ok(Outcome::Failed(answer) | Outcome::Later(answer)) => (false, answer),
            Err(_) => (false, "no answer in time".to_owned()),
        };
        Ok(PingWebhookReply { delivered, answer, took_ms })
    }

    /// A page of what waits, or was parked.
    pub async fn deliveries(&self, request: DeliveriesRequest) -> Result<DeliveriesReply, Error> {
        let DeliveriesRequest { app, id, parked, above, limit } = request;
        self.hook((app, id)).await?;
        let (shelf, limit) = (if parked { Shelf::Parked } else { Shelf::Waiting }, limit.clamp(1, PAGE) as usize);
        let deliveries = self.hooks.queue.read((app, id), shelf, above, self.numbers_end(), limit).await?;
        let next = deliveries.last().map_or(0, |last| if deliveries.len() < limit { 0 } else { last.number });
        Ok(DeliveriesReply { deliveries, next })
    }

    /// Lets what was parked wait again. How many.
    pub async fn resend(&self, request: ParkedRequest) -> Result<u64, Error> {
        self.of_parked(request, true).await
    }

    /// Forgets what was parked. How many.
    pub async fn drop_parked(&self, request: ParkedRequest) -> Result<u64, Error> {
        self.of_parked(request, false).await
    }

    async fn of_parked(&self, request: ParkedRequest, again: bool) -> Result<u64, Error> {
        let ParkedRequest { app, id, numbers, all } = request;
        let place = (app, id);
        self.hook(place).await?;
        self.find_lane(place).await?;
        if !all && numbers.is_empty() {
            return Err(Error::wrong("numbers", "is required, or all"));
        }
        let (mut above, mut count) = (0, 0);
        while count < AT_ONCE_MAX {
            let page = self.hooks.queue.read(place, Shelf::Parked, above, self.numbers_end(), STEP).await?;
            let Some(last) = page.last() else { break };
            above = last.number;
            let meant: Vec<WebhookDelivery> = page.into_iter().filter(|row| all || numbers.contains(&row.number)).collect();
            let gone: Vec<u64> = meant.iter().map(|row| row.number).collect();
            count += gone.len();
            if gone.is_empty() {
                continue;
            }
            match again {
                true => {
                    let wait = |row: WebhookDelivery| WebhookDelivery { parked_at: 0, ..row };
                    self.put_deliveries(place, meant.into_iter().map(wait).collect(), &gone).await?;
                }
                false => {
                    let step = Step { gone: gone.iter().map(|number| (Shelf::Parked, *number)).collect(), ..Step::default() };
                    self.hooks.queue.take(place, step).await?;
                    self.hooks.known.of(place, |lane| lane.parked = lane.parked.saturating_sub(gone.len() as u64));
                }
            }
        }
        Ok(count as u64)
    }

    /// Forgets a page of what is kept of the webhooks of an app: how many rows went; fewer than that page: nothing is left.
    pub async fn erase_hooks(&self, app: u64) -> Result<(usize, bool), Error> {
        let kept = self.hooks.registry.rows.of_app(app).await?;
        if kept.rows.is_empty() {
            return Ok((0, false));
        }
        let mut went = 0;
        for row in &kept.rows {
            went += self.hooks.queue.clear((app, id_of(row)), self.numbers_end(), ERASED).await?;
            if went >= ERASED {
                return Ok((went, true));
            }
        }
        for row in &kept.rows {
            self.hooks.registry.states.forget(app, id_of(row)).await?;
            self.hooks.known.forget((app, id_of(row)));
        }
        self.change_hooks(app, |rows| {
            rows.clear();
            Ok(())
        })
        .await?;
        Ok((went + kept.rows.len(), false))
    }

    /// Forgets all that is kept of one that is no more.
    pub async fn clear_hook(&self, place: Place) -> Result<(), Error> {
        self.hooks.known.forget(place);
        while self.hooks.queue.clear(place, self.numbers_end(), ERASED).await? >= ERASED {}
        Ok(self.hooks.registry.states.forget(place.0, place.1).await?)
    }

    /// Seals with the key in use what an older one sealed.
    pub async fn reseal_hooks(&self) -> Result<(), Error> {
        let current = self.wallet.keys.current().map_err(|why| Error::Unusable(why.into()))?.to_owned();
        let (mut after, is_older) = (0, |secret: &WebhookSecret| secret.key != current);
        loop {
            let page = self.hooks.registry.rows.page(after, APPS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.app;
            for kept in page.iter().filter(|kept| kept.rows.iter().flat_map(|row| &row.secrets).any(is_older)) {
                self.change_hooks(kept.app, |rows| {
                    rows.iter_mut().for_each(|row| {
                        let place = hook::bound_to(kept.app, id_of(row));
                        row.secrets.iter_mut().filter(|secret| is_older(secret)).for_each(|secret| {
                            // One that nobody can open stays as it is: its key may come back.
                            if let Some(resealed) = self.resealed_hook(&place, secret) {
                                *secret = resealed;
                            }
                        });
                    });
                    Ok(())
                })
                .await?;
            }
        }
    }

    fn resealed_hook(&self, place: &[u8], secret: &WebhookSecret) -> Option<WebhookSecret> {
        let nonce = secret.nonce.as_slice().try_into().ok()?;
        let sealed = Sealed { key: secret.key.clone(), nonce, bytes: secret.sealed.clone() };
        let sealed = self.wallet.keys.seal(place, &self.wallet.keys.open(place, &sealed).ok()?).ok()?;
        Some(secret_of(sealed, secret.ends_at))
    }

    fn new_secret(&self, (app, id): Place) -> Result<(String, WebhookSecret), Error> {
        let bytes: [u8; sign::SECRET_BYTES] = self.chance.bytes();
        let sealed = self.wallet.keys.seal(&hook::bound_to(app, id), &bytes).map_err(|why| Error::Unusable(why.into()))?;
        Ok((sign::written(&bytes), secret_of(sealed, 0)))
    }

    async fn hook(&self, (app, id): Place) -> Result<WebhookRow, Error> {
        let kept = self.hooks.registry.rows.of_app(app).await?;
        kept.rows.into_iter().find(|row| id_of(row) == id).ok_or(Error::NoWebhook)
    }

    /// What may be shown of one, and how it goes.
    async fn shown_hook(&self, app: u64, row: &WebhookRow) -> Result<Webhook, Error> {
        let (place, now) = ((app, id_of(row)), self.clock.now_ms());
        self.find_lane(place).await?;
        let goes = self.hooks.known.of(place, |lane| (lane.state.clone(), lane.waiting, lane.parked));
        let (state, waiting, parked) = goes.unwrap_or_default();
        let problem = self.hook_secrets(place, row).err().map(|why| why.to_string()).unwrap_or_default();
        let secrets = hook::good(row, now).count() as u32;
        Ok(Webhook { state: Some(state), waiting, parked, problem, secrets, ..row.shown.clone().unwrap_or_default() })
    }

    async fn change_hook(
        &self,
        (app, id): Place,
        change: impl Fn(&mut WebhookRow) -> Result<(), Error>,
    ) -> Result<WebhookRow, Error> {
        let changed =
            self.change_hooks(app, |rows| change(rows.iter_mut().find(|row| id_of(row) == id).ok_or(Error::NoWebhook)?)).await?;
        changed.into_iter().find(|row| id_of(row) == id).ok_or(Error::NoWebhook)
    }

    async fn change_hooks(
        &self,
        app: u64,
        change: impl Fn(&mut Vec<WebhookRow>) -> Result<(), Error>,
    ) -> Result<Vec<WebhookRow>, Error> {
        for _ in 0..TRIES {
            let before = self.hooks.registry.rows.of_app(app).await?;
            let mut after = before.rows.clone();
            change(&mut after)?;
            let changed = self.hooks.registry.rows.change(&before, after.clone()).await;
            // Also of one that failed nobody knows what is kept.
            self.hooks.known.changed(app);
            match changed {
                Ok(()) => {
                    self.hooks.changed.notify_one();
                    return Ok(after);
                }
                Err(by_app::Error::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::WebhooksChanged)
    }
}

fn id_of(row: &WebhookRow) -> u64 {
    row.shown.as_ref().map_or(0, |shown| shown.id)
}

fn secret_of(sealed: Sealed, ends_at: i64) -> WebhookSecret {
    WebhookSecret { key: sealed.key, nonce: sealed.nonce.to_vec(), sealed: sealed.bytes, ends_at }
}
