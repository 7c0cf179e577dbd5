//! Calls about events: make one, list, show and end one's own.

use natter_proto::push::v1::{Event, EventRequest, ListEventsReply, ListEventsRequest};

use crate::error::Error;
use crate::event::check;
use crate::service::Shared;

/// Events of one page.
const EVENTS_MAX: u32 = 100;

impl Shared {
    /// Keeps an event for whoever reads the log.
    pub async fn create_event(&self, event: Event) -> Result<Event, Error> {
        let now = self.clock.now_ms();
        let event = check(event, now)?;
        let id = self.ids.next(&*self.subscriptions).await?;
        let event = Event { id, at: event.at.max(now), created_at: now, ..event };
        self.events.put(&event, self.options.events_per_user_max, now).await?;
        Ok(event)
    }

    /// A page of those that a user made, newest first.
    pub async fn events_of(&self, request: ListEventsRequest) -> Result<ListEventsReply, Error> {
        let ListEventsRequest { app, user, skip, limit } = request;
        let limit = limit.clamp(1, EVENTS_MAX);
        let (events, total) = self.events.of_maker(app, user, skip as usize, limit as usize).await?;
        Ok(ListEventsReply { events, total })
    }

    /// One that the user made.
    pub async fn event(&self, request: EventRequest) -> Result<Event, Error> {
        let EventRequest { app, user, id } = request;
        self.events.get(app, id).await?.filter(|event| event.user == user).ok_or(Error::NoEvent)
    }

    /// Ends one that the user made.
    pub async fn delete_event(&self, request: EventRequest) -> Result<(), Error> {
        let event = self.event(request).await?;
        Ok(self.events.remove(&event).await?)
    }
}
