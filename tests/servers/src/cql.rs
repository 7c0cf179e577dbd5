//! As much of CQL's native protocol (version 4) as one question takes, so that this crate needs no driver.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

const STARTUP: u8 = 0x01;
const QUERY: u8 = 0x07;
const ERROR: u8 = 0x00;
/// Of an answer: more than these questions have.
const BODY_MAX: usize = 64 * 1_024;

/// How many others a node knows whole: what a driver sees of its cluster.
pub fn peers(stream: &mut TcpStream) -> Result<u64> {
    ask(stream, STARTUP, b"\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0")?;
    let question = b"SELECT count(tokens) FROM system.peers";
    let mut body = (question.len() as u32).to_be_bytes().to_vec();
    body.extend_from_slice(question);
    // At consistency ONE, without options.
    body.extend_from_slice(&[0, 1, 0]);
    let answer = ask(stream, QUERY, &body)?;
    // One row of one bigint: the last eight bytes.
    let count = answer.last_chunk::<8>().context("the answer has no row")?;
    Ok(u64::from_be_bytes(*count))
}

// A frame: version, flags, stream, opcode, length, body (protocol v4, section 2).
fn ask(stream: &mut TcpStream, opcode: u8, body: &[u8]) -> Result<Vec<u8>> {
    let mut frame = vec![0x04, 0, 0, 0, opcode];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    stream.write_all(&frame)?;
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
    ensure!(length <= BODY_MAX, "an answer of {length} bytes");
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    ensure!(head[4] != ERROR, "refused: {}", String::from_utf8_lossy(&answer));
    Ok(answer)
}
