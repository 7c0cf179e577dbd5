//! Devices on which users want alerts (contract rest 7.1): create, list, delete.

use natter_proto::push::v1::{
    Channel, Environment, ListRequest, Platform, SubscribeRequest, Subscription, UnsubscribeRequest, WebTarget,
};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::decode::{Params, Wrong, list as entries};
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;

/// Channels that one request may name; each makes a subscription.
const CHANNELS_MAX: usize = 4;

/// `POST /subscriptions`: a subscription per channel that is named, each put in place of the one of the same device.
pub(crate) async fn create(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let params = &asked.params;
    let (token, device) = (inner(params, "push_token"), inner(params, "device"));
    let web = token.word("web_endpoint").map(|endpoint| WebTarget {
        endpoint,
        p256dh: token.word("web_p256dh").unwrap_or_default(),
        auth: token.word("web_auth").unwrap_or_default(),
    });
    let request = SubscribeRequest {
        app: caller.0.app,
        user: caller.0.user,
        channel: Channel::Unspecified.into(),
        environment: environment(&token).into(),
        platform: platform(&device).into(),
        udid: device.word("udid").unwrap_or_default(),
        bundle: token.word("bundle_identifier").unwrap_or_default(),
        token: token.word("client_identification_sequence").unwrap_or_default(),
        web,
    };
    let mut made = Vec::new();
    for channel in channels(params)? {
        let request = SubscribeRequest { channel: channel.into(), ..request.clone() };
        made.push(door.push().subscribe(request).await?.into_inner());
    }
    Ok(Answer::created(shown(&made)))
}

/// `GET /subscriptions`: the caller's own.
pub(crate) async fn list(door: &Door, caller: &Caller) -> Result<Answer, Refusal> {
    let request = ListRequest { app: caller.0.app, user: caller.0.user };
    Ok(Answer::json(shown(&door.push().list(request).await?.into_inner().subscriptions)))
}

/// `DELETE /subscriptions/{id}`: one of the caller's own.
pub(crate) async fn delete(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    // A malformed id is that of an unknown one.
    let is_number = asked.ids.bytes().all(|byte| byte.is_ascii_digit());
    let id = if is_number { asked.ids.parse().ok() } else { None }.ok_or_else(Refusal::not_found)?;
    door.push().unsubscribe(UnsubscribeRequest { app: caller.0.app, user: caller.0.user, id }).await?;
    Ok(Answer::empty())
}

/// The object under a key; of none: nothing.
pub(crate) fn inner(params: &Params, key: &str) -> Params {
    params.get(key).map(Params::from).unwrap_or_default()
}

/// `notification_channel`, or its plural, one or several.
fn channels(params: &Params) -> Result<Vec<Channel>, Wrong> {
    const FIELD: &str = "notification_channel";
    let named = params.get(FIELD).or_else(|| params.get("notification_channels")).map(entries).unwrap_or_default();
    if named.is_empty() {
        return Err(Wrong::new(FIELD, "is required"));
    }
    if named.len() > CHANNELS_MAX {
        return Err(Wrong::new(FIELD, "names too many channels"));
    }
    let unknown = || Wrong::new(FIELD, "is not one of apns, apns_voip, gcm, web");
    named.iter().map(|name| CHANNELS.iter().find(|(_, word)| word == name).map(|(one, _)| *one).ok_or_else(unknown)).collect()
}

pub(crate) const CHANNELS: [(Channel, &str); 4] =
    [(Channel::Apns, "apns"), (Channel::ApnsVoip, "apns_voip"), (Channel::Gcm, "gcm"), (Channel::Web, "web")];
const PLATFORMS: [(Platform, &str); 3] = [(Platform::Ios, "ios"), (Platform::Android, "android"), (Platform::Web, "web")];

fn platform(device: &Params) -> Platform {
    let word = device.word("platform").unwrap_or_default().to_ascii_lowercase();
    PLATFORMS.iter().find(|(_, name)| *name == word).map_or(Platform::Unspecified, |(one, _)| *one)
}

fn environment(token: &Params) -> Environment {
    match token.word("environment").unwrap_or_default().as_str() {
        "development" => Environment::Development,
        "production" => Environment::Production,
        _ => Environment::Unspecified,
    }
}

fn shown(subscriptions: &[Subscription]) -> Value {
    subscriptions.iter().map(|one| json!({ "subscription": object(one) })).collect()
}

/// A browser is known by where it is posted to.
fn object(one: &Subscription) -> Value {
    let channel = CHANNELS.iter().find(|(channel, _)| *channel == one.channel()).map(|(_, name)| *name);
    let platform = PLATFORMS.iter().find(|(platform, _)| *platform == one.platform()).map(|(_, name)| *name);
    json!({
        "id": one.id,
        "notification_channel": {"name": channel},
        "device": {"udid": one.udid, "platform": {"name": platform}},
        "client_identification_sequence": one.web.as_ref().map_or(&one.token, |web| &web.endpoint),
        "bundle_identifier": (!one.bundle.is_empty()).then_some(&one.bundle),
    })
}
