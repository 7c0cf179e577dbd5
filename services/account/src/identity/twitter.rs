//! Twitter: the request that says whose a pair of token and secret is, signed with the app's own pair. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_outbound::Request;
use natter_proto::account::v1::{ProviderKeys, TwitterProvider};
use serde_json::Value;

use super::facebook::{Profile, text};
use super::oauth::{Keys, Moment, authorization};

/// The vendor's address.
pub const ENDPOINT: &str = "https://api.twitter.com";

/// Asks who signs with these keys.
pub fn verification(provider: &TwitterProvider, keys: &ProviderKeys, moment: &Moment<'_>) -> Request {
    let url = format!("{}/1.1/account/verify_credentials.json", provider.endpoint);
    let keys = Keys {
        consumer_key: &provider.consumer_key,
        consumer_secret: &provider.consumer_secret,
        token: &keys.token,
        token_secret: &keys.secret,
    };
    let header = authorization("GET", &url, &[], &keys, moment);
    Request::get(url).with("authorization", header)
}

/// Who it is. The number as text is the exact one: the other has lost digits on its way through JavaScript.
pub fn verified(answer: &Value) -> Option<Profile> {
    let id = text(&answer["id_str"]).or_else(|| text(&answer["id"]))?;
    Some(Profile { id, full_name: text(&answer["name"]) })
}
