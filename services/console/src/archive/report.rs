//! What became of the lines of an import. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::archive::v1::Taken;
use serde_json::{Value, json};

/// Clashes that are told one by one; of the others only how many there are.
const CLASHES_MAX: usize = 100;

/// Grows line by line.
#[derive(Default)]
pub struct Report {
    pub dry: bool,
    pub lines: u64,
    kinds: BTreeMap<&'static str, Counts>,
    clashes: Vec<Value>,
}

#[derive(Default)]
struct Counts {
    taken: u64,
    same: u64,
    clashed: u64,
}

impl Report {
    pub fn new(dry: bool) -> Report {
        Report { dry, ..Report::default() }
    }

    /// Adds what became of rows of a kind, the last of which stands in this line.
    pub fn add(&mut self, kind: &'static str, line: u64, taken: Taken) {
        let counts = self.kinds.entry(kind).or_default();
        counts.taken += taken.taken;
        counts.same += taken.same;
        counts.clashed += taken.clashes.len() as u64;
        let room = CLASHES_MAX.saturating_sub(self.clashes.len());
        let told = taken.clashes.into_iter().take(room);
        self.clashes.extend(told.map(|clash| json!({ "line": line, "what": clash.what, "text": clash.text })));
    }

    /// Rows that were left out, because what they belong to clashed.
    pub fn leave_out(&mut self, kind: &'static str) {
        self.kinds.entry(kind).or_default().clashed += 1;
    }

    pub fn shown(&self) -> Value {
        let counts = |Counts { taken, same, clashed }: &Counts| json!({ "taken": taken, "same": same, "clashed": clashed });
        let kinds: BTreeMap<_, _> = self.kinds.iter().map(|(kind, of)| (*kind, counts(of))).collect();
        json!({ "dry_run": self.dry, "lines": self.lines, "kinds": kinds, "clashes": self.clashes })
    }
}
