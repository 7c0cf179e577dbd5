//! Three processes that all believe that two dialogs are theirs, by seed: they load, append, end in the middle and start again as
//! another boot, while a reader looks on. In the end: nothing acknowledged or shown is lost or moved, no number is shared, none is
//! missing, and no message stands twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use natter_actor::Chance;
use parking_lot::Mutex;

use super::*;

const LENGTH: Duration = Duration::from_secs(10);
const WRITERS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn whoever_writes_nothing_acknowledged_is_lost_and_no_number_is_shared() {
    let seed = std::env::var("NATTER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| Chance::system().u64());
    eprintln!("NATTER_SEED={seed}");
    on_cassandra(&[TABLES], async |cql| {
        let seen = Arc::new(Seen::default());
        let writers = (0..WRITERS).map(|n| tokio::spawn(write(cql.clone(), n, Chance::seeded(seed + n), seen.clone())));
        let reader = tokio::spawn(look_on(cql.clone(), seen.clone()));
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        reader.await.unwrap();
        let mut acked = 0;
        for dialog in [key(1), key(2)] {
            acked += check(&boot(&cql, 999), dialog, &seen).await;
        }
        let ends = *seen.ends.lock();
        eprintln!("{acked} acknowledged, {ends:?} (refused, unknown, left)");
        assert!(acked > 30 && ends[0] > 0, "too little happened: {acked} {ends:?}");
    })
    .await;
}

#[derive(Default)]
struct Seen {
    /// Dialog and number -> id, of what was acknowledged or shown.
    rows: Mutex<BTreeMap<(DialogKey, u64), Vec<u8>>>,
    acked: Mutex<Vec<(DialogKey, u64)>>,
    ends: Mutex<[usize; 3]>,
}

impl Seen {
    fn note(&self, key: DialogKey, row: &Message) {
        let before = self.rows.lock().insert((key, row.seq), row.id.clone());
        assert!(before.is_none_or(|before| before == row.id), "{} of {key:?} is shared", row.seq);
    }
}

async fn write(cql: Cql, n: u64, chance: Chance, seen: Arc<Seen>) {
    let (started, mut boots, mut posted) = (Instant::now(), 0, 0);
    let mut own = boot(&cql, n * 1_000);
    while started.elapsed() < LENGTH {
        let key = key(1 + chance.below(2) as u8);
        if chance.below(12) == 0 {
            boots += 1;
            own = boot(&cql, n * 1_000 + boots);
        }
        let Ok(head) = own.log.load(key).await else { continue };
        let mut next = head.seq + 1;
        for _ in 0..chance.below(6) {
            let rows: Vec<Message> = (0..1 + chance.below(3))
                .map(|more| {
                    posted += 1;
                    let id = [&[n as u8; 4][..], &u64::to_be_bytes(posted)].concat();
                    Message { id, date_sent: 1, created_at: 1, ..message(n + 1, next + more) }
                })
                .collect();
            let (append, count) = (Append { first_seq: next, rows: rows.clone(), ..Append::default() }, rows.len() as u64);
            let patience = Duration::from_millis(if chance.below(8) == 0 { chance.below(30) } else { 20_000 });
            let end = match tokio::time::timeout(patience, own.log.append(key, append)).await {
                Ok(Ok(upto)) => {
                    assert_eq!(upto, next + count - 1);
                    rows.iter().for_each(|row| seen.note(key, row));
                    seen.acked.lock().extend(rows.iter().map(|row| (key, row.seq)));
                    next += count;
                    continue;
                }
                Ok(Err(Error::Conflict { .. } | Error::Busy)) => 0,
                Ok(Err(Error::Store(_))) => 1,
                Ok(Err(error)) => panic!("{error}"),
                // Its client is gone; what it began goes on.
                Err(_) => 2,
            };
            seen.ends.lock()[end] += 1;
            break;
        }
    }
}

/// What it shows stays, and each look shows at least what the one before did.
async fn look_on(cql: Cql, seen: Arc<Seen>) {
    let (started, reader) = (Instant::now(), boot(&cql, 777));
    let mut heads = [0, 0];
    while started.elapsed() < LENGTH {
        for (n, key) in [key(1), key(2)].into_iter().enumerate() {
            let Ok(read) = reader.log.heads(key.app, &[key.dialog]).await else { continue };
            assert!(read[0].seq >= heads[n], "{key:?} shrank from {} to {}", heads[n], read[0].seq);
            heads[n] = read[0].seq;
            let Ok(rows) = reader.log.rows(key, &Ranges::of(heads[n].saturating_sub(9).max(1), u64::MAX)).await else { continue };
            assert!(rows.last().map_or(0, |row| row.seq) >= heads[n], "{key:?} shows less than its head");
            rows.iter().for_each(|row| seen.note(key, row));
            heads[n] = heads[n].max(rows.last().map_or(0, |row| row.seq));
        }
    }
}

async fn check(reader: &Running, key: DialogKey, seen: &Seen) -> usize {
    let head = reader.log.load(key).await.unwrap();
    let rows = reader.log.rows(key, &Ranges::of(1, u64::MAX)).await.unwrap();
    let numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=head.seq).collect::<Vec<_>>(), "dense");
    let mut ids: Vec<&[u8]> = rows.iter().map(|row| &row.id[..]).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "a message stands twice");
    rows.iter().for_each(|row| seen.note(key, row));
    for ((_, seq), id) in seen.rows.lock().iter().filter(|((of, _), _)| *of == key) {
        let standing = rows.get(*seq as usize - 1);
        assert_eq!(standing.map(|row| &row.id), Some(id), "{seq} of {key:?} is lost");
    }
    let acked: Vec<u64> = seen.acked.lock().iter().filter(|(of, _)| *of == key).map(|(_, seq)| *seq).collect();
    let (found, settled) = (rows.len(), reader.log.everyone(key).await.unwrap());
    assert!(acked.iter().all(|seq| settled.iter().any(|member| member.has_read(*seq))), "own rows are settled");
    assert!(found >= acked.len());
    acked.len()
}
