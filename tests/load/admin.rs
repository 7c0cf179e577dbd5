//! Apps and their users, made as an operator makes them.

use anyhow::{Context, Result};
use futures::future::try_join_all;
use natter_tests::client::{Account, http};
use natter_tests::process::Natter;
use serde_json::{Value, json};

use crate::fixture::PASSWORD;

/// What is asked at a time, of the operator's door and of others.
pub const AT_ONCE: usize = 16;

/// The admin API.
pub struct Admin {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Admin {
    pub fn of(natter: &Natter) -> Result<Admin> {
        let token = std::fs::read_to_string(natter.data().join("admin.token"))?.trim().to_owned();
        Ok(Admin { http: http()?, url: format!("http://127.0.0.1:{}/admin/v1/apps", natter.ports.console), token })
    }

    async fn post(&self, url: String, body: Value) -> Result<Value> {
        Ok(self.http.post(url).bearer_auth(&self.token).json(&body).send().await?.error_for_status()?.json().await?)
    }

    /// Some at a time.
    pub async fn all<T, R, F: Future<Output = Result<R>>>(&self, of: &[T], ask: impl Fn(&T) -> F) -> Result<Vec<R>> {
        let mut made = Vec::with_capacity(of.len());
        for some in of.chunks(AT_ONCE) {
            made.extend(try_join_all(some.iter().map(&ask)).await?);
        }
        Ok(made)
    }

    /// Makes an app; its auth key.
    pub async fn app(&self, app: u64) -> Result<String> {
        let made = self.post(self.url.clone(), json!({ "id": app })).await?;
        Ok(made["app"]["auth_key"].as_str().context("a key")?.to_owned())
    }

    pub async fn user(&self, app: u64, login: String) -> Result<Account> {
        let made = self.post(format!("{}/{app}/users", self.url), json!({"login": login, "password": PASSWORD})).await?;
        let user = made["user"]["id"].as_u64().context("an id")?;
        Ok(Account { app, user, password: PASSWORD.into() })
    }

    pub async fn pair(&self, app: u64) -> Result<(Account, Account)> {
        Ok((self.user(app, "writer".into()).await?, self.user(app, "reader".into()).await?))
    }
}
