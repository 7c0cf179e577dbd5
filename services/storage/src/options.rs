//! Settings of the storage service.

use serde::{Deserialize, Serialize};

/// Attachments: sizes, quota, how long what is not finished is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Largest file in bytes; a larger one is answered 413.
    pub file_bytes_max: u64,
    /// Bytes of all files of one app.
    pub app_bytes_max: u64,
    /// Files of one app, those without content included.
    pub app_files_max: u64,
    /// Seconds that an upload address can be used.
    pub upload_s: u32,
    /// Seconds after which a file that was not uploaded, or not completed, is removed.
    pub unfinished_s: u32,
    /// Files of one user that are not complete.
    pub unfinished_per_user_max: usize,
    /// Uploads at once; further ones are refused as busy.
    pub uploads_max: usize,
    /// Uploads at once of one app.
    pub uploads_per_app_max: usize,
    /// Uploads at once of one user.
    pub uploads_per_user_max: usize,
    /// Free bytes that uploads leave on the volume, for the store.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            file_bytes_max: 100 << 20,
            app_bytes_max: 100 << 30,
            app_files_max: 1_000_000,
            upload_s: 60 * 60,
            unfinished_s: 24 * 60 * 60,
            unfinished_per_user_max: 100,
            uploads_max: 256,
            uploads_per_app_max: 64,
            uploads_per_user_max: 8,
            reserve_bytes: 512 << 20,
        }
    }
}
