//! How much may be under way at once: uploads of the process, of one app and of one user, and the bytes they may still bring. Pure.
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
    /// By app and user.
    users: BTreeMap<(u64, u64), usize>,
    uploads: usize,
}

/// Those of one app.
#[derive(Clone, Copy, Default, Debug)]
struct Under {
    uploads: usize,
    bytes: u64,
}

/// Who uploads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guest {
    pub app: u64,
    pub user: u64,
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
    /// Lets an upload begin, which will bring at most `expected` bytes (0: not known), while `free` bytes of the app's quota are not
    /// used by what is kept. The value is how many bytes it may bring.
    pub fn enter(&mut self, options: &Options, guest: Guest, expected: u64, free: u64) -> Result<u64, Refused> {
        let Guest { app, user } = guest;
        let under = self.apps.get(&app).copied().unwrap_or_default();
        let own = self.users.get(&(app, user)).copied().unwrap_or_default();
        let is_full = self.uploads >= options.uploads_max || under.uploads >= options.uploads_per_app_max;
        if is_full || own >= options.uploads_per_user_max {
            return Err(Refused::Busy);
        }
        let expected = if expected == 0 { options.file_bytes_max } else { expected };
        if expected.saturating_sub(SLACK) > options.file_bytes_max {
            return Err(Refused::TooLarge);
        }
        let left = free.saturating_sub(under.bytes);
        if expected.saturating_sub(SLACK) > left {
            return Err(Refused::Quota);
        }
        let granted = expected.min(left).min(options.file_bytes_max);
        self.apps.insert(app, Under { uploads: under.uploads + 1, bytes: under.bytes + granted });
        self.users.insert((app, user), own + 1);
        self.uploads += 1;
        Ok(granted)
    }

    /// Ends an upload that was granted so many bytes.
    pub fn leave(&mut self, guest: Guest, granted: u64) {
        let Guest { app, user } = guest;
        self.uploads = self.uploads.saturating_sub(1);
        if let Some(under) = self.apps.get_mut(&app) {
            under.uploads = under.uploads.saturating_sub(1);
            under.bytes = under.bytes.saturating_sub(granted);
        }
        if let Some(own) = self.users.get_mut(&(app, user)) {
            *own = own.saturating_sub(1);
        }
        self.apps.retain(|_, under| under.uploads > 0);
        self.users.retain(|_, own| *own > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_uploads_share_what_is_left_of_a_quota() {
        let options = Options { file_bytes_max: 1_000, ..Options::default() };
        let mut room = Room::default();
        assert_eq!(room.enter(&options, of(1), 900, 1_500), Ok(900));
        assert_eq!(room.enter(&options, of(1), 900, 1_500), Err(Refused::Quota));
        assert_eq!(room.enter(&options, of(2), 900, 1_500), Ok(900), "another app has its own");
        assert_eq!(room.enter(&options, of(1), 602, 1_500), Ok(600), "of unsure bytes no more than are left");
        room.leave(of(1), 900);
        assert_eq!(room.enter(&options, of(1), 901, 1_500), Ok(900), "what one gives back another takes");
    }

    #[test]
    fn a_file_has_a_size_and_uploads_a_number() {
        let options = Options {
            file_bytes_max: 1_000,
            uploads_max: 4,
            uploads_per_app_max: 3,
            uploads_per_user_max: 2,
            ..Options::default()
        };
        let mut room = Room::default();
        assert_eq!(room.enter(&options, of(1), 5_000, 1_000_000), Err(Refused::TooLarge));
        assert_eq!(room.enter(&options, of(1), 0, 1_000_000), Ok(1_000));
        assert_eq!(room.enter(&options, of(1), 1_002, 1_000_000), Ok(1_000));
        assert_eq!(room.enter(&options, of(1), 1, 1_000_000), Err(Refused::Busy), "the user's third");
        let other = Guest { app: 1, user: 78 };
        assert_eq!(room.enter(&options, other, 1, 1_000_000), Ok(1));
        assert_eq!(room.enter(&options, other, 1, 1_000_000), Err(Refused::Busy), "the app's fourth");
        assert_eq!(room.enter(&options, of(2), 1, 1_000_000), Ok(1));
        assert_eq!(room.enter(&options, of(3), 1, 1_000_000), Err(Refused::Busy), "the process's fifth");
        room.leave(of(2), 1);
        assert_eq!(room.enter(&options, of(3), 1, 1_000_000), Ok(1));
        for (guest, granted) in [(of(1), 1_000), (of(1), 1_000), (other, 1), (of(3), 1)] {
            room.leave(guest, granted);
        }
        assert_eq!((room.apps.len(), room.users.len(), room.uploads), (0, 0, 0), "nothing is left behind");
    }

    fn of(app: u64) -> Guest {
        Guest { app, user: 34 }
    }
}
