//! The checker: compares what a sender remembers with what history holds.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use natter_tests::client::Account;
use natter_tests::sdk::Sdk;
use serde_json::json;

use crate::sender::Record;

/// Reads the whole dialog of the reader and one sender, and proves: every acked message there, none twice, in the order of
/// sending, unread as many as there are. Returns the counts.
pub async fn history(reading: &Sdk, reader: &Account, who: &Account, record: &Record) -> Result<String> {
    let dialog = reading.call("chat.dialog.create", json!([{"type": 3, "occupants_ids": [who.user]}])).await?;
    let dialog = dialog["_id"].as_str().context("a dialog has an _id")?.to_owned();
    let ids = all_ids(reading, &dialog).await?;

    let mut place = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        ensure!(place.insert(id.clone(), at).is_none(), "{}: message {id} is there twice", record.name);
    }
    for id in &record.acked {
        ensure!(place.contains_key(id), "{}: acked message {id} is not in history", record.name);
    }
    let places: Vec<usize> = record.sent.iter().filter_map(|id| place.get(id).copied()).collect();
    ensure!(places.is_sorted(), "{}: history is not in the order of sending", record.name);
    ensure!(places.len() == ids.len(), "{}: history holds messages that nobody sent", record.name);

    let unread = reading.call("chat.message.unreadCount", json!([{"chat_dialog_ids": [dialog]}])).await?;
    ensure!(
        unread[&dialog] == ids.len(),
        "{}: unread is {} of {} for user {}",
        record.name,
        unread[&dialog],
        ids.len(),
        reader.user
    );
    ensure!(!ids.is_empty(), "{}: nothing was stored, so nothing was tested", record.name);
    Ok(format!("{}: {} sent, {} acked, {} stored", record.name, record.sent.len(), record.acked.len(), ids.len()))
}

async fn all_ids(reading: &Sdk, dialog: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        let query =
            json!([{"chat_dialog_id": dialog, "mark_as_read": 0, "limit": 1000, "skip": ids.len(), "sort_asc": "date_sent"}]);
        let page = reading.call("chat.message.list", query).await?;
        let items = page["items"].as_array().context("items")?;
        if items.is_empty() {
            return Ok(ids);
        }
        ids.extend(items.iter().filter_map(|item| item["_id"].as_str().map(str::to_owned)));
    }
}
