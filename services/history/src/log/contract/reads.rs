//! What is read while something is written, or refused: what is stored, whether it is answered from memory or from the store.

use std::sync::Arc;
use std::time::Duration;

use natter_db::{Faults, Kv};

use super::{embedded, key, slow};
use crate::head::Head;
use crate::log::MessageLog;
use crate::member::{Member, Move};
use crate::oracle::Oracle;
use crate::ranges::Ranges;

const USERS: [u64; 4] = [1, 2, 3, 777];

#[tokio::test(start_paused = true)]
async fn what_is_read_is_what_is_stored() {
    let mut reads = 0;
    for seed in 0..60 {
        let kv = Kv::memory_with(Faults { not_stored: 0.3, ..slow(seed) });
        let log = embedded(kv.clone());
        let writing = tokio::spawn(write(log.clone(), seed));
        while !writing.is_finished() {
            // One that has nothing in memory reads the store.
            let before = seen(&*embedded(kv.clone())).await;
            let read = seen(&*log).await;
            let after = seen(&*embedded(kv.clone())).await;
            assert!(before.comes_before(&read) && read.comes_before(&after), "seed {seed}:\n{before:?}\n{read:?}\n{after:?}");
            reads += 1;
            tokio::time::sleep(Duration::from_millis(seed % 4)).await;
        }
        writing.await.unwrap();
    }
    assert!(reads > 300, "{reads}");
}

/// Rows, marks of two readers beside them, and now and then more members than are kept in memory.
async fn write(log: Arc<dyn MessageLog>, seed: u64) {
    let mut oracle = Oracle::default();
    for round in 0..20_u64 {
        let (next, upto) = (oracle.next(&[1 + (seed + round) % 3], Some(1 + round % 2)), oracle.head());
        // Each may be refused; what is then there is seen at the next load.
        let (appended, ..) = tokio::join!(
            log.append(key(1), next.clone()),
            log.move_member(key(1), 2, Move::Read(Ranges::of(1, upto))),
            log.move_member(key(1), 3, Move::Received(Ranges::of(upto, upto))),
        );
        if appended.is_ok() {
            oracle.append(&next);
        }
        if (seed + round).is_multiple_of(7) {
            let _ = log.join(key(1), &(500 + round..800 + round).collect::<Vec<u64>>()).await;
        }
    }
}

#[derive(Debug)]
struct Seen {
    head: Head,
    members: Vec<Member>,
    everyone: Vec<Member>,
}

async fn seen(log: &dyn MessageLog) -> Seen {
    let (app, dialog) = (key(1).app, key(1).dialog);
    let head = log.heads(app, &[dialog]).await.unwrap().remove(0);
    let members = log.members(app, &USERS.map(|user| (dialog, user))).await.unwrap();
    let everyone = log.everyone(key(1)).await.unwrap();
    Seen { head, members, everyone }
}

impl Seen {
    /// What is kept only grows.
    fn comes_before(&self, later: &Seen) -> bool {
        let is_in = |earlier: &Member, later: &Member| {
            let mut both = later.clone();
            both.absorb(earlier);
            both == *later
        };
        let all_in = |earlier: &[Member], later: &[Member]| {
            earlier.iter().all(|one| later.iter().any(|other| other.user == one.user && is_in(one, other)))
        };
        self.head.seq <= later.head.seq && all_in(&self.members, &later.members) && all_in(&self.everyone, &later.everyone)
    }
}
