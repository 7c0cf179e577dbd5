//! The console's pages in headless Chromium against a real process: each main task by mouse, and again by keyboard alone. The
//! scenarios stand in the `.mjs` files; `browser.mjs` says what is looked at on every page.
#![allow(clippy::unwrap_used)]

mod sessions;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

/// Longest that a scenario may take. Five times what it takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

const APPS: &[&str] = &[
    "a refused form keeps what was typed",
    "an app is made and its secret shown when asked for",
    "keys are rotated, and those before ended",
    "settings are saved, and a wrong one is named",
    "an app is suspended, resumed, and deleted by its name",
];
const SDK: &[&str] = &["the lines for a version of the SDK are copied"];
const USERS: &[&str] = &["a user is made", "a user is found by id", "a user is erased, with the report of the walk"];
const SYSTEM: &[&str] = &["every part is well", "every setting is shown", "the support bundle is there"];
const OPERATORS: &[&str] = &[
    "a wrong password is refused, a right one leads to the page that was asked for",
    "an operator of one app is made, the password shown once",
    "she sees her app and nothing else, and ends her sign-in",
    "an operator is changed and removed",
    "every change is in the audit log",
];
const WITHOUT_SCRIPT: &[&str] = &["signing in, making an app and signing out work without a script"];

const SESSIONS: &[&str] = &[
    "the sessions of both doors are listed",
    "one session is ended after a question",
    "all sessions are ended after a question",
    "contacts and privacy lists are shown",
    "the export is whole, and in the audit log",
];

mod mouse {
    use super::*;

    #[tokio::test]
    async fn the_sessions_of_a_user_and_all_that_is_kept() {
        sessions::run("mouse").await.unwrap();
    }

    #[tokio::test]
    async fn an_app_from_its_making_to_its_end() {
        run("apps", "mouse", APPS).await.unwrap();
    }

    #[tokio::test]
    async fn the_lines_for_the_sdk() {
        run("sdk", "mouse", SDK).await.unwrap();
    }

    #[tokio::test]
    async fn a_user_from_its_making_to_its_erasure() {
        run("users", "mouse", USERS).await.unwrap();
    }

    #[tokio::test]
    async fn the_system() {
        run("system", "mouse", SYSTEM).await.unwrap();
    }

    #[tokio::test]
    async fn operators_their_sign_ins_and_what_they_did() {
        run("operators", "mouse", OPERATORS).await.unwrap();
    }

    #[tokio::test]
    async fn the_main_tasks_without_a_script() {
        run("without-script", "mouse", WITHOUT_SCRIPT).await.unwrap();
    }
}

mod keyboard {
    use super::*;

    #[tokio::test]
    async fn the_sessions_of_a_user_and_all_that_is_kept() {
        sessions::run("keyboard").await.unwrap();
    }

    #[tokio::test]
    async fn an_app_from_its_making_to_its_end() {
        run("apps", "keyboard", APPS).await.unwrap();
    }

    #[tokio::test]
    async fn the_lines_for_the_sdk() {
        run("sdk", "keyboard", SDK).await.unwrap();
    }

    #[tokio::test]
    async fn a_user_from_its_making_to_its_erasure() {
        run("users", "keyboard", USERS).await.unwrap();
    }

    #[tokio::test]
    async fn the_system() {
        run("system", "keyboard", SYSTEM).await.unwrap();
    }

    #[tokio::test]
    async fn operators_their_sign_ins_and_what_they_did() {
        run("operators", "keyboard", OPERATORS).await.unwrap();
    }
}

// Does a scenario on a process of its own. It has to say each of `steps`.
async fn run(scenario: &str, hand: &str, steps: &[&str]) -> Result<()> {
    run_on(&Natter::start(&[]).await?, scenario, hand, steps, "").await
}

// The same on a process in which something was made, and about a user.
async fn run_on(natter: &Natter, scenario: &str, hand: &str, steps: &[&str], user: &str) -> Result<()> {
    let said: Value = serde_json::from_str(&natter.shell(&["operator", "password"])?)?;
    let password = said["operator"]["password"].as_str().context("no password")?;
    let modules = std::env::var_os("NATTER_CONSOLE_MODULES").context("NATTER_CONSOLE_MODULES names the packages")?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    let url = format!("http://localhost:{}", natter.ports.console);
    let mut command = Command::new("node");
    command.arg(here.join("run.mjs")).args([&url, scenario, hand]);
    command.env("NATTER_CONSOLE_USER", user);
    command.env("NATTER_CONSOLE_MODULES", modules).env("NATTER_CONSOLE_PASSWORD", password);
    command.env("NATTER_CONSOLE_SHOTS", shots()).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let output = timeout(PATIENCE, command.output()).await.context("the scenario hangs")??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}\n{err}");
    for step in steps {
        ensure!(out.lines().any(|line| line == *step), "{step:?} is missing in:\n{out}\n{err}");
    }
    Ok(())
}

// Beside the other reports.
fn shots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reports").join("console")
}
