//! The sample app (`sample/`) as people use it, in Chromium.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use tokio::process::Command;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(180);
const STEPS: [&str; 9] = [
    "a wrong sign-in is refused in words",
    "three sign up and are online",
    "a message is delivered and unread",
    "a message is read",
    "typing is seen",
    "a picture is seen",
    "a group talks",
    "history is there after a reload",
    "signing out",
];

mod browser_6_1_2 {
    #[tokio::test]
    async fn three_people_chat_in_the_sample() {
        super::chat().await.unwrap();
    }
}

async fn chat() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.json");
    std::fs::write(&config, natter.sdk_config(1, true)?.to_string())?;
    let modules = std::env::var_os("NATTER_SDK_MODULES").context("NATTER_SDK_MODULES names the SDK packages")?;
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/sample.mjs")).arg(&config);
    command.env("NATTER_SDK_MODULES", modules).env("NATTER_BROWSER_PROFILE", folder.path().join("profile"));
    command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let output = timeout(PATIENCE, command.output()).await.context("the sample hangs")??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}\n{err}");
    for step in STEPS {
        ensure!(out.contains(step), "{step:?} is missing in:\n{out}\n{err}");
    }
    Ok(())
}
