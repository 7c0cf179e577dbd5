//! The SDK matrix as a table: every check with every build of the SDK. The tests leave one file for each cell
//! (`tests/sdk/matrix.rs`); this makes `target/reports/sdk.md` and `sdk.json` of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::target;

/// Forgets the cells of the run before.
pub fn begin() -> Result<()> {
    let folder = cells_folder()?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes the tables of what has run, passed or not, as `NAME.md` and `NAME.json`.
pub fn end(name: &str) -> Result<()> {
    let mut cells = Vec::new();
    for entry in std::fs::read_dir(cells_folder()?)? {
        let path = entry?.path();
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        cells.push(serde_json::from_slice::<Value>(&text).with_context(|| format!("{} is not JSON", path.display()))?);
    }
    cells.sort_by_key(|cell| (word(cell, "check"), word(cell, "build")));
    let reports = target()?.join("reports");
    std::fs::write(reports.join(format!("{name}.md")), table(&cells))?;
    std::fs::write(reports.join(format!("{name}.json")), serde_json::to_string_pretty(&json!({ "cells": cells }))?)?;
    println!("xtask: {} cells of the SDK matrix in {}", cells.len(), reports.join(format!("{name}.md")).display());
    Ok(())
}

fn cells_folder() -> Result<PathBuf> {
    Ok(target()?.join("reports/sdk"))
}

// One row for each check, one column for each build; what is impossible is a number that says why below.
fn table(cells: &[Value]) -> String {
    let builds: BTreeSet<String> = cells.iter().map(|cell| word(cell, "build")).collect();
    let mut rows: BTreeMap<String, BTreeMap<String, &Value>> = BTreeMap::new();
    for cell in cells {
        rows.entry(word(cell, "check")).or_default().insert(word(cell, "build"), cell);
    }
    let mut text = String::from("# The SDK, by build and check\n\n| check |");
    for build in &builds {
        text += &format!(" {build} |");
    }
    text += &format!("\n|---|{}\n", "---|".repeat(builds.len()));
    let mut reasons: Vec<String> = Vec::new();
    for (check, row) in rows {
        text += &format!("| {} |", check.replace('_', " "));
        for build in &builds {
            text += &format!(" {} |", row.get(build).map_or_else(|| "not run".to_owned(), |cell| mark(cell, &mut reasons)));
        }
        text += "\n";
    }
    for (number, reason) in reasons.iter().enumerate() {
        text += &format!("\n[{}] impossible: {reason}\n", number + 1);
    }
    text
}

fn mark(cell: &Value, reasons: &mut Vec<String>) -> String {
    if word(cell, "outcome") != "impossible" {
        return word(cell, "outcome");
    }
    let reason = format!("{} ({})", word(cell, "why"), word(cell, "cite"));
    let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    });
    format!("[{}]", at + 1)
}

fn word(cell: &Value, key: &str) -> String {
    cell[key].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_table_has_a_mark_for_each_cell_and_each_reason_once() {
        let cells = [
            json!({"build": "1 node", "check": "a_b", "outcome": "impossible", "why": "no such call", "cite": "contract xmpp 10"}),
            json!({"build": "6 node", "check": "a_b", "outcome": "passed"}),
            json!({"build": "1 node", "check": "c", "outcome": "impossible", "why": "no such call", "cite": "contract xmpp 10"}),
        ];
        let expected = "# The SDK, by build and check\n\n| check | 1 node | 6 node |\n|---|---|---|\n| a b | [1] | passed |\n\
            | c | [1] | not run |\n\n[1] impossible: no such call (contract xmpp 10)\n";
        assert_eq!(super::table(&cells), expected);
    }
}
