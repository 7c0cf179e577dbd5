//! Id tokens of Firebase: what must stand in one, and the phone or the address that it proves. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

use super::claims::{Expected, Fault, signed_by_one_of};

/// Google's keys.
pub const JWKS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

/// What a token is taken as a proof of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proves {
    Phone,
    Email,
}

/// The phone number or the address that a token of `project` proves.
///
/// An address counts only if Google has seen that it is the user's.
pub fn proved(keys: &JwkSet, token: &str, project: &str, what: Proves, now_s: i64) -> Result<String, Fault> {
    let (issuer, audiences) = (format!("https://securetoken.google.com/{project}"), [project.to_owned()]);
    let claims = signed_by_one_of(keys, token, &Expected { issuer: Some(&issuer), audiences: &audiences, now_s })?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let proved = match what {
        Proves::Phone => text("phone_number"),
        Proves::Email => text("email").filter(|_| verified),
    };
    text("sub").and(proved).map(str::to_owned).ok_or(Fault::Refused)
}
