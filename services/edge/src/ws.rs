//! XMPP over WebSocket (RFC 7395): one element per text frame, sub-protocol `xmpp`, any path.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream as _, StreamExt};
use natter_xmpp::{Limits, StreamFault, StreamReader};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::allowance::Allowance;
use crate::line::Piece;
use crate::transport::{Incoming, Stream, Turn, UNFLUSHED_MAX};

/// One WebSocket connection.
pub(crate) struct WebSocket {
    stream: WebSocketStream<Allowance<Stream>>,
    reader: StreamReader,
    unflushed: usize,
    /// A write failed: the connection is gone.
    failed: bool,
}

/// What the request that opened a WebSocket says of its client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    pub agent: String,
    /// Of the page that opened it; empty: none did. The account service looks whether the app takes it (`account/src/origin.rs`).
    pub origin: String,
}

/// The `X-Forwarded-For` of a request.
pub(crate) struct ForwardedFor<'a>(&'a HeaderMap);

impl<'a> ForwardedFor<'a> {
    /// In the order of the headers. What is no text is something all the same.
    pub(crate) fn values(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.get_all("x-forwarded-for").into_iter().map(|value| value.to_str().unwrap_or_default())
    }
}

/// Most characters kept of a header. More than any origin has that an app lists: what is cut off is none of them.
const HEADER_CHARS_MAX: usize = 128;

impl WebSocket {
    /// Answers the HTTP request. `forwarded` is told what it says of whom proxies had it from.
    ///
    /// # Errors
    /// It is none that opens a WebSocket, or the connection is gone.
    pub(crate) async fn accept(
        stream: Stream,
        limits: Limits,
        stanza_bytes: usize,
        forwarded: impl FnOnce(ForwardedFor<'_>) + Unpin,
    ) -> Result<(WebSocket, Visitor), Error> {
        let mut visitor = Visitor::default();
        // The signature, error type included, is tungstenite's.
        #[expect(clippy::result_large_err, reason = "tungstenite's callback")]
        let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            visitor.agent = text_of(request.headers(), header::USER_AGENT);
            visitor.origin = text_of(request.headers(), header::ORIGIN);
            forwarded(ForwardedFor(request.headers()));
            if offers_xmpp(request.headers()) {
                response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("xmpp"));
            }
            Ok(response)
        };
        let stream = accept_hdr_async_with_config(Allowance::new(stream), look, Some(config(stanza_bytes))).await?;
        Ok((WebSocket { stream, reader: StreamReader::websocket(limits), unflushed: 0, failed: false }, visitor))
    }

    pub(crate) fn unflushed(&self) -> usize {
        self.unflushed
    }

    pub(crate) fn queue(&mut self, piece: Piece) {
        let message = match piece {
            Piece::Text(text) => Message::text(text),
            Piece::Ping(ordinal) => Message::Ping(Bytes::copy_from_slice(&ordinal.to_be_bytes())),
        };
        // A frame and its header.
        self.unflushed += message.len() + 16;
        // Writes only to its buffer or, when that is full, to the socket; never waits.
        self.failed |= Pin::new(&mut self.stream).start_send(message).is_err();
    }

    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Turn> {
        if self.failed {
            return Poll::Ready(Turn::Came(Incoming::Broken));
        }
        if self.unflushed > 0
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx)
        {
            self.unflushed = 0;
            return Poll::Ready(if flushed.is_ok() { Turn::Flushed } else { Turn::Came(Incoming::Broken) });
        }
        if !read {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_next(cx).map(|message| Turn::Came(self.read(message)))
    }

    fn read(&mut self, message: Option<Result<Message, Error>>) -> Incoming {
        match message {
            Some(Ok(Message::Text(text))) => self.reader.frame(&text).map_or_else(Incoming::Fault, Incoming::Event),
            Some(Ok(Message::Pong(payload))) => {
                payload.as_ref().try_into().map_or(Incoming::Life, |ordinal| Incoming::Pong(u64::from_be_bytes(ordinal)))
            }
            // Answered by tungstenite, which keeps room for one pong only: a flood costs no memory.
            Some(Ok(Message::Ping(_))) => Incoming::Life,
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => Incoming::Fault(StreamFault::BadFormat),
            Some(Ok(Message::Close(frame))) => closed(frame.as_ref()),
            Some(Err(Error::Utf8(_))) => Incoming::Fault(StreamFault::InvalidUtf8),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Incoming::Fault(StreamFault::TooLarge),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) | Err(_)) | None => Incoming::Broken,
        }
    }

    /// Its client has signed in.
    pub(crate) fn restart(&mut self, limits: Limits) {
        self.stream.get_mut().lift();
        self.reader.restart(limits);
    }

    /// `<close/>`, then the end of the WebSocket; the client has a moment to answer.
    pub(crate) async fn close(&mut self) {
        self.queue(Piece::Text(natter_xmpp::close().to_xml("")));
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if self.stream.send(Message::Close(Some(frame))).await.is_err() {
            // The client closed first: what is left is the answer to its close frame.
            let _ = self.stream.flush().await;
            return;
        }
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}

/// 1000, 1001 and a close without a code are goodbyes (contract xmpp 1.8): Strophe just closes the socket.
fn closed(frame: Option<&CloseFrame>) -> Incoming {
    match frame.map(|frame| frame.code) {
        None | Some(CloseCode::Normal | CloseCode::Away | CloseCode::Status) => Incoming::Goodbye,
        Some(_) => Incoming::Broken,
    }
}

/// Small buffers: idle sockets are many. Before sign-in the reader's own limits are the smaller ones, and what is not whole yet is
/// bounded by the allowance.
fn config(stanza_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        // Neighbouring frames share a write; the buffer grows only as far as something is written.
        .write_buffer_size(4 * 1024)
        .max_write_buffer_size(UNFLUSHED_MAX + 2 * stanza_bytes + 64 * 1024)
        .max_message_size(Some(stanza_bytes))
        .max_frame_size(Some(stanza_bytes))
}

fn offers_xmpp(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|protocol| protocol.trim().eq_ignore_ascii_case("xmpp"))
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> String {
    let bytes = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    // What is no text is something all the same: an origin that cannot be read is not no origin.
    String::from_utf8_lossy(bytes).chars().take(HEADER_CHARS_MAX).collect()
}
