//! What a dead session is owed, and which client may take it. Rules: no clock, no store.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod ledger;

use std::collections::BTreeMap;

use natter_proto::history::v1::From as Proof;
use natter_proto::presence::v1::{Fingerprint, SessionRecord};

pub(crate) use ledger::{Change, Ledger, Limits};

/// How far the client of a live session is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Standing {
    /// It can prove nothing.
    pub unproving: bool,
    /// Seq of the dialog up to which it has proved everything; 0: nothing.
    pub proved: u64,
}

impl Standing {
    /// As its record says.
    pub fn of(record: &SessionRecord, dialog: &[u8]) -> Standing {
        let proof = record.proofs.iter().find(|proof| proof.dialog == dialog);
        Standing { unproving: record.unproving, proved: proof.map_or(0, |proof| proof.seq) }
    }
}

/// Whether the debt is this client's: the same agent, origin, address and dialect. App and user are part of its place.
pub(crate) fn is_of(debt: &SessionRecord, client: &Fingerprint) -> bool {
    debt.client.as_ref() == Some(client)
}

/// What is owed when both are: each proof that the earlier record holds, lowered by the later one's.
///
/// A record owes, of a dialog in its list, what lies above its proof, and of any other dialog what was stored since the
/// list began. So a dialog that only the later list has must not keep its proof: of it the earlier record owes all since
/// its own beginning, which is more.
pub(crate) fn union(a: SessionRecord, b: SessionRecord) -> SessionRecord {
    let (mut owed, later) = if a.since <= b.since { (a, b) } else { (b, a) };
    let proved: BTreeMap<&[u8], &Proof> = later.proofs.iter().map(|proof| (proof.dialog.as_slice(), proof)).collect();
    for Proof { dialog, seq, stamp } in &mut owed.proofs {
        if let Some(later) = proved.get(dialog.as_slice()) {
            *seq = (*seq).min(later.seq);
            // Without a stamp the earlier one owes all changes since its beginning, which is more.
            *stamp = stamp.map(|stamp| stamp.min(later.stamp.unwrap_or(stamp)));
        }
    }
    owed.seen_at = owed.seen_at.min(later.seen_at);
    // The client that was there last is the one that comes back.
    owed.client = later.client;
    owed.session = later.session;
    owed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_owes_whatever_one_of_the_two_owes() {
        let earlier = record(1_000, &[(b'a', 5), (b'b', 9)]);
        let later = record(2_000, &[(b'b', 7), (b'a', 8), (b'c', 3)]);
        let owed = union(later.clone(), earlier.clone());
        assert_eq!(owed.since, 1_000);
        assert_eq!(proofs(&owed), [(b'a', 5), (b'b', 7)], "of c all since 1000 is owed, not only what lies above 3");
        assert_eq!(owed, union(earlier, later));
    }

    #[test]
    fn every_part_of_a_fingerprint_tells_clients_apart() {
        let client = || Fingerprint { agent: "a".into(), origin: "o".into(), address: "h".into(), dialect: 6 };
        let debt = SessionRecord { client: Some(client()), ..SessionRecord::default() };
        assert!(is_of(&debt, &client()));
        assert!(!is_of(&debt, &Fingerprint { agent: String::new(), ..client() }));
        assert!(!is_of(&debt, &Fingerprint { origin: String::new(), ..client() }));
        assert!(!is_of(&debt, &Fingerprint { address: String::new(), ..client() }));
        assert!(!is_of(&debt, &Fingerprint { dialect: 3, ..client() }));
        assert!(!is_of(&SessionRecord::default(), &client()));
    }

    #[test]
    fn of_two_stamps_the_lower_one_is_proved() {
        let stamped = |since, stamp| {
            let proof = Proof { dialog: vec![b'a'; 12], seq: 1, stamp };
            SessionRecord { since, proofs: vec![proof], ..SessionRecord::default() }
        };
        let union = |earlier, later| union(stamped(1, earlier), stamped(2, later)).proofs[0].stamp;
        assert_eq!((union(Some(5), Some(3)), union(Some(3), Some(5))), (Some(3), Some(3)));
        assert_eq!((union(Some(5), None), union(None, Some(5)), union(None, None)), (Some(5), None, None));
    }

    fn record(since: i64, proofs: &[(u8, u64)]) -> SessionRecord {
        let proof = |(dialog, seq): &(u8, u64)| Proof { dialog: vec![*dialog; 12], seq: *seq, stamp: None };
        let proofs = proofs.iter().map(proof).collect();
        SessionRecord { since, proofs, ..SessionRecord::default() }
    }

    fn proofs(record: &SessionRecord) -> Vec<(u8, u64)> {
        record.proofs.iter().map(|proof| (proof.dialog[0], proof.seq)).collect()
    }
}
