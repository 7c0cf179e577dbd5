//! The end of a user: his sessions and tokens at once, then all that is kept of him but what he said to others, also if the process is
//! killed in the middle. What others see of him afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::attachments::Made;
use crate::kept::{Mark, kept};
use crate::operator::Operator;
use crate::raw::{Over, Raw, numbered, plain};
use crate::rest::{EXPIRED, PASSWORD, Person, Rest};

/// Stands in all that is kept of the user who ends.
pub const WORD: &str = "zebrafinch";
/// Many enough that their erasure takes longer than a look at it.
const FILES: usize = 250;

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_ends_leaves_only_what_he_said() {
    end_by_himself().await.unwrap();
}

async fn end_by_himself() -> Result<()> {
    let mut natter = Natter::start(&["api.user_rate=10000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let cast = Cast::of(&rest, &natter, 3).await?;
    let Cast { ann, bob, .. } = &cast;

    natter.stop().await?;
    let before = kept(&natter, &Mark::Word(WORD.into())).await?;
    for table in ["users", "user_by_login", "user_by_email", "rosters", "privacy_lists", "kept", "messages", "blobs", "files"] {
        ensure!(before.contains_key(table), "nothing of her in {table}: {before:?}");
    }
    natter.restart().await?;

    let mut hers = Raw::signed_in(Over::WebSocket, natter.ports.ws, &ann.account).await?;
    let mut beside = Raw::signed_in(Over::Tcp, natter.ports.tcp, &ann.account).await?;
    let mut his = Raw::signed_in(Over::WebSocket, natter.ports.ws, &bob.account).await?;
    his.send("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await?;
    his.expect("id=\"r\"").await?;
    rest.done(rest.request(Method::DELETE, &format!("/users/{}", ann.account.user)).header("CB-Token", &ann.token)).await?;
    rest.refused(rest.get("/chat/Dialog.json", &ann.token), 401, EXPIRED).await?;
    for stream in [&mut hers, &mut beside] {
        let last = stream.end().await?;
        ensure!(last.contains("<not-authorized"), "the stream ended without a word: {last}");
    }
    refused_at_the_chat_door(&natter, ann).await?;
    his.expect("subscription=\"remove\"").await?;
    let report = cast.wait(&natter).await?;
    let erased = &report["erasure"]["erased"];
    // Bob's view and hers, and Carl's, who only put her on his list.
    let expected = [("contacts", 3), ("privacy_lists", 1), ("reactions", 1), ("files", 3)];
    for (kind, count) in expected.into_iter().chain([("private_dialogs", 1), ("dialogs_left", 1), ("last_activity", 1)]) {
        ensure!(erased[kind] == count, "{kind} is not {count} in {report}");
    }
    ensure!(!report.to_string().contains(WORD), "the report says who it was: {report}");
    cast.look(&natter, &rest).await?;
    ensure!(natter.shell(&["user", "delete", "4711"]).is_err(), "who never was cannot end");
    left_in_the_store(&mut natter, &cast).await?;

    // Her name is free, and who takes it is somebody else.
    natter.restart().await?;
    let another = rest.sign_up(&ann.login).await?;
    ensure!(another.account.user != ann.account.user, "an id was given again");
    ensure!(rest.done(rest.get("/chat/Dialog.json", &another.token)).await?["total_entries"] == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_goes_on_after_a_kill() {
    end_by_the_operator_with_kills().await.unwrap();
}

async fn end_by_the_operator_with_kills() -> Result<()> {
    let mut natter =
        Natter::start(&["api.user_rate=10000", "api.app_rate=100000", "storage.unfinished_per_user_max=1000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let cast = Cast::of(&rest, &natter, FILES).await?;
    let operator = Operator::renewed(&natter)?;
    let user = cast.ann.account.user.to_string();
    natter.shell(&["user", "delete", &user])?;
    // Killed in the middle of her files.
    let mut report = Value::Null;
    let middle = async {
        loop {
            report = cast.report(&natter, &operator).await?;
            if report["erasure"]["erased"]["files"].as_u64().unwrap_or_default() > 0 {
                return anyhow::Ok(());
            }
        }
    };
    timeout(PATIENCE, middle).await.context("her files do not go")??;
    ensure!(report["erasure"]["state"] == "running", "it had ended before the kill: {report}");
    // And once more as soon as it goes on.
    for _ in 0..2 {
        natter.kill().await?;
        natter.restart().await?;
        rest.refused(rest.get("/chat/Dialog.json", &cast.ann.token), 401, EXPIRED).await?;
    }
    let report = cast.wait(&natter).await?;
    let files = report["erasure"]["erased"]["files"].as_u64().unwrap_or_default();
    // Of the page under way nothing is counted.
    ensure!((1..=FILES as u64).contains(&files), "{report}");
    cast.look(&natter, &rest).await?;
    left_in_the_store(&mut natter, &cast).await
}

// === helpers ===

/// She who ends, and who knows her.
pub struct Cast {
    pub ann: Person,
    pub bob: Person,
    pub carl: Person,
    pub private: String,
    pub group: String,
}

impl Cast {
    /// Of all that is kept of a user she has something, with the word in it.
    pub async fn of(rest: &Rest, natter: &Natter, files: usize) -> Result<Cast> {
        let app_token = rest.app_token().await?;
        let profile = json!({"full_name": format!("Ann {WORD}"), "email": format!("{WORD}@example.test")});
        let ann = rest.sign_up_as(&app_token, &format!("{WORD}ann"), profile).await?;
        let (bob, carl) = (rest.sign_up("bob").await?, rest.sign_up("carl").await?);
        let private = rest.dialog(&ann, &bob).await?;
        say(rest, &ann, &private, &format!("private {WORD}")).await?;
        say(rest, &bob, &private, "an answer").await?;
        let body = json!({"type": 2, "name": "group", "occupants_ids": [bob.account.user, carl.account.user]});
        let group = rest.done(rest.post("/chat/Dialog.json", &ann.token, &body)).await?;
        let group = group["_id"].as_str().context("_id")?.to_owned();
        say(rest, &ann, &group, &format!("to all {WORD}")).await?;
        let said = say(rest, &bob, &group, "liked").await?;
        let react = rest.request(Method::PUT, &format!("/chat/Message/{said}/reactions")).header("CB-Token", &ann.token);
        rest.done(react.json(&json!({"add": WORD}))).await?;
        for _ in 0..files {
            let made = Made::by(rest, &ann, &format!("{WORD}.png")).await?;
            ensure!(made.upload(rest, WORD.as_bytes()).await?.0 == 201);
            made.complete(rest, &ann, WORD.len()).await?;
        }
        let cast = Cast { ann, bob, carl, private, group };
        cast.meet(natter).await?;
        Ok(cast)
    }

    /// Contacts, a privacy list, and a message that waits for her outside the log.
    async fn meet(&self, natter: &Natter) -> Result<()> {
        let jid = |person: &Person| format!("{}-{}@localhost", person.account.user, person.account.app);
        let add = |jid: &str, name: &str| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='{jid}' name='{name}'/>\
                 </query></iq>"
            )
        };
        let presence = |to: &str, kind: &str| format!("<presence xmlns='jabber:client' to='{to}' type='{kind}'/>");
        let mut hers = Raw::signed_in(Over::WebSocket, natter.ports.ws, &self.ann.account).await?;
        let mut his = Raw::signed_in(Over::WebSocket, natter.ports.ws, &self.bob.account).await?;
        hers.send(&add(&jid(&self.bob), WORD)).await?;
        hers.expect("id=\"add\"").await?;
        hers.send(&presence(&jid(&self.bob), "subscribe")).await?;
        his.expect("type=\"subscribe\"").await?;
        his.send(&presence(&jid(&self.ann), "subscribed")).await?;
        hers.expect("type=\"subscribed\"").await?;
        let mut carls = Raw::signed_in(Over::WebSocket, natter.ports.ws, &self.carl.account).await?;
        carls.send(&add(&jid(&self.ann), WORD)).await?;
        carls.expect("id=\"add\"").await?;
        let stranger = format!("999999-{}@localhost", self.ann.account.app);
        hers.send(&format!(
            "<iq xmlns='jabber:client' type='set' id='list'><query xmlns='jabber:iq:privacy'><list name='{WORD}'>\
             <item type='jid' value='{stranger}' action='deny' order='1'/></list></query></iq>"
        ))
        .await?;
        hers.expect("id=\"list\"").await?;
        hers.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>").await?;
        hers.end().await?;
        let (to, id) = (jid(&self.ann), numbered(7));
        his.send(&format!(
            "<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><body>kept {WORD}</body><extraParams/></message>"
        ))
        .await?;
        his.send("<iq xmlns='jabber:client' type='get' id='done'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
        his.expect("id=\"done\"").await?;
        Ok(())
    }

    async fn report(&self, natter: &Natter, operator: &Operator) -> Result<Value> {
        let path = format!("/admin/v1/apps/1/erasures/{}", self.ann.account.user);
        let url = format!("http://localhost:{}{path}", natter.ports.console);
        let answer = http()?.get(url).basic_auth(&operator.name, Some(&operator.password)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// The report, when all is gone.
    pub async fn wait(&self, natter: &Natter) -> Result<Value> {
        let report = natter.shell(&["user", "delete", "--wait", &self.ann.account.user.to_string()])?;
        let report: Value = serde_json::from_str(&report)?;
        ensure!(report["erasure"]["state"] == "done", "{report}");
        Ok(report)
    }

    /// What is left for those who knew her.
    async fn look(&self, natter: &Natter, rest: &Rest) -> Result<()> {
        let Cast { ann, bob, carl, private, group } = self;
        let (her, token) = (ann.account.user, &bob.token);
        ensure!(rest.send(rest.get(&format!("/users/{her}"), token)).await?.status == 404, "she is found");
        let list = rest.done(rest.get("/chat/Dialog.json", token)).await?;
        let dialogs = list["items"].as_array().context("items")?;
        let of = |id: &str| dialogs.iter().find(|dialog| dialog["_id"] == id).with_context(|| format!("no {id} in {list}"));
        // A private dialog is of its pair for ever; a group goes on without her, under the oldest of the others.
        let mut pair = vec![her, bob.account.user];
        pair.sort_unstable();
        ensure!(of(private)?["occupants_ids"] == json!(pair), "{list}");
        ensure!(of(group)?["occupants_ids"] == json!([bob.account.user, carl.account.user]), "{list}");
        ensure!(of(group)?["user_id"] == bob.account.user, "{list}");
        ensure!(rest.bodies(token, private).await? == [format!("private {WORD}"), "an answer".to_owned()]);
        ensure!(rest.bodies(&carl.token, group).await? == [format!("to all {WORD}"), "liked".to_owned()]);
        let messages = rest.done(rest.get(&format!("/chat/Message.json?chat_dialog_id={group}"), token)).await?;
        ensure!(messages["items"][0]["sender_id"] == her, "{messages}");
        ensure!(messages["items"][1]["reactions"].is_null(), "{messages}");
        let unread = rest.done(rest.get("/chat/Message/unread.json", token)).await?;
        ensure!(unread["total"].is_u64(), "{unread}");

        let body = json!({"chat_dialog_id": private, "message": "hello?", "send_to_chat": 1});
        let answer = rest.send(rest.post("/chat/Message.json", token, &body)).await?;
        ensure!(answer.status == 404, "what is said to nobody was taken: {answer:?}");
        for person in [bob, carl] {
            let mut stream = Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
            stream.send("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await?;
            let roster = stream.expect("</iq>").await?;
            ensure!(!roster.contains(&format!("{her}-1@")), "{} still has her: {roster}", person.login);
        }
        Ok(())
    }
}

async fn refused_at_the_chat_door(natter: &Natter, person: &Person) -> Result<()> {
    for password in [PASSWORD, &person.token] {
        let mut stream = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
        stream.open().await?;
        let account = natter_tests::client::Account { password: password.into(), ..person.account.clone() };
        stream.send(&plain(&account)).await?;
        stream.expect("<not-authorized").await?;
    }
    Ok(())
}

/// Says something in a dialog, and gives its id.
pub async fn say(rest: &Rest, person: &Person, dialog: &str, text: &str) -> Result<String> {
    let body = json!({"chat_dialog_id": dialog, "message": text, "send_to_chat": 1});
    let said = rest.done(rest.post("/chat/Message.json", &person.token, &body)).await?;
    Ok(said["_id"].as_str().context("_id")?.to_owned())
}

/// Messages of hers stay; of other rows only those that have to say that she was.
async fn left_in_the_store(natter: &mut Natter, cast: &Cast) -> Result<()> {
    natter.stop().await?;
    let words = kept(natter, &Mark::Word(WORD.into())).await?;
    ensure!(words == BTreeMap::from([("messages".to_owned(), 2)]), "{words:?}");
    let rows = kept(natter, &Mark::User(1, cast.ann.account.user)).await?;
    ensure!(rows == BTreeMap::from([("users".to_owned(), 1), ("erasures".to_owned(), 1)]), "{rows:?}");
    Ok(())
}
