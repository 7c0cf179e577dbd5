//! What a run found, as a page: `target/reports/k8s.md`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::crowd::{CLIENTS, Found, SDKS};

/// The lines so far.
#[derive(Default)]
pub struct Report {
    /// What was tried before there was a crowd, and what came of it.
    pub installed: Vec<(&'static str, Result<String>)>,
    /// What came of a step itself.
    pub steps: Vec<(&'static str, Result<String>)>,
    pub found: Vec<Found>,
    /// What there is to say besides.
    pub remarks: Vec<String>,
    pub failures: Vec<String>,
}

/// Who is told where to go is to be back before so long; how many were not is told.
pub const SOON: Duration = Duration::from_millis(100);
/// A machine that has too much to do is no failure of the release, up to ten times as long (99 of 100).
pub const LATE: Duration = Duration::from_secs(1);

impl Report {
    pub fn has_failed(&self) -> bool {
        let all = self.installed.iter().chain(&self.steps);
        !self.failures.is_empty()
            || all.into_iter().any(|(_, came)| came.is_err())
            || self.found.iter().any(|found| !found.is_whole())
    }

    /// The page, which is written as well.
    pub fn write(&self, target: &Path, cluster: &str) -> Result<String> {
        let mut page = format!("# Kubernetes\n\n{cluster}\n\n| what | came of it |\n|---|---|\n");
        for (name, came) in self.installed.iter().chain(&self.steps) {
            match came {
                Ok(said) => writeln!(page, "| {name} | {said} |")?,
                Err(error) => writeln!(page, "| {name} | **{}** |", format!("{error:#}").replace('\n', "<br>"))?,
            }
        }
        writeln!(
            page,
            "\n{CLIENTS} clients, {SDKS} of them SDK 6.1.2 on Node, the rest lean ones that come back at once, in pairs, groups of ten and one \
             public dialog of all. Back: from the end of a stream, or from where the client was told to go, until the next one is signed in, p50 / p99 / most, in ms; those that were told \
             where to go (`see-other-host`), and others, who wait their own pause. Heard: by each app's listener that has to hear it.\n\n\
             | during | moved never, once, more | told: lean | told: SDK | cut: lean | cut: SDK | sent | ack ms p50 / p99 / most | \
             refused, unanswered | heard | lost | doubled | again, marked | said to be away |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for found in &self.found {
            let [told, cut] = &found.back;
            writeln!(
                page,
                "| {} | {}, {}, {} | {} | {} | {} | {} | {} | {} | {}, {} | {} | {} | {} | {} | {} |",
                found.name,
                found.moved[0],
                found.moved[1],
                found.moved[2],
                spread(&told[0]),
                spread(&told[1]),
                spread(&cut[0]),
                spread(&cut[1]),
                found.sent,
                spread(&found.acks),
                found.refused,
                found.unanswered,
                found.heard,
                found.lost.len(),
                found.doubled.len(),
                found.again,
                found.away,
            )?;
        }
        let examples = |name: &str, what: &[String]| match what {
            [] => String::new(),
            some => format!("\n- {name}: {}\n", some[..some.len().min(5)].join("; ")),
        };
        for found in &self.found {
            page += &examples(&format!("{}, lost", found.name), &found.lost);
            page += &examples(&format!("{}, doubled", found.name), &found.doubled);
        }
        for line in self.remarks.iter().chain(&self.failures) {
            writeln!(page, "\n- {line}")?;
        }
        std::fs::create_dir_all(target.join("reports"))?;
        std::fs::write(target.join("reports/k8s.md"), &page)?;
        Ok(page)
    }
}

/// p50 / p99 / most, of how many.
fn spread(all: &[Duration]) -> String {
    let mut all = all.to_vec();
    all.sort_unstable();
    let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    match all.len() {
        0 => "-".to_owned(),
        count => format!("{:.0} / {:.0} / {:.0} of {count}", at(0.5), at(0.99), at(1.0)),
    }
}
