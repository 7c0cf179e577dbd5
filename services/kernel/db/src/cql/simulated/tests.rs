//! What simulated servers of rows keep of the promises of real ones, and what goes wrong there on purpose.
#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Watched};

use super::*;
use crate::Cql;
use crate::cql::Migration;

const ROWS: Migration = Migration {
    name: "test/001-rows",
    statements: &[
        "CREATE TABLE IF NOT EXISTS rows (part bigint, place int, body blob, PRIMARY KEY (part, place))",
        "CREATE TABLE IF NOT EXISTS counts (part bigint PRIMARY KEY, state int, total bigint)",
        "CREATE TABLE IF NOT EXISTS queues (app bigint, user bigint, place bigint, row blob, newest bigint STATIC, \
         PRIMARY KEY ((app, user), place))",
    ],
};

const PUT: Statement = Statement::write("INSERT INTO rows (part, place, body) VALUES (?, ?, ?)");
const PUT_AT: Statement = Statement::write("INSERT INTO rows (part, place, body) VALUES (?, ?, ?) USING TIMESTAMP ?");
const PUT_NEW: Statement = Statement::change("INSERT INTO rows (part, place, body) VALUES (?, ?, ?) IF NOT EXISTS");
const SWAP: Statement = Statement::change("UPDATE rows SET body = ? WHERE part = ? AND place = ? IF body = ?");
const GET: Statement = Statement::read("SELECT body FROM rows WHERE part = ? AND place = ?");
const PAGE: Statement = Statement::read("SELECT place, body FROM rows WHERE part = ? AND place > ? LIMIT ?");
const LAST: Statement = Statement::read("SELECT place FROM rows WHERE part = ? ORDER BY place DESC LIMIT 1");
const DROP: Statement = Statement::write("DELETE FROM rows USING TIMESTAMP ? WHERE part = ? AND place = ?");
const DROP_ALL: Statement = Statement::write("DELETE FROM rows WHERE part = ?");

fn servers(faults: Faults) -> Servers {
    let servers = Servers::new(&[ROWS], Chance::seeded(7));
    servers.set_faults(faults);
    servers
}

fn connect(servers: &Servers) -> (Cql, Watched<super::Standing>) {
    let standing = Watched::new(super::Standing::Reaches);
    (Cql::simulated(servers, Clock::paused(1_800_000_000_000), standing.watch()), standing)
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_read_in_the_order_of_its_keys() {
    let (cql, _standing) = connect(&servers(Faults::default()));
    for place in [2_i32, 1, 3] {
        cql.write(PUT, (7_i64, place, vec![place as u8])).await.unwrap();
    }
    assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 2_i32)).await.unwrap(), Some((vec![2],)));
    assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 9_i32)).await.unwrap(), None);
    let page = cql.rows::<(i32, Vec<u8>)>(PAGE, (7_i64, 1_i32, 5_i32)).await.unwrap();
    assert_eq!(page, [(2, vec![2]), (3, vec![3])]);
    assert_eq!(cql.rows::<(i32, Vec<u8>)>(PAGE, (7_i64, 0_i32, 2_i32)).await.unwrap().len(), 2, "a limit holds");
    assert_eq!(cql.row::<(i32,)>(LAST, (7_i64,)).await.unwrap(), Some((3,)));
    cql.write(DROP, (i64::MAX / 2, 7_i64, 3_i32)).await.unwrap();
    assert_eq!(cql.row::<(i32,)>(LAST, (7_i64,)).await.unwrap(), Some((2,)));
    cql.write(DROP_ALL, (7_i64,)).await.unwrap();
    assert_eq!(cql.row::<(i32,)>(LAST, (7_i64,)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_later_timestamp_stands_whichever_comes_last() {
    let (cql, _standing) = connect(&servers(Faults::default()));
    for (body, at) in [(1_u8, 5_i64), (2, 9), (3, 7)] {
        cql.write(PUT_AT, (7_i64, 1_i32, vec![body], at)).await.unwrap();
    }
    assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 1_i32)).await.unwrap(), Some((vec![2],)));
    cql.write(DROP, (8_i64, 7_i64, 1_i32)).await.unwrap();
    assert!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 1_i32)).await.unwrap().is_some(), "it was made after that");
    cql.write(DROP, (9_i64, 7_i64, 1_i32)).await.unwrap();
    assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 1_i32)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_condition_says_whether_it_held_and_what_stands_there() {
    const NEW: Statement = Statement::change("INSERT INTO counts (part, state) VALUES (?, ?) IF NOT EXISTS");
    const END: Statement =
        Statement::change("UPDATE counts SET state = 2, total = ? WHERE part = ? IF state IN (0, 1) AND total = null");
    let (cql, _standing) = connect(&servers(Faults::default()));
    assert!(cql.change(PUT_NEW, (1_i64, 1_i32, vec![1_u8])).await.unwrap());
    assert!(!cql.change(PUT_NEW, (1_i64, 1_i32, vec![2_u8])).await.unwrap());
    assert!(cql.change(SWAP, (vec![3_u8], 1_i64, 1_i32, vec![1_u8])).await.unwrap());
    assert!(!cql.change(SWAP, (vec![4_u8], 1_i64, 1_i32, vec![1_u8])).await.unwrap());
    assert!(!cql.change(SWAP, (vec![4_u8], 1_i64, 8_i32, vec![1_u8])).await.unwrap(), "of a row that is not there");
    assert_eq!(cql.row::<(Vec<u8>,)>(GET, (1_i64, 1_i32)).await.unwrap(), Some((vec![3],)));

    let stands = async |change, values: (i64, i64)| match cql.change_or_see(change, values).await.unwrap() {
        Outcome::Applied => None,
        Outcome::Not(standing) => Some((standing.number("state"), standing.number("total"))),
    };
    assert_eq!(cql.change_or_see(NEW, (1_i64, 1_i32)).await.unwrap(), Outcome::Applied);
    let Outcome::Not(standing) = cql.change_or_see(NEW, (1_i64, 7_i32)).await.unwrap() else { panic!("it is there") };
    assert_eq!((standing.number("part"), standing.number("state"), standing.number("total")), (Some(1), Some(1), None));
    assert_eq!(stands(END, (30, 1)).await, None);
    assert_eq!(stands(END, (40, 1)).await, Some((Some(2), Some(30))));
    assert_eq!(stands(END, (40, 9)).await, Some((None, None)), "of a row that is not there");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_of_one_partition_and_static_columns_are_there_without_rows() {
    const COUNT: Statement = Statement::change("UPDATE queues SET newest = ? WHERE app = ? AND user = ? IF newest = ?");
    const ENTER: Statement = Statement::change("INSERT INTO queues (app, user, place, row) VALUES (?, ?, ?, ?)");
    const NEWEST: Statement = Statement::read("SELECT newest FROM queues WHERE app = ? AND user = ? LIMIT 1");
    let (cql, _standing) = connect(&servers(Faults::default()));
    assert!(cql.change(COUNT, (1_i64, 5_i64, 6_i64, None::<i64>)).await.unwrap());
    assert_eq!(cql.row::<(Option<i64>,)>(NEWEST, (5_i64, 6_i64)).await.unwrap(), Some((Some(1),)));
    let batch = |newest: i64, before: i64| -> Vec<Write> {
        vec![(COUNT, Box::new((newest, 5_i64, 6_i64, before))), (ENTER, Box::new((5_i64, 6_i64, newest, vec![1_u8])))]
    };
    assert!(!cql.change_all(batch(3, 2)).await.unwrap());
    assert!(cql.change_all(batch(2, 1)).await.unwrap());
    assert_eq!(cql.row::<(Option<i64>,)>(NEWEST, (5_i64, 6_i64)).await.unwrap(), Some((Some(2),)));
    let apart: Vec<Write> = vec![(PUT, Box::new((1_i64, 1_i32, vec![1_u8]))), (PUT, Box::new((2_i64, 1_i32, vec![1_u8])))];
    assert!(matches!(cql.write_all(apart).await, Err(Error::NotStored(_))));
    assert!(matches!(cql.write(PUT, (1_i64, "text", vec![1_u8])).await, Err(Error::NotStored(_))));
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_every_read_finds_also_if_a_server_hears_of_it_late() {
    let faults = Faults {
        delay_max: Duration::from_millis(3),
        late_per_mille: 300,
        late_max: Duration::from_secs(9),
        ..Faults::default()
    };
    let (cql, _standing) = connect(&servers(faults));
    let (mut unknown, mut found) = (0, 0);
    for place in 0..300_i32 {
        match cql.write(PUT, (1_i64, place, vec![1_u8])).await {
            Ok(()) => assert!(cql.row::<(Vec<u8>,)>(GET, (1_i64, place)).await.unwrap().is_some()),
            Err(_) => {
                unknown += 1;
                sleep(Duration::from_secs(10)).await;
                found += usize::from(cql.row::<(Vec<u8>,)>(GET, (1_i64, place)).await.unwrap().is_some());
            }
        }
    }
    assert!(unknown > 5 && found == unknown, "{found} of {unknown} came after their sender had given up");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_cut_off_hears_nothing_one_that_stood_still_goes_on_and_a_dead_one_never_does() {
    let servers = servers(Faults::default());
    let ((cql, standing), (other, _standing)) = (connect(&servers), connect(&servers));
    standing.set(super::Standing::CutOff);
    assert!(matches!(cql.write(PUT, (1_i64, 1_i32, vec![1_u8])).await, Err(Error::Unknown(_))));
    standing.set(super::Standing::Stopped);
    let stopped = tokio::spawn({
        let cql = cql.clone();
        async move { cql.write(PUT, (1_i64, 1_i32, vec![2_u8])).await }
    });
    sleep(Duration::from_secs(60)).await;
    assert_eq!(other.row::<(Vec<u8>,)>(GET, (1_i64, 1_i32)).await.unwrap(), None);
    standing.set(super::Standing::Reaches);
    assert!(matches!(stopped.await.unwrap(), Err(Error::Unknown(_))), "it waited too long, and it is written");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(other.row::<(Vec<u8>,)>(GET, (1_i64, 1_i32)).await.unwrap(), Some((vec![2],)));
    standing.set(super::Standing::Dead);
    let dead = cql.write(PUT, (1_i64, 1_i32, vec![3_u8]));
    assert!(tokio::time::timeout(Duration::from_secs(60), dead).await.is_err());
    assert_eq!(other.row::<(Vec<u8>,)>(GET, (1_i64, 1_i32)).await.unwrap(), Some((vec![2],)));
}
