//! The CQL driver against a real server, which `NATTER_TEST_CQL` names (`cargo xtask test` starts one).
#![allow(clippy::unwrap_used)]

use natter_db::Error;
use natter_db::cql::testing::{on_cassandra, options};
use natter_db::cql::{Applied, Cql, Migration, Outcome, Statement};

const ROWS: Migration = Migration {
    name: "test/001-rows",
    statements: &["CREATE TABLE IF NOT EXISTS rows (part bigint, place int, body blob, PRIMARY KEY (part, place))"],
};
const MORE: Migration = Migration { name: "test/002-more", statements: &["ALTER TABLE rows ADD IF NOT EXISTS note text"] };

const PUT: Statement = Statement::write("INSERT INTO rows (part, place, body) VALUES (?, ?, ?)");
const PUT_NEW: Statement = Statement::change("INSERT INTO rows (part, place, body) VALUES (?, ?, ?) IF NOT EXISTS");
const SWAP: Statement = Statement::change("UPDATE rows SET body = ? WHERE part = ? AND place = ? IF body = ?");
const GET: Statement = Statement::read("SELECT body FROM rows WHERE part = ? AND place = ?");
const PAGE: Statement = Statement::read("SELECT place, body FROM rows WHERE part = ? AND place > ? LIMIT ?");

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn what_was_written_is_read_in_the_order_of_its_keys() {
    on_cassandra(&[ROWS], async |cql| {
        for place in [2_i32, 1, 3] {
            cql.write(PUT, (7_i64, place, vec![place as u8])).await.unwrap();
        }
        assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 2_i32)).await.unwrap(), Some((vec![2],)));
        assert_eq!(cql.row::<(Vec<u8>,)>(GET, (7_i64, 9_i32)).await.unwrap(), None);
        let page = cql.rows::<(i32, Vec<u8>)>(PAGE, (7_i64, 1_i32, 5_i32)).await.unwrap();
        assert_eq!(page, [(2, vec![2]), (3, vec![3])]);
        let page = cql.rows::<(i32, Vec<u8>)>(PAGE, (7_i64, 0_i32, 2_i32)).await.unwrap();
        assert_eq!(page.len(), 2, "a limit holds");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn a_condition_says_whether_it_held_and_changes_nothing_otherwise() {
    on_cassandra(&[ROWS], async |cql| {
        assert!(cql.change(PUT_NEW, (1_i64, 1_i32, vec![1_u8])).await.unwrap());
        assert!(!cql.change(PUT_NEW, (1_i64, 1_i32, vec![2_u8])).await.unwrap());
        assert_eq!(cql.row::<(Vec<u8>,)>(GET, (1_i64, 1_i32)).await.unwrap(), Some((vec![1],)));
        assert!(cql.change(SWAP, (vec![3_u8], 1_i64, 1_i32, vec![1_u8])).await.unwrap());
        assert!(!cql.change(SWAP, (vec![4_u8], 1_i64, 1_i32, vec![1_u8])).await.unwrap());
        assert!(!cql.change(SWAP, (vec![4_u8], 1_i64, 8_i32, vec![1_u8])).await.unwrap(), "of a row that is not there");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn a_condition_that_did_not_hold_tells_what_stands_there() {
    const COUNT: Migration = Migration {
        name: "test/003-count",
        statements: &["CREATE TABLE IF NOT EXISTS counts (part bigint PRIMARY KEY, state int, total bigint)"],
    };
    const NEW: Statement = Statement::change("INSERT INTO counts (part, state) VALUES (?, ?) IF NOT EXISTS");
    const END: Statement =
        Statement::change("UPDATE counts SET state = 2, total = ? WHERE part = ? IF state = 1 AND total = null");
    on_cassandra(&[COUNT], async |cql| {
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
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn of_many_who_want_one_row_one_gets_it() {
    on_cassandra(&[ROWS], async |cql| {
        let wanting = (0..16_u8).map(|n| {
            let cql = cql.clone();
            tokio::spawn(async move { cql.change(PUT_NEW, (1_i64, 1_i32, vec![n])).await })
        });
        let mut got = 0;
        for one in wanting.collect::<Vec<_>>() {
            got += usize::from(one.await.unwrap().unwrap());
        }
        assert_eq!(got, 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn a_batch_is_wholly_there_or_not_at_all() {
    on_cassandra(&[ROWS], async |cql| {
        let put = |place: i32| (PUT, Box::new((5_i64, place, vec![9_u8])) as _);
        cql.write_all(vec![put(1), put(2)]).await.unwrap();
        assert_eq!(cql.rows::<(i32, Vec<u8>)>(PAGE, (5_i64, 0_i32, 9_i32)).await.unwrap().len(), 2);
        let new = |place: i32| (PUT_NEW, Box::new((5_i64, place, vec![8_u8])) as _);
        assert!(cql.change_all(vec![new(3), new(4)]).await.unwrap());
        assert!(!cql.change_all(vec![new(5), new(4)]).await.unwrap(), "one of its conditions does not hold");
        assert_eq!(cql.row::<(Vec<u8>,)>(GET, (5_i64, 5_i32)).await.unwrap(), None);
        assert!(matches!(cql.write_all(Vec::new()).await, Err(Error::NotStored(_))));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn what_cannot_be_meant_is_refused_and_was_not_stored() {
    on_cassandra(&[ROWS], async |cql| {
        const NO_TABLE: Statement = Statement::write("INSERT INTO nothing (part) VALUES (?)");
        assert!(matches!(cql.write(NO_TABLE, (1_i64,)).await, Err(Error::NotStored(_))));
        assert!(matches!(cql.write(PUT, (1_i64, "text", vec![1_u8])).await, Err(Error::NotStored(_))));
        assert!(matches!(cql.row::<(i64,)>(GET, (1_i64, 1_i32)).await, Ok(None) | Err(Error::Corrupt(_))));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn migrations_are_applied_once_in_order_and_a_dry_run_changes_nothing() {
    let options = options();
    let dry = Cql::migrate(&options, &[ROWS, MORE], true).await.unwrap();
    assert_eq!(dry, [(ROWS.name, Applied::Not), (MORE.name, Applied::Not)]);
    assert!(Cql::connect(&options).await.is_err(), "a dry run makes no keyspace");
    assert_eq!(Cql::migrate(&options, &[ROWS], false).await.unwrap(), [(ROWS.name, Applied::Now)]);
    let dry = Cql::migrate(&options, &[ROWS, MORE], true).await.unwrap();
    assert_eq!(dry, [(ROWS.name, Applied::Before), (MORE.name, Applied::Not)]);
    let applied = Cql::migrate(&options, &[ROWS, MORE], false).await.unwrap();
    assert_eq!(applied, [(ROWS.name, Applied::Before), (MORE.name, Applied::Now)]);
    Cql::drop_keyspace(&options).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn a_migration_that_was_cut_off_goes_on() {
    let options = options();
    const HALF: Migration = Migration { name: MORE.name, statements: &[MORE.statements[0], "this is no statement"] };
    assert!(Cql::migrate(&options, &[ROWS, HALF], false).await.is_err());
    let applied = Cql::migrate(&options, &[ROWS, MORE], false).await.unwrap();
    assert_eq!(applied, [(ROWS.name, Applied::Before), (MORE.name, Applied::Now)]);
    Cql::drop_keyspace(&options).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn of_several_who_migrate_at_once_each_step_is_done_by_one() {
    let options = options();
    let running = (0..3).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { Cql::migrate(&options, &[ROWS, MORE], false).await })
    });
    let mut done = 0;
    for one in running.collect::<Vec<_>>() {
        done += one.await.unwrap().unwrap().iter().filter(|(_, applied)| *applied == Applied::Now).count();
    }
    assert_eq!(done, 2);
    Cql::drop_keyspace(&options).await.unwrap();
}
