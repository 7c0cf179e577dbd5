//! Behind proxies: whom they name is whom limits count and operators see, if they are trusted; whoever is not names nobody.

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{Over, Raw};
use crate::rest::{PASSWORD, Rest};

const TOO_MANY: u16 = 429;
const TRUSTED: &str = "trusted_proxies=[\"127.0.0.0/8\"]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_per_address_count_whom_a_trusted_proxy_names() {
    trusted().await.unwrap();
}

async fn trusted() -> Result<()> {
    let limits = ["edge.connections_per_address_max=2", "account.guesses_address_max=3"];
    let natter = Natter::start(&[TRUSTED, limits[0], limits[1], "edge.proxy_protocol=true"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;

    // REST: the client's own words stand to the left of what the proxy added.
    for n in 0..3 {
        ensure!(guess(&rest, "wrong", &format!("203.0.113.{n}, 198.51.100.1")).await? == 401);
    }
    ensure!(guess(&rest, PASSWORD, "203.0.113.9, 198.51.100.1").await? == TOO_MANY, "who guesses is not counted");
    ensure!(guess(&rest, PASSWORD, "198.51.100.2").await? == 201, "another pays for it");

    // WebSocket behind a proxy that speaks HTTP.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::forwarded(natter.ports.ws, "198.51.100.1").await?;
        raw.open().await?;
        waiting.push(raw);
    }
    let third = async {
        let mut raw = Raw::forwarded(natter.ports.ws, "198.51.100.1").await?;
        raw.open().await
    };
    ensure!(third.await.is_err(), "a third stranger of one address came in");
    let mut other = Raw::forwarded(natter.ports.ws, "198.51.100.2").await?;
    other.open().await?;
    other.sign_in(&ann.account).await?;

    // TCP behind a load balancer that passes bytes on.
    for header in [&b"PROXY TCP4 198.51.100.3 127.0.0.1 4711 5222\r\n"[..], &binary([198, 51, 100, 4])] {
        let mut raw = Raw::on(Over::Tcp, natter.ports.tcp, announced(natter.ports.tcp, header).await?).await?;
        raw.open().await?;
        raw.sign_in(&ann.account).await?;
        waiting.push(raw);
    }
    let crowd = announced(natter.ports.tcp, b"PROXY TCP4 198.51.100.1 127.0.0.1 4711 5222\r\n").await?;
    let last = Raw::on(Over::Tcp, natter.ports.tcp, crowd).await?.end().await?;
    ensure!(last.is_empty(), "a third stranger came in by another door: {last}");
    let mut without = Raw::connect(Over::Tcp, natter.ports.tcp).await?;
    ensure!(without.open().await.is_err(), "a connection of a proxy that does not say whose it is");

    let shown = natter.shell(&["user", "sessions", &ann.account.user.to_string()])?;
    let shown: Value = serde_json::from_str(&shown)?;
    let sessions = shown["sessions"].as_array().context("sessions")?;
    let mut addresses: Vec<&str> =
        sessions.iter().filter(|session| session["kind"] == "chat").filter_map(|session| session["address"].as_str()).collect();
    addresses.sort_unstable();
    ensure!(addresses == ["198.51.100.2", "198.51.100.3", "198.51.100.4"], "{shown:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_trusted_is_who_he_is_whatever_he_says() {
    untrusted().await.unwrap();
}

async fn untrusted() -> Result<()> {
    for proxies in ["trusted_proxies=[]", "trusted_proxies=[\"198.51.100.0/24\"]"] {
        let limits = ["edge.connections_per_address_max=2", "account.guesses_address_max=3"];
        let natter = Natter::start(&[proxies, limits[0], limits[1], "edge.proxy_protocol=true"]).await?;
        let rest = Rest::of(&natter, 1)?;
        rest.sign_up("ann").await?;
        for n in 0..3 {
            ensure!(guess(&rest, "wrong", &format!("198.51.100.{n}")).await? == 401);
        }
        ensure!(guess(&rest, PASSWORD, "198.51.100.9").await? == TOO_MANY, "{proxies}: another address for each guess");
        let mut waiting = Vec::new();
        for n in 0..2 {
            let mut raw = Raw::forwarded(natter.ports.ws, &format!("198.51.100.{n}")).await?;
            raw.open().await?;
            waiting.push(raw);
        }
        let last = Raw::connect(Over::Tcp, natter.ports.tcp).await?.end().await?;
        ensure!(last.is_empty(), "{proxies}: a third stranger of one address came in: {last}");
        drop(waiting);
    }
    let refused = Natter::at_rest(&["trusted_proxies=[\"0.0.0.0/0\"]"])?.output(&["config", "--check"])?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success() && said.contains("name your proxies"), "{said}");
    Ok(())
}

async fn guess(rest: &Rest, password: &str, forwarded: &str) -> Result<u16> {
    let request = rest.session(Some(json!({"login": "ann", "password": password}))).header("X-Forwarded-For", forwarded);
    Ok(rest.send(request).await?.status)
}

async fn announced(port: u16, header: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(header).await?;
    Ok(stream)
}

// Version 2, of this client.
fn binary(client: [u8; 4]) -> Vec<u8> {
    let head = *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    [&head[..], &client, &[127, 0, 0, 1], &[1, 2, 3, 4]].concat()
}
