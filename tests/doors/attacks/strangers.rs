//! Before sign-in: who comes and goes, who leaves things unfinished, who asks what there is.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Account, install_crypto};
use natter_tests::process::Natter;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{MIB, PATIENCE, counted, cycles};
use crate::raw::{HEADER, OPEN, Over, Raw, plain};
use crate::rest::PASSWORD;

/// How far a stranger goes before he leaves without a word: door, and what he says.
const STEPS: [(Door, &str); 8] = [
    (Door::Tcp, ""),
    (Door::Tcp, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to="),
    (Door::Tcp, "HEADER<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubg"),
    (Door::Tcp, "HEADER<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    (Door::Tls, ""),
    (Door::Tls, "\x16\x03\x01\x02\x00\x01"),
    (Door::WebSocket, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"),
    (Door::WebSocket, "UPGRADE"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Tcp,
    Tls,
    WebSocket,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_come_and_go_leave_nothing() {
    come_and_go().await.unwrap();
}

async fn come_and_go() -> Result<()> {
    let natter = Natter::start(&["edge.connections_per_address_max=2000"]).await?;
    // Allocators keep what was once used: the first ones pay for that.
    for _ in 0..50 {
        come(&natter).await?;
    }
    counted(&natter, "natter_edge_connections 0").await?;
    let before = natter.resident_bytes()?;
    for _ in 0..cycles() / STEPS.len() {
        come(&natter).await?;
    }
    counted(&natter, "natter_edge_connections 0").await?;
    let grown = natter.resident_bytes()?.saturating_sub(before);
    ensure!(grown < 8 * MIB, "{grown} bytes more after {} strangers", cycles());
    Ok(())
}

/// One stranger at each step.
async fn come(natter: &Natter) -> Result<()> {
    for (door, said) in STEPS {
        let said = said.replace("HEADER", HEADER).replace("UPGRADE", UPGRADE);
        let port = match door {
            Door::Tcp => natter.ports.tcp,
            Door::Tls => natter.ports.tls,
            Door::WebSocket => natter.ports.ws,
        };
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        // He may have been let go already.
        let _ = socket.write_all(said.as_bytes()).await;
    }
    Ok(())
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n";

/// Strangers who leave something unfinished at the same time.
const HOARDERS: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_leave_unfinished_costs_its_bound_and_no_more() {
    leave_unfinished().await.unwrap();
}

async fn leave_unfinished() -> Result<()> {
    let natter = Natter::start(&["edge.connections_per_address_max=2000"]).await?;
    let before = natter.resident_bytes()?;
    // Many small things that are each allowed, and together the eight kilobytes that a stanza may have before sign-in.
    let many = format!(
        "{HEADER}<iq xmlns='jabber:client' {}>",
        (0..30).map(|n| format!("a{n}='{}' ", "x".repeat(200))).collect::<String>()
    );
    // A frame of 240,000 bytes of which nearly all comes: masked, as a client's has to be.
    let mut frame = vec![0x81, 0xff];
    frame.extend(240_000u64.to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(frame.len() + 239_000, b'x');
    let mut held = Vec::new();
    for _ in 0..HOARDERS {
        let mut tcp = TcpStream::connect(("127.0.0.1", natter.ports.tcp)).await?;
        tcp.write_all(many.as_bytes()).await?;
        let mut web = TcpStream::connect(("127.0.0.1", natter.ports.ws)).await?;
        web.write_all(UPGRADE.as_bytes()).await?;
        // He who sends more than a stranger may is cut off while he does.
        let _ = timeout(PATIENCE, web.write_all(&frame)).await?;
        held.push(tcp);
        held.push(web);
    }
    counted(&natter, &format!("natter_edge_connections {HOARDERS}")).await?;
    let grown = natter.resident_bytes_max()?.saturating_sub(before);
    let bound = HOARDERS as u64 * 2 * 48 * 1024;
    ensure!(grown < bound, "{grown} bytes for {HOARDERS} unfinished stanzas and as many frames, more than {bound}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_silent_in_a_handshake_counts_and_is_given_up() {
    hang_in_handshake().await.unwrap();
}

async fn hang_in_handshake() -> Result<()> {
    let natter = Natter::start(&["edge.negotiation_s=1", "edge.connections_per_address_max=4"]).await?;
    let mut silent = Vec::new();
    for port in [natter.ports.tls, natter.ports.wss, natter.ports.tls, natter.ports.ws] {
        silent.push(TcpStream::connect(("127.0.0.1", port)).await?);
    }
    counted(&natter, "natter_edge_connections 4").await?;
    let mut fifth = TcpStream::connect(("127.0.0.1", natter.ports.wss)).await?;
    ensure!(is_over(&mut fifth).await?.is_empty(), "a fifth of one address is let in");
    counted(&natter, "natter_edge_turned_away_total{why=\"address\"} 1").await?;
    for mut socket in silent {
        ensure!(is_over(&mut socket).await?.is_empty());
    }
    counted(&natter, "natter_edge_connections 0").await?;
    counted(&natter, "natter_edge_turned_away_total{why=\"deadline\"} 4").await
}

/// What came before the end of a connection.
async fn is_over(socket: &mut TcpStream) -> Result<Vec<u8>> {
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.context("the connection goes on")?;
    // A reset is an end as well.
    let _ = read;
    Ok(rest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_stranger_is_let_go_whatever_he_says() {
    linger().await.unwrap();
}

async fn linger() -> Result<()> {
    let natter = Natter::start(&["edge.refusal_s=1"]).await?;
    let nobody = Account { app: 1, user: 999_999, password: "wrong".into() };
    for over in [Over::Tcp, Over::WebSocket] {
        let port = if over == Over::Tcp { natter.ports.tcp } else { natter.ports.ws };
        let mut raw = Raw::connect(over, port).await?;
        raw.open().await?;
        raw.send(&plain(&nobody)).await?;
        raw.expect("<not-authorized/>").await?;
        // Signs of life and further attempts prolong nothing.
        if over == Over::WebSocket {
            raw.send_message(tokio_tungstenite::tungstenite::Message::Ping("still here".into())).await?;
        } else {
            raw.send(" ").await?;
        }
        raw.send(&plain(&nobody)).await?;
        raw.end().await?;
    }
    counted(&natter, "natter_edge_turned_away_total{why=\"refused\"} 2").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_is_not_there_is_refused_as_a_wrong_password_is() {
    ask_who_is_there().await.unwrap();
}

async fn ask_who_is_there() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let ann = natter.create_user(1, "ann", PASSWORD)?;
    let mut answers = BTreeSet::new();
    for (app, user) in [(1, ann), (1, 999_999), (2, ann), (999, 1)] {
        let mut raw = Raw::connect(Over::Tcp, natter.ports.tcp).await?;
        raw.open().await?;
        raw.send(&plain(&Account { app, user, password: "wrong".into() })).await?;
        answers.insert(raw.expect("</failure>").await?);
    }
    ensure!(answers.len() == 1, "they are told apart by {answers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_for_a_certificate_of_his_own() {
    offer_certificate().await.unwrap();
}

async fn offer_certificate() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    install_crypto();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(natter.ca())?)?;
    for port in [natter.ports.rest, natter.ports.tls, natter.ports.wss] {
        let asked = Arc::new(Asked::default());
        let config =
            rustls::ClientConfig::builder().with_root_certificates(roots.clone()).with_client_cert_resolver(asked.clone());
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, socket).await?;
        ensure!(!asked.0.load(Ordering::SeqCst), "who somebody is would be read from a certificate on {port}");
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::SeqCst);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_servers_open_is_closed_here() {
    look_for_doors().await.unwrap();
}

async fn look_for_doors() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let ports = natter.ports;
    let expected = [ports.rest, ports.rest_plain, ports.tcp, ports.tls, ports.wss, ports.ws, ports.console, ports.health];
    let found = listeners(natter.pid()?)?;
    ensure!(found == BTreeSet::from(expected), "listens on {found:?}, not on {expected:?}");
    // BOSH (XEP-0124) is on no port of these either: what is no WebSocket is refused, and no session begins.
    let http = natter_tests::client::http()?;
    for port in [ports.ws, ports.rest_plain] {
        let url = format!("http://localhost:{port}/http-bind");
        let body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' wait='60' hold='1'/>";
        let answer = http.post(url).body(body).send().await;
        let is_refused = answer.as_ref().map_or(true, |answer| answer.status().is_client_error());
        ensure!(is_refused, "{port}: {answer:?}");
    }
    // Nor does a server find another one (RFC 6120, 4.9.3.10).
    let mut server = Raw::connect(Over::Tcp, ports.tcp).await?;
    server.send(&HEADER.replace("jabber:client", "jabber:server")).await?;
    let ended = server.end().await?;
    ensure!(ended.contains("<invalid-namespace"), "{ended}");
    let mut web = Raw::connect(Over::WebSocket, ports.ws).await?;
    web.send(&OPEN.replace("urn:ietf:params:xml:ns:xmpp-framing", "urn:ietf:params:xml:ns:xmpp-framing-server")).await?;
    let ended = web.end().await?;
    ensure!(ended.contains("stream:error"), "{ended}");
    Ok(())
}

/// TCP ports that a process listens on.
fn listeners(pid: u32) -> Result<BTreeSet<u16>> {
    let mut sockets = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        if let Some(inode) = target.as_os_str().as_bytes().strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]")) {
            sockets.insert(String::from_utf8_lossy(inode).into_owned());
        }
    }
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // Local address, state (0A: listens), inode.
            if let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields[..]
                && sockets.contains(inode)
            {
                let (_, port) = local.rsplit_once(':').context("an address has a port")?;
                ports.insert(u16::from_str_radix(port, 16)?);
            }
        }
    }
    Ok(ports)
}
