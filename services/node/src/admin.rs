//! The admin API as the shell commands use it: HTTP on the console's port, opened by the token file of the data directory.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::config::Config;
use crate::data::DataDir;
use crate::doors::in_url;

/// The admin API of the process that runs on a data directory.
pub struct Admin {
    client: reqwest::Client,
    root: String,
    token: String,
}

impl Admin {
    /// Reads where the console listens and the token that opens it. Connects only when asked something.
    pub fn of(config: &Config) -> Result<Admin> {
        Admin::reached_at(config, &format!("{}:{}", in_url(&config.console.address), config.console.port))
    }

    /// The same of a console that is reached elsewhere, at `HOST:PORT`.
    pub fn reached_at(config: &Config, console: &str) -> Result<Admin> {
        if !config.data.exists() {
            bail!("no data directory at {}: start `natter` first, or name it with --data", config.data.display());
        }
        let token = DataDir::of(config)?.admin_token()?;
        let root = format!("http://{console}/admin/v1");
        Ok(Admin { client: reqwest::Client::builder().no_proxy().build()?, root, token })
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.client.get(format!("{}{path}", self.root))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.client.post(format!("{}{path}", self.root)).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.client.put(format!("{}{path}", self.root)).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.client.delete(format!("{}{path}", self.root))).await
    }

    /// A file that is sent piece by piece.
    pub async fn upload(&self, path: &str, file: std::fs::File) -> Result<Value> {
        let file = tokio::fs::File::from_std(file);
        self.send(self.client.post(format!("{}{path}", self.root)).body(file)).await
    }

    /// An answer that is read piece by piece.
    pub async fn download(&self, path: &str) -> Result<reqwest::Response> {
        let answer = self.answer(self.client.get(format!("{}{path}", self.root))).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = self.answer(request).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(refusal(answer).await);
        }
        answer.json().await.with_context(|| format!("the admin API answered {status} without JSON"))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let answer = request.bearer_auth(&self.token).send().await;
        answer.with_context(|| format!("cannot reach the admin API at {}: is `natter` running?", self.root))
    }
}

async fn refusal(answer: reqwest::Response) -> anyhow::Error {
    let status = answer.status();
    let Ok(body) = answer.json::<Value>().await else { return anyhow!("the admin API answered {status} without JSON") };
    let error = &body["error"];
    let words = ["field", "text"].map(|key| error[key].as_str().unwrap_or_default());
    anyhow!("{}", words.join(" ").trim().to_owned())
}
