//! The number and the date of the next row.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::dates::date_sent;

/// Where a dialog's log ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Order {
    /// Number of the newest row; 0: none.
    pub head: u64,
    /// Its date, unix seconds.
    pub date_sent: i64,
    /// When the newest row was made, unix milliseconds.
    pub updated_at: i64,
}

impl Order {
    /// Where the log ends after one more row. Numbers are dense and dates do not go back.
    pub fn next(self, client_date: i64, now_ms: i64) -> Order {
        Order {
            head: self.head + 1,
            date_sent: date_sent(self.date_sent, client_date, now_ms.div_euclid(1000)),
            updated_at: now_ms.max(self.updated_at),
        }
    }
}
