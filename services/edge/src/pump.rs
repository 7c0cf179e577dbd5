//! The task that owns a bound session's connection: it writes what stands in the line, reads while it may, and notices silence.
//! It decides nothing about stanzas.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Mailbox, Refused};
use natter_xmpp::{StreamEvent, StreamFault};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::actor::{ClientMail, SessionMessage};
use crate::line::{Line, Next};
use crate::transport::{Incoming, Transport, Turn};

/// How long a session may take to close its stream after its client's goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// One connection at work.
pub(crate) struct Pump {
    transport: Transport,
    line: Arc<Line>,
    mailbox: Mailbox<SessionMessage>,
    generation: u32,
    idle: Duration,
    heard_at: Instant,
    /// Mail that found no room. Until it has, nothing more is read: back pressure on the client.
    blocked: Option<Pin<Box<dyn Future<Output = ()>>>>,
    quiet: Pin<Box<Sleep>>,
    /// The client closed its stream, or broke it: nothing more is read.
    deaf: bool,
}

/// Whether a pump goes on.
enum Flow {
    On,
    /// The stream is to be closed properly.
    Close,
    /// The connection is of no use any more.
    Drop,
}

impl Pump {
    pub(crate) fn new(
        transport: Transport,
        line: Arc<Line>,
        mailbox: Mailbox<SessionMessage>,
        generation: u32,
        idle: Duration,
    ) -> Pump {
        let now = Instant::now();
        let quiet = Box::pin(sleep_until(now + idle));
        Pump { transport, line, mailbox, generation, idle, heard_at: now, blocked: None, quiet, deaf: false }
    }

    /// Works until the connection or its session ends.
    pub(crate) async fn run(mut self) {
        loop {
            let flow = match self.fill() {
                Flow::On => self.wait().await,
                flow => flow,
            };
            match flow {
                Flow::On => {}
                // A future of its own, so that idle connections do not carry it.
                Flow::Close => return Box::pin(self.transport.close()).await,
                Flow::Drop => break,
            }
        }
        let broken = SessionMessage::Client(self.generation, ClientMail::Broken);
        // Before that goes what waited for room; a session that has ended hears neither.
        if let Some(earlier) = self.blocked.take() {
            earlier.await;
        }
        let _ = self.mailbox.deliver(broken).await;
    }

    /// Hands the transport what it has room for.
    fn fill(&mut self) -> Flow {
        // A client that does not read leaves the transport without room: looked at first.
        if self.line.is_cut() {
            return Flow::Drop;
        }
        while self.transport.has_room() {
            match self.line.next() {
                Next::Write(piece) => self.transport.queue(piece),
                Next::Wait => break,
                Next::Close => return Flow::Close,
            }
        }
        if self.line.take_room() {
            self.mail(ClientMail::Room);
        }
        Flow::On
    }

    async fn wait(&mut self) -> Flow {
        let reading = !self.deaf && self.blocked.is_none() && !self.line.is_paused();
        // The one `select!` of this crate: a connection must be read while it is written, or two sides that both write would
        // wait for one another. Every branch only waits and keeps its state in `self`, so the dropped ones lose nothing.
        // What the session wants written comes first.
        tokio::select! {
            biased;
            () = self.line.changed() => Flow::On,
            () = unblocked(&mut self.blocked) => {
                self.blocked = None;
                Flow::On
            }
            turn = self.transport.turn(reading) => match turn {
                Turn::Flushed => Flow::On,
                Turn::Came(incoming) => self.came(incoming),
            },
            () = self.quiet.as_mut() => self.silent(),
        }
    }

    fn came(&mut self, incoming: Incoming) -> Flow {
        self.heard_at = Instant::now();
        if self.line.expects_life() {
            self.line.heard();
        }
        match incoming {
            Incoming::Event(StreamEvent::Stanza(element)) => self.mail(ClientMail::Stanza(element)),
            Incoming::Pong(ordinal) => self.mail(ClientMail::Pong(ordinal)),
            Incoming::Life => {}
            Incoming::Event(StreamEvent::Close) | Incoming::Goodbye => self.depart(ClientMail::Goodbye),
            Incoming::Event(StreamEvent::Open { .. }) => self.depart(ClientMail::Fault(StreamFault::BadFormat)),
            Incoming::Fault(fault) => self.depart(ClientMail::Fault(fault)),
            Incoming::Broken => return Flow::Drop,
        }
        Flow::On
    }

    /// Reads no more; the session has a moment to close the stream.
    fn depart(&mut self, mail: ClientMail) {
        self.deaf = true;
        self.mail(mail);
        self.quiet.as_mut().reset(Instant::now() + FAREWELL);
    }

    /// Nothing came for a while: the session asks for a sign of life; if it asked before in vain, the client is dead.
    fn silent(&mut self) -> Flow {
        let now = Instant::now();
        let silence = now - self.heard_at;
        if self.deaf || (self.line.expects_life() && silence >= 2 * self.idle) {
            return Flow::Drop;
        }
        if silence >= self.idle {
            if self.blocked.is_none() {
                self.mail(ClientMail::Idle);
            }
            self.quiet.as_mut().reset(now + self.idle);
        } else {
            self.quiet.as_mut().reset(self.heard_at + self.idle);
        }
        Flow::On
    }

    fn mail(&mut self, mail: ClientMail) {
        if let Err(Refused::Full(message)) = self.mailbox.tell(SessionMessage::Client(self.generation, mail)) {
            let mailbox = self.mailbox.clone();
            let earlier = self.blocked.take();
            self.blocked = Some(Box::pin(async move {
                if let Some(earlier) = earlier {
                    earlier.await;
                }
                let _ = mailbox.deliver(message).await;
            }));
        }
    }
}

/// Resolves when mail that found no room has found it; never without such mail.
async fn unblocked(blocked: &mut Option<Pin<Box<dyn Future<Output = ()>>>>) {
    match blocked {
        Some(delivery) => delivery.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_actor::{Actor, Executor, Stop, start};
    use natter_xmpp::Limits;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::LocalSet;

    use super::*;
    use crate::tcp::Tcp;
    use crate::transport::Stream;

    #[tokio::test]
    async fn an_idle_connection_is_a_small_task() {
        let pump = LocalSet::new().run_until(pump()).await;
        assert!(size_of_val(&pump.run()) < 1_024, "every idle connection carries this");
    }

    async fn pump() -> Pump {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let transport = Transport::Tcp(Box::new(Tcp::new(Stream::Plain(socket), Limits::before_sign_in())));
        let mailbox = start(&Executor::local(), 0, 1, |_| Nobody);
        Pump::new(transport, Arc::new(Line::new(1_024)), mailbox, 0, Duration::from_secs(60))
    }

    struct Nobody;

    impl Actor for Nobody {
        type Message = SessionMessage;

        async fn handle(&mut self, _: Vec<SessionMessage>) -> Result<(), Stop> {
            Ok(())
        }
    }
}
