//! Somebody who signs id tokens as Google does: with an RSA key, published under a name.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};
use serde_json::{Value, json};

/// A key and its name.
pub struct Signer {
    kid: String,
    key: EncodingKey,
    modulus: Vec<u8>,
}

impl Signer {
    pub fn new(kid: &str) -> Result<Signer> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        // What is inside of PKCS #8 is PKCS #1, the last element (RFC 5958, 2; RFC 8017, A.1); of a key of 2048 bits at these places.
        let key = EncodingKey::from_rsa_der(pair.serialize_der().get(26..).context("a key")?);
        let modulus = pair.der_bytes().get(9..265).context("a public key")?.to_vec();
        Ok(Signer { kid: kid.to_owned(), key, modulus })
    }

    pub fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
    }

    /// As it stands among the keys of a house.
    pub fn public(&self) -> Value {
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(&self.modulus)})
    }

    /// A token of a project of Firebase; what is given stands in place of what is usual.
    pub fn token(&self, project: &str, claims: Value) -> Result<String> {
        Ok(encode(&self.header(Algorithm::RS256), &self.claims(project, claims), &self.key)?)
    }

    /// The same, signed with the public key as a shared secret.
    pub fn hmac(&self, project: &str, claims: Value) -> Result<String> {
        let key = EncodingKey::from_secret(&self.modulus);
        Ok(encode(&self.header(Algorithm::HS256), &self.claims(project, claims), &key)?)
    }

    /// The same, not signed at all.
    pub fn unsigned(&self, project: &str, claims: Value) -> Result<String> {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": self.kid}).to_string());
        Ok(format!("{header}.{}.", URL_SAFE_NO_PAD.encode(self.claims(project, claims).to_string())))
    }

    fn header(&self, algorithm: Algorithm) -> Header {
        Header { kid: Some(self.kid.clone()), ..Header::new(algorithm) }
    }

    fn claims(&self, project: &str, more: Value) -> Value {
        let now = self.now();
        let mut claims = json!({
            "iss": format!("https://securetoken.google.com/{project}"), "aud": project, "sub": "uid",
            "iat": now, "auth_time": now, "exp": now + 3_600,
        });
        if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
            claims.extend(more);
        }
        claims
    }
}
