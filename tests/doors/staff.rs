//! Operators beside `admin`: what they may do where, their sign-ins, the audit log, over kills; a ban; the document
//! about the admin API, as a validator reads it.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::rest::{EXPIRED, Rest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_of_one_app_sees_that_app_and_its_removal_ends_its_sign_in() {
    limited().await.unwrap();
}

async fn limited() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    natter.shell(&["app", "create", "--id", "7", "--auth-secret", "s3cret"])?;
    let said: Value = serde_json::from_str(&natter.shell(&["operator", "add", "ann", "--role", "viewer", "--app", "7"])?)?;
    let password = said["operator"]["password"].as_str().context("no password")?.to_owned();
    ensure!(natter.shell(&["operator", "add", "bob", "--role", "viewer"]).is_err(), "made without a word about where");
    let ann = SignedIn::new(&natter, "ann", &password).await?;
    ensure!(
        ann.status(&natter, Method::GET, "/apps/1").await? == 404 && ann.status(&natter, Method::GET, "/apps/999").await? == 404
    );
    let app = ann.ask(&natter, Method::GET, "/apps/7").await?.text().await?;
    ensure!(app.contains("\"id\":7") && !app.contains("s3cret"), "{app}");
    ensure!(ann.status(&natter, Method::PUT, "/apps/7").await? == 403);

    natter.shell(&["operator", "set", "ann", "--role", "operator"])?;
    natter.kill().await?;
    natter.restart().await?;
    ensure!(
        ann.status(&natter, Method::PUT, "/apps/7").await? == 200,
        "what is granted holds in the sign-in, which outlives a kill"
    );
    ensure!(ann.status(&natter, Method::POST, "/apps/7/suspend").await? == 403, "that is the house's");
    let strange = ann.request(&natter, Method::PUT, "/apps/7")?.header("x-natter-csrf", "guess").send().await?;
    ensure!(strange.status() == 403, "{}", strange.status());

    natter.shell(&["operator", "remove", "ann"])?;
    ensure!(ann.status(&natter, Method::GET, "/me").await? == 401);
    ensure!(natter.shell(&["operator", "remove", "admin"]).is_err(), "the last owner is gone");
    let log: Value = serde_json::from_str(&natter.shell(&["operator", "log"])?)?;
    let entries = log["entries"].as_array().context("no entries")?;
    let shown: Vec<_> =
        entries.iter().map(|entry| format!("{} {} {}", entry["operator"], entry["action"], entry["status"])).collect();
    let expected = [
        r#""token" "operator.remove" 409"#,
        r#""token" "operator.remove" 200"#,
        r#""ann" "app.apply" 200"#,
        r#""token" "operator.change" 200"#,
        r#""ann" "session.begin" 201"#,
        r#""token" "operator.create" 201"#,
        r#""token" "app.create" 201"#,
    ];
    ensure!(shown == expected, "{shown:#?}");
    ensure!(!log.to_string().contains(&password) && !log.to_string().contains("s3cret"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_user_is_put_out_and_let_in_again() {
    ban().await.unwrap();
}

async fn ban() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    rest.done(rest.get("/session", &ann.token)).await?;
    let path =
        |what: &str| format!("http://localhost:{}/admin/v1/apps/1/users/{}/{what}", natter.ports.console, ann.account.user);
    let token = std::fs::read_to_string(natter.data().join("admin.token"))?;
    for (what, banned) in [("ban", true), ("unban", false)] {
        let answer: Value = http()?.post(path(what)).bearer_auth(token.trim()).send().await?.error_for_status()?.json().await?;
        ensure!(answer["user"]["is_banned"] == banned, "{answer}");
        rest.refused(rest.get("/session", &ann.token), 401, EXPIRED).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_about_the_admin_api_is_open_api_3_1() {
    describe().await.unwrap();
}

/// The metaschema is that which schemathesis checks documents with.
const VALIDATE: &str = "import json, sys
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR as validator
errors = [f'{error.instance_path}: {error.message}' for error in validator.iter_errors(json.load(sys.stdin))]
sys.exit('\\n'.join(errors) or None)";

async fn describe() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let url = format!("http://localhost:{}/admin/v1/openapi.json", natter.ports.console);
    ensure!(http()?.get(&url).send().await?.status() == 401, "it was shown to who has not signed in");
    let token = std::fs::read_to_string(natter.data().join("admin.token"))?;
    let document: Value = http()?.get(&url).bearer_auth(token.trim()).send().await?.error_for_status()?.json().await?;
    ensure!(document["openapi"] == "3.1.0", "{}", document["openapi"]);
    validated(&document).await?.map_err(anyhow::Error::msg)?;
    let mut broken = document;
    broken["paths"]["/admin/v1/me"]["get"]["responses"] = json!([]);
    ensure!(validated(&broken).await?.is_err(), "the validator takes anything");
    Ok(())
}

/// What the validator finds.
async fn validated(document: &Value) -> Result<Result<(), String>> {
    let python = std::env::var_os("NATTER_PYTHON").context("NATTER_PYTHON names a Python: run `cargo xtask test`")?;
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run Python")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    stdin.write_all(document.to_string().as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    Ok(if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) })
}

/// A browser's cookie, and what its pages send along.
struct SignedIn {
    cookie: String,
    csrf: String,
}

impl SignedIn {
    async fn new(natter: &Natter, name: &str, password: &str) -> Result<SignedIn> {
        let url = format!("http://localhost:{}/admin/v1/sessions", natter.ports.console);
        let answer = http()?.post(url).json(&json!({ "name": name, "password": password })).send().await?;
        ensure!(answer.status() == StatusCode::CREATED, "{}", answer.status());
        let cookie = answer.headers().get("set-cookie").context("no cookie")?.to_str()?.to_owned();
        let cookie = cookie.split(';').next().context("no cookie")?.to_owned();
        let me: Value = answer.json().await?;
        Ok(SignedIn { cookie, csrf: me["me"]["csrf"].as_str().context("no csrf")?.to_owned() })
    }

    fn request(&self, natter: &Natter, method: Method, path: &str) -> Result<reqwest::RequestBuilder> {
        let url = format!("http://localhost:{}/admin/v1{path}", natter.ports.console);
        Ok(http()?.request(method, url).header("cookie", &self.cookie))
    }

    async fn ask(&self, natter: &Natter, method: Method, path: &str) -> Result<reqwest::Response> {
        Ok(self.request(natter, method, path)?.header("x-natter-csrf", &self.csrf).send().await?)
    }

    async fn status(&self, natter: &Natter, method: Method, path: &str) -> Result<u16> {
        Ok(self.ask(natter, method, path).await?.status().as_u16())
    }
}
