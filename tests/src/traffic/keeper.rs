//! A user who changes his contacts and his privacy list one step at a time, and uploads files: after each kill he finds what was
//! answered, with at most the one step that was not, and in the end every file whose upload was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::{Account, Client, http};
use crate::heard;
use anyhow::{Context, Result, bail, ensure};
use natter_actor::Chance;
use natter_xmpp::{Element, StreamEvent, StreamReader};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

const PAUSE: Duration = Duration::from_millis(50);
const ROSTER: &str = "jabber:iq:roster";
const PRIVACY: &str = "jabber:iq:privacy";

/// Contacts and privacy list.
pub struct Keeper {
    pub me: Account,
    pub others: Vec<u64>,
    pub port: u16,
    pub tls: TlsConnector,
    pub chance: Chance,
    pub stop: Arc<AtomicBool>,
}

/// What is there: names of contacts, and whom the list denies.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Kept {
    contacts: BTreeMap<u64, String>,
    denied: BTreeSet<u64>,
}

/// Why a stream is over.
enum End {
    /// It was cut, or all is done.
    Over,
    Wrong(String),
}

impl From<anyhow::Error> for End {
    fn from(_: anyhow::Error) -> End {
        End::Over
    }
}

/// What was answered, what would be there if the step on its way were, and how many steps were answered.
#[derive(Default)]
struct State {
    kept: Kept,
    next: Option<Kept>,
    steps: usize,
    returns: usize,
}

impl Keeper {
    /// Until `stop`, and until the last step is answered. Returns the counts.
    pub async fn run(mut self) -> Result<String> {
        let mut state = State::default();
        // Whoever was never cut off looks once more at the end.
        while !self.is_over() || state.next.is_some() || state.returns < 2 {
            let Ok(client) = Client::connect(self.port, &self.tls, &self.me, false).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if let Err(End::Wrong(why)) = self.stream(client, &mut state).await {
                bail!("contacts and privacy list after {} steps: {why}", state.steps);
            }
        }
        let State { steps, returns, .. } = state;
        ensure!(steps > 0 && returns > 1, "{steps} steps, {returns} looks: nothing was tested");
        Ok(format!("contacts and blocks: {steps} steps, {returns} looks"))
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    async fn stream(&mut self, mut client: Client, state: &mut State) -> Result<(), End> {
        let mut reader = heard::reader();
        let found = self.look(&mut client, &mut reader).await?;
        if found != state.kept && state.next.as_ref() != Some(&found) {
            return Err(End::Wrong(format!("{found:?}, not {:?} or {:?}", state.kept, state.next)));
        }
        state.returns += 1;
        (state.kept, state.next) = (found, None);
        while !self.is_over() {
            let (step, next) = self.step(&state.kept, state.steps);
            state.next = Some(next);
            client.send(step).await?;
            let answer = answer(&mut client, &mut reader, "step").await?;
            if is_for_later(&answer) {
                // A store that does not answer: the step was taken or not, and is looked for.
                return Err(End::Over);
            }
            if answer.attr("type") != Some("result") {
                return Err(End::Wrong(format!("a step was refused: {}", answer.to_xml(""))));
            }
            if let Some(next) = state.next.take() {
                state.kept = next;
            }
            state.steps += 1;
            tokio::time::sleep(Duration::from_millis(self.chance.below(20))).await;
        }
        Ok(())
    }

    /// A step, and what is there after it.
    fn step(&self, kept: &Kept, n: usize) -> (String, Kept) {
        let (mut next, other) = (kept.clone(), self.others[self.chance.below(self.others.len() as u64) as usize]);
        let jid = format!("{other}-{}@localhost", self.me.app);
        let child = match self.chance.below(4) {
            0 if next.contacts.remove(&other).is_some() => {
                format!("<query xmlns='{ROSTER}'><item jid='{jid}' subscription='remove'/></query>")
            }
            0 | 1 => {
                next.contacts.insert(other, format!("name {n}"));
                format!("<query xmlns='{ROSTER}'><item jid='{jid}' name='name {n}'/></query>")
            }
            _ => {
                // Never empty, which would be no list.
                if !next.denied.remove(&other) || next.denied.is_empty() {
                    next.denied.insert(other);
                }
                let item = |(order, user): (usize, &u64)| {
                    let jid = format!("{user}-{}@localhost", self.me.app);
                    format!("<item type='jid' value='{jid}' action='deny' order='{order}'/>")
                };
                let items: String = (1..).zip(&next.denied).map(item).collect();
                format!("<query xmlns='{PRIVACY}'><list name='kept'>{items}</list></query>")
            }
        };
        (format!("<iq xmlns='jabber:client' type='set' id='step'>{child}</iq>"), next)
    }

    async fn look(&self, client: &mut Client, reader: &mut StreamReader) -> Result<Kept, End> {
        let ask = |id: &str, child: &str| format!("<iq xmlns='jabber:client' type='get' id='{id}'>{child}</iq>");
        client.send(ask("roster", &format!("<query xmlns='{ROSTER}'/>"))).await?;
        let roster = answer(client, reader, "roster").await?;
        client.send(ask("list", &format!("<query xmlns='{PRIVACY}'><list name='kept'/></query>"))).await?;
        let list = answer(client, reader, "list").await?;
        let mut kept = Kept::default();
        for item in roster.child("query", ROSTER).into_iter().flat_map(Element::elements) {
            let name = item.attr("name").unwrap_or_default().to_owned();
            kept.contacts.insert(user_of(item.attr("jid"))?, name);
        }
        if is_for_later(&roster) || is_for_later(&list) {
            return Err(End::Over);
        }
        // None was made yet.
        if list.attr("type") == Some("error") {
            return Ok(kept);
        }
        let lists = list.child("query", PRIVACY).into_iter().flat_map(Element::elements);
        for item in lists.flat_map(Element::elements) {
            kept.denied.insert(user_of(item.attr("value"))?);
        }
        Ok(kept)
    }
}

/// Refused by a server that asks to be asked again (RFC 6120, 8.3.2).
fn is_for_later(answer: &Element) -> bool {
    answer.elements().any(|child| child.name == "error" && child.attr("type") == Some("wait"))
}

/// The answer to a question of this id; what else comes is not looked at.
async fn answer(client: &mut Client, reader: &mut StreamReader, id: &str) -> Result<Element> {
    loop {
        let frame = client.next().await?.context("the stream ended")?;
        let StreamEvent::Stanza(stanza) = reader.frame(&frame)? else { bail!("the stream ended") };
        if stanza.name == "iq" && stanza.attr("id") == Some(id) && stanza.attr("type") != Some("set") {
            return Ok(stanza);
        }
    }
}

fn user_of(jid: Option<&str>) -> Result<u64, End> {
    let user = jid.and_then(|jid| jid.split('-').next()?.parse().ok());
    user.ok_or_else(|| End::Wrong(format!("{jid:?} is no JID of a user")))
}

/// Uploads.
pub struct Files {
    pub rest_port: u16,
    /// What `POST /session` takes.
    pub session: Value,
    pub stop: Arc<AtomicBool>,
}

impl Files {
    /// Until `stop`: a file after the other, each begun anew if the process died on the way. Then reads every one whose upload was
    /// answered to its end. Returns the counts.
    pub async fn run(self) -> Result<String> {
        let (mut made, mut broken) = (Vec::new(), 0_usize);
        while !self.stop.load(Ordering::Relaxed) {
            let content = format!("file {} {}", made.len(), "x".repeat(made.len() * 997 % 200_000));
            match self.upload(&content).await {
                Ok(uid) => made.push((uid, content)),
                Err(_) => {
                    broken += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        ensure!(!made.is_empty(), "no file was uploaded, {broken} were begun: nothing was tested");
        let token = self.token().await?;
        for (uid, content) in &made {
            let file = self.request(Method::GET, &format!("/blobs/{uid}"), &token)?.send().await?;
            ensure!(file.status() == 200, "file {uid}, whose upload was answered: {}", file.status());
            ensure!(file.text().await? == *content, "file {uid} has another content");
        }
        Ok(format!("{} files, {broken} broken off", made.len()))
    }

    async fn upload(&self, content: &str) -> Result<String> {
        let token = self.token().await?;
        let blob = json!({"blob": {"name": "a.txt", "content_type": "text/plain"}});
        let made = done(self.request(Method::POST, "/blobs", &token)?.json(&blob)).await?;
        let made: Value = serde_json::from_str(&made)?;
        let (uid, id) = (made["blob"]["uid"].as_str().context("a uid")?, &made["blob"]["id"]);
        let address = made["blob"]["blob_object_access"]["params"].as_str().context("an address")?;
        let (_, key) = address.split_once("?key=").context("a key")?;
        let part = |name: &str, value: &str| format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let form = format!("{}{}--X--\r\n", part("key", key), part("file", content));
        let upload = self.request(Method::POST, &format!("/blobs/{uid}/upload"), &token)?;
        done(upload.header("Content-Type", "multipart/form-data; boundary=X").body(form)).await?;
        let complete = self.request(Method::PUT, &format!("/blobs/{id}/complete"), &token)?;
        done(complete.json(&json!({"size": content.len()}))).await?;
        Ok(uid.to_owned())
    }

    async fn token(&self) -> Result<String> {
        let opened = done(self.request(Method::POST, "/session", "")?.json(&self.session)).await?;
        let opened: Value = serde_json::from_str(&opened)?;
        Ok(opened["session"]["token"].as_str().context("a token")?.to_owned())
    }

    fn request(&self, method: Method, path: &str, token: &str) -> Result<RequestBuilder> {
        Ok(http()?.request(method, format!("http://127.0.0.1:{}{path}", self.rest_port)).header("CB-Token", token))
    }
}

async fn done(request: RequestBuilder) -> Result<String> {
    let answer = request.send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "{status}");
    Ok(answer.text().await?)
}
