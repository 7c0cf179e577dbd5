//! An app leaves one installation as a file and comes to another: all that was said, counted and uploaded is there, also if the process
//! is killed in the middle, and a second time nothing changes. What is no archive is refused in one line.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::attachments::Made;
use crate::erase::{Cast, say};
use crate::rest::{PASSWORD, Person, Rest, token_of};

/// Messages of the private dialog: some batches of an import.
const MESSAGES: usize = 500;
const CONTENT: usize = 200_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_moves_with_all_that_is_of_it_also_if_the_import_is_killed() {
    moves().await.unwrap();
}

async fn moves() -> Result<()> {
    let from = Natter::start(&["api.user_rate=100000"]).await?;
    let rest = Rest::of(&from, 1)?;
    let cast = Cast::of(&rest, &from, 1).await?;
    let Cast { ann, bob, private, group, .. } = &cast;
    let made = Made::by(&rest, ann, "large.png").await?;
    let content: Vec<u8> = (0..CONTENT).map(|n| (n % 251) as u8).collect();
    ensure!(made.upload(&rest, &content).await?.0 == 201);
    made.complete(&rest, ann, CONTENT).await?;
    for n in 0..MESSAGES {
        say(&rest, ann, private, &format!("number {n}")).await?;
    }
    let removed = say(&rest, ann, private, "never said").await?;
    let force = rest.request(Method::DELETE, &format!("/chat/Message/{removed}?force=1")).header("CB-Token", &ann.token);
    rest.done(force).await?;
    let edited = say(&rest, ann, group, "first words").await?;
    let words = json!({"message": "second words", "chat_dialog_id": group});
    let edit = rest.request(Method::PUT, &format!("/chat/Message/{edited}")).header("CB-Token", &ann.token);
    rest.done(edit.json(&words)).await?;
    let before = Seen::of(&rest, &cast, &made).await?;
    ensure!(before.files == content, "the file is read");

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("app.archive");
    let path = file.to_str().context("a path")?;
    from.shell(&["export", "--app", "1", path])?;
    ensure!(std::fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "others may read it");
    ensure!(from.shell(&["export", "--all", path]).is_err(), "what is there is not overwritten");

    let mut to = Natter::start(&["first_app=false", "api.user_rate=100000"]).await?;
    let said = to.shell(&["import", "--dry-run", path])?;
    ensure!(said.contains("nothing written") && said.contains("would be taken over"), "{said}");
    ensure!(apps(&to)? == 0, "a dry run made an app");
    cut_off(&mut to, &file).await?;
    let said = to.shell(&["import", path])?;
    ensure!(said.contains("taken over"), "{said}");
    same_there(&to, &cast, &made, &before).await?;

    let again = to.shell(&["import", path])?;
    for line in again.lines().skip(1) {
        ensure!(line.contains(" 0 taken over") && line.ends_with("0 clashed"), "once more changed something: {again}");
    }
    same_there(&to, &cast, &made, &before).await?;

    // It goes on where it was.
    let rest = Rest::of(&to, 1)?;
    let (ann, bob) = (signed_in(&rest, ann).await?, signed_in(&rest, bob).await?);
    say(&rest, &ann, private, "and here").await?;
    let unread = unread(&rest, &bob).await?;
    ensure!(unread.as_u64() == before.unread[1].as_u64().map(|count| count + 1), "{unread} after {:?}", before.unread);
    let newcomer = rest.sign_up("newcomer").await?;
    ensure!(newcomer.account.user > cast.carl.account.user, "an id was given again");
    // Who wrote here meanwhile has the place: the archive's own row stays out with what its two members have read, and says so.
    let later = said_later(&from, &cast, folder.path()).await?;
    let refused = to.shell(&["import", later.to_str().context("a path")?]).err().context("a clash is no success")?;
    ensure!(refused.to_string().contains("3 rows clashed"), "{refused}");
    Ok(())
}

/// The archive of the place it comes from, where one more was written.
async fn said_later(from: &Natter, cast: &Cast, folder: &Path) -> Result<PathBuf> {
    say(&Rest::of(from, 1)?, &cast.ann, &cast.private, "and there").await?;
    let later = folder.join("later.archive");
    from.shell(&["export", "--app", "1", later.to_str().context("a path")?])?;
    Ok(later)
}

/// Sends the first part of the archive, kills the process when something of it is there, and starts it again.
async fn cut_off(to: &mut Natter, file: &Path) -> Result<()> {
    let lines = std::fs::read(file)?;
    let part = lines.len() * 4 / 5;
    let token = std::fs::read_to_string(to.data().join("admin.token"))?;
    let head = format!(
        "POST /admin/v1/archive HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        token.trim(),
        lines.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", to.ports.console)).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&lines[..part]).await?;
    let begun = std::time::Instant::now();
    while apps(to)? == 0 {
        ensure!(begun.elapsed() < PATIENCE, "nothing of the archive came");
    }
    to.kill().await?;
    to.restart().await
}

fn apps(natter: &Natter) -> Result<usize> {
    let apps: Value = serde_json::from_str(&natter.shell(&["app", "list"])?)?;
    Ok(apps["apps"].as_array().context("apps")?.len())
}

/// What the users of an app see of it.
#[derive(PartialEq, Debug)]
pub struct Seen {
    lists: Vec<Value>,
    bodies: Vec<Vec<String>>,
    pub unread: Vec<Value>,
    reactions: Vec<Value>,
    files: Vec<u8>,
}

impl Seen {
    pub async fn of(rest: &Rest, cast: &Cast, made: &Made) -> Result<Seen> {
        let mut seen = Seen { lists: vec![], bodies: vec![], unread: vec![], reactions: vec![], files: vec![] };
        for person in [&cast.ann, &cast.bob, &cast.carl] {
            seen.lists.push(rest.done(rest.get("/chat/Dialog.json", &person.token)).await?["items"].clone());
            seen.unread.push(unread(rest, person).await?);
            seen.bodies.push(rest.bodies(&person.token, &cast.group).await?);
        }
        seen.bodies.push(rest.bodies(&cast.bob.token, &cast.private).await?);
        let path = format!("/chat/Message.json?chat_dialog_id={}&mark_as_read=0", cast.group);
        for message in rest.done(rest.get(&path, &cast.bob.token)).await?["items"].as_array().context("items")? {
            seen.reactions.push(message.clone());
        }
        seen.files = made.get(rest, &cast.ann).await?.1;
        Ok(seen)
    }
}

async fn same_there(to: &Natter, cast: &Cast, made: &Made, before: &Seen) -> Result<()> {
    let rest = Rest::of(to, 1)?;
    let [ann, bob, carl] = [&cast.ann, &cast.bob, &cast.carl];
    let (ann, bob, carl) = (signed_in(&rest, ann).await?, signed_in(&rest, bob).await?, signed_in(&rest, carl).await?);
    let there = Cast { ann, bob, carl, private: cast.private.clone(), group: cast.group.clone() };
    let seen = Seen::of(&rest, &there, made).await?;
    for (n, (there, before)) in seen.lists.iter().zip(&before.lists).enumerate() {
        ensure!(there == before, "list {n}: {there:#} and was {before:#}");
    }
    ensure!(seen.unread == before.unread, "unread {:?} and was {:?}", seen.unread, before.unread);
    ensure!(seen.bodies == before.bodies, "histories are others");
    ensure!(seen.reactions == before.reactions, "{:?} and was {:?}", seen.reactions, before.reactions);
    ensure!(seen.files == before.files, "the file is another");
    Ok(())
}

/// The same person at the other place, by the password that he had.
async fn signed_in(rest: &Rest, person: &Person) -> Result<Person> {
    let session = rest.done(rest.session(Some(json!({"login": person.login, "password": PASSWORD})))).await?;
    Ok(Person { account: person.account.clone(), login: person.login.clone(), token: token_of(&session)? })
}

pub async fn unread(rest: &Rest, person: &Person) -> Result<Value> {
    Ok(rest.done(rest.get("/chat/Message/unread.json", &person.token)).await?["total"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_from_elsewhere_comes_in_and_goes_out_again_and_what_is_none_is_refused() {
    from_elsewhere().await.unwrap();
}

async fn from_elsewhere() -> Result<()> {
    let natter = Natter::start(&[]).await?;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/example.archive");
    let lines = std::fs::read_to_string(&example)?;
    let folder = tempfile::tempdir()?;
    let said = natter.shell(&["import", example.to_str().context("a path")?])?;
    ensure!(said.starts_with("14 lines read\n"), "{said}");
    let back = folder.path().join("back.archive");
    natter.shell(&["export", "--app", "7", back.to_str().context("a path")?])?;
    let back = std::fs::read_to_string(back)?;
    let field = |text: &str, kind: &str, name: &str| {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut fields: Vec<String> = lines.filter(|line| line["kind"] == kind).map(|line| line[name].to_string()).collect();
        fields.sort();
        fields
    };
    for (kind, names) in [
        ("user", &["id", "login", "full_name", "created_at"][..]),
        ("dialog", &["type", "owner", "created_at", "name"]),
        ("message", &["seq", "id", "sender", "date_sent", "body"]),
        ("reactions", &["seq", "reactions"]),
        ("file", &["id", "uid", "user", "name", "size", "created_at"]),
        ("content", &["base64"]),
    ] {
        for name in names {
            ensure!(field(&back, kind, name) == field(&lines, kind, name), "{name} of {kind}: {back}");
        }
    }
    ensure!(back.lines().any(|line| line.contains(r#""user":102"#) && line.contains(r#""base":2"#)), "what she read: {back}");

    let with = |from: &str, to: &str| {
        assert!(lines.contains(from), "{from}");
        lines.replace(from, to)
    };
    for (text, words) in [
        (lines[..lines.len() / 2].to_owned(), "is no whole archive: its last line is not `end`"),
        (String::new(), "is no whole archive: it is empty"),
        (with(r#""version":1"#, r#""version":2"#), "line 1 is of an archive of version 2: this server reads version 1"),
        (with(r#"{"kind":"user","app":7,"id":102"#, r#"{"kind":"user","app":7,"id":oops"#), "line 4 cannot be read"),
        (with(r#""login":"juliet""#, r#""logon":"juliet""#), "line 4 unknown field `logon`"),
        (with(r#""lines":13"#, r#""lines":14"#), "line 14 counts 14 lines before it, and there are 13"),
        (with(r#""app":7,"title""#, r#""app":1,"title""#), "line 2 app 1: another app has this id"),
        (with(r#""login":"juliet","created_at":1700000000000"#, r#""created_at":1700000000001"#), "1 row clashed"),
        // What follows in its dialog is left out with it: what somebody has read.
        (with(r#""body":"Wilt thou"#, r#""body":"Wilt not thou"#), "2 rows clashed"),
    ] {
        let file = folder.path().join("other.archive");
        std::fs::write(&file, text)?;
        let output = natter.output(&["import", file.to_str().context("a path")?])?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || said.trim_end().lines().count() != 1 || !said.contains(words) {
            bail!("wanted one line with {words:?}, got {said:?}");
        }
    }
    let same = natter.shell(&["import", example.to_str().context("a path")?])?;
    ensure!(same.lines().skip(1).all(|line| line.contains(" 0 taken over")), "what was refused changed something: {same}");
    Ok(())
}
