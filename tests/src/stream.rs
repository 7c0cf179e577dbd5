//! A lean XMPP client over TCP that begins with TLS (port 5223), for load: it signs in and stays.

use anyhow::{Context, Result, bail};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Account, BIND, PRESENCE, auth, between, carbons};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' \
                      to='localhost'>";

/// A signed-in session. Dropping it resets the connection.
pub struct Stream {
    socket: TlsStream<TcpStream>,
}

impl Stream {
    /// Connects, signs in, binds, turns carbons on and becomes available, as [`crate::client::Client`] does over WebSocket.
    pub async fn connect(port: u16, tls: &TlsConnector, account: &Account) -> Result<Stream> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.set_nodelay(true)?;
        let mut stream = Stream { socket: tls.connect(ServerName::try_from("localhost")?, socket).await? };
        stream.ask(HEADER, "</stream:features>").await?;
        stream.ask(&auth(account), "<success").await?;
        stream.ask(HEADER, "</stream:features>").await?;
        let bound = stream.ask(BIND, "</iq>").await?;
        let jid = between(&bound, "<jid>", "</jid>").context("a JID")?;
        stream.ask(&carbons(jid), "c:enableCarbons").await?;
        stream.socket.write_all(PRESENCE.as_bytes()).await?;
        stream.socket.flush().await?;
        Ok(stream)
    }

    /// Sends text and reads until a word was heard. Nothing is kept between two questions.
    async fn ask(&mut self, text: &str, word: &str) -> Result<String> {
        self.socket.write_all(text.as_bytes()).await?;
        self.socket.flush().await?;
        let (mut heard, mut bytes) = (Vec::new(), [0; 1024]);
        loop {
            let read = self.socket.read(&mut bytes).await?;
            heard.extend_from_slice(&bytes[..read]);
            let text = String::from_utf8_lossy(&heard);
            if read == 0 || text.contains("<failure") || text.contains("<stream:error") {
                bail!("no {word}, but {text:?}");
            }
            if text.contains(word) {
                return Ok(text.into_owned());
            }
        }
    }
}
