//! Ids as newtypes. A number or a hex string is parsed into one of these at the door, and nowhere else.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// An app (tenant). Decimal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AppId(pub u64);

/// A user of an app. Decimal on the wire, 1 to 2^53 - 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct UserId(pub u64);

/// A dialog: 12 bytes, on the wire 24 lower-case hex digits with at least one letter (contract rest 1.9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId(pub [u8; 12]);

/// A message: 12 bytes, on the wire 24 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub [u8; 12]);

/// A blob as its URLs name it: 16 bytes, on the wire 32 upper-case hex digits with at least one letter, so that it is never
/// taken for a number (contract rest 6.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BlobUid(pub [u8; 16]);

/// What was parsed is not an id of the kind that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a valid id")]
pub struct NotAnId;

impl DialogId {
    /// The id of the private dialog of two users: an HMAC over the smaller and the larger id under the app's pair key,
    /// so that every service finds it without a table. The order of `a` and `b` does not matter.
    pub fn of_pair(pair_key: &[u8], a: UserId, b: UserId) -> DialogId {
        let mut mac = Hmac::<Sha256>::new_from_slice(pair_key).expect("HMAC takes a key of any length");
        mac.update(&a.min(b).0.to_be_bytes());
        mac.update(&a.max(b).0.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let mut id = [0; 12];
        id.copy_from_slice(&digest[..12]);
        DialogId(id).with_letter()
    }

    /// A dialog id made of 12 random bytes.
    pub fn from_random(bytes: [u8; 12]) -> DialogId {
        DialogId(bytes).with_letter()
    }

    // The SDK takes a string of digits for a user id, so one digit is always a letter.
    fn with_letter(mut self) -> DialogId {
        self.0[0] = 0xa0 | (self.0[0] & 0x5f);
        self
    }
}

impl MessageId {
    /// A message id in the shape of a Mongo ObjectId: 4 bytes of unix seconds, 8 random bytes.
    pub fn from_random(seconds: i64, bytes: [u8; 8]) -> MessageId {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
        id[4..].copy_from_slice(&bytes);
        MessageId(id)
    }

    /// The id of a message whose client names it in a form of its own: the same name of the same sender is the same id.
    pub fn of_name(sender: UserId, name: &str) -> MessageId {
        let digest = Sha256::new().chain_update(sender.0.to_be_bytes()).chain_update(name).finalize();
        let mut id = [0; 12];
        id.copy_from_slice(&digest[..12]);
        MessageId(id)
    }
}

impl BlobUid {
    /// A uid made of 16 random bytes.
    pub fn from_random(mut bytes: [u8; 16]) -> BlobUid {
        bytes[0] = 0xa0 | (bytes[0] & 0x5f);
        BlobUid(bytes)
    }
}

impl fmt::Display for BlobUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02X}"))
    }
}

impl FromStr for BlobUid {
    type Err = NotAnId;
    /// Takes the one spelling that is given out.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let text = text.as_bytes();
        if text.len() != 32 || text.iter().any(u8::is_ascii_lowercase) {
            return Err(NotAnId);
        }
        let mut uid = [0; 16];
        for (byte, pair) in uid.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(BlobUid(uid))
    }
}

macro_rules! number_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit());
                let number = digits.then(|| text.parse::<u64>().ok()).flatten().ok_or(NotAnId)?;
                if number == 0 || number >= 1 << 53 {
                    return Err(NotAnId);
                }
                Ok($name(number))
            }
        }
    };
}
number_id!(AppId);
number_id!(UserId);

macro_rules! hex_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            /// Takes 24 hex digits of either case.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let text = text.as_bytes();
                if text.len() != 24 {
                    return Err(NotAnId);
                }
                let mut id = [0; 12];
                for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
                    *byte = digit(pair[0])? << 4 | digit(pair[1])?;
                }
                Ok($name(id))
            }
        }
        impl $name {
            /// The id as proto carries it.
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }
        }
        impl TryFrom<&[u8]> for $name {
            type Error = NotAnId;
            fn try_from(bytes: &[u8]) -> Result<Self, NotAnId> {
                bytes.try_into().map($name).map_err(|_| NotAnId)
            }
        }
    };
}
hex_id!(DialogId);
hex_id!(MessageId);

fn digit(byte: u8) -> Result<u8, NotAnId> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(NotAnId),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pair_has_one_id_whoever_asks_and_it_has_a_letter() {
        for n in 1..500 {
            let id = DialogId::of_pair(b"key", UserId(n), UserId(7000));
            assert_eq!(id, DialogId::of_pair(b"key", UserId(7000), UserId(n)));
            assert!(id.to_string().contains(|c: char| c.is_ascii_lowercase()), "{id}");
            assert_ne!(id, DialogId::of_pair(b"other", UserId(n), UserId(7000)));
        }
    }

    #[test]
    fn a_name_has_one_id_for_each_sender() {
        let id = MessageId::of_name(UserId(34), "a1-7f");
        assert_eq!(id, MessageId::of_name(UserId(34), "a1-7f"));
        assert_ne!(id, MessageId::of_name(UserId(34), "a1-80"));
        assert_ne!(id, MessageId::of_name(UserId(78), "a1-7f"));
    }

    #[test]
    fn hex_ids_survive_the_round_trip() {
        let id: DialogId = "66F0a1b2c3d4e5f607182930".parse().unwrap();
        assert_eq!(id.to_string(), "66f0a1b2c3d4e5f607182930");
        for bad in ["", "66f0a1b2c3d4e5f60718293", "66f0a1b2c3d4e5f60718293g", "66f0a1b2c3d4e5f6071829300"] {
            assert_eq!(bad.parse::<DialogId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn a_blob_is_never_named_by_digits_alone() {
        for n in 0..=255 {
            let uid = BlobUid::from_random([n; 16]);
            let text = uid.to_string();
            assert!(text.len() == 32 && text.starts_with(|c: char| ('A'..='F').contains(&c)), "{text}");
            assert_eq!(text.parse(), Ok(uid));
        }
        for bad in ["", "B7D24C19E05A4F3C8D6E1A2B3C4D5E6", "b7d24c19e05a4f3c8d6e1a2b3c4d5e6f", "../../../../../../etc/passwd0000"]
        {
            assert_eq!(bad.parse::<BlobUid>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn numbers_are_positive_and_fit_a_javascript_number() {
        assert_eq!("78".parse(), Ok(UserId(78)));
        for bad in ["", "0", "-1", "+1", "1.0", "9007199254740992", "99999999999999999999", "٣"] {
            assert_eq!(bad.parse::<UserId>(), Err(NotAnId), "{bad}");
        }
    }
}
