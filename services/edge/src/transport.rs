//! One connection as the edge sees it: stream events in, XML out, over TCP or WebSocket, with or without TLS. It knows no
//! session; what may be written when is the pump's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use natter_xmpp::{Framing, Limits, StreamEvent, StreamFault};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::line::Piece;
use crate::tcp::Tcp;
use crate::ws::WebSocket;

/// What came from the client.
#[derive(Debug)]
pub(crate) enum Incoming {
    Event(StreamEvent),
    /// The payload of one of our pings. Of others nothing is said.
    Pong(u64),
    /// A sign of life without a meaning.
    Life,
    /// It broke the grammar; the stream must end.
    Fault(StreamFault),
    /// It closed its WebSocket properly.
    Goodbye,
    /// It is gone.
    Broken,
}

/// One step of a transport.
#[derive(Debug)]
pub(crate) enum Turn {
    /// What was queued is with the kernel.
    Flushed,
    Came(Incoming),
}

/// A connection of either kind.
pub(crate) enum Transport {
    Tcp(Box<Tcp>),
    WebSocket(Box<WebSocket>),
}

/// Bytes handed to a transport and not flushed, at most, give or take one stanza.
pub(crate) const UNFLUSHED_MAX: usize = 32 * 1024;
/// How long the last bytes of a stream may take.
const FAREWELL: Duration = Duration::from_secs(2);

impl Transport {
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Transport::Tcp(_) => Framing::Tcp,
            Transport::WebSocket(_) => Framing::WebSocket,
        }
    }

    /// Whether more may be queued.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Transport::Tcp(tcp) => tcp.unflushed() < UNFLUSHED_MAX,
            Transport::WebSocket(ws) => ws.unflushed() < UNFLUSHED_MAX,
        }
    }

    /// Queues a piece; [`turn`](Transport::turn) writes it.
    pub(crate) fn queue(&mut self, piece: Piece) {
        match self {
            Transport::Tcp(tcp) => tcp.queue(piece),
            Transport::WebSocket(ws) => ws.queue(piece),
        }
    }

    /// Writes what is queued and, if `read`, waits for something to come. Cancel safe: nothing is lost when it is dropped.
    pub(crate) async fn turn(&mut self, read: bool) -> Turn {
        std::future::poll_fn(|cx| self.poll_turn(cx, read)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Turn> {
        match self {
            Transport::Tcp(tcp) => tcp.poll_turn(cx, read),
            Transport::WebSocket(ws) => ws.poll_turn(cx, read),
        }
    }

    /// Queues frames and writes them.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) async fn send(&mut self, frames: impl IntoIterator<Item = String>) -> Result<(), Incoming> {
        frames.into_iter().for_each(|frame| self.queue(Piece::Text(frame)));
        match self.turn(false).await {
            Turn::Flushed => Ok(()),
            Turn::Came(gone) => Err(gone),
        }
    }

    /// The same connection, a new stream with other limits.
    pub(crate) fn restart(&mut self, limits: Limits) {
        match self {
            Transport::Tcp(tcp) => tcp.restart(limits),
            Transport::WebSocket(ws) => ws.restart(limits),
        }
    }

    /// Writes what is queued, closes the stream (contract xmpp 1.2, 1.3) and the connection.
    pub(crate) async fn close(mut self) {
        let farewell = async {
            match &mut self {
                Transport::Tcp(tcp) => tcp.close().await,
                Transport::WebSocket(ws) => ws.close().await,
            }
        };
        // A client that does not take its farewell is left without it.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// A socket with or without TLS. The TLS state is boxed, or every plain connection would pay for it.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(feature = "testing")]
    Memory(tokio::io::DuplexStream),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            #[cfg(feature = "testing")]
            Stream::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
            #[cfg(feature = "testing")]
            Stream::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            #[cfg(feature = "testing")]
            Stream::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            #[cfg(feature = "testing")]
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
