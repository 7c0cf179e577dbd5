//! With which credentials an attempt is made: read from the vault each time, so that a change counts at once, and opened once.
//! Those that a provider refused rest for a while, until they are replaced.

use std::collections::BTreeMap;

use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::{
    ApnsCertificateSecret, ApnsTokenSecret, Credential, CredentialRow, FcmSecret, Kind, Secret, VapidSecret,
};
use parking_lot::Mutex;
use prost::Message;

use crate::credential::bound_to;
use crate::provider::{Credentials, CredentialsError, Outcome};
use crate::seal::{Keys, NONCE_BYTES, SealError, Sealed};
use crate::vault::Vault;

/// Sets of credentials that are remembered opened, and that rest. Over it all are forgotten, and found again.
const REMEMBERED_MAX: usize = 10_000;

/// The credentials of all apps.
pub struct Wallet {
    pub vault: Box<Vault>,
    pub keys: Keys,
    /// How push services of browsers reach the operator, where an app says nothing of its own.
    contact: String,
    known: Mutex<BTreeMap<Mark, Credentials>>,
    /// Until when they are not used, unix milliseconds, and what was said of them.
    resting: Mutex<BTreeMap<Mark, (i64, Outcome)>>,
}

/// One sealing: whose, and its nonce. Credentials that are put in place of others have another one, so nothing that is remembered
/// of those is taken for theirs.
pub type Mark = (u64, [u8; NONCE_BYTES]);

/// Why credentials cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("{field} {0}", field = .0.field())]
    Content(#[from] CredentialsError),
    #[error("what is kept of them cannot be read")]
    Unread,
}

impl Wallet {
    pub fn new(vault: Box<Vault>, keys: Keys, contact: String) -> Wallet {
        Wallet { vault, keys, contact, known: Mutex::default(), resting: Mutex::default() }
    }

    /// Checks a secret and seals it. `shown` says where it lies; the rest of what may be shown is filled in.
    pub fn seal(&self, shown: Credential, secret: Secret) -> Result<CredentialRow, Unusable> {
        let facts = self.checked(&secret, &shown.topic)?.facts();
        let sealed = self.keys.seal(&bound_to(&shown), &secret.encode_to_vec())?;
        // Where an app says nothing of its own, the setting counts as it is when it is used.
        let subject = match &secret.of {
            Some(Of::Vapid(of)) => of.subject.clone(),
            _ => String::new(),
        };
        let shown = Credential {
            expires_at: facts.expires_at,
            fingerprint: facts.fingerprint,
            key_id: facts.key_id,
            team_id: facts.team_id,
            project: facts.project,
            email: facts.email,
            public_key: facts.public_key,
            subject,
            ..shown
        };
        Ok(CredentialRow { shown: Some(shown), key: sealed.key, nonce: sealed.nonce.to_vec(), sealed: sealed.bytes })
    }

    /// What a row holds.
    pub fn open(&self, row: &CredentialRow) -> Result<Credentials, Unusable> {
        let (shown, mark) = (row.shown.as_ref().ok_or(Unusable::Unread)?, mark_of(row).ok_or(Unusable::Unread)?);
        if let Some(known) = self.known.lock().get(&mark) {
            return Ok(known.clone());
        }
        let secret = Secret::decode(self.opened(row)?.as_slice()).map_err(|_| Unusable::Unread)?;
        let credentials = self.checked(&secret, &shown.topic)?;
        remember(&mut self.known.lock(), mark, credentials.clone());
        Ok(credentials)
    }

    /// The row sealed with the key in use, if an older one sealed it.
    pub fn resealed(&self, row: &CredentialRow) -> Option<CredentialRow> {
        if self.keys.current().is_ok_and(|current| current == row.key) {
            return None;
        }
        let place = bound_to(row.shown.as_ref()?);
        let sealed = self.keys.seal(&place, &self.opened(row).ok()?).ok()?;
        Some(CredentialRow { key: sealed.key, nonce: sealed.nonce.to_vec(), sealed: sealed.bytes, ..row.clone() })
    }

    fn opened(&self, row: &CredentialRow) -> Result<Vec<u8>, Unusable> {
        let (shown, (_, nonce)) = (row.shown.as_ref().ok_or(Unusable::Unread)?, mark_of(row).ok_or(Unusable::Unread)?);
        let sealed = Sealed { key: row.key.clone(), nonce, bytes: row.sealed.clone() };
        Ok(self.keys.open(&bound_to(shown), &sealed)?)
    }

    /// What may be shown of a row, and what is wrong with it.
    pub fn shown(&self, row: &CredentialRow) -> Credential {
        let mut shown = row.shown.clone().unwrap_or_default();
        if shown.kind() == Kind::Vapid && shown.subject.is_empty() {
            shown.subject.clone_from(&self.contact);
        }
        shown.problem = self.open(row).err().map(|why| why.to_string()).unwrap_or_default();
        shown
    }

    /// What was said of credentials that rest.
    pub fn rests(&self, mark: Mark, now: i64) -> Option<Outcome> {
        let resting = self.resting.lock();
        resting.get(&mark).filter(|(until, _)| *until > now).map(|(_, outcome)| outcome.clone())
    }

    /// They rest until then if the provider refused them, and else not.
    pub fn heard(&self, mark: Mark, until: i64, outcome: &Outcome) {
        let mut resting = self.resting.lock();
        match outcome {
            Outcome::Credentials { .. } => remember(&mut resting, mark, (until, outcome.clone())),
            _ => drop(resting.remove(&mark)),
        }
    }

    fn checked(&self, secret: &Secret, topic: &str) -> Result<Credentials, Unusable> {
        let topic = Some(topic);
        let checked = match secret.of.as_ref().ok_or(Unusable::Unread)? {
            Of::ApnsToken(ApnsTokenSecret { key_pem, key_id, team_id }) => {
                Credentials::apns_token(key_pem, key_id, team_id, topic)
            }
            Of::ApnsCertificate(ApnsCertificateSecret { pem }) => Credentials::apns_certificate(pem, topic),
            Of::Fcm(FcmSecret { service_account }) => Credentials::fcm(service_account),
            Of::Vapid(VapidSecret { private_key, subject }) => {
                Credentials::vapid(private_key, if subject.is_empty() { &self.contact } else { subject })
            }
        };
        Ok(checked?)
    }
}

/// Of which kind a secret is.
pub fn kind_of(secret: &Secret) -> Kind {
    match secret.of {
        Some(Of::ApnsToken(_)) => Kind::ApnsToken,
        Some(Of::ApnsCertificate(_)) => Kind::ApnsCertificate,
        Some(Of::Fcm(_)) => Kind::Fcm,
        Some(Of::Vapid(_)) => Kind::Vapid,
        None => Kind::Unspecified,
    }
}

/// The sealing of a row.
pub fn mark_of(row: &CredentialRow) -> Option<Mark> {
    let app = row.shown.as_ref()?.app;
    Some((app, row.nonce.as_slice().try_into().ok()?))
}

fn remember<T>(known: &mut BTreeMap<Mark, T>, mark: Mark, what: T) {
    if known.len() >= REMEMBERED_MAX && !known.contains_key(&mark) {
        known.clear();
    }
    known.insert(mark, what);
}
