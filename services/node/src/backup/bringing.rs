//! A backup on its way back: into a data directory that is empty, which carries a mark until everything is there and is what the sums say.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use natter_db::{Kv, KvOptions, refill};
use sha2::{Digest, Sha256};

use super::sums::{About, Sums, VERSION};
use super::taking::{copy, empty, hex, make, sync_folders};
use super::{ABOUT, ROWS, SUMS};
use crate::data::{DataDir, RESTORE_MARK};

/// What a fresh volume has in it.
const OF_A_VOLUME: &str = "lost+found";

/// Fills the data directory with what the backup holds, and says what it is and how many rows it had. A restore that was cut off is begun
/// again; until then nothing starts there.
///
/// # Errors
/// The folder is no backup or a damaged one, or the data directory holds something.
pub async fn restore(folder: &Path, root: &Path, store: KvOptions) -> Result<(About, u64)> {
    let about = about(folder)?;
    let sums = sums(folder, &about)?;
    make(root)?;
    let mark = mark(root)?;
    let damaged = |path: &str| anyhow!("{path} is not as {SUMS} says: this backup is damaged, take another one");
    for (path, sum) in sums.0.iter().filter(|(path, _)| *path != ROWS) {
        let copied = copy(&folder.join(path), &root.join(path))?;
        let (hash, _) = copied.with_context(|| format!("there is no {path} in the backup: it is damaged, take another one"))?;
        ensure!(hex(hash) == *sum, damaged(path));
    }
    let rows = File::open(folder.join(ROWS)).with_context(|| format!("cannot read {ROWS}"))?;
    let mut rows = Hashed { of: BufReader::new(rows), hash: Sha256::new() };
    let kv = Kv::open(&DataDir::at(root).store(), store)?;
    let count = refill(&kv, &mut rows).await.context(ROWS)?;
    // Written and closed.
    drop(kv);
    ensure!(sums.0.get(ROWS) == Some(&hex(rows.hash)), damaged(ROWS));
    sync_folders(root)?;
    fs::remove_file(root.join(RESTORE_MARK)).context("cannot remove the mark of a restore")?;
    drop(mark);
    File::open(root)?.sync_all()?;
    Ok((about, count))
}

fn about(folder: &Path) -> Result<About> {
    let path = folder.join(ABOUT);
    let text = fs::read_to_string(&path).with_context(|| format!("{} is no backup: cannot read {ABOUT}", folder.display()))?;
    let about: About = serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    if about.version != VERSION {
        bail!("{} is a backup of version {}: this natter reads version {VERSION}", folder.display(), about.version);
    }
    Ok(about)
}

fn sums(folder: &Path, about: &About) -> Result<Sums> {
    let text = fs::read_to_string(folder.join(SUMS)).with_context(|| format!("cannot read {SUMS} of the backup"))?;
    ensure!(hex(Sha256::new().chain_update(&text)) == about.sums, "{SUMS} is not as {ABOUT} says: this backup is damaged");
    let sums = Sums::parse(&text).context(SUMS)?;
    ensure!(sums.0.contains_key(ROWS), "there is no {ROWS} in this backup");
    Ok(sums)
}

// Marks the directory, which must be empty, or marked by a restore that was cut off and is emptied then. Locked while it lives.
fn mark(root: &Path) -> Result<File> {
    let path = root.join(RESTORE_MARK);
    if !path.exists() {
        for entry in fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))? {
            if entry?.file_name() != OF_A_VOLUME {
                bail!("{} is not empty: a backup is restored into a directory of its own", root.display());
            }
        }
    }
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let mark = opened.with_context(|| format!("cannot write {}", path.display()))?;
    if mark.try_lock().is_err() {
        bail!("another restore writes into {}", root.display());
    }
    File::open(root)?.sync_all()?;
    empty(root, &[RESTORE_MARK, OF_A_VOLUME])?;
    Ok(mark)
}

/// What is read, with its hash.
struct Hashed<R> {
    of: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.of.read(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use futures::stream;
    use natter_db::{Batch, Table};

    use super::*;
    use crate::backup::Taking;

    const TABLE: Table = Table("rows");

    async fn backup(folder: &Path) -> PathBuf {
        let (root, whole) = (folder.join("data"), folder.join("backup"));
        let data = DataDir::open(&root).unwrap();
        data.admin_token().unwrap();
        fs::create_dir_all(root.join("blobs/0a")).unwrap();
        fs::write(root.join("blobs/0a/0a1"), "one").unwrap();
        let kv = Kv::memory();
        let mut batch = Batch::new();
        batch.put(TABLE, "a", "b");
        kv.commit(batch).await.unwrap();
        let mut copied = kv.copied().await.unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = copied.next().await.unwrap() {
            pieces.push(Ok(piece));
        }
        let mut taking = Taking::begin(data, &whole).unwrap();
        taking.copy_rows(stream::iter(pieces)).await.unwrap();
        taking.finish("now".into()).unwrap();
        whole
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_comes_back_into_an_empty_directory_and_a_damaged_one_leaves_nothing_that_starts() {
        let folder = tempfile::tempdir().unwrap();
        let whole = backup(folder.path()).await;
        let there = folder.path().join("there");
        fs::create_dir_all(there.join(OF_A_VOLUME)).unwrap();
        let (about, rows) = restore(&whole, &there, KvOptions::default()).await.unwrap();
        assert_eq!((about.files, rows), (3, 1));
        let data = DataDir::open(&there).unwrap();
        assert_eq!(data.admin_token().unwrap(), DataDir::open(&folder.path().join("data")).unwrap().admin_token().unwrap());
        let kv = Kv::open(&data.store(), KvOptions::default()).unwrap();
        assert_eq!(kv.get(TABLE, b"a").await.unwrap().as_deref(), Some(&b"b"[..]));
        drop(kv);
        let refused = restore(&whole, &there, KvOptions::default()).await.unwrap_err();
        assert!(refused.to_string().contains("is not empty"), "{refused}");

        let broken = folder.path().join("broken");
        for path in ["store.rows", "blobs/0a/0a1", "SHA256SUMS", "admin.token"] {
            let file = whole.join(path);
            let before = fs::read(&file).unwrap();
            let mut changed = before.clone();
            // Of the rows: the last byte of a value.
            let at = changed.len().saturating_sub(10);
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(restore(&whole, &broken, KvOptions::default()).await.is_err(), "{path} was changed");
            fs::remove_file(&file).unwrap();
            assert!(restore(&whole, &broken, KvOptions::default()).await.is_err(), "{path} is away");
            fs::write(&file, &before).unwrap();
            assert!(DataDir::open(&broken).is_err(), "something starts on what a backup without {path} left");
        }
        // What a cut restore left is begun again.
        restore(&whole, &broken, KvOptions::default()).await.unwrap();
        DataDir::open(&broken).unwrap();
    }
}
