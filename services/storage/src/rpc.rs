//! The door for links: takes a request out of its envelope, makes the call, puts the answer in. No decisions here.
//!
//! What follows the first write of a call runs in a task of its own: it must happen, also if the caller is gone.

use futures::stream::{BoxStream, StreamExt, try_unfold};
use natter_proto::archive::v1::Taken;
use natter_proto::erasure::v1::{EraseReply, EraseRequest};
use natter_proto::storage::v1::archive_server::Archive;
use natter_proto::storage::v1::eraser_server::Eraser;
use natter_proto::storage::v1::storage_server::Storage as Door;
use natter_proto::storage::v1::take_blob_part::Part as Brings;
use natter_proto::storage::v1::upload_part::Part;
use natter_proto::storage::v1::*;
use natter_rpc::{Reply, Request, Response, Status, Streaming, async_trait};
use tracing::Instrument;

use crate::calls::{Brought, Upload};
use crate::error::Error;
use crate::metrics::Outcome;
use crate::service::Service;

#[async_trait]
impl Door for Service {
    type ReadStream = BoxStream<'static, Result<Chunk, Status>>;

    async fn create(&self, request: Request<CreateRequest>) -> Reply<CreateReply> {
        Ok(Response::new(self.files.create(request.into_inner()).await?))
    }

    async fn upload(&self, request: Request<Streaming<UploadPart>>) -> Reply<Blob> {
        let outcome = self.take(request.into_inner()).await;
        self.files.metrics.ended(match &outcome {
            Ok(_) => Outcome::Stored,
            Err(Error::Store(_) | Error::Bytes(_)) => Outcome::Failed,
            Err(_) => Outcome::Refused,
        });
        Ok(Response::new(outcome?))
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Reply<Blob> {
        Ok(Response::new(self.files.complete(request.into_inner()).await?))
    }

    async fn get(&self, request: Request<GetRequest>) -> Reply<Blob> {
        Ok(Response::new(self.files.get(request.into_inner()).await?))
    }

    async fn find(&self, request: Request<FindRequest>) -> Reply<Blob> {
        Ok(Response::new(self.files.find(&request.into_inner().uid).await?))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Reply<Self::ReadStream> {
        let reader = self.files.read(request.into_inner()).await?;
        let bytes_out = self.files.metrics.bytes_out.clone();
        let chunks = try_unfold((reader, bytes_out), |(mut reader, bytes_out)| async {
            let Some(bytes) = reader.next().await.map_err(Error::from)? else { return Ok(None) };
            bytes_out.inc_by(bytes.len() as u64);
            Ok(Some((Chunk { bytes }, (reader, bytes_out))))
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn rename(&self, request: Request<RenameRequest>) -> Reply<Blob> {
        Ok(Response::new(self.files.rename(request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<GetRequest>) -> Reply<Empty> {
        let files = self.files.clone();
        whole(async move { files.delete(request.into_inner()).await }).await?;
        Ok(Response::new(Empty {}))
    }

    async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
        Ok(Response::new(self.files.list(request.into_inner()).await?))
    }
}

#[async_trait]
impl Archive for Service {
    async fn take_blob(&self, request: Request<Streaming<TakeBlobPart>>) -> Reply<Taken> {
        Ok(Response::new(self.take_brought(request.into_inner()).await?))
    }
}

#[async_trait]
impl Eraser for Service {
    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
        let EraseRequest { app, user, .. } = request.into_inner();
        let files = self.files.clone();
        Ok(Response::new(whole(async move { files.erase(app, user).await }).await?))
    }
}

impl Service {
    // A stream that stops without an end is one whose client left: nothing of it is kept.
    async fn take(&self, mut parts: Streaming<UploadPart>) -> Result<Blob, Error> {
        let Some(Part::Head(head)) = next(&mut parts).await else { return Err(Error::Broken) };
        let mut upload = Upload::begin(&self.files, head).await?;
        loop {
            match next(&mut parts).await {
                Some(Part::Chunk(chunk)) => upload.append(chunk).await?,
                Some(Part::End(_)) => return whole(upload.finish()).await,
                Some(Part::Head(_)) | None => return Err(Error::Broken),
            }
        }
    }
}

impl Service {
    async fn take_brought(&self, mut parts: Streaming<TakeBlobPart>) -> Result<Taken, Error> {
        let Some(Brings::Head(head)) = next_brought(&mut parts).await else { return Err(Error::Broken) };
        let mut brought = match Brought::begin(&self.files, head).await? {
            Ok(brought) => brought,
            Err(taken) => return Ok(taken),
        };
        loop {
            match next_brought(&mut parts).await {
                Some(Brings::Chunk(chunk)) => brought.append(chunk).await?,
                Some(Brings::End(_)) => return whole(brought.finish()).await,
                Some(Brings::Head(_)) | None => return Err(Error::Broken),
            }
        }
    }
}

async fn next_brought(parts: &mut Streaming<TakeBlobPart>) -> Option<Brings> {
    parts.message().await.ok().flatten()?.part
}

async fn next(parts: &mut Streaming<UploadPart>) -> Option<Part> {
    parts.message().await.ok().flatten()?.part
}

/// Runs a call to its end, whoever still waits for it. It ends by itself: each wait in it has a bound.
async fn whole<T: Send + 'static>(call: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
    // The task is never aborted, so without an outcome a promise of our own was broken; the panic was told where it happened.
    tokio::spawn(call.in_current_span()).await.unwrap_or(Err(Error::Ended))
}
