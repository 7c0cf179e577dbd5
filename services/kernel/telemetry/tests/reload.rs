//! What is logged changes while the process runs. The logs are those of a child process: standard error is what they go to.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use natter_telemetry::{Logs, Options, Process, init};
use tracing::{debug, info, trace};

const CHILD: &str = "NATTER_TEST_LOGS_CHILD";

#[test]
fn another_filter_holds_at_once_and_what_must_not_be_logged_stays_out() {
    if std::env::var_os(CHILD).is_some() {
        return log_under_several_filters();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let said = child.args(["--nocapture", "--test-threads=1"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split_once("said ").map(|(_, words)| words)).collect();
    assert_eq!(
        lines,
        [
            "info: dialog info",
            "by crate: edge debug",
            "after a typo: edge debug",
            "trace: edge debug",
            "trace: dialog info",
            "trace: dialog trace",
            "settings: dialog info",
        ],
        "{said}"
    );
}

fn log_under_several_filters() {
    let process = Process { service: "natter".into(), name: "here".into(), version: "0".into() };
    let guard = init(&Options { log: "info".into(), ..Options::default() }, &process).unwrap();
    let logs: Logs = guard.logs();
    say("info");
    logs.set(Some("warn,natter_edge=debug"));
    say("by crate");
    logs.set(Some("debgu"));
    assert_eq!(logs.in_force(), "warn,natter_edge=debug");
    say("after a typo");
    logs.set(Some("trace"));
    say("trace");
    logs.set(None);
    assert_eq!(logs.in_force(), "info");
    say("settings");
}

fn say(when: &str) {
    debug!(target: "natter_edge", "said {when}: edge debug");
    info!(target: "natter_dialog", "said {when}: dialog info");
    trace!(target: "natter_dialog", "said {when}: dialog trace");
    // It would write what passes through it.
    trace!(target: "h2", "said {when}: h2 trace");
}
