//! A small volume in memory (tmpfs), so that a disk can be full without filling the machine's. Whoever may not mount has none.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;

/// Room enough for what is kept in a run of all faults.
const SIZE: &str = "size=256m";

/// The volume at a folder.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub fn of(folder: PathBuf) -> Disk {
        Disk { folder }
    }

    /// Whether this process may mount one. `folder`: somewhere below which it may try.
    pub fn is_allowed(folder: &Path) -> bool {
        let disk = Disk::of(folder.join("may-it-mount"));
        let is_allowed = disk.mount().is_ok() && Disk::unmount_below(&disk.folder).is_ok();
        let _ = fs::remove_dir(&disk.folder);
        is_allowed
    }

    pub fn mount(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        install::run(Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&self.folder))
    }

    /// Takes all the room that is left. What is there stays.
    pub fn fill(&self) -> Result<()> {
        let path = self.ballast();
        let mut file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let chunk = vec![0; 1 << 16];
        let mut size = chunk.len();
        // The last bytes one page at a time: nothing is left.
        while size >= PAGE {
            match file.write_all(&chunk[..size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error).with_context(|| format!("cannot fill {}", self.folder.display())),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).with_context(|| format!("cannot empty {}", self.folder.display()))
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Unmounts every volume at or below a folder. Lazily: of who was killed a moment ago the kernel may still hold a file.
    pub fn unmount_below(folder: &Path) -> Result<()> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for place in mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new) {
            if place.starts_with(folder) {
                install::run(Command::new("umount").arg("--lazy").arg(place))?;
            }
        }
        Ok(())
    }
}

const PAGE: usize = 4_096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_volume_takes_nothing_until_it_is_freed() {
        let folder = std::env::temp_dir().join(format!("natter-disk-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Who may not mount has no such volume, and nothing is to be shown.
        if Disk::is_allowed(&folder) {
            let disk = Disk::of(folder.join("small"));
            disk.mount().unwrap();
            fs::write(folder.join("small/before"), "there").unwrap();
            disk.fill().unwrap();
            assert!(fs::write(folder.join("small/more"), vec![1; PAGE + 1]).is_err());
            assert_eq!(fs::read_to_string(folder.join("small/before")).unwrap(), "there");
            disk.free().unwrap();
            fs::write(folder.join("small/more"), vec![1; PAGE + 1]).unwrap();
            Disk::unmount_below(&folder).unwrap();
            assert!(!folder.join("small/before").exists());
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
