//! The operator's door, byte by byte.

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use crate::verdict::Verdict;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_leads_past_the_guard_or_out_of_the_console() {
    climb().await.unwrap();
}

async fn climb() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let secret = std::fs::read_to_string(natter.data().join("admin.token"))?;
    let mut verdict = Verdict::default();
    for path in [
        "/../admin.token",
        "/..%2fadmin.token",
        "/%2e%2e/%2e%2e/admin.token",
        "/%u002e%u002e/%u002e%u002e/admin.token",
        "/.%00./admin.token",
        "/..\\admin.token",
        "//admin/v1/apps",
        "/./admin/v1/apps",
        "/x/../admin/v1/apps",
        "/setup/setup-s/%u002e%u002e/%u002e%u002e/log.jsp",
        "/admin/v1/apps/..%2f..%2f",
        "/admin/v1/apps/1%2f..%2f1",
        "/admin/v1/apps/1;/sdk-config",
        "/admin/v1/apps/1/sdk-config?x=/",
        "/;/../admin/v1/apps/1",
        "/%61dmin/v1/apps/1",
        "/?/admin/v1/apps/1",
        "http://localhost/admin/v1/apps/1",
    ] {
        verdict.of(path, is_shut(&natter, path, secret.trim()).await);
    }
    verdict.pronounce()
}

/// Without a name nothing is told but the front page, of whatever spelling of its path.
async fn is_shut(natter: &Natter, path: &str, secret: &str) -> Result<()> {
    for method in ["GET", "HEAD", "POST", "PUT", "TRACE"] {
        let mut socket = TcpStream::connect(("127.0.0.1", natter.ports.console)).await?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        timeout(PATIENCE, socket.read_to_end(&mut answer)).await.context("no answer")??;
        let answer = String::from_utf8_lossy(&answer);
        let status: u16 =
            answer.split(' ').nth(1).and_then(|status| status.parse().ok()).with_context(|| format!("{answer:?}"))?;
        let is_front_page = status == 200 && path.starts_with("/?") && matches!(method, "GET" | "HEAD");
        ensure!(is_front_page || (400..500).contains(&status), "{method}: {answer}");
        ensure!(!answer.contains("auth_secret") && !answer.contains(secret), "{method}: {answer}");
    }
    Ok(())
}
