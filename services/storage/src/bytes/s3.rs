//! Contents as objects of an S3 bucket: `<prefix><object>`.
//!
//! A content up to [`PART`] is one `PUT`; a larger one is uploaded in parts, of which one is held in memory, and is not there before
//! they are put together. Parts of a process that died are never read; a rule of the bucket removes them (`AbortIncompleteMultipartUpload`),
//! as no process knows which are its own.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes as Chunk, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use natter_rpc::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Certificate, ClientOptions, Error as StoreError, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt,
    PutPayload,
};
use serde::{Deserialize, Serialize};

use super::{Bytes, CHUNK, Error, Reader, Result, Writer};
use crate::blob::Object;

/// Bytes of a part but the last: the least that S3 takes.
const PART: usize = 5 << 20;

/// Where the bucket is. What is empty is taken from the environment, as AWS's own programs do (`AWS_ACCESS_KEY_ID`, a role, ...).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Options {
    /// `https://s3.example.com`. Empty: AWS.
    pub endpoint: String,
    /// The region of the bucket.
    pub region: String,
    /// The bucket. It is there already.
    pub bucket: String,
    /// What the names of objects begin with.
    pub prefix: String,
    /// Name of the key that requests are signed with.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: String,
    /// Whether the bucket is a part of the host's name, as AWS wants it, instead of the path.
    pub virtual_hosts: bool,
    /// A PEM file of authorities that are trusted besides the system's. Empty: none.
    pub ca: std::path::PathBuf,
}

impl Default for S3Options {
    fn default() -> S3Options {
        S3Options {
            endpoint: String::new(),
            region: "us-east-1".into(),
            bucket: String::new(),
            prefix: "files/".into(),
            access_key: String::new(),
            secret_key: String::new(),
            virtual_hosts: false,
            ca: std::path::PathBuf::new(),
        }
    }
}

/// The engine.
pub struct S3 {
    bucket: Arc<AmazonS3>,
    prefix: String,
}

impl S3 {
    /// The bucket of the settings. Asks nobody yet.
    ///
    /// # Errors
    /// The settings name no bucket, or a file that cannot be read.
    pub fn new(options: &S3Options) -> std::io::Result<S3> {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_virtual_hosted_style_request(options.virtual_hosts)
            .with_allow_http(options.endpoint.starts_with("http://"));
        if !options.endpoint.is_empty() {
            builder = builder.with_endpoint(&options.endpoint);
        }
        if !options.access_key.is_empty() {
            builder = builder.with_access_key_id(&options.access_key).with_secret_access_key(&options.secret_key);
        }
        if !options.ca.as_os_str().is_empty() {
            let pem = std::fs::read(&options.ca)?;
            let authorities = Certificate::from_pem_bundle(&pem).map_err(std::io::Error::other)?;
            let trusting = |client: ClientOptions, authority| client.with_root_certificate(authority);
            let client = authorities.into_iter().fold(ClientOptions::new(), trusting);
            builder = builder.with_client_options(client.with_allow_http(options.endpoint.starts_with("http://")));
        }
        let bucket = builder.build().map_err(std::io::Error::other)?;
        Ok(S3 { bucket: Arc::new(bucket), prefix: options.prefix.clone() })
    }

    fn path(&self, object: Object) -> Path {
        Path::from(format!("{}{object}", self.prefix))
    }
}

/// Asks the bucket of the settings, and says what it answered. Nothing is written there.
///
/// # Errors
/// Why it cannot be used.
pub async fn look(options: &S3Options) -> std::result::Result<String, String> {
    let s3 = S3::new(options).map_err(|error| error.to_string())?;
    let prefix = Path::from(options.prefix.as_str());
    match s3.bucket.list(Some(&prefix)).next().await {
        None | Some(Ok(_)) => Ok("answers".to_owned()),
        // Keys that may not list are enough for files; of what is not there they are told so.
        Some(Err(StoreError::PermissionDenied { .. })) => match s3.bucket.head(&s3.path(Object([0; 16]))).await {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok("answers, and lets nobody list".to_owned()),
            Err(error) => Err(words(&error)),
        },
        Some(Err(error)) => Err(words(&error)),
    }
}

// What went wrong at the bottom: each layer above says all that the ones below it say.
fn words(error: &StoreError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn failed(error: StoreError) -> Error {
    match error {
        StoreError::NotFound { .. } => Error::Absent,
        error => Error::Io(std::io::Error::other(error)),
    }
}

#[async_trait]
impl Bytes for S3 {
    async fn write(&self, object: Object, _: u64) -> Result<Box<dyn Writer>> {
        let (bucket, path) = (self.bucket.clone(), self.path(object));
        Ok(Box::new(Growing { bucket, path, buffer: BytesMut::new(), upload: None }))
    }

    async fn read(&self, object: Object, range: Range<u64>) -> Result<Box<dyn Reader>> {
        let path = self.path(object);
        // A range of nothing cannot be asked for.
        if range.is_empty() {
            let size = self.bucket.head(&path).await.map_err(failed)?.size;
            return if range.start == range.end && range.end <= size { Ok(Box::new(Chunk::new())) } else { Err(Error::Absent) };
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let found = self.bucket.get_opts(&path, options).await;
        // A range that begins behind the end is refused, one that ends there is cut off.
        let found = match found {
            Err(StoreError::Generic { .. }) if self.bucket.head(&path).await.is_ok_and(|meta| meta.size < range.end) => {
                return Err(Error::Absent);
            }
            found => found.map_err(failed)?,
        };
        if found.range != range {
            return Err(Error::Absent);
        }
        Ok(Box::new(Coming { stream: found.into_stream(), rest: Chunk::new() }))
    }

    async fn remove(&self, object: Object) -> Result<()> {
        match self.bucket.delete(&self.path(object)).await.map_err(failed) {
            Err(Error::Absent) => Ok(()),
            removed => removed,
        }
    }
}

/// A content that is being uploaded.
struct Growing {
    bucket: Arc<AmazonS3>,
    path: Path,
    /// Less than a part.
    buffer: BytesMut,
    /// Begun with the first whole part.
    upload: Option<Box<dyn MultipartUpload>>,
}

#[async_trait]
impl Writer for Growing {
    async fn append(&mut self, chunk: Chunk) -> Result<()> {
        self.buffer.extend_from_slice(&chunk);
        while self.buffer.len() >= PART {
            let part = self.buffer.split_to(PART).freeze();
            let upload = match &mut self.upload {
                Some(upload) => upload,
                none => none.insert(self.bucket.put_multipart(&self.path).await.map_err(failed)?),
            };
            upload.put_part(part.into()).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        let rest: PutPayload = std::mem::take(&mut self.buffer).freeze().into();
        let Some(upload) = &mut self.upload else {
            return self.bucket.put(&self.path, rest).await.map(drop).map_err(failed);
        };
        if rest.content_length() > 0 {
            upload.put_part(rest).await.map_err(failed)?;
        }
        upload.complete().await.map_err(failed)?;
        self.upload = None;
        Ok(())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // What cannot be ended now the bucket's rule ends.
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

/// A content that is coming.
struct Coming {
    stream: BoxStream<'static, object_store::Result<Chunk>>,
    rest: Chunk,
}

#[async_trait]
impl Reader for Coming {
    async fn next(&mut self) -> Result<Option<Chunk>> {
        while self.rest.is_empty() {
            match self.stream.next().await {
                Some(chunk) => self.rest = chunk.map_err(failed)?,
                None => return Ok(None),
            }
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(CHUNK))))
    }
}
