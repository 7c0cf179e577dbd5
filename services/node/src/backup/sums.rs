//! What a backup says of itself: the sums of its files, in the form of `sha256sum`, and what it is. Values only.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Of the form of the folder.
pub const VERSION: u32 = 1;

/// `backup.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    pub version: u32,
    /// The moment of the rows, as `2026-11-30T12:00:00Z`.
    pub made_at: String,
    pub made_by: String,
    pub files: u64,
    pub bytes: u64,
    /// SHA-256 of `SHA256SUMS`.
    pub sums: String,
}

/// Paths within the folder, with the SHA-256 of each file in hex.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sums(pub BTreeMap<String, String>);

impl Sums {
    /// Reads the lines of `SHA256SUMS`.
    ///
    /// # Errors
    /// One of them is of another form, or names what does not lie within the folder.
    pub fn parse(text: &str) -> Result<Sums> {
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            let (sum, path) = line.split_once("  ").with_context(|| format!("{line:?} is no sum and path"))?;
            if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                bail!("{sum:?} is no SHA-256");
            }
            let is_name = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
            if !path.split('/').all(is_name) {
                bail!("{path:?} is no path within a backup");
            }
            sums.insert(path.to_owned(), sum.to_owned());
        }
        Ok(Sums(sums))
    }

    /// The lines.
    pub fn written(&self) -> String {
        self.0.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_and_a_path_that_leads_out_of_the_folder_is_refused() {
        let sum = "ab".repeat(32);
        let sums = Sums(BTreeMap::from([("blobs/aa/aab".to_owned(), sum.clone()), ("store.rows".to_owned(), sum.clone())]));
        assert_eq!(Sums::parse(&sums.written()).unwrap(), sums);
        for path in ["/etc/passwd", "../up", "blobs/../../up", "a//b", "", "."] {
            assert!(Sums::parse(&format!("{sum}  {path}\n")).is_err(), "{path}");
        }
        for line in ["", "abc  store.rows", &format!("{sum} store.rows")] {
            assert!(Sums::parse(&format!("{line}\n")).is_err(), "{line}");
        }
    }
}
