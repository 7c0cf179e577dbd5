//! Attachments on a real process: large files in little memory, kills in the middle and at the end, quotas, names and owners that
//! are tricks, and what the log must not hold.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_tests::process::Natter;
use reqwest::Method;
use rustix::fs::{FallocateFlags, fallocate};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::disk_full::free_bytes;
use crate::rest::{Person, Rest};
use crate::verdict::Verdict;

const PATIENCE: Duration = Duration::from_secs(120);
const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_file_of_200_megabytes_goes_up_and_down_in_little_memory() {
    go_up_and_down().await.unwrap();
}

async fn go_up_and_down() -> Result<()> {
    const SIZE: usize = 200 * MIB;
    let natter = Natter::start(&["storage.file_bytes_max=300000000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let made = Made::by(&rest, &ann, "large.bin").await?;
    let before = natter.resident_bytes_max()?;

    let mut upload = made.begin(&natter, SIZE).await?;
    let chunk = pattern();
    for _ in 0..SIZE / MIB {
        timeout(PATIENCE, upload.write_all(&chunk)).await.context("the server reads no more")??;
    }
    ensure!(status(&end(upload).await?) == 201);
    made.complete(&rest, &ann, SIZE).await?;

    let mut download = TcpStream::connect(("127.0.0.1", natter.ports.rest_plain)).await?;
    let head = format!("GET /blobs/{} HTTP/1.1\r\nHost: x\r\nCB-Token: {}\r\nConnection: close\r\n\r\n", made.uid, ann.token);
    download.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(PATIENCE, download.read_to_end(&mut answer)).await??;
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").context("no head")? + 4;
    ensure!(answer.len() - body == SIZE && answer[body..].chunks(MIB).all(|part| part == chunk), "the file is another");

    let grown = natter.resident_bytes_max()?.saturating_sub(before);
    ensure!(grown < 48 * MIB as u64, "{grown} bytes of memory for a file of {SIZE}");
    Ok(())
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_nothing_and_one_after_the_answer_takes_nothing() {
    kill_around_an_upload().await.unwrap();
}

async fn kill_around_an_upload() -> Result<()> {
    const SIZE: usize = 4 * MIB;
    let mut natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let made = Made::by(&rest, &ann, "photo.png").await?;
    let mut upload = made.begin(&natter, SIZE).await?;
    upload.write_all(&pattern()).await?;
    let parts = natter.data().join("blobs/parts");
    timeout(PATIENCE, async {
        while files(&parts).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .context("the upload does not begin")?;
    natter.kill().await?;
    ensure!(files(&parts).len() == 1, "it was killed in the middle");
    natter.restart().await?;
    ensure!(all_files(&natter) == 0, "half a file is none");
    ensure!(made.get(&rest, &ann).await?.0 == 404);
    rest.refused(made.completion(&rest, &ann, SIZE), 422, r#"{"errors":["the file was not uploaded"]}"#).await?;

    // The address is still good.
    let content = pattern();
    ensure!(made.upload(&rest, &content).await?.0 == 201);
    natter.kill().await?;
    natter.restart().await?;
    made.complete(&rest, &ann, content.len()).await?;
    natter.kill().await?;
    natter.restart().await?;
    let (status, found) = made.get(&rest, &ann).await?;
    ensure!(status == 200 && found == content, "{status}, {} bytes", found.len());
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    leave_in_the_middle().await.unwrap();
}

async fn leave_in_the_middle() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let made = Made::by(&rest, &ann, "photo.png").await?;
    let mut upload = made.begin(&natter, 4 * MIB).await?;
    upload.write_all(&pattern()).await?;
    until(&natter, |count| count == 1).await?;
    drop(upload);
    until(&natter, |count| count == 0).await
}

#[tokio::test]
async fn of_two_uploads_that_share_the_rest_of_a_quota_one_is_stored() {
    fill_the_quota().await.unwrap();
}

async fn fill_the_quota() -> Result<()> {
    let natter = Natter::start(&["storage.app_bytes_max=1000000", "storage.file_bytes_max=800000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let (hers, his) = (Made::by(&rest, &ann, "hers").await?, Made::by(&rest, &bob, "his").await?);
    let content = vec![7; 600_000];
    let (one, other) = tokio::join!(hers.upload(&rest, &content), his.upload(&rest, &content));
    let (one, other) = (one?, other?);
    let full = r#"{"errors":["the app has no room for more files"]}"#;
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    ensure!(statuses == [201, 413], "{one:?} {other:?}");
    ensure!(one.1 == full || other.1 == full, "{one:?} {other:?}");
    let (winner, owner, loser) = if one.0 == 201 { (hers, &ann, his) } else { (his, &bob, hers) };
    ensure!(loser.upload(&rest, &vec![7; 400_001]).await? == (413, full.to_owned()), "a byte too many");
    winner.complete(&rest, owner, 600_000).await?;
    rest.done(rest.request(Method::DELETE, &format!("/blobs/{}", winner.id)).header("CB-Token", &owner.token)).await?;
    let large = format!(r#"{{"errors":["the file is too large, at most {} bytes"]}}"#, 800_000);
    ensure!(loser.upload(&rest, &vec![7; 800_001]).await? == (413, large));
    ensure!(loser.upload(&rest, &vec![7; 800_000]).await?.0 == 201, "what was deleted counts no more");
    ensure!(all_files(&natter) == 1);
    Ok(())
}

#[tokio::test]
async fn on_a_full_volume_an_upload_under_way_is_refused_and_messages_flow() {
    fill_the_volume().await.unwrap();
}

async fn fill_the_volume() -> Result<()> {
    const SIZE: usize = 64 * MIB;
    let reserve = free_bytes(&std::env::temp_dir())?.checked_sub(512 << 20).context("the disk of the test is full itself")?;
    let natter = Natter::start(&[&format!("storage.reserve_bytes={reserve}")]).await?;
    let rest = Rest::of(&natter, 1)?;
    let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
    let made = Made::by(&rest, &ann, "large.bin").await?;
    let mut upload = made.begin(&natter, SIZE).await?;
    upload.write_all(&pattern()).await?;
    until(&natter, |count| count == 1).await?;
    let beside = tempfile::tempfile_in(natter.data())?;
    fallocate(&beside, FallocateFlags::empty(), 0, 1 << 30)?;
    for _ in 1..SIZE / MIB {
        timeout(PATIENCE, upload.write_all(&pattern())).await.context("the server reads no more")??;
    }
    let answer = end(upload).await?;
    ensure!(status(&answer) == 503 && answer.ends_with(r#"{"errors":["Not done, please try again"]}"#), "{answer}");
    ensure!(made.upload(&rest, b"12345678").await?.0 == 503, "nor does another begin");
    ensure!(all_files(&natter) == 0);
    rest.dialog(&ann, &bob).await?;

    drop(beside);
    ensure!(made.upload(&rest, b"12345678").await?.0 == 201);
    Ok(())
}

#[tokio::test]
async fn names_keys_sizes_and_owners_that_are_tricks_are_refused() {
    try_tricks().await.unwrap();
}

async fn try_tricks() -> Result<()> {
    let natter = Natter::start(&["api.user_rate=1000"]).await?;
    natter.shell(&["app", "create", "--id", "2"])?;
    let (rest, elsewhere) = (Rest::of(&natter, 1)?, Rest::of(&natter, 2)?);
    let (ann, bob, eve) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?, elsewhere.sign_up("eve").await?);
    let mut verdict = Verdict::default();
    let invalid = r#"{"errors":{"name":["is invalid"]}}"#;
    for name in ["../../x", "..", "/etc/passwd", "a\\b", "a\r\nSet-Cookie: b", "a\0b", " "] {
        let body = json!({"blob": {"name": name}});
        verdict.of(name, rest.refused(rest.post("/blobs", &ann.token, &body), 422, invalid).await);
    }
    let made = Made::by(&rest, &ann, "photo.png").await?;
    let closed = (403, r#"{"errors":["You don't have appropriate permissions to perform this operation"]}"#.to_owned());
    for path in [
        made.path.replace(&made.uid, &made.uid.chars().rev().collect::<String>()),
        made.path.replace(&made.uid, "..%2f..%2fadmin.token"),
        made.path.replace(&made.uid, &made.id.to_string()),
    ] {
        verdict.of(&path, same(&Made { path: path.clone(), ..made.clone() }.upload(&rest, b"x").await?, &closed));
    }
    let mut guessed = made.clone();
    guessed.key = guessed.key.chars().rev().collect();
    verdict.of("a wrong key", same(&guessed.upload(&rest, b"x").await?, &closed));
    ensure!(made.upload(&rest, b"12345678").await?.0 == 201);
    let again = (422, r#"{"errors":["the file was uploaded already"]}"#.to_owned());
    verdict.of("a second upload", same(&made.upload(&rest, b"other").await?, &again));
    let lie = r#"{"errors":{"size":["is not that of the uploaded file"]}}"#;
    for size in [0, 7, 9] {
        verdict.of(&format!("{size} bytes"), rest.refused(made.completion(&rest, &ann, size), 422, lie).await);
    }
    let absent = r#"{"errors":["The resource wasn't found"]}"#;
    for (who, person) in [("bob", &bob), ("eve", &eve)] {
        verdict.of(&format!("{who} completes"), rest.refused(made.completion(&rest, person, 8), 404, absent).await);
        let deletion = rest.request(Method::DELETE, &format!("/blobs/{}", made.id)).header("CB-Token", &person.token);
        verdict.of(&format!("{who} deletes"), rest.refused(deletion, 404, absent).await);
        let renaming = rest.get(&format!("/blobs/{}.json?blob[name]=his", made.id), &person.token);
        verdict.of(&format!("{who} renames"), rest.refused(renaming, 404, absent).await);
    }
    made.complete(&rest, &ann, 8).await?;
    verdict.of("eve downloads", same(&made.get(&rest, &eve).await?.0, &404));
    verdict.of("bob downloads", same(&made.get(&rest, &bob).await?, &(200, b"12345678".to_vec())));
    verdict.of("one file", same(&all_files(&natter), &1));
    verdict.pronounce()
}

#[tokio::test]
async fn neither_tokens_nor_upload_keys_reach_the_log() {
    log_everything().await.unwrap();
}

async fn log_everything() -> Result<()> {
    let natter = Natter::start(&["telemetry.log=debug"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let ann = rest.sign_up("ann").await?;
    let made = Made::by(&rest, &ann, "photo.png").await?;
    ensure!(made.upload(&rest, b"12345678").await?.0 == 201);
    made.complete(&rest, &ann, 8).await?;
    let url = format!("/blobs/{}?token={}", made.uid, ann.token);
    ensure!(rest.request(Method::GET, &url).send().await?.status() == 200);
    let log = std::fs::read_to_string(natter.log())?;
    ensure!(log.contains("blobs/{}/upload"), "the log holds what is asked");
    for (what, secret) in [("the token", &ann.token), ("the key", &made.key), ("the uid", &made.uid)] {
        ensure!(!log.contains(secret.as_str()), "{what} stands in the log");
    }
    Ok(())
}

/// A blob and its upload.
#[derive(Clone)]
pub struct Made {
    pub id: u64,
    pub uid: String,
    /// Of the upload's address, without its query.
    path: String,
    key: String,
}

impl Made {
    pub async fn by(rest: &Rest, owner: &Person, name: &str) -> Result<Made> {
        Made::of(rest, owner, &json!({"blob": {"name": name, "content_type": "image/png"}})).await
    }

    /// As a request describes it.
    pub async fn of(rest: &Rest, owner: &Person, body: &Value) -> Result<Made> {
        let made = rest.done(rest.post("/blobs", &owner.token, body)).await?;
        let blob = &made["blob"];
        let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("no text in {made}"));
        let params = text(&blob["blob_object_access"]["params"])?;
        let (path, key) = params.strip_prefix(&rest.root).and_then(|path| path.split_once("?key=")).context("an address")?;
        Ok(Made { id: blob["id"].as_u64().context("id")?, uid: text(&blob["uid"])?, path: path.to_owned(), key: key.to_owned() })
    }

    fn head(&self) -> String {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{}\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"\
            \r\nContent-Type: application/octet-stream\r\n\r\n",
            self.key
        )
    }

    /// Status and body.
    pub async fn upload(&self, rest: &Rest, content: &[u8]) -> Result<(u16, String)> {
        let form = [self.head().as_bytes(), content, TAIL].concat();
        let request = rest.request(Method::POST, &self.path).header("Content-Type", "multipart/form-data; boundary=XX");
        let answer = rest.send(request.body(form)).await?;
        Ok((answer.status, answer.text))
    }

    /// An upload of so many bytes, of which the form up to the file is sent.
    async fn begin(&self, natter: &Natter, size: usize) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", natter.ports.rest_plain)).await?;
        let form = self.head();
        let length = form.len() + size + TAIL.len();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=XX\r\n\
            Content-Length: {length}\r\n\r\n{form}",
            self.path
        );
        stream.write_all(head.as_bytes()).await?;
        Ok(stream)
    }

    fn completion(&self, rest: &Rest, person: &Person, size: usize) -> reqwest::RequestBuilder {
        let request = rest.request(Method::PUT, &format!("/blobs/{}/complete.json", self.id));
        request.header("CB-Token", &person.token).json(&json!({ "size": size }))
    }

    pub async fn complete(&self, rest: &Rest, owner: &Person, size: usize) -> Result<()> {
        rest.done(self.completion(rest, owner, size)).await.map(drop)
    }

    pub async fn get(&self, rest: &Rest, person: &Person) -> Result<(u16, Vec<u8>)> {
        let answer = rest.get(&format!("/blobs/{}", self.uid), &person.token).send().await?;
        Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
    }
}

const TAIL: &[u8] = b"\r\n--XX--\r\n";

/// Ends an upload that [`Made::begin`] began, and reads the answer.
async fn end(mut upload: TcpStream) -> Result<String> {
    upload.write_all(TAIL).await?;
    let mut answer = String::new();
    timeout(PATIENCE, upload.read_to_string(&mut answer)).await.context("no answer")??;
    Ok(answer)
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// A mebibyte in which no part is like another.
fn pattern() -> Vec<u8> {
    (0..MIB as u32 / 4).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Files of users, parts included.
fn all_files(natter: &Natter) -> usize {
    let root = natter.data().join("blobs");
    files(&root).iter().map(|folder| files(&root.join(folder)).len()).sum()
}

async fn until(natter: &Natter, is_so: impl Fn(usize) -> bool) -> Result<()> {
    let so = async {
        while !is_so(all_files(natter)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, so).await.with_context(|| format!("{} files", all_files(natter)))
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<()> {
    if found != expected {
        bail!("{found:?}, not {expected:?}");
    }
    Ok(())
}
