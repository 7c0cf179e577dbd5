//! The export of a user against what an erasure removes of him: what is kept is handed out, or there is a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::{Value, json};

use crate::alerts::android;
use crate::erase::{Cast, WORD};
use crate::rest::Rest;

/// Where what an eraser removes is found in an export.
enum Found {
    /// In rows of this kind.
    In(&'static str),
    /// Nowhere, and why.
    Not(&'static str),
}
use Found::{In, Not};

/// Each kind that an eraser reports.
const KINDS: &[(&str, Found)] = &[
    ("contacts", In("contact")),
    ("privacy_lists", In("privacy_list")),
    ("last_activity", In("last_activity")),
    ("debts", Not("places in dialogs that a lost connection had proved, for two minutes; the messages are in it")),
    ("private_dialogs", In("dialog")),
    ("dialogs_left", In("dialog")),
    ("dialog_rows", Not("of an app")),
    ("messages", Not("of an app; a user's stay with others, and are in it")),
    ("kept_messages", In("kept_message")),
    ("reactions", In("reaction")),
    ("files", In("file")),
    ("file_bytes", Not("the content is fetched by the id of its file")),
    ("hops", Not("of the way of messages through the house, for a day")),
    ("subscriptions", In("device")),
    ("alerts", Not("such as wait to be sent: the messages are in it, and what was decided")),
    ("alert_notes", In("alert")),
    ("events", In("event")),
    ("alert_settings", Not("of an app")),
    ("push_credentials", Not("of an app")),
    ("webhooks", Not("of an app")),
    ("users", In("profile")),
    ("names", In("profile")),
    ("last_requests", In("profile")),
    ("verifiers", Not("a hash of the password")),
    ("resets", Not("a hash of a key that was mailed")),
    ("tokens", In("session")),
    ("marks", Not("by whose they are, beside the tokens")),
    ("guests", Not("of an app; the end of a guest is in no other row of his")),
    ("filed_reports", In("report")),
    ("reports", Not("of erasures")),
    ("grants", Not("of operators")),
];

#[test]
fn each_kind_that_an_eraser_removes_is_exported_or_has_a_reason() {
    let known: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(known.len(), KINDS.len());
    assert!(KINDS.iter().all(|(_, found)| !matches!(found, Not(why) if why.is_empty())));
    let mut erased = BTreeMap::new();
    for file in erasers() {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for kind in kinds(code) {
            erased.insert(kind, file.clone());
        }
    }
    let of = |file: &PathBuf| file.strip_prefix(services()).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
    let services: BTreeSet<String> = erased.values().map(of).collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["account", "dialog", "history", "presence", "push", "storage"]);
    for (kind, file) in &erased {
        assert!(known.contains(kind.as_str()), "{kind} of {} is not in the table", file.display());
    }
    for kind in known {
        assert!(erased.contains_key(kind), "nothing erases {kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_a_user_was_in_the_export_before() {
    compare().await.unwrap();
}

async fn compare() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let cast = Cast::of(&rest, &natter, 3).await?;
    let (ann, bob) = (&cast.ann, &cast.bob);
    rest.done(rest.post("/subscriptions", &ann.token, &android(0))).await?;
    let event = json!({"event": {
        "notification_type": "push", "environment": "production", "message": WORD, "user": {"ids": [bob.account.user]},
        "event_type": "one_shot",
    }});
    rest.done(rest.post("/events", &ann.token, &event)).await?;

    let her = ann.account.user.to_string();
    let export = natter.shell(&["user", "export", &her])?;
    let rows = export.lines().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<Vec<Value>>>()?;
    let end = rows.last().context("no row")?;
    ensure!(*end == json!({"kind": "end", "whole": true, "rows": rows.len() - 1}), "{end}");
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).collect::<Vec<_>>();
    let said: BTreeSet<_> = of("message").iter().map(|row| row["text"].as_str().unwrap_or_default()).collect();
    ensure!(said == [format!("private {WORD}").as_str(), format!("to all {WORD}").as_str()].into(), "{said:?}");
    ensure!(of("reaction").len() == 1 && of("reaction")[0]["reaction"] == WORD, "{:?}", of("reaction"));
    ensure!(of("kept_message")[0]["text"] == format!("kept {WORD}"), "{:?}", of("kept_message"));
    ensure!(of("file").len() == 3 && of("file").iter().all(|file| file["name"] == format!("{WORD}.png")));
    ensure!(of("dialog").len() == 2 && of("dialog").iter().any(|row| row["role"] == "owner"), "{:?}", of("dialog"));
    ensure!(!export.contains("an answer") && !export.contains("liked"), "what others said: {export}");
    for secret in [&ann.token, "token-0", "$argon2"] {
        ensure!(!export.contains(secret), "{secret} in {export}");
    }

    let report = cast.wait(&natter).await?;
    let erased = report["erasure"]["erased"].as_object().context("erased")?;
    for kind in erased.keys() {
        let (_, found) = KINDS.iter().find(|(known, _)| known == kind).with_context(|| format!("{kind} is not in the table"))?;
        if let In(row) = found {
            ensure!(!of(row).is_empty(), "{kind} were erased, and no {row} was exported: {export}");
        }
    }
    for kind in ["contacts", "privacy_lists", "kept_messages", "reactions", "files", "subscriptions", "events", "tokens"] {
        ensure!(erased.contains_key(kind), "no {kind} in {report}");
    }
    ensure!(natter.shell(&["user", "export", &her]).is_err(), "who is gone was exported");
    Ok(())
}

// === helpers ===

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("services")
}

// Files named after erasures, in the services that are walked.
fn erasers() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![services()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match path.is_dir() {
                true if !["console", "contract", "tests", "node"].contains(&name.as_str()) => folders.push(path),
                false if ["erasure.rs", "erasures.rs"].contains(&name.as_str()) => found.push(path),
                _ => {}
            }
        }
    }
    found
}

// As they are spelled there: the first of a pair, the argument of `erased`, the field `kind`; behind a table in account.
fn kinds(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices('"') {
        let (before, after) = (code[..at].trim_end(), &code[at + 1..]);
        let word = after.split('"').next().unwrap_or_default();
        let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let line = before.rsplit('\n').next().unwrap_or_default();
        let is_of_table = line.trim_start().starts_with('(') && before.ends_with(',');
        let is_pair = before.ends_with('(') && after[word.len()..].starts_with("\",");
        if is_word && (is_pair || is_of_table || before.ends_with("kind:")) {
            found.insert(word.to_owned());
        }
    }
    found
}
