//! The same door over TLS.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::sync::Arc;

use natter_api::{Doors, Options, Service};
use natter_telemetry::Metrics;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{parse, parts};

#[tokio::test]
async fn a_tls_listener_serves_the_same_door() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let doors = Doors { tls: Some(listener), tls_config: Some(server), plain: None };
    let service = Service::new(Options::default(), parts(&Arc::default(), &Metrics::new()));
    let run = tokio::spawn(service.run(doors, std::future::pending()));

    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    stream
        .write_all(b"GET /session.json HTTP/1.1\r\nHost: localhost\r\nCB-Token: ann\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(parse(&answer).json()["session"]["user_id"], 34);
    run.abort();
}

#[tokio::test]
async fn a_tls_listener_without_a_certificate_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let doors = Doors { tls: Some(listener), ..Doors::default() };
    let service = Service::new(Options::default(), parts(&Arc::default(), &Metrics::new()));
    assert!(service.run(doors, std::future::pending()).await.is_err());
}
