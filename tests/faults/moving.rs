//! An app that moves from one process into the cluster and out again into another process, while processes of the cluster are killed under the
//! import. What is exported at the end is what was exported at first: histories, what is read, members, contacts, files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::stage::Scene;

/// Among the names of faults.
pub const NAME: &str = "app moved in and out";
/// Of what moves. No other app of the cluster has its id.
const APP: u64 = 987_654;
const USERS: u64 = 60;
const GROUPS: u64 = 15;
const MEMBERS: u64 = 10;
const PRIVATE_MESSAGES: u64 = 120;
const GROUP_MESSAGES: u64 = 250;
const FILES: u64 = 12;
const FILE_BYTES: usize = 150_000;
/// Who is killed, one import after the other, and when after its beginning.
const KILLED: [(&str, Duration); 4] = [
    ("console-1", Duration::from_millis(1_500)),
    ("account-1", Duration::from_millis(500)),
    ("dialog-1", Duration::from_millis(2_500)),
    ("dialog-2", Duration::from_millis(2_500)),
];
const TRIES: usize = 8;

/// What there is to say of it.
pub async fn play(scene: &Arc<Scene>) -> Result<String> {
    println!("{NAME} ...");
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("made"), made())?;
    let from = Natter::start(&["first_app=false"]).await?;
    from.shell(&["import", text(&path("made"))?])?;
    from.shell(&["export", "--app", &APP.to_string(), text(&path("out"))?])?;
    let was = Content::read(&path("out"))?;
    let began = Instant::now();
    let cut = imported(scene, &path("out")).await?;
    let took = began.elapsed().as_secs_f64();
    scene.cluster.natter(&["export", "--app", &APP.to_string(), text(&path("back"))?])?;
    was.compare(&Content::read(&path("back"))?, "the cluster")?;
    let to = Natter::start(&["first_app=false"]).await?;
    to.shell(&["import", text(&path("back"))?])?;
    to.shell(&["export", "--app", &APP.to_string(), text(&path("again"))?])?;
    was.compare(&Content::read(&path("again"))?, "the process it came to")?;
    Ok(format!(
        "{} lines and {} files were in the cluster after {took:.0} s, in which {} of {} imports were cut off by a kill; they came out of it, and into \
         another process, as they were",
        was.lines.len(),
        was.files.len(),
        cut,
        KILLED.len()
    ))
}

/// Until an import is through, with one of those that are to be killed under each. How many did not get through.
async fn imported(scene: &Arc<Scene>, archive: &Path) -> Result<usize> {
    let mut cut = 0;
    for (part, after) in KILLED {
        let importing = import(scene, archive);
        sleep(after).await;
        let part = scene.cluster.part(part)?.clone();
        scene.cluster.process(&part.name).kill()?;
        sleep(Duration::from_secs(1)).await;
        scene.bring_back(&part).await?;
        cut += usize::from(importing.await?.is_err());
    }
    let mut last = None;
    for _ in 0..TRIES {
        match import(scene, archive).await? {
            Ok(said) => {
                ensure!(said.lines().skip(1).all(|line| line.ends_with(" 0 clashed")), "{said}");
                return Ok(cut);
            }
            Err(error) => last = Some(error),
        }
        sleep(Duration::from_secs(2)).await;
    }
    bail!("no import gets through: {last:?}")
}

// What the command says, in a thread of its own.
fn import(scene: &Arc<Scene>, archive: &Path) -> tokio::task::JoinHandle<Result<String>> {
    let (scene, archive) = (scene.clone(), archive.to_owned());
    tokio::task::spawn_blocking(move || scene.cluster.natter(&["import", text(&archive)?]))
}

/// An archive, in no order, the bytes of a file in one piece.
struct Content {
    lines: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Content {
    fn read(archive: &Path) -> Result<Content> {
        let (mut lines, mut files) = (Vec::new(), BTreeMap::<String, Vec<u8>>::new());
        for line in fs::read_to_string(archive)?.lines() {
            let line: Value = serde_json::from_str(line)?;
            match line["kind"].as_str() {
                Some("archive" | "end") => {}
                Some("content") => {
                    let bytes = BASE64_STANDARD.decode(line["base64"].as_str().context("content")?)?;
                    files.entry(line["file"].to_string()).or_default().extend(bytes);
                }
                _ => lines.push(line.to_string()),
            }
        }
        lines.sort();
        Ok(Content { lines, files })
    }

    fn compare(&self, there: &Content, place: &str) -> Result<()> {
        let missing = self.lines.iter().find(|line| there.lines.binary_search(line).is_err());
        let further = there.lines.iter().find(|line| self.lines.binary_search(line).is_err());
        ensure!(missing.is_none() && further.is_none(), "out of {place} came {further:?} and not {missing:?}");
        ensure!(
            self.lines.len() == there.lines.len(),
            "{} lines, and {} came out of {place}",
            self.lines.len(),
            there.lines.len()
        );
        ensure!(self.files == there.files, "files came out of {place} as others");
        Ok(())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path")
}

/// An archive as another system would write it.
fn made() -> String {
    let mut lines =
        vec![json!({"kind": "archive", "version": 1}), json!({"kind": "app", "app": APP, "title": "Moves", "created_at": START})];
    for user in 1..=USERS {
        let contact =
            json!({"kind": "contact", "app": APP, "user": id(user), "of": id(user % USERS + 1), "listed": true, "to": true});
        lines.push(json!({
            "kind": "user", "app": APP, "id": id(user), "login": format!("mover{user}"),
            "full_name": format!("Mover {user}"), "created_at": START
        }));
        lines.push(contact);
    }
    // Who is in somebody's list has to be there.
    lines.sort_by_key(|line| line["kind"] == "contact");
    for file in 0..FILES {
        let uid = format!("{:032X}", 0xA000 + file);
        lines.push(json!({
            "kind": "file", "app": APP, "id": id(500_000 + file), "uid": uid, "user": id(file + 1), "name": "some.bin",
            "content_type": "application/octet-stream", "size": FILE_BYTES, "created_at": START
        }));
        let bytes: Vec<u8> = (0..FILE_BYTES).map(|place| (place as u64 * (file + 3) % 251) as u8).collect();
        lines.push(json!({"kind": "content", "file": uid, "base64": BASE64_STANDARD.encode(bytes)}));
    }
    for first in (1..USERS).step_by(2) {
        let pair = json!([id(first), id(first + 1)]);
        lines.push(json!({"kind": "dialog", "app": APP, "pair": pair, "type": 3, "owner": id(first), "created_at": START}));
        for seq in 1..=PRIVATE_MESSAGES {
            lines.push(json!({
                "kind": "message", "app": APP, "pair": pair, "seq": seq, "id": format!("{:024x}", first << 32 | seq),
                "sender": id(first + seq % 2), "date_sent": START / 1000 + seq, "body": format!("number {seq}")
            }));
        }
        lines.push(json!({"kind": "state", "app": APP, "pair": pair, "user": id(first), "base": PRIVATE_MESSAGES / 2}));
    }
    for group in 1..=GROUPS {
        let dialog = format!("{:024x}", 0xB000_0000_0000_u64 + group);
        let members: Vec<u64> = (0..MEMBERS).map(|place| id((group * 4 + place) % USERS + 1)).collect();
        let listed: Vec<Value> = members.iter().map(|user| json!({"user": user})).collect();
        lines.push(json!({
            "kind": "dialog", "app": APP, "id": dialog, "type": 2, "owner": members[0], "created_at": START,
            "name": format!("Group {group}"), "members": listed
        }));
        for seq in 1..=GROUP_MESSAGES {
            lines.push(json!({
                "kind": "message", "app": APP, "dialog": dialog, "seq": seq,
                "id": format!("{:024x}", 0xC000 << 40 | group << 32 | seq), "sender": members[(seq % MEMBERS) as usize],
                "date_sent": START / 1000 + seq, "body": format!("to all, {seq}")
            }));
        }
        lines.push(json!({
            "kind": "reactions", "app": APP, "dialog": dialog, "seq": 3,
            "reactions": [{"reaction": "+1", "users": [members[1], members[2]]}]
        }));
        lines.push(json!({
            "kind": "state", "app": APP, "dialog": dialog, "user": members[1], "base": 10, "settled": [[20, 30], [100, 100]]
        }));
    }
    lines.push(json!({"kind": "end", "lines": lines.len()}));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Unix milliseconds.
const START: u64 = 1_700_000_000_000;

// Above those that tests are given.
fn id(number: u64) -> u64 {
    70_000_000 + number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_missing_or_another_and_a_byte_that_is_another_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            fs::write(folder.path().join("archive"), text).unwrap();
            Content::read(&folder.path().join("archive")).unwrap()
        };
        let (all, was) = (made(), read(&made()));
        assert!(was.compare(&read(&all), "it").is_ok());
        let without =
            all.lines().filter(|line| !line.contains("number 17\"")).map(|line| format!("{line}\n")).collect::<String>();
        for other in [without, all.replacen("number 17", "number 71", 1), all.replacen("\"base64\":\"A", "\"base64\":\"B", 1)] {
            assert!(other != all && was.compare(&read(&other), "it").is_err());
        }
    }
}
