//! The actor of one bound session: hands its mail to the rules (`session.rs`) and does what they say. It never waits: calls run
//! beside it and come back as mail, in a bounded number.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use natter_actor::{Actor, Mailbox, Reply, Stop, WeakMailbox};
use natter_proto::DialogId;
use natter_proto::presence::v1::SessionState;
use natter_telemetry::{Offence, continued};
use natter_xmpp::{Element, Framing, StreamFault, ns};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, coop::unconstrained, spawn_local};
use tokio::time::sleep;
use tracing::{Span, debug_span, field};

use crate::calls::Caller;
use crate::claim;
use crate::errands::Errands;
use crate::keeper::Keeper;
use crate::line::{Line, Piece};
use crate::service::Edge;
use crate::session::{Action, Answer, Call, Farewell, Head, Job, Moment, Session};
use crate::shared::SharedFrame;
use crate::stanza::Kind;
use crate::streams::StreamKey;
use crate::table::{Resumable, Seat};

/// All that can happen to a session.
pub(crate) enum SessionMessage {
    /// From the connection of this generation.
    Client(u32, ClientMail),
    /// For the session's user.
    Frame(Arc<SharedFrame>),
    /// The newest numbers of a dialog of its user, which no frame brought.
    Head(DialogId, Head),
    /// What calls have brought, never nothing.
    Answers(Vec<Answer>),
    /// The timer set for this time (unix milliseconds) is due.
    Tick(i64),
    /// Another session took the resource.
    Conflict,
    /// The user may be connected no more; for good, or while his app is closed.
    Dismissed { for_good: bool },
    /// An operator has ended it, or whatever was opened with the token of this id.
    Expelled(Arc<[u8]>),
    /// This process has taken over presence of its app, and knows nothing of it.
    AnnounceAgain(Arc<str>),
    /// The process is going down.
    Drain,
    /// Another edge has claimed its stream.
    Moved,
    /// Its stream cannot be kept for other edges.
    Unkept,
    /// A new connection resumes the stream. Answers with its generation, or nothing if it cannot.
    Attach { line: Arc<Line>, framing: Framing, handled: u32, reply: Reply<Option<u32>> },
}

/// What a connection says.
pub(crate) enum ClientMail {
    Stanza(Element),
    Pong(u64),
    /// Silent for a while.
    Idle,
    /// Most of what was written is with the client.
    Room,
    /// It closed its stream.
    Goodbye,
    /// It broke the grammar.
    Fault(StreamFault),
    /// The connection is gone.
    Broken,
}

/// Most mail taken in one turn.
const BATCH: usize = 16;

/// The state of one session's actor.
pub(crate) struct SessionActor {
    edge: Arc<Edge>,
    session: Session,
    line: Arc<Line>,
    generation: u32,
    caller: Arc<Caller>,
    mailbox: WeakMailbox<SessionMessage>,
    errands: Errands,
    timer: Option<(i64, AbortHandle)>,
    /// The latest announcement, which may still be on its way: the next one must not overtake it. It ends when presence has heard
    /// it, not when all is gathered that the client missed: a dead session is to be owed before its client is back.
    announcing: Option<Announcement>,
    /// Keeps its stream for other edges, or did.
    keeper: Option<Keeper>,
    /// Pieces in the line that wait for that.
    held: usize,
    /// Whether another edge had claimed the stream when it was given up here.
    given_up: Option<oneshot::Receiver<bool>>,
    /// Given up when the farewell is said.
    seat: Option<Seat>,
}

impl Actor for SessionActor {
    type Message = SessionMessage;

    fn batch(&self) -> usize {
        BATCH
    }

    async fn handle(&mut self, mail: Vec<SessionMessage>) -> Result<(), Stop> {
        for message in mail {
            let span = self.span_of(&message);
            // Nothing below waits, so the span is entered and left on this thread. Calls start inside it, and what is told is handed to
            // the connection.
            let _entered = span.enter();
            self.take(message);
            self.perform()?;
        }
        self.keep();
        self.set_timer();
        Ok(())
    }
}

impl SessionActor {
    pub(crate) fn new(
        edge: Arc<Edge>,
        session: Session,
        line: Arc<Line>,
        mailbox: &Mailbox<SessionMessage>,
        seat: Seat,
    ) -> SessionActor {
        edge.metrics.sessions.inc();
        SessionActor {
            caller: Arc::new(Caller::of(session.me())),
            edge,
            session,
            line,
            generation: 0,
            mailbox: mailbox.downgrade(),
            errands: Errands::default(),
            timer: None,
            announcing: None,
            keeper: None,
            held: 0,
            given_up: None,
            seat: Some(seat),
        }
    }

    /// A stanza begins a trace, or none; what is told goes on with the one that it came in. What counts stanzas is no stanza, and comes as
    /// often.
    fn span_of(&self, message: &SessionMessage) -> Span {
        match message {
            SessionMessage::Client(_, ClientMail::Stanza(element)) if element.ns != ns::SM => {
                debug_span!("stanza", kind = field::Empty, app = self.caller.app, user = self.caller.user)
            }
            SessionMessage::Frame(frame) => {
                continued(frame.traceparent(), || debug_span!("edge.write", app = self.caller.app, user = self.caller.user))
            }
            _ => Span::none(),
        }
    }

    fn take(&mut self, message: SessionMessage) {
        let at = self.moment();
        match message {
            SessionMessage::Client(generation, mail) if generation == self.generation => self.take_client(at, mail),
            // From a connection that was replaced.
            SessionMessage::Client(..) => {}
            SessionMessage::Frame(frame) => self.session.frame(at, frame),
            SessionMessage::Head(dialog, head) => self.session.head(at, dialog, head),
            SessionMessage::Answers(answers) => self.session.answers(at, answers),
            SessionMessage::Tick(due) => {
                if self.timer.as_ref().is_some_and(|(set_for, _)| *set_for == due) {
                    self.timer = None;
                    self.session.tick(at);
                }
            }
            SessionMessage::Conflict => self.session.conflict(at),
            SessionMessage::Dismissed { for_good } => self.session.dismissed(at, for_good),
            SessionMessage::Expelled(token) => self.session.expelled(at, &token),
            SessionMessage::AnnounceAgain(by) => self.session.announce_again(at, by),
            SessionMessage::Drain => self.session.drain(at),
            SessionMessage::Moved => self.session.moved(at),
            SessionMessage::Unkept => self.session.unkept(),
            SessionMessage::Attach { line, framing, handled, reply } => self.attach(at, line, framing, handled, reply),
        }
    }

    fn take_client(&mut self, at: Moment, mail: ClientMail) {
        match mail {
            ClientMail::Stanza(element) if element.ns == ns::SM => {
                self.edge.metrics.stanza(Kind::NoStanza);
                self.session.stanza(at, element);
            }
            ClientMail::Stanza(element) => {
                let kind = self.session.kind_of(&element);
                Span::current().record("kind", kind.name());
                self.edge.metrics.stanza(kind);
                self.edge.metrics.apps.request(self.caller.app);
                self.edge.offenders.user(Offence::Load, self.caller.app, self.caller.user, at.now);
                self.session.stanza(at, element);
            }
            ClientMail::Pong(ordinal) => self.session.pong(at, ordinal),
            ClientMail::Idle => self.session.idle(at),
            ClientMail::Room => self.session.has_room(at),
            ClientMail::Goodbye => self.session.goodbye(at),
            ClientMail::Fault(fault) => {
                self.edge.offenders.user(Offence::Malformed, self.caller.app, self.caller.user, at.now);
                self.session.fault(at, fault);
            }
            ClientMail::Broken => self.session.broken(at),
        }
    }

    fn attach(&mut self, at: Moment, line: Arc<Line>, framing: Framing, handled: u32, reply: Reply<Option<u32>>) {
        // Of the line that was.
        self.keep();
        // What is kept is spelled for one framing.
        let resumed = framing == self.session.me().framing && self.session.resumed(at, handled);
        if resumed {
            self.line.cut();
            self.line = line;
            self.generation += 1;
        }
        if !reply.hand(resumed.then_some(self.generation)) && resumed {
            // The connection did not wait for the answer: nobody is there any more.
            self.session.broken(at);
        }
    }

    // === doing what the rules say ===

    fn perform(&mut self) -> Result<(), Stop> {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Write(text) => self.write(Piece::Text(text)),
                Action::Ping(ordinal) => self.write(Piece::Ping(ordinal)),
                Action::ExpectLife => self.line.expect_life(),
                Action::Pause(paused) => self.line.pause(paused),
                Action::Lost => {
                    self.edge.metrics.frames_lost.inc();
                }
                Action::WhenRoom => self.line.want_room(),
                Action::Call(call) => self.start(call),
                Action::Resumable(id) => self.offer(id),
                Action::NotResumable(id) => self.give_up(&id),
                Action::End(farewell) => {
                    self.leave(*farewell);
                    return Err(Stop);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, piece: Piece) {
        let fits = if self.keeper.is_some() {
            self.held += 1;
            self.line.push_held(piece)
        } else {
            self.line.push(piece)
        };
        if !fits {
            self.edge.metrics.cut_off.inc();
        }
    }

    fn offer(&mut self, id: String) {
        let Some(mailbox) = self.mailbox.upgrade() else { return };
        let me = self.session.me();
        if let Some(kept) = self.edge.streams.kept() {
            let key = StreamKey { app: me.app, user: me.user, id: id.clone() };
            let (life, metrics) = (claim::life(&self.edge), self.edge.metrics.clone());
            self.keeper = Some(Keeper::start(kept.clone(), key, life, self.mailbox.clone(), metrics));
        }
        self.edge.table.offer(id, Resumable { who: (me.app, me.user), mailbox });
        if self.keeper.is_some() {
            self.session.keep_elsewhere();
        }
    }

    /// What was written in this turn goes to the connection when it is kept for other edges.
    fn keep(&mut self) {
        let Some(keeper) = &self.keeper else { return };
        let update = self.session.update_to_keep(self.edge.clock.now_ms());
        let pieces = std::mem::take(&mut self.held);
        if update.is_some() || pieces > 0 {
            keeper.keep(self.line.clone(), pieces, update);
        }
    }

    fn give_up(&mut self, id: &str) {
        self.edge.table.withdraw(id);
        if let Some(keeper) = &self.keeper {
            self.given_up = Some(keeper.forget());
        }
    }

    /// Starts a call. It is polled once right here, so that posts reach their dialog in the order they were started: what
    /// decides that order is the dialog's mailbox, and in process it is reached at the first poll.
    fn start(&mut self, mut call: Call) {
        match &mut call {
            Call::Job { job: Job::Post(request), .. } => request.traceparent = natter_telemetry::traceparent(),
            Call::Batch(jobs) => {
                for (_, job) in jobs {
                    if let Job::Post(request) = job {
                        request.traceparent = natter_telemetry::traceparent();
                    }
                }
            }
            _ => {}
        }
        let announces = matches!(call, Call::Return { .. } | Call::Show(_) | Call::Withdraw { .. } | Call::Again(_));
        let (announced, announcement) = announces.then(oneshot::channel).unzip();
        let call = self.edge.links.clone().call(self.caller.clone(), call, announced);
        if announces {
            let earlier = self.announcing.take();
            self.announcing = announcement;
            self.errands.add(Box::pin(after(earlier, call)), &self.mailbox);
            return;
        }
        let mut running = Box::pin(unconstrained(call));
        match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => {
                let at = self.moment();
                self.session.answers(at, answer);
            }
            Poll::Pending => self.errands.add(running, &self.mailbox),
        }
    }

    /// Says goodbye to the client and to presence.
    fn leave(&mut self, farewell: Farewell) {
        if let Some(fault) = farewell.fault {
            self.write(Piece::Text(fault.to_element().to_xml("")));
        }
        if farewell.cut {
            self.edge.metrics.cut_off.inc();
            self.line.cut();
        } else {
            self.line.close();
        }
        self.keep();
        let (links, caller, seat) = (self.edge.links.clone(), self.caller.clone(), self.seat.take());
        let given_up = self.given_up.take();
        let farewell = async move {
            let has_moved = match given_up {
                Some(claimed) => claimed.await.unwrap_or(false),
                None => false,
            };
            // Who claimed the stream has said what was owed, and may have taken that by now.
            let (state, record) = match has_moved {
                true => (SessionState::Vanished, None),
                false => (farewell.state, Some(farewell.record)),
            };
            // Nobody is left to tell of a failure, but the count of failed calls.
            let _ = links.announce(&caller, state, record, None).await;
            drop(seat);
        };
        spawn_local(after(self.announcing.take(), farewell));
    }

    // === time ===

    fn moment(&self) -> Moment {
        Moment { now: self.edge.clock.now_ms(), room: self.line.room() }
    }

    /// Keeps one timer, for the next deadline of the rules.
    fn set_timer(&mut self) {
        let deadline = self.session.deadline();
        if self.timer.as_ref().map(|(set_for, _)| *set_for) == deadline {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            timer.abort();
        }
        let Some(due) = deadline else { return };
        let wait = Duration::from_millis(u64::try_from(due - self.edge.clock.now_ms()).unwrap_or(0));
        let mailbox = self.mailbox.clone();
        let timer = spawn_local(async move {
            sleep(wait).await;
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.deliver(SessionMessage::Tick(due)).await;
            }
        });
        self.timer = Some((due, timer.abort_handle()));
    }
}

impl Drop for SessionActor {
    fn drop(&mut self) {
        self.edge.metrics.sessions.dec();
        if let (Some(seat), Ok(runtime)) = (self.seat.take(), Handle::try_current()) {
            // It ended without a farewell, by a panic: presence must not count on it.
            let (links, caller) = (self.edge.links.clone(), self.caller.clone());
            runtime.spawn(async move {
                let _ = links.announce(&caller, SessionState::Vanished, None, None).await;
                drop(seat);
            });
        }
        if let Some((_, timer)) = self.timer.take() {
            timer.abort();
        }
        // Also after a panic: the client must not talk to nobody.
        self.line.close();
    }
}

/// An announcement on its way; nothing is ever sent, its end is the answer.
type Announcement = oneshot::Receiver<()>;

/// Runs `then` when an earlier announcement is over.
async fn after<T>(earlier: Option<Announcement>, then: impl Future<Output = T>) -> T {
    if let Some(earlier) = earlier {
        // Also after a panic in it.
        let _ = earlier.await;
    }
    then.await
}
