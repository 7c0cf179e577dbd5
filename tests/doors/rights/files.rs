//! The owner's files: a private one, a public one, and one that was not uploaded. And what he reported, and a device
//! on which he wants alerts, and an event.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use natter_tests::rights::Row;
use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Cast, Who};
use super::scene::Words;

/// Words of the number, the uid and the upload key of each.
const WORDS: [[&str; 3]; 3] =
    [["file", "file_uid", "file_key"], ["shared", "shared_uid", "shared_key"], ["empty", "empty_uid", "empty_key"]];

/// Those that were made, by their first word.
#[derive(Default)]
pub struct Files {
    blobs: BTreeMap<&'static str, [String; 3]>,
    report: Option<String>,
    subscription: Option<String>,
    event: Option<String>,
}

/// Whether a refusal of this row may not change what the owner sees of his files.
pub fn are_seen(row: &Row) -> bool {
    ["file", "file_uid", "shared", "report", "subscription", "event"].iter().any(|word| row.names(word))
}

impl Files {
    /// Makes what the row names and is not there yet, and sets its words.
    pub async fn name(&mut self, cast: &mut Cast<'_>, row: &Row, words: &mut Words) -> Result<()> {
        for names in WORDS.iter().filter(|names| names.iter().any(|name| row.names(name))) {
            if !self.blobs.contains_key(names[0]) {
                let made = made(cast, names[0]).await?;
                self.blobs.insert(names[0], made);
            }
            names.iter().zip(&self.blobs[names[0]]).for_each(|(name, value)| words.set(name, value));
        }
        if row.names("report") {
            if self.report.is_none() {
                self.report = Some(report(cast).await?);
            }
            words.set("report", self.report.as_deref().unwrap_or_default());
        }
        if row.names("subscription") {
            if self.subscription.is_none() {
                self.subscription = Some(subscription(cast).await?);
            }
            words.set("subscription", self.subscription.as_deref().unwrap_or_default());
        }
        if row.names("event") {
            if self.event.is_none() {
                self.event = Some(event(cast).await?);
            }
            words.set("event", self.event.as_deref().unwrap_or_default());
        }
        Ok(())
    }
}

async fn report(cast: &mut Cast<'_>) -> Result<String> {
    let token = cast.token(Who::Owner).await?;
    let filed = cast.rest.done(cast.rest.post("/data/UserReports", &token, &json!({"reason": "reported by the owner"}))).await?;
    filed["_id"].as_str().map(str::to_owned).with_context(|| format!("no id in {filed}"))
}

async fn subscription(cast: &mut Cast<'_>) -> Result<String> {
    let token = cast.token(Who::Owner).await?;
    let body = json!({
        "notification_channel": "gcm",
        "push_token": {"environment": "production", "client_identification_sequence": "token:of:the:owner"},
        "device": {"platform": "android", "udid": "device of the owner"},
    });
    let made = cast.rest.done(cast.rest.post("/subscriptions", &token, &body)).await?;
    Ok(made[0]["subscription"]["id"].to_string())
}

/// One that waits until tomorrow, so that it looks the same all day.
async fn event(cast: &mut Cast<'_>) -> Result<String> {
    let token = cast.token(Who::Owner).await?;
    let tomorrow = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 24 * 60 * 60;
    let event = json!({
        "notification_type": "push",
        "environment": "production",
        "event_type": "fixed_date",
        "date": tomorrow,
        "message": "said by the owner",
        "user": {"ids": [1]},
    });
    let made = cast.rest.done(cast.rest.post("/events", &token, &json!({ "event": event }))).await?;
    Ok(made[0]["event"]["id"].to_string())
}

async fn made(cast: &mut Cast<'_>, word: &str) -> Result<[String; 3]> {
    let token = cast.token(Who::Owner).await?;
    let body =
        json!({"blob": {"name": format!("{word} of the owner"), "content_type": "text/plain", "public": word == "shared"}});
    let made = cast.rest.done(cast.rest.post("/blobs", &token, &body)).await?;
    let blob = &made["blob"];
    let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("no text in {made}"));
    let (id, uid, params) = (blob["id"].to_string(), text(&blob["uid"])?, text(&blob["blob_object_access"]["params"])?);
    let (_, key) = params.split_once("?key=").context("no key")?;
    if word != "empty" {
        let (kind, form) = upload_form(key);
        let upload = cast.rest.request(Method::POST, &format!("/blobs/{uid}/upload")).header("Content-Type", kind);
        cast.rest.done(upload.body(form)).await?;
        let complete = cast.rest.request(Method::PUT, &format!("/blobs/{id}/complete")).header("CB-Token", &token);
        cast.rest.done(complete.json(&json!({"size": 8}))).await?;
    }
    Ok([id, uid, key.to_owned()])
}

/// An upload of eight bytes: the kind of its form, and the form.
pub fn upload_form(key: &str) -> (&'static str, String) {
    let part = |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    ("multipart/form-data; boundary=XX", format!("{}{}--XX--\r\n", part("key", key), part("file", "12345678")))
}
