//! Collects what is wrong in a table of cases, so that one run shows all of it.

use anyhow::{Result, ensure};

/// The cases of one test.
#[derive(Default)]
pub struct Verdict {
    cases: usize,
    wrong: Vec<String>,
}

impl Verdict {
    /// One case; `outcome` says what is wrong with it, if anything is.
    pub fn of(&mut self, case: &str, outcome: Result<()>) {
        self.cases += 1;
        if let Err(error) = outcome {
            self.wrong.push(format!("{case}: {error:#}"));
        }
    }

    /// Fails if any case did, naming each.
    pub fn pronounce(self) -> Result<()> {
        ensure!(self.cases > 0, "no case was tried");
        ensure!(self.wrong.is_empty(), "{} of {} cases:\n{}", self.wrong.len(), self.cases, self.wrong.join("\n"));
        Ok(())
    }
}
