//! What is sent, within the provider's limit: the text is shortened, nothing else is. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::Value;

use super::alert::{Alert, Target};
use super::{apns, fcm, web};

/// What a device receives, as the console shows it too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// JSON. For FCM the whole message, the device's token in it.
    pub text: String,
    /// Bytes that count, and how many there may be.
    pub size: usize,
    pub limit: usize,
    /// The alert's text did not fit and ends in an ellipsis.
    pub shortened: bool,
    /// Keys of `data` that this provider keeps for itself. They are not sent.
    pub left_out: Vec<String>,
}

/// Why there is no payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// What is not the text does not fit by itself.
    #[error("the alert has {size} bytes without its text, and {limit} are allowed")]
    TooLarge { size: usize, limit: usize },
}

/// What `target` would be sent for `alert`.
///
/// # Errors
/// If the alert does not fit, however short its text is.
pub fn payload(target: &Target, alert: &Alert) -> Result<Payload, PayloadError> {
    match target {
        Target::Apns { voip, .. } => apns::payload(*voip, alert),
        Target::Fcm { token } => fcm::payload(token, alert),
        Target::Web { .. } => web::payload(alert),
    }
}

/// JSON, and how many of its bytes count.
pub(super) struct Written {
    pub text: String,
    pub size: usize,
}

impl Written {
    /// All of `value` counts.
    pub fn whole(value: &Value) -> Written {
        let text = value.to_string();
        Written { size: text.len(), text }
    }
}

const ELLIPSIS: char = '…';

/// Writes with as much of `text` as fits. `write` puts its argument into the JSON once, as one string.
pub(super) fn fitting(
    text: &str,
    limit: usize,
    left_out: Vec<String>,
    write: impl Fn(&str) -> Written,
) -> Result<Payload, PayloadError> {
    let whole = write(text);
    let done = |written: Written, shortened| Payload { text: written.text, size: written.size, limit, shortened, left_out };
    if whole.size <= limit {
        return Ok(done(whole, false));
    }
    let least = write(ELLIPSIS.encode_utf8(&mut [0; 4])).size;
    let without = least - ELLIPSIS.len_utf8();
    if least > limit || text.is_empty() {
        return Err(PayloadError::TooLarge { size: if text.is_empty() { whole.size } else { without }, limit });
    }
    let kept = beginning(text, limit - least);
    Ok(done(write(&format!("{kept}{ELLIPSIS}")), true))
}

// As many whole characters of `text`, as the user sees them, as take `room` bytes in a JSON string.
fn beginning(text: &str, room: usize) -> &str {
    let mut taken = 0;
    let mut end = 0;
    let mut before = None;
    let mut flags = 0;
    for (at, c) in text.char_indices() {
        if before.is_none_or(|before| !belongs(before, c, flags)) {
            end = at;
        }
        taken += escaped(c);
        if taken > room {
            return text[..end].trim_end();
        }
        flags = if is_flag_half(c) { flags + 1 } else { 0 };
        before = Some(c);
    }
    text
}

// Bytes of a character in a JSON string, as serde_json writes it (RFC 8259, 7).
fn escaped(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

// Whether `c` is part of the character on the screen that `before` is part of: marks, variation selectors, skin tones, tags, what is
// joined, and the second half of a flag (Unicode UAX 29, the rules that matter for emoji and Latin marks). `flags`: halves of flags
// up to `before`.
fn belongs(before: char, c: char, flags: usize) -> bool {
    let extends = matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{93a}'..='\u{93c}' | '\u{93e}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200c}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}');
    let joined = before == '\u{200d}' || (before == '\r' && c == '\n');
    let flag = is_flag_half(before) && is_flag_half(c) && flags % 2 == 1;
    extends || joined || flag
}

fn is_flag_half(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

#[cfg(test)]
#[path = "payload/tests.rs"]
mod tests;
