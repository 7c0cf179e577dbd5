//! The rules of an app's own names: what an operator may give it, and how a client's spelling of a name is read. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use natter_proto::account::v1::App;

use crate::user::Fault;

/// The fields of an app that hold names, as operators know them.
pub const CHAT: &str = "chat_host";
pub const API: &str = "api_host";

/// Longest name (RFC 1035, 2.3.4, without the length octets), and longest part of one.
const NAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// A name that an operator gives to `field` of an app, as it is kept: in lower case. Empty: no name.
///
/// An international name is refused in its Unicode spelling: certificates, DNS and the SDK's addresses all carry the other one, so
/// there is one spelling of each name.
pub fn accept(field: &'static str, text: &str) -> Result<String, Fault> {
    if !text.is_ascii() {
        return Err(Fault::new(field, "must be in ASCII: an international name is written with xn--"));
    }
    let name = text.to_ascii_lowercase();
    match name.as_str() {
        "" => Ok(name),
        name if !is_name(name) => Err(Fault::new(field, "must be a DNS name, without a port and a final dot, and no address")),
        // The SDK tells rooms by these letters (contract rest 14, 1).
        name if field == CHAT && name.contains("muc") => Err(Fault::new(field, "must not contain the letters muc")),
        // In such an address the SDK sends no token, or hides its own faults (contract rest 1.2, 14).
        name if field == API && (name.contains("session") || name.contains("s3.amazonaws.com")) => {
            Err(Fault::new(field, "must not contain session or s3.amazonaws.com"))
        }
        _ => Ok(name),
    }
}

/// The name that a client spelt so, in any case and with the final dot of DNS or without. None: it is nobody's name.
pub fn asked(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    (name.len() <= NAME_CHARS_MAX).then(|| name.to_ascii_lowercase()).filter(|name| is_name(name))
}

/// The names of an app.
pub fn hosts(app: &App) -> BTreeSet<&str> {
    [&app.chat_host, &app.api_host].into_iter().map(String::as_str).filter(|name| !name.is_empty()).collect()
}

// Letters, digits and hyphens (RFC 1123, 2.1). A last part of digits only would be an IPv4 address to others.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= NAME_CHARS_MAX && name.split('.').all(is_label) && !name.rsplit('.').next().is_none_or(is_number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_kept_in_one_spelling() {
        for (given, kept) in [
            ("Chat.Customer.Example", "chat.customer.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("3.a-b.example", "3.a-b.example"),
            ("chat", "chat"),
            ("", ""),
        ] {
            assert_eq!(accept(CHAT, given).as_deref(), Ok(kept));
            assert_eq!(accept(API, given).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("{}.example", ["a"; 130].join("."));
        let label = format!("{}.example", "a".repeat(64));
        for bad in [
            "b\u{fc}cher.example",
            "127.0.0.1",
            "::1",
            "[::1]",
            "a.1",
            "a.example:5291",
            "a.example.",
            ".example",
            "a..example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "a b.example",
            "*.example",
            "https://a.example",
            &long,
            &label,
        ] {
            assert!(accept(CHAT, bad).is_err() && accept(API, bad).is_err(), "{bad}");
        }
        for (field, bad) in [(CHAT, "muc.a.example"), (API, "session.example"), (API, "s3.amazonaws.com")] {
            assert_eq!(accept(field, bad).unwrap_err().field, field);
        }
        assert!(accept(API, "muc.a.example").is_ok() && accept(CHAT, "session.example").is_ok());
    }

    #[test]
    fn what_a_client_asks_for_is_read_as_dns_would() {
        assert_eq!(asked("CHAT.a.example.").as_deref(), Some("chat.a.example"));
        for nobody in ["", ".", "127.0.0.1", "::1", "a_b", "a.example..", "b\u{fc}cher.example", &"a".repeat(9_000)] {
            assert_eq!(asked(nobody), None, "{nobody}");
        }
    }
}
