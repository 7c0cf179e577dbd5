//! What a stranger may send at all over a WebSocket. The reader's limits hold for whole messages, and a message in pieces is kept
//! until it is whole: without this bound a stranger would make us keep as much as somebody who signed in (attack A7).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes from the first to the sign-in, the request for the WebSocket among them: three attempts of the largest stanza, and as
/// much again for headers and signs of life.
pub(crate) const STRANGER_BYTES_MAX: usize = 32 * 1024;

/// A stream of which so much may be read.
pub(crate) struct Allowance<S> {
    stream: S,
    /// None: as much as may come.
    left: Option<usize>,
}

impl<S> Allowance<S> {
    pub(crate) fn new(stream: S) -> Allowance<S> {
        Allowance { stream, left: Some(STRANGER_BYTES_MAX) }
    }

    /// Its client has signed in.
    pub(crate) fn lift(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Allowance<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if let Some(left) = &mut this.left {
            let Some(rest) = left.checked_sub(buf.filled().len() - before) else {
                return Poll::Ready(Err(io::Error::other("a stranger sends too much")));
            };
            *left = rest;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Allowance<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_stranger_sends_so_much_and_who_signed_in_goes_on() {
        let (mut client, server) = duplex(2 * STRANGER_BYTES_MAX);
        let mut stream = Allowance::new(server);
        let mut bytes = vec![0; STRANGER_BYTES_MAX];
        client.write_all(&bytes).await.unwrap();
        stream.read_exact(&mut bytes).await.unwrap();
        client.write_all(b"more").await.unwrap();
        assert!(stream.read_u8().await.is_err());
        let (mut client, server) = duplex(2 * STRANGER_BYTES_MAX);
        let mut stream = Allowance::new(server);
        stream.lift();
        for _ in 0..3 {
            client.write_all(&bytes).await.unwrap();
            stream.read_exact(&mut bytes).await.unwrap();
        }
    }
}
