//! The operator of a process: the admin API by name and password, pages by a sign-in as a browser has it.

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Somebody who has signed in.
pub struct Operator {
    client: Client,
    root: String,
    name: String,
    password: String,
    cookie: String,
}

impl Operator {
    /// `admin` of this process, with a new password.
    pub async fn sign_in(natter: &Natter) -> Result<Operator> {
        let said: Value = serde_json::from_str(&natter.shell(&["operator", "password"])?)?;
        let text = |field: &str| said["operator"][field].as_str().map(str::to_owned).with_context(|| format!("{said}"));
        let (name, password, client) = (text("name")?, text("password")?, http()?);
        let root = format!("http://localhost:{}", natter.ports.console);
        let body = json!({"name": name, "password": password});
        let answer = client.post(format!("{root}/admin/v1/sessions")).json(&body).send().await?.error_for_status()?;
        let set = answer.headers().get(SET_COOKIE).context("no cookie")?.to_str()?;
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Ok(Operator { client, root, name, password, cookie })
    }

    /// A status and an answer of app 1.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
        let request = self.client.request(method, format!("{}/admin/v1/apps/1/{path}", self.root));
        let request = request.basic_auth(&self.name, Some(&self.password));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// A page of app 1.
    pub async fn page(&self, path: &str) -> Result<String> {
        let request = self.client.get(format!("{}/console/apps/1/{path}", self.root)).header(COOKIE, &self.cookie);
        let answer = request.send().await?;
        let (status, page) = (answer.status(), answer.text().await?);
        ensure!(status == 200 && page.contains("Sign out"), "{path}: {status} {page}");
        Ok(page)
    }
}
