//! Facebook: what is asked of the Graph API about a token, and how its answers are read. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use hmac::{Hmac, KeyInit, Mac};
use natter_outbound::Request;
use natter_proto::account::v1::FacebookProvider;
use serde_json::Value;
use sha2::Sha256;

use super::oauth::encoded;

/// The vendor's address.
pub const ENDPOINT: &str = "https://graph.facebook.com";

/// Somebody of a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    pub id: String,
    pub full_name: Option<String>,
}

/// Asks whose a token is, and which app's.
pub fn inspection(provider: &FacebookProvider, token: &str) -> Request {
    let own = format!("{}|{}", provider.app_id, provider.app_secret);
    Request::get(format!("{}/debug_token?input_token={}&access_token={}", provider.endpoint, encoded(token), encoded(&own)))
}

/// The user of a token that lives and is of this app. A token of another app proves nothing here, however valid it is.
pub fn inspected(provider: &FacebookProvider, answer: &Value, now_s: i64) -> Option<String> {
    let data = &answer["data"];
    let is_ours = text(&data["app_id"]).as_deref() == Some(provider.app_id.as_str());
    // 0: it does not expire.
    let lives = data["expires_at"].as_i64().is_none_or(|end| end == 0 || end > now_s);
    if data["is_valid"] != true || !is_ours || !lives { None } else { text(&data["user_id"]) }
}

/// Asks for the user's name. The proof shows that the app itself asks.
pub fn profile(provider: &FacebookProvider, token: &str) -> Request {
    let mut mac = Hmac::<Sha256>::new_from_slice(provider.app_secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(token.as_bytes());
    let proof: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Request::get(format!("{}/me?fields=id,name&appsecret_proof={proof}", provider.endpoint))
        .with("authorization", format!("Bearer {token}"))
}

/// The profile, if it is that of the user the token is of.
pub fn profiled(answer: &Value, user: &str) -> Option<Profile> {
    let id = text(&answer["id"]).filter(|id| id == user)?;
    Some(Profile { id, full_name: text(&answer["name"]) })
}

/// A text that is not empty, or a number's digits: vendors write ids as either.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_living_token_of_this_app_counts() {
        let provider = FacebookProvider { app_id: "42".into(), app_secret: "s&t".into(), endpoint: ENDPOINT.into() };
        let data = |data: Value| inspected(&provider, &json!({ "data": data }), 1_000);
        let fine = json!({"app_id": "42", "is_valid": true, "user_id": "7", "expires_at": 2_000});
        assert_eq!(data(fine.clone()).as_deref(), Some("7"));
        assert_eq!(data(json!({"app_id": 42, "is_valid": true, "user_id": 7, "expires_at": 0})).as_deref(), Some("7"));
        for (field, value) in [
            ("app_id", json!("43")),
            ("app_id", Value::Null),
            ("is_valid", json!(false)),
            ("is_valid", json!("true")),
            ("user_id", json!("")),
            ("expires_at", json!(1_000)),
        ] {
            let mut wrong = fine.clone();
            wrong[field] = value;
            assert_eq!(data(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(inspected(&provider, &json!([]), 0), None);
        assert!(inspection(&provider, "a&b=c").url.ends_with("/debug_token?input_token=a%26b%3Dc&access_token=42%7Cs%26t"));
    }

    #[test]
    fn the_profile_must_be_that_of_the_tokens_user() {
        let answer = json!({"id": "7", "name": "Ann"});
        assert_eq!(profiled(&answer, "7"), Some(Profile { id: "7".into(), full_name: Some("Ann".into()) }));
        assert_eq!(profiled(&answer, "8"), None);
        assert_eq!(profiled(&json!("7"), "7"), None);
    }
}
