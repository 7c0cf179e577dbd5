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
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::future::{BoxFuture, ready};
    use natter_actor::{Actor, Executor, Mailbox, Stop, start};
    use natter_db::Error;
    use natter_proto::{AppId, UserId};
    use tokio::sync::Semaphore;
    use tokio::task::LocalSet;

    use super::*;
    use crate::line::{Next, Piece};
    use crate::streams::Stored;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_written_before_it_is_kept() {
        LocalSet::new()
            .run_until(async {
                let (store, line, mut world) = world();
                line.push_held(text("1"));
                world.keeper.keep(line.clone(), 1, Some(Update::default()));
                settle().await;
                assert_eq!(line.next(), Next::Wait);
                store.permits.add_permits(1);
                settle().await;
                assert_eq!((line.next(), line.next()), (Next::Write(text("1")), Next::Wait));
                // What nothing is kept of still comes behind what waits.
                line.push_held(text("2"));
                world.keeper.keep(line.clone(), 1, Some(Update::default()));
                line.push_held(text("3"));
                world.keeper.keep(line.clone(), 1, None);
                settle().await;
                assert_eq!(line.next(), Next::Wait);
                store.permits.add_permits(1);
                settle().await;
                assert_eq!((line.next(), line.next()), (Next::Write(text("2")), Next::Write(text("3"))));
                assert!(world.told.try_recv().is_err());
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_kept_is_written_all_the_same_and_no_longer_kept() {
        for answer in [Ok(Held::Lost), Err(Error::Unknown("no answer".to_owned()))] {
            LocalSet::new()
                .run_until(async {
                    let (store, line, mut world) = world();
                    store.permits.add_permits(9);
                    *store.answer.lock() = answer.clone();
                    for n in ["1", "2"] {
                        line.push_held(text(n));
                        world.keeper.keep(line.clone(), 1, Some(Update::default()));
                        settle().await;
                        assert_eq!(line.next(), Next::Write(text(n)));
                    }
                    assert_eq!(world.told.recv().await, Some("unkept"));
                    assert_eq!(*store.words.lock(), ["keep", "forget"]);
                })
                .await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_lost_a_stream_to_another_edge_writes_nothing_more() {
        LocalSet::new()
            .run_until(async {
                let (store, line, mut world) = world();
                store.permits.add_permits(9);
                *store.answer.lock() = Ok(Held::Claimed);
                line.push_held(text("1"));
                world.keeper.keep(line.clone(), 1, Some(Update::default()));
                settle().await;
                assert!(line.is_cut() && line.next() == Next::Wait);
                assert_eq!(world.told.recv().await, Some("moved"));
                assert!(world.keeper.forget().await.unwrap());
            })
            .await;
    }

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

    // === what is around it ===

    struct World {
        keeper: Keeper,
        told: mpsc::UnboundedReceiver<&'static str>,
        _session: Mailbox<SessionMessage>,
    }

    fn world() -> (Arc<Store>, Arc<Line>, World) {
        let (tell, told) = mpsc::unbounded_channel();
        let session = start(&Executor::local(), 0, 8, |_| Listener(tell));
        let store = Arc::new(Store {
            permits: Semaphore::new(0),
            answer: parking_lot::Mutex::new(Ok(Held::Here)),
            words: parking_lot::Mutex::default(),
        });
        let key = StreamKey { app: AppId(905), user: UserId(34), id: "id".to_owned() };
        let keeper = Keeper::start(store.clone(), key, Duration::from_secs(60), session.downgrade(), Metrics::default());
        (store, Arc::new(Line::new(1_000)), World { keeper, told, _session: session })
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    struct Listener(mpsc::UnboundedSender<&'static str>);

    impl Actor for Listener {
        type Message = SessionMessage;

        async fn handle(&mut self, mail: Vec<SessionMessage>) -> Result<(), Stop> {
            for message in mail {
                let word = match message {
                    SessionMessage::Moved => "moved",
                    SessionMessage::Unkept => "unkept",
                    _ => "something else",
                };
                self.0.send(word).unwrap();
            }
            Ok(())
        }
    }

    struct Store {
        permits: Semaphore,
        answer: parking_lot::Mutex<Result<Held, Error>>,
        words: parking_lot::Mutex<Vec<&'static str>>,
    }

    impl Kept for Store {
        fn keep<'a>(&'a self, _: &'a StreamKey, _: &'a Update, _: Duration) -> BoxFuture<'a, Result<Held, Error>> {
            async move {
                self.permits.acquire().await.unwrap().forget();
                self.words.lock().push("keep");
                self.answer.lock().clone()
            }
            .boxed()
        }

        fn claim<'a>(&'a self, _: &'a StreamKey, _: Duration) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
            ready(Ok(None)).boxed()
        }

        fn forget<'a>(&'a self, _: &'a StreamKey) -> BoxFuture<'a, Result<Held, Error>> {
            self.words.lock().push("forget");
            ready(self.answer.lock().clone()).boxed()
        }
    }
}
