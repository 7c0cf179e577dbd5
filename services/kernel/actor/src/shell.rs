//! The actix actor around one of ours: owns the state, takes the mail, runs each batch to its end. The only user of actix.

use std::any::type_name;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, ContextFutureSpawner, StreamHandler, WrapFuture};
use futures::{FutureExt, Stream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::actor::{Actor, Stop};
use crate::executor::Executor;
use crate::mailbox::Mailbox;
use crate::queue::Queue;

/// Starts one actor. `make` runs on the thread of `lane` and is given the actor's own mailbox; `capacity` bounds the mail.
/// The actor ends when it is stopped or closed, when it panics, and when the last handle is gone.
pub fn start<A: Actor>(
    executor: &Executor,
    lane: u64,
    capacity: usize,
    make: impl FnOnce(Mailbox<A::Message>) -> A + Send + 'static,
) -> Mailbox<A::Message> {
    let queue = Arc::new(Queue::new(capacity));
    let mailbox = Mailbox::new(queue.clone());
    launch(executor, lane, mailbox.clone(), None, Ending::new(queue, None), make);
    mailbox
}

/// Brings an actor to life behind a mailbox that may have mail already.
pub(crate) fn launch<A: Actor>(
    executor: &Executor,
    lane: u64,
    mailbox: Mailbox<A::Message>,
    idle: Option<Duration>,
    ending: Ending<A::Message>,
    make: impl FnOnce(Mailbox<A::Message>) -> A + Send + 'static,
) {
    executor.run(lane, move || {
        let queue = mailbox.queue().clone();
        let life = Life { actor: make(mailbox), _ending: ending };
        Context::new().into_future(Shell { life: Some(Box::new(life)), queue, idle })
    });
}

/// The state of an actor with the guard of its end, in one piece: wherever it is dropped, the state goes first.
struct Life<A: Actor> {
    actor: A,
    _ending: Ending<A::Message>,
}

/// Closes the mailbox and says goodbye when dropped: after a stop, a panic, a kill, or a start that never came.
pub(crate) struct Ending<M> {
    queue: Arc<Queue<M>>,
    farewell: Option<Box<dyn FnOnce() + Send>>,
}

impl<M> Ending<M> {
    pub(crate) fn new(queue: Arc<Queue<M>>, farewell: Option<Box<dyn FnOnce() + Send>>) -> Ending<M> {
        Ending { queue, farewell }
    }
}

impl<M> Drop for Ending<M> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(farewell) = self.farewell.take() {
            farewell();
        }
        self.queue.end();
    }
}

struct Shell<A: Actor> {
    /// Absent while a batch runs: its future owns the state.
    life: Option<Box<Life<A>>>,
    queue: Arc<Queue<A::Message>>,
    idle: Option<Duration>,
}

// The hooks `stopping` and `stopped` stay empty: actix runs them in a simulated crash too.
impl<A: Actor> actix::Actor for Shell<A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let batch = self.life.as_ref().map_or(1, |life| life.actor.batch());
        ctx.add_stream(Mail::new(self.queue.clone(), batch, self.idle));
    }
}

// When the mail has no next batch, actix stops the actor.
impl<A: Actor> StreamHandler<Vec<A::Message>> for Shell<A> {
    fn handle(&mut self, mail: Vec<A::Message>, ctx: &mut Self::Context) {
        let mut life = self.life.take().expect("the next batch is taken when the last has ended");
        async move {
            // A panic leaves no broken state behind: the actor is dropped with it.
            let outcome = AssertUnwindSafe(async { life.actor.handle(mail).await }).catch_unwind().await;
            (life, outcome)
        }
        .into_actor(self)
        .map(|(life, outcome), shell: &mut Self, ctx| match outcome {
            Ok(Ok(())) => shell.life = Some(life),
            Ok(Err(Stop)) => end(life, ctx),
            Err(_) => {
                tracing::error!(actor = type_name::<A>(), "an actor panicked and was ended");
                end(life, ctx);
            }
        })
        .wait(ctx);
    }
}

fn end<A: Actor>(life: Box<Life<A>>, ctx: &mut Context<Shell<A>>) {
    drop(life);
    actix::ActorContext::stop(ctx);
}

/// The batches of a queue, until it is closed or nothing came for `idle`.
struct Mail<M> {
    queue: Arc<Queue<M>>,
    batch: usize,
    idle: Option<Idle>,
    /// A batch was given in this turn of the thread; others come first.
    had_turn: bool,
}

struct Idle {
    after: Duration,
    last_mail: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<M> Mail<M> {
    fn new(queue: Arc<Queue<M>>, batch: usize, idle: Option<Duration>) -> Mail<M> {
        let idle = idle.map(|after| {
            let last_mail = Instant::now();
            Idle { after, last_mail, timer: Box::pin(sleep_until(last_mail + after)) }
        });
        Mail { queue, batch: batch.max(1), idle, had_turn: false }
    }
}

impl<M> Stream for Mail<M> {
    type Item = Vec<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<Vec<M>>> {
        let this = &mut *self;
        if this.had_turn && this.queue.has_mail() {
            // Timers and the other actors of the thread run before the next batch.
            this.had_turn = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match this.queue.poll_take(cx, this.batch) {
                Poll::Ready(mail) => {
                    this.had_turn = true;
                    if let Some(idle) = &mut this.idle {
                        idle.last_mail = Instant::now();
                    }
                    return Poll::Ready(mail);
                }
                Poll::Pending => this.had_turn = false,
            }
            let Some(idle) = &mut this.idle else { return Poll::Pending };
            ready!(idle.poll(cx));
            if this.queue.close_if_empty() {
                return Poll::Ready(None);
            }
        }
    }
}

impl Idle {
    /// Ready when no mail came for long enough. The timer is moved only when it fires, so mail does not pay for it.
    fn poll(&mut self, cx: &mut Task<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.last_mail + self.after;
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}
