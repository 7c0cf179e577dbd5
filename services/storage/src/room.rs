//! How much may be under way at once: uploads of the process and of one app, and the bytes they may still bring. Pure.
//!
//! It spares a disk what would be refused at its end anyway. That the quota holds is the store's promise: it counts again, in
//! the step that makes a content count.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use crate::options::Options;

/// Uploads under way.
#[derive(Default, Debug)]
pub struct Room {
    apps: BTreeMap<u64, Under>,
    uploads: usize,
}

/// Those of one app.
#[derive(Clone, Copy, Default, Debug)]
struct Under {
    uploads: usize,
    bytes: u64,
}

/// Why an upload may not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Too many at once.
    Busy,
    /// Larger than a file may be.
    TooLarge,
    /// Over what is left of the app's quota.
    Quota,
}

/// What the multipart body around a file may add to what is known of its size (an end of line before the last boundary).
const SLACK: u64 = 64;

impl Room {
    /// Lets an upload of `app` begin, which will bring at most `expected` bytes (0: not known), while `used` bytes of the app are
    /// kept. The value is how many bytes it may bring.
    pub fn enter(&mut self, options: &Options, app: u64, expected: u64, used: u64) -> Result<u64, Refused> {
        let under = self.apps.get(&app).copied().unwrap_or_default();
        if self.uploads >= options.uploads_max || under.uploads >= options.uploads_per_app_max {
            return Err(Refused::Busy);
        }
        let expected = if expected == 0 { options.file_bytes_max } else { expected };
        if expected.saturating_sub(SLACK) > options.file_bytes_max {
            return Err(Refused::TooLarge);
        }
        let left = options.app_bytes_max.saturating_sub(used).saturating_sub(under.bytes);
        if expected.saturating_sub(SLACK) > left {
            return Err(Refused::Quota);
        }
        let granted = expected.min(left).min(options.file_bytes_max);
        self.apps.insert(app, Under { uploads: under.uploads + 1, bytes: under.bytes + granted });
        self.uploads += 1;
        Ok(granted)
    }

    /// Ends an upload that was granted so many bytes.
    pub fn leave(&mut self, app: u64, granted: u64) {
        self.uploads = self.uploads.saturating_sub(1);
        if let Some(under) = self.apps.get_mut(&app) {
            under.uploads = under.uploads.saturating_sub(1);
            under.bytes = under.bytes.saturating_sub(granted);
            if under.uploads == 0 {
                self.apps.remove(&app);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_uploads_share_what_is_left_of_a_quota() {
        let options = Options { file_bytes_max: 1_000, app_bytes_max: 2_000, ..Options::default() };
        let mut room = Room::default();
        assert_eq!(room.enter(&options, 1, 900, 500), Ok(900));
        assert_eq!(room.enter(&options, 1, 900, 500), Err(Refused::Quota));
        assert_eq!(room.enter(&options, 2, 900, 500), Ok(900), "another app has its own");
        room.leave(1, 900);
        assert_eq!(room.enter(&options, 1, 900, 500), Ok(900));
        assert_eq!(room.enter(&options, 1, 602, 500), Ok(600), "of unsure bytes no more than are left");
    }

    #[test]
    fn a_file_has_a_size_and_uploads_a_number() {
        let options = Options { file_bytes_max: 1_000, uploads_max: 3, uploads_per_app_max: 2, ..Options::default() };
        let mut room = Room::default();
        assert_eq!(room.enter(&options, 1, 5_000, 0), Err(Refused::TooLarge));
        assert_eq!(room.enter(&options, 1, 0, 0), Ok(1_000));
        assert_eq!(room.enter(&options, 1, 1_002, 0), Ok(1_000));
        assert_eq!(room.enter(&options, 1, 1, 0), Err(Refused::Busy), "the app's third");
        assert_eq!(room.enter(&options, 2, 1, 0), Ok(1));
        assert_eq!(room.enter(&options, 3, 1, 0), Err(Refused::Busy), "the process's fourth");
        room.leave(2, 1);
        assert_eq!(room.enter(&options, 3, 1, 0), Ok(1));
        for (app, granted) in [(1, 1_000), (1, 1_000), (3, 1)] {
            room.leave(app, granted);
        }
        assert_eq!((room.apps.len(), room.uploads), (0, 0), "nothing is left behind");
    }
}
