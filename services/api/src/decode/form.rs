//! `application/x-www-form-urlencoded`, as query strings and form bodies carry it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Map, Value};

use super::{Bounds, Fault, brackets};

/// Decodes `a=1&b[c]=2`. Keys are percent-decoded before they are split at brackets (contract rest 1.3, detail 3).
pub(super) fn parse(bytes: &[u8], bounds: Bounds) -> Result<Map<String, Value>, Fault> {
    let mut tree = Map::new();
    let pairs = bytes.split(|&b| b == b'&').filter(|pair| !pair.is_empty());
    for (n, pair) in pairs.enumerate() {
        if n >= bounds.keys {
            return Err(Fault::Keys);
        }
        let at = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let key = unescape(&pair[..at])?;
        let value = unescape(pair.get(at + 1..).unwrap_or_default())?;
        brackets::insert(&mut tree, &key, Value::String(value), bounds.depth)?;
    }
    Ok(tree)
}

/// Percent-decodes one key or value. `+` is a space: the SDK writes `%20` and `%2B`, other clients write `+`.
fn unescape(bytes: &[u8]) -> Result<String, Fault> {
    let plus_is_space: Vec<u8> = bytes.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    percent_decode(&plus_is_space)
}

/// Percent-decodes bytes into UTF-8 text.
pub(crate) fn percent_decode(bytes: &[u8]) -> Result<String, Fault> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (rest.next().and_then(digit), rest.next().and_then(digit)) else {
            return Err(Fault::Percent);
        };
        decoded.push(high << 4 | low);
    }
    String::from_utf8(decoded).map_err(|_| Fault::Utf8)
}

fn digit(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).map(|digit| digit as u8)
}
