//! `natter doctor`: what an operator would look at, one line each, with what to do. It asks this machine only, starts nothing
//! and changes nothing, whether a server runs or not.
//!
//! `look.rs` finds the facts, `rules.rs` decides what they mean.

mod facts;
mod look;
mod rules;
mod servers;

use std::fmt;

use serde_json::{Value, json};

use crate::config::Config;
use facts::{AdminApi, Port};
pub use look::now;

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Ok,
    /// It works, and may not for long.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    /// `ok`, `warn` or `fail`.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What was looked at, one word or two.
    pub check: &'static str,
    pub verdict: Verdict,
    /// One sentence: what was found and, unless it is well, what to do.
    pub text: String,
}

/// Every check, in the order in which a start meets them.
#[derive(Debug, Default)]
pub struct Report(Vec<Line>);

impl Report {
    /// Adds a line about each kind of the servers of a cluster, if the settings name any.
    pub async fn with_servers(mut self, config: &Config) -> Report {
        if config.cluster.is_named() {
            self.0.extend(servers::look(config).await.iter().map(rules::servers));
        }
        self
    }

    /// The checks that failed.
    pub fn failed(&self) -> usize {
        self.0.iter().filter(|line| line.verdict == Verdict::Fail).count()
    }

    /// Every check.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// For programs: `{"failed": n, "checks": [{"check", "verdict", "text"}]}`.
    pub fn to_json(&self) -> Value {
        let shown = |line: &Line| json!({"check": line.check, "verdict": line.verdict.word(), "text": line.text});
        json!({ "failed": self.failed(), "checks": self.0.iter().map(shown).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { check, verdict, text } in &self.0 {
            writeln!(f, "{:<4}  {check:<13} {text}", verdict.word())?;
        }
        Ok(())
    }
}

/// Looks at everything. Settings that cannot be read are the only line: nothing else is known then.
pub async fn examine(settings: Result<&Config, String>) -> Report {
    let config = match settings {
        Ok(config) => config,
        Err(error) => return Report(vec![rules::settings(Some(&error))]),
    };
    let mut lines = vec![rules::settings(None), rules::directory(&look::directory(&config.data))];
    let in_cluster = config.cluster.is_named();
    lines.push(rules::secrets(&look::secrets(config), in_cluster));
    // A process of a cluster keeps nothing there.
    let free = look::free_bytes(&config.data).filter(|_| !in_cluster);
    lines.extend(free.map(|free| rules::space(free, config.store.reserve_bytes)));
    let now = look::now();
    lines.extend(rules::certificates(&look::certificates(config), now));
    lines.extend(look::open_files().map(rules::open_files));
    let server = look::server(config).await;
    lines.push(rules::server(server));
    // Which of the roles run in this process nobody knows but itself.
    let is_looked_at = |state: &Port| !in_cluster || *state == Port::Served;
    for (place, state) in look::ports(config, server).into_iter().filter(|(_, state)| is_looked_at(state)) {
        lines.push(rules::port(&place, &state));
    }
    let admin = look::admin(config, server).await;
    lines.push(rules::admin(&admin));
    if let AdminApi::Opened { names, push } = &admin {
        lines.extend(rules::app_names(names, now));
        lines.extend(rules::push_credentials(push, now));
    }
    Report(lines)
}
