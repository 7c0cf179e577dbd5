//! The limit that the benchmarks of the cluster are held against: so many dialogs at a time write a row and its id row at LOCAL_QUORUM,
//! both at once, and the next when both are there. No actor, no order to keep, no door. Rows are as long as those that lie in the
//! keyspace `natter` of the same servers, if some do.
//!
//! - `rows`: those two, as `history` writes them for one post.
//! - `rows-look`: then the state of the segment is read, and before that there is no answer.
//! - `rows-look-put`: then what is kept of the sender is written.
//! - `rows-look-member`: the same, and it is read before.
//!
//! With a rate that many rows a second are due, evenly over the dialogs, and times count from there.
//!
//! `cargo run --release -p natter-db --example quorum -- ADDRESS[,ADDRESS] [dialogs] [seconds] [rows|rows-look|...] [rate]`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

type Fault = Box<dyn Error + Send + Sync>;

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS message_rows (app bigint, dialog blob, segment bigint, position int, first int, row blob, quiet blob, \
     edit blob, stamp bigint, PRIMARY KEY ((app, dialog, segment), position))",
    "CREATE TABLE IF NOT EXISTS message_ids (app bigint, dialog blob, id blob, is_alias int, segment bigint, position int, row blob, \
     PRIMARY KEY ((app, dialog, id), is_alias, segment, position))",
    "CREATE TABLE IF NOT EXISTS segments (app bigint, dialog blob, number bigint, writer bigint, state int, first_seq bigint, \
     length int, PRIMARY KEY ((app, dialog), number))",
    "CREATE TABLE IF NOT EXISTS member_ranges (app bigint, dialog blob, user bigint, kind int, first bigint, last bigint, \
     PRIMARY KEY ((app, dialog), user, kind, first))",
];
/// Rows of a segment.
const SEGMENT: u64 = 1_024;
/// Bytes of a row and of an id row where none lie.
const BYTES: [usize; 2] = [200, 70];

/// What is asked for each row.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum What {
    Rows,
    Look,
    Put,
    Member,
}

/// The statements of one dialog.
struct Writer {
    session: Session,
    row: PreparedStatement,
    id: PreparedStatement,
    look: PreparedStatement,
    kept: PreparedStatement,
    member: PreparedStatement,
    bytes: [usize; 2],
    /// Distinguishes this run from those before it in the same tables.
    run: u32,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let nodes = arguments.next().ok_or("which servers?")?;
    let dialogs: u32 = arguments.next().map_or(Ok(16), |count| count.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |count| count.parse())?;
    let what = match arguments.next().as_deref() {
        None | Some("rows") => What::Rows,
        Some("rows-look") => What::Look,
        Some("rows-look-put") => What::Put,
        Some("rows-look-member") => What::Member,
        Some(other) => return Err(format!("nothing is called {other:?}").into()),
    };
    let rate: Option<f64> = arguments.next().map(|rate| rate.parse()).transpose()?;
    let pause = rate.map(|rate| Duration::from_secs_f64(f64::from(dialogs) / rate));
    let writer = Arc::new(Writer::connect(&nodes).await?);
    let (before, end) = (own_us()?, Instant::now() + Duration::from_secs(seconds));
    let mut writing = JoinSet::new();
    for dialog in 0..dialogs {
        // Those of different dialogs are not due at the same moment.
        let pace = pause.map(|pause| (Instant::now() + pause * dialog / dialogs, pause));
        writing.spawn(writer.clone().write(dialog, what, end, pace));
    }
    let mut took = Vec::new();
    while let Some(written) = writing.join_next().await {
        took.extend(written??);
    }
    took.sort_unstable();
    let at = |hundredths: usize| took.get(took.len() * hundredths / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let own = (own_us()? - before) as f64 / took.len().max(1) as f64;
    let [row, id] = writer.bytes;
    let per_second = took.len() as f64 / seconds as f64;
    println!("{per_second:.1} rows/s, {:.2} ms p50, {:.2} ms p99, {own:.1} us, {row} and {id} bytes", at(50), at(99));
    Ok(())
}

impl Writer {
    async fn connect(nodes: &str) -> Result<Writer, Fault> {
        let nodes: Vec<&str> = nodes.split(',').collect();
        let profile = ExecutionProfile::builder().consistency(Consistency::LocalQuorum).build();
        let pool = PoolSize::PerShard(2.try_into()?);
        let builder = SessionBuilder::new().known_nodes(&nodes).pool_size(pool);
        let session = builder.default_execution_profile_handle(profile.into_handle()).build().await?;
        let bytes = [
            length(&session, "SELECT row FROM natter.message_rows LIMIT 200").await.unwrap_or(BYTES[0]),
            length(&session, "SELECT row FROM natter.message_ids LIMIT 200").await.unwrap_or(BYTES[1]),
        ];
        let copies = nodes.len().min(3);
        let keyspace = format!(
            "CREATE KEYSPACE IF NOT EXISTS bare WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}"
        );
        session.query_unpaged(keyspace, ()).await?;
        session.use_keyspace("bare", false).await?;
        for table in TABLES {
            session.query_unpaged(table, ()).await?;
        }
        session.await_schema_agreement().await?;
        let row = "INSERT INTO message_rows (app, dialog, segment, position, first, row, quiet) VALUES (?, ?, ?, ?, ?, ?, ?) \
                   USING TIMESTAMP 1";
        let id = "INSERT INTO message_ids (app, dialog, id, is_alias, segment, position, row) VALUES (?, ?, ?, ?, ?, ?, ?) \
                  USING TIMESTAMP 1";
        let look = "SELECT writer, state, first_seq, length FROM segments WHERE app = ? AND dialog = ? AND number = ?";
        let kept = "SELECT kind, first, last FROM member_ranges WHERE app = ? AND dialog = ? AND user = ?";
        let member =
            "INSERT INTO member_ranges (app, dialog, user, kind, first, last) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let (row, id) = (session.prepare(row).await?, session.prepare(id).await?);
        let (look, kept) = (session.prepare(look).await?, session.prepare(kept).await?);
        let member = session.prepare(member).await?;
        Ok(Writer { row, id, look, kept, member, bytes, run: std::process::id(), session })
    }

    /// Of one dialog, one row after the other; how long each took. `pace`: when the first one is due, and how long after each the next.
    async fn write(
        self: Arc<Writer>,
        dialog: u32,
        what: What,
        end: Instant,
        mut pace: Option<(Instant, Duration)>,
    ) -> Result<Vec<Duration>, Fault> {
        let [row, id] = self.bytes.map(|bytes| vec![b'x'; bytes]);
        let mut dialog_id = [0_u8; 12];
        dialog_id[..4].copy_from_slice(&dialog.to_be_bytes());
        dialog_id[4..8].copy_from_slice(&self.run.to_be_bytes());
        let dialog_id = dialog_id.to_vec();
        let mut took = Vec::new();
        while Instant::now() < end {
            let (mut started, n) = (Instant::now(), took.len() as u64);
            if let Some((due, pause)) = &mut pace {
                sleep_until((*due).into()).await;
                started = *due;
                *due += *pause;
            }
            let (segment, position) = ((n / SEGMENT) as i64, (n % SEGMENT) as i32);
            let mut message_id = dialog_id[4..].to_vec();
            message_id.extend((n as u32).to_be_bytes());
            let of_row = (1_i64, &dialog_id, segment, position, position, &row, Vec::<u8>::new());
            let of_id = (1_i64, &dialog_id, message_id, 0_i32, segment, position, &id);
            let writes = (self.session.execute_unpaged(&self.row, of_row), self.session.execute_unpaged(&self.id, of_id));
            tokio::try_join!(writes.0, writes.1)?;
            if what >= What::Look {
                self.session.execute_unpaged(&self.look, (1_i64, &dialog_id, segment)).await?;
            }
            if what >= What::Member {
                self.session.execute_unpaged(&self.kept, (1_i64, &dialog_id, 1_i64)).await?;
            }
            if what >= What::Put {
                let last = n as i64 + 1;
                self.session.execute_unpaged(&self.member, (1_i64, &dialog_id, 1_i64, 0_i32, 1_i64, last, last)).await?;
            }
            took.push(started.elapsed());
        }
        Ok(took)
    }
}

/// The mean length of what a read finds, if it finds any.
async fn length(session: &Session, read: &str) -> Option<usize> {
    let found = session.query_unpaged(read, ()).await.ok()?.into_rows_result().ok()?;
    let lengths: Vec<usize> =
        found.rows::<(Option<Vec<u8>>,)>().ok()?.filter_map(Result::ok).filter_map(|(row,)| row.map(|row| row.len())).collect();
    (!lengths.is_empty()).then(|| lengths.iter().sum::<usize>() / lengths.len())
}

/// Time of this process on cores so far, microseconds (proc(5): the 14th and the 15th field, in hundredths).
fn own_us() -> Result<u64, Fault> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? * 10_000)
}
