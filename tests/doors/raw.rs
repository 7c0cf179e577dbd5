//! The chat door without a client library: what is sent is exactly what the test says, over plain WebSocket or plain TCP.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use natter_proto::MessageId;
use natter_tests::client::Account;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Ten times what anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
/// As OPEN and HEADER say it.
const HOST: &str = "localhost";
pub const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                          version='1.0' to='localhost'>";
const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// How a stream is carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    Tcp,
    WebSocket,
}

/// One connection, and what was heard on it and not yet asked for.
pub struct Raw {
    wire: Wire,
    heard: String,
    /// Whom its streams are opened to.
    host: String,
}

enum Wire {
    Tcp(TcpStream),
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

impl Raw {
    /// A connection on which nothing was said.
    pub async fn connect(over: Over, port: u16) -> Result<Raw> {
        Raw::on(over, port, TcpStream::connect(("127.0.0.1", port)).await?).await
    }

    /// The same over WebSocket, as a proxy opens it that had it from this client.
    pub async fn forwarded(port: u16, client: &str) -> Result<Raw> {
        let mut request = format!("ws://localhost:{port}/").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
        request.headers_mut().insert("X-Forwarded-For", HeaderValue::from_str(client)?);
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let wire = Wire::WebSocket(Box::new(tokio_tungstenite::client_async(request, stream).await?.0));
        Ok(Raw { wire, heard: String::new(), host: HOST.to_owned() })
    }

    /// The same over WebSocket, as a browser opens it for a page of this origin.
    pub async fn of_page(port: u16, origin: &[u8]) -> Result<Raw> {
        let mut request = format!("ws://localhost:{port}/").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
        request.headers_mut().insert("Origin", HeaderValue::from_bytes(origin)?);
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let wire = Wire::WebSocket(Box::new(tokio_tungstenite::client_async(request, stream).await?.0));
        Ok(Raw { wire, heard: String::new(), host: HOST.to_owned() })
    }

    /// The same over a socket that the caller has prepared.
    pub async fn on(over: Over, port: u16, stream: TcpStream) -> Result<Raw> {
        stream.set_nodelay(true)?;
        let wire = match over {
            Over::Tcp => Wire::Tcp(stream),
            Over::WebSocket => {
                let mut request = format!("ws://localhost:{port}/").into_client_request()?;
                request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
                Wire::WebSocket(Box::new(tokio_tungstenite::client_async(request, stream).await?.0))
            }
        };
        Ok(Raw { wire, heard: String::new(), host: HOST.to_owned() })
    }

    /// Opens a stream and waits for its features.
    pub async fn open(&mut self) -> Result<String> {
        let opening = if matches!(self.wire, Wire::Tcp(_)) { HEADER } else { OPEN };
        self.send(&opening.replace(HOST, &self.host)).await?;
        self.expect("</stream:features>").await
    }

    /// The same to another host, also behind the sign-in.
    pub async fn open_to(&mut self, host: &str) -> Result<String> {
        host.clone_into(&mut self.host);
        self.open().await
    }

    /// Connects, signs in, binds and becomes available.
    pub async fn signed_in(over: Over, port: u16, account: &Account) -> Result<Raw> {
        let mut raw = Raw::connect(over, port).await?;
        raw.open().await?;
        raw.sign_in(account).await?;
        Ok(raw)
    }

    /// From the features of an open stream to an available session. What the bind answered, with the session's address.
    pub async fn sign_in(&mut self, account: &Account) -> Result<String> {
        self.send(&plain(account)).await?;
        let answer = self.until(&["<success", "</failure>"]).await?;
        ensure!(answer.contains("<success"), "the sign-in was refused: {answer}");
        self.open().await?;
        self.send(BIND).await?;
        let answer = self.until(&["</iq>"]).await?;
        ensure!(answer.contains("<jid>"), "the bind was refused: {answer}");
        self.send("<presence xmlns='jabber:client'/>").await?;
        Ok(answer)
    }

    /// Sends text: a frame of its own over WebSocket, just bytes over TCP.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        match &mut self.wire {
            Wire::Tcp(stream) => stream.write_all(text.as_bytes()).await.context("cannot send"),
            Wire::WebSocket(stream) => stream.send(Message::text(text)).await.context("cannot send"),
        }
    }

    /// Sends bytes that need not be text, as if they were.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.wire {
            Wire::Tcp(stream) => stream.write_all(bytes).await.context("cannot send"),
            Wire::WebSocket(stream) => {
                let frame = Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
                stream.send(Message::Frame(frame)).await.context("cannot send")
            }
        }
    }

    /// Sends a WebSocket message of any kind.
    pub async fn send_message(&mut self, message: Message) -> Result<()> {
        match &mut self.wire {
            Wire::Tcp(_) => bail!("TCP knows no messages"),
            Wire::WebSocket(stream) => stream.send(message).await.context("cannot send"),
        }
    }

    /// Reads until `word` was heard, and returns everything up to the end of that frame or read.
    pub async fn expect(&mut self, word: &str) -> Result<String> {
        self.until(&[word]).await
    }

    /// Reads until one of the words was heard.
    async fn until(&mut self, words: &[&str]) -> Result<String> {
        while !words.iter().any(|word| self.heard.contains(word)) {
            let more = timeout(PATIENCE, self.hear()).await.with_context(|| format!("no {words:?}, but {}", self.latest()))?;
            ensure!(more, "the end instead of {words:?}, after {}", self.latest());
        }
        Ok(std::mem::take(&mut self.heard))
    }

    /// Reads to the end of the connection, and returns what came before.
    pub async fn end(&mut self) -> Result<String> {
        while timeout(PATIENCE, self.hear()).await.with_context(|| format!("no end, but {}", self.latest()))? {}
        Ok(std::mem::take(&mut self.heard))
    }

    // As much of what was heard as fits into an error.
    fn latest(&self) -> String {
        let skipped = self.heard.chars().count().saturating_sub(1_000);
        format!("{:?}", self.heard.chars().skip(skipped).collect::<String>())
    }

    // False: there is nothing more to hear. A reset ends a connection as well: what it swallowed will be missed.
    async fn hear(&mut self) -> bool {
        match &mut self.wire {
            Wire::Tcp(stream) => {
                let mut bytes = vec![0; 16 << 10];
                match stream.read(&mut bytes).await {
                    Ok(read) if read > 0 => self.heard.push_str(&String::from_utf8_lossy(&bytes[..read])),
                    _ => return false,
                }
            }
            Wire::WebSocket(stream) => match stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    self.heard.push_str(&text);
                    self.heard.push('\n');
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return false,
            },
        }
        true
    }
}

/// The SASL request of an account (RFC 4616).
pub fn plain(account: &Account) -> String {
    let secret = format!("\0{}-{}\0{}", account.user, account.app, account.password);
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>", STANDARD.encode(secret))
}

/// A message id, as the SDK makes them, that stands for a number.
pub fn numbered(number: u64) -> String {
    MessageId::from_random(0x6b00_0000, number.to_be_bytes()).to_string()
}
