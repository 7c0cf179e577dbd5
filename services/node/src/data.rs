//! The data directory: what lies where, and who may read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::Config;

const ADMIN_TOKEN: &str = "admin.token";
const VERIFIER_KEY: &str = "verifier.key";
const PUSH_KEY: &str = "push.key";

/// Lies in a data directory while a backup is being restored into it.
pub const RESTORE_MARK: &str = "restore.part";

/// A data directory.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
    /// Where secrets and certificates lie that all processes of a cluster share. Nothing is made there.
    shared: Option<PathBuf>,
}

impl DataDir {
    /// Opens the directory, and makes it (for this user only) if it is not there.
    ///
    /// # Errors
    /// Also if a restore into it was cut off: what is there is a part of a backup.
    pub fn open(path: &Path) -> Result<DataDir> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("cannot find the data directory {}", path.display()))?;
        if path.join(RESTORE_MARK).exists() {
            bail!("{} was not restored to its end: run `natter restore` into it again", path.display());
        }
        Ok(DataDir { root: path, shared: None })
    }

    /// The same for a process of a cluster, with secrets from elsewhere.
    pub fn with_shared(self, shared: &Path) -> DataDir {
        DataDir { shared: Some(shared.to_owned()), ..self }
    }

    /// That of these settings: with shared secrets if they name any.
    pub fn of(config: &Config) -> Result<DataDir> {
        let data = DataDir::open(&config.data)?;
        let shared = &config.cluster.secrets;
        Ok(if shared.as_os_str().is_empty() { data } else { data.with_shared(shared) })
    }

    /// The directory as it is, there or not: for who only looks.
    pub fn at(path: &Path) -> DataDir {
        DataDir { root: path.to_owned(), shared: None }
    }

    /// That of these settings as it is, there or not: for who only looks.
    pub fn looked_at(config: &Config) -> DataDir {
        let data = DataDir::at(&config.data);
        let shared = &config.cluster.secrets;
        if shared.as_os_str().is_empty() { data } else { data.with_shared(shared) }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files in it that only its owner may read, there or not.
    pub fn secrets(&self) -> [PathBuf; 3] {
        [ADMIN_TOKEN, VERIFIER_KEY, PUSH_KEY].map(|name| self.secret_path(name))
    }

    /// Whether somebody made the admin token.
    pub fn has_admin_token(&self) -> bool {
        self.secret_path(ADMIN_TOKEN).exists()
    }

    /// The embedded store.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Files of users.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// CA and certificates.
    pub fn tls(&self) -> PathBuf {
        self.secret_path("tls")
    }

    /// Opens the admin API (console, port 8090) to whoever can read this file.
    pub fn admin_token(&self) -> Result<String> {
        let bytes = self.secret::<24>(ADMIN_TOKEN)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Key of the verifiers that spare a repeated login its Argon2 run. It lies outside the store.
    pub fn verifier_key(&self) -> Result<[u8; 32]> {
        self.secret(VERIFIER_KEY)
    }

    /// Key that the push service seals credentials with. It lies outside the store.
    pub fn push_key(&self) -> Result<[u8; 32]> {
        self.secret(PUSH_KEY)
    }

    fn secret_path(&self, name: &str) -> PathBuf {
        self.shared.as_ref().unwrap_or(&self.root).join(name)
    }

    // A secret of N bytes, kept in hex, made on first use.
    fn secret<const N: usize>(&self, name: &str) -> Result<[u8; N]> {
        let path = self.secret_path(name);
        if self.shared.is_none() && !path.exists() {
            let mut bytes = [0; N];
            getrandom::fill(&mut bytes).context("the system gives no randomness")?;
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            write_private(&path, text.as_bytes())?;
        }
        read_secret(&path)
    }
}

/// A secret of N bytes from a file that holds it in hex.
pub fn read_secret<const N: usize>(path: &Path) -> Result<[u8; N]> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = text.trim();
    if text.len() != 2 * N || !text.is_ascii() {
        bail!("{} does not hold {N} bytes in hex", path.display());
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).with_context(|| format!("{} is not hex", path.display()))?;
    }
    Ok(bytes)
}

/// Writes a file that only this user may read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    write_whole(path, content, 0o600)
}

/// Writes a file that everybody may read, whole or not at all.
pub fn write_public(path: &Path, content: &[u8]) -> Result<()> {
    write_whole(path, content, 0o644)
}

fn write_whole(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_made_once_and_readable_by_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("data")).unwrap();
        let token = data.admin_token().unwrap();
        assert_eq!(token.len(), 48);
        assert_eq!(data.admin_token().unwrap(), token);
        let mode = fs::metadata(folder.path().join("data/admin.token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_is_named_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("verifier.key"), "zz").unwrap();
        let error = DataDir::open(folder.path()).unwrap().verifier_key().unwrap_err();
        assert!(error.to_string().contains("verifier.key"), "{error}");
    }
}
