//! The console's pages in headless Chromium against a real process: each main task by mouse, and again by keyboard alone. The
//! scenarios stand in the `.mjs` files; `browser.mjs` says what is looked at on every page.
#![allow(clippy::unwrap_used)]

mod cast;
mod sessions;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

mod alerts;
mod webhooks;

/// Longest that a scenario may take. Five times what it takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

const APPS: &[&str] = &[
    "a refused form keeps what was typed",
    "an app is made and its secret shown when asked for",
    "keys are rotated, and those before ended",
    "settings are saved, and a wrong one is named",
    "sign-in by other services is set, its secrets are kept unseen and removed",
    "an app is suspended, resumed, and deleted by its name",
];
const SDK: &[&str] = &["the lines for a version of the SDK are copied"];
const USERS: &[&str] = &[
    "a user is made",
    "a user is found by a part of the name, and by id",
    "a user is banned and let in again",
    "a user is erased, with the report of the walk",
];
const DEVICES: &[&str] = &["a device is ended", "a badge is explained, down to the message"];
const DIALOGS: &[&str] = &[
    "a dialog is found by its member",
    "a dialog is frozen and unfrozen",
    "what was said is read for a reason, which the log has",
    "a reported message is removed, which closes its report and stands in the log",
];
const TRACE: &[&str] = &[
    "the way of a message is shown with its alerts",
    "a user leads to what is unread",
    "of what left no trace the page says why",
    "every message of an app is followed, and no longer",
];
const SYSTEM: &[&str] = &["every part is well", "every setting is shown", "the support bundle is there"];
const OPERATORS: &[&str] = &[
    "a wrong password is refused, a right one leads to the page that was asked for",
    "an operator of one app is made, the password shown once",
    "she sees her app and nothing else, and ends her sign-in",
    "an operator is changed and removed",
    "every change is in the audit log",
];
const TRY_IT: &[&str] = &[
    "where the door is not reached the page says what to do",
    "a message is sent, delivered and unread",
    "who goes to his field has read, and is seen writing",
    "it goes both ways",
    "who was offline gets what was written, and sends what he wrote",
    "the stanzas are shown without the secret, and each message leads to its trace",
    "a start in another page ends the tokens of this one",
    "what was said is there after a reload, and what became of it",
    "the trial users are removed",
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
    async fn a_user_s_devices_and_badge() {
        run("devices", "mouse", DEVICES).await.unwrap();
    }

    #[tokio::test]
    async fn a_dialog_and_a_report_of_what_was_said_in_it() {
        run("dialogs", "mouse", DIALOGS).await.unwrap();
    }

    #[tokio::test]
    async fn the_way_of_a_message() {
        run("trace", "mouse", TRACE).await.unwrap();
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
    async fn two_users_chat_with_each_other() {
        run("try-it", "mouse", TRY_IT).await.unwrap();
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
    async fn a_user_s_devices_and_badge() {
        run("devices", "keyboard", DEVICES).await.unwrap();
    }

    #[tokio::test]
    async fn a_dialog_and_a_report_of_what_was_said_in_it() {
        run("dialogs", "keyboard", DIALOGS).await.unwrap();
    }

    #[tokio::test]
    async fn the_way_of_a_message() {
        run("trace", "keyboard", TRACE).await.unwrap();
    }

    #[tokio::test]
    async fn the_system() {
        run("system", "keyboard", SYSTEM).await.unwrap();
    }

    #[tokio::test]
    async fn operators_their_sign_ins_and_what_they_did() {
        run("operators", "keyboard", OPERATORS).await.unwrap();
    }

    #[tokio::test]
    async fn two_users_chat_with_each_other() {
        run("try-it", "keyboard", TRY_IT).await.unwrap();
    }
}

#[tokio::test]
async fn the_rules_of_the_client_that_the_page_chats_with() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("console/client.test.mjs");
    let output = Command::new("node").arg("--test").arg(tests).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("# fail 0") && !said.contains("# pass 0"), "{said}");
}

// Does a scenario on a process of its own. It has to say each of `steps`.
async fn run(scenario: &str, hand: &str, steps: &[&str]) -> Result<()> {
    let natter = Natter::start(cast::settings_of(scenario)).await?;
    let cast = cast::of(scenario, &natter).await?;
    act(&natter, scenario, hand, steps, &cast).await
}

// The same on a process that is there. `cast`: what the scenario knows of it.
async fn act(natter: &Natter, scenario: &str, hand: &str, steps: &[&str], cast: &Value) -> Result<()> {
    let said: Value = serde_json::from_str(&natter.shell(&["operator", "password"])?)?;
    let password = said["operator"]["password"].as_str().context("no password")?;
    let modules = std::env::var_os("NATTER_CONSOLE_MODULES").context("NATTER_CONSOLE_MODULES names the packages")?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    let url = format!("http://localhost:{}", natter.ports.console);
    let mut command = Command::new("node");
    command.arg(here.join("run.mjs")).args([&url, scenario, hand]);
    command.env("NATTER_CONSOLE_MODULES", modules).env("NATTER_CONSOLE_PASSWORD", password);
    command.env("NATTER_CONSOLE_CAST", cast.to_string());
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
