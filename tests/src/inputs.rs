//! Inputs for parsers: seeds that are kept in the tree, the stanzas of the scenarios, and what chance makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

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

/// The seeds of a fuzz target (`tests/fuzz/corpus`), always in the same order.
pub fn seeds(target: &str) -> Result<Vec<Vec<u8>>> {
    let paths = files(&here().join("fuzz/corpus").join(target))?;
    ensure!(!paths.is_empty(), "{target} has no seeds");
    paths.iter().map(|path| Ok(fs::read(path)?)).collect()
}

/// Every stanza that a scenario writes or expects in one line.
pub fn stanzas_of_plays() -> Result<Vec<String>> {
    let mut stanzas = Vec::new();
    for path in files(&here().join("plays"))?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "play")) {
        let text = fs::read_to_string(&path)?;
        stanzas.extend(text.lines().map(str::trim).filter(|line| line.starts_with('<')).map(str::to_owned));
    }
    Ok(stanzas)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Chance with a seed: the same inputs in each run.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A seed with some bytes changed, left out, doubled, or with pieces of another one in it.
    pub fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
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
