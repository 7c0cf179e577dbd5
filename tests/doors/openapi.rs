//! The REST door does what its description says: schemathesis makes some thousand requests out of it, right ones and wrong ones, and
//! none of them may be answered 5xx, with a status that is not described, or in another shape.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::rest::{Person, Rest};

/// What would end the session of the one who asks, or take his user away.
const ENDS: [&str; 5] = ["deleteSession", "deleteLogin", "postLogin", "deleteUsers", "deleteUsersOne"];
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
const SEED: &str = "1";
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test]
async fn every_answer_has_the_shape_that_is_described() {
    check().await.unwrap();
}

async fn check() -> Result<()> {
    let natter = Natter::start(&["api.user_rate=100000", "dialog.app_rate=100000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let folder = TempDir::new()?;
    let operations = operations(&rest, &ann, &bob).await?;
    std::fs::write(folder.path().join("schemathesis.toml"), operations)?;
    let document: Value = rest.done(rest.request(reqwest::Method::GET, "/openapi.json")).await?;
    std::fs::write(folder.path().join("openapi.json"), document.to_string())?;

    let output = schemathesis(&folder, &natter, &ann).await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}\n{err}");
    let methods = |item: &Value| item.as_object().map_or(0, |item| item.keys().filter(|key| *key != "parameters").count());
    let all: usize = document["paths"].as_object().context("no paths")?.values().map(methods).sum();
    ensure!(out.contains(&format!("Tested: {}", all - ENDS.len())), "not all of {all} operations were tried:\n{out}");
    Ok(())
}

async fn schemathesis(folder: &TempDir, natter: &Natter, ann: &Person) -> Result<Output> {
    let python = std::env::var_os("NATTER_PYTHON").context("NATTER_PYTHON names a Python: run `cargo xtask test`")?;
    let program = std::path::Path::new(&python).with_file_name("schemathesis");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    command.args(["run", "openapi.json", "--no-color", "--continue-on-failure", "--generation-database", "none"]);
    command.args(["--seed", SEED, "-n", "15", "--phases", "coverage,fuzzing", "-c", CHECKS]);
    command.arg("-u").arg(format!("http://127.0.0.1:{}", natter.ports.rest_plain));
    command.arg("-H").arg(format!("CB-Token: {}", ann.token));
    for name in ENDS {
        command.args(["--exclude-operation-id", name]);
    }
    timeout(PATIENCE, command.output()).await.context("schemathesis hangs")?.context("cannot run schemathesis")
}

/// The ids that paths are filled with: things that are there, and others for what deletes them.
async fn operations(rest: &Rest, ann: &Person, bob: &Person) -> Result<String> {
    let mut text = String::new();
    let mut fill = |path: &str, methods: &[&str], id: &Value| {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        for method in methods {
            text += &format!(
                "[[operations]]\ninclude-path = \"{path}\"\ninclude-method = \"{method}\"\nparameters = {{ \"path.id\" = \"{id}\" }}\n"
            );
        }
    };
    for (methods, clears) in [(&["GET", "PUT", "POST"][..], false), (&["DELETE"][..], true)] {
        let group = json!({"type": 2, "name": "a group", "occupants_ids": [bob.account.user]});
        let dialog = rest.done(rest.post("/chat/Dialog", &ann.token, &group)).await?["_id"].clone();
        let message = json!({"chat_dialog_id": dialog, "message": "hello", "send_to_chat": 1});
        let message = rest.done(rest.post("/chat/Message", &ann.token, &message)).await?["_id"].clone();
        let file = json!({"blob": {"name": "a.txt", "content_type": "text/plain"}});
        let file = rest.done(rest.post("/blobs", &ann.token, &file)).await?["blob"].clone();
        for below in ["", "/admins", "/subscribe", "/notifications", "/occupants"] {
            fill(&format!("/chat/Dialog/{{id}}{below}"), methods, &dialog);
        }
        for below in ["", "/reactions"] {
            fill(&format!("/chat/Message/{{id}}{below}"), methods, &message);
        }
        for class in ["UserReports", "MessageReports"] {
            let report = rest.done(rest.post(&format!("/data/{class}"), &ann.token, &json!({"reason": "spam"}))).await?;
            fill(&format!("/data/{class}/{{id}}"), methods, &report["_id"]);
        }
        fill("/blobs/{id}", methods, &file["id"]);
        fill("/blobs/{id}/complete", methods, &file["id"]);
        fill("/blobs/{id}/object", methods, &file["uid"]);
        if clears {
            fill("/chat/Dialog/clearHistory/{id}", methods, &dialog);
        }
    }
    fill("/users/{id}", &["GET", "PUT"], &json!(ann.account.user));
    Ok(text)
}
