//! Frames that are tricks (RFC 6455), byte by byte.

use anyhow::{Context, Result, ensure};
use natter_tests::client::between;
use natter_tests::process::Natter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{MIB, PATIENCE, counted};
use crate::raw::{OPEN, Over, Raw};
use crate::rest::Rest;
use crate::verdict::Verdict;

const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const PING: u8 = 0x9;
const FINAL: u8 = 0x80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_tricks_end_their_connection_and_no_other() {
    play_tricks().await.unwrap();
}

async fn play_tricks() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let mut other = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    let mut verdict = Verdict::default();
    let huge = [&[FINAL | TEXT, 0xff][..], &(1u64 << 62).to_be_bytes(), &[0; 4]].concat();
    for (case, sent) in [
        ("a frame of four exabytes", huge),
        ("a frame that is not masked", [&[FINAL | TEXT, OPEN.len() as u8][..], OPEN.as_bytes()].concat()),
        ("a reserved opcode", frame(FINAL | 0x3, b"x")),
        ("a reserved bit", frame(FINAL | 0x40 | TEXT, OPEN.as_bytes())),
        ("a long control frame", frame(FINAL | PING, &[b'x'; 126])),
        ("a control frame in pieces", frame(PING, b"x")),
        ("the end of what was not begun", frame(FINAL | CONTINUATION, OPEN.as_bytes())),
        ("two messages at once in pieces", [frame(TEXT, b"<open"), frame(FINAL | TEXT, OPEN.as_bytes())].concat()),
        ("text that is no UTF-8", frame(FINAL | TEXT, b"<open \xff\xfe/>")),
        ("a bomb of compressed text", frame(FINAL | 0x40 | TEXT, &[0xaa, 0x56, 0x2a, 0x4b, 0x2d, 0x2a])),
    ] {
        verdict.of(case, is_ended(&natter, &sent).await);
        verdict.of(&format!("others, after {case}"), still_there(&mut other).await);
    }
    verdict.pronounce()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_small_frames_cost_no_memory() {
    flood().await.unwrap();
}

async fn flood() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let mut other = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    let before = natter.resident_bytes()?;
    // Pings whose pongs nobody reads, and a message in pieces that are empty. A stranger is cut off on the way.
    for piece in [frame(FINAL | PING, b"0123456789"), [frame(TEXT, b"<"), frame(CONTINUATION, b"").repeat(1_000)].concat()] {
        let mut socket = opened(&natter).await?;
        let mut sent = 0;
        while sent < 8 * MIB as usize {
            match timeout(PATIENCE, socket.write_all(&piece)).await.context("it is neither taken nor refused")? {
                Ok(()) => sent += piece.len(),
                Err(_) => break,
            }
        }
        ensure!(sent < 8 * MIB as usize, "a stranger may send without end");
        still_there(&mut other).await?;
    }
    let grown = natter.resident_bytes_max()?.saturating_sub(before);
    ensure!(grown < 8 * MIB, "{grown} bytes more");
    counted(&natter, "natter_edge_connections 1").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_compressed_on_a_websocket() {
    offer_compression().await.unwrap();
}

async fn offer_compression() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let mut socket = TcpStream::connect(("127.0.0.1", natter.ports.ws)).await?;
    let head = request("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    socket.write_all(head.as_bytes()).await?;
    let answer = head_of(&mut socket).await?;
    ensure!(answer.starts_with("HTTP/1.1 101 ") && !answer.to_lowercase().contains("sec-websocket-extensions"), "{answer}");
    socket.write_all(&frame(FINAL | TEXT, OPEN.as_bytes())).await?;
    let mut heard = Vec::new();
    while !heard.windows(17).any(|part| part == b"</stream:features") {
        ensure!(timeout(PATIENCE, socket.read_buf(&mut heard)).await?? > 0, "the end instead of features");
    }
    // RSV1 would say that a message is compressed (RFC 7692, 6).
    ensure!(heard[0] == FINAL | TEXT, "a frame begins with {:x}", heard[0]);
    let text = String::from_utf8_lossy(&heard).into_owned();
    let offered = between(&text, "<stream:features", "</stream:features").context("no features")?;
    ensure!(!offered.contains("compress"), "{offered}");
    Ok(())
}

/// A masked frame, with zeros for a mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn request(header: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n{header}\r\n"
    )
}

async fn opened(natter: &Natter) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", natter.ports.ws)).await?;
    socket.write_all(request("").as_bytes()).await?;
    let head = head_of(&mut socket).await?;
    ensure!(head.starts_with("HTTP/1.1 101 "), "{head}");
    Ok(socket)
}

async fn head_of(socket: &mut TcpStream) -> Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        timeout(PATIENCE, socket.read_exact(&mut byte)).await.context("no answer")??;
        head.push(char::from(byte[0]));
    }
    Ok(head)
}

async fn is_ended(natter: &Natter, sent: &[u8]) -> Result<()> {
    let mut socket = opened(natter).await?;
    socket.write_all(sent).await?;
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut rest)).await.context("the connection goes on")?;
    ensure!(!String::from_utf8_lossy(&rest).contains("features"), "it was taken for an opening");
    Ok(())
}

async fn still_there(other: &mut Raw) -> Result<()> {
    other.send("<iq xmlns='jabber:client' type='get' id='there'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    other.expect("id=\"there\"").await.map(drop)
}
