//! How a receiver knows that it is we who tell him (standardwebhooks.com): a signature over id, time and body, by each secret that is
//! good. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What a secret begins with, as receivers are given it.
const PREFIX: &str = "whsec_";
/// Of a secret.
pub const SECRET_BYTES: usize = 32;

/// A secret as receivers are given it.
pub fn written(secret: &[u8]) -> String {
    format!("{PREFIX}{}", BASE64_STANDARD.encode(secret))
}

/// The headers of a delivery. `at`: unix seconds.
pub fn headers(secrets: &[Vec<u8>], id: &str, at: i64, body: &[u8]) -> [(String, String); 3] {
    let said = [id.as_bytes(), b".", at.to_string().as_bytes(), b".", body].concat();
    let of = |secret: &Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &said);
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    };
    let signatures: Vec<String> = secrets.iter().map(of).collect();
    [("webhook-id", id.to_owned()), ("webhook-timestamp", at.to_string()), ("webhook-signature", signatures.join(" "))]
        .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The example of the Standard Webhooks specification's libraries.
    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = headers(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed[0].1, "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(signed[1], ("webhook-timestamp".to_owned(), "1614265330".to_owned()));
        assert_eq!(signed[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(written(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let both = headers(&[secret, vec![7; 32]], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert!(both[2].1.starts_with(&format!("{} v1,", signed[2].1)), "each secret signs: {}", both[2].1);
    }
}
