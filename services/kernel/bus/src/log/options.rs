//! The settings of a durable log on NATS JetStream.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the stream is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// The name of the stream: letters, digits, `-` and `_`. Installations that share servers need one each.
    pub stream: String,
    /// So many servers keep every entry: 1, 3 or 5.
    pub replicas: u32,
    /// Over so many bytes the oldest entries are dropped.
    pub bytes_max: u64,
    /// Older entries are dropped.
    pub days_max: u32,
    /// Whoever tells waits for the servers so long at most.
    pub deadline_ms: u64,
    /// What was read and is not done after this time is read again, by whoever owns its lane then.
    pub patience_ms: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            stream: "natter-posted".into(),
            replicas: 1,
            bytes_max: 1 << 30,
            days_max: 7,
            deadline_ms: 500,
            patience_ms: 30_000,
        }
    }
}

impl LogOptions {
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(super) fn check(&self) -> io::Result<()> {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let checks = [
            (
                !self.stream.is_empty() && self.stream.len() <= 64 && self.stream.chars().all(is_word),
                "stream: 1 to 64 of a-z A-Z 0-9 - _",
            ),
            ([1, 3, 5].contains(&self.replicas), "replicas: 1, 3 or 5"),
            ((1 << 20..=1 << 50).contains(&self.bytes_max), "bytes_max: 1 MiB to 1 PiB"),
            ((1..=365).contains(&self.days_max), "days_max: 1 to 365"),
            ((10..=60_000).contains(&self.deadline_ms), "deadline_ms: 10 to 60000"),
            ((1_000..=3_600_000).contains(&self.patience_ms), "patience_ms: 1000 to 3600000"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("of the durable log, {rule}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_right_is_named() {
        let good = LogOptions::default();
        assert!(good.check().is_ok());
        let bad = [
            (LogOptions { stream: "a.b".into(), ..good.clone() }, "stream"),
            (LogOptions { stream: String::new(), ..good.clone() }, "stream"),
            (LogOptions { replicas: 2, ..good.clone() }, "replicas"),
            (LogOptions { bytes_max: 0, ..good.clone() }, "bytes_max"),
            (LogOptions { days_max: 0, ..good.clone() }, "days_max"),
            (LogOptions { deadline_ms: 0, ..good.clone() }, "deadline_ms"),
            (LogOptions { patience_ms: 0, ..good.clone() }, "patience_ms"),
        ];
        for (options, name) in bad {
            assert!(options.check().is_err_and(|error| error.to_string().contains(name)), "{name}");
        }
    }
}
