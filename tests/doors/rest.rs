//! The REST door without an SDK: requests as they are, answers to the byte. Every answer is held to the rules for all of them.

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Account, http};
use natter_tests::process::Natter;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse";

/// The text by which the SDK knows that a session is over (contract rest 1.6).
pub const EXPIRED: &str = r#"{"errors":{"base":["Required session does not exist"]}}"#;

/// The plain REST door of a process, as one app sees it.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    pub root: String,
    pub app: u64,
    pub auth_key: String,
    pub auth_secret: String,
}

/// A user with a session.
#[derive(Clone)]
pub struct Person {
    pub account: Account,
    pub login: String,
    pub token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("{} {:?} is not JSON", self.status, self.text))
    }
}

impl Rest {
    /// The door, with the keys of an app.
    pub fn of(natter: &Natter, app: u64) -> Result<Rest> {
        let config = natter.sdk_config(app, true)?;
        let text = |name: &str| config["credentials"][name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        let root = format!("http://127.0.0.1:{}", natter.ports.rest_plain);
        Ok(Rest { client: http()?, root, app, auth_key: text("authKey")?, auth_secret: text("authSecret")? })
    }

    /// The same door for another app, as the admin API answered its creation.
    pub fn for_app(&self, made: &Value) -> Result<Rest> {
        let text = |name: &str| made["app"][name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {made}"));
        let app = made["app"]["id"].as_u64().with_context(|| format!("no id in {made}"))?;
        let (client, root) = (self.client.clone(), self.root.clone());
        Ok(Rest { client, root, app, auth_key: text("auth_key")?, auth_secret: text("auth_secret")? })
    }

    /// The same door with the secret of another.
    pub fn with_secret_of(&self, other: &Rest) -> Rest {
        let (client, root, auth_key) = (self.client.clone(), self.root.clone(), self.auth_key.clone());
        Rest { client, root, app: self.app, auth_key, auth_secret: other.auth_secret.clone() }
    }

    /// A request; the caller adds what it likes.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.root)).header("CB-SDK", "JS 6.1.2 - Client")
    }

    pub fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.request(Method::GET, path).header("CB-Token", token)
    }

    pub fn post(&self, path: &str, token: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header("CB-Token", token).json(body)
    }

    /// Sends, and holds the answer to what is true of all: JSON or nothing, never 204, never 500, readable by any page
    /// (contract rest 1.5, 1.8).
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let answer = request.send().await.context("no answer")?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let answer = Answer { status, headers, text: answer.text().await? };
        ensure!(status != 204 && status != 500, "status {status}: {}", answer.text);
        for (name, value) in CORS {
            ensure!(answer.headers.get(name).is_some_and(|given| given == value), "{name} is {:?}", answer.headers.get(name));
        }
        if !answer.text.is_empty() {
            let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            ensure!(kind == "application/json; charset=utf-8", "{status} is {kind:?}: {}", answer.text);
            answer.json()?;
        }
        ensure!(status < 400 || !answer.text.is_empty(), "status {status} without a body");
        Ok(answer)
    }

    /// Sends, and expects success.
    pub async fn done(&self, request: RequestBuilder) -> Result<Value> {
        let answer = self.send(request).await?;
        ensure!(answer.status < 300, "{} {}", answer.status, answer.text);
        if answer.text.is_empty() { Ok(Value::Null) } else { answer.json() }
    }

    /// Sends, and expects this refusal to the byte.
    pub async fn refused(&self, request: RequestBuilder, status: u16, body: &str) -> Result<()> {
        let answer = self.send(request).await?;
        ensure!(
            (answer.status, answer.text.as_str()) == (status, body),
            "{} {}, not {status} {body}",
            answer.status,
            answer.text
        );
        Ok(())
    }

    /// `POST /session` of this app, `user` as the SDK nests it.
    pub fn session(&self, user: Option<Value>) -> RequestBuilder {
        let mut body = json!({"application_id": self.app, "auth_key": self.auth_key});
        if let Some(user) = user {
            body["user"] = user;
        }
        self.request(Method::POST, "/session.json").json(&body)
    }

    /// A token without a user.
    pub async fn app_token(&self) -> Result<String> {
        token_of(&self.done(self.session(None)).await?)
    }

    /// Signs a user up, and opens a session.
    pub async fn sign_up(&self, login: &str) -> Result<Person> {
        self.sign_up_as(&self.app_token().await?, login, json!({})).await
    }

    /// The same with an app session that is there, and with more to say of the user.
    pub async fn sign_up_as(&self, app_token: &str, login: &str, mut user: Value) -> Result<Person> {
        user["login"] = login.into();
        user["password"] = PASSWORD.into();
        let made = self.done(self.post("/users.json", app_token, &json!({ "user": user }))).await?;
        let user = made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))?;
        let session = self.done(self.session(Some(json!({"login": login, "password": PASSWORD})))).await?;
        let account = Account { app: self.app, user, password: PASSWORD.into() };
        Ok(Person { account, login: login.to_owned(), token: token_of(&session)? })
    }

    /// The id of the private dialog of two users.
    pub async fn dialog(&self, one: &Person, other: &Person) -> Result<String> {
        let body = json!({"type": 3, "occupants_ids": other.account.user.to_string()});
        let dialog = self.done(self.post("/chat/Dialog.json", &one.token, &body)).await?;
        Ok(dialog["_id"].as_str().context("_id")?.to_owned())
    }

    /// Bodies of a dialog's history, oldest first, as this user sees them. Marks nothing.
    pub async fn bodies(&self, token: &str, dialog: &str) -> Result<Vec<String>> {
        let path = format!("/chat/Message.json?chat_dialog_id={dialog}&mark_as_read=0&limit=1000");
        let list = self.done(self.get(&path, token)).await?;
        let items = list["items"].as_array().context("items")?;
        Ok(items.iter().map(|item| item["message"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

/// The headers that every answer carries (contract rest 1.8).
const CORS: [(&str, &str); 5] = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ("access-control-allow-headers", "Content-Type, CB-Token, CB-SDK, CB-AuthKey"),
    ("access-control-expose-headers", "CB-Token-ExpirationDate, Date"),
    ("access-control-max-age", "86400"),
];

pub fn token_of(session: &Value) -> Result<String> {
    session["session"]["token"].as_str().map(str::to_owned).with_context(|| format!("no token in {session}"))
}
