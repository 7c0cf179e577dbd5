//! The push service: what is subscribed is there, with ids from 17 on. A device without an id is refused. And events.

use natter_proto::push::v1::events_server::Events;
use natter_proto::push::v1::push_server::Push;
use natter_proto::push::v1::*;

use super::*;

#[async_trait]
impl Push for Fake {
    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Reply<Subscription> {
        let SubscribeRequest { app, user, channel, environment, platform, udid, bundle, token, web } = request.into_inner();
        if udid.is_empty() {
            return Err(Failure::of_field(Code::Invalid, "udid", "is required").into());
        }
        let mut devices = self.0.devices.lock();
        let id = devices.len() as u64 + 17;
        let named =
            Subscription { app, id, user, channel, environment, platform, udid, bundle, token, web, ..Default::default() };
        devices.push(named.clone());
        ok(named)
    }

    async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
        let ListRequest { app, user } = request.into_inner();
        let devices = self.0.devices.lock();
        let own = devices.iter().filter(|one| (one.app, one.user) == (app, user)).cloned().collect();
        ok(ListReply { subscriptions: own })
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Reply<Empty> {
        let UnsubscribeRequest { app, user, id } = request.into_inner();
        let mut devices = self.0.devices.lock();
        match devices.iter().position(|one| (one.app, one.user, one.id) == (app, user, id)) {
            Some(place) => drop(devices.remove(place)),
            None => return fails(Code::NotFound),
        }
        ok(Empty {})
    }

    async fn journal(&self, _: Request<JournalRequest>) -> Reply<JournalReply> {
        fails(Code::Internal)
    }
}

/// What is made is there, with ids from 312 on.
#[async_trait]
impl Events for Fake {
    async fn create(&self, request: Request<CreateEventRequest>) -> Reply<Event> {
        let event = request.into_inner().event.unwrap();
        if event.message.is_empty() {
            return Err(Failure::of_field(Code::Invalid, "message", "is required").into());
        }
        let mut events = self.0.events.lock();
        let (id, created_at) = (events.len() as u64 + 312, 1_700_000_000_000);
        let event = Event { id, created_at, at: event.at.max(created_at), ..event };
        events.push(event.clone());
        ok(event)
    }

    async fn list(&self, request: Request<ListEventsRequest>) -> Reply<ListEventsReply> {
        let ListEventsRequest { app, user, skip, limit } = request.into_inner();
        let events = self.0.events.lock();
        let own: Vec<Event> = events.iter().rev().filter(|one| (one.app, one.user) == (app, user)).cloned().collect();
        let total = own.len() as u64;
        ok(ListEventsReply { events: own.into_iter().skip(skip as usize).take(limit as usize).collect(), total })
    }

    async fn get(&self, request: Request<EventRequest>) -> Reply<Event> {
        let EventRequest { app, user, id } = request.into_inner();
        let found = self.0.events.lock().iter().find(|one| (one.app, one.user, one.id) == (app, user, id)).cloned();
        found.map_or_else(|| fails(Code::NotFound), ok)
    }

    async fn delete(&self, request: Request<EventRequest>) -> Reply<Empty> {
        let EventRequest { app, user, id } = request.into_inner();
        let mut events = self.0.events.lock();
        match events.iter().position(|one| (one.app, one.user, one.id) == (app, user, id)) {
            Some(place) => drop(events.remove(place)),
            None => return fails(Code::NotFound),
        }
        ok(Empty {})
    }
}
