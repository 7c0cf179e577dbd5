//! How much room the volume has left.

use std::path::Path;

use crate::error::Error;

/// Refuses if fewer than `reserve` bytes are free for us on the volume of `path`. A volume that cannot be asked counts as
/// having room: the write itself will tell.
pub(crate) fn check(path: &Path, reserve: u64) -> Result<(), Error> {
    let Ok(volume) = rustix::fs::statvfs(path) else { return Ok(()) };
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    if free < reserve {
        return Err(Error::NotStored(format!("disk full: {free} bytes free, {reserve} kept in reserve")));
    }
    Ok(())
}
