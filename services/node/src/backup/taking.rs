//! A backup on its way into its folder. The order is the point: files are copied before the moment of the rows, and those that came since
//! after it, so each file that a row of that moment names is there; what is left out is a file that came and went in between. A file that
//! was removed before the moment is forgotten again: no row names it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};

use super::sums::{About, Sums, VERSION};
use super::{ABOUT, ROWS, SUMS};
use crate::data::{DataDir, write_private};

/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// A backup that is not whole yet.
pub struct Taking {
    data: DataDir,
    whole: PathBuf,
    part: PathBuf,
    sums: Sums,
    bytes: u64,
    /// Locked: nobody else writes into `part`.
    _lock: File,
}

impl Taking {
    /// Makes the folder beside that of the backup, and empties it of what a backup that was cut off has left there.
    ///
    /// # Errors
    /// The backup's own folder is there already, or another backup is being taken into it.
    pub fn begin(data: DataDir, whole: &Path) -> Result<Taking> {
        if whole.exists() {
            bail!("{} is there already: a backup is made into a folder of its own", whole.display());
        }
        let name = whole.file_name().with_context(|| format!("{} names no folder", whole.display()))?;
        let mut beside = name.to_owned();
        beside.push(".part");
        let part = whole.with_file_name(beside);
        make(&part)?;
        let lock = File::open(&part).with_context(|| format!("cannot open {}", part.display()))?;
        if lock.try_lock().is_err() {
            bail!("another backup is being written into {}", part.display());
        }
        empty(&part, &[])?;
        Ok(Taking { data, whole: whole.to_owned(), part, sums: Sums::default(), bytes: 0, _lock: lock })
    }

    /// Copies the files that are not here yet, and says how many those were.
    pub fn copy_files(&mut self) -> Result<usize> {
        let mut copied = 0;
        for path in files_of(&self.data)? {
            if !self.sums.0.contains_key(&path) {
                // Removed since it was listed.
                copied += usize::from(self.copy(&path)?);
            }
        }
        Ok(copied)
    }

    /// Leaves out again what has been removed since it was copied.
    pub fn forget_removed(&mut self) -> Result<()> {
        let there: BTreeSet<String> = files_of(&self.data)?.into_iter().collect();
        let gone: Vec<String> = self.sums.0.keys().filter(|path| !there.contains(*path)).cloned().collect();
        for path in gone {
            let file = self.part.join(&path);
            self.bytes -= fs::metadata(&file).map_or(0, |file| file.len());
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            self.sums.0.remove(&path);
        }
        Ok(())
    }

    /// Writes the rows. Files are copied once more when the first piece is there.
    pub async fn copy_rows(&mut self, pieces: impl Stream<Item = Result<bytes::Bytes>>) -> Result<()> {
        let mut pieces = std::pin::pin!(pieces);
        let (mut file, mut hash, mut length) = (created(&self.part.join(ROWS), 0o600)?, Sha256::new(), 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece.context("the rows were cut")?;
            file.write_all(&piece).with_context(|| format!("cannot write {ROWS}"))?;
            hash.update(&piece);
            if length == 0 {
                self.copy_files()?;
            }
            length += piece.len() as u64;
        }
        file.sync_all()?;
        self.note(ROWS, hash, length);
        Ok(())
    }

    /// Adds secrets and certificates, says what the backup is, and gives it its name.
    pub fn finish(mut self, made_at: String) -> Result<About> {
        for path in self.data.secrets() {
            let name = path.file_name().and_then(|name| name.to_str()).context("a secret has no name")?.to_owned();
            self.copy(&name)?;
        }
        for path in listed(&self.data.tls())? {
            self.copy(&format!("tls/{path}"))?;
        }
        let text = self.sums.written();
        write_private(&self.part.join(SUMS), text.as_bytes())?;
        let about = About {
            version: VERSION,
            made_at,
            made_by: format!("natter {}", env!("CARGO_PKG_VERSION")),
            files: self.sums.0.len() as u64,
            bytes: self.bytes,
            sums: hex(Sha256::new().chain_update(&text)),
        };
        write_private(&self.part.join(ABOUT), serde_json::to_string_pretty(&about)?.as_bytes())?;
        sync_folders(&self.part)?;
        fs::rename(&self.part, &self.whole).with_context(|| format!("cannot name {}", self.whole.display()))?;
        sync_parent(&self.whole)?;
        Ok(about)
    }

    /// Throws away what was written.
    pub fn abandon(self) {
        // What cannot be removed is removed by the next backup into the same folder.
        let _ = fs::remove_dir_all(&self.part);
    }

    // Copies a file of the data directory; false: there is none.
    fn copy(&mut self, path: &str) -> Result<bool> {
        let from = self.data.root().join(path);
        let Some((hash, length)) = copy(&from, &self.part.join(path))? else { return Ok(false) };
        self.note(path, hash, length);
        Ok(true)
    }

    fn note(&mut self, path: &str, hash: Sha256, length: u64) {
        self.sums.0.insert(path.to_owned(), hex(hash));
        self.bytes += length;
    }
}

/// Copies a file, onto the disk, and gives its hash and length; none: it is not there.
pub fn copy(from: &Path, to: &Path) -> Result<Option<(Sha256, u64)>> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| format!("cannot read {}", from.display()))?,
    };
    if let Some(folder) = to.parent() {
        make(folder)?;
    }
    // Certificates are for everybody, all else for its owner.
    let mode = if to.extension().is_some_and(|kind| kind == "pem") { 0o644 } else { 0o600 };
    let (mut file, mut hash, mut length) = (created(to, mode)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = source.read(&mut chunk).with_context(|| format!("cannot read {}", from.display()))?;
        if count == 0 {
            break;
        }
        file.write_all(&chunk[..count]).with_context(|| format!("cannot write {}", to.display()))?;
        hash.update(&chunk[..count]);
        length += count as u64;
    }
    file.sync_all().with_context(|| format!("cannot write {}", to.display()))?;
    Ok(Some((hash, length)))
}

/// A hash as it is written.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a folder, and those above it, for this user only.
pub fn make(folder: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))
}

/// Removes all that is in a folder but what has one of these names.
pub fn empty(folder: &Path, spared: &[&str]) -> Result<()> {
    let emptied = || -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if spared.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        Ok(())
    };
    emptied().with_context(|| format!("cannot empty {}", folder.display()))
}

/// Makes the names in a folder, and in those below it, durable.
pub fn sync_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all().with_context(|| format!("cannot write {}", folder.display()))
}

fn sync_parent(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all().with_context(|| format!("cannot write {}", parent.display()))
}

fn created(path: &Path, mode: u32) -> Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.with_context(|| format!("cannot write {}", path.display()))
}

// The contents of files, by their paths within the data directory. What is still being uploaded is not among them.
fn files_of(data: &DataDir) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for first in 0..=u8::MAX {
        let folder = format!("{first:02x}");
        files.extend(listed(&data.blobs().join(&folder))?.into_iter().map(|name| format!("blobs/{folder}/{name}")));
    }
    Ok(files)
}

// The files right in a folder; none if it is not there.
fn listed(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A link to a certificate counts as what it leads to.
        if fs::metadata(entry.path()).is_ok_and(|file| file.is_file()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(root: &Path) -> DataDir {
        let data = DataDir::open(root).unwrap();
        data.admin_token().unwrap();
        for (path, content) in [("tls/ca.pem", "ca"), ("blobs/0a/0a1", "one"), ("blobs/parts/0b2", "half")] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), content).unwrap();
        }
        data
    }

    fn rows(text: &'static str) -> impl Stream<Item = Result<bytes::Bytes>> {
        futures::stream::iter([Ok(bytes::Bytes::from_static(text.as_bytes()))])
    }

    #[tokio::test]
    async fn a_backup_has_its_name_when_it_is_whole_and_what_a_cut_one_left_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let (root, whole) = (folder.path().join("data"), folder.path().join("monday"));
        let data = installation(&root);
        fs::create_dir_all(folder.path().join("monday.part/blobs")).unwrap();
        fs::write(folder.path().join("monday.part/blobs/old"), "of a cut one").unwrap();
        let mut taking = Taking::begin(data.clone(), &whole).unwrap();
        assert!(Taking::begin(data.clone(), &whole).is_err(), "two at once");
        taking.copy_files().unwrap();
        // One goes before the moment of the rows, one comes.
        fs::remove_file(root.join("blobs/0a/0a1")).unwrap();
        fs::write(root.join("blobs/0a/0a2"), "two").unwrap();
        taking.forget_removed().unwrap();
        taking.copy_rows(rows("rows")).await.unwrap();
        assert!(!whole.exists());
        let about = taking.finish("now".into()).unwrap();
        let text = fs::read_to_string(whole.join(SUMS)).unwrap();
        let paths: Vec<_> = Sums::parse(&text).unwrap().0.into_keys().collect();
        assert_eq!(paths, ["admin.token", "blobs/0a/0a2", "store.rows", "tls/ca.pem"]);
        assert_eq!((about.files, about.bytes), (4, 48 + 3 + 4 + 2));
        assert!(!folder.path().join("monday.part").exists() && !whole.join("blobs/old").exists());
        assert!(Taking::begin(data, &whole).is_err(), "what is there is not overwritten");
    }

    #[tokio::test]
    async fn rows_that_are_cut_make_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("monday");
        let mut taking = Taking::begin(installation(&folder.path().join("data")), &whole).unwrap();
        let cut = rows("rows").chain(futures::stream::iter([Err(anyhow::anyhow!("the store failed"))]));
        assert!(taking.copy_rows(cut).await.is_err());
        taking.abandon();
        assert!(!whole.exists() && !folder.path().join("monday.part").exists());
    }
}
