//! What the system allows this process.

use tracing::{debug, warn};

/// Raises the soft limit of open files to the hard one: each connection is a file.
pub fn raise_open_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => debug!(limit, "open files"),
        Err(error) => warn!(%error, "cannot raise the limit of open files"),
    }
}
