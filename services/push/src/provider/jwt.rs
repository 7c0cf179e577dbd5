//! Signed tokens that prove who we are to a provider (RFC 7519, 7515), and the keys that sign them. Pure, but for the chance in a
//! signature.
//!
//! Only making them: nothing here reads a token of somebody else.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{agreement, encoding};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

/// A key on P-256 that signs with ES256. Clones are the same key.
#[derive(Clone)]
pub(super) struct Es256(Arc<EcdsaKeyPair>);

/// An RSA key that signs with RS256. Clones are the same key.
#[derive(Clone)]
pub(super) struct Rs256(Arc<rsa::KeyPair>);

/// A key that cannot be used, or a signature that cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unusable;

/// Without padding, as all of these formats want it.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Takes the ordinary alphabet and padding too: browsers' libraries differ.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

impl Es256 {
    /// From PKCS#8 in PEM: what Apple hands out as a `.p8` file.
    pub fn from_pem(pem: &[u8]) -> Result<Es256, Unusable> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| Unusable)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der()).map_err(|_| Unusable)?;
        Ok(Es256(Arc::new(pair)))
    }

    /// From the 32 bytes of the private key alone.
    pub fn from_private(private: &[u8]) -> Result<Es256, Unusable> {
        let key = agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, private).map_err(|_| Unusable)?;
        let public = key.compute_public_key().map_err(|_| Unusable)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, private, public.as_ref());
        Ok(Es256(Arc::new(pair.map_err(|_| Unusable)?)))
    }

    /// A fresh key: its 32 private bytes.
    pub fn generate() -> Result<Vec<u8>, Unusable> {
        let key = agreement::PrivateKey::generate(&agreement::ECDH_P256).map_err(|_| Unusable)?;
        let bytes: encoding::EcPrivateKeyBin<'_> = key.as_be_bytes().map_err(|_| Unusable)?;
        Ok(bytes.as_ref().to_vec())
    }

    /// 65 bytes: the point, uncompressed.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A token with these claims. `kid`: which key it is, where the provider knows several.
    pub fn token(&self, kid: Option<&str>, claims: &Value) -> Result<String, Unusable> {
        let signed = signing_input("ES256", kid, claims);
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| Unusable)?;
        Ok(format!("{signed}.{}", base64(signature.as_ref())))
    }
}

impl Rs256 {
    /// From PKCS#8 in PEM: `private_key` of a service account.
    pub fn from_pem(pem: &[u8]) -> Result<Rs256, Unusable> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| Unusable)?;
        Ok(Rs256(Arc::new(rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| Unusable)?)))
    }

    /// The public key, PKCS#1.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A token with these claims.
    pub fn token(&self, kid: Option<&str>, claims: &Value) -> Result<String, Unusable> {
        let signed = signing_input("RS256", kid, claims);
        let mut signature = vec![0; self.0.public_modulus_len()];
        let made = self.0.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        made.map_err(|_| Unusable)?;
        Ok(format!("{signed}.{}", base64(&signature)))
    }
}

fn signing_input(algorithm: &str, kid: Option<&str>, claims: &Value) -> String {
    let mut header = json!({"typ": "JWT", "alg": algorithm});
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}
