//! The table and its JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What was measured so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<Value>,
}

impl Report {
    /// One figure. `target` is what the plan asks for, in words.
    pub fn add(&mut self, what: &str, figure: f64, unit: &str, target: &str) {
        println!("{what:<58} {figure:>12.2} {unit:<10} {target}");
        self.rows.push(json!({"what": what, "figure": figure, "unit": unit, "target": target}));
    }

    /// Writes the JSON.
    pub fn finish(self) -> Result<()> {
        let Some(folder) = std::env::var_os("NATTER_BENCH_OUT") else { return Ok(()) };
        let folder = Path::new(&folder);
        std::fs::create_dir_all(folder)?;
        let path = folder.join("bench.json");
        let text = serde_json::to_string_pretty(&json!({"rows": self.rows}))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
