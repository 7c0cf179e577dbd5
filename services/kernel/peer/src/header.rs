//! The header with which a proxy that passes bytes on begins a connection: PROXY protocol, version 1 (a line) and 2 (binary), as
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt> has it. Of it only whose connection it is.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// With which version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// With which version 1 begins.
const WORD: &[u8] = b"PROXY ";
/// Longest line of version 1, its end included.
const LINE_MAX: usize = 107;
/// Longest rest of version 2: addresses, and what some proxies add.
const REST_MAX: usize = 2_048;

/// How far a header has been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Header {
    /// So many bytes more belong to it for certain, and are to be read before it is asked again.
    Needs(usize),
    /// It ends here. None: the proxy speaks for itself, or does not say.
    Ends(Option<IpAddr>),
}

/// What came is no such header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the connection does not begin with a header of the PROXY protocol")]
pub struct Malformed;

impl Header {
    /// Reads what has come, which begins with the first byte of the connection and holds no more than was asked for.
    ///
    /// # Errors
    /// It is none, whatever comes next.
    pub fn read(bytes: &[u8]) -> Result<Header, Malformed> {
        let Some(first) = bytes.get(..SIGNATURE.len()) else { return Ok(Header::Needs(SIGNATURE.len() - bytes.len())) };
        match first {
            _ if first == SIGNATURE => binary(bytes),
            _ if first.starts_with(WORD) => line(bytes),
            _ => Err(Malformed),
        }
    }
}

fn line(bytes: &[u8]) -> Result<Header, Malformed> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        return if bytes.len() < LINE_MAX { Ok(Header::Needs(1)) } else { Err(Malformed) };
    };
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(Header::Ends(None)),
        ["PROXY", kind @ ("TCP4" | "TCP6"), source, _, _, _] => {
            let source: IpAddr = source.parse().map_err(|_| Malformed)?;
            if source.is_ipv4() != (*kind == "TCP4") {
                return Err(Malformed);
            }
            Ok(Header::Ends(Some(source.to_canonical())))
        }
        _ => Err(Malformed),
    }
}

fn binary(bytes: &[u8]) -> Result<Header, Malformed> {
    let [command, family, high, low, rest @ ..] = &bytes[SIGNATURE.len()..] else {
        return Ok(Header::Needs(SIGNATURE.len() + 4 - bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > REST_MAX {
        return Err(Malformed);
    }
    if rest.len() < length {
        return Ok(Header::Needs(length - rest.len()));
    }
    match (command, family) {
        // LOCAL: the proxy asks whether we live.
        (0x20, _) => Ok(Header::Ends(None)),
        (0x21, 0x11) => {
            let source: [u8; 4] = source(rest, 12)?;
            Ok(Header::Ends(Some(Ipv4Addr::from(source).into())))
        }
        (0x21, 0x21) => {
            let source: [u8; 16] = source(rest, 36)?;
            Ok(Header::Ends(Some(IpAddr::from(Ipv6Addr::from(source)).to_canonical())))
        }
        // Of a family that is none of ours.
        (0x21, _) => Ok(Header::Ends(None)),
        _ => Err(Malformed),
    }
}

// The first of the addresses, which together take `all` bytes.
fn source<const N: usize>(rest: &[u8], all: usize) -> Result<[u8; N], Malformed> {
    let addresses = rest.get(..all).ok_or(Malformed)?;
    addresses[..N].try_into().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Reads as an edge does: only what is asked for.
    fn read(all: &[u8]) -> Result<(Option<IpAddr>, usize), Malformed> {
        let mut had = 0;
        loop {
            match Header::read(&all[..had])? {
                Header::Ends(source) => return Ok((source, had)),
                Header::Needs(more) => {
                    assert!(more > 0);
                    had += more;
                    if had > all.len() {
                        return Err(Malformed);
                    }
                }
            }
        }
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn a_header_says_whose_connection_it_is_and_no_byte_behind_it_is_taken() {
        let four = [198, 51, 100, 1, 10, 0, 0, 1, 1, 2, 3, 4];
        let six: Vec<u8> = ["2001:db9::1", "2001:db8::1"]
            .iter()
            .flat_map(|text| text.parse::<Ipv6Addr>().unwrap().octets())
            .chain([1, 2, 3, 4])
            .collect();
        let more = [&four[..], &[4, 0, 1, 7]].concat();
        for (header, source) in [
            (b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 5222\r\n".to_vec(), Some("198.51.100.1")),
            (b"PROXY TCP6 2001:db9::1 ::1 4711 5222\r\n".to_vec(), Some("2001:db9::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four), Some("198.51.100.1")),
            (binary(0x21, 0x11, &more), Some("198.51.100.1")),
            (binary(0x21, 0x21, &six), Some("2001:db9::1")),
            (binary(0x20, 0, &[]), None),
            (binary(0x21, 0, &[]), None),
        ] {
            let expected = source.map(|source| source.parse().unwrap());
            let all = [&header[..], b"<stream:stream>"].concat();
            assert_eq!(read(&all), Ok((expected, header.len())), "{}", String::from_utf8_lossy(&header));
            // Cut anywhere it is not whole.
            for length in 0..header.len() {
                assert_eq!(read(&header[..length]), Err(Malformed));
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_before_much_of_it_is_read() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat();
        for (case, bytes) in [
            ("a stream", b"<?xml version='1.0'?><stream:stream".to_vec()),
            ("TLS", [&[22, 3, 1, 2, 0, 1][..], &[0; 40]].concat()),
            ("a long line", long),
            ("an address of the other kind", b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec()),
            ("no address", b"PROXY TCP4 here there 1 2\r\n".to_vec()),
            ("another word", b"PROXY UDP4 1.1.1.1 1.1.1.1 1 2\r\n".to_vec()),
            ("another version", binary(0x11, 0x11, &[0; 12])),
            ("too few addresses", binary(0x21, 0x11, &[0; 11])),
            ("much behind it", [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff], &[0; 70_000]].concat()),
        ] {
            assert_eq!(read(&bytes), Err(Malformed), "{case}");
        }
    }
}
