//! The storage service as a shelf of files: public ones, private ones, and what was uploaded.

use futures::stream::{self, BoxStream};
use natter_proto::storage::v1::storage_server::Storage;
use natter_proto::storage::v1::upload_part::Part;
use natter_proto::storage::v1::*;
use natter_rpc::{Status as Refused, Streaming};

use super::*;

pub const UID: &str = "B7D24C19E05A4F3C8D6E1A2B3C4D5E6F";

/// A complete file of Ann's with this content.
pub fn file(content: &[u8], name: &str, content_type: &str, public: bool) -> (Blob, Vec<u8>) {
    let blob = Blob {
        app: APP_ID,
        id: 9001,
        uid: UID.to_owned(),
        owner: ANN_ID,
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        public,
        status: Status::Complete.into(),
        size: content.len() as u64,
        created_at: AT,
        updated_at: AT,
        completed_at: AT,
    };
    (blob, content.to_vec())
}

impl World {
    fn blob(&self, is_meant: impl Fn(&Blob) -> bool) -> Result<(Blob, Vec<u8>), Failure> {
        let files = self.files.lock();
        files.iter().find(|(blob, _)| is_meant(blob)).cloned().ok_or_else(|| Failure::new(Code::NotFound, "no such file"))
    }
}

#[async_trait]
impl Storage for Fake {
    type ReadStream = BoxStream<'static, Result<Chunk, Refused>>;

    async fn create(&self, request: Request<CreateRequest>) -> Reply<CreateReply> {
        let request = request.into_inner();
        self.0.blob_creations.lock().push(request.clone());
        let (blob, _) = file(b"", &request.name, &request.content_type, request.public);
        let blob = Blob { status: Status::Unspecified.into(), completed_at: 0, ..blob };
        ok(CreateReply { blob: Some(blob), key: "k1".to_owned(), expires_at: AT + 3_600_000 })
    }

    async fn upload(&self, request: Request<Streaming<UploadPart>>) -> Reply<Blob> {
        let mut parts = request.into_inner();
        let mut upload = Upload::default();
        while let Ok(Some(UploadPart { part: Some(part) })) = parts.message().await {
            match part {
                Part::Head(head) => upload.head = head,
                Part::Chunk(chunk) => upload.chunks.push(chunk.to_vec()),
                Part::End(_) => upload.ended = true,
            }
            if let Some((at, failure)) = self.0.upload_fails.lock().clone()
                && upload.chunks.len() >= at
            {
                return Err(failure.into());
            }
            if upload.ended {
                break;
            }
        }
        let ended = upload.ended;
        self.0.uploads.lock().push(upload);
        if ended { ok(Blob::default()) } else { fails(Code::Invalid) }
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Reply<Blob> {
        let request = request.into_inner();
        self.0.completions.lock().push(request);
        ok(Blob::default())
    }

    async fn get(&self, request: Request<GetRequest>) -> Reply<Blob> {
        let GetRequest { app, id, uid, .. } = request.into_inner();
        ok(self.0.blob(|blob| blob.app == app && (blob.id == id || blob.uid == uid))?.0)
    }

    async fn find(&self, request: Request<FindRequest>) -> Reply<Blob> {
        let uid = request.into_inner().uid;
        ok(self.0.blob(|blob| blob.uid == uid)?.0)
    }

    async fn read(&self, request: Request<ReadRequest>) -> Reply<Self::ReadStream> {
        let ReadRequest { uid, from, upto } = request.into_inner();
        let content = self.0.blob(|blob| blob.uid == uid)?.1;
        let part = content[from as usize..upto as usize].chunks(1_000);
        let chunks: Vec<_> = part.map(|part| Ok(Chunk { bytes: bytes::Bytes::copy_from_slice(part) })).collect();
        ok(Box::pin(stream::iter(chunks)))
    }

    async fn rename(&self, request: Request<RenameRequest>) -> Reply<Blob> {
        let request = request.into_inner();
        self.0.renames.lock().push(request.clone());
        let (blob, _) = self.0.blob(|blob| blob.id == request.id)?;
        if request.user != blob.owner {
            return fails(Code::Forbidden);
        }
        ok(Blob { name: request.name, ..blob })
    }

    async fn delete(&self, request: Request<GetRequest>) -> Reply<Empty> {
        self.0.blob_deletions.lock().push(request.into_inner().id);
        ok(Empty {})
    }

    async fn list(&self, request: Request<ListRequest>) -> Reply<ListReply> {
        let request = request.into_inner();
        self.0.blob_lists.lock().push(request);
        let blobs = self.0.files.lock().iter().map(|(blob, _)| blob.clone()).collect();
        ok(ListReply { blobs, total: 9 })
    }
}
