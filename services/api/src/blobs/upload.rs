//! `POST <params>`: the upload of a file (contract rest 6.1), streamed from the socket to the storage service. At most a few
//! chunks are in memory.
//!
//! The body is read on for a while also when it is refused: a client that is cut off while it writes sees a reset instead of the
//! answer, and the oldest SDK takes a reset for success (contract rest 1.5).

use std::time::Duration;

use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures::{StreamExt, future, stream};
use natter_proto::storage::v1::upload_part::Part;
use natter_proto::storage::v1::{Empty, UploadHead, UploadPart};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Body};
use crate::door::{Door, header_text};
use crate::error::Refusal;
use crate::multipart::{Event, Fault, Multipart};

/// The storage service forgets an upload that lasts two hours.
const LASTS_S_MAX: u64 = 6_000;
/// Chunks between the socket and the storage service.
const CHUNKS_WAITING: usize = 1;
/// Of a refused upload so much is read and thrown away.
const DRAINED_MAX: u64 = 256 << 20;
/// What the storage service gets to make a content durable when its last byte has come.
const SETTLE: Duration = Duration::from_secs(60);

/// A request to upload.
pub(crate) struct Form {
    pub uid: String,
    pub content_type: String,
    pub content_length: Option<u64>,
    pub body: web::Payload,
}

impl Form {
    /// A request to upload the content of the blob with this uid.
    pub(crate) fn of(request: &HttpRequest, uid: String, body: web::Payload) -> Form {
        Form {
            uid,
            content_type: header_text(request, "content-type").unwrap_or_default().to_owned(),
            content_length: header_text(request, "content-length").and_then(|length| length.parse().ok()),
            body,
        }
    }
}

/// Takes the one upload of a blob. Answered when it is durable.
pub(crate) async fn upload(door: &Door, form: Form) -> Result<Answer, Refusal> {
    let Form { uid, content_type, content_length, body } = form;
    let pause_max = Duration::from_secs(door.options.body_seconds);
    // Before its key is known an upload is a body like others.
    let mut intake = Intake { body, seen: 0, until: Instant::now() + pause_max, pause_max };
    let taken = async {
        let mut multipart = Multipart::new(&content_type)?;
        let key = key_of(&mut multipart, &mut intake).await?;
        intake.until = Instant::now() + Duration::from_secs(door.options.upload_seconds.min(LASTS_S_MAX));
        let bytes_max = content_length.map_or(0, |all| most_of_file(all, intake.seen, &multipart));
        pass_on(door, UploadHead { uid, key, bytes_max }, multipart, &mut intake).await
    };
    let taken = taken.await;
    // Also what stands behind a form: a body that was not read to its end ends the connection.
    intake.drain().await;
    taken.map(|()| Answer::of(201, Body::Empty))
}

// The fields before the file: of them only the key is ours.
async fn key_of(multipart: &mut Multipart, intake: &mut Intake) -> Result<String, Refusal> {
    let mut key = String::new();
    loop {
        match multipart.next()? {
            Some(Event::Field { name, value }) if name == "key" => key = value,
            Some(Event::Field { .. }) => {}
            Some(Event::File) => return Ok(key),
            Some(Event::Bytes(_) | Event::End) => return Err(Refusal::field("file", "is required")),
            None => multipart.push(&intake.next().await?),
        }
    }
}

// How many bytes the file can have: what is still to come of the body, without what must stand behind a file. At least one,
// because 0 says that it is not known.
fn most_of_file(content_length: u64, seen: u64, multipart: &Multipart) -> u64 {
    let to_come = content_length.saturating_sub(seen) + multipart.held() as u64;
    to_come.saturating_sub(multipart.tail() as u64).max(1)
}

// The call and what feeds it, side by side: either may end first.
async fn pass_on(door: &Door, head: UploadHead, multipart: Multipart, intake: &mut Intake) -> Result<(), Refusal> {
    let (send, receive) = channel(CHUNKS_WAITING);
    let parts = stream::unfold(receive, |mut receive| async { Some((receive.recv().await?, receive)) });
    let deadline = intake.until.saturating_duration_since(Instant::now()) + SETTLE;
    let mut client = door.storage_within(deadline);
    let call = client.upload(parts);
    let (fed, answered) = future::join(Box::pin(feed(head, multipart, intake, send)), Box::pin(call)).await;
    fed?;
    answered?;
    Ok(())
}

// Ends early without a fault when the call has ended: its answer says why.
async fn feed(head: UploadHead, mut multipart: Multipart, intake: &mut Intake, send: Sender<UploadPart>) -> Result<(), Refusal> {
    let mut part = Part::Head(head);
    loop {
        let is_end = matches!(part, Part::End(_));
        if send.send(UploadPart { part: Some(part) }).await.is_err() || is_end {
            return Ok(());
        }
        part = next_part(&mut multipart, intake).await?;
    }
}

async fn next_part(multipart: &mut Multipart, intake: &mut Intake) -> Result<Part, Refusal> {
    loop {
        match multipart.next()? {
            Some(Event::Bytes(bytes)) => return Ok(Part::Chunk(bytes)),
            Some(Event::End) => return Ok(Part::End(Empty {})),
            // The reader lets nothing come behind the file.
            Some(Event::Field { .. } | Event::File) => return Err(Fault::AfterFile.into()),
            None => multipart.push(&intake.next().await?),
        }
    }
}

/// The body as it comes: without long pauses, and not for ever.
struct Intake {
    body: web::Payload,
    seen: u64,
    until: Instant,
    pause_max: Duration,
}

impl Intake {
    async fn next(&mut self) -> Result<Bytes, Refusal> {
        let until = self.until.min(Instant::now() + self.pause_max);
        match timeout_at(until, self.body.next()).await {
            Ok(Some(Ok(chunk))) => {
                self.seen += chunk.len() as u64;
                Ok(chunk)
            }
            Ok(Some(Err(_)) | None) => Err(Refusal::list(400, "the request body ended early")),
            Err(_) => Err(Refusal::list(408, "the request body took too long")),
        }
    }

    async fn drain(&mut self) {
        self.until = Instant::now() + self.pause_max;
        let upto = self.seen.saturating_add(DRAINED_MAX);
        while self.seen < upto && self.next().await.is_ok() {}
    }
}
