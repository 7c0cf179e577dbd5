//! A wall clock that is wrong in one process: libfaketime, loaded before it. Monotonic time goes right, as it does on a machine whose
//! clock was set wrong.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::install;

/// The clock of a process that is started with [`Faketime::environment`].
#[derive(Clone, Debug)]
pub struct Faketime {
    library: PathBuf,
    /// What the library reads again every second.
    file: PathBuf,
}

impl Faketime {
    /// Brings the library here. `file`: where the offset is written to.
    pub fn install(file: &Path) -> Result<Faketime> {
        install::system("faketime", "--version", "faketime")?;
        let folders = fs::read_dir("/usr/lib").context("there is no /usr/lib")?;
        let libraries = folders.filter_map(Result::ok).map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries.into_iter().find(|path| path.exists()).context("faketime came without its library")?;
        let clock = Faketime { library, file: file.to_owned() };
        clock.set(0)?;
        Ok(clock)
    }

    /// So many seconds ahead of the machine's clock, or behind it. Heard within a second.
    pub fn set(&self, offset_s: i64) -> Result<()> {
        // In one step: the library may read at any time.
        let part = self.file.with_extension("part");
        fs::write(&part, format!("{offset_s:+}\n")).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(fs::rename(&part, &self.file)?)
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("FAKETIME_DONT_RESET", "1".into()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_process_sees_the_offset_and_nobody_else_does() {
        let file = std::env::temp_dir().join(format!("natter-faketime-{}", std::process::id()));
        // Where it cannot be installed nothing is to be shown.
        if let Ok(clock) = Faketime::install(&file) {
            clock.set(-3_600).unwrap();
            let said = Command::new("date").arg("+%s").envs(clock.environment()).output().unwrap();
            let said: i64 = String::from_utf8(said.stdout).unwrap().trim().parse().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
            assert!((now - said - 3_600).abs() < 60, "{said} at {now}");
            fs::remove_file(&file).unwrap();
        }
    }
}
