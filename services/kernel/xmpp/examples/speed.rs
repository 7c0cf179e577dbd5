//! How many stanzas are read and written in a second of one core, and what an idle reader holds. Run it optimised:
//! `cargo run --release -p natter-xmpp --example speed`. A measurement, not a test: it asserts nothing.

#![allow(clippy::print_stdout)]

use natter_xmpp::{Limits, StreamEvent, StreamReader, ns};

const STANZAS: u32 = 300_000;
const READERS: usize = 20_000;

/// What an SDK of the 5.x line sends: 520 bytes.
const MESSAGE: &str = "<message to=\"78-905@chat.example.net\" type=\"chat\" id=\"66f1000000000000000000a1\" \
    from=\"34-905@chat.example.net/r-ann-5f0e3c2a91d4\" xmlns=\"jabber:client\"><body>How are you today? I have been \
    looking for the place we met at &amp; I think it has closed.</body><markable xmlns=\"urn:xmpp:chat-markers:0\"/>\
    <extraParams xmlns=\"jabber:client\"><save_to_history>1</save_to_history><dialog_id>66f0a1b2c3d4e5f607182930\
    </dialog_id><attachment uid=\"be9f\" type=\"photo\" size=\"1234\" name=\"x.jpg\"/></extraParams></message>";

fn main() {
    println!("message: {} bytes", MESSAGE.len());
    let mut reader = opened();
    let read = per_second(|| assert!(tcp(&mut reader, MESSAGE).is_some()));
    println!("tcp, read:         {read:>9.0} stanzas/s");
    let mut reader = opened();
    let mut out = String::new();
    let both = per_second(|| {
        let Some(StreamEvent::Stanza(message)) = tcp(&mut reader, MESSAGE) else { panic!("a stanza") };
        out.clear();
        message.write_xml(&mut out, ns::CLIENT);
    });
    println!("tcp, read + write: {both:>9.0} stanzas/s");
    let mut reader = StreamReader::websocket(Limits::after_sign_in(262_144));
    let read = per_second(|| assert!(reader.frame(MESSAGE).is_ok()));
    println!("websocket, read:   {read:>9.0} stanzas/s");

    let before = resident_bytes();
    let readers: Vec<StreamReader> = (0..READERS)
        .map(|_| {
            let mut reader = opened();
            tcp(&mut reader, MESSAGE);
            reader
        })
        .collect();
    let each = resident_bytes().saturating_sub(before) / READERS;
    println!("idle tcp reader:   {each:>9} bytes resident, {} of them its own", size_of::<StreamReader>());
    drop(readers);
}

fn opened() -> StreamReader {
    let mut reader = StreamReader::tcp(Limits::after_sign_in(262_144));
    tcp(&mut reader, &natter_xmpp::stream_header("chat.example.net", "1"));
    reader
}

fn tcp(reader: &mut StreamReader, bytes: &str) -> Option<StreamEvent> {
    reader.push(bytes.as_bytes());
    reader.next().expect("the bytes are well-formed")
}

fn per_second(mut step: impl FnMut()) -> f64 {
    let start = cpu_seconds();
    (0..STANZAS).for_each(|_| step());
    f64::from(STANZAS) / (cpu_seconds() - start)
}

/// Time of this process on a core, in steps of 10 ms: what others do on the machine hardly shows. Linux only.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Linux only; elsewhere nothing is told apart from nothing.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}
