//! From when to when a certificate holds, read from its DER (RFC 5280, 4.1). Nothing else of it is read: rustls checks the rest.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// First and last second, Unix. None: this is no certificate.
pub fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, body, _) = element(certificate)?;
    let (_, body, _) = element(body)?;
    let (tag, _, after_version) = element(body)?;
    // Version, serial number, algorithm, issuer, validity; version 1 leaves the version out.
    let body = if tag == VERSION { after_version } else { body };
    let (_, _, body) = element(body)?;
    let (_, _, body) = element(body)?;
    let (_, _, body) = element(body)?;
    let (SEQUENCE, validity, _) = element(body)? else { return None };
    let (tag, from, rest) = element(validity)?;
    let (tag_end, upto, _) = element(rest)?;
    Some((instant(tag, from)?, instant(tag_end, upto)?))
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
    fn what_is_cut_or_no_certificate_has_no_dates() {
        let whole =
            CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
        for length in 0..whole.der().len() {
            assert_eq!(validity(&whole.der()[..length]), None, "{length} bytes");
        }
        for other in [b"".as_slice(), b"0", b"hello", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80, 0, 0], &[0x30; 40]] {
            assert_eq!(validity(other), None, "{other:?}");
        }
    }
}
