//! Mails handed over to a small SMTP server on this machine, which looks at what it is told.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use natter_mail::{Error, Mail, Mails, Options, Tls};
use natter_telemetry::Metrics;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn a_mail_is_handed_over_with_its_sender_recipient_and_text() {
    let (options, heard) = server("250 taken", None).await;
    Mails::new(&options, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await.unwrap();
    let heard = heard.await.unwrap();
    for line in [
        "MAIL FROM:<noreply@example.test>",
        "RCPT TO:<ann@example.test>",
        "From: Example <noreply@example.test>",
        "To: ann@example.test",
        "Subject: New password",
        "Go to https://example.test/x",
    ] {
        assert!(heard.iter().any(|one| one.starts_with(line)), "{line}: {heard:#?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_is_told_from_one_that_takes() {
    let (options, _) = server("550 no such mailbox", None).await;
    let refused = Mails::new(&options, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await;
    assert_eq!(refused, Err(Error::Refused("550".into())));
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = Options { port: gone, ..options.clone() };
    assert_eq!(Mails::new(&gone, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await, Err(Error::Unreached));
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = Options { port: hanging.local_addr().unwrap().port(), deadline_ms: 50, ..options };
    assert_eq!(Mails::new(&slow, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await, Err(Error::Unreached));
}

#[tokio::test]
async fn no_address_and_no_subject_brings_a_line_of_its_own() {
    let (options, heard) = server("250 taken", None).await;
    let mails = Mails::new(&options, &Metrics::new()).unwrap();
    for to in
        ["ann@example.test\r\nRCPT TO:<eve@example.test>", "ann", "", "a b@example.test", "ann@example.test, eve@example.test"]
    {
        assert_eq!(mails.send(&mail(to)).await, Err(Error::Malformed), "{to:?}");
    }
    let two_lines = Mail { subject: "x\r\nBcc: eve@example.test".into(), ..mail("ann@example.test") };
    assert_eq!(mails.send(&two_lines).await, Err(Error::Malformed));
    assert!(!heard.is_finished(), "nothing was said to the server");
    let dots = Mail { text: "one\r\n.\r\nMAIL FROM:<eve@example.test>\r\n".into(), ..mail("ann@example.test") };
    mails.send(&dots).await.unwrap();
    let heard = heard.await.unwrap();
    assert!(heard.contains(&"..".to_owned()), "a dot alone is doubled: {heard:#?}");
}

#[tokio::test]
async fn tls_is_needed_where_it_is_set_and_its_authority_is_looked_at() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap()));
    for (ca, fine) in [(file.path().to_owned(), true), (PathBuf::new(), false)] {
        let (options, _) = server("250 taken", Some(acceptor.clone())).await;
        let options = Options { tls: Tls::Tls, ca_file: ca, ..options };
        let sent = Mails::new(&options, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await;
        assert_eq!(sent.is_ok(), fine, "{sent:?}");
    }
    let (plain, heard) = server("250 taken", None).await;
    let sent =
        Mails::new(&Options { tls: Tls::Starttls, ..plain }, &Metrics::new()).unwrap().send(&mail("ann@example.test")).await;
    assert!(sent.is_err(), "a server without STARTTLS gets no mail");
    assert!(heard.await.unwrap().iter().all(|line| !line.starts_with("MAIL")));
}

#[tokio::test]
async fn without_a_host_there_are_no_mails_and_a_bad_sender_is_named() {
    let mails = Mails::new(&Options::default(), &Metrics::new()).unwrap();
    assert!(!mails.is_on());
    assert_eq!(mails.send(&mail("ann@example.test")).await, Err(Error::Off));
    let nobody = Options { host: "localhost".into(), tls: Tls::None, ..Options::default() };
    assert!(Mails::new(&nobody, &Metrics::new()).is_err());
}

fn mail(to: &str) -> Mail {
    Mail { to: to.into(), subject: "New password".into(), text: "Go to https://example.test/x".into() }
}

// Takes one mail and says what it has heard; answers `last` to its content.
async fn server(last: &'static str, tls: Option<TlsAcceptor>) -> (Options, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (socket, _): (TcpStream, _) = listener.accept().await.unwrap();
        match tls {
            None => talk(socket, last).await,
            Some(tls) => match tls.accept(socket).await {
                Ok(stream) => talk(stream, last).await,
                Err(_) => Vec::new(),
            },
        }
    });
    let (host, from) = ("localhost".into(), "Example <noreply@example.test>".into());
    (Options { host, port, tls: Tls::None, from, ..Options::default() }, heard)
}

async fn talk(socket: impl AsyncRead + AsyncWrite + Unpin, last: &str) -> Vec<String> {
    let mut socket = BufReader::new(socket);
    let (mut heard, mut in_content) = (Vec::new(), false);
    socket.write_all(b"220 here\r\n").await.unwrap();
    socket.flush().await.unwrap();
    let mut line = String::new();
    while socket.read_line(&mut line).await.unwrap_or(0) > 0 {
        let said = line.trim_end().to_owned();
        line.clear();
        heard.push(said.clone());
        let answer = match said.as_str() {
            "." if in_content => {
                in_content = false;
                last
            }
            _ if in_content => continue,
            "DATA" => {
                in_content = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        socket.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
    }
    heard
}
