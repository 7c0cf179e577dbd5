//! Settings of the message log.

use serde::{Deserialize, Serialize};

/// How much the log keeps in memory, looks at and answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Dialogs kept in memory for writing. One costs about a kilobyte; a group in which many read and write, up to 100.
    pub cached_dialogs: usize,
    /// Rows that one call may look at to answer a filter. Over it the call is refused, naming the filter.
    pub scan_budget: u64,
    /// Rows of one page, whatever is asked for.
    pub page_rows: u64,
    /// Bytes of rows in one answer. What is over it comes with the next call.
    pub reply_bytes: usize,
    /// Changes (edits, removals) kept of a dialog.
    pub changes_kept: u64,
    /// Different reactions of one user to one message.
    pub reactions_per_user: usize,
    /// Reactions of all users to one message.
    pub reactions_per_row: usize,
    /// Messages outside the log that are kept for a user without a session. Over it the oldest goes.
    pub offline_rows: u64,
    /// Days for which they are kept.
    pub offline_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            cached_dialogs: 10_000,
            scan_budget: 50_000,
            page_rows: 1_000,
            // Below the 4 MiB that a gRPC client takes by default, with one row to spare.
            reply_bytes: 3 << 20,
            changes_kept: 10_000,
            reactions_per_user: 20,
            reactions_per_row: 2_000,
            offline_rows: 1_000,
            offline_days: 30,
        }
    }
}
