//! A client of the chat door that can do what `natter try` needs: sign in, write, wait for words. It reads no XML: it looks for marks in what comes.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Most bytes that are kept while a mark is waited for.
const HEARD_BYTES_MAX: usize = 1024 * 1024;

/// A user and a token of his.
pub struct User {
    pub id: u64,
    pub token: String,
}

/// A signed-in stream.
pub struct Client {
    stream: TlsStream<TcpStream>,
    /// What came and no mark was found in yet.
    heard: Vec<u8>,
    app: u64,
    domain: String,
}

impl Client {
    /// Connects by TLS, signs in with the token, binds, and is there.
    pub async fn sign_in(address: &str, domain: &str, app: u64, user: &User, tls: Arc<ClientConfig>) -> Result<Client> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        let name = ServerName::try_from(domain.to_owned()).with_context(|| format!("{domain} is no name of a host"))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await.context("no TLS")?;
        let mut client = Client { stream, heard: Vec::new(), app, domain: domain.to_owned() };
        client.open().await?;
        let plain = format!("\0{}-{app}\0{}", user.id, user.token);
        let plain = base64::engine::general_purpose::STANDARD.encode(plain);
        client.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")).await?;
        client.expect("<success").await?;
        client.open().await?;
        client.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await?;
        client.expect("</jid>").await?;
        client.send("<presence/>").await?;
        Ok(client)
    }

    /// Writes to another user of the app. `id`: 24 hex digits.
    pub async fn write(&mut self, to: u64, id: &str, body: &str) -> Result<()> {
        let (app, domain) = (self.app, &self.domain);
        let message = format!(
            "<message type='chat' id='{id}' to='{to}-{app}@{domain}'><body>{body}</body>\
             <extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams></message>"
        );
        self.send(&message).await
    }

    /// Reads until these words have come.
    pub async fn expect(&mut self, mark: &str) -> Result<()> {
        loop {
            let heard = String::from_utf8_lossy(&self.heard);
            if let Some(at) = heard.find(mark) {
                let rest = heard[at + mark.len()..].as_bytes().to_vec();
                self.heard = rest;
                return Ok(());
            }
            if let Some(refusal) = ["<failure", "<stream:error"].iter().find_map(|word| heard.find(word)) {
                bail!("refused: {}", &heard[refusal..]);
            }
            ensure!(self.heard.len() < HEARD_BYTES_MAX, "too much came that was not asked for");
            if self.stream.read_buf(&mut self.heard).await.context("the connection broke")? == 0 {
                bail!("the stream ended");
            }
        }
    }

    /// Ends the stream properly: nothing is owed to it.
    pub async fn close(mut self) -> Result<()> {
        self.send("</stream:stream>").await?;
        self.expect("</stream:stream>").await
    }

    async fn open(&mut self) -> Result<()> {
        let open = format!(
            "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            self.domain
        );
        self.send(&open).await?;
        self.expect("</stream:features>").await
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        self.stream.write_all(text.as_bytes()).await.context("the connection broke")?;
        Ok(self.stream.flush().await?)
    }
}
