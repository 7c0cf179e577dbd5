//! The verifier of a password: an HMAC that was made when Argon2 had found the password right, and spares the next run
//! after it. Pure.
//!
//! Its key never lies in the store, so a stolen store is as hard to guess at as without verifiers. It is bound to app, user
//! and the version of the password: a changed password has none.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A verifier as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifier {
    pub mac: [u8; 32],
    /// Unix milliseconds; from then on it proves nothing.
    pub expires_at: i64,
}

/// Whose password, and which one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    pub app: u64,
    pub user: u64,
    /// Grows with every change of the password.
    pub version: u64,
}

/// The key that makes and checks verifiers.
#[derive(Clone)]
pub struct VerifierKey(pub [u8; 32]);

impl VerifierKey {
    /// The verifier of a password that was just found right.
    pub fn make(&self, subject: Subject, password: &str, expires_at: i64) -> Verifier {
        Verifier { mac: self.mac(subject, password).finalize().into_bytes().into(), expires_at }
    }

    /// Whether `verifier` proves `password` at `now`. Takes the same time wherever they differ.
    pub fn proves(&self, verifier: &Verifier, subject: Subject, password: &str, now: i64) -> bool {
        now < verifier.expires_at && self.mac(subject, password).verify_slice(&verifier.mac).is_ok()
    }

    fn mac(&self, subject: Subject, password: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"natter password verifier 1\0");
        for number in [subject.app, subject.user, subject.version] {
            mac.update(&number.to_be_bytes());
        }
        // Last, so that no two subjects and passwords run into the same bytes.
        mac.update(password.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_proves_one_password_of_one_user_for_a_while() {
        let (key, ann) = (VerifierKey([7; 32]), Subject { app: 1, user: 2, version: 3 });
        let verifier = key.make(ann, "secret", 1000);
        assert!(key.proves(&verifier, ann, "secret", 999));
        assert!(!key.proves(&verifier, ann, "secret", 1000), "it has an end");
        assert!(!key.proves(&verifier, ann, "Secret", 0));
        assert!(!key.proves(&verifier, Subject { version: 4, ..ann }, "secret", 0), "the password was changed");
        assert!(!key.proves(&verifier, Subject { user: 3, ..ann }, "secret", 0));
        assert!(!key.proves(&verifier, Subject { app: 2, ..ann }, "secret", 0));
        assert!(!VerifierKey([8; 32]).proves(&verifier, ann, "secret", 0), "another installation's key");
    }
}
