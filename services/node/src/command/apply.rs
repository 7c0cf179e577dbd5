//! `natter app apply -f FILE`: the app that a file describes, TOML or JSON. What the file leaves open stays as it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::admin::print_json;
use crate::admin::Admin;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// TOML, or JSON if the name ends so.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

/// A described app. A field that is not here is refused: a misspelt one must not be lost in silence.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct AppFile {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_secret: Option<String>,
    /// Refuses unsigned `POST /session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quotas: Option<QuotasFile>,
    /// Name of its own at the chat door; empty: none. It serves this app only.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_host: Option<String>,
    /// The same at the REST door.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_host: Option<String>,
    /// Of web pages that may use it, as `https://app.example.org`; an empty list: of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsFile>,
}

/// Bounds of the app. One that is absent is that of the installation.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct QuotasFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<u64>,
}

/// What members of the app's groups may do and see. What is absent is off.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct GroupsFile {
    /// Admins remove members, not the owner alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    admins_remove: Option<bool>,
    /// Who is added to a group sees what is said from then on; else all.
    #[serde(skip_serializing_if = "Option::is_none")]
    history_from_joining: Option<bool>,
}

/// Applies the file and prints what came of it: nothing secret is printed.
pub async fn run(admin: &Admin, arguments: &Arguments) -> Result<()> {
    let file = &arguments.file;
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let app = read(file, &text)?;
    let mut applied = admin.put(&format!("/apps/{}", app.id), &serde_json::to_value(&app)?).await?;
    let outcome = match (&applied["created"], applied["changed"].as_array().map(Vec::len)) {
        (Value::Bool(true), _) => "created",
        (_, Some(0)) => "unchanged",
        _ => "changed",
    };
    applied["outcome"] = outcome.into();
    print_json(&applied)
}

/// The app in a file. What is wrong is told by its line, and never shown: it may be a secret.
fn read(file: &Path, text: &str) -> Result<AppFile> {
    let at = |line: usize, message: &str| anyhow!("{}, line {line}: {}", file.display(), without_value(message));
    let app: AppFile = if file.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            at(error.line(), message.split(" at line ").next().unwrap_or_default())
        })?
    } else {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            at(before.matches('\n').count() + 1, error.message())
        })?
    };
    if app.id == 0 {
        bail!("{}: id is missing", file.display());
    }
    Ok(app)
}

/// What serde says of a wrong value shows it.
fn without_value(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((what, expected)) if what.starts_with("invalid ") => format!("must be {expected}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "id = 7\ntitle = \"T\"\nchat_host = \"c.test\"\napi_host = \"\"\norigins = [\"https://a.test\"]\n[quotas]\nsessions = 5\n[groups]\nadmins_remove = true\n";
        let json = r#"{"id": 7, "title": "T", "quotas": {"sessions": 5}, "chat_host": "c.test", "api_host": "", "origins": ["https://a.test"], "groups": {"admins_remove": true}}"#;
        let app = read(Path::new("a.toml"), toml).unwrap();
        assert_eq!(app, read(Path::new("a.json"), json).unwrap());
        assert_eq!(
            serde_json::to_string(&app).unwrap(),
            r#"{"id":7,"title":"T","quotas":{"sessions":5},"chat_host":"c.test","api_host":"","origins":["https://a.test"],"groups":{"admins_remove":true}}"#
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_without_its_value() {
        for (name, text, line) in [
            ("a.toml", "id = 7\n\nauth_secrt = \"hush\"\n", "a.toml, line 3: unknown field `auth_secrt`"),
            ("a.toml", "id = 7\n[quotas]\nsesions = 5\n", "a.toml, line 3: unknown field `sesions`"),
            ("a.toml", "id = 7\n[groups]\nadmin_remove = true\n", "a.toml, line 3: unknown field `admin_remove`"),
            ("a.toml", "id = \"hush\"\n", "a.toml, line 1: must be u64"),
            ("a.json", "{\"id\": 7,\n \"auth_secret\": 4711}", "a.json, line 2: must be a string"),
            ("a.toml", "title = \"T\"\n", "missing field `id`"),
            ("a.toml", "id = 0\n", "id is missing"),
            ("a.json", "{\"id\": 7,\n \"auth_secrt\": \"hush\"}", "a.json, line 2: unknown field `auth_secrt`"),
        ] {
            let error = read(Path::new(name), text).unwrap_err().to_string();
            assert!(error.contains(line) && !error.contains("hush") && !error.contains("4711"), "{error}");
        }
    }
}
