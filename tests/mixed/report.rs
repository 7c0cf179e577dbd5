//! What a run found, as a page: `target/reports/mixed.md`.

use std::path::Path;

use anyhow::Result;
use natter_tests::build::Build;

use crate::scene::Edge;

/// The rows so far.
pub struct Report {
    rows: Vec<String>,
    failures: Vec<String>,
    traffic: String,
    head: String,
}

impl Report {
    pub fn new(before: &str, seed: u64) -> Report {
        let head = format!(
            "# Two releases at once\n\nThe edge of {before} beside today's: one edge of each; today's two dialog+history, two presence, and one \
             each of account, storage, push, api and console; one Cassandra, one NATS, Redis, S3; all of it and the clients on one machine. \
             Seed {seed}. Who acts is at one edge, who is told at the other.\n\n| SDK | from | to | what | |\n|---|---|---|---|---|\n"
        );
        Report { rows: Vec::new(), failures: Vec::new(), traffic: String::new(), head }
    }

    pub fn add(&mut self, build: Build, here: Edge, there: Edge, what: &str, outcome: Result<()>) {
        let cell = match outcome {
            Ok(()) => "works",
            Err(error) => {
                let name = build.name();
                self.failures.push(format!("{name}, {} to {}, {what}: {error:#}", here.name(), there.name()));
                "**see below**"
            }
        };
        let row = format!("| {} | {} | {} | {what} | {cell} |", build.name(), here.name(), there.name());
        println!("{row}");
        self.rows.push(row);
    }

    pub fn add_traffic(&mut self, outcome: Result<Vec<String>>) {
        self.traffic = match outcome {
            Ok(lines) => format!("nothing lost, doubled or out of order. {}.", lines.join("; ")),
            Err(error) => {
                self.failures.push(format!("traffic: {error:#}"));
                "**see below**".to_owned()
            }
        };
    }

    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    pub fn write(&self, target: &Path) -> Result<()> {
        let failures: String = self.failures.iter().map(|failure| format!("\n- {failure}\n")).collect();
        let page = format!(
            "{}{}\n\nUnder traffic through both edges, SDK 6.1.2 and 3.35.3 and lean clients, 1-1 and in groups whose members come and go, \
             the earlier edge was ended politely and today's took its place and ports, and later the other way round: {}\n{failures}",
            self.head,
            self.rows.join("\n"),
            self.traffic
        );
        std::fs::create_dir_all(target.join("reports"))?;
        std::fs::write(target.join("reports/mixed.md"), &page)?;
        println!("{page}");
        Ok(())
    }
}
