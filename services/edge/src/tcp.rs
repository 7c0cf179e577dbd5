//! XMPP over TCP (RFC 6120): one document each way. Between reads a connection holds no buffer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use natter_xmpp::{Limits, STREAM_CLOSE, StreamReader};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::line::Piece;
use crate::transport::{Incoming, Stream, Turn};

/// Bytes read at once, on the stack.
const READ_BYTES: usize = 4 * 1024;

/// One TCP connection.
pub(crate) struct Tcp {
    stream: Stream,
    reader: StreamReader,
    unwritten: BytesMut,
    /// Something was written that the TLS layer may still hold.
    unflushed: bool,
}

impl Tcp {
    pub(crate) fn new(stream: Stream, limits: Limits) -> Tcp {
        Tcp { stream, reader: StreamReader::tcp(limits), unwritten: BytesMut::new(), unflushed: false }
    }

    pub(crate) fn unflushed(&self) -> usize {
        self.unwritten.len()
    }

    /// A ping has no place here: stream management asks in its stead.
    pub(crate) fn queue(&mut self, piece: Piece) {
        if let Piece::Text(text) = piece {
            self.unwritten.extend_from_slice(text.as_bytes());
            self.unflushed = true;
        }
    }

    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Turn> {
        if self.unflushed
            && let Poll::Ready(flushed) = self.poll_flush(cx)
        {
            return Poll::Ready(if flushed { Turn::Flushed } else { Turn::Came(Incoming::Broken) });
        }
        if read { self.poll_read(cx).map(Turn::Came) } else { Poll::Pending }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.unwritten.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unwritten)) {
                Ok(0) | Err(_) => return Poll::Ready(false),
                Ok(written) => self.unwritten.advance(written),
            }
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_ok();
        self.unflushed = false;
        // Idle connections are many: none keeps a buffer.
        self.unwritten = BytesMut::new();
        Poll::Ready(flushed)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            match self.reader.next() {
                Ok(Some(event)) => return Poll::Ready(Incoming::Event(event)),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Incoming::Fault(fault)),
            }
            let mut space = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.reader.push(buffer.filled()),
                _ => return Poll::Ready(Incoming::Broken),
            }
        }
    }

    pub(crate) fn restart(&mut self, limits: Limits) {
        self.reader.restart(limits);
    }

    /// The socket, for TLS. What was read but not used is gone with the reader (attack A15).
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// `</stream:stream>` comes before the end of the connection, or SDK 1.x never reconnects (contract xmpp 1.3).
    pub(crate) async fn close(&mut self) {
        self.unwritten.extend_from_slice(STREAM_CLOSE.as_bytes());
        self.unflushed = true;
        if std::future::poll_fn(|cx| self.poll_flush(cx)).await {
            let _ = self.stream.shutdown().await;
            // Closing over unread bytes resets the connection, and the client may lose what was just written.
            let mut rest = [0; 512];
            while matches!(self.stream.read(&mut rest).await, Ok(1..)) {}
        }
    }
}
