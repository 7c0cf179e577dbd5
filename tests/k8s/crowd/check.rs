//! What the crowd was told, step by step: nothing that was answered is missing at an app's listener or in the history, nothing is there
//! twice, and nobody is said to be away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;

use super::{Lane, MEMBERS, Seen, Sent};
use crate::release::Release;

/// A step, and when it was.
#[derive(Clone, Copy, Debug)]
pub struct During {
    pub name: &'static str,
    pub from: Instant,
    pub upto: Instant,
}

/// What the clients found during a step.
#[derive(Default, Debug)]
pub struct Found {
    pub name: &'static str,
    /// Clients that moved not at all, once, more than once.
    pub moved: [usize; 3],
    /// How long each was away: those that were told where to go, others; of each the lean clients and the SDK.
    pub back: [[Vec<Duration>; 2]; 2],
    pub sent: usize,
    /// Without an answer, though all was waited for.
    pub unanswered: usize,
    pub refused: usize,
    /// Until the ack, of those of the lean clients.
    pub acks: Vec<Duration>,
    pub heard: usize,
    /// Not there at a listener, and twice there without the mark of what comes again, or at a client that was told where to go.
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    /// There again with the mark, at a client that was cut off.
    pub again: usize,
    pub away: usize,
}

impl Found {
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.away == 0 && self.unanswered == 0 && self.refused == 0
    }
}

/// Of each step.
pub fn all(seen: &[Seen], steps: &[During]) -> Vec<Found> {
    steps.iter().map(|step| of_step(seen, step)).collect()
}

fn of_step(seen: &[Seen], step: &During) -> Found {
    let mut found = Found { name: step.name, ..Found::default() };
    let is_within = |at: Instant| step.from <= at && at < step.upto;
    for client in seen {
        let moves: Vec<_> = client.moves.iter().filter(|moved| is_within(moved.at)).collect();
        found.moved[moves.len().min(2)] += 1;
        for moved in moves {
            found.back[usize::from(!moved.is_told)][usize::from(client.is_sdk)].push(moved.back);
        }
        found.away += client.away.iter().filter(|at| is_within(**at)).count();
    }
    let counts: Vec<BTreeMap<&str, (usize, bool)>> = seen.iter().map(counted).collect();
    for (sender, client) in seen.iter().enumerate() {
        for sent in client.sent.iter().filter(|sent| is_within(sent.at)) {
            found.sent += 1;
            found.refused += usize::from(sent.is_refused);
            match sent.acked {
                // Of what it sent before it was cut off the SDK tells nothing (contract xmpp 5).
                None => found.unanswered += usize::from(!client.is_sdk),
                Some(at) if !client.is_sdk => found.acks.push(at - sent.at),
                Some(_) => {}
            }
            if sent.acked.is_some() && !sent.is_refused {
                for listener in listeners(sender, sent.lane) {
                    of_listener(&mut found, sent, listener, &counts[listener], &seen[listener]);
                }
            }
        }
    }
    found
}

fn of_listener(found: &mut Found, sent: &Sent, listener: usize, counts: &BTreeMap<&str, (usize, bool)>, client: &Seen) {
    let (count, has_mark) = counts.get(sent.id.as_str()).copied().unwrap_or_default();
    found.heard += count.min(1);
    let what = || format!("{} of {:?} at client {listener}", sent.id, sent.lane);
    let was_cut = client.moves.iter().any(|moved| !moved.is_told);
    match count {
        0 => found.lost.push(what()),
        1 => {}
        _ if has_mark && was_cut => found.again += 1,
        _ => found.doubled.push(what()),
    }
}

/// Of each message how often it was heard, and whether it was marked at least once.
fn counted(seen: &Seen) -> BTreeMap<&str, (usize, bool)> {
    let mut counts = BTreeMap::<&str, (usize, bool)>::new();
    for heard in &seen.heard {
        let (count, has_mark) = counts.entry(&heard.id).or_default();
        *count += 1;
        *has_mark |= heard.is_delayed;
    }
    counts
}

/// Who has to hear it: in a group and in a public dialog its sender too.
fn listeners(sender: usize, lane: Lane) -> Vec<usize> {
    match lane {
        Lane::Pair => vec![sender ^ 1],
        Lane::Group => (sender / MEMBERS * MEMBERS..(sender / MEMBERS + 1) * MEMBERS).collect(),
        Lane::All => (0..super::CLIENTS).collect(),
    }
}

/// Every message that was answered is in its dialog's history, once. `groups`: the last one is that of all.
///
/// # Errors
/// One is not, or is there twice.
pub async fn stored(release: &Release, seen: &[Seen], groups: &[String]) -> Result<()> {
    for (number, group) in groups.iter().enumerate() {
        let is_all = number + 1 == groups.len();
        let reader = if is_all { 0 } else { number * MEMBERS };
        let token = release.sign_in(&format!("crowd{reader}")).await?;
        let members = if is_all { seen } else { &seen[reader..reader + MEMBERS] };
        let lane = if is_all { Lane::All } else { Lane::Group };
        compare(&history(release, group, &token).await?, members, lane).with_context(|| format!("group {number}"))?;
    }
    for first in (0..seen.len()).step_by(2) {
        let token = release.sign_in(&format!("crowd{first}")).await?;
        let list = release.rest(Method::GET, "chat/Dialog?type=3", &token, None).await?;
        let dialog = list["items"][0]["_id"].as_str().with_context(|| format!("client {first} has no dialog"))?;
        compare(&history(release, dialog, &token).await?, &seen[first..first + 2], Lane::Pair)
            .with_context(|| format!("clients {first} and {}", first + 1))?;
    }
    Ok(())
}

fn compare(history: &[String], senders: &[Seen], lane: Lane) -> Result<()> {
    let mut counts = BTreeMap::<&str, usize>::new();
    history.iter().for_each(|id| *counts.entry(id).or_default() += 1);
    if let Some((id, count)) = counts.iter().find(|(_, count)| **count > 1) {
        bail!("{id} is stored {count} times");
    }
    let sent =
        senders.iter().flat_map(|seen| &seen.sent).filter(|sent| sent.lane == lane && sent.acked.is_some() && !sent.is_refused);
    for sent in sent {
        ensure!(counts.contains_key(sent.id.as_str()), "{} was answered and is not in the history of {}", sent.id, history.len());
    }
    Ok(())
}

async fn history(release: &Release, dialog: &str, token: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        let path =
            format!("chat/Message?chat_dialog_id={dialog}&mark_as_read=0&limit=1000&sort_asc=date_sent&skip={}", ids.len());
        let page = release.rest(Method::GET, &path, token, None).await?;
        let items = page["items"].as_array().context("items")?;
        if items.is_empty() {
            return Ok(ids);
        }
        ids.extend(items.iter().filter_map(|item| item["_id"].as_str().map(str::to_owned)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Heard, Move};
    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    fn said(at: Instant, lane: Lane) -> Sent {
        Sent { id: "a".into(), lane, at, acked: Some(at), is_refused: false }
    }

    /// Two clients, the first one says something to the second; how that one hears it.
    fn found(heard: &[bool], moves: &[bool]) -> Found {
        let from = Instant::now();
        let one = Seen { sent: vec![said(from, Lane::Pair)], ..Seen::default() };
        let heard = heard.iter().map(|is_delayed| Heard { id: "a".into(), is_delayed: *is_delayed });
        let moves = moves.iter().map(|is_told| Move { at: from, is_told: *is_told, back: Duration::ZERO });
        let two = Seen { heard: heard.collect(), moves: moves.collect(), ..Seen::default() };
        of_step(&[one, two], &During { name: "it", from, upto: from + STEP })
    }

    #[test]
    fn what_is_not_heard_is_lost_and_what_is_heard_twice_is_doubled() {
        assert!(found(&[false], &[]).is_whole());
        assert_eq!(found(&[], &[]).lost.len(), 1);
        assert_eq!(found(&[false, false], &[false]).doubled.len(), 1, "without a mark");
        assert_eq!(found(&[false, true], &[true]).doubled.len(), 1, "at who was told where to go");
        assert_eq!(found(&[false, true], &[false]).again, 1);
        assert_eq!(found(&[false], &[true, true]).moved, [1, 0, 1]);
    }

    #[test]
    fn a_group_hears_its_own_and_all_hear_what_is_for_all() {
        assert_eq!(listeners(13, Lane::Pair), [12]);
        assert_eq!(listeners(13, Lane::Group), (10..20).collect::<Vec<_>>());
        assert_eq!(listeners(13, Lane::All).len(), super::super::CLIENTS);
    }
}
