//! Routes about the devices on which a user wants alerts. Their tokens are not shown: who has one can be sent to.

use actix_web::{HttpResponse, web};
use natter_proto::UserId;
use natter_proto::push::v1::{Channel, Environment, ListRequest, Platform, Subscription, UnsubscribeRequest};
use serde_json::{Value, json};

use crate::apps;
use crate::error::Refusal;
use crate::service::{Door, iso};

/// `GET /admin/v1/apps/{app}/users/{user}/subscriptions`.
pub async fn list(door: web::Data<Door>, path: web::Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user) = path.into_inner();
    let (app, user) = (apps::find(&door, &app).await?.id, parse(&user)?.0);
    let subscriptions = door.push().list(ListRequest { app, user }).await?.into_inner().subscriptions;
    let subscriptions: Vec<Value> = subscriptions.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "subscriptions": subscriptions })))
}

/// `DELETE /admin/v1/apps/{app}/users/{user}/subscriptions/{subscription}`.
pub async fn delete(door: web::Data<Door>, path: web::Path<(String, String, String)>) -> Result<HttpResponse, Refusal> {
    let (app, user, id) = path.into_inner();
    let (app, user) = (apps::find(&door, &app).await?.id, parse(&user)?.0);
    let id: u64 = id.parse().map_err(|_| Refusal::not_found("subscription"))?;
    door.push().unsubscribe(UnsubscribeRequest { app, user, id }).await?;
    Ok(HttpResponse::Ok().json(json!({ "ended": id })))
}

/// The user that a path names. What cannot be an id is nobody.
pub fn parse(user: &str) -> Result<UserId, Refusal> {
    user.parse().map_err(|_| Refusal::not_found("user"))
}

pub fn shown(subscription: &Subscription) -> Value {
    let Subscription { id, udid, bundle, created_at, updated_at, rejected_at, rejected_for, .. } = subscription;
    let rejected = (*rejected_at > 0).then(|| json!({ "at": iso(*rejected_at), "reason": rejected_for }));
    json!({
        "id": id,
        "channel": channel_name(subscription.channel()),
        "environment": match subscription.environment() {
            Environment::Unspecified => "",
            Environment::Development => "development",
            Environment::Production => "production",
        },
        "platform": match subscription.platform() {
            Platform::Unspecified => "",
            Platform::Ios => "ios",
            Platform::Android => "android",
            Platform::Web => "web",
        },
        "udid": udid,
        "bundle": Some(bundle).filter(|bundle| !bundle.is_empty()),
        "created_at": iso(*created_at),
        "updated_at": iso(*updated_at),
        "rejected": rejected,
    })
}

/// As apps name it (contract rest 7.1).
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Unspecified => "",
        Channel::Apns => "apns",
        Channel::ApnsVoip => "apns_voip",
        Channel::Gcm => "gcm",
        Channel::Web => "web",
    }
}
