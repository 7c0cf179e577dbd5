//! The dialog that a row is about, as each column meets it, and what those who belong to it see of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use natter_proto::MessageId;
use natter_tests::rights::{Column, Kind, Row};
use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Cast, Who, phone};
use super::files::{self, Files};
use crate::rest::PASSWORD;

/// A dialog, and what was said in it.
pub struct Scene {
    /// None: of no dialog.
    main: Option<String>,
    /// The private dialog that its other member deleted for himself.
    deleted: Option<String>,
    /// By who wrote it, and whether in the deleted dialog.
    messages: BTreeMap<(Who, bool), Said>,
    files: Files,
    /// What the owner and another see, as long as nobody changed it.
    seen: Option<(bool, String)>,
}

#[derive(Clone)]
struct Said {
    id: String,
    text: String,
}

/// What the words in braces stand for.
#[derive(Clone, Default)]
pub struct Words(BTreeMap<&'static str, String>);

impl Words {
    pub fn get(&self, word: &str) -> &str {
        self.0.get(word).map_or("", String::as_str)
    }

    pub fn set(&mut self, word: &'static str, value: impl ToString) {
        self.0.insert(word, value.to_string());
    }

    /// The text with all words replaced.
    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    }

    /// The same of messages that nobody wrote, of a dialog that nobody made, or of a file.
    pub fn of_nothing(&self, words: &[&'static str]) -> Words {
        let mut others = self.clone();
        words.iter().for_each(|word| {
            others.set(
                word,
                match *word {
                    "file" | "subscription" => "9007199254740990",
                    "file_uid" => "A0000000000000000000000000000000",
                    _ => self.get("nothing"),
                },
            );
        });
        let dialog = others.get("dialog").to_owned();
        if words.contains(&"dialog") {
            others.set("room", format!("{}_{dialog}@muc.localhost", self.get("app")));
        }
        others
    }
}

impl Scene {
    /// Makes what all columns have in common.
    pub async fn open(cast: &mut Cast<'_>, row: &Row) -> Result<Scene> {
        let mut scene = Scene { main: None, deleted: None, messages: BTreeMap::new(), files: Files::default(), seen: None };
        let owner = cast.token(Who::Owner).await?;
        match row.kind {
            Kind::Nothing => {}
            Kind::Private => scene.main = Some(pair(cast, Who::Member).await?),
            Kind::Group => {
                let (member, admin) = (cast.id(Who::Member).await?, cast.id(Who::Admin).await?);
                let (former, witness) = (cast.id(Who::Former).await?, cast.id(Who::Witness).await?);
                let name = format!("secret name {}", cast.house.fresh());
                let body = json!({
                    "type": 2, "name": name, "occupants_ids": format!("{member}, {admin}, {former}, {witness}"), "admins_ids": [admin]
                });
                let made = cast.rest.done(cast.rest.post("/chat/Dialog", &owner, &body)).await?;
                scene.main = Some(text_of(&made, "_id")?);
            }
            Kind::Public | Kind::Broadcast => {
                let name = format!("secret name {}", cast.house.fresh());
                let body = json!({"type": row.kind.number(), "name": name});
                let made = cast.rest.done(cast.rest.post("/chat/Dialog", &owner, &body)).await?;
                let dialog = text_of(&made, "_id")?;
                for who in [Who::Member, Who::Admin, Who::Former, Who::Witness] {
                    let token = cast.token(who).await?;
                    cast.rest.done(cast.rest.post(&format!("/chat/Dialog/{dialog}/subscribe"), &token, &json!({}))).await?;
                }
                let admins = json!({"push_all": {"admins_ids": [cast.id(Who::Admin).await?]}});
                put(cast, &owner, &format!("/chat/Dialog/{dialog}/admins"), &admins).await?;
                scene.main = Some(dialog);
            }
        }
        if let Some(dialog) = scene.main.clone().filter(|_| row.kind != Kind::Private) {
            if row.names("own") {
                scene.say(cast, &dialog, Who::Former, false).await?;
            }
            let former = cast.token(Who::Former).await?;
            let leave = cast.rest.request(Method::DELETE, &format!("/chat/Dialog/{dialog}/subscribe"));
            cast.rest.done(leave.header("CB-Token", &former)).await?;
            if row.has("preview") {
                let allowed = json!({"permissions": {"allow_preview": true}});
                put(cast, &owner, &format!("/chat/Dialog/{dialog}"), &allowed).await?;
            }
        }
        Ok(scene)
    }

    /// The words of a row in a column. What it names and is not there yet is said.
    pub async fn words(&mut self, cast: &mut Cast<'_>, row: &Row, column: Column) -> Result<Words> {
        let mut words = Words::default();
        let me = match Who::of(column) {
            Some(who) => cast.id(who).await?,
            None if column == Column::Other => cast.other.account.user,
            None => cast.id(Who::Owner).await?,
        };
        let number = cast.house.fresh();
        words.set("me", me);
        words.set("app", cast.rest.app);
        words.set("key", &cast.rest.auth_key);
        words.set("password", PASSWORD);
        words.set("fresh", format!("fresh{number}"));
        words.set("nowhere", MessageId::from_random(0x6bff_0000, number.to_be_bytes()));
        words.set("nothing", MessageId::from_random(0x6bfe_0000, number.to_be_bytes()));
        words.set("id", MessageId::from_random(0x6b00_0000, number.to_be_bytes()));
        for (word, who) in [
            ("owner", Who::Owner),
            ("member", Who::Member),
            ("witness", Who::Witness),
            ("guest", Who::Guest),
            ("admin", Who::Admin),
        ] {
            if row.names(word) {
                words.set(word, cast.id(who).await?);
            }
        }
        let login = cast.person(Who::Owner).await?.login.clone();
        words.set("phone", phone(login.trim_start_matches("owner").parse()?));
        words.set("login", login);
        words.set("peer", address(cast, peer(row.kind, column)).await?);
        if row.names("guest_address") {
            words.set("guest_address", address(cast, Who::Guest).await?);
        }
        self.files.name(cast, row, &mut words).await?;
        if let Some(dialog) = self.dialog(cast, row, column).await? {
            words.set("room", format!("{}_{dialog}@muc.localhost", cast.rest.app));
            if row.names("theirs") || row.names("text") || row.has("theirs") {
                let theirs = self.said(cast, row, column, peer(row.kind, column)).await?;
                words.set("theirs", theirs.id);
                words.set("text", theirs.text);
            }
            if row.names("own") {
                let author = Who::of(column).filter(|who| may_write(row.kind, *who));
                words.set("own", self.said(cast, row, column, author.unwrap_or(peer(row.kind, column))).await?.id);
            }
            words.set("dialog", dialog);
        }
        Ok(words)
    }

    /// The dialog as this column knows it.
    async fn dialog(&mut self, cast: &mut Cast<'_>, row: &Row, column: Column) -> Result<Option<String>> {
        if row.kind != Kind::Private || column != Column::Former {
            return Ok(self.main.clone());
        }
        if self.deleted.is_none() {
            let dialog = pair(cast, Who::Former).await?;
            self.say(cast, &dialog, Who::Owner, true).await?;
            self.say(cast, &dialog, Who::Former, true).await?;
            let token = cast.token(Who::Former).await?;
            let delete = cast.rest.request(Method::DELETE, &format!("/chat/Dialog/{dialog}")).header("CB-Token", token);
            cast.rest.done(delete).await?;
            self.deleted = Some(dialog);
        }
        Ok(self.deleted.clone())
    }

    async fn said(&mut self, cast: &mut Cast<'_>, row: &Row, column: Column, author: Who) -> Result<Said> {
        let in_deleted = row.kind == Kind::Private && column == Column::Former;
        if let Some(said) = self.messages.get(&(author, in_deleted)) {
            return Ok(said.clone());
        }
        let dialog = self.dialog(cast, row, column).await?.context("a message of no dialog")?;
        self.say(cast, &dialog, author, in_deleted).await
    }

    async fn say(&mut self, cast: &mut Cast<'_>, dialog: &str, author: Who, in_deleted: bool) -> Result<Said> {
        self.seen = None;
        let text = format!("secret-text-{}-", cast.house.fresh());
        let token = cast.token(author).await?;
        let body = json!({"chat_dialog_id": dialog, "message": text});
        let made = cast.rest.done(cast.rest.post("/chat/Message", &token, &body)).await?;
        let said = Said { id: text_of(&made, "_id")?, text };
        self.messages.insert((author, in_deleted), said.clone());
        Ok(said)
    }

    // === what is seen ===

    /// Something happened that may be seen.
    pub fn moved(&mut self) {
        self.seen = None;
    }

    /// What the owner and another member see, and the one who asks.
    pub async fn seen(&mut self, cast: &mut Cast<'_>, row: &Row, column: Column, again: bool) -> Result<String> {
        let deleted = row.kind == Kind::Private && column == Column::Former;
        let known = self.seen.clone().filter(|(of, _)| !again && *of == deleted);
        let seen = match known {
            Some((_, seen)) => seen,
            None => {
                let mut seen = self.seen_by(cast, row, column, Who::Owner).await?;
                seen += &self.owner_seen(cast).await?;
                if row.kind != Kind::Nothing {
                    let other = if deleted { Who::Former } else { peer(row.kind, Column::Owner) };
                    seen += &self.seen_by(cast, row, column, other).await?;
                }
                self.seen = Some((deleted, seen.clone()));
                seen
            }
        };
        let own = match Who::of(column).filter(|who| *who != Who::Owner && row.kind != Kind::Nothing) {
            Some(who) => self.seen_by(cast, row, column, who).await?,
            None => String::new(),
        };
        Ok(seen + &own)
    }

    /// His dialogs, and the messages of this one; the owner's files, if the row is about one.
    async fn seen_by(&mut self, cast: &mut Cast<'_>, row: &Row, column: Column, viewer: Who) -> Result<String> {
        let me = match Who::of(column) {
            Some(who) => cast.id(who).await?,
            None => 0,
        };
        let token = cast.token(viewer).await?;
        let mut paths = vec!["/chat/Dialog".to_owned()];
        if let Some(dialog) = self.dialog(cast, row, column).await? {
            paths.push(format!("/chat/Message?chat_dialog_id={dialog}&mark_as_read=0"));
            if row.kind.is_public() && viewer == Who::Owner {
                paths.push(format!("/chat/Dialog/{dialog}/occupants"));
            }
        }
        if viewer == Who::Owner && files::are_seen(row) {
            paths.extend(["/blobs", "/data/UserReports", "/subscriptions", "/events"].map(str::to_owned));
        }
        let mut seen = String::new();
        for path in paths {
            let answer = cast.rest.send(cast.rest.get(&path, &token)).await?;
            let mut body = answer.json()?;
            settle(&mut body, me);
            seen += &format!("{viewer:?} {path}: {} {body}\n", answer.status);
        }
        Ok(seen)
    }

    async fn owner_seen(&mut self, cast: &mut Cast<'_>) -> Result<String> {
        let (id, token) = (cast.id(Who::Owner).await?, cast.token(Who::Owner).await?);
        let mut answer = cast.rest.send(cast.rest.get(&format!("/users/{id}"), &token)).await?.json()?;
        settle(&mut answer, 0);
        let login = json!({"login": cast.person(Who::Owner).await?.login, "password": PASSWORD});
        let signed_in = cast.rest.send(cast.rest.session(Some(login))).await?.status;
        Ok(format!("the owner: {answer}\nhis password: {signed_in}\n"))
    }
}

/// The one who writes what another reads: in a private dialog the other one, elsewhere the witness.
pub fn peer(kind: Kind, column: Column) -> Who {
    match (kind, column) {
        (Kind::Private, Column::Owner) => Who::Member,
        (Kind::Private | Kind::Nothing, _) => Who::Owner,
        (Kind::Group | Kind::Public | Kind::Broadcast, _) => Who::Witness,
    }
}

fn may_write(kind: Kind, who: Who) -> bool {
    kind.is_public() || who != Who::Guest
}

/// The first line in which two things seen differ.
pub fn difference(before: &str, after: &str) -> Option<String> {
    let mut pairs = before.lines().zip(after.lines());
    let changed = pairs.find(|(before, after)| before != after);
    changed.map(|(before, after)| format!("\n      before {before}\n      after  {after}"))
}

/// Leaves out what moves by itself: when somebody asked last, and what was received by anybody but `me`.
fn settle(value: &mut Value, me: u64) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| settle(value, me)),
        Value::Object(fields) => {
            fields.remove("last_request_at");
            if let Some(Value::Array(ids)) = fields.get_mut("delivered_ids") {
                ids.retain(|id| id.as_u64() == Some(me));
            }
            if let Some(status) = fields.get_mut("last_message_status").filter(|status| *status == "delivered") {
                *status = "sent".into();
            }
            fields.iter_mut().for_each(|(_, value)| settle(value, me));
        }
        _ => {}
    }
}

/// The private dialog of the owner and another.
async fn pair(cast: &mut Cast<'_>, other: Who) -> Result<String> {
    let (owner, other) = (cast.token(Who::Owner).await?, cast.id(other).await?);
    let body = json!({"type": 3, "occupants_ids": other.to_string()});
    text_of(&cast.rest.done(cast.rest.post("/chat/Dialog", &owner, &body)).await?, "_id")
}

async fn address(cast: &mut Cast<'_>, who: Who) -> Result<String> {
    Ok(format!("{}-{}@localhost", cast.id(who).await?, cast.rest.app))
}

async fn put(cast: &Cast<'_>, token: &str, path: &str, body: &Value) -> Result<()> {
    cast.rest.done(cast.rest.request(Method::PUT, path).header("CB-Token", token).json(body)).await.map(drop)
}

fn text_of(made: &Value, key: &str) -> Result<String> {
    made[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {made}"))
}
