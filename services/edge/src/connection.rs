//! One connection from its first byte to its last: TLS, the HTTP request of a WebSocket, the negotiation (`negotiation.rs`), then
//! the pump. It performs; what is accepted is decided in the negotiation's rules.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Mailbox, start};
use natter_peer::Header;
use natter_proto::account::v1::AuthenticateRequest;
use natter_proto::event::v1::SessionRef;
use natter_proto::presence::v1::{Entrance, SessionState};
use natter_proto::{AppId, Code, Failure, UserId};
use natter_telemetry::Offence;
use natter_xmpp::{Condition, Limits, StanzaError, StreamEvent, StreamFault};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::actor::{ClientMail, SessionActor, SessionMessage};
use crate::calls::Caller;
use crate::claim;
use crate::line::{Line, Piece};
use crate::listener::{Door, Socket, Visit};
use crate::negotiation::{Credentials, Negotiation, Refusal, Step, Terms};
use crate::pump::Pump;
use crate::service::Edge;
use crate::session::{Identity, Session};
use crate::stanza_error;
use crate::streams::StreamKey;
use crate::tcp::Tcp;
use crate::transport::{Incoming, Stream, Transport, Turn};
use crate::ws::{ForwardedFor, Visitor, WebSocket};

/// A connection just accepted.
pub(crate) struct Arrival {
    pub socket: Socket,
    pub peer: IpAddr,
    pub door: Door,
    /// The lane it lives on; its session will live there too.
    pub lane: u64,
}

/// Why a connection is turned away of which nothing more can be read, or which does what the protocol does not allow.
const FAULT: &str = "fault";

/// Serves a connection to its end.
pub(crate) async fn serve(arrival: Arrival, mut visit: Visit, edge: Arc<Edge>) {
    // Boxed and dropped at the bind: a connection that idles for hours does not carry what its first second needed.
    let pump = Box::pin(negotiate(arrival, &mut visit, edge.clone())).await;
    if let Some(pump) = pump {
        let _ticket = edge.work.ticket();
        pump.run().await;
    }
}

async fn negotiate(arrival: Arrival, visit: &mut Visit, edge: Arc<Edge>) -> Option<Pump> {
    let Arrival { socket, peer, door, lane } = arrival;
    let deadline = Instant::now() + Duration::from_secs(edge.options.negotiation_s);
    let opened = timeout_at(deadline, open(socket, peer, &door, &edge)).await;
    let Ok(Some((transport, visitor, client))) = opened else {
        edge.metrics.turn_away(if opened.is_err() { "deadline" } else { "transport" });
        return None;
    };
    if door.names_clients(&edge, peer) && !visit.is_of(client) {
        edge.metrics.turn_away("address");
        edge.offenders.ip(Offence::Connections, client, edge.clock.now_ms());
        return None;
    }
    let terms = Terms {
        framing: transport.framing(),
        secure: door.is_tls(),
        offers_tls: door.tls().is_some() && !door.is_tls(),
        // Of the connection, not of whoever a proxy names.
        allows_plain_text: edge.options.allow_plain_text || peer.is_loopback(),
    };
    let negotiation = Negotiation::new(terms, &edge.options.host);
    let negotiator = Negotiator {
        edge,
        visit,
        door,
        lane,
        client,
        visitor,
        transport,
        negotiation,
        deadline,
        refused: false,
        is_secured: false,
        who: None,
    };
    negotiator.run().await
}

/// What a proxy says first, TLS and HTTP, as the door wants it. Gives whose connection it is, too.
async fn open(socket: Socket, peer: IpAddr, door: &Door, edge: &Edge) -> Option<(Transport, Visitor, IpAddr)> {
    let mut client = peer;
    let stream = match socket {
        Socket::Tcp(socket) => {
            let mut socket = TcpStream::from_std(socket).ok()?;
            if door.begins_with_header(edge) && edge.proxies.trust(peer) {
                client = announced(&mut socket).await?.unwrap_or(peer);
            }
            match door.tls().filter(|_| door.is_tls()) {
                Some(acceptor) => Stream::Tls(Box::new(secure(acceptor, socket).await?)),
                None => Stream::Plain(socket),
            }
        }
        #[cfg(feature = "testing")]
        Socket::Memory(stream) => Stream::Memory(stream),
    };
    let limits = Limits::before_sign_in();
    if door.is_web() {
        let forwarded = |forwarded: ForwardedFor<'_>| client = edge.proxies.client(client, forwarded.values());
        let (ws, visitor) = WebSocket::accept(stream, limits, edge.options.stanza_bytes, forwarded).await.ok()?;
        Some((Transport::WebSocket(Box::new(ws)), visitor, client))
    } else {
        Some((Transport::Tcp(Box::new(Tcp::new(stream, limits))), Visitor::default(), client))
    }
}

/// Reads the header of the PROXY protocol, and no byte behind it. The outer nothing: it is none, or the connection is gone.
async fn announced(socket: &mut TcpStream) -> Option<Option<IpAddr>> {
    let mut bytes = Vec::new();
    loop {
        match Header::read(&bytes).ok()? {
            Header::Ends(client) => return Some(client),
            Header::Needs(more) => {
                let had = bytes.len();
                bytes.resize(had + more, 0);
                socket.read_exact(&mut bytes[had..]).await.ok()?;
            }
        }
    }
}

async fn secure(acceptor: &TlsAcceptor, socket: TcpStream) -> Option<TlsStream<TcpStream>> {
    // Without a limit a slow reader makes rustls keep 64 KB.
    const UNSENT_MAX: usize = 16 * 1024;
    acceptor.accept_with(socket, |connection| connection.set_buffer_limit(Some(UNSENT_MAX))).await.ok()
}

/// Who signed in.
struct Who {
    app: AppId,
    user: UserId,
    pair_key: Vec<u8>,
    token: Option<String>,
    token_id: Vec<u8>,
    has_authzid: bool,
    /// Domain of his addresses.
    host: Arc<str>,
    /// Most sessions of his app; 0: as many as of any.
    app_sessions_max: u64,
}

/// A connection that is not bound yet.
struct Negotiator<'a> {
    edge: Arc<Edge>,
    visit: &'a mut Visit,
    door: Door,
    lane: u64,
    client: IpAddr,
    visitor: Visitor,
    transport: Transport,
    negotiation: Negotiation,
    /// Of the whole negotiation, moved on only while we are the ones who take long (design.md 9).
    deadline: Instant,
    refused: bool,
    /// By STARTTLS.
    is_secured: bool,
    who: Option<Who>,
}

/// How a step of a negotiation ended.
enum After {
    Next,
    /// STARTTLS was agreed.
    Secure,
    Bound {
        line: Arc<Line>,
        mailbox: Mailbox<SessionMessage>,
        generation: u32,
    },
    /// The connection is closed, and why.
    Over(&'static str),
}

impl Negotiator<'_> {
    async fn run(mut self) -> Option<Pump> {
        loop {
            let turn = timeout_at(self.deadline, self.transport.turn(true)).await;
            let step = match turn {
                Ok(Turn::Flushed) => continue,
                Ok(Turn::Came(incoming)) => self.came(incoming),
                // After a refusal the builds say nothing more; they were given time enough.
                Err(_) if self.refused => return self.over("refused", None).await,
                Err(_) => return self.over("deadline", Some(StreamFault::ConnectionTimeout)).await,
            };
            let Some(step) = step else { return self.over("left", None).await };
            match Box::pin(self.perform(step)).await {
                After::Next => {}
                After::Secure => {
                    self.transport = start_tls(self.transport, &self.door, self.deadline).await?;
                    self.is_secured = true;
                }
                After::Bound { line, mailbox, generation } => {
                    let idle = Duration::from_secs(self.edge.options.idle_s);
                    return Some(Pump::new(self.transport, line, mailbox, generation, idle));
                }
                After::Over(why) => return self.over(why, None).await,
            }
        }
    }

    /// What the rules say to something that came; nothing if the client is gone.
    fn came(&mut self, incoming: Incoming) -> Option<Step> {
        match incoming {
            Incoming::Event(StreamEvent::Open { to, version, .. }) => {
                let id = self.edge.random_name();
                Some(self.negotiation.opened(to, version.as_deref(), &id))
            }
            Incoming::Event(StreamEvent::Stanza(element)) => Some(self.negotiation.element(element)),
            Incoming::Fault(fault) => Some(self.negotiation.fault(fault)),
            // Pings prolong nothing (attack A4).
            Incoming::Pong(_) | Incoming::Life => Some(Step::Send(Vec::new())),
            Incoming::Event(StreamEvent::Close) | Incoming::Goodbye | Incoming::Broken => None,
        }
    }

    async fn perform(&mut self, step: Step) -> After {
        match step {
            Step::Send(frames) => self.send(frames).await,
            Step::End(frames) => {
                self.send(frames).await;
                After::Over(FAULT)
            }
            Step::Secure(proceed) => match self.send(vec![proceed]).await {
                After::Next => After::Secure,
                after => after,
            },
            Step::Authenticate(credentials) => self.authenticate(credentials).await,
            Step::Bind { resource } => self.bind(resource).await,
            Step::Resume { id, handled } => self.resume(&id, handled).await,
        }
    }

    async fn send(&mut self, frames: Vec<String>) -> After {
        if frames.is_empty() {
            return After::Next;
        }
        match timeout_at(self.deadline, self.transport.send(frames)).await {
            Ok(Ok(())) => After::Next,
            _ => After::Over("broken"),
        }
    }

    /// Ends the connection, with an error if the stream is to hear of one.
    async fn over(mut self, why: &'static str, fault: Option<StreamFault>) -> Option<Pump> {
        self.edge.metrics.turn_away(why);
        if why == FAULT {
            self.edge.offenders.ip(Offence::Malformed, self.client, self.edge.clock.now_ms());
        }
        if let Some(fault) = fault
            && let Step::End(frames) = self.negotiation.fault(fault)
        {
            frames.into_iter().for_each(|frame| self.transport.queue(Piece::Text(frame)));
        }
        self.transport.close().await;
        None
    }

    // === sign-in ===

    async fn authenticate(&mut self, credentials: Credentials) -> After {
        let Credentials { app, user, secret, has_authzid, host } = credentials;
        let origin = self.visitor.origin.clone();
        let request = AuthenticateRequest { app: app.0, user: user.0, secret, address: self.client.to_string(), host, origin };
        let before = Instant::now();
        let answer = self.edge.links.authenticate(request).await;
        self.deadline += before.elapsed();
        match answer {
            Ok(reply) => {
                self.edge.metrics.sign_in("accepted");
                self.visit.leave_lobby();
                let token = Some(reply.token).filter(|token| !token.is_empty());
                let app_sessions_max = reply.quotas.map_or(0, |quotas| quotas.sessions);
                let host = if reply.host.is_empty() { self.edge.host.clone() } else { reply.host.into() };
                let (pair_key, token_id) = (reply.pair_key, reply.token_id);
                self.who = Some(Who { app, user, pair_key, token, token_id, has_authzid, host, app_sessions_max });
                self.transport.restart(Limits::after_sign_in(self.edge.options.stanza_bytes));
                let success = self.negotiation.accept();
                self.send(vec![success]).await
            }
            Err(failure) => self.refuse(&failure).await,
        }
    }

    async fn refuse(&mut self, failure: &Failure) -> After {
        let is_guess = matches!(failure.code, Code::Unauthenticated | Code::NotFound | Code::Invalid | Code::Forbidden);
        self.edge.metrics.sign_in(if is_guess { "refused" } else { "failed" });
        let why = if is_guess { Refusal::NotAuthorized } else { Refusal::Temporary };
        let failure = self.negotiation.refuse(why);
        if !self.refused {
            // Once: no number of attempts keeps a connection open (attack A4).
            self.refused = true;
            self.deadline = Instant::now() + Duration::from_secs(self.edge.options.refusal_s);
        }
        self.send(vec![failure]).await
    }

    // === bind ===

    async fn bind(&mut self, resource: Option<String>) -> After {
        let Some(who) = &self.who else { return After::Over(FAULT) };
        if self.edge.is_closing() {
            return self.unbind(&StanzaError::new(Condition::ResourceConstraint, "Shutting down.")).await;
        }
        let identity = self.identity(who, resource);
        let (line, caller, address) = (Arc::new(self.edge.line()), Caller::of(&identity), identity.address.clone());
        let edge = &self.edge;
        let rules = Session::new(identity, edge.options.clone(), edge.trace.clone(), edge.clock.now_ms(), edge.chance.bytes());
        let mailbox = start_session(edge, self.lane, rules, line.clone());
        let before = Instant::now();
        let announced = self.edge.links.announce(&caller, SessionState::Bound, None, None).await;
        // The user may have ended since he signed in. From here on the session hears of it: it is in the table.
        let admitted = match announced {
            Ok(_) => self.edge.links.admit(&caller).await,
            Err(failure) => Err(failure),
        };
        self.deadline += before.elapsed();
        if let Err(failure) = admitted {
            // It may have been heard all the same; a session that nobody takes back would swallow messages for ever.
            let _ = mailbox.deliver(SessionMessage::Client(0, ClientMail::Goodbye)).await;
            return self.unbind(&unavailable(&failure)).await;
        }
        let bound = self.negotiation.bound(&address);
        if let After::Over(why) = self.send(vec![bound]).await {
            let _ = mailbox.deliver(SessionMessage::Client(0, ClientMail::Broken)).await;
            return After::Over(why);
        }
        After::Bound { line, mailbox, generation: 0 }
    }

    async fn unbind(&mut self, error: &StanzaError) -> After {
        let answer = self.negotiation.unbound(error);
        self.send(vec![answer]).await
    }

    fn identity(&self, who: &Who, resource: Option<String>) -> Identity {
        let edge = &self.edge;
        let resource = resource.unwrap_or_else(|| edge.random_name());
        Identity {
            app: who.app,
            user: who.user,
            pair_key: who.pair_key.clone(),
            address: format!("{}-{}@{}/{resource}", who.user, who.app, who.host),
            host: who.host.clone(),
            session: SessionRef { edge: edge.id.clone(), boot: edge.boot, session: edge.table.next_session(), resource },
            token: who.token.clone(),
            token_id: who.token_id.clone(),
            framing: self.transport.framing(),
            has_authzid: who.has_authzid,
            app_sessions_max: who.app_sessions_max,
            origin: self.visitor.origin.clone(),
            entrance: Arc::new(self.entrance()),
        }
    }

    fn entrance(&self) -> Entrance {
        let door = if self.is_secured { "starttls" } else { self.door.name() };
        let (address, agent) = (self.client.to_string(), self.visitor.agent.clone());
        Entrance { address, door: door.to_owned(), agent, bound_at: self.edge.clock.now_ms() }
    }

    /// XEP-0198, 5: another connection of the same user goes on with the stream.
    async fn resume(&mut self, id: &str, handled: u32) -> After {
        let Some(who) = &self.who else { return After::Over(FAULT) };
        let before = Instant::now();
        let mailbox = match self.edge.table.claim(id, (who.app, who.user)) {
            Some(stream) => Some(stream.mailbox),
            None => Box::pin(self.fetch(who, id, handled)).await,
        };
        self.deadline += before.elapsed();
        if let Some(mailbox) = mailbox {
            let (line, framing) = (Arc::new(self.edge.line()), self.transport.framing());
            let attach = |reply| SessionMessage::Attach { line: line.clone(), framing, handled, reply };
            if let Ok(Some(generation)) = mailbox.ask(Duration::from_secs(2), attach).await {
                return After::Bound { line, mailbox, generation };
            }
        }
        let step = self.negotiation.unresumed("item-not-found");
        match step {
            Step::Send(frames) => self.send(frames).await,
            _ => After::Over(FAULT),
        }
    }

    /// A session that goes on where another edge had one.
    async fn fetch(&self, who: &Who, id: &str, handled: u32) -> Option<Mailbox<SessionMessage>> {
        let edge = &self.edge;
        if edge.is_closing() {
            return None;
        }
        let stream = claim::claim(edge, StreamKey { app: who.app, user: who.user, id: id.to_owned() }).await?;
        let (resource, head) = (stream.session()?.resource.clone(), stream.head());
        let identity =
            Identity { address: head.address.clone(), host: head.host.as_str().into(), ..self.identity(who, Some(resource)) };
        let failed = claim::let_go(edge, &identity, &stream).await.is_err();
        if failed || !stream.fits(identity.framing, handled) {
            return None;
        }
        let caller = Caller::of(&identity);
        let rules = Session::restored(identity, edge.options.clone(), edge.trace.clone(), edge.clock.now_ms(), stream);
        let mailbox = start_session(edge, self.lane, rules, Arc::new(edge.line()));
        let announced = edge.links.announce(&caller, SessionState::Bound, None, None).await;
        if announced.is_err() || edge.links.admit(&caller).await.is_err() {
            // As at a bind: nobody else would take it back.
            let _ = mailbox.deliver(SessionMessage::Client(0, ClientMail::Goodbye)).await;
            return None;
        }
        edge.metrics.streams_fetched.inc();
        Some(mailbox)
    }
}

/// TLS from here on. The reader goes, and with it whatever was sent in plain text behind `<starttls/>` (attack A15).
async fn start_tls(transport: Transport, door: &Door, deadline: Instant) -> Option<Transport> {
    let Transport::Tcp(tcp) = transport else { return None };
    let Stream::Plain(socket) = tcp.into_stream() else { return None };
    let stream = timeout_at(deadline, secure(door.tls()?, socket)).await.ok()??;
    Some(Transport::Tcp(Box::new(Tcp::new(Stream::Tls(Box::new(stream)), Limits::before_sign_in()))))
}

/// Starts the actor of a session and opens the way for its frames.
fn start_session(edge: &Arc<Edge>, lane: u64, mut rules: Session, line: Arc<Line>) -> Mailbox<SessionMessage> {
    let me = rules.me();
    let (who, session, resource) = ((me.app, me.user), me.session.session, me.session.resource.clone());
    let seat = edge.table.seat(who, session, edge.work.ticket());
    if !edge.links.keep_order {
        rules.post_one_by_one();
    }
    let for_actor = edge.clone();
    let mailbox = start(&edge.executor, lane, edge.options.mailbox, move |mailbox| {
        SessionActor::new(for_actor, rules, line, &mailbox, seat)
    });
    if let Some(earlier) = edge.table.add(who, session, resource, mailbox.clone()) {
        let _ = earlier.tell(SessionMessage::Conflict);
    }
    mailbox
}

/// Too many sessions, or presence does not answer (RFC 6120, 7.6.2.1).
fn unavailable(failure: &Failure) -> StanzaError {
    match failure.code {
        Code::TooMany => StanzaError::new(Condition::ResourceConstraint, "Too many sessions."),
        _ => stanza_error::of(failure),
    }
}
