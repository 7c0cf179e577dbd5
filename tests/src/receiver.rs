//! A server that webhooks are sent to: plain HTTP on this machine, as moody as a test wants it. It keeps what it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_actor::Chance;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// The server. Dropped, it is gone.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    mood: Mutex<Mood>,
    taken: Mutex<Vec<Taken>>,
    chance: Chance,
}

/// How it answers. Of each kind so many of a hundred requests; the others are taken.
#[derive(Clone, Copy, Default, Debug)]
pub struct Mood {
    pub fails: u64,
    /// It takes the request, and hangs up without an answer.
    pub breaks: u64,
    /// It takes nothing, and says nothing for a long while.
    pub hangs: u64,
    /// It takes the request, and answers late.
    pub slow: u64,
}

/// A request that was taken, whether or not its sender heard of that.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Taken {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{} is not JSON", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Receiver {
    /// A server in a good mood.
    pub async fn start(seed: u64) -> Result<Receiver> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hooks", listener.local_addr()?);
        let chance = Chance::seeded(seed);
        let shared = Arc::new(Shared { mood: Mutex::default(), taken: Mutex::default(), chance });
        let serving = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move { shared.serve(stream).await });
                }
            }
        });
        Ok(Receiver { url, shared, serving })
    }

    /// The settings of a server that may tell it.
    pub fn settings() -> [&'static str; 2] {
        ["push.webhooks.allow_http=true", r#"push.webhooks.private_networks=["127.0.0.1"]"#]
    }

    pub fn set(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    /// An address at which programs read what it took: a JSON list of headers and bodies.
    pub async fn look(&self) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufStream::new(stream);
                if read(&mut stream).await.is_none() {
                    continue;
                }
                let taken: Vec<Value> =
                    lock(&shared.taken).iter().map(|one| json!({"headers": one.headers, "body": one.body})).collect();
                let text = Value::from(taken).to_string();
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
                let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
                let _ = stream.flush().await;
            }
        });
        Ok(url)
    }

    /// What it took so far, in order.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.taken).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    /// Requests of one connection, until it ends.
    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufStream::new(stream);
        loop {
            let taken = read(&mut stream).await?;
            let (mood, dice) = (*lock(&self.mood), self.chance.below(100));
            let below = |upto: u64| dice < upto;
            if below(mood.fails) {
                answer(&mut stream, 503).await?;
                continue;
            }
            if below(mood.fails + mood.hangs) {
                tokio::time::sleep(Duration::from_secs(600)).await;
                return None;
            }
            lock(&self.taken).push(taken);
            if below(mood.fails + mood.hangs + mood.breaks) {
                return None;
            }
            if below(mood.fails + mood.hangs + mood.breaks + mood.slow) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer(&mut stream, 200).await?;
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(stream: &mut BufStream<TcpStream>) -> Option<Taken> {
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Taken { headers, body: String::from_utf8(body).ok()? })
}

async fn answer(stream: &mut BufStream<TcpStream>, status: u16) -> Option<()> {
    let text = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
