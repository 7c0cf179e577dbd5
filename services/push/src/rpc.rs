//! The door for links: takes a request out of its envelope, makes the call, puts the answer in. No decisions here. A call may be
//! dropped half way: each writes one step.

use std::sync::Arc;

use natter_proto::erasure::v1::{EraseReply, EraseRequest};
use natter_proto::push::v1::alerting_server::Alerting;
use natter_proto::push::v1::credentials_server::Credentials;
use natter_proto::push::v1::eraser_server::Eraser;
use natter_proto::push::v1::events_server::Events;
use natter_proto::push::v1::push_server::Push;
use natter_proto::push::v1::webhooks_server::Webhooks;
use natter_proto::push::v1::*;
use natter_proto::trace::v1::traces_server::Traces;
use natter_proto::trace::v1::{OfReply, OfRequest, SwitchReply, SwitchRequest, SwitchedRequest};
use natter_proto::{DialogId, MessageId};
use natter_rpc::{Reply, Request, Response, async_trait};

use crate::alerts::About;
use crate::error::Error;
use crate::service::Shared;
use crate::template;

/// Notes of one page.
const NOTES_MAX: u32 = 500;

/// The service behind its generated traits.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

impl Rpc {
    pub(crate) fn new(shared: Arc<Shared>) -> Rpc {
        Rpc(shared)
    }
}

#[async_trait]
impl Push for Rpc {
    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Reply<Subscription> {
        Ok(Response::new(self.0.subscribe(request.into_inner()).await?))
    }

    async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
        let ListRequest { app, user } = request.into_inner();
        Ok(Response::new(ListReply { subscriptions: self.0.subscriptions_of(app, user).await? }))
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Reply<Empty> {
        self.0.unsubscribe(request.into_inner()).await?;
        Ok(Response::new(Empty {}))
    }

    async fn journal(&self, request: Request<JournalRequest>) -> Reply<JournalReply> {
        let JournalRequest { app, user, dialog, message, limit, before } = request.into_inner();
        let about = match (dialog.as_slice(), message.as_slice()) {
            ([], []) => About::User(user),
            (dialog, message) => About::Message(
                DialogId::try_from(dialog).map_err(|_| Error::Malformed("dialog"))?,
                MessageId::try_from(message).map_err(|_| Error::Malformed("message"))?,
            ),
        };
        let limit = limit.clamp(1, NOTES_MAX) as usize;
        let (notes, next) = self.0.alerts.notes(app, about, &before, limit).await.map_err(Error::from)?;
        Ok(Response::new(JournalReply { notes, next }))
    }
}

#[async_trait]
impl Traces for Rpc {
    async fn of(&self, request: Request<OfRequest>) -> Reply<OfReply> {
        Ok(Response::new(OfReply { hops: self.0.hops_of(request.into_inner()).await? }))
    }

    async fn switch(&self, request: Request<SwitchRequest>) -> Reply<SwitchReply> {
        Ok(Response::new(SwitchReply { until: self.0.switch(request.into_inner()).await? }))
    }

    async fn switched(&self, request: Request<SwitchedRequest>) -> Reply<SwitchReply> {
        Ok(Response::new(SwitchReply { until: self.0.switched(request.into_inner().app).await? }))
    }
}

#[async_trait]
impl Alerting for Rpc {
    async fn get_settings(&self, request: Request<GetSettingsRequest>) -> Reply<Settings> {
        Ok(Response::new(self.0.alert_settings(request.into_inner().app).await?))
    }

    async fn get_built_in(&self, _: Request<GetBuiltInRequest>) -> Reply<Template> {
        Ok(Response::new(template::built_in()))
    }

    async fn put_settings(&self, request: Request<PutSettingsRequest>) -> Reply<Settings> {
        Ok(Response::new(self.0.put_alert_settings(request.into_inner()).await?))
    }

    async fn preview(&self, request: Request<PreviewRequest>) -> Reply<PreviewReply> {
        Ok(Response::new(self.0.preview(request.into_inner()).await?))
    }

    async fn send_test(&self, request: Request<SendTestRequest>) -> Reply<SendTestReply> {
        Ok(Response::new(self.0.send_test(request.into_inner()).await?))
    }
}

#[async_trait]
impl Credentials for Rpc {
    async fn put(&self, request: Request<PutCredentialRequest>) -> Reply<Credential> {
        Ok(Response::new(self.0.put_credential(request.into_inner()).await?))
    }

    async fn list(&self, request: Request<ListCredentialsRequest>) -> Reply<ListCredentialsReply> {
        let credentials = self.0.credentials_of(request.into_inner().app).await?;
        Ok(Response::new(ListCredentialsReply { credentials }))
    }

    async fn delete(&self, request: Request<DeleteCredentialRequest>) -> Reply<Empty> {
        self.0.delete_credential(request.into_inner()).await?;
        Ok(Response::new(Empty {}))
    }

    async fn look(&self, request: Request<LookRequest>) -> Reply<LookReply> {
        Ok(Response::new(self.0.look(request.into_inner()).await?))
    }
}

#[async_trait]
impl Events for Rpc {
    async fn create(&self, request: Request<CreateEventRequest>) -> Reply<Event> {
        Ok(Response::new(self.0.create_event(request.into_inner().event.unwrap_or_default()).await?))
    }

    async fn list(&self, request: Request<ListEventsRequest>) -> Reply<ListEventsReply> {
        Ok(Response::new(self.0.events_of(request.into_inner()).await?))
    }

    async fn get(&self, request: Request<EventRequest>) -> Reply<Event> {
        Ok(Response::new(self.0.event(request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<EventRequest>) -> Reply<Empty> {
        self.0.delete_event(request.into_inner()).await?;
        Ok(Response::new(Empty {}))
    }
}

#[async_trait]
impl Webhooks for Rpc {
    async fn list(&self, request: Request<ListWebhooksRequest>) -> Reply<ListWebhooksReply> {
        let webhooks = self.0.webhooks_of(request.into_inner().app).await?;
        Ok(Response::new(ListWebhooksReply { webhooks }))
    }

    async fn create(&self, request: Request<CreateWebhookRequest>) -> Reply<NewWebhookSecret> {
        Ok(Response::new(self.0.create_webhook(request.into_inner()).await?))
    }

    async fn change(&self, request: Request<ChangeWebhookRequest>) -> Reply<Webhook> {
        Ok(Response::new(self.0.change_webhook(request.into_inner()).await?))
    }

    async fn rotate(&self, request: Request<RotateWebhookRequest>) -> Reply<NewWebhookSecret> {
        Ok(Response::new(self.0.rotate_webhook(request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<WebhookRequest>) -> Reply<Empty> {
        self.0.delete_webhook(place(&request.into_inner())).await?;
        Ok(Response::new(Empty {}))
    }

    async fn resume(&self, request: Request<WebhookRequest>) -> Reply<Webhook> {
        Ok(Response::new(self.0.resume_webhook(place(&request.into_inner())).await?))
    }

    async fn ping(&self, request: Request<WebhookRequest>) -> Reply<PingWebhookReply> {
        Ok(Response::new(self.0.ping_webhook(place(&request.into_inner())).await?))
    }

    async fn deliveries(&self, request: Request<DeliveriesRequest>) -> Reply<DeliveriesReply> {
        Ok(Response::new(self.0.deliveries(request.into_inner()).await?))
    }

    async fn resend(&self, request: Request<ParkedRequest>) -> Reply<ParkedReply> {
        Ok(Response::new(ParkedReply { count: self.0.resend(request.into_inner()).await? }))
    }

    async fn drop(&self, request: Request<ParkedRequest>) -> Reply<ParkedReply> {
        Ok(Response::new(ParkedReply { count: self.0.drop_parked(request.into_inner()).await? }))
    }
}

fn place(request: &WebhookRequest) -> (u64, u64) {
    (request.app, request.id)
}

#[async_trait]
impl Eraser for Rpc {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        Ok(Response::new(self.0.erase(request.into_inner()).await?))
    }
}
