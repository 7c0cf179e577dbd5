//! The rules of a password: which ones are accepted, and in which spellings a chat client may have sent it. Pure. Hashing is
//! in `secret.rs`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::token;
use crate::user::Fault;

/// Bytes of a password. What is longer costs time and proves nothing.
pub const BYTES_MAX: usize = 256;

/// Checks a password that is about to be set. `length_min` counts characters.
///
/// A text in the shape of a session token is refused: the chat door takes such a secret for a token, and a dead token must
/// not count as a guess.
pub fn accept(password: &str, length_min: usize) -> Result<(), Fault> {
    if password.is_empty() {
        return Err(Fault::new("password", "can't be blank"));
    }
    if password.chars().count() < length_min {
        return Err(Fault::new("password", "is too short"));
    }
    if password.len() > BYTES_MAX {
        return Err(Fault::new("password", "is too long"));
    }
    if password.contains('\0') || token::has_shape(password.as_bytes()) {
        return Err(Fault::new("password", "is invalid"));
    }
    Ok(())
}

/// The passwords that `secret` may spell, in the order they are tried: UTF-8 (SDK 1.x), then Latin-1 (SDK 2.x and later)
/// where that is another text (contract xmpp 1.5).
pub fn spellings(secret: &[u8]) -> Vec<String> {
    let utf8 = std::str::from_utf8(secret).ok().map(str::to_owned);
    let latin1 = (!secret.is_ascii()).then(|| secret.iter().map(|byte| char::from(*byte)).collect());
    utf8.into_iter().chain(latin1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_utf8_and_then_as_latin1() {
        assert_eq!(spellings(b"plain"), ["plain"]);
        assert_eq!(spellings("päss".as_bytes()), ["päss", "pÃ¤ss"]);
        assert_eq!(spellings(b"p\xe4ss"), ["päss"]);
        assert_eq!(spellings(b""), [""]);
    }

    #[test]
    fn which_passwords_are_accepted() {
        check("", Some("can't be blank"));
        check("abc", Some("is too short"));
        check("äöüß", None);
        check(&"x".repeat(257), Some("is too long"));
        check("nul\0nul", Some("is invalid"));
        check("6F0E4C1B9A7D4E2C8B1F3A5D7C9E0B2D4F61", Some("is invalid"));
    }

    fn check(password: &str, fault: Option<&str>) {
        assert_eq!(accept(password, 4).err().map(|fault| fault.text), fault, "{password:?}");
    }
}
