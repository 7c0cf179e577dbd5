//! The PLAIN message of SASL (RFC 4616). It reads; whether the password is right is not known here.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Jid;

/// Most bytes of the message. RFC 4616 sets 255 characters a part; session tokens and UTF-8 need some room more.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// The credentials of one attempt. `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// Whom the client wants to act as; empty from 2.x on. Check it with [`is_own`](Plain::is_own).
    pub authzid: String,
    /// Whose password it is: user id, dash, app id.
    pub authcid: String,
    password: Vec<u8>,
}

/// Why a PLAIN message cannot be read. It never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// Not base64; on the wire `incorrect-encoding`.
    #[error("the message is not base64")]
    Encoding,
    /// Not three parts of legal text; on the wire `malformed-request`.
    #[error("the message is not authzid, authcid and password")]
    Malformed,
}

impl PlainError {
    /// The condition for [`sasl_failure`](crate::sasl_failure) (RFC 6120, 6.5).
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            PlainError::Encoding => "incorrect-encoding",
            PlainError::Malformed => "malformed-request",
        }
    }
}

impl Plain {
    /// Reads the text of `<auth/>`: base64, strictly, of authzid NUL authcid NUL password.
    pub fn parse(text: &str) -> Result<Plain, PlainError> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(PlainError::Malformed);
        }
        let message = STANDARD.decode(text).map_err(|_| PlainError::Encoding)?;
        let mut parts = message.split(|byte| *byte == 0);
        let (Some(authzid), Some(authcid), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PlainError::Malformed);
        };
        if authcid.is_empty() || password.is_empty() {
            return Err(PlainError::Malformed);
        }
        Ok(Plain { authzid: utf8(authzid)?, authcid: utf8(authcid)?, password: password.to_vec() })
    }

    /// Whether the client wants to act as itself: no authzid, or one whose local part is the authcid, whatever its
    /// domain (`contract xmpp 1.5`). Anything else must be refused (attack A11).
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.authzid.is_empty() || Jid::parse(&self.authzid).is_ok_and(|jid| jid.routed_by() == self.authcid.to_ascii_lowercase())
    }

    /// What the password may be, to be tried in this order: its bytes as UTF-8, then as Latin-1, which is what 2.x to
    /// 6.x send (`contract xmpp 1.5`). One reading if it is ASCII.
    pub fn passwords(&self) -> impl Iterator<Item = String> + '_ {
        let utf8 = std::str::from_utf8(&self.password).ok().map(str::to_owned);
        let latin1 = (!self.password.is_ascii()).then(|| self.password.iter().map(|byte| char::from(*byte)).collect::<String>());
        utf8.into_iter().chain(latin1)
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").field("authzid", &self.authzid).field("authcid", &self.authcid).finish_non_exhaustive()
    }
}

fn utf8(part: &[u8]) -> Result<String, PlainError> {
    std::str::from_utf8(part).map(str::to_owned).map_err(|_| PlainError::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_build_signs_in() {
        let modern = plain(b"\x0034-905\0secret");
        assert_eq!((modern.authzid.as_str(), modern.authcid.as_str()), ("", "34-905"));
        assert!(modern.is_own());
        assert!(plain(b"34-905@chat.example.net\x0034-905\0secret").is_own());
        assert!(plain(b"34-905\x0034-905\0secret").is_own());
    }

    #[test]
    fn nobody_acts_as_somebody_else() {
        for authzid in ["78-905@chat.example.net", "78-905", "@34-905", "34-905@a@b", "chat.example.net", " 34-905"] {
            let message = [authzid.as_bytes(), b"\x0034-905\0secret"].concat();
            assert!(!plain(&message).is_own(), "{authzid}");
        }
    }

    #[test]
    fn a_password_is_read_as_utf8_and_then_as_latin1() {
        let readings = |bytes: &[u8]| plain(&[b"\0a\0", bytes].concat()).passwords().collect::<Vec<_>>();
        assert_eq!(readings(b"secret"), ["secret"]);
        assert_eq!(readings(b"k\xe4se"), ["k\u{e4}se"]);
        assert_eq!(readings("k\u{e4}se".as_bytes()), ["k\u{e4}se", "k\u{c3}\u{a4}se"]);
    }

    #[test]
    fn bad_messages_are_refused_by_name() {
        for text in ["====", "AA", "AGEAYg", "AGEA Yg==", "AGEAYg==\n", "\u{e4}"] {
            assert_eq!(Plain::parse(text), Err(PlainError::Encoding), "{text}");
        }
        for message in [&b""[..], b"a", b"\0a", b"\0a\0", b"\0\0b", b"\0a\0b\0c", b"\0\xff\0b", b"\xff\0a\0b"] {
            assert_eq!(Plain::parse(&STANDARD.encode(message)), Err(PlainError::Malformed), "{message:?}");
        }
        assert_eq!(Plain::parse(&"A".repeat(8_192)), Err(PlainError::Malformed));
    }

    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", plain(b"\x0034-905\0secret")).contains("secret"));
    }

    fn plain(message: &[u8]) -> Plain {
        Plain::parse(&STANDARD.encode(message)).unwrap()
    }
}
