//! A lean XMPP client over WebSocket (RFC 7395) for load and kill tests and the simulation: it signs in, sends frames and hands
//! frames out. What is in them is for the caller; it parses no XML beyond finding an attribute.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use futures::{SinkExt, StreamExt};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";

/// Idle connections of the HTTP clients are dropped before the server closes them: a request on one that is being closed fails.
const POOL_IDLE: Duration = Duration::from_secs(30);

const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// Who signs in, and where.
#[derive(Clone, Debug)]
pub struct Account {
    pub app: u64,
    pub user: u64,
    pub password: String,
}

/// TLS settings that trust a data directory's CA.
pub fn trusting(ca: &Path) -> Result<TlsConnector> {
    install_crypto();
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).with_context(|| format!("cannot read {}", ca.display()))? {
        roots.add(certificate?)?;
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Names the process's one source of cryptography. Every test process does it before its first TLS or HTTP client.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// An HTTP client for loopback.
pub fn http() -> Result<reqwest::Client> {
    install_crypto();
    Ok(reqwest::Client::builder().no_proxy().pool_idle_timeout(POOL_IDLE).build()?)
}

/// The same over TLS, trusting a data directory's CA and nobody else.
pub fn https(ca: &Path) -> Result<reqwest::Client> {
    install_crypto();
    let ca = reqwest::Certificate::from_pem(&std::fs::read(ca).with_context(|| format!("cannot read {}", ca.display()))?)?;
    Ok(reqwest::Client::builder().no_proxy().pool_idle_timeout(POOL_IDLE).tls_certs_only([ca]).build()?)
}

/// Something that a client hears.
#[derive(Debug)]
pub enum Piece {
    Text(String),
    /// Whoever answers it has proved that he has everything that came before (contract xmpp 5).
    Ping,
}

/// A signed-in session.
pub struct Client<S = TlsStream<TcpStream>> {
    socket: WebSocketStream<S>,
    /// The full JID that bind gave.
    pub jid: String,
}

impl Client {
    /// Connects, signs in as the SDK does (carbons, then presence), and turns stream management on if asked to.
    pub async fn connect(port: u16, tls: &TlsConnector, account: &Account, acks: bool) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let stream = tls.connect(ServerName::try_from("localhost")?, stream).await?;
        Client::over(stream, "natter-tests", account, acks).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The same over a stream that is connected already, as a client of this name.
    pub async fn over(stream: S, agent: &str, account: &Account, acks: bool) -> Result<Client<S>> {
        let mut request = "ws://localhost/".into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
        request.headers_mut().insert("User-Agent", HeaderValue::from_str(agent)?);
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(16 * 1024);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let mut client = Client { socket, jid: String::new() };
        client.sign_in(account).await?;
        if acks {
            client.send("<enable xmlns='urn:xmpp:sm:3'/>".into()).await?;
            client.expect("<enabled").await?;
        }
        client.send(carbons(&client.jid)).await?;
        client.expect("c:enableCarbons").await?;
        client.send(PRESENCE.into()).await?;
        Ok(client)
    }

    /// Sends one frame and flushes it.
    pub async fn send(&mut self, frame: String) -> Result<()> {
        self.socket.send(Message::text(frame)).await.context("cannot send")
    }

    /// Puts one frame into the buffer; [`Client::flush`] sends what is there.
    pub async fn feed(&mut self, frame: String) -> Result<()> {
        self.socket.feed(Message::text(frame)).await.context("cannot send")
    }

    pub async fn flush(&mut self) -> Result<()> {
        self.socket.flush().await.context("cannot send")
    }

    /// The next frame; pings are answered on the way. None: the stream ended.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            match self.piece().await? {
                Some(Piece::Text(text)) => return Ok(Some(text)),
                Some(Piece::Ping) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next frame or ping, which is answered with whatever is sent or awaited next. None: the stream ended.
    pub async fn piece(&mut self) -> Result<Option<Piece>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(Piece::Text(text.as_str().to_owned()))),
                Some(Ok(Message::Ping(_))) => return Ok(Some(Piece::Ping)),
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Ends the session properly: its server owes it nothing.
    pub async fn close(mut self) -> Result<()> {
        self.send(CLOSE.into()).await?;
        while self.next().await?.is_some() {}
        Ok(())
    }

    async fn sign_in(&mut self, account: &Account) -> Result<()> {
        self.send(OPEN.into()).await?;
        self.expect("<mechanisms").await?;
        self.send(auth(account)).await?;
        self.expect("<success").await?;
        self.send(OPEN.into()).await?;
        self.expect("<bind").await?;
        self.send(BIND.into()).await?;
        let bound = self.expect("<jid>").await?;
        self.jid = between(&bound, "<jid>", "</jid>").context("a JID")?.to_owned();
        Ok(())
    }

    /// Reads until a frame holds `word`; fails on a stream that ends or refuses.
    pub async fn expect(&mut self, word: &str) -> Result<String> {
        loop {
            let frame = self.next().await?.with_context(|| format!("the stream ended before {word}"))?;
            if frame.contains("<failure") || frame.contains("<stream:error") {
                bail!("refused before {word}: {frame}");
            }
            if frame.contains(word) {
                return Ok(frame);
            }
        }
    }
}

pub(crate) const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
pub(crate) const PRESENCE: &str = "<presence xmlns='jabber:client'/>";

/// SASL PLAIN as the SDK sends it.
pub(crate) fn auth(account: &Account) -> String {
    let plain = format!("\0{}-{}\0{}", account.user, account.app, account.password);
    let plain = base64::engine::general_purpose::STANDARD.encode(plain);
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
}

/// Turns carbons on.
pub(crate) fn carbons(jid: &str) -> String {
    format!("<iq xmlns='jabber:client' type='set' id='c:enableCarbons' from='{jid}'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
}

/// The text between two marks.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = text.find(start)? + start.len();
    Some(&text[from..from + text[from..].find(end)?])
}

/// A stored 1-1 message as the SDK writes it, followed by nothing.
pub fn message(to: &Account, id: &str, body: &str) -> String {
    format!(
        "<message xmlns='jabber:client' to='{}-{}@localhost' type='chat' id='{id}'><body>{body}</body>\
         <extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams></message>",
        to.user, to.app
    )
}

/// The same to everybody in a group.
pub fn group_message(app: u64, group: &str, id: &str, body: &str) -> String {
    format!(
        "<message xmlns='jabber:client' to='{app}_{group}@muc.localhost' type='groupchat' id='{id}'><body>{body}</body>\
         <extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams></message>"
    )
}

/// Asks for an acknowledgement.
pub const ASK: &str = "<r xmlns='urn:xmpp:sm:3'/>";

/// The count of an acknowledgement, if this frame is one.
pub fn acknowledged(frame: &str) -> Option<u64> {
    if !frame.starts_with("<a ") {
        return None;
    }
    let quoted = frame.split("h=").nth(1)?.get(1..)?;
    quoted.split(['"', '\'']).next()?.parse().ok()
}
