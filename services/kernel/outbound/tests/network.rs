//! Requests to servers on this machine: what is reached, what is not, and how long an answer may take and be.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use natter_outbound::{Answer, Error, Line, Options, Outbound, Request, Wrong};
use natter_telemetry::Metrics;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

#[tokio::test]
async fn nothing_on_this_machine_is_asked_unless_its_network_is_named() {
    let port = server(FINE).await;
    let guarded = door(Options::default());
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        assert_eq!(ask(&guarded, &format!("http://{host}:{port}/")).await, Err(Error::Barred), "{host}");
    }
    let open = door(allowing());
    let answer = ask(&open, &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-length"), &answer.body[..]), (200, Some("2"), &b"{}"[..]));
    assert!(ask(&open, &format!("http://localhost:{port}/")).await.is_ok());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = server(FINE).await;
    let text = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{target}/\r\ncontent-length: 0\r\n\r\n");
    let port = server(Box::leak(text.into_boxed_str())).await;
    let answer = ask(&door(allowing()), &format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (302, 0));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = hanging.local_addr().unwrap().port();
    let door = door(Options { deadline_ms: 50, ..allowing() });
    assert_eq!(ask(&door, &format!("http://127.0.0.1:{port}/")).await, Err(Error::Late));
    let half = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(matches!(ask(&door, &format!("http://127.0.0.1:{half}/")).await, Err(Error::Late | Error::Broken)));
    let garbage = server("no HTTP at all\r\n\r\n").await;
    assert_eq!(ask(&door, &format!("http://127.0.0.1:{garbage}/")).await, Err(Error::Broken));
}

#[tokio::test]
async fn an_answer_has_a_bound_whether_or_not_it_tells_its_length() {
    let door = door(Options { answer_bytes_max: 1_000, ..allowing() });
    let long = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1_001));
    let port = server(Box::leak(long.into_boxed_str())).await;
    assert_eq!(ask(&door, &format!("http://127.0.0.1:{port}/")).await, Err(Error::TooLong));
    let fits = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1_000));
    let port = server(Box::leak(fits.into_boxed_str())).await;
    assert_eq!(ask(&door, &format!("http://127.0.0.1:{port}/")).await.unwrap().body.len(), 1_000);
}

#[tokio::test]
async fn a_hanging_provider_of_one_app_holds_up_no_other() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = Request::get(format!("http://{}/", hanging.local_addr().unwrap()));
    let door = door(Options { requests_per_app_max: 2, ..allowing() });
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let (door, slow) = (door.clone(), slow.clone());
            tokio::spawn(async move { door.ask(1, &slow).await })
        })
        .collect();
    // Both have connected, so both hold their place.
    let _connections = (hanging.accept().await.unwrap(), hanging.accept().await.unwrap());
    assert_eq!(door.ask(1, &slow).await, Err(Error::Busy));
    let port = server(FINE).await;
    assert!(door.ask(2, &Request::get(format!("http://127.0.0.1:{port}/"))).await.is_ok());
    for one in waiting {
        one.abort();
        let _ = one.await;
    }
    let port = server(FINE).await;
    assert!(door.ask(1, &Request::get(format!("http://127.0.0.1:{port}/"))).await.is_ok(), "who gives up gives back");
}

#[tokio::test]
async fn tls_is_trusted_by_the_operators_authority_and_not_without() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(stream) = TlsAcceptor::from(config.clone()).accept(socket).await {
                answer(stream, FINE).await;
            }
        }
    });
    assert_eq!(ask(&door(allowing()), &url).await, Err(Error::Broken));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    assert!(ask(&door(Options { ca_file: file.path().to_owned(), ..allowing() }), &url).await.is_ok());
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(Outbound::new(&Options { ca_file: empty.path().to_owned(), ..allowing() }, &Metrics::new()).is_err());
}

#[tokio::test]
async fn a_line_speaks_http_2_where_it_is_offered_and_nothing_else_if_told_so() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let options = Options { ca_file: file.path().to_owned(), ..allowing() };
    let line = |http2_only| Outbound::line(&options, &Line { http2_only, identity: None }).unwrap();
    for (offered, http2_only, expected) in [
        (&["h2", "http/1.1"][..], false, Some("h2")),
        (&["http/1.1"], false, Some("http/1.1")),
        (&["h2", "http/1.1"], true, Some("h2")),
        (&["http/1.1"], true, None),
    ] {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let chosen = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let stream = TlsAcceptor::from(Arc::new(config)).accept(socket).await.ok()?;
            stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap())
        });
        // The server says nothing more: only what was agreed on is looked at.
        let _ = ask(&line(http2_only), &url).await;
        assert_eq!(chosen.await.unwrap().as_deref(), expected, "{offered:?} {http2_only}");
    }
}

#[tokio::test]
async fn an_identity_is_a_certificate_and_its_own_key() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = || rcgen::generate_simple_self_signed(vec!["client".to_owned()]).unwrap();
    let (one, two) = (made(), made());
    let line = |pem: String| {
        let line = Line { http2_only: true, identity: Some(pem.into_bytes()) };
        Outbound::line(&allowing(), &line).map(drop)
    };
    assert!(line(format!("{}{}", one.cert.pem(), one.signing_key.serialize_pem())).is_ok());
    assert!(matches!(line(one.cert.pem()), Err(Wrong::Identity(_))));
    assert!(matches!(line(String::new()), Err(Wrong::Identity(_))));
    assert!(line(format!("{}{}", one.cert.pem(), two.signing_key.serialize_pem())).is_err());
}

#[tokio::test]
async fn a_header_that_cannot_be_one_sends_nothing() {
    let door = door(allowing());
    for value in ["a\r\nx-more: 1", "a\nb", "\0"] {
        let request = Request::get("http://127.0.0.1:1/").with("x-token", value);
        assert_eq!(door.ask(1, &request).await, Err(Error::Malformed), "{value:?}");
    }
}

fn allowing() -> Options {
    Options { private_networks: vec!["127.0.0.0/8".into(), "::1".into()], ..Options::default() }
}

fn door(options: Options) -> Outbound {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Outbound::new(&options, &Metrics::new()).unwrap()
}

async fn ask(door: &Outbound, url: &str) -> Result<Answer, Error> {
    door.ask(1, &Request::get(url)).await
}

// Answers each connection with these bytes, and closes it.
async fn server(bytes: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            answer(socket, bytes).await;
        }
    });
    port
}

async fn answer(mut socket: impl AsyncRead + AsyncWrite + Unpin, bytes: &str) {
    let mut head = [0; 4096];
    let _ = socket.read(&mut head).await;
    let _ = socket.write_all(bytes.as_bytes()).await;
    let _ = socket.shutdown().await;
}
