//! `natter try`, which a Helm test runs: a message from one user to another through both doors, and what is said when it does not go.

use anyhow::{Result, ensure};
use natter_tests::process::Natter;
use serde_json::Value;

use crate::process::says_in_one_line;

#[tokio::test]
async fn two_users_write_to_each_other_and_nothing_is_left_of_it() {
    write_to_each_other().await.unwrap();
}

async fn write_to_each_other() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let said = natter.shell(&["try"])?;
    ensure!(said.contains("came after") && said.contains("is in the history"), "{said}");
    let apps: Value = serde_json::from_str(&natter.shell(&["app", "list"])?)?;
    let open: Vec<&Value> = apps["apps"].as_array().into_iter().flatten().filter(|app| app["title"] == "natter try").collect();
    ensure!(open.is_empty(), "an app is left: {open:?}");

    let said = natter.shell(&["try", "--app", "1"])?;
    ensure!(said.starts_with("app 1: "), "{said}");
    says_in_one_line(&natter.output(&["try", "--app", "77"])?, &["cannot make the two users", "App not found"])?;
    says_in_one_line(
        &natter.output(&["try", "--app", "1", "--chat", "127.0.0.1:1"])?,
        &["cannot sign in at 127.0.0.1:1", "refused"],
    )?;
    says_in_one_line(
        &natter.output(&["try", "--app", "1", "--console", "127.0.0.1:1"])?,
        &["cannot reach the admin API at http://127.0.0.1:1"],
    )?;
    Ok(())
}
