//! The newest numbers of dialogs that moved lately, published once a second: so that an edge notices a lost last frame
//! (design.md section 6).

use std::collections::BTreeMap;

use natter_proto::event::v1 as wire;
use parking_lot::Mutex;

use crate::dialog::Key;

/// Heads that go into one published message.
const CHUNK: usize = 1000;

/// Dialogs of this process that moved within the last seconds.
pub struct Heads {
    active_ms: i64,
    max: usize,
    moved: Mutex<BTreeMap<Key, Head>>,
}

#[derive(Clone, Copy)]
struct Head {
    seq: u64,
    stamp: u64,
    moved_at: i64,
}

impl Heads {
    /// No dialog moved yet. Keeps at most `max` dialogs, each for `active_ms`; over it, those that come are left out, and
    /// their edges learn of a lost frame from the next one.
    pub fn new(active_ms: i64, max: usize) -> Heads {
        Heads { active_ms, max, moved: Mutex::default() }
    }

    /// A dialog has this newest row and change.
    pub fn moved(&self, key: Key, seq: u64, stamp: u64, now_ms: i64) {
        let mut moved = self.moved.lock();
        if moved.len() < self.max || moved.contains_key(&key) {
            moved.insert(key, Head { seq, stamp, moved_at: now_ms });
        }
    }

    /// The heads to publish, in messages of bounded size. Forgets those that did not move lately.
    pub fn recent(&self, now_ms: i64) -> Vec<wire::Heads> {
        let mut moved = self.moved.lock();
        moved.retain(|_, head| now_ms - head.moved_at <= self.active_ms);
        let heads: Vec<wire::Head> = moved.iter().map(|(key, head)| to_wire(*key, *head)).collect();
        heads.chunks(CHUNK).map(|heads| wire::Heads { heads: heads.to_vec() }).collect()
    }
}

fn to_wire(key: Key, head: Head) -> wire::Head {
    let Head { seq, stamp, .. } = head;
    wire::Head { app: key.app.0, dialog: key.dialog.to_vec(), seq, stamp, revision: 0 }
}

#[cfg(test)]
mod tests {
    use natter_proto::{AppId, DialogId};

    use super::*;

    #[test]
    fn a_head_is_published_while_its_dialog_is_active() {
        let heads = Heads::new(30_000, 2);
        heads.moved(key(1), 5, 0, 0);
        heads.moved(key(2), 1, 0, 20_000);
        heads.moved(key(1), 6, 2, 1_000);
        heads.moved(key(3), 1, 0, 20_000);
        let seqs = |now| -> Vec<u64> { heads.recent(now).iter().flat_map(|chunk| &chunk.heads).map(|head| head.seq).collect() };
        assert_eq!(seqs(31_000), [6, 1]);
        assert_eq!(seqs(31_001), [1]);
        assert!(seqs(50_001).is_empty());
        assert!(heads.recent(50_001).is_empty(), "nothing is published when nothing moved");
    }

    #[test]
    fn many_heads_go_out_in_several_messages() {
        let heads = Heads::new(30_000, 5000);
        (0..2500_u64).for_each(|app| heads.moved(Key { app: AppId(app), ..key(1) }, 1, 0, 0));
        assert_eq!(heads.recent(0).iter().map(|chunk| chunk.heads.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
    }

    fn key(n: u8) -> Key {
        Key { app: AppId(1), dialog: DialogId([n; 12]) }
    }
}
