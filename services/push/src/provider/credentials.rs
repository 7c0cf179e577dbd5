//! Who an app is to a provider: keys and certificates that its operator was given there. Read once, checked when they are read.

use std::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::jwt::{Es256, Rs256, base64, from_base64};

/// Who an app is to a provider. Made by its functions; what they take holds secrets, and what they give shows none.
#[derive(Clone)]
pub enum Credentials {
    ApnsToken(ApnsToken),
    ApnsCertificate(ApnsCertificate),
    Fcm(ServiceAccount),
    Vapid(Vapid),
}

/// Apple's key for tokens, with the ids that belong to it.
#[derive(Clone)]
pub struct ApnsToken {
    pub(super) key: Es256,
    pub(super) key_id: String,
    pub(super) team_id: String,
    pub(super) topic: Option<String>,
    pub(super) print: Print,
}

/// A certificate that Apple signed, its chain and its key.
#[derive(Clone)]
pub struct ApnsCertificate {
    pub(super) pem: Vec<u8>,
    pub(super) topic: Option<String>,
    pub(super) print: Print,
}

/// A service account of Google.
#[derive(Clone)]
pub struct ServiceAccount {
    pub(super) key: Rs256,
    pub(super) key_id: Option<String>,
    pub(super) email: String,
    pub(super) project: String,
    /// Whom its tokens are addressed to. Where they are sent is a setting of the installation.
    pub(super) audience: String,
    pub(super) print: Print,
}

/// The key that an app's web subscriptions are bound to.
#[derive(Clone)]
pub struct Vapid {
    pub(super) key: Es256,
    pub(super) subject: String,
    pub(super) print: Print,
}

/// Tells credentials apart without holding them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Print([u8; 32]);

/// A pair for Web Push, base64url: 32 private bytes, and the point that browsers are given as `applicationServerKey`.
#[derive(Clone, PartialEq, Eq)]
pub struct VapidPair {
    pub private: String,
    pub public: String,
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("the key is no private key on P-256 in PKCS#8, PEM: the .p8 file from Apple")]
    ApnsKey,
    #[error("the key id and the team id are 10 letters and digits each")]
    ApnsId,
    #[error("the topic is no bundle identifier")]
    Topic,
    #[error("the certificate is not PEM with at least one certificate and its private key")]
    Certificate,
    #[error("the service account is no JSON file from Google with project_id, client_email and private_key")]
    ServiceAccount,
    #[error("the private_key of the service account is no RSA key in PKCS#8, PEM")]
    ServiceAccountKey,
    #[error("the private key is not 32 bytes on P-256 in base64url")]
    VapidKey,
    #[error("the subject is neither mailto: nor https:")]
    VapidSubject,
    #[error("no key could be made")]
    NoKey,
}

const ID_CHARS: usize = 10;
const TOPIC_MAX: usize = 255;

impl Credentials {
    /// Apple's tokens. `topic`: the bundle of subscriptions that name none.
    pub fn apns_token(key_pem: &str, key_id: &str, team_id: &str, topic: Option<&str>) -> Result<Credentials, CredentialsError> {
        let is_id = |id: &str| id.len() == ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_id(key_id) || !is_id(team_id) {
            return Err(CredentialsError::ApnsId);
        }
        Ok(Credentials::ApnsToken(ApnsToken {
            key: Es256::from_pem(key_pem.as_bytes()).map_err(|_| CredentialsError::ApnsKey)?,
            key_id: key_id.to_owned(),
            team_id: team_id.to_owned(),
            topic: checked_topic(topic)?,
            print: Print::of(&[key_pem, key_id, team_id]),
        }))
    }

    /// Apple's certificate: PEM with the certificate, its chain and its private key. That the key is the certificate's is seen at
    /// the first use.
    pub fn apns_certificate(pem: &str, topic: Option<&str>) -> Result<Credentials, CredentialsError> {
        let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
        let has_certificate = certificates.next().is_some_and(|first| first.is_ok());
        if !has_certificate || PrivateKeyDer::from_pem_slice(pem.as_bytes()).is_err() {
            return Err(CredentialsError::Certificate);
        }
        let topic = checked_topic(topic)?;
        Ok(Credentials::ApnsCertificate(ApnsCertificate { pem: pem.as_bytes().to_vec(), topic, print: Print::of(&[pem]) }))
    }

    /// The JSON file of a service account.
    pub fn fcm(json: &str) -> Result<Credentials, CredentialsError> {
        let file: Value = serde_json::from_str(json).map_err(|_| CredentialsError::ServiceAccount)?;
        let text = |name: &str| file[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let project = text("project_id").filter(|project| is_project(project)).ok_or(CredentialsError::ServiceAccount)?;
        let email = text("client_email").ok_or(CredentialsError::ServiceAccount)?;
        let pem = text("private_key").ok_or(CredentialsError::ServiceAccount)?;
        Ok(Credentials::Fcm(ServiceAccount {
            key: Rs256::from_pem(pem.as_bytes()).map_err(|_| CredentialsError::ServiceAccountKey)?,
            key_id: text("private_key_id"),
            email,
            project,
            audience: text("token_uri").unwrap_or_else(|| "https://oauth2.googleapis.com/token".into()),
            print: Print::of(&[json]),
        }))
    }

    /// The pair of an app for Web Push, of which the private half is enough. `subject`: how a push service reaches the operator
    /// (RFC 8292, 2.1).
    pub fn vapid(private: &str, subject: &str) -> Result<Credentials, CredentialsError> {
        if !(subject.starts_with("mailto:") || subject.starts_with("https://")) || subject.len() > TOPIC_MAX {
            return Err(CredentialsError::VapidSubject);
        }
        let bytes = from_base64(private).ok_or(CredentialsError::VapidKey)?;
        let key = Es256::from_private(&bytes).map_err(|_| CredentialsError::VapidKey)?;
        let print = Print::of(&[private, subject]);
        Ok(Credentials::Vapid(Vapid { key, subject: subject.to_owned(), print }))
    }
}

impl VapidPair {
    /// A fresh pair.
    pub fn generate() -> Result<VapidPair, CredentialsError> {
        let private = Es256::generate().map_err(|_| CredentialsError::NoKey)?;
        let key = Es256::from_private(&private).map_err(|_| CredentialsError::NoKey)?;
        Ok(VapidPair { private: base64(&private), public: base64(key.public()) })
    }
}

impl Print {
    fn of(parts: &[&str]) -> Print {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Print(digest.finalize().into())
    }
}

// It stands in a header.
fn checked_topic(topic: Option<&str>) -> Result<Option<String>, CredentialsError> {
    match topic.filter(|topic| !topic.is_empty()) {
        Some(topic) if !is_topic(topic) => Err(CredentialsError::Topic),
        topic => Ok(topic.map(str::to_owned)),
    }
}

/// Whether it may be a bundle identifier (Apple: letters, digits, hyphen, period; `_` is seen).
pub(super) fn is_topic(topic: &str) -> bool {
    let fits = (1..=TOPIC_MAX).contains(&topic.len());
    fits && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

// It stands in a path.
fn is_project(project: &str) -> bool {
    project.len() <= TOPIC_MAX && project.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':'))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::ApnsToken(_) => "ApnsToken",
            Credentials::ApnsCertificate(_) => "ApnsCertificate",
            Credentials::Fcm(_) => "Fcm",
            Credentials::Vapid(_) => "Vapid",
        })
    }
}

impl fmt::Debug for VapidPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidPair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "credentials/tests.rs"]
mod tests;
