//! Ids and places as lower-case hex digits. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// As digits.
pub fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that were shown so, at most 64 of them.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 128 {
        return None;
    }
    digits.chunks(2).map(|pair| std::str::from_utf8(pair).ok().and_then(byte)).collect()
}

// `from_str_radix` would take a sign.
fn byte(pair: &str) -> Option<u8> {
    pair.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
}

/// 16 bytes that were shown so; case does not matter.
pub fn read(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_read_and_nothing_else() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
        assert_eq!(shown(&bytes), "000102030405060708090a0b0c0d0eff");
        assert_eq!(read(&shown(&bytes)), Some(bytes));
        for text in ["", "0a", &"0a".repeat(17), &"zz".repeat(16), &format!("+{}", "a".repeat(31)), &"é".repeat(16)] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(super::bytes(&shown(&bytes[..3])), Some(vec![0, 1, 2]));
        assert_eq!(super::bytes(""), Some(Vec::new()));
        for text in ["0", "+1", "zz", "é", &"0a".repeat(65)] {
            assert_eq!(super::bytes(text), None, "{text}");
        }
    }
}
