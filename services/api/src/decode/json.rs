//! JSON bodies within bounds that are checked before anything is built.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Map, Value};

use super::{Bounds, Fault, brackets};

/// Decodes a JSON object. Bracket keys of the outermost object follow the rule of form keys (contract rest 1.3, detail 6);
/// inside a value they are the app's own.
pub(super) fn parse(bytes: &[u8], bounds: Bounds) -> Result<Map<String, Value>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check(text.as_bytes(), bounds)?;
    let object = match serde_json::from_str(text).map_err(|_| Fault::Json)? {
        Value::Object(object) => object,
        Value::Null => Map::new(),
        _ => return Err(Fault::Json),
    };
    let mut tree = Map::new();
    for (key, value) in object {
        brackets::insert(&mut tree, &key, value, bounds.depth)?;
    }
    Ok(tree)
}

// Counts brackets and keys outside strings; whether the text is JSON at all is the parser's business.
fn check(bytes: &[u8], bounds: Bounds) -> Result<(), Fault> {
    let (mut depth, mut keys) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, b':') => keys += 1,
            _ => {}
        }
        if depth > bounds.depth {
            return Err(Fault::Depth);
        }
        if keys > bounds.keys {
            return Err(Fault::Keys);
        }
    }
    Ok(())
}
