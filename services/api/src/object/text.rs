//! How ids and dates are spelled in the objects.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Bytes as lower-case hex digits.
pub(crate) struct Hex<'a>(pub &'a [u8]);

/// Unix milliseconds as `2026-02-03T10:11:12Z`. A date outside the calendar (year 9999) is shown as the epoch: it can only come from
/// a broken row.
pub(crate) struct Date(pub i64);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let mut digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]);
        digits.try_for_each(|digit| fmt::Write::write_char(f, digit))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole seconds are printed without a fraction.
        Timestamp::from_second(self.0.div_euclid(1_000)).unwrap_or(Timestamp::UNIX_EPOCH).fmt(f)
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// [`Hex`] as a text of its own.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

/// [`Date`] as a text of its own.
pub(crate) fn date(ms: i64) -> String {
    Date(ms).to_string()
}
