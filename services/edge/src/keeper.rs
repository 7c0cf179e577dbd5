//! The task of a stream that is kept for other edges (decision 0034): it keeps what is about to be written, then lets the connection
//! write it. One batch follows another; those that wait go together.

use std::sync::Arc;
use std::time::Duration;

use natter_actor::WeakMailbox;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::actor::SessionMessage;
use crate::line::Line;
use crate::metrics::Metrics;
use crate::streams::{Held, Kept, StreamKey, Update};

/// Batches kept in one step.
const TOGETHER_MAX: usize = 64;

/// The session's end of it. With it the task ends, after what it was handed.
pub(crate) struct Keeper {
    /// Not bounded by itself, but by what a stream may have unacknowledged, and by the deadline of one step.
    batches: mpsc::UnboundedSender<Batch>,
}

/// What a step of the session leaves.
enum Batch {
    Keep { update: Option<Update>, line: Arc<Line>, pieces: usize },
    Forget { claimed: oneshot::Sender<bool> },
}

struct Work {
    kept: Arc<dyn Kept>,
    key: StreamKey,
    life: Duration,
    mailbox: WeakMailbox<SessionMessage>,
    metrics: Metrics,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Keeps,
    /// Nothing is kept any more, and all is written at once.
    Over,
    /// By another edge: nothing more is written here.
    Claimed,
}

impl Keeper {
    pub(crate) fn start(
        kept: Arc<dyn Kept>,
        key: StreamKey,
        life: Duration,
        mailbox: WeakMailbox<SessionMessage>,
        metrics: Metrics,
    ) -> Keeper {
        let (batches, waiting) = mpsc::unbounded_channel();
        spawn_local(Work { kept, key, life, mailbox, metrics, standing: Standing::Keeps }.run(waiting));
        Keeper { batches }
    }

    /// Releases so many pieces of a line when the update is kept.
    pub(crate) fn keep(&self, line: Arc<Line>, pieces: usize, update: Option<Update>) {
        // Its task ends after us.
        let _ = self.batches.send(Batch::Keep { update, line, pieces });
    }

    /// Nobody is to resume the stream. Answers whether another edge had claimed it before.
    pub(crate) fn forget(&self) -> oneshot::Receiver<bool> {
        let (claimed, answer) = oneshot::channel();
        let _ = self.batches.send(Batch::Forget { claimed });
        answer
    }
}

impl Work {
    async fn run(mut self, mut waiting: mpsc::UnboundedReceiver<Batch>) {
        let mut some = Vec::new();
        while waiting.recv_many(&mut some, TOGETHER_MAX).await > 0 {
            let mut batches = some.drain(..).peekable();
            while let Some(batch) = batches.next() {
                let Batch::Keep { update, line, pieces } = batch else {
                    if let Batch::Forget { claimed } = batch {
                        self.forget().await;
                        // Nobody may wait for it.
                        let _ = claimed.send(self.standing == Standing::Claimed);
                    }
                    continue;
                };
                let (mut all, mut lines) = (update, vec![(line, pieces)]);
                while let Some(Batch::Keep { update, line, pieces }) =
                    batches.next_if(|batch| matches!(batch, Batch::Keep { .. }))
                {
                    all = match (all, update) {
                        (Some(all), Some(update)) => Some(merged(all, update)),
                        (all, update) => all.or(update),
                    };
                    lines.push((line, pieces));
                }
                self.keep(all, lines).await;
            }
        }
    }

    async fn keep(&mut self, update: Option<Update>, lines: Vec<(Arc<Line>, usize)>) {
        let was = self.standing;
        if let (Some(update), Standing::Keeps) = (update, self.standing) {
            self.standing = match self.kept.keep(&self.key, &update, self.life).await {
                Ok(Held::Here) => Standing::Keeps,
                Ok(Held::Claimed) => Standing::Claimed,
                Ok(Held::Lost) | Err(_) => Standing::Over,
            };
        }
        if self.standing == Standing::Claimed {
            lines.iter().for_each(|(line, _)| line.cut());
        } else {
            lines.iter().for_each(|(line, pieces)| line.release(*pieces));
        }
        match (was, self.standing) {
            (Standing::Keeps, Standing::Over) => {
                self.metrics.streams_unkept.inc();
                // What is there may be old: best nobody finds it.
                let _ = self.kept.forget(&self.key).await;
                self.tell(SessionMessage::Unkept).await;
            }
            (Standing::Keeps, Standing::Claimed) => self.tell(SessionMessage::Moved).await,
            _ => {}
        }
    }

    async fn forget(&mut self) {
        if self.standing != Standing::Keeps {
            return;
        }
        self.standing = Standing::Over;
        if let Ok(Held::Claimed) = self.kept.forget(&self.key).await {
            self.standing = Standing::Claimed;
            self.tell(SessionMessage::Moved).await;
        }
    }

    /// The session's actor never waits for this task.
    async fn tell(&self, message: SessionMessage) {
        if let Some(mailbox) = self.mailbox.upgrade() {
            let _ = mailbox.deliver(message).await;
        }
    }
}

/// Two updates in one step, in which what is removed goes first.
fn merged(first: Update, then: Update) -> Update {
    let Update { is_new, mut added, mut removed, .. } = first;
    added.retain(|(ordinal, _)| !then.removed.contains(ordinal));
    added.extend(then.added);
    removed.extend(then.removed);
    Update { is_new: is_new || then.is_new, head: then.head, added, removed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_before_it_was_kept_is_not_kept() {
        let update = |head, added: &[u32], removed: &[u32]| Update {
            head: vec![head],
            added: added.iter().map(|ordinal| (*ordinal, Vec::new())).collect(),
            removed: removed.to_vec(),
            ..Update::default()
        };
        let first = Update { is_new: true, ..update(1, &[3, 4], &[1]) };
        let both = merged(first, update(2, &[5], &[2, 3]));
        assert_eq!(both, Update { is_new: true, ..update(2, &[4, 5], &[1, 2, 3]) });
    }
}
