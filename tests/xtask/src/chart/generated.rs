//! What is made from `values.yaml`: the schema, and the table at the end of the chart's README. A test says when they are not current.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::values::{Content, Entry, read};
use super::{CHART, schema};

/// In the README, what follows is made.
const MARK: &str = "<!-- Made from values.yaml by `cargo xtask chart --write`. -->\n";

/// Writes both files. `root`: of the tree.
pub fn write(root: &Path) -> Result<()> {
    for (path, text) in made(root)? {
        fs::write(root.join(CHART).join(path), text)?;
    }
    Ok(())
}

// Name and content of each file.
fn made(root: &Path) -> Result<[(&'static str, String); 2]> {
    let chart = root.join(CHART);
    let entries = read(&fs::read_to_string(chart.join("values.yaml"))?)?;
    let schema = schema::schema(&entries, &fs::read_to_string(root.join("deploy/natter.toml"))?)?;
    let readme = fs::read_to_string(chart.join("README.md")).context("the chart has no README.md")?;
    let (head, _) = readme.split_once(MARK).context("the chart's README.md has lost the mark of its table")?;
    let mut table = String::from("\n| value | default | |\n|---|---|---|\n");
    rows(&entries, "", &mut table);
    Ok([("values.schema.json", format!("{schema:#}\n")), ("README.md", format!("{head}{MARK}{table}"))])
}

fn rows(entries: &[Entry], at: &str, table: &mut String) {
    for entry in entries {
        let path = if at.is_empty() { entry.key.clone() } else { format!("{at}.{}", entry.key) };
        let is_whole = ["any", "like", "settings"].iter().any(|mark| entry.mark(mark).is_some());
        match &entry.content {
            Content::Group(inner) if !is_whole => {
                let _ = writeln!(table, "| **`{path}`** | | {} |", cell(&entry.text));
                rows(inner, &path, table);
            }
            _ => {
                let _ = writeln!(table, "| `{path}` | {} | {} |", shown(&entry.default()), cell(&described(entry)));
            }
        }
    }
}

fn described(entry: &Entry) -> String {
    let mut text = entry.text.clone();
    if let Some(all) = entry.mark("enum") {
        let _ = write!(text, " One of {}.", all.replace(',', ", "));
    }
    match (entry.mark("min"), entry.mark("max")) {
        (Some(min), Some(max)) => drop(write!(text, " {min} to {max}.")),
        (Some(min), None) => drop(write!(text, " At least {min}.")),
        _ => {}
    }
    if let Some(other) = entry.mark("like") {
        let _ = write!(text, " Takes what `{other}` has.");
    }
    text
}

fn shown(value: &Value) -> String {
    format!("`{value}`").replace('|', "\\|")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn schema_and_table_of_the_chart_are_those_of_its_values() {
        let root = Path::new("../..");
        for (path, text) in made(root).unwrap() {
            let there = fs::read_to_string(root.join(CHART).join(path)).unwrap();
            assert!(there == text, "helm/natter/{path} is not current: cargo xtask chart --write");
        }
    }

    #[test]
    fn every_value_says_what_it_is() {
        fn look(entries: &[Entry], at: &str) {
            for entry in entries {
                assert!(entry.text.len() > 3, "{at}{} says nothing", entry.key);
                let is_whole = ["any", "like"].iter().any(|mark| entry.mark(mark).is_some());
                if let (Content::Group(inner), false) = (&entry.content, is_whole) {
                    look(inner, &format!("{at}{}.", entry.key));
                }
            }
        }
        look(&read(&fs::read_to_string(Path::new("../..").join(CHART).join("values.yaml")).unwrap()).unwrap(), "");
    }
}
