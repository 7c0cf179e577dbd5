//! Puts what the durable log tells into the queues of the webhooks that want it, before its entries are done with.

use std::sync::Arc;

use natter_bus::Entry;
use natter_proto::event::v1::Posted;
use natter_proto::push::v1::{WebhookDelivery, WebhookRow, WebhookState};
use prost::Message as _;

use super::known::Lane;
use super::queue::{Shelf, Step};
use super::{Place, event, news};
use crate::error::Error;
use crate::service::Shared;

impl Shared {
    /// Queues what entries of an app tell. A crash after it tells them again, under the same ids.
    pub async fn take_in_hooks(&self, app: u64, entries: &[Entry]) -> Result<(), Error> {
        let hooks = self.hooks_of(app).await?;
        let fresh: Vec<&Entry> = {
            let mut taken = self.hooks.taken.lock();
            // What is not read any more is done with.
            let is_read = |number: u64| entries.iter().any(|entry| entry.number == number);
            taken.retain(|(of, number)| *of != app || is_read(*number));
            entries.iter().filter(|entry| !taken.contains(&(app, entry.number))).collect()
        };
        if hooks.is_empty() || fresh.is_empty() {
            return Ok(());
        }
        let posted = fresh.iter().filter_map(|entry| Posted::decode(entry.value.clone()).ok());
        let news = posted.flat_map(|posted| news::of(app, &posted)).collect();
        self.queue_up(app, &hooks, news).await?;
        self.hooks.taken.lock().extend(fresh.iter().map(|entry| (app, entry.number)));
        Ok(())
    }

    /// Tells of something that this process saw itself, if a webhook of the app wants it.
    pub async fn tell_hooks(&self, app: u64, what: WebhookDelivery) -> Result<(), Error> {
        let hooks = self.hooks_of(app).await?;
        self.queue_up(app, &hooks, vec![news::named(app, 0, what)]).await
    }

    async fn queue_up(&self, app: u64, hooks: &[WebhookRow], news: Vec<WebhookDelivery>) -> Result<(), Error> {
        for hook in hooks.iter().filter_map(|row| row.shown.as_ref()) {
            let wanted = news.iter().filter(|one| event::takes(&hook.events, one.event())).cloned().collect::<Vec<_>>();
            if !wanted.is_empty() {
                self.metrics.hooked("queued", wanted.len() as u64);
                self.put_deliveries((app, hook.id), wanted, &[]).await?;
            }
        }
        Ok(())
    }

    /// Lets these wait behind what waits. `parked`: numbers of parked ones that go in the same step.
    pub async fn put_deliveries(&self, place: Place, rows: Vec<WebhookDelivery>, parked: &[u64]) -> Result<(), Error> {
        self.find_lane(place).await?;
        let Some(turn) = self.hooks.known.of(place, |lane| Arc::clone(&lane.turn)) else { return Ok(()) };
        let _turn = turn.lock().await;
        let (now, count) = (self.clock.now_ms(), rows.len() as u64);
        let give = |lane: &mut Lane| {
            let first = lane.next_number.max(u64::try_from(now).unwrap_or_default() * 1_000);
            lane.next_number = first + count;
            (first, (lane.waiting + count).saturating_sub(self.hooks.options.waiting_max.max(1)), lane.state.clone())
        };
        let Some((first, over, state)) = self.hooks.known.of(place, give) else { return Ok(()) };
        let number =
            |(n, row): (u64, WebhookDelivery)| (Shelf::Waiting, WebhookDelivery { number: first + n, queued_at: now, ..row });
        let put = (0..).zip(rows).map(number).collect();
        let gone: Vec<(Shelf, u64)> = parked.iter().map(|number| (Shelf::Parked, *number)).collect();
        let taken = self.hooks.queue.take(place, Step { put, gone }).await;
        self.hooks.known.of(place, |lane| {
            lane.puts += 1;
            lane.waiting += count;
            lane.parked = lane.parked.saturating_sub(parked.len() as u64);
            lane.next_at = lane.next_at.min(now);
        });
        self.hooks.moved.notify_one();
        taken?;
        if over > 0 {
            let oldest =
                self.hooks.queue.read(place, Shelf::Waiting, 0, self.numbers_end(), usize::try_from(over).unwrap_or(usize::MAX));
            self.park(place, oldest.await?, &state).await?;
        }
        Ok(())
    }

    /// Parks what waits. Over the bound the oldest parked ones are forgotten, and counted.
    pub async fn park(&self, place: Place, rows: Vec<WebhookDelivery>, state: &WebhookState) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let (now, count) = (self.clock.now_ms(), rows.len() as u64);
        let mut step = Step { gone: rows.iter().map(|row| (Shelf::Waiting, row.number)).collect(), ..Step::default() };
        let parked =
            |row: WebhookDelivery| (Shelf::Parked, WebhookDelivery { parked_at: now, answer: state.answer.clone(), ..row });
        step.put = rows.into_iter().map(parked).collect();
        let over = self.hooks.known.of(place, |lane| (lane.parked + count).saturating_sub(self.hooks.options.parked_max));
        let over = usize::try_from(over.unwrap_or(0)).unwrap_or(usize::MAX);
        self.hooks.queue.take(place, step).await?;
        self.metrics.hooked("parked", count);
        tracing::warn!(app = place.0, webhook = place.1, count, "deliveries of a webhook were parked");
        let mut dropped = Vec::new();
        if over > 0 {
            dropped = self.hooks.queue.read(place, Shelf::Parked, 0, self.numbers_end(), over).await?;
            let gone = dropped.iter().map(|row| (Shelf::Parked, row.number)).collect();
            self.hooks.queue.take(place, Step { gone, ..Step::default() }).await?;
            self.metrics.hooked("dropped", dropped.len() as u64);
        }
        let noted = self.hooks.known.of(place, |lane| {
            lane.waiting = lane.waiting.saturating_sub(count);
            lane.parked = (lane.parked + count).saturating_sub(dropped.len() as u64);
            lane.state.dropped += dropped.len() as u64;
            lane.state.clone()
        });
        if let Some(state) = noted.filter(|_| !dropped.is_empty()) {
            self.hooks.registry.states.note(place.0, place.1, &state).await?;
        }
        Ok(())
    }
}
