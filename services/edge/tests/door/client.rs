//! Two clients that know just enough XMPP to sign in, and say what they got when they wait for something else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::{PASSWORD, World};

/// How long an answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

fn plain(user: u64, password: &str) -> String {
    let message = STANDARD.encode(format!("\0{user}-905\0{password}"));
    format!("<auth xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" mechanism=\"PLAIN\">{message}</auth>")
}

// === WebSocket ===

pub struct Web(WebSocketStream<TcpStream>);

impl Web {
    pub async fn connect(world: &World) -> Web {
        let socket = TcpStream::connect(("127.0.0.1", world.ws)).await.unwrap();
        let mut request = format!("ws://localhost:{}/any/path", world.ws).into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "xmpp".parse().unwrap());
        let (stream, response) = client_async(request, socket).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "xmpp");
        Web(stream)
    }

    pub async fn open(&mut self) {
        self.open_to("localhost").await;
    }

    pub async fn open_to(&mut self, host: &str) {
        self.send(&format!("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" version=\"1.0\" to=\"{host}\"/>")).await;
        self.expect("<open ").await;
        self.expect("<stream:features ").await;
    }

    pub async fn auth(&mut self, user: u64, password: &str) {
        self.send(&plain(user, password)).await;
    }

    pub async fn signed_in(world: &World, user: u64) -> Web {
        Web::signed_in_by(world, user, PASSWORD).await
    }

    pub async fn signed_in_by(world: &World, user: u64, secret: &str) -> Web {
        let mut web = Web::connect(world).await;
        web.open().await;
        web.auth(user, secret).await;
        web.expect("<success ").await;
        web.open().await;
        web
    }

    pub async fn bound(world: &World, user: u64) -> Web {
        let mut web = Web::signed_in(world, user).await;
        web.bind().await;
        web
    }

    /// By this name, and available. The address that the session got.
    pub async fn live_at(world: &World, user: u64, host: &str) -> (Web, String) {
        let mut web = Web::connect(world).await;
        web.open_to(host).await;
        web.auth(user, PASSWORD).await;
        web.expect("<success ").await;
        web.open_to(host).await;
        let bound = web.bind().await;
        web.appear().await;
        let address = bound.split_once("<jid>").and_then(|(_, rest)| rest.split_once("</jid>")).unwrap().0;
        (web, address.to_owned())
    }

    pub async fn bind(&mut self) -> String {
        self.send("<iq xmlns=\"jabber:client\" type=\"set\" id=\"b\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/></iq>")
            .await;
        self.expect("<jid>").await
    }

    pub async fn live(world: &World, user: u64) -> Web {
        let mut web = Web::bound(world, user).await;
        web.appear().await;
        web
    }

    async fn appear(&mut self) {
        self.send("<presence xmlns=\"jabber:client\"/>").await;
        // Presence has no answer; an iq behind it has.
        self.is_served().await;
    }

    /// Its session answers.
    pub async fn is_served(&mut self) {
        self.send("<iq xmlns=\"jabber:client\" type=\"get\" id=\"live\"><ping xmlns=\"urn:xmpp:ping\"/></iq>").await;
        self.expect("id=\"live\"").await;
    }

    pub async fn send(&mut self, frame: &str) {
        self.0.send(Message::text(frame)).await.unwrap();
    }

    pub async fn ping(&mut self) {
        self.0.send(Message::Ping(vec![1].into())).await.unwrap();
    }

    /// The next frame that holds `part`; others are passed over.
    pub async fn expect(&mut self, part: &str) -> String {
        let found = async {
            while let Some(Ok(message)) = self.0.next().await {
                match message {
                    Message::Text(text) if text.contains(part) => return text.to_string(),
                    _ => {}
                }
            }
            panic!("the connection ended before `{part}` came")
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("`{part}` did not come"))
    }

    /// All that comes up to the frame that holds `part`.
    pub async fn upto(&mut self, part: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|text: &String| !text.contains(part)) {
            all.push(self.expect("").await);
        }
        all
    }

    pub async fn expect_end(&mut self) {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(PATIENCE, end).await.expect("the connection stayed open");
    }

    /// Goes without a word.
    pub fn drop_socket(self) {
        drop(self.0.into_inner());
    }
}

// === TCP ===

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub struct Tcp {
    wire: Box<dyn Wire>,
    unread: String,
}

impl Tcp {
    pub async fn connect(world: &World) -> Tcp {
        let socket = TcpStream::connect(("127.0.0.1", world.tcp)).await.unwrap();
        Tcp { wire: Box::new(socket), unread: String::new() }
    }

    pub async fn connect_with_starttls(world: &World) -> Tcp {
        let mut tcp = Tcp::connect(world).await;
        assert!(tcp.open().await.contains("<starttls "));
        // What is sent behind it in plain text must not be heard (attack A15).
        tcp.send("<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>").await;
        tcp.expect("<proceed ").await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(world.certificate.clone()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect("localhost".try_into().unwrap(), tcp.wire).await.unwrap();
        Tcp { wire: Box::new(stream), unread: String::new() }
    }

    pub async fn open(&mut self) -> String {
        let header = "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" version=\"1.0\" to=\"localhost\">";
        self.send(header).await;
        self.expect("</stream:features>").await
    }

    pub async fn sign_in(&mut self, user: u64) {
        self.sign_in_as(user, None).await;
    }

    pub async fn sign_in_as(&mut self, user: u64, resource: Option<&str>) {
        self.open().await;
        self.authenticate(user).await;
        let resource = resource.map_or_else(String::new, |resource| format!("<resource>{resource}</resource>"));
        let bind =
            format!("<iq type=\"set\" id=\"bind\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\">{resource}</bind></iq>");
        self.send(&bind).await;
        self.expect("</jid>").await;
    }

    pub async fn sign_in_opened(&mut self, user: u64) {
        self.authenticate(user).await;
        self.send("<iq type=\"set\" id=\"bind\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/></iq>").await;
        self.expect("</jid>").await;
    }

    async fn authenticate(&mut self, user: u64) {
        self.send(&plain(user, PASSWORD)).await;
        self.expect("<success ").await;
        self.unread.clear();
        self.open().await;
    }

    pub async fn send(&mut self, xml: &str) {
        self.wire.write_all(xml.as_bytes()).await.unwrap();
        self.wire.flush().await.unwrap();
    }

    /// False once the other side is gone, or takes nothing.
    pub async fn try_send(&mut self, xml: &str) -> bool {
        matches!(timeout(PATIENCE, self.wire.write_all(xml.as_bytes())).await, Ok(Ok(())))
    }

    /// Everything up to and with `part`.
    pub async fn expect(&mut self, part: &str) -> String {
        let found = async {
            loop {
                if let Some(at) = self.unread.find(part) {
                    let rest = self.unread.split_off(at + part.len());
                    return std::mem::replace(&mut self.unread, rest);
                }
                let mut bytes = [0; 4096];
                match self.wire.read(&mut bytes).await {
                    Ok(0) | Err(_) => panic!("the connection ended before `{part}` came: {}", self.unread),
                    Ok(count) => self.unread.push_str(std::str::from_utf8(&bytes[..count]).unwrap()),
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("`{part}` did not come"))
    }

    pub async fn expect_end(&mut self) {
        let end = async {
            let mut bytes = [0; 4096];
            while matches!(self.wire.read(&mut bytes).await, Ok(1..)) {}
        };
        timeout(PATIENCE, end).await.expect("the connection stayed open");
    }
}
