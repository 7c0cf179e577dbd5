//! Logins through REST whose password was found right before: they do not run Argon2 again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use natter_tests::client::http;
use natter_tests::process::Natter;
use serde_json::{Value, json};

use crate::report::Report;

const USERS: usize = 64;
const SECONDS: u64 = 8;

/// One at a time, then sixteen at once. Each password is known to be right since it was set, so no login runs Argon2.
pub async fn run(report: &mut Report) -> Result<()> {
    let natter = Natter::start(&["api.app_rate=1000000", "api.user_rate=1000000"]).await?;
    let config = natter.sdk_config(1, false)?;
    for n in 0..USERS {
        natter.create_user(1, &format!("login{n}"), "correct horse")?;
    }
    let http = http()?;
    let url = format!("http://127.0.0.1:{}/session.json", natter.ports.rest_plain);
    let credentials = config["credentials"].clone();

    let started = Instant::now();
    for n in 0..USERS {
        login(&http, &url, &credentials, n).await?;
    }
    report.add("logins, one at a time", USERS as f64 / started.elapsed().as_secs_f64(), "logins/s", "");

    let done = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..16)
        .map(|lane| {
            let (http, url, credentials, done) = (http.clone(), url.clone(), credentials.clone(), done.clone());
            tokio::spawn(async move {
                let mut n = lane;
                while Instant::now() < end {
                    login(&http, &url, &credentials, n % USERS).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                    n += 16;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    report.add("logins, repeated", done.load(Ordering::Relaxed) as f64 / SECONDS as f64, "logins/s", "1,500");
    Ok(())
}

async fn login(http: &reqwest::Client, url: &str, credentials: &Value, n: usize) -> Result<()> {
    let body = json!({
        "application_id": credentials["appId"], "auth_key": credentials["authKey"],
        "user": {"login": format!("login{n}"), "password": "correct horse"},
    });
    let answer = http.post(url).json(&body).send().await?.error_for_status()?;
    let session: Value = answer.json().await?;
    session["session"]["token"].as_str().context("a token")?;
    Ok(())
}
