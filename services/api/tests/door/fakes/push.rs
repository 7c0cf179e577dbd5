//! The push service: what is subscribed is there, with ids from 17 on. A device without an id is refused.

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
