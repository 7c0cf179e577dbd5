//! What clients say in a dialog: messages, statuses, and what is told and never stored. One by one, or several of a dialog together
//! (decision 0036).

use futures::future::maybe_done;
use futures::poll;
use natter_proto::dialog::v1 as wire;
use natter_proto::dialog::v1::job::What;
use natter_proto::{AppId, Code, DialogId, Failure, MessageId, UserId};
use tracing::{Instrument, Span};

use super::{Rpc, by_dialog, decode};
use crate::actor::{DialogMessage, Posted};
use crate::dialog::Key;
use crate::dialog::marks::{Mark, Marked};
use crate::list;

/// Most jobs of one request.
const JOBS_MAX: usize = 64;

impl Rpc {
    pub(super) async fn post(&self, mut request: wire::PostRequest) -> Result<wire::PostReply, Failure> {
        let pair = (request.message.as_ref().map_or(0, |message| message.sender), request.recipient);
        if let Some(mut peer) = self.name_pair(request.app, &mut request.dialog, pair).await? {
            return Ok(peer.post(request).await?.into_inner());
        }
        let brief = request.brief;
        let (app, dialog, post) = decode::post(request)?;
        self.shared.admit(app, post.sender).await?;
        let key = self.key(app, &dialog, (post.sender, post.recipient)).await?;
        let posted = self.ask(key, |answer| DialogMessage::Post(Box::new(post), answer)).await?;
        Ok(encode_posted(key.dialog, &posted, brief))
    }

    /// Each is handed to the dialog before the next one is, and none waits for the answer to another.
    pub(super) async fn batch(&self, request: wire::BatchRequest) -> Result<wire::BatchReply, Failure> {
        let wire::BatchRequest { app, dialog, jobs } = request;
        let key = decode::key(app, &dialog)?;
        if jobs.len() > JOBS_MAX {
            return Err(Failure::new(Code::TooLarge, format!("{} jobs in one request", jobs.len())));
        }
        let mut asked = Vec::with_capacity(jobs.len());
        for job in jobs {
            let admitted = match &job.what {
                Some(What::Post(post)) => {
                    let sender = post.message.as_ref().map_or(0, |message| message.sender);
                    self.shared.admit(key.app, UserId(sender)).await
                }
                _ => Ok(()),
            };
            let mut answer = Box::pin(maybe_done(async move {
                admitted?;
                self.job_there(key, job).await
            }));
            // What decides their order is the dialog's mailbox, which is reached at the first poll.
            let _ = poll!(&mut answer);
            asked.push(answer);
        }
        let mut outcomes = Vec::with_capacity(asked.len());
        for mut answer in asked {
            answer.as_mut().await;
            let none = || Err(Failure::new(Code::Unknown, "no outcome of a job"));
            let outcome = answer.as_mut().take_output().unwrap_or_else(none);
            outcomes.push(match outcome {
                Ok(seq) => wire::JobOutcome { seq, refusal: None },
                Err(failure) => wire::JobOutcome { seq: 0, refusal: Some(failure.into()) },
            });
        }
        Ok(wire::BatchReply { outcomes })
    }

    /// One of several: gives its number, 0 if it has none.
    async fn job_there(&self, key: Key, job: wire::Job) -> Result<u64, Failure> {
        let is_there = |app: u64, dialog: &[u8]| match app == key.app.0 && dialog == key.dialog.to_vec() {
            true => Ok(()),
            false => Err(Failure::new(Code::Invalid, "a job of another dialog among others")),
        };
        match job.what {
            Some(What::Post(mut request)) => {
                is_there(request.app, &request.dialog)?;
                let span = span_of(&mut request);
                let (_, _, post) = decode::post(request)?;
                let posted = self.ask(key, |answer| DialogMessage::Post(Box::new(post), answer)).instrument(span).await?;
                Ok(encode_posted(key.dialog, &posted, true).seq)
            }
            Some(What::Mark(request)) => {
                is_there(request.app, &request.dialog)?;
                let (_, _, mark) = decode::mark(request)?;
                self.ask(key, |answer| DialogMessage::Mark(mark, answer)).await.map(|_| 0)
            }
            Some(What::Signal(request)) => {
                is_there(request.app, &request.dialog)?;
                let (_, _, signal) = decode::signal(request)?;
                self.ask(key, |answer| DialogMessage::Signal(signal, answer)).await.map(|()| 0)
            }
            None => Err(Failure::new(Code::Invalid, "a job that says nothing")),
        }
    }

    pub(super) async fn mark(&self, mut request: wire::MarkRequest) -> Result<u32, Failure> {
        let pair = (request.user, request.author);
        if let Some(mut peer) = self.name_pair(request.app, &mut request.dialog, pair).await? {
            return Ok(peer.mark(request).await?.into_inner().found);
        }
        let (app, dialog, mark) = decode::mark(request.clone())?;
        if dialog.is_empty() && mark.author.is_none() {
            return self.mark_anywhere(app, mark, request).await;
        }
        let key = self.key(app, &dialog, (mark.user, mark.author)).await?;
        self.ask(key, |answer| DialogMessage::Mark(mark, answer)).await
    }

    /// Marks messages by id wherever the user has them.
    async fn mark_anywhere(&self, app: AppId, mark: Mark, request: wire::MarkRequest) -> Result<u32, Failure> {
        let found = list::find(&self.shared, app, mark.user, mark.ids().to_vec()).await?;
        let mut count = 0;
        for (dialog, found) in by_dialog(found)? {
            let key = Key { app, dialog };
            if let Some(mut peer) = self.shared.peer(key) {
                let ids = found.into_iter().map(|found| found.asked).collect();
                let request = wire::MarkRequest { dialog: dialog.to_vec(), ids, ..request.clone() };
                count += peer.mark(request).await?.into_inner().found;
                continue;
            }
            let ids = found.iter().filter_map(|found| MessageId::try_from(found.asked.as_slice()).ok()).collect();
            let mark = Mark { rows: Marked::Ids(ids), ..mark.clone() };
            count += self.ask(key, |answer| DialogMessage::Mark(mark, answer)).await?;
        }
        Ok(count)
    }

    pub(super) async fn signal(&self, mut request: wire::SignalRequest) -> Result<(), Failure> {
        let pair = (request.user, request.recipient);
        if let Some(mut peer) = self.name_pair(request.app, &mut request.dialog, pair).await? {
            return Ok(peer.signal(request).await.map(drop)?);
        }
        let (app, dialog, signal) = decode::signal(request)?;
        let key = self.key(app, &dialog, (signal.user, signal.recipient)).await?;
        self.ask(key, |answer| DialogMessage::Signal(signal, answer)).await
    }
}

/// What becomes of a message goes on from there.
pub(super) fn span_of(post: &mut wire::PostRequest) -> Span {
    let span = tracing::debug_span!("dialog.post", app = post.app);
    natter_telemetry::follow(&span, &post.traceparent);
    post.traceparent = span.in_scope(natter_telemetry::traceparent);
    span
}

fn encode_posted(dialog: DialogId, posted: &Posted, brief: bool) -> wire::PostReply {
    let message = posted.content.message();
    wire::PostReply {
        dialog: dialog.to_vec(),
        id: message.id.clone(),
        seq: message.seq,
        date_sent: message.date_sent,
        duplicate: posted.duplicate,
        message: (!brief).then(|| message.clone()),
    }
}
