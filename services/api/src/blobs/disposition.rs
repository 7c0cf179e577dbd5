//! `Content-Disposition` of a file (RFC 6266): its name, which its owner chose, as every browser saves it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The value for a name. What is more than plain ASCII is also spelled by RFC 8187.
pub(super) fn disposition(name: &str, attachment: bool) -> String {
    let kind = if attachment { "attachment" } else { "inline" };
    // No way through folders and no end of a line, whatever the name is.
    let name: String = name.chars().filter(|c| !c.is_control()).map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    // Quotes are escaped differently by different browsers, percent signs are decoded by some.
    let plain: String = name.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '%') { c } else { '_' }).collect();
    if plain == name {
        return format!("{kind}; filename=\"{plain}\"");
    }
    let encoded: String = name.bytes().map(encoded).collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

// RFC 8187, 3.2.1: attr-char stands for itself.
fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_spelled_for_every_browser() {
        for (name, value) in [
            ("image.jpg", "attachment; filename=\"image.jpg\""),
            ("a b;c.jpg", "attachment; filename=\"a b;c.jpg\""),
            ("Grüße.png", "attachment; filename=\"Gr__e.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.png"),
            ("\"x\".png", "attachment; filename=\"_x_.png\"; filename*=UTF-8''%22x%22.png"),
            ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
            ("../../etc/passwd", "attachment; filename=\".._.._etc_passwd\""),
            ("a\r\nSet-Cookie: b", "attachment; filename=\"aSet-Cookie: b\""),
        ] {
            assert_eq!(disposition(name, true), value);
        }
        assert!(disposition("a", false).starts_with("inline; "));
    }

    proptest! {
        #[test]
        fn whatever_the_name_is_it_is_one_header_of_two_parameters(name in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            let value = disposition(&name, true);
            prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", value);
            prop_assert_eq!(value.matches('"').count(), 2);
            prop_assert!(!value.contains(['/', '\\']));
        }
    }
}
