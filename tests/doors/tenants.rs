//! Two apps of one installation whose users have the same numbers, logins and names: nothing of one is ever in an answer, a stanza,
//! the log or the metrics of the other. All that is said in each app carries a word of its own; the other app's users try every
//! route and every kind of stanza of the rights' tables with its ids, and all they get is searched for the word.

mod app;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use natter_tests::rights::{Row, rows};
use reqwest::Method;

use app::{App, Ear};

use crate::erase::say;
use crate::raw::{Over, Raw, numbered};
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
