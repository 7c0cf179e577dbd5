//! What an operator may set over the settings of all processes while they run, and within which bounds. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::RangeInclusive;

use natter_proto::account::v1::change_overrides_request::Log;
use natter_proto::account::v1::{ChangeOverridesRequest, LogFilter, Overrides};
use natter_telemetry::check_filter;

/// The limits that may be set, by the names of their settings. The services that ask them have a dial for each. None is 0: that would be
/// the end of every app, and to close one is to suspend it.
pub const LIMITS: [(&str, RangeInclusive<u64>); 7] = [
    ("account.guesses_address_max", 1..=1_000_000),
    ("account.guesses_user_max", 1..=10_000),
    ("account.newcomers_address_max", 1..=1_000_000),
    ("api.app_rate", 1..=1_000_000),
    ("api.user_rate", 1..=1_000_000),
    ("dialog.app_rate", 1..=1_000_000),
    ("edge.connections_per_address_max", 1..=1_000_000),
];

/// What of a change cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    pub field: &'static str,
    pub text: String,
}

impl Fault {
    fn new(field: &'static str, text: impl Into<String>) -> Fault {
        Fault { field, text: text.into() }
    }
}

/// A day: what is logged for longer belongs into the settings, or is set without an end.
const LOG_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// The overrides after a change; a filter that is over goes with it.
///
/// # Errors
/// A filter or a limit that cannot be. Nothing is changed.
pub fn changed(before: Overrides, change: &ChangeOverridesRequest, now: i64) -> Result<Overrides, Fault> {
    let Overrides { revision, log, mut limits } = before;
    let log = match &change.log {
        Some(Log::SetLog(filter)) => Some(checked(filter, now)?),
        Some(Log::ClearLog(_)) => None,
        None => log.filter(|filter| filter.until == 0 || filter.until > now),
    };
    for name in &change.clear_limits {
        bounds(name)?;
        limits.remove(name);
    }
    for (name, limit) in &change.set_limits {
        let bounds = bounds(name)?;
        if !bounds.contains(limit) {
            return Err(Fault::new("value", format!("is from {} to {}", bounds.start(), bounds.end())));
        }
        limits.insert(name.clone(), *limit);
    }
    Ok(Overrides { revision: revision + 1, log, limits })
}

fn checked(filter: &LogFilter, now: i64) -> Result<LogFilter, Fault> {
    check_filter(&filter.filter).map_err(|fault| Fault::new("filter", fault.to_string()))?;
    match filter.until {
        0 => Ok(filter.clone()),
        until if until > now && until - now <= LOG_MS_MAX => Ok(filter.clone()),
        _ => Err(Fault::new("minutes", "is from 1 to 1440")),
    }
}

fn bounds(name: &str) -> Result<&'static RangeInclusive<u64>, Fault> {
    let found = LIMITS.iter().find(|(limit, _)| *limit == name);
    let unknown = || {
        let names: Vec<&str> = LIMITS.iter().map(|(limit, _)| *limit).collect();
        // The name is the caller's, and of any length.
        Fault::new("limit", format!("is none that may be set; there are {}", names.join(", ")))
    };
    found.map(|(_, bounds)| bounds).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn set_log(filter: &str, until: i64) -> ChangeOverridesRequest {
        let log = Some(Log::SetLog(LogFilter { filter: filter.into(), until }));
        ChangeOverridesRequest { log, ..ChangeOverridesRequest::default() }
    }

    fn set_limit(name: &str, limit: u64) -> ChangeOverridesRequest {
        ChangeOverridesRequest { set_limits: [(name.to_owned(), limit)].into(), ..ChangeOverridesRequest::default() }
    }

    #[test]
    fn a_change_leaves_the_rest_and_counts_the_revision() {
        let one = changed(Overrides::default(), &set_log("debug", 0), NOW).unwrap();
        let two = changed(one, &set_limit("api.user_rate", 7), NOW).unwrap();
        let three = changed(two, &set_limit("dialog.app_rate", 9), NOW).unwrap();
        assert_eq!((three.revision, three.log.as_ref().unwrap().filter.as_str(), three.limits.len()), (3, "debug", 2));
        let clear = ChangeOverridesRequest {
            log: Some(Log::ClearLog(true)),
            clear_limits: vec!["api.user_rate".into()],
            ..ChangeOverridesRequest::default()
        };
        let four = changed(three, &clear, NOW).unwrap();
        assert_eq!((four.revision, four.log, four.limits), (4, None, [("dialog.app_rate".to_owned(), 9)].into()));
    }

    #[test]
    fn a_filter_that_is_over_goes_with_the_next_change() {
        let before = changed(Overrides::default(), &set_log("debug", NOW + 60_000), NOW).unwrap();
        let kept = |now| changed(before.clone(), &set_limit("api.user_rate", 7), now).unwrap().log.is_some();
        assert!(kept(NOW + 59_999) && !kept(NOW + 60_000));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |change: ChangeOverridesRequest| changed(Overrides::default(), &change, NOW).unwrap_err();
        assert_eq!(refused(set_log("debgu", 0)).field, "filter");
        for until in [NOW, NOW - 1, NOW + LOG_MS_MAX + 1, i64::MIN] {
            assert_eq!(refused(set_log("debug", until)).field, "minutes", "{until}");
        }
        for (name, limit, field) in [
            ("api.user_rate", 0, "value"),
            ("api.user_rate", 1_000_001, "value"),
            ("edge.tcp_port", 5222, "limit"),
            ("", 1, "limit"),
        ] {
            assert_eq!(refused(set_limit(name, limit)).field, field, "{name}");
        }
        let clear = ChangeOverridesRequest { clear_limits: vec!["edge.tcp_port".into()], ..Default::default() };
        assert_eq!(refused(clear).field, "limit");
    }
}
