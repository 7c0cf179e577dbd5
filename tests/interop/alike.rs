//! What this server writes is read alike by others: by expat, and by Chromium. Each stanza that the strict parser took, however odd, is
//! written for a TCP stream and for a WebSocket frame, and both readers must find the tree that the parser found (attack A27).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::inputs::{self, Dice};
use natter_xmpp::{Element, Limits, Node, StreamEvent, StreamReader, ns};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

const SEED: u64 = 0x616c_696b_65;
const INPUTS: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(180);
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

#[tokio::test]
async fn expat_reads_what_is_written_as_it_was_meant() {
    let python = std::env::var_os("NATTER_PYTHON").expect("NATTER_PYTHON names a Python: run `cargo xtask test`");
    let mut command = Command::new(python);
    command.arg(script("expat.py"));
    check(command).await.unwrap();
}

mod browser_6_1_2 {
    use super::*;

    #[tokio::test]
    async fn chromium_reads_what_is_written_as_it_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        command.arg(script("domparser.mjs")).env("NATTER_BROWSER_PROFILE", folder.path()).process_group(0);
        check(command).await.unwrap();
    }
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name)
}

/// The reader is given a file of lines `{"xml": ..., "tree": ...}` and says how many it found alike.
async fn check(mut reader: Command) -> Result<()> {
    let documents = documents()?;
    ensure!(documents.len() > 1_000, "only {} stanzas were taken", documents.len() / 2);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("documents");
    std::fs::write(&path, documents.iter().map(|document| format!("{document}\n")).collect::<String>())?;
    reader.arg(&path).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, reader.output()).await.context("the reader hangs")??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "seed {SEED}: {out}\n{err}");
    ensure!(out.trim() == documents.len().to_string(), "of {} documents: {out}\n{err}", documents.len());
    Ok(())
}

fn documents() -> Result<Vec<Value>> {
    let mut seeds: Vec<Vec<u8>> = inputs::seeds("stream")?.into_iter().map(|seed| seed[1..].to_vec()).collect();
    seeds.extend(inputs::stanzas_of_plays()?.into_iter().map(String::into_bytes));
    let mut dice = Dice(SEED);
    let made: Vec<Vec<u8>> = (0..INPUTS).map(|_| dice.input(&seeds)).collect();
    let mut documents = Vec::new();
    for element in seeds.iter().chain(&made).filter_map(|input| taken(input)) {
        let in_stream = format!("{HEADER}{}</stream:stream>", element.to_xml(ns::CLIENT));
        documents.push(json!({"xml": in_stream, "tree": tree(&element), "inside": true}));
        documents.push(json!({"xml": element.to_xml(""), "tree": tree(&element), "inside": false}));
    }
    Ok(documents)
}

/// The first stanza of an input, if the strict parser takes it.
fn taken(input: &[u8]) -> Option<Element> {
    let mut reader = StreamReader::tcp(Limits::after_sign_in(64 << 10));
    reader.push(HEADER.as_bytes());
    reader.push(input);
    while let Ok(Some(event)) = reader.next() {
        if let StreamEvent::Stanza(element) = event {
            return Some(element);
        }
    }
    None
}

fn tree(element: &Element) -> Value {
    let (ns, name) = match element.name.strip_prefix("stream:") {
        Some(name) => (ns::STREAM, name),
        None => (element.ns.as_str(), element.name.as_str()),
    };
    let mut attributes: Vec<_> = element.attrs.iter().map(|(name, value)| json!([name, value])).collect();
    attributes.sort_by_key(Value::to_string);
    let children = element.children.iter().map(|child| match child {
        Node::Element(element) => tree(element),
        Node::Text(text) => json!(text),
    });
    json!([ns, name, attributes, children.collect::<Vec<_>>()])
}
