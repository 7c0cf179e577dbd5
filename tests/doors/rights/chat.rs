//! One cell of the chat table: a stanza as a column sends it, what came back, and who heard of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use natter_tests::client::{Account, between};
use natter_tests::rights::{Column, Kind, Row};

use super::cast::{Cast, Who, who_is_there};
use super::scene::{Scene, Words, difference, peer};
use super::{Cell, is_outside};
use crate::raw::{Raw, plain};

/// Kinds that come back to whoever said it in a room (contract xmpp 4.3).
const ECHOED: [&str; 3] = ["group_text", "group_edit", "group_removal"];

pub async fn try_cell(cast: &mut Cast<'_>, scene: &mut Scene, row: &Row, column: Column) -> Result<Cell> {
    let words = scene.words(cast, row, column).await?;
    if matches!(column, Column::Nobody | Column::App) {
        let got = without_sign_in(cast, row, column, &words).await?;
        return Ok(Cell { got, wrong: Vec::new() });
    }
    let is_group = !matches!(row.kind, Kind::Private | Kind::Nothing);
    if is_group && (row.names("room") || row.asked == "occupants") {
        enter(cast, &words, Who::Witness).await?;
    }
    let mut ears = Ears::open(cast, row.kind, column).await?;
    let mut caller = match Who::of(column) {
        Some(who) => cast.connection(who).await?,
        None => cast.other_connection().await?,
    };
    let stays = stays(row.cell(column).unwrap_or_default()) || is_outside(column);
    let before = if stays { scene.seen(cast, row, column, true).await? } else { String::new() };

    let mut answer = say(&mut caller, row, &words).await?;
    // Nothing reaches a session that has gone.
    if row.asked != "unavailable" {
        answer += &listen(cast, column, &mut caller, &words).await?;
    }
    let heard = ears.listen(cast, &words).await?;
    let got = match answer_of(row, &words, &answer, cast).await? {
        Some(answer) => answer,
        None if heard.is_empty() => "nothing".to_owned(),
        None => "relayed".to_owned(),
    };

    let mut wrong = misheard(row, column, &got, &heard, answer.contains(words.get("id")));
    if stays {
        let after = scene.seen(cast, row, column, true).await?;
        wrong.extend(difference(&before, &after).map(|change| format!("it changed what is seen: {change}")));
    }
    wrong.extend(told_apart(cast, &mut caller, row, column, &words, &got).await?);
    scene.moved();
    ears.close(cast);
    match Who::of(column) {
        _ if row.asked == "unavailable" => {}
        Some(who) => cast.keep(who, caller),
        None => cast.keep_other(caller),
    }
    Ok(Cell { got, wrong })
}

/// What is wrong with who heard of the stanza, and with whether it came back.
fn misheard(row: &Row, column: Column, got: &str, heard: &BTreeSet<Who>, came_back: bool) -> Vec<String> {
    let is_relayed = got == "relayed";
    let mut wrong = Vec::new();
    let expected = if is_relayed { audience(row, column) } else { BTreeSet::new() };
    if *heard != expected {
        wrong.push(format!("heard by {heard:?}, not by {expected:?}"));
    }
    if is_relayed && ECHOED.contains(&row.asked.as_str()) && row.kind != Kind::Private && !came_back {
        wrong.push("it did not come back to the one who said it".to_owned());
    }
    wrong
}

/// A refusal must be the same for a message that nobody wrote, but for who sees the message and may not touch it.
async fn told_apart(
    cast: &mut Cast<'_>,
    caller: &mut Raw,
    row: &Row,
    column: Column,
    words: &Words,
    got: &str,
) -> Result<Option<String>> {
    let reads = matches!(column, Column::Member | Column::Admin | Column::Owner) || row.kind.is_public();
    let is_refusal = got.contains('-') || got == "forbidden";
    if !is_refusal || !(row.names("theirs") || row.names("own")) || (reads && got == "forbidden") {
        return Ok(None);
    }
    let mut others = words.of_nothing(&["theirs", "own"]);
    others.set("id", format!("6b{}", &words.get("nowhere")[2..]));
    let twin = say(caller, row, &others).await?;
    let twin = answer_of(row, &others, &twin, cast).await?;
    Ok((twin.as_deref() != Some(got)).then(|| format!("a message that nobody wrote is told apart: {got}, but {twin:?}")))
}

/// Whether a cell that went like this leaves another scene behind.
pub fn spends(row: &Row, got: &str) -> bool {
    let changes = ["edit", "removal", "group_edit", "group_removal", "enter", "exit"].contains(&row.asked.as_str());
    changes && matches!(got, "relayed" | "entered" | "left")
}

/// What is answered like this changes nothing.
fn stays(cell: &str) -> bool {
    !matches!(cell, "relayed" | "entered" | "left")
}

/// Who hears what is relayed.
fn audience(row: &Row, column: Column) -> BTreeSet<Who> {
    let to_one = row.names("peer") || row.kind == Kind::Private;
    let mut audience = match to_one {
        true => BTreeSet::from([peer(row.kind, column)]),
        false => BTreeSet::from([Who::Owner, Who::Witness]),
    };
    if let Some(who) = Who::of(column) {
        audience.remove(&who);
    }
    audience
}

async fn without_sign_in(cast: &mut Cast<'_>, row: &Row, column: Column, words: &Words) -> Result<String> {
    let mut raw = cast.house.connect().await?;
    raw.open().await?;
    if let Some(token) = cast.token_of(column).await? {
        let account = Account { password: token.as_str().into(), ..cast.person(Who::Owner).await?.account.clone() };
        raw.send(&plain(&account)).await?;
        let answer = raw.expect("</failure>").await?;
        if !answer.contains("<not-authorized") {
            bail!("the token of an app session signs in: {answer}");
        }
    }
    raw.send(&spelled(row, words)).await?;
    let end = raw.end().await?;
    let error = between(&end, "<stream:error ", "</stream:error>").and_then(|error| between(error, "><", " "));
    Ok(error.map_or(end.clone(), str::to_owned))
}

/// Sends it and waits until it is done: what is to be stored is stored or refused before its `<a/>` (contract xmpp 5), and an iq that
/// asks is answered (RFC 6120, 8.2.3), maybe after. What is asked of a room is answered beside; the next question to the same room
/// is not answered before.
async fn say(caller: &mut Raw, row: &Row, words: &Words) -> Result<String> {
    caller.send(&spelled(row, words)).await?;
    if !row.details.iter().any(|detail| detail.starts_with("<r ")) {
        caller.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    }
    let mut heard = caller.expect("<a ").await?;
    let (stanza, answered) = (spelled(row, words), format!("id=\"{}\"", words.get("id")));
    if stanza.starts_with("<iq ") && row.asked != "reply" && !heard.contains(&answered) {
        heard += &caller.expect(&answered).await?;
    }
    if ["enter", "exit", "occupants"].contains(&row.asked.as_str()) {
        let to = between(&stanza, "to='", "'").unwrap_or_default();
        let after = format!("{}-after", words.get("id"));
        caller.send(&who_is_there(to, &after)).await?;
        let answered = caller.expect(&format!("id=\"{after}\"")).await?;
        heard += answered.lines().filter(|line| !line.contains(&after)).collect::<Vec<_>>().join("\n").as_str();
    }
    Ok(heard)
}

async fn listen(cast: &mut Cast<'_>, column: Column, caller: &mut Raw, words: &Words) -> Result<String> {
    let bell = format!("bell-{}-me", words.get("nowhere"));
    match Who::of(column) {
        Some(who) => cast.ring(who, &bell).await?,
        None => cast.ring_other(&bell).await?,
    }
    caller.expect(&bell).await
}

fn spelled(row: &Row, words: &Words) -> String {
    let stanza = row.details.iter().find(|detail| detail.starts_with('<')).map_or("", String::as_str);
    let mut stanza = words.fill(stanza);
    if !["xmlns='urn:xmpp:sm:3'", "xmlns='urn:xmpp:csi:0'"].iter().any(|own| stanza.contains(own)) {
        let name = stanza.find([' ', '/', '>']).unwrap_or_default();
        stanza.insert_str(name, " xmlns='jabber:client'");
    }
    stanza
}

/// The answer as a cell spells it; `None`: there was none.
async fn answer_of(row: &Row, words: &Words, heard: &str, cast: &mut Cast<'_>) -> Result<Option<String>> {
    let id = format!("id=\"{}\"", words.get("id"));
    let Some(frame) = heard.lines().find(|line| line.contains(&id) && !line.contains("type=\"groupchat\"")) else {
        return Ok(None);
    };
    if frame.contains("type=\"error\"") {
        let error = between(frame, "<error ", "</error>").unwrap_or_default();
        let condition = between(error, "><", " ").unwrap_or_default();
        return Ok(Some(condition.to_owned()));
    }
    let in_room = format!("/{}\"", cast.id(Who::Witness).await?);
    Ok(match row.asked.as_str() {
        "enter" if frame.contains("code=\"110\"") => Some("entered".to_owned()),
        "exit" if frame.contains("code=\"110\"") => Some("left".to_owned()),
        "occupants" if frame.contains("type=\"result\"") => {
            Some(if frame.contains(&in_room) { "listed" } else { "empty" }.to_owned())
        }
        _ if frame.contains("type=\"result\"") => Some("result".to_owned()),
        _ => None,
    })
}

/// Puts a user into the room, if he is not there.
async fn enter(cast: &mut Cast<'_>, words: &Words, who: Who) -> Result<()> {
    let (id, mut raw) = (cast.id(who).await?, cast.connection(who).await?);
    let room = words.get("room");
    let join = format!(
        "<presence xmlns='jabber:client' to='{room}/{id}' id='in'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    );
    raw.send(&join).await?;
    raw.expect("code=\"110\"").await?;
    cast.keep(who, raw);
    Ok(())
}

/// All who listen but the one who speaks.
struct Ears(BTreeMap<Who, Raw>);

impl Ears {
    async fn open(cast: &mut Cast<'_>, kind: Kind, column: Column) -> Result<Ears> {
        let all = match kind {
            Kind::Private => vec![Who::Owner, Who::Member, Who::Former, Who::Guest],
            _ => vec![Who::Owner, Who::Witness, Who::Former, Who::Guest],
        };
        let mut ears = BTreeMap::new();
        for who in all.into_iter().filter(|who| Who::of(column) != Some(*who)) {
            ears.insert(who, cast.connection(who).await?);
        }
        Ok(Ears(ears))
    }

    /// Who heard of the stanza, by now that a bell rung after it is heard.
    async fn listen(&mut self, cast: &mut Cast<'_>, words: &Words) -> Result<BTreeSet<Who>> {
        let (id, bell) = (words.get("id"), format!("bell-{}", words.get("nowhere")));
        for who in self.0.keys() {
            cast.ring(*who, &bell).await?;
        }
        let mut heard = BTreeSet::new();
        for (who, raw) in &mut self.0 {
            if raw.expect(&bell).await?.contains(id) {
                heard.insert(*who);
            }
        }
        Ok(heard)
    }

    fn close(self, cast: &mut Cast<'_>) {
        self.0.into_iter().for_each(|(who, raw)| cast.keep(who, raw));
    }
}
