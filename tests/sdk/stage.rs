//! Two users of one build of the SDK, signed up and connected, as most checks need them.

use anyhow::{Context, Result, bail};
use natter_tests::address::Address;
use natter_tests::build::Build;
use natter_tests::process::{Natter, XMPP_PORT};
use natter_tests::proxy::Proxy;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};

/// A signed-up user and its client.
pub struct Person {
    pub sdk: Sdk,
    pub id: u64,
    pub login: String,
}

pub const PASSWORD: &str = "correct horse";

impl Person {
    /// Signs a new user up and opens a session, with a client of its own.
    pub async fn sign_up(build: Build, config: &Value, login: &str, chat: Value) -> Result<Person> {
        let sdk = Sdk::start(build, config, chat).await?;
        sdk.call("createSession", json!([])).await?;
        let made = sdk
            .call("users.signup", json!([{"login": login, "password": PASSWORD, "full_name": format!("The {login}")}]))
            .await?;
        let id = made["user"]["id"].as_u64().with_context(|| format!("no id in {made}"))?;
        sdk.call("createSession", json!([{"login": login, "password": PASSWORD}])).await?;
        Ok(Person { sdk, id, login: login.to_owned() })
    }

    /// A further client of the same user, with a session.
    pub async fn another_device(&self, build: Build, config: &Value, chat: Value) -> Result<Person> {
        let sdk = Sdk::start(build, config, chat).await?;
        sdk.call("createSession", json!([{"login": self.login, "password": PASSWORD}])).await?;
        Ok(Person { sdk, id: self.id, login: self.login.clone() })
    }

    pub async fn connect(&self) -> Result<()> {
        self.sdk.call("chat.connect", json!([{"userId": self.id, "password": PASSWORD}])).await?;
        Ok(())
    }

    /// Sends a message that is kept in history, as the guide's snippet does, and returns its id.
    pub async fn send(&self, to: u64, dialog: &str, body: &str) -> Result<String> {
        let message =
            json!({"type": "chat", "body": body, "extension": {"save_to_history": 1, "dialog_id": dialog}, "markable": 1});
        let id = self.sdk.call("chat.send", json!([to, message])).await?;
        Ok(id.as_str().context("send returns the id")?.to_owned())
    }

    /// The private dialog with another user.
    pub async fn dialog_with(&self, other: u64) -> Result<Value> {
        self.sdk.call("chat.dialog.create", json!([{"type": 3, "occupants_ids": [other]}])).await
    }

    /// Bodies of a dialog's history, oldest first, without marking anything as read.
    pub async fn bodies(&self, dialog: &str) -> Result<Vec<String>> {
        let list =
            self.sdk.call("chat.message.list", json!([{"chat_dialog_id": dialog, "mark_as_read": 0, "limit": 1000}])).await?;
        let items = list["items"].as_array().context("items")?;
        Ok(items.iter().map(|item| item["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Unread messages of a dialog, and of all.
    pub async fn unread(&self, dialog: &str) -> Result<(u64, u64)> {
        let counts = self.sdk.call("chat.message.unreadCount", json!([{"chat_dialog_ids": [dialog]}])).await?;
        Ok((counts[dialog].as_u64().context("count")?, counts["total"].as_u64().context("total")?))
    }
}

/// A process with app 1, and two connected users of one build.
pub struct Stage {
    pub build: Build,
    pub natter: Natter,
    pub config: Value,
    pub ann: Person,
    pub bob: Person,
    pub dialog: String,
    // The chat door's own, for a build that cannot be told a port.
    address: Option<Address>,
}

impl Stage {
    /// The id of the one chat session of a user, as the operator sees it.
    pub fn chat_session(&self, user: &str) -> Result<String> {
        let listed: Value = serde_json::from_str(&self.natter.shell(&["user", "sessions", user])?)?;
        let sessions = listed["sessions"].as_array().context("sessions")?;
        let ids: Vec<_> = sessions.iter().filter(|session| session["kind"] == "chat").map(|session| &session["id"]).collect();
        let [id] = ids[..] else { bail!("not one chat session: {listed}") };
        Ok(id.as_str().context("id")?.to_owned())
    }

    /// Starts a process and connects Ann and Bob, their private dialog made by Ann. `chat` is the app's chat config.
    pub async fn open(build: Build, chat: Value) -> Result<Stage> {
        Stage::open_with(build, chat, &[]).await
    }

    /// The same with settings of the process, `path=value`.
    pub async fn open_with(build: Build, chat: Value, settings: &[&str]) -> Result<Stage> {
        let address = if build == Build::Node1 { Some(Address::take(XMPP_PORT)?) } else { None };
        let natter = match &address {
            Some(address) => Natter::start_at(address, settings).await?,
            None => Natter::start(settings).await?,
        };
        let config = config_of(1, build, &natter, address.as_ref())?;
        let ann = Person::sign_up(build, &config, "ann", chat.clone()).await?;
        let bob = Person::sign_up(build, &config, "bob", chat).await?;
        ann.connect().await?;
        bob.connect().await?;
        let dialog = ann.dialog_with(bob.id).await?;
        let dialog = dialog["_id"].as_str().context("a dialog has an _id")?.to_owned();
        Ok(Stage { build, natter, config, ann, bob, dialog, address })
    }

    /// What clients of another app are given.
    pub fn config_of(&self, app: u64) -> Result<Value> {
        config_of(app, self.build, &self.natter, self.address.as_ref())
    }

    /// A network of its own in front of the chat door.
    pub async fn detour(&self) -> Result<Detour> {
        let mut config = self.config.clone();
        let ports = &self.natter.ports;
        let Some(door) = &self.address else {
            let (scheme, port) = if self.build.is_plain() { ("ws", ports.ws) } else { ("wss", ports.wss) };
            let proxy = Proxy::start(port).await?;
            config["config"]["chatProtocol"]["websocket"] = json!(format!("{scheme}://localhost:{}", proxy.port));
            return Ok(Detour { proxy, config, _address: None });
        };
        let address = Address::take(XMPP_PORT)?;
        let proxy = Proxy::start_between(address.port(XMPP_PORT), door.port(XMPP_PORT)).await?;
        config["config"]["endpoints"]["chat"] = json!(address.ip);
        Ok(Detour { proxy, config, _address: Some(address) })
    }
}

/// A network that can be cut, and what a client behind it is given.
pub struct Detour {
    pub proxy: Proxy,
    pub config: Value,
    _address: Option<Address>,
}

fn config_of(app: u64, build: Build, natter: &Natter, address: Option<&Address>) -> Result<Value> {
    let mut config = natter.sdk_config(app, build.is_plain())?;
    if let Some(address) = address {
        config["config"]["endpoints"]["chat"] = json!(address.ip);
    }
    Ok(config)
}
