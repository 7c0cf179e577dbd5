//! `natter export` and `natter import`: an app as a file of lines, and the way back. What the lines mean says `deploy/archive.md`; the
//! server reads and writes them, this carries them to and from the disk.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::admin::Admin;

/// A last line is shorter than this.
const TAIL: u64 = 256;

#[derive(Args, Debug)]
pub struct Export {
    /// The app.
    #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    app: Option<u64>,
    /// Every app of the installation.
    #[arg(long)]
    all: bool,
    /// The file to write. It holds secrets: only its owner may read it.
    file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Import {
    /// The archive.
    file: PathBuf,
    /// Writes nothing, and says what would become of each line.
    #[arg(long)]
    dry_run: bool,
}

/// Writes an archive. The file has its name when it is whole, and not before.
#[allow(clippy::print_stdout)]
pub async fn export(admin: &Admin, arguments: &Export) -> Result<()> {
    let file = &arguments.file;
    if file.exists() {
        bail!("{} is there already", file.display());
    }
    let apps = match arguments.app {
        Some(app) => vec![app],
        None => every_app(admin).await?,
    };
    let part = PathBuf::from(format!("{}.part", file.display()));
    let outcome = write(admin, &apps, &part).await;
    if outcome.is_err() {
        // What is not whole is no archive.
        let _ = std::fs::remove_file(&part);
    }
    outcome?;
    std::fs::rename(&part, file).with_context(|| format!("cannot name {}", file.display()))?;
    println!("{} of {} in {}", bytes_of(file)?, counted(apps.len(), "app"), file.display());
    Ok(())
}

async fn every_app(admin: &Admin) -> Result<Vec<u64>> {
    let apps = admin.get("/apps").await?;
    let apps: Vec<u64> = apps["apps"].as_array().into_iter().flatten().filter_map(|app| app["id"].as_u64()).collect();
    if apps.is_empty() {
        bail!("there is no app");
    }
    Ok(apps)
}

async fn write(admin: &Admin, apps: &[u64], part: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(part).with_context(|| format!("cannot write {}", part.display()))?;
    for app in apps {
        let mut answer = admin.download(&format!("/apps/{app}/archive")).await?;
        let cut = || format!("the archive of app {app} was cut");
        while let Some(piece) = answer.chunk().await.with_context(cut)? {
            file.write_all(&piece).with_context(|| format!("cannot write {}", part.display()))?;
        }
        check_end(&mut file).with_context(cut)?;
        file.seek(SeekFrom::End(0))?;
    }
    Ok(file.sync_all()?)
}

/// Takes over an archive that is whole, and shows what became of it.
#[allow(clippy::print_stdout)]
pub async fn import(admin: &Admin, arguments: &Import) -> Result<()> {
    let name = arguments.file.display();
    let mut file = File::open(&arguments.file).with_context(|| format!("cannot read {name}"))?;
    check_end(&mut file).with_context(|| format!("{name} is no whole archive"))?;
    file.rewind()?;
    let path = format!("/archive?dry_run={}", arguments.dry_run);
    let answer = admin.upload(&path, file).await?;
    let report = &answer["report"];
    print!("{}", shown(report));
    let clashes: u64 = report["kinds"].as_object().into_iter().flatten().filter_map(|(_, of)| of["clashed"].as_u64()).sum();
    if clashes > 0 {
        bail!("{} clashed with what is there and changed nothing", counted(clashes as usize, "row"));
    }
    Ok(())
}

/// Whether the last line is that of a whole archive.
fn check_end(file: &mut (impl Read + Seek)) -> Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        bail!("it is empty");
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let last = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<Value>(last) {
        Ok(line) if line["kind"] == "end" => Ok(()),
        _ => bail!("its last line is not `end`: it was cut"),
    }
}

fn shown(report: &Value) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let dry = report["dry_run"] == true;
    say(format!("{} read{}", counted(number(&report["lines"]), "line"), if dry { ", nothing written" } else { "" }));
    for (kind, of) in report["kinds"].as_object().into_iter().flatten() {
        let taken = if dry { "would be taken over" } else { "taken over" };
        let (new, same, clashed) = (number(&of["taken"]), number(&of["same"]), number(&of["clashed"]));
        say(format!("{kind:13}{new:>9} {taken}, {same} there already, {clashed} clashed"));
    }
    for clash in report["clashes"].as_array().into_iter().flatten() {
        let word = |key: &str| clash[key].as_str().unwrap_or_default();
        say(format!("line {}: {}: {}", number(&clash["line"]), word("what"), word("text")));
    }
    text
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_default() as usize
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn bytes_of(file: &Path) -> Result<String> {
    Ok(counted(std::fs::metadata(file)?.len() as usize, "byte"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

    use super::*;

    #[test]
    fn an_archive_that_was_cut_is_known_by_its_end() {
        let is_whole = |text: &str| check_end(&mut Cursor::new(text.as_bytes())).is_ok();
        let long = format!("{{\"kind\":\"user\",\"login\":\"{}\"}}\n", "x".repeat(1_000));
        assert!(is_whole("{\"kind\":\"archive\"}\n{\"kind\":\"end\",\"lines\":1}\n"));
        assert!(is_whole(&format!("{long}{{\"lines\":2,\"kind\":\"end\"}}")));
        for cut in
            ["", "\n", "{\"kind\":\"archive\"}\n", "{\"kind\":\"end\",\"li", &long, &format!("{{\"kind\":\"end\"}}\n{long}")]
        {
            assert!(!is_whole(cut), "{cut}");
        }
    }
}
