//! The engine: one connection to the operator's server per mail.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Way, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::Mail;
use crate::error::Error;
use crate::options::{Options, Tls, Wrong};

/// The server, and whom mails are from.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    deadline: Duration,
}

impl Smtp {
    pub fn new(options: &Options) -> Result<Smtp, Wrong> {
        let from = options.from.parse().map_err(|_| Wrong::From(options.from.clone()))?;
        let way = match options.tls {
            Tls::None => Way::None,
            Tls::Starttls => Way::Required(parameters(options)?),
            Tls::Tls => Way::Wrapper(parameters(options)?),
        };
        // The builder is called so because it begins without TLS; the way is chosen above.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.host).port(options.port).tls(way);
        let builder = match options.user.is_empty() {
            true => builder,
            false => builder.credentials(Credentials::new(options.user.clone(), options.password.clone())),
        };
        Ok(Smtp { transport: builder.build(), from, deadline: Duration::from_millis(options.deadline_ms) })
    }

    pub async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let to: Mailbox = mail.to.parse().map_err(|_| Error::Malformed)?;
        if mail.subject.chars().any(char::is_control) {
            return Err(Error::Malformed);
        }
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|_| Error::Malformed)?;
        // The client's own deadline is that of the connection only.
        match tokio::time::timeout(self.deadline, self.transport.send(message)).await {
            Err(_) => Err(Error::Unreached),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.status().map_or(Error::Unreached, |code| Error::Refused(code.to_string()))),
        }
    }
}

fn parameters(options: &Options) -> Result<TlsParameters, Wrong> {
    let mut builder = TlsParameters::builder(options.host.clone());
    let path = &options.ca_file;
    if !path.as_os_str().is_empty() {
        let pem = std::fs::read(path).map_err(|error| Wrong::CaFile(path.clone(), error.to_string()))?;
        let root = Certificate::from_pem(&pem).map_err(|error| Wrong::CaFile(path.clone(), error.to_string()))?;
        builder = builder.add_root_certificate(root);
    }
    builder.build().map_err(|error| Wrong::Tls(error.to_string()))
}
