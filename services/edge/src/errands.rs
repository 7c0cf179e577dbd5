//! The calls of one session that are under way, polled by one task for as long as there are any. What has been answered meanwhile
//! comes to the session together.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::CatchUnwind;
use futures::stream::{FuturesUnordered, StreamExt};
use natter_actor::WeakMailbox;
use tokio::task::spawn_local;

use crate::actor::SessionMessage;
use crate::session::Answer;

/// A call, begun or not; nothing is its answer if nobody waits for one.
pub(crate) type Errand = Pin<Box<dyn Future<Output = Option<Answer>>>>;

/// A panic in one call is the end of that call.
type Guarded = CatchUnwind<AssertUnwindSafe<Errand>>;

/// The calls of one session. They go on when this is dropped, as long as the session's mailbox takes answers.
#[derive(Default)]
pub(crate) struct Errands(Rc<RefCell<Coming>>);

#[derive(Default)]
struct Coming {
    errands: Vec<Errand>,
    /// Of the task; absent while there is none.
    waker: Option<Waker>,
}

impl Errands {
    /// Goes on with a call; its answer comes to `mailbox`. Called on the thread of the session.
    pub(crate) fn add(&self, errand: Errand, mailbox: &WeakMailbox<SessionMessage>) {
        let mut coming = self.0.borrow_mut();
        coming.errands.push(errand);
        match &coming.waker {
            Some(waker) => waker.wake_by_ref(),
            None => {
                coming.waker = Some(Waker::noop().clone());
                spawn_local(run(self.0.clone(), mailbox.clone()));
            }
        }
    }
}

/// Until no call is under way.
async fn run(coming: Rc<RefCell<Coming>>, mailbox: WeakMailbox<SessionMessage>) {
    let mut running = FuturesUnordered::new();
    while let Some(answers) = poll_fn(|task| poll(&coming, &mut running, task)).await {
        if let Some(mailbox) = mailbox.upgrade() {
            let _ = mailbox.deliver(SessionMessage::Answers(answers)).await;
        }
    }
}

/// What is answered by now, never nothing; `None`, and the task is at its end, when no call is left.
fn poll(coming: &RefCell<Coming>, running: &mut FuturesUnordered<Guarded>, task: &mut Context<'_>) -> Poll<Option<Vec<Answer>>> {
    {
        let mut coming = coming.borrow_mut();
        running.extend(coming.errands.drain(..).map(|errand| AssertUnwindSafe(errand).catch_unwind()));
        coming.waker = Some(task.waker().clone());
    }
    let mut answers = Vec::new();
    loop {
        match running.poll_next_unpin(task) {
            Poll::Ready(Some(Ok(answer))) => answers.extend(answer),
            Poll::Ready(Some(Err(_))) => tracing::error!("a call of a session panicked"),
            Poll::Ready(None) if answers.is_empty() => {
                coming.borrow_mut().waker = None;
                return Poll::Ready(None);
            }
            Poll::Pending if answers.is_empty() => return Poll::Pending,
            Poll::Ready(None) | Poll::Pending => return Poll::Ready(Some(answers)),
        }
    }
}
