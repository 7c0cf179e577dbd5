//! The life of an app: described by a file, suspended and opened again, deleted with all that is in it, also if the process is killed
//! in the middle. Another app of the installation notices nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::attachments::Made;
use crate::erase::say;
use crate::kept::{Mark, kept};
use crate::raw::{Over, Raw, plain};
use crate::rest::{Person, Rest};

const PATIENCE: Duration = Duration::from_secs(120);
const SUSPENDED: &str = r#"{"errors":{"base":["This application is suspended"]}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_what_its_file_says_however_often_it_is_applied() {
    apply().await.unwrap();
}

async fn apply() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let apply = |natter: &Natter, path: &str| -> Result<Value> {
        let said = natter.shell(&["app", "apply", "-f", path])?;
        ensure!(!said.contains("s3cret"), "a secret was printed: {said}");
        Ok(serde_json::from_str(&said)?)
    };
    let toml =
        file("app.toml", "id = 7\ntitle = \"Seven\"\nauth_key = \"k7\"\nauth_secret = \"s3cret\"\n[quotas]\nsessions = 3\n")?;
    let made = apply(&natter, &toml)?;
    ensure!(made["outcome"] == "created" && made["app"]["quotas"]["sessions"] == 3, "{made}");
    ensure!(apply(&natter, &toml)?["outcome"] == "unchanged");
    let rest = Rest::of(&natter, 7)?;
    ensure!((rest.auth_key.as_str(), rest.auth_secret.as_str()) == ("k7", "s3cret"));
    let ann = rest.sign_up("ann").await?;

    // Another key opens it, and the old one does not; who is signed in stays.
    let other = file("app.json", r#"{"id": 7, "auth_key": "other", "quotas": {}}"#)?;
    let changed = apply(&natter, &other)?;
    ensure!(changed["outcome"] == "changed" && changed["changed"] == json!(["auth_key", "quotas"]), "{changed}");
    ensure!(changed["app"]["title"] == "Seven" && changed["app"]["quotas"].is_null(), "{changed}");
    rest.refused(rest.session(None), 401, r#"{"errors":["Unauthorized"]}"#).await?;
    rest.done(rest.get("/chat/Dialog.json", &ann.token)).await?;
    natter.kill().await?;
    natter.restart().await?;
    ensure!(apply(&natter, &other)?["outcome"] == "unchanged", "what was applied is durable");
    Rest::of(&natter, 7)?.app_token().await?;

    let taken = file("taken.toml", "id = 8\nauth_key = \"other\"\n")?;
    let wrong = file("wrong.toml", "id = 7\n\nauth_secrt = \"s3cret\"\n")?;
    for (path, words) in [(taken, "auth_key has already been taken"), (wrong, "line 3: unknown field `auth_secrt`")] {
        let refusal = natter.shell(&["app", "apply", "-f", &path]).err().context("it was applied")?.to_string();
        ensure!(refusal.contains(words) && !refusal.contains("s3cret"), "{refusal}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_app_lets_nobody_in_and_is_as_before_when_it_is_resumed() {
    suspend().await.unwrap();
}

async fn suspend() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    let (app, beside) = (App::made(&natter, 2).await?, App::made(&natter, 1).await?);
    let mut hers = Raw::signed_in(Over::WebSocket, natter.ports.ws, &app.ann.account).await?;
    let mut elsewhere = Raw::signed_in(Over::WebSocket, natter.ports.ws, &beside.ann.account).await?;
    let before = app.state().await?;

    natter.shell(&["app", "suspend", "2"])?;
    let last = hers.end().await?;
    ensure!(last.contains("<not-authorized"), "the stream ended without a word: {last}");
    app.shut(&natter).await?;
    elsewhere.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    elsewhere.expect("id=\"p\"").await?;
    ensure!(beside.state().await? == before, "another app is different");
    natter.kill().await?;
    natter.restart().await?;
    app.shut(&natter).await?;
    natter.shell(&["app", "suspend", "2"]).context("once more")?;

    natter.shell(&["app", "resume", "2"])?;
    ensure!(app.state().await? == before, "something is missing");
    Raw::signed_in(Over::WebSocket, natter.ports.ws, &app.ann.account).await?;
    ensure!(natter.shell(&["app", "suspend", "4711"]).is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_app_leaves_its_number_and_nothing_else() {
    delete().await.unwrap();
}

async fn delete() -> Result<()> {
    let mut natter = Natter::start(&["api.user_rate=10000", "storage.unfinished_per_user_max=1000"]).await?;
    let (app, beside) = (App::made(&natter, 2).await?, App::made(&natter, 1).await?);
    for n in 0..150 {
        app.upload(&format!("{n}.png")).await?;
    }
    let left = beside.state().await?;
    let refusals = [
        (vec!["app", "delete", "2"], "say so with --yes"),
        (vec!["app", "delete", "2", "--yes"], "suspend the app before it is deleted"),
        (vec!["app", "delete", "4711", "--yes"], "App not found"),
    ];
    for (command, words) in refusals {
        let refusal = natter.shell(&command).err().context("it was deleted")?.to_string();
        ensure!(refusal.contains(words), "{refusal}");
    }
    natter.stop().await?;
    let before = kept(&natter, &Mark::App(2)).await?;
    for table in
        ["apps", "app_keys", "users", "dialogs", "messages", "message_ids", "heads", "member_state", "blobs", "blob_uids"]
    {
        ensure!(before.contains_key(table), "nothing in {table}: {before:?}");
    }
    natter.restart().await?;

    natter.shell(&["app", "suspend", "2"])?;
    natter.shell(&["app", "delete", "2", "--yes"])?;
    natter.kill().await?;
    natter.restart().await?;
    let unknown = r#"{"errors":["Unauthorized"]}"#;
    app.rest.refused(app.rest.session(None), 401, unknown).await?;
    let report: Value = serde_json::from_str(&natter.shell(&["app", "delete", "2", "--yes", "--wait"])?)?;
    ensure!(report["erasure"]["state"] == "done", "{report}");
    // Of the page that was under way at the kill nothing is counted: not one of these, which come last.
    for kind in ["files", "users", "names", "tokens"] {
        ensure!(report["erasure"]["erased"][kind].as_u64().is_some_and(|count| count > 0), "no {kind} in {report}");
    }
    ensure!(natter.shell(&["app", "create", "--id", "2"]).is_err(), "its number was given again");
    ensure!(!natter.shell(&["app", "list"])?.contains("\"id\": 2,"), "it is listed");
    // Its key is free.
    natter.shell(&["app", "create", "--id", "3", &format!("--auth-key={}", app.rest.auth_key)])?;
    ensure!(beside.state().await? == left, "another app is different");
    natter.stop().await?;
    let rows = kept(&natter, &Mark::App(2)).await?;
    ensure!(rows == BTreeMap::from([("apps".to_owned(), 1), ("erasures".to_owned(), 1)]), "{rows:?}");
    ensure!(kept(&natter, &Mark::Word("content of app 2".into())).await?.is_empty(), "a file is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_last_app_was_deleted_starts_with_another_one() {
    start_anew().await.unwrap();
}

async fn start_anew() -> Result<()> {
    let mut natter = Natter::start(&[]).await?;
    natter.shell(&["app", "suspend", "1"])?;
    natter.shell(&["app", "delete", "1", "--yes", "--wait"])?;
    natter.kill().await?;
    natter.restart().await?;
    ensure!(natter.sdk_config(1, true).is_err(), "its id is not given again");
    Rest::of(&natter, 2)?.app_token().await?;
    natter.kill().await?;
    natter.restart().await?;
    ensure!(natter.sdk_config(3, true).is_err(), "one is enough");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_held_to_quotas_of_its_own() {
    hold_to_quotas().await.unwrap();
}

async fn hold_to_quotas() -> Result<()> {
    let natter = Natter::start(&["api.user_rate=100000", "api.app_rate=100000"]).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("app.toml").display().to_string();
    let apply = |quota: &str| -> Result<()> {
        std::fs::write(&path, format!("id = 2\n[quotas]\n{quota}\n"))?;
        natter.shell(&["app", "apply", "-f", &path]).map(drop)
    };
    apply("sessions = 1")?;
    let (app, beside) = (App::made(&natter, 2).await?, App::made(&natter, 1).await?);

    let first = Raw::signed_in(Over::WebSocket, natter.ports.ws, &app.ann.account).await?;
    let refused = Raw::signed_in(Over::WebSocket, natter.ports.ws, &app.bob.account).await.err().context("a second session")?;
    ensure!(refused.to_string().contains("resource-constraint"), "{refused:#}");
    for person in [&beside.ann, &beside.bob] {
        Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
    }
    drop(first);

    let content = "content of app 2".len();
    apply(&format!("storage_bytes = {}", content + 1))?;
    let made = Made::by(&app.rest, &app.ann, "a.png").await?;
    let full = r#"{"errors":["the app has no room for more files"]}"#;
    ensure!(made.upload(&app.rest, b"xx").await? == (413, full.to_owned()), "over its bytes");
    ensure!(made.upload(&app.rest, b"x").await?.0 == 201, "up to its bytes");
    beside.upload("beside.png").await?;

    // A quota of messages is asked of the account service again after some seconds.
    apply("messages_per_second = 1")?;
    let over = async {
        loop {
            for _ in 0..20 {
                let body = json!({"chat_dialog_id": app.group, "message": "one more", "send_to_chat": 1});
                let answer = app.rest.send(app.rest.post("/chat/Message.json", &app.ann.token, &body)).await?;
                if answer.status == 429 {
                    return anyhow::Ok(());
                }
            }
        }
    };
    timeout(PATIENCE, over).await.context("it sends without end")??;
    for _ in 0..20 {
        say(&beside.rest, &beside.ann, &beside.group, "one more").await?;
    }

    apply("requests_per_second = 2")?;
    let asked = (0..20).map(|_| app.rest.send(app.rest.get("/chat/Dialog.json", &app.ann.token)));
    let answers = futures::future::try_join_all(asked).await?;
    ensure!(answers.iter().any(|answer| answer.status == 429), "twenty at once were answered");
    let asked = (0..20).map(|_| beside.rest.done(beside.rest.get("/chat/Dialog.json", &beside.ann.token)));
    futures::future::try_join_all(asked).await?;
    Ok(())
}

// === helpers ===

/// An app with two users, who talk and have files.
struct App {
    rest: Rest,
    ann: Person,
    bob: Person,
    group: String,
    file: Made,
}

impl App {
    async fn made(natter: &Natter, id: u64) -> Result<App> {
        // The first is there, and one that a test has described.
        if id > 1 && Rest::of(natter, id).is_err() {
            natter.shell(&["app", "create", "--id", &id.to_string()])?;
        }
        let rest = Rest::of(natter, id)?;
        let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
        let private = rest.dialog(&ann, &bob).await?;
        say(&rest, &ann, &private, "between us").await?;
        let body = json!({"type": 2, "name": "group", "occupants_ids": [bob.account.user]});
        let group = rest.done(rest.post("/chat/Dialog.json", &ann.token, &body)).await?;
        let group = group["_id"].as_str().context("_id")?.to_owned();
        say(&rest, &bob, &group, "to all").await?;
        let body = json!({"blob": {"name": "public.png", "public": true}});
        let file = Made::of(&rest, &ann, &body).await?;
        let app = App { rest, ann, bob, group, file };
        app.fill(&app.file).await?;
        Ok(app)
    }

    async fn upload(&self, name: &str) -> Result<()> {
        self.fill(&Made::by(&self.rest, &self.ann, name).await?).await
    }

    async fn fill(&self, made: &Made) -> Result<()> {
        let content = format!("content of app {}", self.rest.app);
        ensure!(made.upload(&self.rest, content.as_bytes()).await?.0 == 201);
        made.complete(&self.rest, &self.ann, content.len()).await
    }

    /// What Ann sees of it: her dialogs by kind, with their last messages and unread counts.
    async fn state(&self) -> Result<Vec<(u64, String, u64)>> {
        let list = self.rest.done(self.rest.get("/chat/Dialog.json?sort_asc=type", &self.ann.token)).await?;
        let items = list["items"].as_array().context("items")?;
        let text = |item: &Value| item["last_message"].as_str().unwrap_or_default().to_owned();
        let mut seen: Vec<_> = items
            .iter()
            .map(|item| (item["type"].as_u64().unwrap_or(0), text(item), item["unread_messages_count"].as_u64().unwrap_or(99)))
            .collect();
        seen.sort();
        ensure!(seen.len() == 2, "{list}");
        let (status, _) = self.file.get(&self.rest, &self.ann).await?;
        ensure!(status == 200, "the file answers {status}");
        Ok(seen)
    }

    /// Nobody gets in, by whatever door.
    async fn shut(&self, natter: &Natter) -> Result<()> {
        let App { rest, ann, group, file, .. } = self;
        rest.refused(rest.session(None), 403, SUSPENDED).await?;
        let user = json!({"login": ann.login, "password": ann.account.password});
        rest.refused(rest.session(Some(user)), 403, SUSPENDED).await?;
        rest.refused(rest.get("/chat/Dialog.json", &ann.token), 403, SUSPENDED).await?;
        let body = json!({"chat_dialog_id": group, "message": "no", "send_to_chat": 1});
        rest.refused(rest.post("/chat/Message.json", &ann.token, &body), 403, SUSPENDED).await?;
        let body = json!({"user": {"login": "eve", "password": "12345678"}});
        let sign_up = rest.request(Method::POST, "/users.json").header("CB-AuthKey", &rest.auth_key).json(&body);
        rest.refused(sign_up, 403, SUSPENDED).await?;
        rest.refused(rest.request(Method::GET, &format!("/blobs/{}", file.uid)), 403, SUSPENDED).await?;
        for password in [ann.account.password.clone(), ann.token.clone()] {
            let mut stream = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
            stream.open().await?;
            let account = natter_tests::client::Account { password, ..ann.account.clone() };
            stream.send(&plain(&account)).await?;
            stream.expect("<not-authorized").await?;
        }
        Ok(())
    }
}
