//! Seals secrets before they are kept: with AES-256-GCM, bound to where they lie, so that a row that was moved or changed opens
//! nothing. The keys come from outside the store, and whoever has one without the other has nothing.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};

/// Of a key.
pub const KEY_BYTES: usize = 32;
/// Of the number that is used once (NIST SP 800-38D, 5.2.1.1). It is chance: a key may seal some billions of secrets.
pub const NONCE_BYTES: usize = 12;

/// The keys of an installation: one that seals, and older ones that open.
#[derive(Clone)]
pub struct Keys(Result<Vec<Key>, String>);

#[derive(Clone)]
struct Key {
    id: String,
    bytes: [u8; KEY_BYTES],
}

/// A secret as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Id of the key.
    pub key: String,
    pub nonce: [u8; NONCE_BYTES],
    pub bytes: Vec<u8>,
}

/// Why a secret cannot be sealed or opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// There is no key at all.
    #[error("no key for push credentials: {0}")]
    NoKey(String),
    #[error("they are sealed with the key {0}, which is not here")]
    UnknownKey(String),
    /// Another secret, another place, or the bytes of another key under this one's id.
    #[error("what is kept of them is damaged, or was moved")]
    Damaged,
    #[error("the system gives no chance")]
    NoChance,
}

impl Keys {
    /// `current` seals; `older` open what was sealed before.
    pub fn new(current: [u8; KEY_BYTES], older: &[[u8; KEY_BYTES]]) -> Keys {
        let key = |bytes: &[u8; KEY_BYTES]| Key { id: id_of(bytes), bytes: *bytes };
        Keys(Ok(std::iter::once(&current).chain(older).map(key).collect()))
    }

    /// There are none: nothing can be sealed or opened, and it is said why.
    pub fn absent(why: impl Into<String>) -> Keys {
        Keys(Err(why.into()))
    }

    /// Id of the key that seals: the beginning of its hash.
    pub fn current(&self) -> Result<&str, SealError> {
        self.ring().map(|ring| ring[0].id.as_str())
    }

    pub fn has(&self, id: &str) -> bool {
        self.ring().is_ok_and(|ring| ring.iter().any(|key| key.id == id))
    }

    pub fn seal(&self, place: &[u8], secret: &[u8]) -> Result<Sealed, SealError> {
        let key = &self.ring()?[0];
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &key.bytes).map_err(|_| SealError::NoChance)?;
        let mut bytes = secret.to_vec();
        let nonce = sealing.seal_in_place_append_tag(Aad::from(place), &mut bytes).map_err(|_| SealError::NoChance)?;
        Ok(Sealed { key: key.id.clone(), nonce: *nonce.as_ref(), bytes })
    }

    pub fn open(&self, place: &[u8], sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let ring = self.ring()?;
        let Some(key) = ring.iter().find(|key| key.id == sealed.key) else {
            return Err(SealError::UnknownKey(sealed.key.clone()));
        };
        let opening = RandomizedNonceKey::new(&AES_256_GCM, &key.bytes).map_err(|_| SealError::Damaged)?;
        let mut bytes = sealed.bytes.clone();
        let nonce = Nonce::from(&sealed.nonce);
        let length = opening.open_in_place(nonce, Aad::from(place), &mut bytes).map_err(|_| SealError::Damaged)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn ring(&self) -> Result<&[Key], SealError> {
        self.0.as_deref().map_err(|why| SealError::NoKey(why.clone()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.current()).finish()
    }
}

fn id_of(bytes: &[u8; KEY_BYTES]) -> String {
    let hash = Sha256::new().chain_update(b"natter push key\0").chain_update(bytes).finalize();
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OLD: [u8; 32] = [1; 32];
    const NEW: [u8; 32] = [2; 32];

    #[test]
    fn a_secret_is_opened_where_it_was_sealed_and_nowhere_else() {
        let keys = Keys::new(NEW, &[]);
        let sealed = keys.seal(b"app 1", b"hush").unwrap();
        assert_eq!(keys.open(b"app 1", &sealed).unwrap(), b"hush");
        assert_eq!(keys.open(b"app 2", &sealed), Err(SealError::Damaged));
        assert!(!sealed.bytes.windows(4).any(|part| part == b"hush"));
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(keys.open(b"app 1", &changed), Err(SealError::Damaged), "byte {at}");
        }
        let other = Sealed { nonce: [9; NONCE_BYTES], ..sealed.clone() };
        assert_eq!(keys.open(b"app 1", &other), Err(SealError::Damaged));
        let again = keys.seal(b"app 1", b"hush").unwrap();
        assert!(again.nonce != sealed.nonce && again.bytes != sealed.bytes, "no nonce is used twice");
    }

    #[test]
    fn older_keys_open_and_do_not_seal() {
        let sealed = Keys::new(OLD, &[]).seal(b"x", b"hush").unwrap();
        let rotated = Keys::new(NEW, &[OLD]);
        assert_eq!(rotated.open(b"x", &sealed).unwrap(), b"hush");
        assert!(rotated.has(&sealed.key) && rotated.current().unwrap() != sealed.key);
        assert_eq!(rotated.seal(b"x", b"hush").unwrap().key, rotated.current().unwrap());
        let alone = Keys::new(NEW, &[]);
        assert_eq!(alone.open(b"x", &sealed), Err(SealError::UnknownKey(sealed.key.clone())));
        let forged = Sealed { key: alone.current().unwrap().to_owned(), ..sealed };
        assert_eq!(alone.open(b"x", &forged), Err(SealError::Damaged));
    }

    #[test]
    fn without_a_key_it_is_said_why_and_no_key_is_shown() {
        let none = Keys::absent("cannot read /secret");
        let why = SealError::NoKey("cannot read /secret".into());
        assert_eq!((none.seal(b"x", b"hush"), none.has("")), (Err(why.clone()), false));
        let sealed = Keys::new(NEW, &[]).seal(b"x", b"hush").unwrap();
        assert_eq!(none.open(b"x", &sealed), Err(why));
        assert!(!format!("{:?}", Keys::new(NEW, &[OLD])).contains("2, 2"));
    }
}
