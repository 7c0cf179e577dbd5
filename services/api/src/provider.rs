//! What a request shows of an identity provider, in every spelling that the SDKs have for it (contract rest 2.2, 2.6, 2.9).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::provided::By;
use natter_proto::account::v1::{FirebaseToken, Provided, ProviderKeys};

use crate::decode::{Params, Wrong};
use crate::error::Refusal;

/// What is shown of a provider; none if the request names none. A request may name Firebase by nothing but its fields.
pub(crate) fn read(params: &Params) -> Result<Option<Provided>, Refusal> {
    let named = params.word("provider");
    let fields = ["firebase_phone", "firebase_email"].into_iter().find(|name| params.get(name).is_some());
    let Some(name) = named.as_deref().or(fields) else { return Ok(None) };
    let by = match name {
        "facebook" => By::Facebook(keys(params, false)?),
        "twitter" => By::Twitter(keys(params, true)?),
        "firebase_phone" => By::FirebasePhone(firebase(params, "firebase_phone")?),
        "firebase_email" => By::FirebaseEmail(firebase(params, "firebase_email")?),
        _ => return Err(Refusal::list(422, "Provider is not configured")),
    };
    Ok(Some(Provided { by: Some(by) }))
}

fn keys(params: &Params, with_secret: bool) -> Result<ProviderKeys, Wrong> {
    let keys = params.get("keys").map(Params::from).unwrap_or_default();
    let needed = |name: &str| keys.word(name).ok_or_else(|| Wrong::new("keys", "is required"));
    Ok(ProviderKeys { token: needed("token")?, secret: if with_secret { needed("secret")? } else { String::new() } })
}

fn firebase(params: &Params, name: &str) -> Result<FirebaseToken, Wrong> {
    let fields = params.get(name).map(Params::from).unwrap_or_default();
    let needed = |field: &str| fields.word(field).ok_or_else(|| Wrong::new(name, "is required"));
    Ok(FirebaseToken { project_id: needed("project_id")?, access_token: needed("access_token")? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn a_provider_is_read_in_every_spelling() {
        let keys = |token: &str, secret: &str| ProviderKeys { token: token.into(), secret: secret.into() };
        let firebase = FirebaseToken { project_id: "p".into(), access_token: "t".into() };
        check(r#"{"provider":"facebook","keys":{"token":"T1"}}"#, Some(By::Facebook(keys("T1", ""))));
        check("provider=twitter&keys[token]=T1&keys%5Bsecret%5D=S1", Some(By::Twitter(keys("T1", "S1"))));
        check(
            r#"{"provider":"firebase_phone","firebase_phone[project_id]":"p","firebase_phone[access_token]":"t"}"#,
            Some(By::FirebasePhone(firebase.clone())),
        );
        check(r#"{"firebase_phone":{"project_id":"p","access_token":"t"}}"#, Some(By::FirebasePhone(firebase.clone())));
        check("firebase_email[project_id]=p&firebase_email[access_token]=t", Some(By::FirebaseEmail(firebase)));
        check(r#"{"login":"ann","password":"p"}"#, None);
        check(r#"{"provider":null}"#, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (body, field) in [
            (r#"{"provider":"facebook"}"#, "keys"),
            (r#"{"provider":"twitter","keys":{"token":"T1"}}"#, "keys"),
            (r#"{"provider":"firebase_phone"}"#, "firebase_phone"),
            (r#"{"firebase_phone":{"project_id":"p"}}"#, "firebase_phone"),
        ] {
            assert_eq!(read(&params(body)), Err(Refusal::field(field, "is required")), "{body}");
        }
        let unknown = read(&params(r#"{"provider":"myspace"}"#));
        assert_eq!(unknown, Err(Refusal::list(422, "Provider is not configured")));
    }

    fn check(body: &str, by: Option<By>) {
        assert_eq!(read(&params(body)).unwrap().and_then(|provided| provided.by), by, "{body}");
    }

    fn params(body: &str) -> Params {
        let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        Params::decode("", kind, body.as_bytes(), Bounds { depth: 8, keys: 50 }).unwrap()
    }
}
