//! The four beats of posts, in the order of `carry_out`: decide, store, apply, tell; the acks last. Marks of the same mail are
//! stored beside the rows, so that both share one wait for the disk.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use futures::future::join_all;
use futures::join;
use natter_actor::Stop;
use natter_proto::Failure;
use natter_proto::event::v1::{Frame, Message};
use natter_proto::history::v1::{AppendRequest, KeepRequest};
use natter_telemetry::continued_together;
use tracing::{Instrument, debug_span};

use super::{Answer, Content, Own, Posted, marks, ways};
use crate::dialog::bars::Bars;
use crate::dialog::duplicates::Known;
use crate::dialog::marks::Mark;
use crate::dialog::post::{Batch, Decision, Source};
use crate::dialog::{Dialog, Post};
use crate::error::{Trouble, busy, of_post};
use crate::frames;
use crate::metrics::Outcome;
use crate::shared::Shared;

type Posting = (Box<Post>, Answer<Posted>);
type Marking = (Mark, Answer<u32>);

/// Bytes of rows that go into one append: an append must fit a gRPC message (4 MiB) with room to spare.
const APPEND_BYTES_MAX: usize = 3 << 20;

/// A post on its way through the beats.
struct Step {
    decision: Result<Decision, Failure>,
    deliver: bool,
    source: Source,
    /// When the row before it was told, or made; none if that is one of this batch.
    previous_at: Option<i64>,
}

/// What a frame says of its message besides.
#[derive(Default)]
struct About {
    previous_at: i64,
    again: bool,
    kept: u64,
}

/// What was found of repeated messages that this actor has not told, by the place of the post: rows, or why not.
type Again = BTreeMap<usize, Result<Option<Message>, Failure>>;
/// Where messages outside the log lie in the queues of their recipients, or why they were not kept, by the place of the post.
type Kept = BTreeMap<usize, Result<u64, Failure>>;

/// Carries out all posts that wait, as one append unless their bytes are too many, and the marks beside the first.
///
/// # Errors
/// Somebody else wrote, or the outcome of an append is unknown: every post was answered, and the dialog must be loaded again.
pub(super) async fn carry_out(
    shared: &Shared,
    own: &Own,
    dialog: &mut Dialog,
    posts: Vec<Posting>,
    marks: Vec<Marking>,
) -> Result<(), Stop> {
    let mut marks = Some(marks);
    let mut outcome = Ok(());
    for posts in cut(posts) {
        match outcome {
            Ok(()) => {
                outcome = carry_out_together(shared, own, dialog, posts, marks.take().unwrap_or_default()).await;
            }
            Err(Stop) => refuse(shared, posts, &busy(dialog.key)),
        }
    }
    if let Some(marks) = marks {
        marks::carry_out(shared, dialog, marks).await;
    }
    outcome
}

async fn carry_out_together(
    shared: &Shared,
    own: &Own,
    dialog: &mut Dialog,
    posts: Vec<Posting>,
    marks: Vec<Marking>,
) -> Result<(), Stop> {
    shared.meters.batch.observe(posts.len() as f64);
    let forgotten = dialog.forgotten(posts.iter().map(|(post, _)| &**post));
    // After every one of these posts has come: a block that was acknowledged before holds.
    let speakers = posts.iter().map(|(post, _)| post.sender);
    let (older, bars) = join!(shared.known_rows(dialog.key, forgotten), shared.bars(dialog, speakers));
    let (older, bars) = match older.and_then(|older| Ok((older, bars?))) {
        Ok(known) => known,
        Err(failure) => {
            refuse(shared, posts, &failure);
            marks::carry_out(shared, dialog, marks).await;
            return Ok(());
        }
    };

    // Decide.
    let (steps, answers, batch) = decide(shared, dialog, &older, &bars, posts);

    // Store.
    let (stored, kept, again, ()) = join!(
        append(shared, dialog, &steps),
        keep(shared, dialog, &steps),
        find_untold(shared, dialog, &steps),
        marks::carry_out(shared, dialog, marks),
    );

    // Apply.
    let now_ms = shared.clock.now_ms();
    if stored.is_ok() && !batch.is_empty() {
        dialog.apply(batch, now_ms);
        shared.moved(dialog);
    }

    // Tell.
    let results = tell(shared, dialog, steps, &stored, kept, again, now_ms);

    // Ack.
    let reload = matches!(stored, Err(Trouble { reload: true, .. }));
    if reload {
        own.close();
    }
    answers.into_iter().zip(results).for_each(|(answer, result)| answer.send(result));
    if reload { Err(Stop) } else { Ok(()) }
}

// === decide ===

fn decide(
    shared: &Shared,
    dialog: &Dialog,
    older: &[Known],
    bars: &Bars,
    posts: Vec<Posting>,
) -> (Vec<Step>, Vec<Answer<Posted>>, Batch) {
    let mut draft = dialog.draft(&shared.limits, older, shared.clock.now_ms()).with_bars(bars);
    let (mut steps, mut answers) = (Vec::with_capacity(posts.len()), Vec::with_capacity(posts.len()));
    for (mut post, answer) in posts {
        let (sender, deliver, source) = (post.sender, post.deliver, mem::take(&mut post.source));
        let previous_at = draft.previous_at();
        let decision = draft.decide(*post, || shared.fresh_id()).map_err(|error| of_post(dialog.key, sender, &error));
        steps.push(Step { decision, deliver, source, previous_at });
        answers.push(answer);
    }
    (steps, answers, draft.finish())
}

// === store ===

async fn append(shared: &Shared, dialog: &Dialog, steps: &[Step]) -> Result<(), Trouble> {
    let rows = steps.iter().filter_map(|step| match &step.decision {
        Ok(Decision::Row(message)) => Some(message.clone()),
        _ => None,
    });
    let rows: Vec<Message> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let request = AppendRequest {
        app: dialog.key.app.0,
        dialog: dialog.key.dialog.to_vec(),
        first_seq: dialog.head() + 1,
        rows,
        quiet: Vec::new(),
    };
    let span = continued_together(steps.iter().map(|step| step.source.traceparent.as_str()), || {
        debug_span!("dialog.append", app = dialog.key.app.0, rows = request.rows.len())
    });
    match shared.history().append(request).instrument(span).await {
        Ok(_) => Ok(()),
        Err(status) => {
            let trouble = Trouble::from(status);
            let Trouble { failure, reload } = &trouble;
            tracing::warn!(app = %dialog.key.app, dialog = ?dialog.key.dialog, %failure, reload, "append failed");
            Err(trouble)
        }
    }
}

/// A message outside the log is kept until a session of its recipient has proved to have it (contract xmpp 3.9): whoever was
/// told it may die before.
async fn keep(shared: &Shared, dialog: &Dialog, steps: &[Step]) -> Kept {
    let mut queues: BTreeMap<u64, (Vec<usize>, Vec<Frame>)> = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        // Of groups nothing is kept for who is away (contract xmpp 4.3).
        if let Ok(Decision::Unsaved(message, _)) = &step.decision
            && message.recipient > 0
        {
            let (numbers, frames) = queues.entry(message.recipient).or_default();
            numbers.push(n);
            frames.push(frames::message(dialog, message.clone(), step.source.clone()));
        }
    }
    let calls = queues.into_iter().map(|(user, (numbers, frames))| async move {
        let request = KeepRequest { app: dialog.key.app.0, user, frames };
        let first = shared.history().keep(request).await.map(|reply| reply.into_inner().first).map_err(Failure::from);
        let place = move |n| first.clone().map(|first| first + n as u64);
        numbers.into_iter().enumerate().map(move |(n, number)| (number, place(n)))
    });
    join_all(calls).await.into_iter().flatten().collect()
}

/// The owner before this one may have died between storing and telling. A row that comes again is told again, in its form
/// of today: it may have been removed since.
async fn find_untold(shared: &Shared, dialog: &Dialog, steps: &[Step]) -> Again {
    let untold = steps.iter().enumerate().filter_map(|(n, step)| match &step.decision {
        Ok(Decision::Repeat(_, known)) if step.deliver && !known.told => Some((n, known)),
        _ => None,
    });
    let untold: Vec<_> = untold.collect();
    let ids = untold.iter().map(|(_, known)| known.id).collect();
    match shared.find(dialog.key.app, None, ids, &[dialog.key.dialog]).await {
        Ok(found) => {
            let row = |seq| found.iter().filter_map(|found| found.row.as_ref()).find(|row| row.seq == seq).cloned();
            untold.iter().map(|(n, known)| (*n, Ok(row(known.seq)))).collect()
        }
        Err(failure) => untold.iter().map(|(n, _)| (*n, Err(failure.clone()))).collect(),
    }
}

// === tell ===

/// One frame for each message that may be told, in the order of the posts; what each sender will hear.
fn tell(
    shared: &Shared,
    dialog: &mut Dialog,
    steps: Vec<Step>,
    stored: &Result<(), Trouble>,
    mut kept: Kept,
    mut again: Again,
    now_ms: i64,
) -> Vec<Result<Posted, Failure>> {
    let mut results: Vec<Result<Posted, Failure>> = Vec::with_capacity(steps.len());
    let mut told = Vec::with_capacity(steps.len());
    for (n, Step { decision, deliver, source, previous_at }) in steps.into_iter().enumerate() {
        let (result, outcome) = match decision {
            Err(failure) => (Err(failure), Outcome::Refused),
            Ok(Decision::Row(message)) => match stored {
                Ok(()) => {
                    let about = About { previous_at: previous_at.unwrap_or(now_ms), ..About::default() };
                    ways::stored(shared, dialog, &message, deliver);
                    (Ok(tell_one(&mut told, dialog, message, deliver.then_some(source), about)), Outcome::Stored)
                }
                Err(Trouble { failure, .. }) => (Err(failure.clone()), failure.into()),
            },
            Ok(Decision::Unsaved(message, known)) => match kept.remove(&n) {
                Some(Err(failure)) => (Err(failure.clone()), Outcome::from(&failure)),
                place => {
                    dialog.apply_unsaved(known);
                    let about = About { kept: place.and_then(Result::ok).unwrap_or(0), ..About::default() };
                    (Ok(tell_one(&mut told, dialog, message, deliver.then_some(source), about)), Outcome::Unsaved)
                }
            },
            Ok(Decision::Repeat(message, known)) => {
                (tell_again(&mut told, dialog, message, known.seq, source, (again.remove(&n), now_ms)), Outcome::Repeated)
            }
            Ok(Decision::Same(first)) => {
                (results[first].clone().map(|posted| Posted { duplicate: true, ..posted }), Outcome::Repeated)
            }
        };
        if matches!(outcome, Outcome::Stored | Outcome::Unsaved) {
            shared.meters.apps.message(dialog.key.app.0);
        }
        shared.meters.posted(outcome);
        results.push(result);
    }
    shared.tell_all(told);
    results
}

/// Adds to what is to be told. `source`: absent if nobody is.
fn tell_one(told: &mut Vec<Arc<Frame>>, dialog: &Dialog, message: Message, source: Option<Source>, about: About) -> Posted {
    let Some(source) = source else { return Posted { content: Content::Message(message.into()), duplicate: false } };
    let About { previous_at, again, kept } = about;
    let frame = Arc::new(Frame { previous_at, again, kept, ..frames::message(dialog, message, source) });
    told.push(frame.clone());
    Posted { content: Content::Told(frame), duplicate: false }
}

/// `row`: absent if the message was told before; `None` in it if history does not have it any more.
fn tell_again(
    told: &mut Vec<Arc<Frame>>,
    dialog: &mut Dialog,
    message: Message,
    seq: u64,
    source: Source,
    (row, now_ms): (Option<Result<Option<Message>, Failure>>, i64),
) -> Result<Posted, Failure> {
    let mut again_at = None;
    let content = match row.transpose()?.flatten() {
        Some(row) if row.removed => Content::Message(row.into()),
        // When the one before it was made nobody knows; not later than this one.
        Some(row) => {
            again_at = Some(now_ms);
            let about = About { previous_at: row.created_at, again: true, ..About::default() };
            tell_one(told, dialog, row, Some(source), about).content
        }
        None => Content::Message(message.into()),
    };
    dialog.apply_told(seq, again_at);
    Ok(Posted { content, duplicate: true })
}

// === batches ===

/// Batches in order, none of them over the bytes of an append unless it is one post.
fn cut(posts: Vec<Posting>) -> Vec<Vec<Posting>> {
    let mut batches: Vec<Vec<Posting>> = Vec::new();
    let mut bytes = 0;
    for posting in posts {
        let more = posting.0.bytes();
        match batches.last_mut() {
            Some(batch) if bytes + more <= APPEND_BYTES_MAX => {
                bytes += more;
                batch.push(posting);
            }
            _ => {
                bytes = more;
                batches.push(vec![posting]);
            }
        }
    }
    batches
}

fn refuse(shared: &Shared, posts: Vec<Posting>, failure: &Failure) {
    for (_, answer) in posts {
        shared.meters.posted(Outcome::from(failure));
        answer.send(Err(failure.clone()));
    }
}
