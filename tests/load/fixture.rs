//! Users, groups and messages in numbers: what a measurement needs before it begins. It is the same for one process and for a cluster.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use natter_proto::MessageId;
use natter_tests::client::{ASK, Account, Client, acknowledged, http, https};
use natter_tests::process::Natter;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

/// Of every user.
pub const PASSWORD: &str = "correct horse";

/// Settings of a server that is filled first: signing thousands of users up is not what is measured, and no rate stands in the
/// way.
pub const FILLED: [&str; 6] = [
    "account.argon2.memory_kib=8",
    "account.argon2.passes=1",
    "edge.connections_per_address_max=20000",
    "dialog.app_rate=1000000",
    "api.user_rate=1000000",
    "api.app_rate=1000000",
];

/// Requests of the operator at a time.
const AT_ONCE: usize = 16;
/// Users brought into a group by one request, and how often it is asked for.
const BROUGHT_IN: usize = 50;
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// Messages of one sender on their way.
const WINDOW: u64 = 128;

/// Where something listens that is to be filled and measured.
pub trait Doors {
    fn admin_token(&self) -> PathBuf;
    fn console_port(&self) -> u16;
    /// Over TLS.
    fn rest_port(&self) -> u16;
    fn ca(&self) -> PathBuf;
    /// The keys of the first app.
    fn credentials(&self) -> Result<Value>;
}

impl Doors for Natter {
    fn admin_token(&self) -> PathBuf {
        self.data().join("admin.token")
    }

    fn console_port(&self) -> u16 {
        self.ports.console
    }

    fn rest_port(&self) -> u16 {
        self.ports.rest
    }

    fn ca(&self) -> PathBuf {
        Natter::ca(self)
    }

    fn credentials(&self) -> Result<Value> {
        Ok(self.sdk_config(1, true)?["credentials"].clone())
    }
}

/// Makes the users `{prefix}-0`, `{prefix}-1` and so on. Those who are there already, by an earlier measurement or by a request that was
/// not answered in time, are taken as they are.
pub async fn users(doors: &impl Doors, prefix: &str, count: usize) -> Result<Vec<Account>> {
    let token = std::fs::read_to_string(doors.admin_token())?;
    let url = format!("http://127.0.0.1:{}/admin/v1/apps/1/users", doors.console_port());
    let operator = Operator { http: http()?, url, token: token.trim().to_owned() };
    let mut accounts = Vec::with_capacity(count);
    for chunk in (0..count).collect::<Vec<_>>().chunks(AT_ONCE) {
        let made = try_join_all(chunk.iter().map(|n| operator.user(format!("{prefix}-{n}")))).await?;
        accounts.extend(made.into_iter().map(|user| Account { app: 1, user, password: PASSWORD.into() }));
    }
    Ok(accounts)
}

struct Operator {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Operator {
    async fn user(&self, login: String) -> Result<u64> {
        let wanted = json!({"login": login, "password": PASSWORD});
        let answer = patiently(|| self.http.post(&self.url).bearer_auth(&self.token).json(&wanted)).await?;
        if answer.status() == StatusCode::CONFLICT {
            return self.found(&login).await;
        }
        let made: Value = answer.error_for_status()?.json().await?;
        made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))
    }

    /// The id of the user with this login. The oldest come first, so it is on the first page if the logins were made in order.
    async fn found(&self, login: &str) -> Result<u64> {
        let url = format!("{}?search={login}", self.url);
        let answer = patiently(|| self.http.get(&url).bearer_auth(&self.token)).await?;
        let found: Value = answer.error_for_status()?.json().await?;
        let users = found["users"].as_array().with_context(|| format!("no users in {found}"))?;
        let user = users.iter().find(|user| user["login"] == login).with_context(|| format!("no {login} in {found}"))?;
        user["id"].as_u64().context("a user has an id")
    }
}

/// The answer to a request that may be made again when it was not carried out, or when nobody knows.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Result<Response> {
    let mut tried = 0;
    loop {
        let answer = request().send().await?;
        tried += 1;
        if tried == TRIES || !answer.status().is_server_error() {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The REST door, over TLS.
#[derive(Clone)]
pub struct Rest {
    http: reqwest::Client,
    root: String,
    credentials: Value,
}

/// The REST door for a user who signed in.
pub struct RestUser {
    rest: Rest,
    token: String,
}

impl Rest {
    pub fn of(doors: &impl Doors) -> Result<Rest> {
        let root = format!("https://localhost:{}", doors.rest_port());
        Ok(Rest { http: https(&doors.ca())?, root, credentials: doors.credentials()? })
    }

    pub async fn sign_in(&self, login: &str) -> Result<RestUser> {
        let session = json!({
            "application_id": 1, "auth_key": self.credentials["authKey"],
            "user": {"login": login, "password": PASSWORD},
        });
        let request = self.http.post(format!("{}/session", self.root)).json(&session);
        let made: Value = request.send().await?.error_for_status()?.json().await?;
        let token = made["session"]["token"].as_str().with_context(|| format!("no token in {made}"))?.to_owned();
        Ok(RestUser { rest: self.clone(), token })
    }
}

impl RestUser {
    /// Makes a group of these users, one's self among them or not; its id.
    pub async fn make_group(&self, name: &str, members: impl Iterator<Item = &Account>) -> Result<String> {
        let ids: Vec<String> = members.map(|member| member.user.to_string()).collect();
        let wanted = json!({"type": 2, "name": name, "occupants_ids": ids.join(", ")});
        let request = self.rest.http.post(format!("{}/chat/Dialog", self.rest.root)).header("CB-Token", &self.token);
        let made: Value = request.json(&wanted).send().await?.error_for_status()?.json().await?;
        Ok(made["_id"].as_str().with_context(|| format!("no _id in {made}"))?.to_owned())
    }

    /// Brings users into a group, some at a time. To bring somebody in twice is the same as once, so what was not answered in time is
    /// asked for again.
    pub async fn bring_in(&self, group: &str, members: &[Account]) -> Result<()> {
        let url = format!("{}/chat/Dialog/{group}", self.rest.root);
        for members in members.chunks(BROUGHT_IN) {
            let ids: Vec<u64> = members.iter().map(|member| member.user).collect();
            let wanted = json!({"push_all": {"occupants_ids": ids}});
            let answer = patiently(|| self.rest.http.put(&url).header("CB-Token", &self.token).json(&wanted)).await?;
            answer.error_for_status()?;
        }
        Ok(())
    }

    /// Says something in a dialog, as REST does, kept and told to all.
    pub async fn say(&self, dialog: &str, text: &str) -> Result<()> {
        self.post("chat/Message", &json!({"chat_dialog_id": dialog, "message": text, "send_to_chat": 1})).await
    }

    /// A `POST` that has to be taken.
    pub async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let request = self.rest.http.post(format!("{}/{path}", self.rest.root)).header("CB-Token", &self.token);
        request.json(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// The answer to a `GET`, as it came.
    pub async fn get(&self, path: &str) -> Result<bytes::Bytes> {
        let request = self.rest.http.get(format!("{}/{path}", self.rest.root)).header("CB-Token", &self.token);
        Ok(request.send().await?.error_for_status()?.bytes().await?)
    }
}

/// A stored message, `to` a user's address or a group's, with the attributes and children the SDK gives it.
pub fn stored(to: &str, type_: &str, id: MessageId, body: &str) -> String {
    format!(
        "<message xmlns='jabber:client' to='{to}' type='{type_}' id='{id}'><body>{body}</body>\
         <extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams></message>"
    )
}

/// Some messages of one user to one dialog.
pub struct Talk {
    pub writer: Account,
    /// The address of a user or of a group.
    pub to: String,
    /// `chat` or `groupchat`.
    pub type_: &'static str,
    /// Distinguishes the ids of this talk from all others.
    pub lane: i64,
}

impl Talk {
    /// Sends the messages numbered `numbers` and waits until all of them are durable.
    pub async fn say(&self, port: u16, tls: &TlsConnector, numbers: std::ops::Range<u64>) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        let mut client = Client::connect(port, tls, &self.writer, true).await?;
        let count = numbers.end - numbers.start;
        let (mut sent, mut acked) = (0, 0);
        while acked < count {
            while sent < count && sent - acked < WINDOW {
                let id = MessageId::from_random(self.lane, (numbers.start + sent).to_be_bytes());
                client.feed(stored(&self.to, self.type_, id, "a message of a usual length, about sixty bytes of text")).await?;
                client.feed(ASK.into()).await?;
                sent += 1;
            }
            client.flush().await?;
            let frame = client.next().await?.context("the stream ended")?;
            acked = acknowledged(&frame).unwrap_or(acked);
        }
        client.close().await
    }
}
