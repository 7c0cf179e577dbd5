//! What is read of a certificate's DER (RFC 5280, 4.1): from when to when it holds, and for which names. rustls checks the rest.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXTENSIONS: u8 = 0xa3;
const OCTETS: u8 = 0x04;
const DNS_NAME: u8 = 0x82;
/// subjectAltName, 2.5.29.17 (RFC 5280, 4.2.1.6).
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// First and last second, Unix. None: this is no certificate.
pub fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (SEQUENCE, validity, _) = element(from_validity(certificate)?)? else { return None };
    let (tag, from, rest) = element(validity)?;
    let (tag_end, upto, _) = element(rest)?;
    Some((instant(tag, from)?, instant(tag_end, upto)?))
}

/// The DNS names it is for, in lower case and in its order; `*.` stands before those of a wildcard. Addresses are left out: no
/// client names one (RFC 6066, 3).
pub fn dns_names(certificate: &[u8]) -> Vec<String> {
    let Some(mut names) = alternative_names(certificate) else { return Vec::new() };
    let mut found = Vec::new();
    while let Some((tag, name, rest)) = element(names) {
        if tag == DNS_NAME
            && let Ok(name) = std::str::from_utf8(name)
        {
            found.push(name.to_ascii_lowercase());
        }
        names = rest;
    }
    found
}

// The content of the extension; None without one.
fn alternative_names(certificate: &[u8]) -> Option<&[u8]> {
    // Validity, subject, key, and two optional ids that nobody uses.
    let (_, _, mut body) = element(from_validity(certificate)?)?;
    let mut extensions = loop {
        let (tag, content, rest) = element(body)?;
        match tag {
            EXTENSIONS => break element(content)?.1,
            _ => body = rest,
        }
    };
    loop {
        let (_, extension, rest) = element(extensions)?;
        let (_, id, mut value) = element(extension)?;
        if id == ALTERNATIVE_NAMES {
            // A boolean may stand before the value: whether it is critical.
            loop {
                let (tag, content, rest) = element(value)?;
                match tag {
                    OCTETS => return Some(element(content)?.1),
                    _ => value = rest,
                }
            }
        }
        extensions = rest;
    }
}

// The fields from validity on.
fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let (_, body, _) = element(certificate)?;
    let (_, body, _) = element(body)?;
    let (tag, _, after_version) = element(body)?;
    // Version, serial number, algorithm, issuer, validity; version 1 leaves the version out.
    let body = if tag == VERSION { after_version } else { body };
    let (_, _, body) = element(body)?;
    let (_, _, body) = element(body)?;
    let (_, _, body) = element(body)?;
    Some(body)
}

// Tag, content and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f).filter(|(digits, _)| (1..=4).contains(&digits.len()))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; two digits are 1950 to 2049.
fn instant(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn the_dates_of_a_certificate_are_read_in_both_spellings() {
        for (from, upto, expected) in [
            ((2026, 1, 1), (2036, 1, 1), (1_767_225_600, 2_082_758_400)),
            ((1999, 12, 31), (2049, 12, 31), (946_598_400, 2_524_521_600)),
            ((2026, 2, 28), (2050, 1, 1), (1_772_236_800, 2_524_608_000)),
        ] {
            let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(upto.0, upto.1, upto.2);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(validity(certificate.der()), Some(expected));
        }
    }

    #[test]
    fn the_dns_names_of_a_certificate_are_read_and_its_addresses_are_not() {
        for (names, expected) in [
            (vec!["a.test"], vec!["a.test"]),
            (
                vec!["127.0.0.1", "Chat.Example.Net", "*.example.net", "::1", "b.test"],
                vec!["chat.example.net", "*.example.net", "b.test"],
            ),
            (vec!["127.0.0.1"], vec![]),
            (vec![], vec![]),
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let made = CertificateParams::new(names).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(dns_names(made.der()), expected);
        }
    }

    #[test]
    fn what_is_cut_or_no_certificate_has_no_dates() {
        let whole =
            CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
        for length in 0..whole.der().len() {
            assert_eq!(validity(&whole.der()[..length]), None, "{length} bytes");
            assert_eq!(dns_names(&whole.der()[..length]), Vec::<String>::new(), "{length} bytes");
        }
        for other in [b"".as_slice(), b"0", b"hello", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80, 0, 0], &[0x30; 40]] {
            assert_eq!((validity(other), dns_names(other)), (None, Vec::new()), "{other:?}");
        }
    }
}
