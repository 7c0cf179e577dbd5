//! Ids as lower-case hex digits; what is read has 16 bytes. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// As digits.
pub fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was shown so; case does not matter.
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
    }
}
