//! Tokens that a house signs, by the keys it publishes: believed, and followed when the house changes them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use natter_outbound::Answer;
use natter_proto::Code;
use natter_proto::account::v1::*;
use parking_lot::Mutex;
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

use crate::kit::*;

const REFUSED: &str = "The identity provider refused the token";

#[tokio::test(start_paused = true)]
async fn a_house_is_believed_by_its_keys_also_when_it_has_changed_them() {
    let (old, new) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let published = Arc::new(Mutex::new(json!({"keys": [public(&old, "old")]})));
    let keys = published.clone();
    let mut door =
        Door::open_beside(move |_| Ok(Answer { status: 200, body: keys.lock().to_string().into_bytes(), ..Answer::default() }))
            .await;
    let jwt = JwtProvider {
        jwks_url: "https://id.test/jwks".into(),
        issuer: "https://id.test".into(),
        audience: "chat".into(),
        uid_claim: "number".into(),
        ..JwtProvider::default()
    };
    door.set_identity(Identity { jwt: Some(jwt), ..Identity::default() }).await;

    let ann = door.session(Some(by_login(&token(&old, "old", json!({})), "x"))).await;
    assert_eq!(ann.user_row.unwrap().external_id.as_deref(), Some("7"));
    for claims in [json!({"aud": "shop"}), json!({"iss": "https://evil.test"}), json!({"exp": 1}), json!({"number": null})] {
        let wrong = answer(door.open_session(Some(by_login(&token(&old, "old", claims), "x"))).await);
        check(wrong, Code::Invalid, REFUSED);
    }
    let fresh = token(&new, "new", json!({}));
    check(answer(door.open_session(Some(by_login(&fresh, "x"))).await), Code::Invalid, REFUSED);
    *published.lock() = json!({"keys": [public(&new, "new")]});
    check(answer(door.open_session(Some(by_login(&fresh, "x"))).await), Code::Invalid, REFUSED);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(door.session(Some(by_login(&fresh, "x"))).await.user, ann.user);
    let gone = answer(door.open_session(Some(by_login(&token(&old, "old", json!({})), "x"))).await);
    check(gone, Code::Invalid, REFUSED);
    let renamed = answer(door.open_session(Some(by_login(&token(&old, "new", json!({})), "x"))).await);
    check(renamed, Code::Invalid, REFUSED);
}

fn public(pair: &KeyPair, kid: &str) -> Value {
    // An uncompressed point: a tag and the two coordinates (SEC 1, 2.3.3).
    let (x, y) = pair.der_bytes()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
}

fn token(pair: &KeyPair, kid: &str, more: Value) -> String {
    let mut claims = json!({"iss": "https://id.test", "aud": "chat", "number": 7, "exp": START_MS / 1000 + 3_600});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) };
    encode(&header, &claims, &EncodingKey::from_ec_der(&pair.serialize_der())).unwrap()
}
