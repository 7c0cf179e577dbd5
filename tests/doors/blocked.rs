//! Every way by which Bob could reach Ann, tried while she keeps him out and, to know that it is one, while she does not. The
//! table is `blocked/blocked.table`; how it is read stands in `natter_tests::blocked`. `NATTER_ROW=n` tries only the row of
//! line n.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use natter_proto::MessageId;
use natter_tests::blocked::{Row, rows};
use natter_tests::client::between;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};

use crate::raw::{Over, Raw};
use crate::rest::{Person, Rest};

const TABLE: &str = include_str!("blocked/blocked.table");
/// Rows that are tried at a time.
const ROWS_AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_blocked_reaches_nobody_by_any_side_door() {
    walk().await.unwrap();
}

async fn walk() -> Result<()> {
    let natter = Natter::start(&["account.argon2.memory_kib=8", "account.argon2.passes=1", "api.user_rate=100000"]).await?;
    let only = std::env::var("NATTER_ROW").ok().and_then(|line| line.parse::<usize>().ok());
    let rows = rows(TABLE)?.into_iter().filter(|row| row.sent.is_some() && only.is_none_or(|line| line == row.line));
    let natter = &natter;
    let tried =
        rows.map(|row| async move { wrong(natter, &row).await.with_context(|| format!("line {}, {}", row.line, row.asked)) });
    let wrong: Vec<String> = stream::iter(tried).buffered(ROWS_AT_ONCE).try_concat().await?;
    ensure!(wrong.is_empty(), "it is not as the table says:\n{}", wrong.join("\n"));
    Ok(())
}

/// What is wrong with a row.
async fn wrong(natter: &Natter, row: &Row) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut say = |wrong_: String| wrong.push(format!("blocked.table:{} {}: {wrong_}", row.line, row.asked));
    let free = Scene::open(natter, row.line, false).await?.attempt(row).await?;
    if !free.reached {
        say(format!("it does not reach her anyway: {free:?}"));
    }
    let blocked = Scene::open(natter, row.line, true).await?.attempt(row).await?;
    let is_open = row.verdict == "open";
    if blocked.reached != is_open {
        say(format!("it reaches her: {}, {blocked:?}", blocked.reached));
    }
    let is_as_said = match row.verdict.as_str() {
        "others" => blocked.heard_by_cat && !blocked.is_refused(),
        "open" => !blocked.is_refused(),
        verdict => blocked.answer == verdict && !blocked.heard_by_cat,
    };
    if !is_as_said {
        say(format!("expected {}, got {blocked:?}", row.verdict));
    }
    Ok(wrong)
}

/// What came of an attempt.
#[derive(Debug)]
struct Attempt {
    /// A code or a status; `silent`, if there is none.
    answer: String,
    /// Ann heard of it, sees something new, or it was answered for her.
    reached: bool,
    heard_by_cat: bool,
}

impl Attempt {
    fn is_refused(&self) -> bool {
        self.answer == "denied" || self.answer.parse().is_ok_and(|code: u16| code >= 400)
    }
}

/// Ann, Bob and Cat, connected, what the two said to each other, and a group of the three in whose room the others are.
struct Scene {
    rest: Rest,
    bob: Person,
    cat: Person,
    ann_token: String,
    ann_says: Raw,
    bob_says: Raw,
    cat_says: Raw,
    words: BTreeMap<&'static str, String>,
}

impl Scene {
    async fn open(natter: &Natter, line: usize, blocked: bool) -> Result<Scene> {
        let rest = Rest::of(natter, 1)?;
        let name = |who: &str| format!("{who}-{line}-{blocked}");
        let (ann, bob, cat) =
            (rest.sign_up(&name("ann")).await?, rest.sign_up(&name("bob")).await?, rest.sign_up(&name("cat")).await?);
        let mut words = BTreeMap::from([("app", "1".to_owned())]);
        for (word, person) in [("ann", &ann), ("bob", &bob)] {
            words.insert(word, person.account.user.to_string());
        }
        let dialog = rest.dialog(&bob, &ann).await?;
        let members = json!({"type": 2, "name": "trip", "occupants_ids": [bob.account.user, cat.account.user]});
        let group = text(&rest.done(rest.post("/chat/Dialog", &ann.token, &members)).await?, "_id")?;
        for (word, person, dialog) in
            [("own", &bob, &dialog), ("theirs", &ann, &dialog), ("group_own", &bob, &group), ("group_theirs", &ann, &group)]
        {
            let body = json!({"chat_dialog_id": dialog, "message": word});
            words.insert(word, text(&rest.done(rest.post("/chat/Message", &person.token, &body)).await?, "_id")?);
        }
        words.insert("room", format!("1_{group}@muc.localhost"));
        words.insert("dialog", dialog);
        words.insert("group", group);
        words.insert("id", MessageId::from_random(0x6b00_0000, ann.account.user.to_be_bytes()).to_string());
        let port = natter.ports.ws;
        let (mut ann_says, mut cat_says) = (connected(port, &ann).await?, connected(port, &cat).await?);
        let bob_says = connected(port, &bob).await?;
        for (raw, person) in [(&mut ann_says, &ann), (&mut cat_says, &cat)] {
            let (room, user) = (&words["room"], person.account.user);
            raw.send(&format!("<presence xmlns='jabber:client' to='{room}/{user}' id='in'/>")).await?;
            raw.expect("code=\"110\"").await?;
        }
        if blocked {
            let kinds = "<message/><presence-in/><presence-out/><iq/>";
            let user = bob.account.user;
            let list = format!(
                "<list name='b'><item type='jid' value='{user}-1@localhost' action='deny' order='1'>{kinds}</item>\
                 <item type='jid' value='muc.localhost/{user}' action='deny' order='2'>{kinds}</item></list>"
            );
            for (id, child) in [("list", list.as_str()), ("default", "<default name='b'/>")] {
                let set = format!(
                    "<iq xmlns='jabber:client' type='set' id='{id}'><query xmlns='jabber:iq:privacy'>{child}</query></iq>"
                );
                ann_says.send(&set).await?;
                let answer = ann_says.expect(&format!("id=\"{id}\"")).await?;
                ensure!(answer.contains("type=\"result\""), "{answer}");
            }
        }
        Ok(Scene { rest, bob, cat, ann_token: ann.token, ann_says, bob_says, cat_says, words })
    }

    async fn attempt(mut self, row: &Row) -> Result<Attempt> {
        let (asked, sent) = (self.fill(&row.asked), self.fill(row.sent.as_deref().unwrap_or_default()));
        let before = self.seen().await?;
        let (answer, is_answered) = match asked.split_once(' ') {
            Some((method, path)) => (self.request(method, path, &sent).await?, false),
            None => self.stanza(&sent).await?,
        };
        self.ring("ann").await?;
        self.ring("cat").await?;
        let by_ann = self.ann_says.expect("the bell").await?;
        let by_cat = self.cat_says.expect("the bell").await?;
        let is_his = |heard: &str| self.is_his(heard);
        let reached = is_answered || is_his(&by_ann) || self.seen().await? != before;
        Ok(Attempt { answer, reached, heard_by_cat: is_his(&by_cat) })
    }

    /// Whether any of what was heard comes from Bob.
    fn is_his(&self, heard: &str) -> bool {
        let bob = &self.words["bob"];
        let (direct, in_room) = (format!("from=\"{bob}-1@"), format!("@muc.localhost/{bob}\""));
        heard.contains(&self.words["id"]) || heard.contains(&direct) || heard.contains(&in_room)
    }

    /// The answer, and whether it is one about Ann.
    async fn stanza(&mut self, stanza: &str) -> Result<(String, bool)> {
        let mut stanza = stanza.to_owned();
        stanza.insert_str(stanza.find(' ').unwrap_or_default(), " xmlns='jabber:client'");
        let id = format!("id=\"{}\"", self.words["id"]);
        self.bob_says.send(&stanza).await?;
        self.bob_says.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
        let mut heard = self.bob_says.expect("<a ").await?;
        if stanza.starts_with("<iq ") && !heard.contains(&id) {
            heard += &self.bob_says.expect(&id).await?;
        }
        // An ack does not wait for a room: what it brings is told when he is in.
        if stanza.contains("'http://jabber.org/protocol/muc'") && !heard.contains("code=\"110\"") {
            heard += &self.bob_says.expect("code=\"110\"").await?;
        }
        let answer = heard.lines().find(|line| line.contains(&id) && line.contains("type=\"error\""));
        let code = answer.and_then(|answer| between(answer, "<error code=\"", "\""));
        let is_result = heard.lines().any(|line| line.contains(&id) && line.contains("type=\"result\""));
        Ok((code.unwrap_or("silent").to_owned(), is_result))
    }

    async fn request(&self, method: &str, path: &str, sent: &str) -> Result<String> {
        let request = self.rest.request(Method::from_bytes(method.as_bytes())?, &format!("/{path}"));
        let (kind, body) = match sent.strip_prefix("form ") {
            Some(form) => ("application/x-www-form-urlencoded; charset=UTF-8", form),
            None => ("application/json;charset=utf-8", sent),
        };
        let request = request.header("CB-Token", &self.bob.token).header("Content-Type", kind).body(body.to_owned());
        let answer = self.rest.send(request).await?;
        let is_denied = answer.text.contains("WrongPermissions") && answer.json()?["WrongPermissions"]["ids"] != json!([]);
        Ok(if is_denied { "denied".to_owned() } else { answer.status.to_string() })
    }

    /// Ann's dialogs, and what stands in the one with Bob.
    async fn seen(&self) -> Result<String> {
        let dialogs = self.rest.done(self.rest.get("/chat/Dialog", &self.ann_token)).await?;
        let path = format!("/chat/Message?chat_dialog_id={}&mark_as_read=0", self.words["dialog"]);
        let messages = self.rest.done(self.rest.get(&path, &self.ann_token)).await?;
        let of = |list: &Value, keys: &[&str]| -> Vec<Value> {
            let items = list["items"].as_array().cloned().unwrap_or_default();
            items.iter().map(|item| keys.iter().map(|key| item[*key].clone()).collect()).collect()
        };
        Ok(format!("{:?} {:?}", of(&dialogs, &["_id"]), of(&messages, &["_id", "message", "reactions"])))
    }

    /// A system message of Cat, as it is heard: behind all that was told before.
    async fn ring(&self, who: &str) -> Result<()> {
        let recipient = if who == "cat" { self.cat.account.user } else { self.words["ann"].parse()? };
        let body = json!({"recipientId": recipient, "body": "the bell"});
        self.rest.done(self.rest.post("/chat/Message/system", &self.cat.token, &body)).await.map(drop)
    }

    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    }
}

/// Signed in, available, with stream management; frames reach it.
async fn connected(port: u16, person: &Person) -> Result<Raw> {
    let mut raw = Raw::signed_in(Over::WebSocket, port, &person.account).await?;
    raw.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
    raw.expect("<enabled").await?;
    raw.send(
        "<iq xmlns='jabber:client' type='get' to='1_aaaaaaaaaaaaaaaaaaaaaaaa@muc.localhost' id='announced'>\
              <query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
    )
    .await?;
    raw.expect("id=\"announced\"").await?;
    Ok(raw)
}

fn text(made: &Value, key: &str) -> Result<String> {
    made[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {made}"))
}
