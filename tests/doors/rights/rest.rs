//! One cell of the REST table: a request as a column sends it, and what its answer is called there.

use anyhow::{Result, bail, ensure};
use natter_tests::rights::{Column, Row};
use reqwest::Method;
use serde_json::Value;

use super::cast::{Cast, Who};
use super::files::upload_form;
use super::scene::{Scene, Words, difference};
use super::{Cell, is_outside};

/// Headers that a row may set, instead of those of the column.
const HEADERS: [&str; 2] = ["CB-AuthKey", "CB-Token"];

/// In the names, texts and logins of the scene; no refusal may hold them.
const SECRETS: [&str; 2] = ["secret", "owner"];

pub async fn try_cell(cast: &mut Cast<'_>, scene: &mut Scene, row: &Row, column: Column) -> Result<Cell> {
    let words = scene.words(cast, row, column).await?;
    let online = if row.has("owner online") { Some(cast.connection(Who::Owner).await?) } else { None };
    let expected = row.cell(column).unwrap_or_default();
    let stays = is_refusal(expected) || is_outside(column);
    let before = if stays { scene.seen(cast, row, column, false).await? } else { String::new() };

    let (status, text) = ask(cast, row, column, &words).await?;
    let got = name_of(row, &words, expected, status, &text)?;

    let mut wrong = Vec::new();
    if stays {
        let after = scene.seen(cast, row, column, true).await?;
        wrong.extend(difference(&before, &after).map(|change| format!("it changed what is seen: {change}")));
    }
    if is_refusal(&got) {
        wrong.extend(SECRETS.iter().filter(|secret| text.contains(*secret)).map(|secret| format!("it tells {secret}: {text}")));
        wrong.extend(told_apart(cast, row, column, &words, (status, text)).await?);
    }
    if !row.asked.starts_with("GET") || row.asked.starts_with("GET chat/Message?") {
        scene.moved();
    }
    if let Some(connection) = online {
        cast.keep(Who::Owner, connection);
    }
    Ok(Cell { got, wrong })
}

/// Whether a cell that went like this leaves another scene behind.
pub fn spends(row: &Row, got: &str) -> bool {
    !row.asked.starts_with("GET") && !is_refusal(got)
}

/// A refusal must be the same, to the byte, for what is not there.
async fn told_apart(
    cast: &mut Cast<'_>,
    row: &Row,
    column: Column,
    words: &Words,
    refusal: (u16, String),
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for named in twins(row, column) {
        let others = words.of_nothing(&named);
        let twin = ask(cast, row, column, &others).await?;
        let plain =
            |text: &str, words: &Words| named.iter().fold(text.to_owned(), |text, word| text.replace(words.get(word), "X"));
        if (refusal.0, plain(&refusal.1, words)) != (twin.0, plain(&twin.1, &others)) {
            wrong.push(format!("{named:?} of nothing is told apart: {refusal:?}, but {twin:?}"));
        }
    }
    Ok(wrong)
}

/// What is replaced by what is not there: messages for whoever does not see them, dialogs for another app, files for whoever is
/// refused one.
fn twins(row: &Row, column: Column) -> Vec<Vec<&'static str>> {
    let mut twins = Vec::new();
    let reads = row.kind.is_public() && column != Column::Other;
    let blind = matches!(column, Column::Other | Column::Guest | Column::Former) && !reads;
    let messages: Vec<&str> = ["theirs", "own"].into_iter().filter(|word| row.names(word)).collect();
    if blind && !messages.is_empty() {
        twins.push(messages);
    }
    if column == Column::Other && row.names("dialog") {
        twins.push(vec!["dialog"]);
    }
    let has_token = !matches!(column, Column::Nobody | Column::App);
    for word in ["file", "file_uid", "report", "subscription"].into_iter().filter(|word| has_token && row.names(word)) {
        twins.push(vec![word]);
    }
    twins
}

async fn ask(cast: &mut Cast<'_>, row: &Row, column: Column, words: &Words) -> Result<(u16, String)> {
    let (method, path) = row.asked.split_once(' ').unwrap_or_default();
    let path = words.fill(&format!("/{}", path.trim_start_matches('/')));
    let mut request = cast.rest.request(Method::from_bytes(method.as_bytes())?, &path);
    let own_header = |name: &str| row.detail(&format!("{name}:"));
    for name in HEADERS {
        if let Some(value) = own_header(name) {
            request = request.header(name, words.fill(value));
        }
    }
    if let Some(token) = cast.token_of(column).await?.filter(|_| own_header("CB-Token").is_none()) {
        request = request.header("CB-Token", token);
    }
    if let Some(body) = row.details.iter().find(|detail| detail.starts_with('{')) {
        request = request.header("Content-Type", "application/json;charset=utf-8").body(words.fill(body));
    }
    if let Some(form) = row.detail("form") {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        request = request.header("Content-Type", kind).body(words.fill(form));
    }
    if let Some(key) = row.detail("upload") {
        let (kind, form) = upload_form(&words.fill(key));
        request = request.header("Content-Type", kind).body(form);
    }
    if row.detail("bytes").is_some() {
        let answer = request.send().await?;
        return Ok((answer.status().as_u16(), answer.text().await?));
    }
    if row.asked == "GET ca.pem" {
        let answer = request.send().await?;
        return Ok((answer.status().as_u16(), String::new()));
    }
    let answer = cast.rest.send(request).await?;
    Ok((answer.status, answer.text))
}

/// The answer as a cell spells it.
fn name_of(row: &Row, words: &Words, expected: &str, status: u16, text: &str) -> Result<String> {
    let lists = [("SuccessfullyDeleted", "deleted"), ("NotFound", "missing"), ("WrongPermissions", "denied")];
    if status == 200 && row.asked.starts_with("DELETE") && text.contains("SuccessfullyDeleted") {
        let body: Value = serde_json::from_str(text)?;
        let id = words.fill(row.asked.rsplit('/').next().unwrap_or_default());
        let first = id.split(',').next().unwrap_or_default();
        let stands = |list: &str| body[list]["ids"].as_array().is_some_and(|ids| ids.iter().any(|id| id == first));
        let found: Vec<&str> = lists.iter().filter(|(list, _)| stands(list)).map(|(_, name)| *name).collect();
        let [one] = found[..] else { bail!("{first} stands in {found:?}: {text}") };
        return Ok(one.to_owned());
    }
    let Some(shown) = row.detail("shows").filter(|_| status < 300 && expected.ends_with(['+', '-'])) else {
        return Ok(status.to_string());
    };
    let shown = words.fill(shown);
    ensure!(!shown.contains('{'), "{shown} was not replaced");
    Ok(format!("{status}{}", if text.contains(&shown) { '+' } else { '-' }))
}

fn is_refusal(cell: &str) -> bool {
    matches!(cell, "missing" | "denied") || cell.parse().is_ok_and(|status: u16| status >= 400)
}
