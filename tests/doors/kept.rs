//! What a stopped process has kept: rows of its store and contents of files in which a word stands, by table. A row is found by its
//! bytes, so nothing that the engine has not yet cleaned up counts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use natter_db::{KeyRange, Kv, KvOptions, Table};
use natter_tests::process::Natter;

/// Every table of every service.
const TABLES: [&str; 48] = [
    "apps",
    "app_keys",
    "users",
    "user_by_login",
    "user_by_email",
    "user_by_phone",
    "user_by_external",
    "erasures",
    "erasing",
    "last_requests",
    "id_blocks",
    "operators",
    "tokens",
    "tokens_of",
    "verifiers",
    "rosters",
    "roster_revisions",
    "privacy_lists",
    "privacy_defaults",
    "last_seen",
    "presence_alive",
    "session_records",
    "dialogs",
    "dialog_members",
    "dialogs_by_user",
    "public_dialogs",
    "messages",
    "message_ids",
    "heads",
    "member_state",
    "changes",
    "reactions",
    "kept",
    "kept_heads",
    "blobs",
    "blob_id_blocks",
    "blob_uids",
    "blobs_by_owner",
    "uploads",
    "blob_usage",
    "doomed_objects",
    "posted",
    "subscriptions",
    "subscription_counts",
    "subscription_id_blocks",
    "alerts",
    "alert_notes",
    "alert_notes_by_message",
];

/// Those whose rows, and not their keys, begin with the app.
const NAME_APPS: [&str; 2] = ["app_keys", "blob_uids"];

/// How a row begins or what it holds.
pub enum Mark {
    /// The bytes stand anywhere in it, or in the content of a file.
    Word(String),
    /// It is of the app.
    App(u64),
    /// Its key begins with the app and the user.
    User(u64, u64),
}

/// How many rows bear the mark, by table; contents of files as `files`. The process must not run.
pub async fn kept(natter: &Natter, mark: &Mark) -> Result<BTreeMap<String, usize>> {
    let store = Kv::open(&natter.data().join("store"), KvOptions::default()).context("the store cannot be opened")?;
    let mut found = BTreeMap::new();
    let mut rows_seen = 0;
    for table in TABLES {
        let mut from = Vec::new();
        loop {
            let page = store.scan(Table(table), KeyRange::between(&from, [u8::MAX; 64]), 1_000).await?;
            let Some((last, _)) = page.last() else { break };
            from = [last.as_ref(), &[0]].concat();
            rows_seen += page.len();
            let bearing = page.iter().filter(|(key, row)| mark.is_on(table, key, row)).count();
            if bearing > 0 {
                *found.entry(table.to_owned()).or_default() += bearing;
            }
        }
    }
    ensure!(rows_seen > 0, "the store is empty");
    if let Mark::Word(word) = mark {
        let files = files_with(&natter.data().join("blobs"), word.as_bytes())?;
        if files > 0 {
            found.insert("files".to_owned(), files);
        }
    }
    Ok(found)
}

impl Mark {
    fn is_on(&self, table: &str, key: &[u8], row: &[u8]) -> bool {
        match self {
            Mark::Word(word) => holds(key, word.as_bytes()) || holds(row, word.as_bytes()),
            Mark::App(app) if NAME_APPS.contains(&table) => row.starts_with(&app.to_be_bytes()),
            Mark::App(app) => key.starts_with(&app.to_be_bytes()),
            Mark::User(app, user) => key.starts_with(&[app.to_be_bytes(), user.to_be_bytes()].concat()),
        }
    }
}

fn files_with(folder: &Path, word: &[u8]) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        found += if path.is_dir() { files_with(&path, word)? } else { usize::from(holds(&std::fs::read(&path)?, word)) };
    }
    Ok(found)
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}
