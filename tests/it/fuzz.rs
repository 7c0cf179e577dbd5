//! A fixed share of fuzzing: each target on its seeds and on some thousand inputs made out of them. `cargo xtask fuzz` goes on from the
//! same seeds for as long as it is let, led by coverage.

use std::fs;
use std::path::{Path, PathBuf};

/// Inputs for each target besides its seeds.
const INPUTS: usize = 20_000;
const PIECES: [&str; 24] = [
    "<",
    ">",
    "/>",
    "</",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&#x0;",
    "xmlns:a='b'",
    "xmlns=''",
    "\"",
    "'",
    "\u{1f44d}",
    "\0",
    "\r\n",
    "@",
    "/",
    "[gt]=",
    "[]",
    "%00",
    "--XX",
    "--XX--\r\n",
    "{\"a\":[",
    ",",
];

#[test]
fn no_stream_does_harm() {
    check("stream", natter_xmpp::fuzz::stream);
}

#[test]
fn no_jid_does_harm() {
    check("jid", natter_xmpp::fuzz::jid);
}

#[test]
fn no_request_does_harm() {
    check("decoder", natter_api::fuzz::decoder);
}

#[test]
fn no_filter_does_harm() {
    check("filter", natter_api::fuzz::filter);
}

#[test]
fn no_upload_does_harm() {
    check("upload", natter_api::fuzz::upload);
}

/// What is sent in the scenarios are seeds as well.
#[test]
fn the_stanzas_of_the_scenarios_are_read_alike_in_pieces() {
    let mut count = 0;
    for play in fs::read_dir(here().join("plays")).unwrap() {
        let path = play.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "play") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with('<')) {
            for choice in [0, 6, 1] {
                natter_xmpp::fuzz::stream(&[&[choice], line.as_bytes()].concat());
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count} stanzas");
}

fn check(target: &str, run: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| run(seed));
    let mut dice = Dice(0x6e61_7474_6572);
    for n in 0..INPUTS {
        let input = dice.input(&seeds);
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            panic!("input {n} of {target}: {:?}", String::from_utf8_lossy(&input));
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = here().join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Chance with a seed: the same inputs in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A seed with some bytes changed, left out, doubled, or with pieces of another one in it.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            let upto = (at + self.below(12)).min(input.len());
            match self.below(6) {
                0 if at < input.len() => input[at] = self.below(256) as u8,
                1 => drop(input.drain(at..upto)),
                2 => {
                    let piece = input[at..upto].to_vec();
                    input.splice(at..at, piece);
                }
                3 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    let piece = other[from..(from + self.below(40)).min(other.len())].to_vec();
                    input.splice(at..at, piece);
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    input.splice(at..at, piece.bytes());
                }
            }
        }
        input
    }
}
