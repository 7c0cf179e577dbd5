//! Contents as files of a directory, for this user only: `parts/<object>` while they are written, then `<first two digits>/<object>`.
//!
//! A file is whole before it has its name: it is written and synced as a part, renamed, and the folder is synced. Parts of a
//! process that died are removed when the directory is opened. Disk work runs on tokio's threads for it.

use std::fs;
use std::io::{self, ErrorKind, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes as Chunk, BytesMut};
use natter_rpc::async_trait;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

use super::{Bytes, CHUNK, Error, Reader, Result, Writer};
use crate::blob::Object;

/// Bytes after which a file that is being written is synced, so that the store, whose own syncs may have to wait for it, never waits
/// long.
const SYNCED_EVERY: u64 = 4 << 20;

/// The engine.
pub struct Directory(Arc<Folders>);

struct Folders {
    root: PathBuf,
    reserve_bytes: u64,
}

impl Directory {
    /// Opens the directory, makes it if it is not there, and removes what a dead process has left half written. Blocks.
    ///
    /// # Errors
    /// The directory cannot be made or used.
    pub fn open(root: &Path, reserve_bytes: u64) -> io::Result<Directory> {
        let folders = Folders { root: root.to_owned(), reserve_bytes };
        let make = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(&folders.parts())?;
        for first in 0..=u8::MAX {
            make(&root.join(format!("{first:02x}")))?;
        }
        for part in fs::read_dir(folders.parts())? {
            fs::remove_file(part?.path())?;
        }
        sync(root)?;
        root.parent().map_or(Ok(()), sync)?;
        Ok(Directory(Arc::new(folders)))
    }
}

impl Folders {
    fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    fn part(&self, object: Object) -> PathBuf {
        self.parts().join(object.to_string())
    }

    fn folder(&self, object: Object) -> PathBuf {
        self.root.join(format!("{:02x}", object.0[0]))
    }

    fn file(&self, object: Object) -> PathBuf {
        self.folder(object).join(object.to_string())
    }

    fn has_room(&self, expected: u64) -> io::Result<bool> {
        let volume = rustix::fs::statvfs(&self.root)?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        Ok(free >= self.reserve_bytes.saturating_add(expected))
    }
}

// Makes the names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    // The parent of a relative path of one word is the empty one.
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    fs::File::open(folder)?.sync_all()
}

#[async_trait]
impl Bytes for Directory {
    async fn write(&self, object: Object, expected: u64) -> Result<Box<dyn Writer>> {
        let folders = self.0.clone();
        let opened = blocking(move || {
            if !folders.has_room(expected)? {
                return Ok(None);
            }
            use std::os::unix::fs::OpenOptionsExt;
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folders.part(object))?;
            Ok(Some(Part { folders, object, file: into_tokio(file), unsynced: 0, is_there: true }))
        });
        match opened.await? {
            Some(part) => Ok(Box::new(part)),
            None => Err(Error::NoSpace),
        }
    }

    async fn read(&self, object: Object, range: Range<u64>) -> Result<Box<dyn Reader>> {
        let path = self.0.file(object);
        let mut file = File::open(path).await.map_err(absent)?;
        if range.start > range.end || file.metadata().await?.len() < range.end {
            return Err(Error::Absent);
        }
        file.set_max_buf_size(CHUNK);
        file.seek(SeekFrom::Start(range.start)).await?;
        Ok(Box::new(Open { file, left: range.end - range.start }))
    }

    async fn remove(&self, object: Object) -> Result<()> {
        let folders = self.0.clone();
        let removed = blocking(move || {
            for path in [folders.part(object), folders.file(object)] {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        });
        Ok(removed.await?)
    }
}

/// A file that is being written. Removed when it is dropped without an end: unlinking is all that happens on the caller's thread.
struct Part {
    folders: Arc<Folders>,
    object: Object,
    file: File,
    unsynced: u64,
    is_there: bool,
}

#[async_trait]
impl Writer for Part {
    async fn append(&mut self, chunk: Chunk) -> Result<()> {
        self.file.write_all(&chunk).await?;
        self.unsynced += chunk.len() as u64;
        if self.unsynced < SYNCED_EVERY {
            return Ok(());
        }
        self.unsynced = 0;
        self.file.flush().await?;
        self.file.sync_data().await?;
        // Others write too: whether there is still room shows only now.
        let folders = self.folders.clone();
        if blocking(move || folders.has_room(0)).await? { Ok(()) } else { Err(Error::NoSpace) }
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let (folders, object) = (self.folders.clone(), self.object);
        blocking(move || {
            fs::rename(folders.part(object), folders.file(object))?;
            sync(&folders.folder(object))
        })
        .await?;
        self.is_there = false;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.is_there {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(self.folders.part(self.object));
        }
    }
}

struct Open {
    file: File,
    left: u64,
}

#[async_trait]
impl Reader for Open {
    async fn next(&mut self) -> Result<Option<Chunk>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut chunk = BytesMut::zeroed(CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK)));
        match self.file.read_exact(&mut chunk).await {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(Error::Absent),
            read => self.left -= read? as u64,
        }
        Ok(Some(chunk.freeze()))
    }
}

fn absent(error: io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound { Error::Absent } else { error.into() }
}

fn into_tokio(file: fs::File) -> File {
    let mut file = File::from_std(file);
    file.set_max_buf_size(CHUNK);
    file
}

// Disk work that is more than one call.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
