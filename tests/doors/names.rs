//! Two apps with names of their own on one installation: by a name of an app nobody of another one is known, at either door, and what
//! a client is told carries the name that it came by. By the installation's name everybody comes.

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::raw::{OPEN, Over, Raw, numbered, plain};
use crate::rest::{EXPIRED, PASSWORD, Person, Rest};

const UNAUTHORIZED: &str = r#"{"errors":["Unauthorized"]}"#;
const NOT_FOUND: &str = r#"{"errors":["The resource wasn't found"]}"#;
const HOSTS: &str = r#"hosts=["localhost", "chat.otter.test", "api.otter.test", "chat.heron.test"]"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_name_of_an_app_only_its_users_come_in() {
    cross().await.unwrap();
}

async fn cross() -> Result<()> {
    let mut natter = Natter::start(&[HOSTS]).await?;
    let (otter, heron) = (App::made(&natter, 2, "otter").await?, App::made(&natter, 3, "heron").await?);
    for restarted in [false, true] {
        if restarted {
            natter.kill().await?;
            natter.restart().await?;
        }
        for (app, other) in [(&otter, &heron), (&heron, &otter)] {
            for name in [&app.chat, &app.api] {
                lets_in(&natter, app, name).await?;
                keeps_out(&natter, other, name).await.with_context(|| format!("{} at {name}", other.rest.app))?;
            }
            lets_in(&natter, app, "localhost").await?;
            lets_in(&natter, app, "nobody.test").await?;
        }
    }
    // Heron gives its names up; they are nobody's at once.
    natter.shell(&["app", "names", "3", "--chat", "", "--api", ""])?;
    lets_in(&natter, &otter, &heron.chat).await?;
    let taken = natter.shell(&["app", "names", "3", "--api", &otter.chat]).err().context("it was taken")?.to_string();
    ensure!(taken.contains("api_host has already been taken"), "{taken}");
    let ours = natter.shell(&["app", "names", "3", "--chat", "localhost"]).err().context("it was taken")?.to_string();
    ensure!(ours.contains("chat_host is a name of this installation"), "{ours}");
    let nobody = natter.shell(&["app", "names", "9", "--chat", "x.test"]).err().context("it was made")?.to_string();
    ensure!(nobody.contains("not found"), "{nobody}");
    // With an app its names go.
    natter.shell(&["app", "suspend", "2"])?;
    natter.shell(&["app", "delete", "2", "--yes", "--wait"])?;
    natter.shell(&["app", "names", "3", "--chat", &otter.chat, "--api", &otter.chat])?;
    let heron = App { chat: otter.chat.clone(), api: otter.chat.clone(), ..heron };
    lets_in(&natter, &heron, &otter.chat).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_came_by_different_names_know_each_other_by_the_name_each_came_by() {
    meet().await.unwrap();
}

async fn meet() -> Result<()> {
    let natter = Natter::start(&[HOSTS]).await?;
    let app = App::made(&natter, 2, "otter").await?;
    let bob = app.rest.sign_up("bob").await?;
    let group = json!({"type": 2, "name": "Both", "occupants_ids": [bob.account.user]});
    let by_own = |method, path: &str| request(&app.client, &natter, &app.api, method, path).header("CB-Token", &app.ann.token);
    let made = app.rest.done(by_own(Method::POST, "/chat/Dialog.json").json(&group)).await?;
    let id = made["_id"].as_str().context("_id")?;
    ensure!(made["xmpp_room_jid"] == format!("2_{id}@muc.chat.otter.test"), "{made}");
    let seen = app.rest.done(app.rest.get(&format!("/chat/Dialog.json?_id={id}"), &bob.token)).await?;
    ensure!(seen["items"][0]["xmpp_room_jid"] == format!("2_{id}@muc.localhost"), "{seen}");

    let (mut own, hers) = stream(&natter, Over::WebSocket, &app.ann, "CHAT.otter.test").await?;
    let (mut shared, his) = stream(&natter, Over::Tcp, &bob, "localhost").await?;
    let (ann_id, bob_id) = (app.ann.account.user, bob.account.user);
    ensure!(hers.contains(&format!("<jid>{ann_id}-2@chat.otter.test/")) && his.contains(&format!("<jid>{bob_id}-2@localhost/")));
    for (raw, host, user) in [(&mut own, "chat.otter.test", ann_id), (&mut shared, "localhost", bob_id)] {
        let room = format!("2_{id}@muc.{host}/{user}");
        raw.send(&format!("<presence xmlns='jabber:client' to='{room}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"))
            .await?;
        let joined = raw.expect(&format!("from=\"{room}\"")).await?;
        ensure!(user == ann_id || joined.contains(&format!("2_{id}@muc.localhost/{ann_id}")), "{joined}");
    }
    let came = own.expect(&format!("/{bob_id}\"")).await?;
    ensure!(came.contains(&format!("from=\"2_{id}@muc.chat.otter.test/{bob_id}\"")), "{came}");

    let chat = |to: &str, kind: &str, number: u64| {
        let keep = "<extraParams xmlns='jabber:client'><save_to_history>1</save_to_history></extraParams>";
        let id = numbered(number);
        format!("<message xmlns='jabber:client' type='{kind}' id='{id}' to='{to}'><body>x{number}</body>{keep}</message>")
    };
    // Private, each way, and to the room: spelt once for both, but for the domain.
    own.send(&chat(&format!("{bob_id}-2@chat.otter.test"), "chat", 1)).await?;
    heard(&mut shared, "x1", &format!("from=\"{ann_id}-2@localhost/")).await?;
    shared.send(&chat(&format!("{ann_id}-2@localhost"), "chat", 2)).await?;
    heard(&mut own, "x2", &format!("from=\"{bob_id}-2@chat.otter.test/")).await?;
    own.send(&chat(&format!("2_{id}@muc.chat.otter.test"), "groupchat", 3)).await?;
    heard(&mut shared, "x3", &format!("from=\"2_{id}@muc.localhost/{ann_id}\"")).await?;
    heard(&mut own, "x3", &format!("from=\"2_{id}@muc.chat.otter.test/{ann_id}\"")).await?;
    own.send("<iq xmlns='jabber:client' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>").await?;
    ensure!(own.expect("id=\"i\"").await?.contains("jid=\"muc.chat.otter.test\""), "the room service");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_the_address_of_its_app_and_is_not_shown_at_another_apps() {
    files().await.unwrap();
}

async fn files() -> Result<()> {
    let natter = Natter::start(&[HOSTS, "api.public_url=https://localhost:9"]).await?;
    let (otter, heron) = (App::made(&natter, 2, "otter").await?, App::made(&natter, 3, "heron").await?);
    let ask =
        |host: &str, method, path: &str| request(&otter.client, &natter, host, method, path).header("CB-Token", &otter.ann.token);
    let root = format!("https://api.otter.test:{}", natter.ports.rest);
    let blob = json!({"blob": {"name": "a.txt", "content_type": "text/plain", "public": true}});
    for (host, root) in [(otter.api.as_str(), root.as_str()), ("localhost", "https://localhost:9")] {
        let made = otter.rest.done(ask(host, Method::POST, "/blobs.json").json(&blob)).await?["blob"].take();
        let (id, uid) = (&made["id"], made["uid"].as_str().context("uid")?);
        let address = made["blob_object_access"]["params"].as_str().context("params")?;
        let (upload, key) = address.split_once("?key=").context("a key")?;
        ensure!(upload == format!("{root}/blobs/{uid}/upload"), "{address}");
        let field =
            |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let form = field("key", key) + &field("file", "otter") + "--XX--\r\n";
        let upload = ask(host, Method::POST, &format!("/blobs/{uid}/upload"));
        otter.rest.done(upload.header("Content-Type", "multipart/form-data; boundary=XX").body(form)).await?;
        otter.rest.done(ask(host, Method::PUT, &format!("/blobs/{id}/complete.json")).json(&json!({"size": 5}))).await?;
        let path = format!("/blobs/{uid}");
        for host in [&otter.api, &otter.chat, "localhost"] {
            let answer = request(&otter.client, &natter, host, Method::GET, &path).send().await?;
            ensure!(answer.status() == 200 && answer.text().await? == "otter", "{host}");
        }
        otter.rest.refused(request(&otter.client, &natter, &heron.api, Method::GET, &path), 404, NOT_FOUND).await?;
        let shown = otter.rest.done(ask(host, Method::GET, &format!("{path}/object"))).await?;
        ensure!(shown["blob"]["blob_object_access"]["download_url"] == format!("{root}{path}"), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_are_given_and_what_the_doctor_says_names_the_app() {
    tell().await.unwrap();
}

async fn tell() -> Result<()> {
    let natter = Natter::start(&[HOSTS]).await?;
    let plain = natter.sdk_config(2, true).is_ok();
    ensure!(!plain, "there is no app 2 yet");
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(file.path(), "id = 2\nchat_host = \"Chat.otter.test\"\napi_host = \"api.otter.test\"\n")?;
    let path = file.path().to_str().context("a path that is no text")?;
    let apply = || -> Result<Value> { Ok(serde_json::from_str(&natter.shell(&["app", "apply", "-f", path])?)?) };
    let made = apply()?;
    ensure!(made["outcome"] == "created" && made["app"]["chat_host"] == "chat.otter.test", "{made}");
    ensure!(apply()?["outcome"] == "unchanged");
    let config = natter.sdk_config(2, false)?["config"].take();
    let endpoints = json!({"api": format!("api.otter.test:{}", natter.ports.rest), "chat": "chat.otter.test"});
    ensure!(config["endpoints"] == endpoints, "{config}");
    ensure!(config["chatProtocol"]["websocket"] == format!("wss://chat.otter.test:{}", natter.ports.wss), "{config}");
    let (plain, of_first) = (natter.sdk_config(2, true)?["config"].take(), natter.sdk_config(1, true)?["config"].take());
    ensure!(plain == of_first, "on this machine all is as for an app without names: {plain}");

    let doctor = |natter: &Natter| -> Result<String> { Ok(String::from_utf8(natter.output(&["doctor"])?.stdout)?) };
    let text = doctor(&natter)?;
    ensure!(text.contains("ok    app names     certificates carry all 2 names of apps"), "{text}");
    natter.shell(&["app", "names", "2", "--api", "api.elsewhere.test"])?;
    let text = doctor(&natter)?;
    ensure!(text.contains("fail  app names     no certificate carries api.elsewhere.test of app 2: bring one"), "{text}");
    Ok(())
}

// === helpers ===

/// An app with its names, one of its users, and a client that finds the names on this machine.
struct App {
    rest: Rest,
    ann: Person,
    chat: String,
    api: String,
    client: Client,
}

impl App {
    async fn made(natter: &Natter, id: u64, word: &str) -> Result<App> {
        // One of the two has one name for both doors.
        let (chat, api) = (format!("chat.{word}.test"), format!("{}.{word}.test", if id == 2 { "api" } else { "chat" }));
        let number = id.to_string();
        natter.shell(&["app", "create", "--id", &number])?;
        natter.shell(&["app", "names", &number, "--chat", &chat, "--api", &api])?;
        let rest = Rest::of(natter, id)?;
        let ann = rest.sign_up("ann").await?;
        Ok(App { rest, ann, chat, api, client: http()? })
    }
}

/// Over plain HTTP, with the name in `Host`: what TLS adds is the name in its hello, as the SDK's check shows.
fn request(client: &Client, natter: &Natter, host: &str, method: Method, path: &str) -> RequestBuilder {
    let url = format!("http://127.0.0.1:{}{path}", natter.ports.rest_plain);
    client.request(method, url).header("Host", format!("{host}:{}", natter.ports.rest))
}

/// An available session by a name, and what its bind answered.
async fn stream(natter: &Natter, over: Over, person: &Person, host: &str) -> Result<(Raw, String)> {
    let port = if over == Over::Tcp { natter.ports.tcp } else { natter.ports.ws };
    let mut raw = Raw::connect(over, port).await?;
    raw.open_to(host).await?;
    let bound = raw.sign_in(&person.account).await?;
    Ok((raw, bound))
}

/// The next message with this body comes from there.
async fn heard(raw: &mut Raw, body: &str, from: &str) -> Result<()> {
    let text = raw.expect(&format!("<body>{body}</body>")).await?;
    let at = text.find(&format!("<body>{body}</body>")).context("the body")?;
    let head = &text[text[..at].rfind("<message ").context("a message")?..at];
    ensure!(head.contains(from), "no {from} in {head}");
    Ok(())
}

async fn lets_in(natter: &Natter, app: &App, host: &str) -> Result<()> {
    let (rest, ann) = (&app.rest, &app.ann);
    rest.done(request(&app.client, natter, host, Method::GET, "/session.json").header("CB-Token", &ann.token)).await?;
    let keys = json!({"application_id": rest.app, "auth_key": rest.auth_key, "user": {"login": "ann", "password": PASSWORD}});
    rest.done(request(&app.client, natter, host, Method::POST, "/session.json").json(&keys)).await?;
    let is_own = [&app.chat, &app.api].iter().any(|name| *name == host);
    let domain = if is_own { &app.chat } else { "localhost" };
    for over in [Over::WebSocket, Over::Tcp] {
        let (_, bound) = stream(natter, over, ann, host).await?;
        ensure!(bound.contains(&format!("<jid>{}-{}@{domain}/", ann.account.user, rest.app)), "{host}: {bound}");
    }
    Ok(())
}

async fn keeps_out(natter: &Natter, app: &App, host: &str) -> Result<()> {
    let (rest, ann) = (&app.rest, &app.ann);
    let ask = |method, path: &str| request(&app.client, natter, host, method, path);
    rest.refused(ask(Method::GET, "/session.json").header("CB-Token", &ann.token), 401, EXPIRED).await?;
    rest.refused(ask(Method::GET, "/chat/Dialog.json").header("CB-Token", &ann.token), 401, EXPIRED).await?;
    for user in [json!(null), json!({"login": "ann", "password": PASSWORD})] {
        let keys = json!({"application_id": rest.app, "auth_key": rest.auth_key, "user": user});
        rest.refused(ask(Method::POST, "/session.json").json(&keys), 401, UNAUTHORIZED).await?;
    }
    let sign_up = json!({"user": {"login": "eve", "password": PASSWORD}});
    let by_key = ask(Method::POST, "/users.json").header("CB-AuthKey", &rest.auth_key).json(&sign_up);
    rest.refused(by_key, 401, UNAUTHORIZED).await?;
    let mut by_token = ann.account.clone();
    by_token.password.clone_from(&ann.token);
    for account in [&ann.account, &by_token] {
        for (over, port) in [(Over::WebSocket, natter.ports.ws), (Over::Tcp, natter.ports.tcp)] {
            let mut raw = Raw::connect(over, port).await?;
            raw.open_to(host).await?;
            raw.send(&plain(account)).await?;
            let refused = raw.expect("</failure>").await?;
            ensure!(refused.contains("<not-authorized/>") && refused.contains("Invalid username or password"), "{refused}");
        }
    }
    // Signed in by a shared name, a stream does not go over to this one.
    let mut raw = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    raw.open().await?;
    raw.send(&plain(&ann.account)).await?;
    raw.expect("<success").await?;
    raw.send(&OPEN.replace("localhost", host)).await?;
    ensure!(raw.end().await?.contains("<host-unknown"), "it went on");
    Ok(())
}
