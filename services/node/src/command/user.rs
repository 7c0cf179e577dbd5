//! `natter user sessions`, `end-session`, `contacts` and `export`.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::admin::print_json;
use crate::admin::Admin;

/// Longest last line of an export that is looked at. It is short.
const END_BYTES_MAX: usize = 4 * 1024;

/// A user of an app.
#[derive(clap::Args, Debug)]
pub struct Whose {
    #[arg(long, default_value_t = 1)]
    app: u64,
    id: u64,
}

#[derive(clap::Args, Debug)]
pub struct EndArguments {
    #[command(flatten)]
    whose: Whose,
    /// As `sessions` prints it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    session: Option<String>,
    /// Ends all of the user.
    #[arg(long)]
    all: bool,
}

impl Whose {
    fn path(&self) -> String {
        format!("/apps/{}/users/{}", self.app, self.id)
    }
}

/// Prints all of them, page after page.
pub async fn sessions(admin: &Admin, whose: &Whose) -> Result<()> {
    let path = format!("{}/sessions", whose.path());
    let (mut all, mut query) = (Vec::new(), String::new());
    loop {
        let mut page = admin.get(&format!("{path}{query}")).await?;
        if let Value::Array(sessions) = page["sessions"].take() {
            all.extend(sessions);
        }
        match page["next"].as_str() {
            Some(next) => query = format!("?after={next}"),
            None => return print_json(&json!({ "sessions": all })),
        }
    }
}

/// Ends one or all.
pub async fn end_session(admin: &Admin, arguments: &EndArguments) -> Result<()> {
    let path = format!("{}/sessions", arguments.whose.path());
    match &arguments.session {
        None => print_json(&admin.delete(&path).await?),
        Some(session) => {
            let is_name = session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !session.is_empty();
            ensure!(is_name, "no such session");
            print_json(&admin.delete(&format!("{path}/{session}")).await?)
        }
    }
}

/// Prints both.
pub async fn contacts(admin: &Admin, whose: &Whose) -> Result<()> {
    let mut contacts = admin.get(&format!("{}/contacts", whose.path())).await?;
    let mut lists = admin.get(&format!("{}/lists", whose.path())).await?;
    print_json(
        &json!({ "contacts": contacts["contacts"].take(), "lists": lists["lists"].take(), "default": lists["default"].take() }),
    )
}

/// Passes the lines on as they come, and looks whether the last one says that it is all.
pub async fn export(admin: &Admin, whose: &Whose) -> Result<()> {
    let mut answer = admin.download(&format!("{}/export", whose.path())).await?;
    let mut out = std::io::stdout();
    // The line that is not ended yet, from its beginning.
    let mut line: Vec<u8> = Vec::new();
    let mut last = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("the export was cut")? {
        out.write_all(&chunk)?;
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if line.len() < END_BYTES_MAX {
                line.extend_from_slice(&part[..part.len().min(END_BYTES_MAX)]);
            }
            if part.ends_with(b"\n") {
                last = std::mem::take(&mut line);
            }
        }
    }
    out.flush()?;
    let end: Value = serde_json::from_slice(&last).unwrap_or_default();
    let why = end["text"].as_str().unwrap_or("it was cut");
    ensure!(end["kind"] == "end" && end["whole"] == true, "the export is not whole: {why}");
    Ok(())
}
