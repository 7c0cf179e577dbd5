//! Signed tokens (JWT) of a provider: which key may sign how, and what must stand in them. Pure; the clock is the caller's.
//!
//! The algorithm is pinned by the key, never by the token: a public key takes no HMAC, a shared one nothing else, and `none` is no
//! algorithm (RFC 8725, 3.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

/// The fields of a token.
pub type Claims = Map<String, Value>;

/// Why a token proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It names a key that is not among the known ones: they may have changed.
    KeyUnknown,
    /// Whatever else is wrong with it.
    Refused,
}

/// What a token must say.
pub struct Expected<'a> {
    /// None: whoever holds the key.
    pub issuer: Option<&'a str>,
    /// One of these; none: whomever it is for.
    pub audiences: &'a [String],
    pub now_s: i64,
}

/// Seconds by which clocks may differ.
const LEEWAY_S: i64 = 60;
/// Bytes of a token. What is longer costs time and proves nothing.
pub const BYTES_MAX: usize = 8 * 1024;

/// The claims of a token that one of these public keys signed.
pub fn signed_by_one_of(keys: &JwkSet, token: &str, expected: &Expected<'_>) -> Result<Claims, Fault> {
    let header = decode_header(token).map_err(|_| Fault::Refused)?;
    let key = match &header.kid {
        Some(kid) => keys.find(kid).ok_or(Fault::KeyUnknown)?,
        // Without a name only one key can be meant.
        None => keys.keys.first().filter(|_| keys.keys.len() == 1).ok_or(Fault::Refused)?,
    };
    if !may_sign(key, header.alg) {
        return Err(Fault::Refused);
    }
    let decoding = DecodingKey::from_jwk(key).map_err(|_| Fault::Refused)?;
    checked(token, &decoding, header.alg, expected)
}

/// The claims of a token that the shared key signed.
pub fn signed_by_shared(secret: &str, token: &str, expected: &Expected<'_>) -> Result<Claims, Fault> {
    checked(token, &DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256, expected)
}

fn may_sign(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let of_type = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
        AlgorithmParameters::EllipticCurve(_) => matches!(algorithm, ES256 | ES384),
        AlgorithmParameters::OctetKeyPair(_) => algorithm == EdDSA,
        // A shared key has no business among public ones.
        _ => false,
    };
    let for_it = key.common.key_algorithm.is_none_or(|named: KeyAlgorithm| named.to_string() == format!("{algorithm:?}"));
    let signs = key.common.public_key_use.as_ref().is_none_or(|kind| *kind == PublicKeyUse::Signature);
    of_type && for_it && signs
}

fn checked(token: &str, key: &DecodingKey, algorithm: Algorithm, expected: &Expected<'_>) -> Result<Claims, Fault> {
    let mut validation = Validation::new(algorithm);
    // The library's clock is not ours; time is looked at below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims = Default::default();
    let claims = decode::<Claims>(token, key, &validation).map_err(|_| Fault::Refused)?.claims;
    match holds(&claims, expected) {
        true => Ok(claims),
        false => Err(Fault::Refused),
    }
}

fn holds(claims: &Claims, expected: &Expected<'_>) -> bool {
    let date = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    let (soon, lately) = ((expected.now_s + LEEWAY_S) as f64, (expected.now_s - LEEWAY_S) as f64);
    let lives = date("exp").is_some_and(|end| end > lately);
    let began = ["nbf", "iat", "auth_time"].iter().all(|name| date(name).is_none_or(|at| at <= soon));
    let from = expected.issuer.is_none_or(|issuer| claims.get("iss").and_then(Value::as_str) == Some(issuer));
    let is_ours = |value: &Value| value.as_str().is_some_and(|name| expected.audiences.iter().any(|ours| ours == name));
    let to = expected.audiences.is_empty()
        || match claims.get("aud") {
            Some(Value::Array(names)) => names.iter().any(is_ours),
            Some(name) => is_ours(name),
            None => false,
        };
    lives && began && from && to
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_shared_key_takes_its_own_algorithm_only() {
        let fine = claims(json!({}));
        assert_eq!(shared(&hs(Algorithm::HS256, &fine)).unwrap()["sub"], "ann");
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(shared(&hs(algorithm, &fine)), Err(Fault::Refused), "{algorithm:?}");
        }
        let (header, body) = (b64(r#"{"alg":"none","typ":"JWT"}"#), b64(&fine.to_string()));
        for token in
            [format!("{header}.{body}."), format!("{header}.{body}"), format!("{header}.{body}.x"), String::new(), "...".into()]
        {
            assert_eq!(shared(&token), Err(Fault::Refused), "{token}");
        }
        let mut other = hs(Algorithm::HS256, &fine);
        other.pop();
        assert_eq!(shared(&other), Err(Fault::Refused), "a signature cut short");
    }

    #[test]
    fn a_public_key_takes_no_hmac_and_no_key_is_guessed() {
        let jwk = json!({"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB"});
        let keys: JwkSet = serde_json::from_value(json!({ "keys": [jwk] })).unwrap();
        // The known attack: the public key itself as the secret of an HMAC.
        for secret in ["AQAB", SECRET] {
            let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
            let token = encode(&header, &claims(json!({})), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
            assert_eq!(signed_by_one_of(&keys, &token, &expected()), Err(Fault::Refused));
        }
        let header = Header { kid: Some("two".into()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims(json!({})), &EncodingKey::from_secret(b"x")).unwrap();
        assert_eq!(signed_by_one_of(&keys, &token, &expected()), Err(Fault::KeyUnknown));
        let shared: JwkSet = serde_json::from_value(json!({"keys": [{"kty": "oct", "kid": "two", "k": "eA"}]})).unwrap();
        assert_eq!(signed_by_one_of(&shared, &token, &expected()), Err(Fault::Refused), "a shared key among public ones");
    }

    #[test]
    fn a_key_signs_as_its_type_and_its_own_word_say() {
        let key = |more: Value| {
            let mut jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
            jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Jwk>(jwk).unwrap()
        };
        assert!(
            may_sign(&key(json!({})), Algorithm::RS256)
                && may_sign(&key(json!({"alg": "RS256", "use": "sig"})), Algorithm::RS256)
        );
        assert!(!may_sign(&key(json!({"alg": "RS256"})), Algorithm::RS512));
        assert!(!may_sign(&key(json!({"use": "enc"})), Algorithm::RS256));
        assert!(!may_sign(&key(json!({})), Algorithm::ES256));
        assert!(!may_sign(&key(json!({})), Algorithm::HS256));
    }

    #[test]
    fn what_a_token_must_say() {
        let house = |more: Value| shared(&hs(Algorithm::HS256, &claims(more))).is_ok();
        assert!(house(json!({})) && house(json!({"aud": ["other", "chat"]})) && house(json!({"exp": NOW - 59})));
        for wrong in [
            json!({"iss": "https://evil.test"}),
            json!({"iss": null}),
            json!({"aud": "other"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"exp": NOW - 61}),
            json!({"exp": null}),
            json!({"exp": "tomorrow"}),
            json!({"nbf": NOW + 61}),
            json!({"iat": NOW + 61}),
            json!({"auth_time": "never"}),
        ] {
            assert!(!house(wrong.clone()), "{wrong}");
        }
    }

    fn expected() -> Expected<'static> {
        static AUDIENCES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["chat".into()]);
        Expected { issuer: Some("https://id.test"), audiences: &AUDIENCES, now_s: NOW }
    }

    fn claims(more: Value) -> Value {
        let mut claims = json!({"iss": "https://id.test", "aud": "chat", "sub": "ann", "exp": NOW + 60, "iat": NOW});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    fn hs(algorithm: Algorithm, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn shared(token: &str) -> Result<Claims, Fault> {
        signed_by_shared(SECRET, token, &expected())
    }

    fn b64(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }
}
