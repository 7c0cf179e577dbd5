//! The encryption of Web Push (RFC 8291, with the content coding of RFC 8188): only the browser that subscribed can read it. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// Bytes of the one record; push services take at least this much (RFC 8030, 7.2), and browsers read no more.
const RECORD: u32 = 4_096;
/// Salt, record size, length of the key, the key.
const HEAD: usize = 16 + 4 + 1 + POINT;
const POINT: usize = 65;
const TAG: usize = 16;
/// The mark of the last record, before its padding (RFC 8188, 2). There is no padding.
const LAST: u8 = 2;

/// Bytes that fit before they are encrypted: 3993.
pub(super) const PLAIN_BYTES_MAX: usize = RECORD as usize - HEAD - TAG - 1;

/// Bytes of a subscription's secret (RFC 8291, 3.2).
const AUTH: usize = 16;

/// The keys of a subscription are none, or the content is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unusable;

/// What the browser gave when it subscribed.
#[derive(Clone)]
pub(super) struct Receiver {
    p256dh: Vec<u8>,
    auth: Vec<u8>,
}

impl Receiver {
    /// From a point, uncompressed, and the 16 bytes of the secret. Whether the point is one is seen when it is used.
    pub fn new(p256dh: Vec<u8>, auth: Vec<u8>) -> Option<Receiver> {
        let fits = p256dh.len() == POINT && p256dh[0] == 4 && auth.len() == AUTH;
        fits.then_some(Receiver { p256dh, auth })
    }
}

/// The body of the request. `ours` is a key made for this one, `salt` 16 bytes of chance.
pub(super) fn encrypt(to: &Receiver, ours: &PrivateKey, salt: [u8; 16], plain: &[u8]) -> Result<Vec<u8>, Unusable> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(Unusable);
    }
    let public = ours.compute_public_key().map_err(|_| Unusable)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &to.p256dh);
    let secret = agreement::agree(ours, theirs, Unusable, |shared| {
        let prk = Salt::new(HKDF_SHA256, &to.auth).extract(shared);
        expand::<32>(&prk, &[b"WebPush: info\0", &to.p256dh, public.as_ref()])
    })?;
    let prk = Salt::new(HKDF_SHA256, &salt).extract(&secret);
    let key = expand::<16>(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = expand::<12>(&prk, &[b"Content-Encoding: nonce\0"])?;

    let mut record = plain.to_vec();
    record.push(LAST);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(|_| Unusable)?);
    // One record under this key, whose nonce is that of number 0.
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).map_err(|_| Unusable)?;

    let mut body = Vec::with_capacity(HEAD + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(POINT as u8);
    body.extend_from_slice(public.as_ref());
    body.extend_from_slice(&record);
    Ok(body)
}

// The first N bytes of HKDF-Expand.
fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unusable> {
    let mut out = [0; N];
    prk.expand(info, Length(N)).and_then(|okm| okm.fill(&mut out)).map_err(|_| Unusable)?;
    Ok(out)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
#[path = "encryption/tests.rs"]
mod tests;
