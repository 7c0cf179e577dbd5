//! Which filters of logs an operator may set while a process runs. Stricter than what the settings take: a word that is no level would be
//! read as the name of a crate, and silence everything else. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

const BYTES_MAX: usize = 500;
const DIRECTIVES_MAX: usize = 32;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Why a text is no filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterFault {
    /// Longer than a filter may be.
    #[error("at most {BYTES_MAX} bytes and {DIRECTIVES_MAX} parts")]
    TooLong,
    /// Neither a level nor `crate=level`.
    #[error("{0:?} is neither a level (off, error, warn, info, debug, trace) nor crate=level")]
    Part(String),
}

/// Checks a filter: levels, and levels by crate or module, separated by commas alone (`info,natter_dialog=debug`).
///
/// # Errors
/// It is none.
pub fn check_filter(text: &str) -> Result<(), FilterFault> {
    let parts: Vec<&str> = text.split(',').collect();
    if text.len() > BYTES_MAX || parts.len() > DIRECTIVES_MAX {
        return Err(FilterFault::TooLong);
    }
    let is_part = |part: &str| match part.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(part),
    };
    match parts.iter().find(|part| !is_part(part)) {
        Some(part) => Err(FilterFault::Part((*part).to_owned())),
        None => Ok(()),
    }
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// A path of Rust: nothing about spans or their fields, which would be looked at for every one of them.
fn is_target(word: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word.split("::").all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_by_crate_are_filters_and_typos_are_named() {
        for filter in ["debug", "info,natter_dialog=debug", "WARN,natter_edge::session=trace", "off", "natter_edge=info"] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
        for (filter, part) in [
            ("debgu", "debgu"),
            ("info,natter_edge", "natter_edge"),
            ("", ""),
            ("info,", ""),
            ("info, natter_edge=debug", " natter_edge=debug"),
            ("natter_edge=loud", "natter_edge=loud"),
            ("info,[stanza{user=7}]=trace", "[stanza{user=7}]=trace"),
            ("=debug", "=debug"),
        ] {
            assert_eq!(check_filter(filter), Err(FilterFault::Part(part.to_owned())), "{filter}");
        }
        assert_eq!(check_filter(&"info,".repeat(101)), Err(FilterFault::TooLong));
        assert_eq!(check_filter(&["info"; 33].join(",")), Err(FilterFault::TooLong));
    }

    #[test]
    fn what_is_checked_is_taken() {
        for filter in ["debug", "WARN,natter_edge::session=trace", "off,natter_edge=info"] {
            assert!(tracing_subscriber::EnvFilter::try_new(filter).is_ok(), "{filter}");
        }
    }
}
