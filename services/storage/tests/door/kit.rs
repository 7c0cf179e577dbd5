//! The service under test, and the requests that the tests make.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bytes::Bytes;
use futures::stream;
use natter_actor::{Chance, Clock};
use natter_db::{Db, Kv};
use natter_proto::Failure;
use natter_proto::storage::v1::storage_client::StorageClient;
use natter_proto::storage::v1::upload_part::Part;
use natter_proto::storage::v1::*;
use natter_rpc::{Link, LinkOptions};
use natter_storage::{Options, Parts, Place, Service};
use natter_telemetry::Metrics;
use tempfile::TempDir;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

pub const APP: u64 = 1;
pub const ANN: u64 = 34;
pub const BOB: u64 = 78;
pub const START_MS: i64 = 1_700_000_000_000;

pub struct Door {
    pub client: StorageClient<Link>,
    pub service: Service,
    pub clock: Clock,
    /// Where the rows are, unless they are elsewhere.
    pub db: Kv,
    rows: Db,
    options: Options,
    folder: TempDir,
}

impl Door {
    pub fn open() -> Door {
        Door::open_with(Options::default())
    }

    pub fn open_with(options: Options) -> Door {
        Door::open_on(Kv::memory(), options)
    }

    pub fn open_on(db: Kv, options: Options) -> Door {
        Door { db: db.clone(), ..Door::open_elsewhere(db.into(), options) }
    }

    pub fn open_elsewhere(rows: Db, options: Options) -> Door {
        let options = Options { reserve_bytes: 0, ..options };
        let (clock, folder) = (Clock::paused(START_MS), tempfile::tempdir().unwrap());
        let (client, service) = start(&rows, &clock, &options, folder.path(), 1);
        Door { client, service, clock, db: Kv::memory(), rows, options, folder }
    }

    /// Another process on the same rows and files.
    pub fn restart(&mut self) {
        (self.client, self.service) = start(&self.rows, &self.clock, &self.options, self.folder.path(), 2);
    }

    /// How many files there are, parts included.
    pub fn files(&self) -> usize {
        let folders = std::fs::read_dir(self.folder.path().join("blobs")).unwrap();
        folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }

    pub async fn create(&mut self, user: u64, name: &str) -> Result<Made, Failure> {
        let (name, content_type) = (name.into(), "image/png".into());
        let request = CreateRequest { app: APP, user, name, content_type, ..CreateRequest::default() };
        let CreateReply { blob, key, expires_at } = answer(self.client.create(request).await)?;
        let blob = blob.unwrap();
        Ok(Made { id: blob.id, uid: blob.uid.clone(), key, expires_at, blob })
    }

    pub async fn made(&mut self) -> Made {
        self.create(ANN, "image.png").await.unwrap()
    }

    pub async fn upload(&mut self, made: &Made, content: &[u8]) -> Result<Blob, Failure> {
        self.send(whole(made, content)).await
    }

    pub async fn send(&mut self, parts: Vec<UploadPart>) -> Result<Blob, Failure> {
        answer(self.client.upload(stream::iter(parts)).await)
    }

    pub async fn complete(&mut self, made: &Made, size: Option<u64>) -> Result<Blob, Failure> {
        answer(self.client.complete(CompleteRequest { app: APP, user: ANN, id: made.id, size }).await)
    }

    /// Made, uploaded and complete.
    pub async fn whole(&mut self, content: &[u8]) -> Made {
        let made = self.made().await;
        self.upload(&made, content).await.unwrap();
        self.complete(&made, Some(content.len() as u64)).await.unwrap();
        made
    }

    pub async fn find(&mut self, made: &Made) -> Result<Blob, Failure> {
        answer(self.client.find(FindRequest { uid: made.uid.clone() }).await)
    }

    pub async fn get(&mut self, app: u64, user: u64, made: &Made) -> Result<Blob, Failure> {
        answer(self.client.get(GetRequest { app, user, id: made.id, uid: String::new() }).await)
    }

    pub async fn delete(&mut self, app: u64, user: u64, made: &Made) -> Result<Empty, Failure> {
        answer(self.client.delete(GetRequest { app, user, id: made.id, uid: String::new() }).await)
    }

    pub async fn read(&mut self, made: &Made, from: u64, upto: u64) -> Result<Vec<u8>, Failure> {
        let request = ReadRequest { uid: made.uid.clone(), from, upto };
        let mut chunks = answer(self.client.read(request).await)?;
        let mut content = Vec::new();
        while let Some(chunk) = chunks.message().await.map_err(Failure::from)? {
            content.extend_from_slice(&chunk.bytes);
        }
        Ok(content)
    }

    pub async fn list(&mut self, user: u64, skip: u64, limit: u32) -> (Vec<u64>, u64) {
        let reply = answer(self.client.list(ListRequest { app: APP, user, skip, limit, after: 0 }).await).unwrap();
        (reply.blobs.into_iter().map(|blob| blob.id).collect(), reply.total)
    }
}

fn start(db: &Db, clock: &Clock, options: &Options, folder: &Path, seed: u64) -> (StorageClient<Link>, Service) {
    let parts = Parts {
        db: db.clone(),
        place: Place::Directory(folder.join("blobs")),
        clock: clock.clone(),
        chance: Chance::seeded(seed),
        metrics: Metrics::new(),
    };
    let service = Service::new(options.clone(), parts).unwrap();
    (StorageClient::new(Link::local(service.server(), LinkOptions::default())), service)
}

/// A blob, and the key of its upload.
#[derive(Clone)]
pub struct Made {
    pub id: u64,
    pub uid: String,
    pub key: String,
    pub expires_at: i64,
    pub blob: Blob,
}

impl Made {
    pub fn head(&self, bytes_max: u64) -> UploadPart {
        part(Part::Head(UploadHead { uid: self.uid.clone(), key: self.key.clone(), bytes_max }))
    }
}

pub fn whole(made: &Made, content: &[u8]) -> Vec<UploadPart> {
    let chunks = content.chunks(64 << 10).map(chunk);
    [made.head(content.len() as u64)].into_iter().chain(chunks).chain([end()]).collect()
}

/// An upload that has begun.
pub struct Slow {
    send: Sender<UploadPart>,
    upload: JoinHandle<Result<Blob, Failure>>,
}

impl Slow {
    pub async fn begin(door: &mut Door, made: &Made, expected: u64) -> Slow {
        let (send, rest) = channel(8);
        let parts = stream::unfold(rest, async |mut rest| Some((rest.recv().await?, rest)));
        let mut client = door.client.clone();
        let upload = tokio::spawn(async move { answer(client.upload(Box::pin(parts)).await) });
        let before = door.files();
        send.send(made.head(expected)).await.unwrap();
        while door.files() == before {
            tokio::task::yield_now().await;
        }
        Slow { send, upload }
    }

    pub async fn end(self, content: &[u8]) -> Result<Blob, Failure> {
        self.send.send(chunk(content)).await.unwrap();
        self.send.send(end()).await.unwrap();
        self.upload.await.unwrap()
    }

    /// Waits for its end without doing anything for it.
    pub async fn outcome(self) -> Result<Blob, Failure> {
        let outcome = self.upload.await.unwrap();
        drop(self.send);
        outcome
    }

    /// Stops without an end.
    pub async fn stop(self) {
        drop(self.send);
        self.upload.await.unwrap().unwrap_err();
    }

    /// Drops the call.
    pub async fn leave(self) {
        self.upload.abort();
        assert!(self.upload.await.unwrap_err().is_cancelled());
    }
}

pub fn chunk(bytes: &[u8]) -> UploadPart {
    part(Part::Chunk(Bytes::copy_from_slice(bytes)))
}

pub fn end() -> UploadPart {
    part(Part::End(Empty {}))
}

fn part(part: Part) -> UploadPart {
    UploadPart { part: Some(part) }
}

pub fn answer<T>(reply: Result<natter_rpc::Response<T>, natter_rpc::Status>) -> Result<T, Failure> {
    reply.map(natter_rpc::Response::into_inner).map_err(Failure::from)
}
