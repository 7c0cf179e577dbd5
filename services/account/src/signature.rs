//! The check of a signed `POST /session` (contract rest 2.3). Pure. Which string was signed is known to the REST door, which
//! saw the raw parameters.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// What is wrong with a signed request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The signature is not that of the string under the app's secret.
    Unexpected,
    /// The timestamp is too far from the server's time.
    Timestamp,
}

/// A request that claims to be signed.
pub struct Signed<'a> {
    /// All parameters but the signature, sorted, joined by `&`, not encoded.
    pub text: &'a str,
    /// Hex: 40 digits are SHA-1, 64 are SHA-256.
    pub signature: &'a str,
    /// Unix seconds, as the client says.
    pub timestamp: i64,
}

/// Checks signature and time. Takes the same time wherever the signature differs.
///
/// That a signature was seen before is no fault: the SDK has 10,000 nonces, so honest clients of a busy app repeat them.
pub fn check(auth_secret: &str, signed: &Signed<'_>, now_s: i64, age_max_s: u64) -> Result<(), Fault> {
    let digest = bytes_of_hex(signed.signature).ok_or(Fault::Unexpected)?;
    let right = match digest.len() {
        20 => is_mac::<Hmac<Sha1>>(auth_secret, signed.text, &digest),
        32 => is_mac::<Hmac<Sha256>>(auth_secret, signed.text, &digest),
        _ => false,
    };
    if !right {
        return Err(Fault::Unexpected);
    }
    match now_s.abs_diff(signed.timestamp) <= age_max_s {
        true => Ok(()),
        false => Err(Fault::Timestamp),
    }
}

fn is_mac<M: Mac + KeyInit>(key: &str, text: &str, digest: &[u8]) -> bool {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.verify_slice(digest).is_ok()
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0 && digits.len() <= 128)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "application_id=77&auth_key=demoKey&nonce=4242&timestamp=1700000000";
    const HOUR: u64 = 3600;

    // The vectors of contract rest 2.3.
    #[test]
    fn the_signatures_of_every_sdk_are_right() {
        vector(APP, "72541bff86c550097f5357430997844b22b6052f");
        vector(APP, "628760c23df09d42eea888b336c7c93d1aa4c9a8c4c959b6231c71439cad9e63");
        let user = format!("{APP}&user[login]=ann&user[password]=p&ss=1 é");
        vector(&user, "8387911021f310bdefa9036839b921f5b140daee");
        vector(&user, "718b6a497388bfa75364700ac1434aaa33b2ccb2ddfd56c518947f3a92d1a266");
        let social =
            "application_id=77&auth_key=demoKey&keys[secret]=S1&keys[token]=T1&nonce=4242&provider=twitter&timestamp=1700000000";
        vector(social, "c07d758d483e7a77f20cb0a5549abb5c50675274");
        vector(social, "6cf05fae25f4448687a993f8fc60c7b89baafd047392837b154b8d8947893a35");
        let guest = format!("{APP}&user[full_name]=Ann Lee&user[guest]=1");
        vector(&guest, "398c96793c19c5b4661afa9050052b0f6d495b95");
        vector(&guest, "321d22f7ddbf9dbb5b632b40d6df43071bd11397c31118ab130752a77e87f0ed");
        let web = "application_id=77&auth_key=demoKey&long=0&nonce=4242&timestamp=1700000000";
        vector(web, "33f20391d6aace4087b3ef0b203d49697818245d");
        vector(web, "456dcde824ededacc43b57adbc0af39eaa90fac4e6366e4d049a17a99b017aa3");
    }

    #[test]
    fn anything_else_is_unexpected() {
        let sha1 = "72541bff86c550097f5357430997844b22b6052f";
        assert_eq!(verdict("otherSecret", APP, sha1, 0), Err(Fault::Unexpected));
        assert_eq!(verdict("demoSecret", "application_id=78", sha1, 0), Err(Fault::Unexpected));
        for bad in ["", "7", "72541bff", "zz541bff86c550097f5357430997844b22b6052f", "é", &"0".repeat(64), &"0".repeat(5000)] {
            assert_eq!(verdict("demoSecret", APP, bad, 0), Err(Fault::Unexpected), "{bad}");
        }
    }

    #[test]
    fn a_timestamp_holds_for_an_hour_either_way() {
        let sha1 = "72541bff86c550097f5357430997844b22b6052f";
        for (late, verdict_expected) in
            [(3600, Ok(())), (3601, Err(Fault::Timestamp)), (-3600, Ok(())), (-3601, Err(Fault::Timestamp))]
        {
            assert_eq!(verdict("demoSecret", APP, sha1, late), verdict_expected, "{late} s");
        }
    }

    fn vector(text: &str, signature: &str) {
        assert_eq!(verdict("demoSecret", text, signature, 0), Ok(()), "{text}");
    }

    fn verdict(secret: &str, text: &str, signature: &str, late: i64) -> Result<(), Fault> {
        check(secret, &Signed { text, signature, timestamp: 1_700_000_000 }, 1_700_000_000 + late, HOUR)
    }
}
