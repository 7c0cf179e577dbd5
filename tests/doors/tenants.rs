//! Two apps of one installation whose users have the same numbers, logins and names: nothing of one is ever in an answer, a stanza,
//! the log or the metrics of the other. All that is said in each app carries a word of its own; the other app's users try every
//! route and every kind of stanza of the rights' tables with its ids, and all they get is searched for the word.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Account, http};
use natter_tests::process::Natter;
use natter_tests::rights::{Row, rows};
use reqwest::Method;
use serde_json::{Value, json};

use crate::attachments::Made;
use crate::erase::say;
use crate::raw::{Over, Raw, numbered};
use crate::rest::{PASSWORD, Person, Rest, token_of};
use crate::verdict::Verdict;

const REST: &str = include_str!("rights/rest.table");
const CHAT: &str = include_str!("rights/chat.table");

const ANN: u64 = 501;
const BOB: u64 = 502;
/// Of the second app alone.
const CAROL: u64 = 599;

/// What would end who asks, or make him somebody else.
const SPARED: [&str; 5] = ["DELETE session", "DELETE login", "DELETE users", "PUT users", "POST login"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_app_reaches_another() {
    walk().await.unwrap();
}

async fn walk() -> Result<()> {
    let settings = [
        "telemetry.log=debug",
        "api.user_rate=100000",
        "api.app_rate=100000",
        "account.guesses_user_max=100000",
        "account.guesses_address_max=100000",
    ];
    let natter = Natter::start(&settings).await?;
    let (ours, theirs) = (App::made(&natter, 2, "otter").await?, App::made(&natter, 3, "heron").await?);
    let carol = theirs.user(&natter, CAROL, "carol").await?;
    say(&theirs.rest, &carol, &theirs.public, "heron carol").await?;
    ensure!(ours.ann.account.user == theirs.ann.account.user && ours.group != theirs.group);
    let before = theirs.state().await?;
    ensure!(before.contains("heron") && !before.contains("otter"), "{before}");

    let mut verdict = Verdict::default();
    try_rest(&ours, &theirs, &mut verdict).await?;
    try_chat(&natter, &ours, &theirs, &mut verdict).await?;
    let after = theirs.state().await?;
    let same = if after == before { Ok(()) } else { Err(anyhow::anyhow!("{before}\nbecame {after}")) };
    verdict.of("what they see of their own", same);
    let log = std::fs::read_to_string(natter.log())?;
    ensure!(log.lines().count() > 100, "nothing was logged");
    let metrics = http()?.get(format!("http://127.0.0.1:{}/metrics", natter.ports.health)).send().await?.text().await?;
    ensure!(metrics.contains("natter_edge_stanzas_total"), "{metrics}");
    for word in ["otter", "heron"] {
        verdict.of("the log", clean(word, &log));
        verdict.of("the metrics", clean(word, &metrics));
    }
    verdict.pronounce()
}

/// Every route of the table, with ids of the other app.
async fn try_rest(ours: &App, theirs: &App, verdict: &mut Verdict) -> Result<()> {
    let mut asked = BTreeSet::new();
    for row in rows(REST)? {
        if SPARED.iter().any(|spared| row.asked.starts_with(spared)) {
            continue;
        }
        let Some((status, text)) = ask(ours, theirs, &row).await? else { continue };
        asked.insert(row.asked.clone());
        let what = format!("line {}: {} answered {status}", row.line, row.asked);
        verdict.of(&what, clean("heron", &text));
    }
    ensure!(asked.len() > 80, "only {} routes were tried", asked.len());
    let path = format!("/chat/Message/unread.json?chat_dialog_ids={},{}", theirs.private, theirs.group);
    let unread = ours.rest.done(ours.rest.get(&path, &ours.ann.token)).await?;
    ensure!(unread[&theirs.private] == 0 && unread[&theirs.group] == 0, "their unread count: {unread}");
    for path in [
        format!("/chat/Message/search?search_text=heron&chat_dialog_ids={}", theirs.private),
        "/chat/Message/search?search_text=heron".to_owned(),
        "/users.json?full_name=Ann&per_page=100".to_owned(),
        "/users/by_full_name?full_name=Ann".to_owned(),
        format!("/users/last_activity?user_ids={CAROL}"),
        format!("/users?id[in]={ANN},{BOB},{CAROL}"),
        format!("/chat/Dialog.json?_id[in]={},{}", theirs.private, theirs.group),
        format!("/blobs/{}.json", theirs.hidden.id),
        format!("/blobs/{}", theirs.hidden.uid),
        format!("/blobs/{}/info.json", theirs.shared.uid),
        "/blobs.json".to_owned(),
    ] {
        let answer = ours.rest.get(&path, &ours.ann.token).send().await?;
        let what = format!("GET {path} answered {}", answer.status());
        verdict.of(&what, clean("heron", &answer.text().await?));
    }
    // A token is of one app, whatever the id in the path says.
    let answer = ours.rest.done(ours.rest.get(&format!("/users/{ANN}"), &ours.ann.token)).await?;
    ensure!(answer["user"]["website"] == "https://otter.test", "{answer}");
    Ok(())
}

/// Status and text; nothing for a route that is no JSON and needs no app.
async fn ask(ours: &App, theirs: &App, row: &Row) -> Result<Option<(u16, String)>> {
    let (method, path) = row.asked.split_once(' ').context("no path")?;
    // What is public is for everybody, by its uid.
    if path.contains("{shared_uid}") || row.detail("upload").is_some() {
        return Ok(None);
    }
    let fill = |text: &str| theirs.fill(text);
    let mut request =
        ours.rest.request(Method::from_bytes(method.as_bytes())?, &fill(&format!("/{}", path.trim_start_matches('/'))));
    request = request.header("CB-Token", &ours.ann.token);
    if let Some(body) = row.details.iter().find(|detail| detail.starts_with('{')) {
        request = request.header("Content-Type", "application/json;charset=utf-8").body(fill(body));
    } else if let Some(form) = row.detail("form") {
        request = request.header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8").body(fill(form));
    }
    let answer = request.send().await?;
    Ok(Some((answer.status().as_u16(), answer.text().await?)))
}

/// Every kind of stanza, to addresses of the other app, while that one is busy.
async fn try_chat(natter: &Natter, ours: &App, theirs: &App, verdict: &mut Verdict) -> Result<()> {
    let mut hers = Ear::of(natter, &ours.ann).await?;
    let mut beside = Ear::of(natter, &ours.bob).await?;
    let (mut busy, mut other) = (Ear::of(natter, &theirs.ann).await?, Ear::of(natter, &theirs.bob).await?);
    busy.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await?;
    let enabled = busy.raw.expect("<enabled").await?;
    let stream = enabled.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()).context("no id of a stream")?.to_owned();

    let mut kinds = BTreeSet::new();
    for (n, row) in rows(CHAT)?.iter().enumerate() {
        let Some(stanza) = row.details.iter().find(|detail| detail.starts_with('<')) else { continue };
        kinds.insert(row.asked.clone());
        for app in [theirs.rest.app, ours.rest.app] {
            let filled = theirs.fill_chat(stanza, app, &numbered(n as u64)).replace("{me}", &ANN.to_string());
            hers.try_to_say(natter, &ours.ann, &client(&filled)).await?;
        }
        theirs.stir(&mut busy, &mut other, n as u64).await?;
    }
    ensure!(kinds.len() > 20, "only {kinds:?}");
    let jid = format!("{CAROL}-{}@localhost", theirs.rest.app);
    for stanza in [
        format!("<iq type='get' id='l' to='{jid}'><query xmlns='jabber:iq:last'/></iq>"),
        format!("<presence to='{jid}' type='subscribe'/>"),
        format!("<iq type='set' id='c'><query xmlns='jabber:iq:roster'><item jid='{jid}' name='otter'/></query></iq>"),
        "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>".to_owned(),
        "<iq type='get' id='n'><query xmlns='jabber:iq:privacy'/></iq>".to_owned(),
        "<iq type='get' id='g'><query xmlns='jabber:iq:privacy'><list name='heronlist'/></query></iq>".to_owned(),
    ] {
        hers.try_to_say(natter, &ours.ann, &client(&stanza)).await?;
    }
    for (ear, whose) in [(&mut hers, "her"), (&mut beside, "his")] {
        ear.hear().await?;
        // The name of a list is her own question.
        let heard = ear.heard.replace("heronlist", "");
        verdict.of(&format!("what {whose} session heard"), clean("heron", &heard));
        verdict.of(&format!("what {whose} session heard of their dialogs"), clean(&theirs.private, &theirs.less_asked(&heard)));
    }
    for ear in [&mut busy, &mut other] {
        ear.hear().await?;
        verdict.of("what their session heard", clean("otter", &ear.heard));
        ensure!(ear.heard.contains("heron"), "they were not busy");
    }
    // Their stream is not hers to go on with, though she has the number of its user.
    drop(busy);
    let mut thief = Raw::connect(Over::WebSocket, natter.ports.ws).await?;
    thief.open().await?;
    thief.send(&crate::raw::plain(&ours.ann.account)).await?;
    thief.expect("<success").await?;
    thief.open().await?;
    thief.send(&format!("<resume xmlns='urn:xmpp:sm:3' h='0' previd='{stream}'/>")).await?;
    let answer = thief.expect("<failed").await?;
    verdict.of("a stream of theirs", clean("heron", &answer));
    Ok(())
}

// === helpers ===

fn clean(word: &str, text: &str) -> Result<()> {
    let Some(at) = text.find(word) else { return Ok(()) };
    let from = text.floor_char_boundary(at.saturating_sub(200));
    let upto = text.floor_char_boundary((at + 200).min(text.len()));
    anyhow::bail!("{word} stands in it: {}", &text[from..upto])
}

fn client(stanza: &str) -> String {
    let name = stanza.find([' ', '/', '>']).unwrap_or(stanza.len());
    match stanza.starts_with("<r ") || stanza.contains("xmlns='urn:xmpp:sm:3'") {
        true => stanza.to_owned(),
        false => format!("{} xmlns='jabber:client'{}", &stanza[..name], &stanza[name..]),
    }
}

/// A session, and all it ever heard.
struct Ear {
    raw: Raw,
    heard: String,
    pings: u32,
}

impl Ear {
    async fn of(natter: &Natter, person: &Person) -> Result<Ear> {
        let raw = Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
        Ok(Ear { raw, heard: String::new(), pings: 0 })
    }

    async fn say(&mut self, stanza: &str) -> Result<()> {
        self.raw.send(stanza).await
    }

    /// All that was told before this was asked.
    async fn hear(&mut self) -> Result<()> {
        self.pings += 1;
        let id = format!("ping{}", self.pings);
        self.say(&format!("<iq xmlns='jabber:client' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>")).await?;
        let heard = self.raw.expect(&format!("id=\"{id}\"")).await?;
        self.heard.push_str(&heard);
        Ok(())
    }

    /// Some stanzas end the stream: then a new one goes on.
    async fn try_to_say(&mut self, natter: &Natter, person: &Person, stanza: &str) -> Result<()> {
        self.say(stanza).await?;
        if self.hear().await.is_err() {
            self.heard.push_str(&self.raw.end().await?);
            self.raw = Raw::signed_in(Over::WebSocket, natter.ports.ws, &person.account).await?;
        }
        Ok(())
    }
}

/// An app with two users, whose dialogs, files, contacts and lists are named alike but for a word.
struct App {
    word: &'static str,
    rest: Rest,
    ann: Person,
    bob: Person,
    private: String,
    group: String,
    public: String,
    said: String,
    hidden: Made,
    shared: Made,
}

impl App {
    async fn made(natter: &Natter, id: u64, word: &'static str) -> Result<App> {
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

    async fn user(&self, natter: &Natter, id: u64, login: &str) -> Result<Person> {
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
    async fn stir(&self, hers: &mut Ear, his: &mut Ear, n: u64) -> Result<()> {
        let (word, app, group) = (self.word, self.rest.app, &self.group);
        let (to, id) = (format!("{BOB}-{app}@localhost"), numbered(0x1000 + n));
        hers.say(&format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><body>{word} live</body></message>"))
            .await?;
        hers.say(&format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")).await?;
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
    async fn state(&self) -> Result<String> {
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
    fn fill(&self, text: &str) -> String {
        self.fill_chat(text, self.rest.app, &self.said).replace("{me}", &CAROL.to_string())
    }

    fn fill_chat(&self, text: &str, app: u64, id: &str) -> String {
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
    fn less_asked(&self, heard: &str) -> String {
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
