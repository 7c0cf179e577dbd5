//! As much of CQL's native protocol (version 4) as a question for one value takes, so that this crate needs no driver.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use anyhow::{Context, Result, ensure};

use crate::set::SOON;

const STARTUP: u8 = 0x01;
const QUERY: u8 = 0x07;
const ERROR: u8 = 0x00;
/// Of an answer: more than these questions have.
const BODY_MAX: usize = 64 * 1_024;

/// How many others a node knows whole: what a driver sees of its cluster.
pub fn peers(stream: &mut TcpStream) -> Result<u64> {
    begin(stream)?;
    let answer = query(stream, "SELECT count(tokens) FROM system.peers")?;
    // One row of one bigint: the last eight bytes.
    let count = answer.last_chunk::<8>().context("the answer has no row")?;
    Ok(u64::from_be_bytes(*count))
}

/// What answers at `HOST:PORT`: `Apache Cassandra 5.0.9`, `ScyllaDB 2025.1.2`.
pub fn version(address: &str) -> Result<String> {
    let at = address.to_socket_addrs().with_context(|| format!("{address} is no HOST:PORT"))?.next();
    let at = at.with_context(|| format!("{address} has no address"))?;
    let mut stream = TcpStream::connect_timeout(&at, SOON).with_context(|| format!("nobody answers at {address}"))?;
    stream.set_read_timeout(Some(SOON))?;
    begin(&mut stream).with_context(|| format!("{address} does not speak CQL without a password"))?;
    // Cassandra has no such table; what ScyllaDB calls its release is the one of Cassandra that it is like.
    if let Ok(answer) = query(&mut stream, "SELECT version FROM system.versions WHERE key = 'local'") {
        return Ok(format!("ScyllaDB {}", text(&answer).context("it does not say its version")?));
    }
    let answer = query(&mut stream, "SELECT release_version FROM system.local WHERE key = 'local'")?;
    Ok(format!("Apache Cassandra {}", text(&answer).context("it does not say its version")?))
}

fn begin(stream: &mut TcpStream) -> Result<()> {
    ask(stream, STARTUP, b"\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0").map(drop)
}

fn query(stream: &mut TcpStream, question: &str) -> Result<Vec<u8>> {
    let mut body = (question.len() as u32).to_be_bytes().to_vec();
    body.extend_from_slice(question.as_bytes());
    // At consistency ONE, without options.
    body.extend_from_slice(&[0, 1, 0]);
    ask(stream, QUERY, &body)
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

// The one value of one row of one text column: what stands behind its length at the end of the answer (protocol v4, 4.2.5.2).
fn text(answer: &[u8]) -> Option<&str> {
    let is_last = |at: &usize| answer[*at..at + 4] == ((answer.len() - at - 4) as u32).to_be_bytes();
    let at = (0..answer.len().saturating_sub(4)).rev().find(is_last)?;
    std::str::from_utf8(&answer[at + 4..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_at_the_end_of_an_answer_is_read() {
        let answer = |value: &[u8]| [b"\0\0\0\x02 what stands before \0\0\0\x01\0\0\0".as_slice(), value].concat();
        assert_eq!(text(&answer(b"\x055.0.9")), Some("5.0.9"));
        assert_eq!(text(&answer(b"\x085.0.9")), None, "it is not whole");
        assert_eq!(text(b"\0\0"), None);
    }
}
