//! What is offered to standard clients, and that it is true: everything that is advertised is used here, and whatever is
//! advertised beyond that fails the test; what is not there is refused.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail, ensure};
use natter_tests::client::{Account, between};
use natter_tests::process::Natter;
use serde_json::json;

use crate::raw::{HEADER, Over, Raw, numbered};
use crate::rest::{PASSWORD, Person, Rest};
use crate::verdict::Verdict;

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";

/// What other servers have and this one does not: namespace, type of a request for it, its element.
const ABSENT: [(&str, &str, &str); 14] = [
    ("jabber:iq:register", "get", "query"),
    ("jabber:iq:version", "get", "query"),
    ("jabber:iq:private", "get", "query"),
    ("jabber:iq:search", "get", "query"),
    ("urn:xmpp:time", "get", "time"),
    ("vcard-temp", "get", "vCard"),
    ("urn:xmpp:blocking", "get", "blocklist"),
    ("urn:xmpp:mam:2", "set", "query"),
    ("urn:xmpp:push:0", "set", "enable"),
    ("urn:xmpp:http:upload:0", "get", "request"),
    ("http://jabber.org/protocol/pubsub", "get", "pubsub"),
    ("http://jabber.org/protocol/bytestreams", "get", "query"),
    ("http://jabber.org/protocol/commands", "set", "command"),
    ("http://jabber.org/protocol/muc#owner", "get", "query"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_advertised_can_be_used_and_nothing_else_is_advertised() {
    use_everything().await.unwrap();
}

async fn use_everything() -> Result<()> {
    let mut scene = Scene::open().await?;
    let mut verdict = Verdict::default();
    let own = format!("{}-1@localhost", scene.ann.account.user);
    let room = format!("1_{}@muc.localhost", scene.group);
    for (place, to) in [("server", ""), ("rooms", "muc.localhost"), ("account", &own), ("room", &room)] {
        for feature in scene.features(to).await? {
            let used = scene.uses(to, &feature).await;
            verdict.of(&format!("{feature} of the {place}"), used);
        }
        for (absent, kind, name) in ABSENT {
            let refused = scene.is_refused(to, kind, &format!("<{name} xmlns='{absent}'/>")).await;
            verdict.of(&format!("{absent}, which the {place} does not have"), refused);
        }
    }
    let rooms = scene.asks("", "get", ITEMS).await?;
    ensure!(rooms.contains("<item jid=\"muc.localhost\"/></query>"), "{rooms}");
    let unknown = scene.asks("1_66f0a1b2c3d4e5f607182930@muc.localhost", "get", INFO).await?;
    ensure!(unknown.contains("<item-not-found"), "{unknown}");
    verdict.pronounce()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_offers_what_it_has_and_refuses_the_rest() {
    use_stream().await.unwrap();
}

async fn use_stream() -> Result<()> {
    let scene = Scene::open().await?;
    let mut verdict = Verdict::default();
    let mut raw = Raw::connect(Over::Tcp, scene.natter.ports.tcp).await?;
    let offered = names(&raw.open().await?)?;
    ensure!(offered == ["mechanisms", "starttls"], "before sign-in: {offered:?}");
    // STARTTLS is used by `certificates.rs`, PLAIN by everything.
    for (case, sent, condition) in [
        (
            "compression",
            "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
            "unsupported-stanza-type",
        ),
        ("SASL2", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", "unsupported-stanza-type"),
        (
            "dialback",
            "<db:result xmlns:db='jabber:server:dialback' from='a.test' to='localhost'>x</db:result>",
            "unsupported-stanza-type",
        ),
        (
            "registration",
            "<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:register'/></iq>",
            "not-authorized",
        ),
        ("client state before sign-in", "<inactive xmlns='urn:xmpp:csi:0'/>", "unsupported-stanza-type"),
        ("stream management before sign-in", "<enable xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"),
    ] {
        verdict.of(case, is_ended(scene.natter.ports.tcp, sent, condition).await);
    }
    let header = HEADER.replace("version='1.0'", "version='1.0' xmlns:db='jabber:server:dialback'");
    let mut server = Raw::connect(Over::Tcp, scene.natter.ports.tcp).await?;
    server.send(&header.replace("jabber:client", "jabber:server")).await?;
    let ended = server.end().await?;
    ensure!(ended.contains("<invalid-namespace"), "a server is no client: {ended}");

    let mut bob = scene.signed_in(&scene.bob).await?;
    raw.send(&crate::raw::plain(&scene.ann.account)).await?;
    raw.expect("<success").await?;
    let offered = names(&raw.open().await?)?;
    ensure!(offered == ["bind", "csi", "session", "sm", "ver"], "after sign-in: {offered:?}");
    verdict.of("bind and the rest", use_session(&scene, &mut raw, &mut bob).await);
    verdict.pronounce()
}

async fn use_session(scene: &Scene, raw: &mut Raw, bob: &mut Raw) -> Result<()> {
    raw.send(&iq("", "set", "b", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")).await?;
    raw.expect("<jid>").await?;
    raw.send(&iq("", "set", "s", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>")).await?;
    raw.expect("id=\"s\"").await?;
    raw.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await?;
    raw.expect("resume=\"true\"").await?;
    raw.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    raw.expect("<a xmlns=\"urn:xmpp:sm:3\" h=\"0\"/>").await?;
    raw.send("<presence/>").await?;
    raw.send(&iq("", "get", "v", "<query xmlns='jabber:iq:roster' ver=''/>")).await?;
    let list = raw.expect("id=\"v\"").await?;
    let version = between(&list, "ver=\"", "\"").with_context(|| format!("no version in {list}"))?;
    raw.send(&iq("", "get", "w", &format!("<query xmlns='jabber:iq:roster' ver='{version}'/>"))).await?;
    let same = raw.expect("id=\"w\"").await?;
    ensure!(!same.contains("<query"), "nothing changed: {same}");

    // Typing waits while nobody looks; a message does not, and what waits comes when somebody looks again.
    raw.send("<inactive xmlns='urn:xmpp:csi:0'/>").await?;
    raw.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    raw.expect("<a ").await?;
    let to = format!("{}-1@localhost", scene.ann.account.user);
    let state = |name: &str| {
        format!(
            "<message xmlns='jabber:client' to='{to}' type='chat'>\
             <{name} xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )
    };
    bob.send(&state("composing")).await?;
    bob.send(&state("paused")).await?;
    bob.send(&text(&to, 7, "while nobody looks")).await?;
    let heard = raw.expect("while nobody looks").await?;
    ensure!(!heard.contains("chatstates"), "typing did not wait: {heard}");
    raw.send("<active xmlns='urn:xmpp:csi:0'/>").await?;
    let told = raw.expect("<paused").await?;
    ensure!(!told.contains("<composing"), "only the last word: {told}");
    raw.send("<asleep xmlns='urn:xmpp:csi:0'/>").await?;
    let ended = raw.end().await?;
    ensure!(ended.contains("<unsupported-stanza-type"), "{ended}");
    Ok(())
}

/// Three users and a group of two of them.
struct Scene {
    natter: Natter,
    ann: Person,
    bob: Person,
    group: String,
    stream: Raw,
    count: u64,
}

impl Scene {
    async fn open() -> Result<Scene> {
        let natter = Natter::start(&[]).await?;
        let rest = Rest::of(&natter, 1)?;
        let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
        let body = json!({"type": 2, "name": "group", "occupants_ids": bob.account.user.to_string()});
        let made = rest.done(rest.post("/chat/Dialog.json", &ann.token, &body)).await?;
        let group = made["_id"].as_str().context("_id")?.to_owned();
        let stream = Raw::signed_in(Over::Tcp, natter.ports.tcp, &ann.account).await?;
        Ok(Scene { natter, ann, bob, group, stream, count: 0 })
    }

    async fn signed_in(&self, person: &Person) -> Result<Raw> {
        Raw::signed_in(Over::Tcp, self.natter.ports.tcp, &person.account).await
    }

    /// Sends a request of Ann's and gives its answer.
    async fn asks(&mut self, to: &str, kind: &str, payload: &str) -> Result<String> {
        self.count += 1;
        let id = format!("q{}", self.count);
        self.stream.send(&iq(to, kind, &id, payload)).await?;
        self.stream.expect(&format!("id=\"{id}\"")).await
    }

    async fn granted(&mut self, to: &str, kind: &str, payload: &str) -> Result<String> {
        let answer = self.asks(to, kind, payload).await?;
        ensure!(answer.contains("type=\"result\""), "{answer}");
        Ok(answer)
    }

    async fn is_refused(&mut self, to: &str, kind: &str, payload: &str) -> Result<()> {
        let answer = self.asks(to, kind, payload).await?;
        ensure!(answer.contains("<service-unavailable"), "{answer}");
        Ok(())
    }

    async fn features(&mut self, to: &str) -> Result<BTreeSet<String>> {
        let answer = self.granted(to, "get", INFO).await?;
        ensure!(answer.matches("<identity ").count() == 1, "{answer}");
        let features: BTreeSet<String> =
            answer.split("<feature var=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
        ensure!(features.contains("http://jabber.org/protocol/disco#info"), "{answer}");
        Ok(features)
    }

    /// Uses a feature as a client would that saw it advertised by `to`.
    async fn uses(&mut self, to: &str, feature: &str) -> Result<()> {
        match feature {
            "http://jabber.org/protocol/disco#info" => self.granted(to, "get", INFO).await.map(drop),
            "http://jabber.org/protocol/disco#items" => self.granted(to, "get", ITEMS).await.map(drop),
            "urn:xmpp:ping" => self.granted(to, "get", "<ping xmlns='urn:xmpp:ping'/>").await.map(drop),
            "jabber:iq:roster" => self.granted(to, "get", "<query xmlns='jabber:iq:roster'/>").await.map(drop),
            "jabber:iq:privacy" => self.granted(to, "get", "<query xmlns='jabber:iq:privacy'/>").await.map(drop),
            "jabber:iq:last" => {
                let answer = self.granted(to, "get", "<query xmlns='jabber:iq:last'/>").await?;
                ensure!(answer.contains("seconds=\"0\""), "{answer}");
                Ok(())
            }
            "urn:xmpp:carbons:2" => self.copies(to).await,
            "msgoffline" => self.keeps_messages().await,
            "http://jabber.org/protocol/muc" => self.enters().await,
            "muc_persistent" => {
                self.enters().await?;
                let room = format!("1_{}@muc.localhost", self.group);
                self.stream.send(&format!("<presence to='{room}' type='unavailable'/>")).await?;
                self.stream.expect("type=\"unavailable\"").await?;
                self.enters().await
            }
            _ => Err(anyhow!("it is advertised, and this test does not know how to use it")),
        }
    }

    async fn copies(&mut self, to: &str) -> Result<()> {
        self.granted(to, "set", "<enable xmlns='urn:xmpp:carbons:2'/>").await?;
        let mut other = self.signed_in(&self.ann).await?;
        self.count += 1;
        let bob = format!("{}-1@localhost", self.bob.account.user);
        other.send(&text(&bob, self.count, &format!("copy {}", self.count))).await?;
        let copy = self.stream.expect(&format!("copy {}", self.count)).await?;
        ensure!(copy.contains("<sent xmlns=\"urn:xmpp:carbons:2\">"), "{copy}");
        Ok(())
    }

    async fn keeps_messages(&mut self) -> Result<()> {
        let user = self.natter.create_user(1, "cat", PASSWORD)?;
        let cat = Account { app: 1, user, password: PASSWORD.into() };
        // It is stored when it is acknowledged.
        self.stream.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
        self.stream.expect("<enabled ").await?;
        self.stream.send(&text(&format!("{user}-1@localhost"), 900, "kept for you")).await?;
        self.stream.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
        self.stream.expect("<a ").await?;
        let mut late = Raw::signed_in(Over::Tcp, self.natter.ports.tcp, &cat).await?;
        let heard = late.expect("kept for you").await?;
        if !heard.contains("<delay") {
            bail!("it came live: {heard}");
        }
        Ok(())
    }

    async fn enters(&mut self) -> Result<()> {
        let room = format!("1_{}@muc.localhost/{}", self.group, self.ann.account.user);
        self.stream.send(&format!("<presence to='{room}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")).await?;
        self.stream.expect("<status code=\"110\"/>").await.map(drop)
    }
}

async fn is_ended(port: u16, sent: &str, condition: &str) -> Result<()> {
    let mut raw = Raw::connect(Over::Tcp, port).await?;
    raw.open().await?;
    raw.send(sent).await?;
    let ended = raw.end().await?;
    ensure!(ended.contains(&format!("<{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>")), "{ended}");
    Ok(())
}

/// Names of the features of a stream, ascending.
fn names(heard: &str) -> Result<Vec<String>> {
    let inner = between(heard, "<stream:features>", "</stream:features>").with_context(|| format!("no features in {heard}"))?;
    let mut depth = 0;
    let mut names = Vec::new();
    for tag in inner.split('<').skip(1) {
        if tag.starts_with('/') {
            depth -= 1;
            continue;
        }
        if depth == 0 {
            names.push(tag.split([' ', '/', '>']).next().unwrap_or_default().to_owned());
        }
        depth += i32::from(!tag.split('>').next().is_some_and(|tag| tag.ends_with('/')));
    }
    names.sort();
    Ok(names)
}

fn iq(to: &str, kind: &str, id: &str, payload: &str) -> String {
    let to = if to.is_empty() { String::new() } else { format!(" to='{to}'") };
    format!("<iq xmlns='jabber:client' type='{kind}' id='{id}'{to}>{payload}</iq>")
}

fn text(to: &str, number: u64, body: &str) -> String {
    let id = numbered(number);
    format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><body>{body}</body></message>")
}
