//! Who an app is to a provider: keys and certificates that its operator was given there. Read once, checked when they are read.

use std::fmt;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
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
    fingerprint: String,
    /// Unix milliseconds.
    ends_at: i64,
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

/// What may be shown of credentials. What a kind does not have is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// SHA-256 of the public key, or of the certificate, hex.
    pub fingerprint: String,
    pub key_id: String,
    pub team_id: String,
    pub project: String,
    pub email: String,
    pub subject: String,
    /// Of a pair for Web Push, as browsers are given it.
    pub public_key: String,
    /// Of a certificate, Unix milliseconds; 0: never.
    pub expires_at: i64,
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

/// Why credentials cannot be used: what is wrong with their [`field`](CredentialsError::field).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("is no private key on P-256 in PKCS#8, PEM: the .p8 file from Apple")]
    ApnsKey,
    #[error("is not 10 letters and digits")]
    ApnsKeyId,
    #[error("is not 10 letters and digits")]
    ApnsTeamId,
    #[error("is no bundle identifier")]
    Topic,
    #[error("is not PEM with at least one certificate and its private key")]
    Certificate,
    #[error("has the private key of another certificate")]
    CertificateKey,
    #[error("is no JSON file from Google with project_id, client_email and private_key")]
    ServiceAccount,
    #[error("has a private_key that is no RSA key in PKCS#8, PEM")]
    ServiceAccountKey,
    #[error("is not 32 bytes on P-256 in base64url")]
    VapidKey,
    #[error("begins with neither mailto: nor https:")]
    VapidSubject,
    #[error("cannot be made: the system gives no chance")]
    NoKey,
}

const ID_CHARS: usize = 10;
const TOPIC_MAX: usize = 255;

impl Credentials {
    /// Apple's tokens. `topic`: the bundle of subscriptions that name none.
    pub fn apns_token(key_pem: &str, key_id: &str, team_id: &str, topic: Option<&str>) -> Result<Credentials, CredentialsError> {
        let is_id = |id: &str| id.len() == ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_id(key_id) {
            return Err(CredentialsError::ApnsKeyId);
        }
        if !is_id(team_id) {
            return Err(CredentialsError::ApnsTeamId);
        }
        Ok(Credentials::ApnsToken(ApnsToken {
            key: Es256::from_pem(key_pem.as_bytes()).map_err(|_| CredentialsError::ApnsKey)?,
            key_id: key_id.to_owned(),
            team_id: team_id.to_owned(),
            topic: checked_topic(topic)?,
            print: Print::of(&[key_pem, key_id, team_id]),
        }))
    }

    /// Apple's certificate: PEM with the certificate, its chain and its private key.
    pub fn apns_certificate(pem: &str, topic: Option<&str>) -> Result<Credentials, CredentialsError> {
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let chain = chain.map_err(|_| CredentialsError::Certificate)?;
        let leaf = chain.first().ok_or(CredentialsError::Certificate)?;
        let (_, end) = natter_x509::validity(leaf).ok_or(CredentialsError::Certificate)?;
        let fingerprint = hash(leaf);
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CredentialsError::Certificate)?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CredentialsError::CertificateKey,
            _ => CredentialsError::Certificate,
        })?;
        let (topic, print, pem) = (checked_topic(topic)?, Print::of(&[pem]), pem.as_bytes().to_vec());
        let ends_at = end.saturating_mul(1_000);
        Ok(Credentials::ApnsCertificate(ApnsCertificate { pem, topic, print, fingerprint, ends_at }))
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

    /// What may be shown of them.
    pub fn facts(&self) -> Facts {
        match self {
            Credentials::ApnsToken(of) => Facts {
                fingerprint: hash(of.key.public()),
                key_id: of.key_id.clone(),
                team_id: of.team_id.clone(),
                ..Facts::default()
            },
            Credentials::ApnsCertificate(of) => {
                Facts { fingerprint: of.fingerprint.clone(), expires_at: of.ends_at, ..Facts::default() }
            }
            Credentials::Fcm(of) => Facts {
                fingerprint: hash(of.key.public()),
                key_id: of.key_id.clone().unwrap_or_default(),
                project: of.project.clone(),
                email: of.email.clone(),
                ..Facts::default()
            },
            Credentials::Vapid(of) => Facts {
                fingerprint: hash(of.key.public()),
                subject: of.subject.clone(),
                public_key: base64(of.key.public()),
                ..Facts::default()
            },
        }
    }
}

impl CredentialsError {
    /// Which of the things that were given is wrong, as operators name it.
    pub fn field(self) -> &'static str {
        match self {
            CredentialsError::ApnsKey => "key",
            CredentialsError::ApnsKeyId => "key_id",
            CredentialsError::ApnsTeamId => "team_id",
            CredentialsError::Topic => "topic",
            CredentialsError::Certificate | CredentialsError::CertificateKey => "certificate",
            CredentialsError::ServiceAccount | CredentialsError::ServiceAccountKey => "service_account",
            CredentialsError::VapidKey | CredentialsError::NoKey => "private_key",
            CredentialsError::VapidSubject => "subject",
        }
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

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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
