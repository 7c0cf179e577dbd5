//! After sign-in: streams of others, queues that nobody empties, stanzas that pretend to be a server's, names without number.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use natter_tests::client::{Account, between};
use natter_tests::process::Natter;
use serde_json::json;

use super::{MIB, counted};
use crate::limits::metrics;
use crate::raw::{Over, Raw, numbered, plain};
use crate::rest::{PASSWORD, Person, Rest};

const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
const GONE: &str = "<item-not-found";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumption_id_is_good_once_and_for_its_own_user_alone() {
    resume().await.unwrap();
}

async fn resume() -> Result<()> {
    let scene = Scene::open(&[]).await?;
    let made: serde_json::Value = serde_json::from_str(&scene.natter.shell(&["app", "create", "--id", "2"])?)?;
    ensure!(made["app"]["id"] == 2, "{made}");
    // The same number in another app, which an id must not be mixed up with.
    let twin = Account { app: 2, user: scene.natter.create_user(2, "ann", PASSWORD)?, password: PASSWORD.into() };
    let (mut first, id) = scene.resumable(&scene.ann).await?;
    // Not before sign-in, whoever it is.
    let mut stranger = Raw::connect(Over::Tcp, scene.natter.ports.tcp).await?;
    stranger.open().await?;
    stranger.send(&resume_of(&id)).await?;
    let ended = stranger.end().await?;
    ensure!(ended.contains("<unsupported-stanza-type"), "{ended}");
    for account in [&scene.bob.account, &twin] {
        let mut thief = scene.negotiated(account).await?;
        thief.send(&resume_of(&id)).await?;
        thief.expect(GONE).await?;
    }
    // The owner has it still, once: a replay of the same id finds nothing, also while the stream lives.
    let mut second = scene.negotiated(&scene.ann.account).await?;
    second.send(&resume_of(&id)).await?;
    second.expect("<resumed ").await?;
    first.end().await?;
    let mut third = scene.negotiated(&scene.ann.account).await?;
    third.send(&resume_of(&id)).await?;
    third.expect(GONE).await?;
    // Two at once: at most one.
    let (_, id) = scene.resumable(&scene.ann).await?;
    let (mut one, mut other) = (scene.negotiated(&scene.ann.account).await?, scene.negotiated(&scene.ann.account).await?);
    let resumption = resume_of(&id);
    let (_, _) = tokio::try_join!(one.send(&resumption), other.send(&resumption))?;
    let (one, other) = tokio::try_join!(one.expect("xmlns=\"urn:xmpp:sm:3\""), other.expect("xmlns=\"urn:xmpp:sm:3\""))?;
    let resumed = [&one, &other].iter().filter(|answer| answer.contains("<resumed ")).count();
    ensure!(resumed == 1, "{one} and {other}");
    Ok(())
}

/// More than is written to a client that proves nothing, and as much again as waits for it.
const UNACKNOWLEDGED: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_acknowledges_loses_the_right_to_resume_and_costs_his_bound() {
    never_acknowledge().await.unwrap();
}

async fn never_acknowledge() -> Result<()> {
    let scene = Scene::open(&["presence.sessions_per_user_max=40"]).await?;
    let (mut hoarder, id) = scene.resumable(&scene.ann).await?;
    let mut bob = Raw::signed_in(Over::Tcp, scene.natter.ports.tcp, &scene.bob.account).await?;
    let before = scene.natter.resident_bytes()?;
    // Counts that make no sense: too high, turning round, and not a number.
    for h in ["4294967295", "2147483648", "99999999999999999999", "-1", "x"] {
        hoarder.send(&format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")).await?;
    }
    hoarder.send("<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await?;
    hoarder.expect("id=\"p\"").await?;
    let typing = format!(
        "<message xmlns='jabber:client' to='{}-1@localhost' type='chat'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        scene.ann.account.user
    );
    // Once he is told something he is told everything.
    bob.send(&typing).await?;
    let mut heard = hoarder.expect("<composing").await?;
    for _ in 1..UNACKNOWLEDGED {
        bob.send(&typing).await?;
    }
    // What he does not acknowledge is held back, and when too much waits he is cut off.
    counted(&scene.natter, "natter_edge_cut_off_total 1").await?;
    heard += &hoarder.end().await?;
    ensure!(heard.matches("<composing").count() == 256, "{} of {UNACKNOWLEDGED}", heard.matches("<composing").count());
    let grown = scene.natter.resident_bytes_max()?.saturating_sub(before);
    ensure!(grown < 32 * MIB, "{grown} bytes for one who acknowledges nothing");
    let mut again = scene.negotiated(&scene.ann.account).await?;
    again.send(&resume_of(&id)).await?;
    again.expect(GONE).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_given_are_long_and_never_the_same() {
    collect_names().await.unwrap();
}

async fn collect_names() -> Result<()> {
    const ROUNDS: usize = 40;
    let scene = Scene::open(&["presence.sessions_per_user_max=100"]).await?;
    let mut names = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut raw = Raw::connect(Over::Tcp, scene.natter.ports.tcp).await?;
        let header = raw.open().await?;
        raw.send(&plain(&scene.ann.account)).await?;
        raw.expect("<success").await?;
        let second = raw.open().await?;
        raw.send(BIND).await?;
        let bound = raw.expect("</jid>").await?;
        raw.send(ENABLE).await?;
        let enabled = raw.expect("<enabled ").await?;
        let token = scene.rest.app_token().await?;
        for (text, start, end) in
            [(&header, " id=\"", "\""), (&second, " id=\"", "\""), (&bound, "localhost/", "<"), (&enabled, " id=\"", "\"")]
        {
            names.insert(between(text, start, end).with_context(|| format!("no name in {text}"))?.to_owned());
        }
        names.insert(token);
    }
    ensure!(names.len() == 5 * ROUNDS, "only {} of {} names differ", names.len(), 5 * ROUNDS);
    // 128 bits in hex at least, and no two that begin alike: nothing in them counts.
    let beginnings: BTreeSet<&str> = names.iter().map(|name| &name[..8]).collect();
    ensure!(names.iter().all(|name| name.len() >= 32) && beginnings.len() == names.len(), "{names:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_taken_again_and_again_is_one_session() {
    take_again().await.unwrap();
}

async fn take_again() -> Result<()> {
    const ROUNDS: usize = 300;
    let scene = Scene::open(&[]).await?;
    let bind = BIND.replace("xmpp-bind'/>", "xmpp-bind'><resource>phone</resource></bind>");
    let mut before = 0;
    let mut last: Option<Raw> = None;
    for round in 0..ROUNDS {
        // What the allocator keeps of the first ones is no growth.
        if round == ROUNDS / 3 {
            before = scene.natter.resident_bytes()?;
        }
        let mut raw = scene.negotiated(&scene.ann.account).await?;
        raw.send(&bind).await?;
        raw.expect("localhost/phone</jid>").await?;
        if let Some(mut earlier) = last.replace(raw) {
            let ended = earlier.end().await?;
            ensure!(ended.contains("<conflict "), "{ended}");
        }
    }
    counted(&scene.natter, "natter_edge_sessions 1").await?;
    let grown = scene.natter.resident_bytes()?.saturating_sub(before);
    ensure!(grown < 8 * MIB, "{grown} bytes more after {ROUNDS} sessions of one resource");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_server_may_write_is_taken_out() {
    forge().await.unwrap();
}

async fn forge() -> Result<()> {
    let scene = Scene::open(&[]).await?;
    let (mut ann, mut bob) = (scene.signed_in(&scene.ann).await?, scene.signed_in(&scene.bob).await?);
    bob.send("<iq xmlns='jabber:client' type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>").await?;
    bob.expect("id=\"c\"").await?;
    let to = format!("{}-1@localhost", scene.bob.account.user);
    let inner = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='boss@x'><body>FORGED</body></message>\
                 </forwarded>";
    let forgeries = [
        format!("<sent xmlns='urn:xmpp:carbons:2'>{inner}</sent>"),
        format!("<received xmlns='urn:xmpp:carbons:2'>{inner}</received>"),
        format!("<result xmlns='urn:xmpp:mam:2' queryid='q' id='FORGED'>{inner}</result>"),
        format!("<result xmlns='urn:xmpp:mam:1' id='FORGED'>{inner}</result>"),
        "<stanza-id xmlns='urn:xmpp:sid:0' id='FORGED' by='localhost'/>".repeat(3),
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='FORGED'/>".repeat(2),
        "<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z' from='localhost'>FORGED</delay>".repeat(2),
        "<addresses xmlns='http://jabber.org/protocol/address'><address type='to' jid='FORGED'/></addresses>".to_owned(),
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='FORGED'/></x>".to_owned(),
        "<message xmlns='jabber:client'><body>FORGED</body></message>".to_owned(),
        "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:roster'>FORGED</query></iq>".to_owned(),
        "<error xmlns='jabber:client' type='cancel'><text>FORGED</text></error>".to_owned(),
    ];
    let mut number = 0;
    for forgery in forgeries.iter().chain([&forgeries.concat()]) {
        for kind in ["chat", "normal", "headline"] {
            number += 1;
            let id = numbered(number);
            let body = format!("<body>genuine</body><extraParams xmlns='jabber:client'><mark>{id}</mark></extraParams>");
            ann.send(&format!(
                "<message xmlns='jabber:client' to='{to}' type='{kind}' id='{id}'>{forgery}{body}{forgery}</message>"
            ))
            .await?;
            let heard = bob.expect(&format!("<mark>{id}</mark>")).await?;
            ensure!(!heard.contains("FORGED") && heard.contains("genuine"), "{kind} with {forgery}: {heard}");
        }
    }
    // What a presence carries is told to nobody, so that there is nothing to poison (XEP-0115), and nobody is asked about it.
    befriend(&mut ann, &mut bob, &scene).await?;
    let carried = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='FORGED' ver='FORGED'/>\
                   <x xmlns='vcard-temp:x:update'><photo>FORGED</photo></x>";
    ann.send(&format!("<presence>{carried}</presence>")).await?;
    ann.send("<presence type='unavailable'><x xmlns='u:x'>FORGED</x></presence>").await?;
    let heard = bob.expect("type=\"unavailable\"").await?;
    ensure!(!heard.contains("FORGED") && !heard.contains("disco#info"), "{heard}");
    Ok(())
}

/// Bob sees Ann's presence from now on.
async fn befriend(ann: &mut Raw, bob: &mut Raw, scene: &Scene) -> Result<()> {
    let [of_ann, of_bob] = [&scene.ann, &scene.bob].map(|person| format!("{}-1@localhost", person.account.user));
    bob.send(&format!("<presence xmlns='jabber:client' to='{of_ann}' type='subscribe'/>")).await?;
    ann.expect("type=\"subscribe\"").await?;
    ann.send(&format!("<presence xmlns='jabber:client' to='{of_bob}' type='subscribed'/>")).await?;
    bob.expect(&format!("from=\"{of_ann}/")).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_are_tricks_reach_nobody() {
    misaddress().await.unwrap();
}

async fn misaddress() -> Result<()> {
    let scene = Scene::open(&[]).await?;
    let (mut ann, mut bob) = (scene.signed_in(&scene.ann).await?, scene.signed_in(&scene.bob).await?);
    let number = scene.bob.account.user;
    let digits: String =
        number.to_string().chars().map(|digit| char::from_u32(0xff10 + digit as u32 - 0x30).unwrap_or(digit)).collect();
    for (n, to) in [
        format!("{digits}-1@localhost"),
        format!("{number}\u{2010}1@localhost"),
        format!("{number}-1\u{200b}@localhost"),
        format!("\u{feff}{number}-1@localhost"),
        format!("\u{202e}{number}-1@localhost"),
        format!("0{number}-1@localhost"),
        format!("+{number}-1@localhost"),
        format!("{number}-01@localhost"),
        format!("{number}-1-1@localhost"),
        format!("{number}_1@localhost"),
        format!("{}-1@localhost", "9".repeat(1_024)),
        format!("{number}-{}@localhost", "1".repeat(60)),
        "@localhost".to_owned(),
        "a@b@c/d/e@f".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("trick-{n:016}");
        ann.send(&format!("<message xmlns='jabber:client' to='{to}' type='chat' id='{id}'><body>{id}</body></message>")).await?;
        let answer = ann.expect("</error>").await?;
        ensure!(answer.contains(&id) && answer.contains("<item-not-found"), "{to}: {answer}");
    }
    ann.send(&format!(
        "<message xmlns='jabber:client' to='{number}-1@localhost' type='chat' id='{}'><body>true</body></message>",
        numbered(1)
    ))
    .await?;
    let heard = bob.expect("<body>true</body>").await?;
    ensure!(!heard.contains("trick-"), "{heard}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nobody_knows_make_no_metric_and_no_memory() {
    invent_names().await.unwrap();
}

async fn invent_names() -> Result<()> {
    const NAMES: usize = 1_000;
    let scene = Scene::open(&["account.guesses_address_max=100000", "api.user_rate=100000", "api.app_rate=100000"]).await?;
    let mut ann = scene.signed_in(&scene.ann).await?;
    invent(&scene, &mut ann, "first", 20).await?;
    // Calls between services are told apart by methods that exist, each from the first call on.
    let names = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with("natter_rpc_"));
        lines.map(|line| line.rsplit_once(' ').map_or(line, |(name, _)| name).to_owned()).collect()
    };
    let (before, known) = (scene.natter.resident_bytes()?, names(&metrics(&scene.natter).await?));
    invent(&scene, &mut ann, "second", NAMES).await?;
    let text = metrics(&scene.natter).await?;
    ensure!(!text.contains("invented"), "a name of a client became a label");
    let more: Vec<String> = names(&text).difference(&known).cloned().collect();
    ensure!(more.is_empty(), "metrics more: {more:?}");
    let grown = scene.natter.resident_bytes()?.saturating_sub(before);
    ensure!(grown < 16 * MIB, "{grown} bytes for names");
    Ok(())
}

/// Routes, keys, apps, namespaces and logins that are nobody's.
async fn invent(scene: &Scene, ann: &mut Raw, round: &str, names: usize) -> Result<()> {
    for n in 0..names {
        let name = format!("invented-{round}-{n}");
        scene.rest.send(scene.rest.get(&format!("/{name}/{name}?{name}={name}"), &scene.ann.token)).await?;
        let body = json!({"application_id": n + 1_000, "auth_key": name.as_str(), name.as_str(): {name.as_str(): name.as_str()}});
        scene.rest.send(scene.rest.request(reqwest::Method::POST, "/session.json").json(&body)).await?;
        ann.send(&format!("<iq xmlns='jabber:client' type='get' id='i{n}'><{name} xmlns='urn:{name}' {name}='x'/></iq>")).await?;
        ann.expect(&format!("id=\"i{n}\"")).await?;
    }
    Ok(())
}

/// Two users.
struct Scene {
    natter: Natter,
    rest: Rest,
    ann: Person,
    bob: Person,
}

impl Scene {
    async fn open(settings: &[&str]) -> Result<Scene> {
        let natter = Natter::start(settings).await?;
        let rest = Rest::of(&natter, 1)?;
        let (ann, bob) = (rest.sign_up("ann").await?, rest.sign_up("bob").await?);
        Ok(Scene { natter, rest, ann, bob })
    }

    async fn signed_in(&self, person: &Person) -> Result<Raw> {
        Raw::signed_in(Over::Tcp, self.natter.ports.tcp, &person.account).await
    }

    /// A stream that is signed in and not bound.
    async fn negotiated(&self, account: &Account) -> Result<Raw> {
        let mut raw = Raw::connect(Over::Tcp, self.natter.ports.tcp).await?;
        raw.open().await?;
        raw.send(&plain(account)).await?;
        raw.expect("<success").await?;
        raw.open().await?;
        Ok(raw)
    }

    /// A stream that may be resumed, and its id.
    async fn resumable(&self, person: &Person) -> Result<(Raw, String)> {
        let mut raw = self.signed_in(person).await?;
        raw.send(ENABLE).await?;
        let enabled = raw.expect("<enabled ").await?;
        let enabled = &enabled[enabled.find("<enabled ").context("enabled")?..];
        let id = between(enabled, " id=\"", "\"").with_context(|| format!("no id in {enabled}"))?.to_owned();
        Ok((raw, id))
    }
}

fn resume_of(id: &str) -> String {
    format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>")
}
