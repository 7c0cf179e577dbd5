//! What a run found, as a page: `target/reports/faults.md`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use crate::mixture::Trial;
use crate::moving;
use crate::probe::Told;
use crate::stage::Outcome;

/// The rows so far.
pub struct Report {
    rows: Vec<String>,
    failures: Vec<String>,
    remarks: Vec<String>,
    head: String,
}

impl Report {
    pub fn new(seed: u64, nodes: usize) -> Report {
        let head = format!(
            "# Faults\n\n3 edges, two each of dialog+history, presence and account, and one each of storage, push, api and console; {nodes} Cassandra, \
             {nodes} NATS, Redis, S3; all of it and the clients on one machine. Seed {seed}.\n\n\
             Silence: the longest that a user at an edge that did not break waited for the ack of a message, in any of six dialogs. Acked lost, doubled or out of order: \
             a row says `none` only if the checker found none, in 1-1 and groups, with unread counts, members, contacts, lists and files.\n\n\
             | what | for | silence s | refused | streams of that user that ended | lost, doubled, out of order |\n|---|---|---|---|---|---|\n"
        );
        Report { rows: Vec::new(), failures: Vec::new(), remarks: Vec::new(), head }
    }

    pub fn add(&mut self, trial: &Trial, outcome: Outcome) {
        println!("{}: {outcome:?}", trial.name);
        let lasted = trial.lasts.map_or(String::new(), |time| format!("{} s", time.as_secs()));
        let found = match &outcome.checked {
            Ok(_) => "none".to_owned(),
            Err(error) => {
                self.failures.push(format!("{}: {error:#}", trial.name));
                "**see below**".to_owned()
            }
        };
        let Told { longest, answers, refused, ends } = outcome.told;
        let silence = longest.as_secs_f64();
        let name = &trial.name;
        self.rows.push(format!("| {name} | {lasted} | {silence:.1} of {answers} answers | {refused} | {ends} | {found} |"));
        self.remarks.extend(outcome.remarks.into_iter().map(|remark| format!("{name}: {remark}")));
    }

    /// What came of the app that moves, which nobody waits for.
    pub fn add_moving(&mut self, came: Result<String>) {
        println!("{}: {came:?}", moving::NAME);
        let found = match came {
            Ok(said) => {
                self.remarks.push(format!("{}: {said}", moving::NAME));
                "none"
            }
            Err(error) => {
                self.failures.push(format!("{}: {error:#}", moving::NAME));
                "**see below**"
            }
        };
        self.rows.push(format!("| {} | | | | | {found} |", moving::NAME));
    }

    pub fn left_out(&mut self, name: &str, why: &str) {
        self.rows.push(format!("| {name} | | | | | not run: {why} |"));
    }

    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The page, which is written as well.
    pub fn write(&self) -> Result<String> {
        let mut page = self.head.clone();
        self.rows.iter().for_each(|row| writeln!(page, "{row}").expect("a String takes all"));
        for remark in &self.remarks {
            writeln!(page, "\n- {remark}")?;
        }
        for failure in &self.failures {
            writeln!(page, "\n- {failure}")?;
        }
        let target = PathBuf::from(std::env::var_os("NATTER_TARGET").unwrap_or_else(|| "target".into()));
        std::fs::create_dir_all(target.join("reports"))?;
        std::fs::write(target.join("reports/faults.md"), &page)?;
        Ok(page)
    }
}
