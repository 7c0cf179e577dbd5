//! Which part of a file a request wants (RFC 9110, 14), and whether it has it already (13.1).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

/// A part of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// All of it, also for what is malformed and for several parts at once: a server may.
    Whole,
    Some(Range<u64>),
    /// Beyond its end.
    Unsatisfiable,
}

/// What `Range: <header>` wants of a file of `size` bytes.
pub(super) fn part(header: &str, size: u64) -> Part {
    let Some((unit, range)) = header.split_once('=') else { return Part::Whole };
    let Some((first, last)) = range.split_once('-') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return Part::Whole;
    }
    match (number(first), number(last)) {
        // The last so many.
        (None, Some(0)) => Part::Unsatisfiable,
        (None, Some(count)) if first.trim().is_empty() && size > 0 => Part::Some(size.saturating_sub(count)..size),
        (None, Some(_)) if first.trim().is_empty() => Part::Unsatisfiable,
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if !last.trim().is_empty() && number(last).is_none() || first == u64::MAX => Part::Whole,
        (Some(first), _) if first >= size => Part::Unsatisfiable,
        (Some(first), last) => Part::Some(first..last.map_or(size, |last| last.saturating_add(1).min(size))),
        _ => Part::Whole,
    }
}

// Digits only: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Whether `If-None-Match: <header>` names this tag, compared weakly (RFC 9110, 13.1.2).
pub(super) fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (header, part) in [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=2-5", Part::Some(2..6)),
            ("Bytes = 2 - 5", Part::Some(2..6)),
            ("bytes=7-", Part::Some(7..10)),
            ("bytes=7-99999999999999", Part::Some(7..10)),
            ("bytes=0-18446744073709551615", Part::Some(0..10)),
            ("bytes=-3", Part::Some(7..10)),
            ("bytes=-30", Part::Some(0..10)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=10-12", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=x-3", Part::Whole),
            ("bytes=3-x", Part::Whole),
            ("bytes=+1-3", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(super::part(header, 10), part, "{header}");
        }
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(part(header, 0), Part::Unsatisfiable, "{header} of nothing");
        }
    }

    #[test]
    fn a_tag_is_found_among_others() {
        for header in ["\"A\"", "W/\"A\"", "\"B\", \"A\"", "*"] {
            assert!(names(header, "\"A\""), "{header}");
        }
        for header in ["", "A", "\"B\"", "\"AB\""] {
            assert!(!names(header, "\"A\""), "{header}");
        }
    }
}
