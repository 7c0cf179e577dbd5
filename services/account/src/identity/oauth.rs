//! OAuth 1.0a: the signature of a request that is signed with two secrets (RFC 5849, 3.4). Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Who signs.
pub struct Keys<'a> {
    pub consumer_key: &'a str,
    pub consumer_secret: &'a str,
    pub token: &'a str,
    pub token_secret: &'a str,
}

/// When, and a text that is used once.
pub struct Moment<'a> {
    /// Unix seconds.
    pub timestamp: i64,
    pub nonce: &'a str,
}

/// The value of `Authorization` for a request with these parameters in its query or form (RFC 5849, 3.5.1).
pub fn authorization(method: &str, url: &str, parameters: &[(&str, &str)], keys: &Keys<'_>, moment: &Moment<'_>) -> String {
    let timestamp = moment.timestamp.to_string();
    let own = [
        ("oauth_consumer_key", keys.consumer_key),
        ("oauth_nonce", moment.nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_token", keys.token),
        ("oauth_version", "1.0"),
    ];
    let signature = signature(method, url, &[&own, parameters].concat(), keys);
    let mut all: Vec<_> = own.into_iter().chain([("oauth_signature", signature.as_str())]).collect();
    all.sort_unstable();
    let written: Vec<_> = all.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
    format!("OAuth {}", written.join(", "))
}

fn signature(method: &str, url: &str, parameters: &[(&str, &str)], keys: &Keys<'_>) -> String {
    let mut pairs: Vec<_> = parameters.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = format!("{method}&{}&{}", encoded(url), encoded(&pairs.join("&")));
    let key = format!("{}&{}", encoded(keys.consumer_secret), encoded(keys.token_secret));
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(base.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A text with everything but letters, digits and `-._~` as `%XX` (RFC 5849, 3.6).
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes what is written to it"),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Twitter's own example ("Creating a signature").
    #[test]
    fn the_signature_is_that_of_the_vendors_example() {
        let keys = Keys {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog",
            consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
            token_secret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
        };
        let moment = Moment { timestamp: 1_318_622_958, nonce: "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg" };
        let parameters = [("status", "Hello Ladies + Gentlemen, a signed OAuth request!"), ("include_entities", "true")];
        for (url, signature) in [
            ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk%2FjLY%3D"),
            ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"),
        ] {
            let header = authorization("POST", url, &parameters, &keys, &moment);
            assert!(header.contains(&format!("oauth_signature=\"{signature}\"")), "{header}");
            assert!(header.starts_with("OAuth oauth_consumer_key=\"xvz1evFS4wEEPTGEFPHBog\", oauth_nonce="), "{header}");
            assert!(!header.contains("status"), "the parameters stand elsewhere");
        }
    }

    #[test]
    fn only_the_unreserved_stays_as_it_is() {
        assert_eq!(encoded("Ladies + Gentlemen"), "Ladies%20%2B%20Gentlemen");
        assert_eq!(encoded("-._~aZ9"), "-._~aZ9");
        assert_eq!(encoded("☃"), "%E2%98%83");
    }
}
