//! An HTTP/2 server that answers by a function, or as a test says.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use h2::server::SendResponse;
use http::{Request, Response};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;

use super::Authority;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The client's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// Of this server, counted from 0.
    pub connection: usize,
}

impl Asked {
    /// The one header of this name. `None` if there is none, or more than one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.as_str())
    }
}

/// What is told.
#[derive(Clone, Debug)]
pub enum Told {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Nothing, until the other side goes; or the head of an answer, and then nothing.
    Stall,
    Half,
    /// The connection is to be left, and this request was not looked at (GOAWAY, REFUSED_STREAM).
    GoAway,
    /// The connection ends politely (GOAWAY, NO_ERROR), or with an error; this request may have been looked at.
    End,
    Break,
    /// This request alone is reset.
    Reset,
}

impl Told {
    pub fn json(status: u16, body: &serde_json::Value) -> Told {
        Told::Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    pub fn text(status: u16, body: &str) -> Told {
        Told::Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// The same answer with one more header.
    pub fn with(self, name: &'static str, value: &str) -> Told {
        match self {
            Told::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Told::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

type Rules = dyn Fn(&Asked) -> Told + Send + Sync;

/// The server. Ends with the runtime.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    rules: Box<Rules>,
    said: Mutex<VecDeque<Told>>,
    connections: AtomicUsize,
    asked: AtomicUsize,
    changed: Notify,
}

impl Server {
    pub(super) async fn start(authority: &Authority, rules: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let acceptor = TlsAcceptor::from(authority.server());
        let shared = Arc::new(Shared {
            rules: Box::new(rules),
            said: Mutex::default(),
            connections: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let ours = shared.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(connection(socket, acceptor.clone(), ours.clone()));
            }
        });
        Server { port, shared }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The next request that nothing is said of yet is answered so, whatever the rules find.
    pub fn say(&self, told: Told) {
        self.shared.said.lock().push_back(told);
    }

    /// Connections that spoke HTTP/2, ever.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests, ever.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Waits until there were so many requests.
    pub async fn asked_for(&self, count: usize) {
        loop {
            let changed = self.shared.changed.notified();
            if self.asked() >= count {
                return;
            }
            changed.await;
        }
    }
}

/// How a connection is left: after what is under way, or at once.
enum Leave {
    Done,
    Now(Reason),
}

async fn connection(socket: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let (leave, mut leaving) = mpsc::channel(1);
    loop {
        tokio::select! {
            biased;
            Some(leave) = leaving.recv() => match leave {
                Leave::Done => connection.graceful_shutdown(),
                Leave::Now(reason) => {
                    connection.abrupt_shutdown(reason);
                    let _ = poll_fn(|cx| connection.poll_closed(cx)).await;
                    return;
                }
            },
            next = connection.accept() => {
                let Some(Ok((request, respond))) = next else { return };
                tokio::spawn(request_of(request, respond, (number, certificate.clone()), shared.clone(), leave.clone()));
            }
        }
    }
}

async fn request_of(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
    (connection, certificate): (usize, Option<Vec<u8>>),
    shared: Arc<Shared>,
    leave: mpsc::Sender<Leave>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(chunk.len());
        body.extend_from_slice(&chunk);
    }
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let asked = Asked { method: head.method.to_string(), path, headers: headers.collect(), body, certificate, connection };
    let said = shared.said.lock().pop_front();
    let ruled = (shared.rules)(&asked);
    shared.asked.fetch_add(1, Ordering::SeqCst);
    shared.changed.notify_waiters();
    match said.unwrap_or(ruled) {
        Told::Answer { status, headers, body } => answer(&mut respond, status, headers, body),
        Told::Stall => drop(poll_fn(|cx| respond.poll_reset(cx)).await),
        Told::Half => {
            let Ok(head) = Response::builder().status(200).body(()) else { return };
            if let Ok(mut stream) = respond.send_response(head, false) {
                let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
            }
        }
        Told::GoAway => {
            let _ = leave.send(Leave::Done).await;
            respond.send_reset(Reason::REFUSED_STREAM);
        }
        Told::End => drop(leave.send(Leave::Now(Reason::NO_ERROR)).await),
        Told::Break => drop(leave.send(Leave::Now(Reason::INTERNAL_ERROR)).await),
        Told::Reset => respond.send_reset(Reason::INTERNAL_ERROR),
    }
}

fn answer(respond: &mut SendResponse<bytes::Bytes>, status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let Ok(response) = response.body(()) else { return };
    if let Ok(mut stream) = respond.send_response(response, false) {
        let _ = stream.send_data(body.into(), true);
    }
}
