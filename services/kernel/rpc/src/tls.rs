//! TLS between processes, with certificates on both sides of one CA: who has none of them is not spoken to. Not here: how certificates are
//! made. A process reads its own once, when it starts.

use std::fmt;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

use crate::Error;

/// How long the two sides may take to agree.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// What a process shows and whom it trusts. All of it is PEM.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// The one CA.
    pub ca: &'a [u8],
    /// The chain of this process.
    pub cert: &'a [u8],
    pub key: &'a [u8],
}

/// Both sides of TLS, read. Clone; give it to links and to the server.
#[derive(Clone)]
pub struct Tls {
    client: ClientTlsConfig,
    server: ServerTlsConfig,
}

impl Tls {
    /// `name`: what the certificate of every process is made for; empty: the host that it is called by.
    ///
    /// # Errors
    /// A part of it cannot be read, or certificate and key do not belong together.
    pub fn new(pem: Pem<'_>, name: &str) -> Result<Tls, Error> {
        let ca = Certificate::from_pem(pem.ca);
        let identity = Identity::from_pem(pem.cert, pem.key);
        let client = ClientTlsConfig::new().ca_certificate(ca.clone()).identity(identity.clone()).timeout(HANDSHAKE_MAX);
        let client = if name.is_empty() { client } else { client.domain_name(name) };
        let server = ServerTlsConfig::new().identity(identity).client_ca_root(ca).timeout(HANDSHAKE_MAX);
        let tls = Tls { client, server };
        // What cannot be read is said when a process starts, not at its first call.
        tls.dial(Endpoint::from_static("https://natter"))?;
        tls.answer(Server::builder())?;
        Ok(tls)
    }

    /// An endpoint that is reached so.
    pub(crate) fn dial(&self, endpoint: Endpoint) -> Result<Endpoint, Error> {
        endpoint.tls_config(self.client.clone()).map_err(|error| of(&error))
    }

    /// A server that takes only who is reached so.
    pub(crate) fn answer<L>(&self, server: Server<L>) -> Result<Server<L>, Error> {
        server.tls_config(self.server.clone()).map_err(|error| of(&error))
    }
}

fn of(error: &dyn std::error::Error) -> Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::Tls(cause)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

#[cfg(test)]
pub(crate) mod tests;
