//! The checker: compares what everybody remembers with what history holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::membership::{Membership, Move, Tick, during};
use crate::sdk::Sdk;
use anyhow::{Context, Result, bail, ensure};
use natter_proto::DialogId;
use serde_json::{Value, json};

use super::Person;
use super::listened::{self, Excuse};
use super::listener::Listened;
use super::record::{Answer, Record, Sent};

/// Reads the whole dialog of the reader and one sender, and proves: every acked message there, none twice, in the order of
/// sending, unread as many as there are. Returns the counts.
pub async fn private(reading: &Sdk, reader: &Person, record: &Record) -> Result<String> {
    reader.sign_in(reading).await?;
    let dialog = reading.call("chat.dialog.create", json!([{"type": 3, "occupants_ids": [record.user]}])).await?;
    let dialog = dialog["_id"].as_str().context("a dialog has an _id")?.to_owned();
    let ids = all_ids(reading, &dialog).await?;
    let (name, sent) = (record.name, record.private());
    let places = places(&ids).context(name)?;
    let stored = of_sender(&places, &sent, |_| true).context(name)?;
    ensure!(stored == ids.len(), "{name}: history holds messages that nobody sent");
    let unread = unread(reading, &dialog).await?;
    ensure!(unread == ids.len() as u64, "{name}: unread is {unread} of {} for user {}", ids.len(), reader.account.user);
    Ok(format!("{name}: {} sent, {} acked, {stored} stored", sent.len(), acked(&sent)))
}

/// Reads the quiet group, the talker first of its people, and proves: every acked message is there once and in order, unread for each
/// listener is all of it but what he said he has read, and what they were told is as [`listened::check`] demands. Returns the counts.
pub async fn quiet(
    reading: &Sdk,
    (dialog, people): (DialogId, &[Person]),
    talked: &Record,
    listened: &[Listened],
    excuse: Excuse,
) -> Result<String> {
    let dialog_id = dialog.to_string();
    people[0].sign_in(reading).await?;
    let ids = all_ids(reading, &dialog_id).await?;
    let (places, sent) = (places(&ids)?, talked.in_group(dialog));
    let stored = of_sender(&places, &sent, |_| true).context("what the talker said")?;
    ensure!(stored == ids.len(), "the quiet group holds messages that nobody sent");
    let mut marked = 0;
    for person in &people[1..] {
        person.sign_in(reading).await?;
        let unread = unread(reading, &dialog_id).await?;
        let read = listened.iter().find(|listened| listened.user == person.user()).map(|listened| &listened.read);
        let read = read.with_context(|| format!("{} did not listen", person.login))?;
        let (most, all) = (read.len(), ids.len());
        let least = read.values().filter(|is_answered| **is_answered).count();
        ensure!(
            (all - most..=all - least).contains(&(unread as usize)),
            "unread of {} is {unread} of {all}, of which he read {least} to {most}",
            person.login
        );
        marked += least;
    }
    ensure!(marked > 0, "nothing was read, so nothing was tested");
    Ok(format!("{}, {marked} read", listened::check(listened, &places, excuse)?))
}

/// A group, everything that was said in it, and who came and went.
pub struct Group<'a> {
    pub dialog: DialogId,
    /// Members from the beginning, the owner first.
    pub people: &'a [Person],
    pub records: &'a [Record],
    pub moves: &'a [Move],
}

impl Group<'_> {
    /// Reads the group as each of its people and proves: the members are those who came and went as it was answered. Each member
    /// finds every acked message, none twice, each sender's in the order of sending, everything that anybody heard, and nothing
    /// that was refused. Unread is what others said since he is a member. Who is out may not read. What was said was said by
    /// members. Returns the counts.
    pub async fn check(&self, reading: &Sdk) -> Result<String> {
        let dialog = self.dialog.to_string();
        let inside: BTreeSet<u64> = self.people.iter().map(Person::user).filter(|user| self.is_inside(*user)).collect();
        self.people[0].sign_in(reading).await?;
        let listed = reading.call("chat.dialog.list", json!([{"_id": dialog}])).await?;
        let members: BTreeSet<u64> =
            listed["items"][0]["occupants_ids"].as_array().context("occupants")?.iter().filter_map(Value::as_u64).collect();
        ensure!(members == inside, "members are {members:?}, not {inside:?}");

        let ids = all_ids(reading, &dialog).await?;
        let places = places(&ids)?;
        let mut stored = 0;
        for record in self.records.iter().filter(|record| !record.in_group(self.dialog).is_empty()) {
            stored += self.of_record(&places, record).with_context(|| format!("what {} sent", record.name))?;
        }
        ensure!(stored == ids.len(), "history holds messages that nobody sent");
        self.of_heard(&places)?;
        for person in self.people {
            self.of_person(reading, person, &ids).await.with_context(|| format!("what {} sees", person.login))?;
        }
        let sent: Vec<&Sent> = self.records.iter().flat_map(|record| record.in_group(self.dialog)).collect();
        let refused = sent.iter().filter(|sent| matches!(sent.answer, Answer::Refused(_))).count();
        let moves = self.moves.iter().filter(|moved| moved.group == self.dialog).count();
        ensure!(refused > 0 && moves > 0, "{refused} refused, {moves} came or went: nothing was tested");
        let errors: usize = self.records.iter().map(|record| record.errors).sum();
        let moves = format!("{moves} came or went, {errors} acked behind an error in all lanes of theirs");
        Ok(format!("{} sent, {} acked, {refused} refused, {stored} stored, {moves}", sent.len(), acked(&sent)))
    }

    fn of_record(&self, places: &BTreeMap<&str, usize>, record: &Record) -> Result<usize> {
        let sent = record.in_group(self.dialog);
        let certain = |sent: &Sent| self.membership(record.user, sent) == Membership::Certain;
        let stored = of_sender(places, &sent, certain)?;
        for sent in sent {
            match (sent.answer, self.membership(record.user, sent)) {
                (Answer::Acked(_), Membership::None) => bail!("message {} was taken from who is no member", sent.id),
                (Answer::Refused(_), Membership::Certain) => bail!("message {} of a member was refused", sent.id),
                (_, _) => {}
            }
        }
        Ok(stored)
    }

    async fn of_person(&self, reading: &Sdk, person: &Person, ids: &[String]) -> Result<()> {
        person.sign_in(reading).await?;
        let dialog = self.dialog.to_string();
        let seen = all_ids(reading, &dialog).await;
        if !self.is_inside(person.user()) {
            let refusal = seen.err().context("who is no member can read")?.to_string();
            ensure!(refusal.contains("403"), "{refusal}");
            return Ok(());
        }
        ensure!(seen? == ids, "not what the owner sees");
        let (unread, (least, most)) = (unread(reading, &dialog).await?, self.unread(person.user(), ids));
        ensure!((least..=most).contains(&unread), "unread is {unread}, not {least} to {most}");
        Ok(())
    }

    /// Nobody is told what is not stored.
    fn of_heard(&self, places: &BTreeMap<&str, usize>) -> Result<()> {
        let said = self.said();
        for record in self.records {
            let lost = record.heard.iter().find(|id| said.contains_key(id.as_str()) && !places.contains_key(id.as_str()));
            ensure!(lost.is_none(), "{} heard {lost:?}, which is not in history", record.name);
        }
        Ok(())
    }

    /// At least and at most so many are unread: what others said since the user came.
    fn unread(&self, user: u64, ids: &[String]) -> (u64, u64) {
        let said = self.said();
        let last = self.moves.iter().rev().find(|moved| moved.group == self.dialog && moved.user == user);
        let came = last.map_or((0, 0), |moved| (moved.began, moved.ended.unwrap_or(Tick::MAX)));
        let is_before = |id: &String| matches!(said[id.as_str()].1.answer, Answer::Acked(at) if at < came.0);
        let is_after = |id: &String| said[id.as_str()].1.began > came.1;
        let first_perhaps = ids.iter().rposition(is_before).map_or(0, |place| place + 1);
        let first_certain = ids.iter().position(is_after).unwrap_or(ids.len());
        let of_others = |from: usize| ids[from..].iter().filter(|id| said[id.as_str()].0 != user).count() as u64;
        (of_others(first_certain), of_others(first_perhaps))
    }

    /// Everything that was sent to the group, with its sender, by id.
    fn said(&self) -> BTreeMap<&str, (u64, &Sent)> {
        let mut said = BTreeMap::new();
        for record in self.records {
            said.extend(record.in_group(self.dialog).into_iter().map(|sent| (sent.id.as_str(), (record.user, sent))));
        }
        said
    }

    /// Whether the user was a member while the message was on its way.
    fn membership(&self, user: u64, sent: &Sent) -> Membership {
        let upto = match sent.answer {
            Answer::Acked(at) | Answer::Refused(at) => at,
            Answer::None => Tick::MAX,
        };
        during(self.moves, self.dialog, user, true, sent.began, upto)
    }

    fn is_inside(&self, user: u64) -> bool {
        during(self.moves, self.dialog, user, true, Tick::MAX, Tick::MAX) == Membership::Certain
    }
}

/// The place of each message.
fn places(ids: &[String]) -> Result<BTreeMap<&str, usize>> {
    let mut places = BTreeMap::new();
    for (place, id) in ids.iter().enumerate() {
        ensure!(places.insert(id.as_str(), place).is_none(), "message {id} is there twice");
    }
    Ok(places)
}

/// Every acked message of a sender is there, no refused one, and they are in the order of sending. How many there are.
/// `in_order`: whether it holds for a message. One that may have been refused, of which its sender heard nothing before the kill, is
/// sent again, and stands behind what was taken between.
fn of_sender(places: &BTreeMap<&str, usize>, sent: &[&Sent], in_order: impl Fn(&Sent) -> bool) -> Result<usize> {
    for sent in sent {
        let is_there = places.contains_key(sent.id.as_str());
        match sent.answer {
            Answer::Acked(_) => ensure!(is_there, "acked message {} is not in history", sent.id),
            Answer::Refused(_) => ensure!(!is_there, "refused message {} is in history", sent.id),
            Answer::None => {}
        }
    }
    let stored = sent.iter().filter_map(|sent| Some((places.get(sent.id.as_str())?, *sent)));
    let ordered: Vec<_> = stored.clone().filter(|(_, sent)| in_order(sent)).collect();
    if let Some([(place, sent), (next_place, next)]) = ordered.array_windows().find(|[one, next]| one.0 > next.0) {
        bail!("history is not in the order of sending: {sent:?} is number {place}, {next:?} number {next_place}");
    }
    ensure!(!ordered.is_empty(), "nothing was stored, so nothing was tested");
    Ok(stored.count())
}

fn acked(sent: &[&Sent]) -> usize {
    sent.iter().filter(|sent| matches!(sent.answer, Answer::Acked(_))).count()
}

async fn unread(reading: &Sdk, dialog: &str) -> Result<u64> {
    let unread = reading.call("chat.message.unreadCount", json!([{"chat_dialog_ids": [dialog]}])).await?;
    unread[dialog].as_u64().with_context(|| format!("no count in {unread}"))
}

async fn all_ids(reading: &Sdk, dialog: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        let query =
            json!([{"chat_dialog_id": dialog, "mark_as_read": 0, "limit": 1000, "skip": ids.len(), "sort_asc": "date_sent"}]);
        let page = reading.call("chat.message.list", query).await?;
        let items = page["items"].as_array().context("items")?;
        if items.is_empty() {
            return Ok(ids);
        }
        ids.extend(items.iter().filter_map(|item| item["_id"].as_str().map(str::to_owned)));
    }
}
