//! One of two apps whose users have the same numbers and logins, and a session that remembers all it hears.

use anyhow::{Context, Result, ensure};
use natter_tests::client::Account;
use natter_tests::process::Natter;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANN, BOB, CAROL};
use crate::attachments::Made;
use crate::erase::say;
use crate::raw::{Over, Raw, numbered};
use crate::rest::{PASSWORD, Person, Rest, token_of};

/// A session, and all it ever heard.
pub struct Ear {
    pub raw: Raw,
    pub heard: String,
    pings: u32,
}

impl Ear {
    pub async fn of(natter: &Natter, person: &Person) -> Result<Ear> {
        let raw = Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
        Ok(Ear { raw, heard: String::new(), pings: 0 })
    }

    pub async fn say(&mut self, stanza: &str) -> Result<()> {
        self.raw.send(stanza).await
    }

    /// All that was told before this was asked.
    pub async fn hear(&mut self) -> Result<()> {
        self.pings += 1;
        let id = format!("ping{}", self.pings);
        self.say(&format!("<iq xmlns='jabber:client' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>")).await?;
        let heard = self.raw.expect(&format!("id=\"{id}\"")).await?;
        self.heard.push_str(&heard);
        Ok(())
    }

    /// Some stanzas end the stream: then a new one goes on.
    pub async fn try_to_say(&mut self, natter: &Natter, person: &Person, stanza: &str) -> Result<()> {
        self.say(stanza).await?;
        if self.hear().await.is_err() {
            self.heard.push_str(&self.raw.end().await?);
            self.raw = Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
        }
        Ok(())
    }
}

/// An app with two users, whose dialogs, files, contacts and lists are named alike but for a word.
pub struct App {
    word: &'static str,
    pub rest: Rest,
    pub ann: Person,
    pub bob: Person,
    pub private: String,
    pub group: String,
    pub public: String,
    said: String,
    pub hidden: Made,
    pub shared: Made,
}

impl App {
    pub async fn made(natter: &Natter, id: u64, word: &'static str) -> Result<App> {
        natter.shell(&["app", "create", "--id", &id.to_string()])?;
        let rest = Rest::of(natter, id)?;
        let (ann, bob) = (user(natter, &rest, ANN, "ann").await?, user(natter, &rest, BOB, "bob").await?);
        let profile = json!({"user": {"full_name": "Ann", "email": "ann@example.test", "website": format!("https://{word}.test"),
            "custom_data": word, "phone": "15550100", "tag_list": word}});
        rest.done(rest.request(Method::PUT, "/users.json").header("CB-Token", &ann.token).json(&profile)).await?;
        let private = rest.dialog(&ann, &bob).await?;
        say(&rest, &bob, &private, &format!("{word} between us")).await?;
        let dialog = async |kind: u64, name: &str| -> Result<String> {
            let body = json!({"type": kind, "name": name, "description": word, "occupants_ids": [BOB]});
            let made = rest.done(rest.post("/chat/Dialog.json", &ann.token, &body)).await?;
            Ok(made["_id"].as_str().context("_id")?.to_owned())
        };
        let (group, public) = (dialog(2, "team").await?, dialog(1, "all").await?);
        let said = say(&rest, &bob, &group, &format!("{word} to the team")).await?;
        let file = async |public: bool| -> Result<Made> {
            let body = json!({"blob": {"name": format!("{word}.png"), "public": public}});
            let made = Made::of(&rest, &ann, &body).await?;
            ensure!(made.upload(&rest, word.as_bytes()).await?.0 == 201);
            made.complete(&rest, &ann, word.len()).await?;
            Ok(made)
        };
        let (hidden, shared) = (file(false).await?, file(true).await?);
        let app = App { word, rest, ann, bob, private, group, public, said, hidden, shared };
        app.meet(natter).await?;
        Ok(app)
    }

    pub async fn user(&self, natter: &Natter, id: u64, login: &str) -> Result<Person> {
        user(natter, &self.rest, id, login).await
    }

    async fn meet(&self, natter: &Natter) -> Result<()> {
        let (word, app) = (self.word, self.rest.app);
        let mut hers = Ear::of(natter, &self.ann).await?;
        let item = format!("<item jid='{BOB}-{app}@localhost' name='{word}'/>");
        hers.say(&format!("<iq xmlns='jabber:client' type='set' id='a'><query xmlns='jabber:iq:roster'>{item}</query></iq>"))
            .await?;
        let rule = "<item type='jid' value='999999-9@localhost' action='deny' order='1'/>";
        let list = format!("<list name='{word}list'>{rule}</list>");
        hers.say(&format!("<iq xmlns='jabber:client' type='set' id='l'><query xmlns='jabber:iq:privacy'>{list}</query></iq>"))
            .await?;
        hers.hear().await
    }

    /// What goes on in an app: presence, typing, messages, in rooms too.
    pub async fn stir(&self, hers: &mut Ear, his: &mut Ear, n: u64) -> Result<()> {
        let (word, app, group) = (self.word, self.rest.app, &self.group);
        let (to, id) = (format!("{BOB}-{app}@localhost"), numbered(0x1000 + n));
        hers.say(&format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><body>{word} live</body></message>"))
            .await?;
        let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        hers.say(&format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'>{typing}</message>")).await?;
        let room = format!("{app}_{group}@muc.localhost");
        if n == 0 {
            for (ear, user) in [(&mut *hers, ANN), (&mut *his, BOB)] {
                ear.say(&format!("<presence xmlns='jabber:client' to='{room}/{user}'/>")).await?;
                ear.hear().await?;
            }
        }
        let id = numbered(0x2000 + n);
        his.say(&format!(
            "<message xmlns='jabber:client' to='{room}' type='groupchat' id='{id}'><body>{word} live</body></message>"
        ))
        .await?;
        hers.hear().await?;
        his.hear().await
    }

    /// What Ann sees of it, without what moves by itself.
    pub async fn state(&self) -> Result<String> {
        let mut seen = String::new();
        for path in ["/blobs.json".to_owned(), format!("/users/{ANN}"), format!("/users/{BOB}")] {
            let mut answer = self.rest.done(self.rest.get(&path, &self.ann.token)).await?;
            if let Some(user) = answer["user"].as_object_mut() {
                user.remove("last_request_at");
            }
            seen.push_str(&answer.to_string());
        }
        let list = self.rest.done(self.rest.get("/chat/Dialog.json", &self.ann.token)).await?;
        let dialogs = list["items"].as_array().context("items")?.iter();
        let keys = ["_id", "name", "description", "occupants_ids", "type", "user_id"];
        let mut dialogs: Vec<String> = dialogs.map(|dialog| keys.map(|key| dialog[key].to_string()).join(" ")).collect();
        dialogs.sort();
        seen.push_str(&dialogs.concat());
        for dialog in [&self.private, &self.group] {
            let bodies = self.rest.bodies(&self.ann.token, dialog).await?;
            // What was said live is said while the other tries.
            seen.push_str(&bodies.into_iter().filter(|body| !body.ends_with("live")).collect::<String>());
        }
        Ok(seen)
    }

    /// A text of the tables, about this app.
    pub fn fill(&self, text: &str) -> String {
        self.fill_chat(text, self.rest.app, &self.said).replace("{me}", &CAROL.to_string())
    }

    pub fn fill_chat(&self, text: &str, app: u64, id: &str) -> String {
        let (room, peer) = (format!("{app}_{}@muc.localhost", self.group), format!("{CAROL}-{app}@localhost"));
        let (carol, bob, app) = (CAROL.to_string(), BOB.to_string(), app.to_string());
        let (file, shared) = (self.hidden.id.to_string(), self.shared.id.to_string());
        let words: [(&str, &str); 22] = [
            ("dialog", &self.group),
            ("theirs", &self.said),
            ("own", &self.said),
            ("id", id),
            ("room", &room),
            ("peer", &peer),
            ("guest_address", &peer),
            ("owner", &carol),
            ("member", &bob),
            ("admin", &carol),
            ("witness", &bob),
            ("guest", &carol),
            ("login", "carol"),
            ("phone", "15550100"),
            ("password", PASSWORD),
            ("text", self.word),
            ("app", &app),
            ("file", &file),
            ("file_uid", &self.hidden.uid),
            ("shared", &shared),
            ("key", "no"),
            ("fresh", "otterfresh"),
        ];
        words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    }

    /// What was heard without refusals, which say again what was asked.
    pub fn less_asked(&self, heard: &str) -> String {
        heard.lines().filter(|line| !line.contains("type=\"error\"")).collect()
    }
}

async fn user(natter: &Natter, rest: &Rest, id: u64, login: &str) -> Result<Person> {
    let (app, id_text) = (rest.app.to_string(), id.to_string());
    natter.shell(&["user", "create", "--app", &app, "--id", &id_text, "--login", login, "--password", PASSWORD])?;
    let session: Value = rest.done(rest.session(Some(json!({"login": login, "password": PASSWORD})))).await?;
    let account = Account { app: rest.app, user: id, password: PASSWORD.into() };
    Ok(Person { account, login: login.to_owned(), token: token_of(&session)? })
}
