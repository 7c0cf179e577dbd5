//! A user at one of the edges, with a client of its own.

use anyhow::{Context, Result, ensure};
use natter_tests::build::Build;
use natter_tests::sdk::Sdk;
use natter_tests::traffic::PASSWORD;
use serde_json::{Value, json};

pub struct Person {
    pub sdk: Sdk,
    pub id: u64,
}

impl Person {
    /// A client of a user that is there, signed in at both doors. `chat`: the app's chat config.
    pub async fn come(build: Build, config: &Value, (id, login): (u64, &str), chat: Value) -> Result<Person> {
        let sdk = Sdk::start(build, config, chat).await?;
        sdk.call("createSession", json!([{"login": login, "password": PASSWORD}])).await?;
        sdk.call("chat.connect", json!([{"userId": id, "password": PASSWORD}])).await?;
        Ok(Person { sdk, id })
    }

    /// Sends a message that is kept, to a user or a group.
    pub async fn send(&self, to: Value, dialog: &str, body: &str) -> Result<String> {
        let kind = if to.is_number() { "chat" } else { "groupchat" };
        let extension = json!({"save_to_history": 1, "dialog_id": dialog});
        let message = json!({"type": kind, "body": body, "extension": extension, "markable": 1});
        let id = self.sdk.call("chat.send", json!([to, message])).await?;
        Ok(id.as_str().context("send returns the id")?.to_owned())
    }

    /// Hears this message, from that user, in that dialog.
    pub async fn hear(&self, id: &str, from: u64, dialog: &str, body: &str) -> Result<()> {
        let got = self.sdk.event_where("onMessageListener", |event| event[1]["id"] == id).await?;
        let expected = (&json!(from), &json!(body), &json!(dialog));
        ensure!((&got[0], &got[1]["body"], &got[1]["dialog_id"]) == expected, "heard {got}, not {expected:?}");
        Ok(())
    }

    /// Is told by a listener exactly this, other things apart.
    pub async fn told(&self, listener: &str, expected: Value) -> Result<()> {
        self.sdk.event_where(listener, |event| *event == expected).await.with_context(|| format!("not {expected}"))?;
        Ok(())
    }

    /// Makes a dialog of this type with others.
    pub async fn dialog(&self, kind: u32, others: &[u64]) -> Result<String> {
        let wanted = json!([{"type": kind, "name": "Trip planning", "occupants_ids": others}]);
        let made = self.sdk.call("chat.dialog.create", wanted).await?;
        Ok(made["_id"].as_str().with_context(|| format!("no _id in {made}"))?.to_owned())
    }

    /// A page of a dialog, oldest first: id and body of each.
    pub async fn page(&self, dialog: &str, skip: usize, limit: usize) -> Result<Vec<(String, String)>> {
        let wanted =
            json!([{"chat_dialog_id": dialog, "mark_as_read": 0, "sort_asc": "date_sent", "skip": skip, "limit": limit}]);
        let list = self.sdk.call("chat.message.list", wanted).await?;
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let items = list["items"].as_array().context("items")?;
        Ok(items.iter().map(|item| (text(item, "_id"), text(item, "message"))).collect())
    }

    pub async fn unread(&self, dialog: &str) -> Result<u64> {
        let counts = self.sdk.call("chat.message.unreadCount", json!([{"chat_dialog_ids": [dialog]}])).await?;
        counts[dialog].as_u64().with_context(|| format!("no count in {counts}"))
    }

    pub async fn disconnect(&self) -> Result<()> {
        self.sdk.call("chat.disconnect", json!([])).await?;
        Ok(())
    }
}
