//! A house of identity providers on this machine: an operator's own, Facebook, Twitter, Google's keys. What it answers, the token says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::signer::Signer;

/// Seconds by which a date is plainly wrong.
pub const NOW_MARGIN: i64 = 600;

/// The providers.
pub struct House {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    asked: Mutex<BTreeMap<String, usize>>,
    keys: Mutex<Value>,
    moved: Notify,
}

struct Asked {
    path: String,
    query: String,
    authorization: String,
    body: Value,
}

impl House {
    pub async fn open() -> Result<House> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, state) = (listener.local_addr()?.port(), Arc::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move { serve(socket, port, &state).await });
            }
        });
        Ok(House { port, state })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Settings of the operator's own provider.
    pub fn custom(&self) -> Value {
        json!({
            "url": self.url("/me"),
            "request": {"token": "#{login}"},
            "response": {"uid": "#{user.id}", "full_name": "#{user.name}"},
            "headers": {"authorization": "k3y", "x-token": "#{login}"},
        })
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.state.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    pub async fn until_asked(&self, path: &str, times: usize) {
        loop {
            let moved = self.state.moved.notified();
            if self.asked(path) >= times {
                return;
            }
            moved.await;
        }
    }

    /// The keys that `/jwks` answers from now on.
    pub fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.public()).collect();
        *self.state.keys.lock().unwrap() = json!({ "keys": keys });
    }
}

async fn serve(mut socket: TcpStream, port: u16, state: &State) -> Option<()> {
    let asked = read(&mut socket).await?;
    *state.asked.lock().unwrap().entry(asked.path.clone()).or_default() += 1;
    state.moved.notify_waiters();
    let (status, body) = match asked.path.as_str() {
        "/me" => match own(&asked) {
            Some(answer) => answer,
            None => std::future::pending().await,
        },
        "/jwks" => (200, state.keys.lock().unwrap().to_string()),
        "/facebook/debug_token" => facebook(&asked),
        "/facebook/me" if asked.query.contains("appsecret_proof=") => me(&asked),
        "/twitter/1.1/account/verify_credentials.json" => twitter(&asked, port),
        _ => (200, json!({"user": {"id": "elsewhere"}}).to_string()),
    };
    let location = if status == 302 { format!("location: http://127.0.0.1:{port}/elsewhere\r\n") } else { String::new() };
    let head = format!("HTTP/1.1 {status} X\r\n{location}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await.ok()?;
    socket.write_all(body.as_bytes()).await.ok()?;
    socket.shutdown().await.ok()
}

// None: it hangs.
fn own(asked: &Asked) -> Option<(u16, String)> {
    let token = asked.body["token"].as_str().unwrap_or_default();
    let known = |id: &str| json!({"user": {"id": id, "name": "Somebody"}}).to_string();
    Some(match token {
        "hang" => return None,
        "error" => (500, known("500")),
        "huge" => (200, json!({"user": {"id": "huge"}, "pad": "x".repeat(200_000)}).to_string()),
        "garbage" => (200, "<html>".to_owned()),
        "nameless" => (200, "{}".to_owned()),
        "redirect" => (302, String::new()),
        _ if asked.authorization != "k3y" => (401, known("no key")),
        _ => match token.strip_prefix("token of ") {
            Some(id) => (200, known(id)),
            None => (401, String::new()),
        },
    })
}

fn facebook(asked: &Asked) -> (u16, String) {
    let is_app = asked.query.contains("access_token=42%7Cs3cret");
    let data = match asked.query.as_str() {
        query if query.contains("input_token=ours&") && is_app => json!({"app_id": "42", "is_valid": true, "user_id": "900"}),
        query if query.contains("input_token=of%20two%20minds&") => json!({"app_id": "42", "is_valid": true, "user_id": "901"}),
        _ => json!({"app_id": "43", "is_valid": true, "user_id": "900"}),
    };
    (200, json!({ "data": data }).to_string())
}

fn me(asked: &Asked) -> (u16, String) {
    match asked.authorization.starts_with("Bearer ") {
        true => (200, json!({"id": "900", "name": "Ann"}).to_string()),
        false => (401, "{}".to_owned()),
    }
}

// The signature is made once more from the header, as Twitter does it.
fn twitter(asked: &Asked, port: u16) -> (u16, String) {
    let fields = asked.authorization.strip_prefix("OAuth ").unwrap_or_default();
    let pairs: BTreeMap<&str, &str> = fields
        .split(", ")
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let signed: Vec<_> =
        pairs.iter().filter(|(name, _)| **name != "oauth_signature").map(|(name, value)| format!("{name}={value}")).collect();
    let url = format!("http%3A%2F%2F127.0.0.1%3A{port}%2Ftwitter%2F1.1%2Faccount%2Fverify_credentials.json");
    let base = format!("GET&{url}&{}", signed.join("&").replace('%', "%25").replace('=', "%3D").replace('&', "%26"));
    let mut mac = Hmac::<Sha1>::new_from_slice(b"cs&ts").expect("a key");
    mac.update(base.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let right = pairs.get("oauth_signature") == Some(&signature.as_str());
    match right && pairs.get("oauth_token") == Some(&"tt") && pairs.get("oauth_consumer_key") == Some(&"ck") {
        true => (200, json!({"id": 901, "id_str": "901", "name": "Ben"}).to_string()),
        false => (401, json!({"errors": [{"code": 32}]}).to_string()),
    }
}

async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end]).into_owned();
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    while bytes.len() < head.len() + 4 + length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let target = head.split(' ').nth(1)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = serde_json::from_slice(&bytes[head.len() + 4..]).unwrap_or(Value::Null);
    Some(Asked { path: path.to_owned(), query: query.to_owned(), authorization: header("authorization"), body })
}
