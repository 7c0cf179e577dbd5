//! What may be demanded of what listeners were told: each stream shows each message once and in order; what is shown again on a later
//! stream was not proved; nothing is missing; and nobody is said to be away who is there, or comes back before that is to be said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::Instant;

use super::listener::{Listened, Shown};

/// How much a fault excuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Excuse {
    /// What was proved is kept at latest after so long, when nothing is between an edge and who keeps it. What a stream proved in the last
    /// so long of its life may be shown again.
    pub proof: Duration,
    /// Who keeps what a dead session is owed may have lost it.
    pub may_miss: bool,
}

impl Default for Excuse {
    /// Once a second, and as much again twice for a busy machine.
    fn default() -> Excuse {
        Excuse { proof: Duration::from_secs(3), may_miss: false }
    }
}

/// So long somebody who vanished is not said to be away (contract xmpp 3), a little less for a busy machine.
const GRACE: Duration = Duration::from_secs(19);

/// Of what all listeners were told of one group. `places`: of each message in history.
pub fn check(all: &[Listened], places: &BTreeMap<&str, usize>, excuse: Excuse) -> Result<String> {
    let (mut shown, mut again, mut missed) = (0, 0, 0);
    for listened in all {
        let name = listened.name;
        let mut before = BTreeMap::new();
        for (number, stream) in listened.streams.iter().enumerate() {
            in_order(stream, places).map_err(|error| error.context(format!("{name}, stream {number}")))?;
            for (place, id) in stream.ids.iter().enumerate() {
                shown += 1;
                let Some((earlier, at)) = before.insert(id.as_str(), (stream, place)) else { continue };
                again += 1;
                if let Some(since) = proved_before_its_end(earlier, at).filter(|since| *since > excuse.proof) {
                    bail!("{name} is shown {id} again, which was proved {since:?} before its stream ended");
                }
            }
        }
        let missing: Vec<&str> = places.keys().filter(|id| !before.contains_key(*id)).copied().collect();
        ensure!(missing.is_empty() || excuse.may_miss, "{name} was never shown {missing:?}, of {}", places.len());
        missed += missing.len();
        for (user, at) in &listened.away {
            if let Some(other) = all.iter().find(|other| other.user == *user) {
                ensure!(
                    !is_there(&other.streams, *at),
                    "{name} is told that {} is away, who is not: {}",
                    other.name,
                    tell(other, *at)
                );
            }
        }
    }
    let streams: usize = all.iter().map(|listened| listened.streams.len()).sum();
    ensure!(shown > 0, "nothing was shown, so nothing was tested");
    Ok(format!("{} listeners on {streams} streams: {shown} shown, {again} of them again, {missed} missed", all.len()))
}

fn in_order(stream: &Shown, places: &BTreeMap<&str, usize>) -> Result<()> {
    let (mut seen, mut last) = (BTreeSet::new(), None);
    for id in &stream.ids {
        let Some(place) = places.get(id.as_str()) else { bail!("{id} is shown and is not in history") };
        ensure!(seen.insert(id), "{id} is shown twice");
        ensure!(last < Some(place), "{id}, number {place}, is shown after number {last:?}");
        last = Some(place);
    }
    Ok(())
}

// How long before the end of a stream it was certain that the server had the proof of its message at this place.
fn proved_before_its_end(stream: &Shown, place: usize) -> Option<Duration> {
    let (at, _) = stream.proved.iter().find(|(_, count)| *count > place)?;
    Some(stream.last.saturating_duration_since(*at))
}

// Whether somebody had a living stream then, or was back before it was to be said that he is away.
fn is_there(streams: &[Shown], at: Instant) -> bool {
    let lives = streams.iter().any(|stream| stream.began < at && at < stream.last);
    let before = streams.iter().filter(|stream| stream.last <= at).map(|stream| stream.last).max();
    let after = streams.iter().filter(|stream| stream.began >= at).map(|stream| stream.began).min();
    lives || before.zip(after).is_some_and(|(before, after)| after - before < GRACE)
}

fn tell(of: &Listened, at: Instant) -> String {
    let seconds = |then: Instant| match then.checked_duration_since(at) {
        Some(later) => format!("{:+.1}", later.as_secs_f64()),
        None => format!("-{:.1}", (at - then).as_secs_f64()),
    };
    let streams: Vec<String> =
        of.streams.iter().map(|stream| format!("{} to {} s", seconds(stream.began), seconds(stream.last))).collect();
    format!("streams from {}", streams.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn stream(start: Instant, from: u32, upto: u32, ids: &[&str], proved: &[(u32, usize)]) -> Shown {
        let proved = proved.iter().map(|(at, count)| (start + *at * S, *count)).collect();
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Shown { began: start + from * S, last: start + upto * S, ids, proved }
    }

    fn listened(user: u64, streams: Vec<Shown>) -> Listened {
        Listened { name: "one", user, streams, ..Listened::default() }
    }

    fn checked(all: &[Listened], excuse: Excuse) -> Result<String, String> {
        let places = BTreeMap::from([("a", 0), ("b", 1), ("c", 2)]);
        check(all, &places, excuse).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_what_was_not_proved_may_come_again() {
        let now = Instant::now();
        let of = |proved: &[(u32, usize)], again: &[&str]| {
            let streams = vec![stream(now, 0, 10, &["a", "b"], proved), stream(now, 11, 20, again, &[])];
            checked(&[listened(1, streams)], Excuse::default())
        };
        assert!(of(&[(2, 1)], &["b", "c"]).unwrap().contains("4 shown, 1 of them again, 0 missed"));
        assert!(of(&[(2, 1), (8, 2)], &["b", "c"]).is_ok(), "too late to be kept");
        assert!(of(&[(2, 1), (6, 2)], &["b", "c"]).unwrap_err().contains("shown b again"));
        assert!(of(&[(2, 1)], &["c"]).is_ok());
    }

    #[test]
    fn a_stream_shows_all_once_and_in_order() {
        let now = Instant::now();
        let of = |ids: &[&str], excuse| checked(&[listened(1, vec![stream(now, 0, 1, ids, &[])])], excuse);
        assert!(of(&["a", "b", "c"], Excuse::default()).is_ok());
        for (ids, why) in [
            (&["a", "b"][..], "never shown"),
            (&["a", "c", "b"], "after number"),
            (&["a", "b", "b", "c"], "shown twice"),
            (&["a", "x", "b", "c"], "not in history"),
        ] {
            assert!(of(ids, Excuse::default()).unwrap_err().contains(why), "{ids:?}");
        }
        let excuse = Excuse { may_miss: true, ..Excuse::default() };
        assert!(of(&["a", "c"], excuse).unwrap().contains("1 missed"));
    }

    #[test]
    fn nobody_is_away_who_is_there_or_soon_back() {
        let now = Instant::now();
        let ids = &["a", "b", "c"][..];
        let of = |at: u32, back: u32| {
            let mut one = listened(1, vec![stream(now, 0, 99, ids, &[])]);
            one.away.push((2, now + at * S));
            let two = listened(2, vec![stream(now, 0, 10, ids, &[]), stream(now, back, 99, ids, &[])]);
            checked(&[one, two], Excuse::default())
        };
        assert!(of(5, 60).unwrap_err().contains("away"), "he is there");
        assert!(of(12, 15).unwrap_err().contains("away"), "he is soon back");
        assert!(of(31, 60).is_ok());
        assert!(of(61, 60).is_err());
    }
}
