//! A connection of an actor: bytes or frames out, events in, over each of the transports. It knows no stanza but STARTTLS.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use natter_xmpp::{Element, Framing, Limits, StreamEvent, StreamReader, ns};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::Target;
use super::script::Transport;

/// What a server may say at once.
const LIMITS: Limits = Limits::after_sign_in(1 << 20);

/// What a name in `ca_pem` is read with, and what carries the rest.
type Socket = Box<dyn Line>;

trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// An open connection. A task reads all the time, so that pings are answered while the actor waits for its cue.
pub(super) struct Wire {
    reader: StreamReader,
    writer: Writer,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    task: tokio::task::JoinHandle<()>,
}

enum Writer {
    Bytes(WriteHalf<Socket>),
    Frames(futures::stream::SplitSink<WebSocketStream<Socket>, Message>),
}

enum Arrived {
    Bytes(Vec<u8>),
    Frame(String),
}

impl Wire {
    /// Connects, TLS included; the stream is not open yet.
    pub(super) async fn connect(transport: Transport, target: &Target, host: &str) -> Result<Wire> {
        match transport {
            Transport::Ws => frames(plain(target, target.ws_port).await?, "ws", target.ws_port).await,
            Transport::Wss => frames(secured(plain(target, target.wss_port).await?, target).await?, "wss", target.wss_port).await,
            Transport::Tcp => Ok(bytes(plain(target, target.tcp_port).await?)),
            Transport::Tls => Ok(bytes(secured(plain(target, target.tls_port).await?, target).await?)),
            Transport::StartTls => {
                let mut socket = plain(target, target.tcp_port).await?;
                start_tls(&mut socket, host).await?;
                Ok(bytes(secured(socket, target).await?))
            }
        }
    }

    /// Opens a stream, the first or the one after SASL.
    pub(super) async fn open(&mut self, host: &str) -> Result<()> {
        self.reader.restart(LIMITS);
        match self.reader.framing() {
            Framing::Tcp => self.send_raw(header(host).as_bytes()).await,
            Framing::WebSocket => {
                let open = Element::new("open", ns::FRAMING).with_attr("to", host).with_attr("version", "1.0");
                self.send(&open).await
            }
        }
    }

    /// Says that the stream ends.
    pub(super) async fn close(&mut self) -> Result<()> {
        match self.reader.framing() {
            Framing::Tcp => self.send_raw(natter_xmpp::STREAM_CLOSE.as_bytes()).await,
            Framing::WebSocket => self.send(&natter_xmpp::close()).await,
        }
    }

    pub(super) async fn send(&mut self, element: &Element) -> Result<()> {
        let default_ns = if self.reader.framing() == Framing::Tcp { ns::CLIENT } else { "" };
        self.send_raw(element.to_xml(default_ns).as_bytes()).await
    }

    pub(super) async fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.writer {
            Writer::Bytes(writer) => {
                writer.write_all(bytes).await?;
                writer.flush().await?;
            }
            Writer::Frames(writer) => {
                let text = std::str::from_utf8(bytes).context("a frame of text is UTF-8")?;
                writer.send(Message::text(text)).await?;
            }
        }
        Ok(())
    }

    /// The next event; none when the connection has ended.
    pub(super) async fn next(&mut self) -> Result<Option<StreamEvent>> {
        loop {
            if let Some(event) = self.reader.next().context("the server's XML")? {
                return Ok(Some(event));
            }
            match self.arrived.recv().await {
                Some(Arrived::Bytes(bytes)) => self.reader.push(&bytes),
                Some(Arrived::Frame(frame)) => {
                    ensure!(!has_white_space_between_elements(&frame), "white space between elements: {frame}");
                    return Ok(Some(self.reader.frame(&frame).with_context(|| format!("the server's frame {frame}"))?));
                }
                None => return Ok(None),
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === ways in ===

async fn plain(target: &Target, port: u16) -> Result<Socket> {
    let address = (target.host.as_str(), port);
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {}:{port}", target.host))?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

async fn secured(socket: Socket, target: &Target) -> Result<Socket> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(target.ca_pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(target.host.clone())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.context("no TLS")?;
    Ok(Box::new(stream))
}

/// RFC 6120, 5. The features before TLS are passed over; a play for them takes the transport `tcp`.
async fn start_tls(socket: &mut Socket, host: &str) -> Result<()> {
    let mut reader = StreamReader::tcp(LIMITS);
    socket.write_all(header(host).as_bytes()).await?;
    socket.write_all(format!("<starttls xmlns='{}'/>", ns::TLS).as_bytes()).await?;
    socket.flush().await?;
    let mut buffer = [0; 4096];
    loop {
        match reader.next()? {
            Some(StreamEvent::Stanza(answer)) if answer.is("proceed", ns::TLS) => return Ok(()),
            Some(StreamEvent::Stanza(answer)) if answer.ns != ns::STREAM => bail!("no STARTTLS: {}", answer.to_xml("")),
            Some(_) => {}
            None => match socket.read(&mut buffer).await? {
                0 => bail!("the connection ended before STARTTLS"),
                length => reader.push(&buffer[..length]),
            },
        }
    }
}

/// As SDK 1.x writes it: no XML declaration.
fn header(host: &str) -> String {
    natter_xmpp::stream_header(host, "")
        .replace("<?xml version='1.0'?>", "")
        .replace(" from=", " to=")
        .replace(" id=\"\"", "")
        .replace(" xml:lang=\"en\"", "")
}

fn bytes(socket: Socket) -> Wire {
    let (read, write) = tokio::io::split(socket);
    let (sender, arrived) = mpsc::unbounded_channel();
    let task = tokio::spawn(read_bytes(read, sender));
    Wire { reader: StreamReader::tcp(LIMITS), writer: Writer::Bytes(write), arrived, task }
}

async fn read_bytes(mut read: ReadHalf<Socket>, sender: mpsc::UnboundedSender<Arrived>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = read.read(&mut buffer).await {
        if sender.send(Arrived::Bytes(buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// The path is `/` and the sub-protocol `xmpp`; tungstenite refuses a server that does not repeat it, as each build does.
async fn frames(socket: Socket, scheme: &str, port: u16) -> Result<Wire> {
    let mut request = format!("{scheme}://localhost:{port}/").into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
    let (stream, _) = tokio_tungstenite::client_async(request, socket).await.context("no WebSocket")?;
    let (write, mut read) = stream.split();
    let (sender, arrived) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = read.next().await {
            let Message::Text(text) = message else { continue };
            if sender.send(Arrived::Frame(text.as_str().to_owned())).is_err() {
                return;
            }
        }
    });
    Ok(Wire { reader: StreamReader::websocket(LIMITS), writer: Writer::Frames(write), arrived, task })
}

/// `contract xmpp 0.1.1`, on every frame of every play: `>`, white space, `<` that does not end the same element.
fn has_white_space_between_elements(frame: &str) -> bool {
    frame.match_indices('>').any(|(at, _)| {
        let after = &frame[at + 1..];
        let content = after.trim_start_matches([' ', '\t', '\r', '\n']);
        let only_content = content.starts_with("</") && !frame[..at].ends_with('/') && opens(&frame[..at]);
        content.len() < after.len() && content.starts_with('<') && !only_content
    })
}

fn opens(tag: &str) -> bool {
    tag.rfind('<').is_some_and(|start| !tag[start..].starts_with("</"))
}
