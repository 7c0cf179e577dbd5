//! What every engine of the port must do.
#![allow(clippy::unwrap_used)]

use natter_db::cql::Statement;
use natter_db::cql::testing::on_cassandra;
use natter_db::{Kv, KvOptions};
use natter_proto::trace::v1::{Hop, Kind};
use natter_proto::{DialogId, MessageId};

use super::{About, Hops, TABLES, open};

const DIALOG: DialogId = DialogId([4; 12]);

macro_rules! on_embedded_engines {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&*super::open(&super::Kv::memory().into(), 1)).await;
            }

            #[tokio::test]
            async fn disk() {
                let folder = tempfile::tempdir().unwrap();
                let kv = super::Kv::open(folder.path(), super::KvOptions::default()).unwrap();
                super::$case(&*super::open(&kv.into(), 1)).await;
            }
        }
    )*};
}

on_embedded_engines! {
    the_hops_of_a_message_are_found_by_its_id_and_its_place_in_the_order_of_time
    what_is_old_goes_with_the_way_to_it
    nothing_is_left_of_a_user_or_an_app
    apps_are_switched_on_and_off
}

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn on_cassandra_too() {
    on_cassandra(&[TABLES], async |cql| {
        let hops = open(&cql.clone().into(), 1);
        the_hops_of_a_message_are_found_by_its_id_and_its_place_in_the_order_of_time(&*hops).await;
        // The bus may tell a hop twice, and each process that hears it keeps it.
        open(&cql.clone().into(), 1).keep(&[hop(1, Kind::Received, 10, 34)]).await.unwrap();
        assert_eq!(hops.of(7, About::Place(DIALOG, 1), 9).await.unwrap().len(), 3);
        let many: Vec<Hop> = (10..310).map(|seq| hop(seq % 30, Kind::Ordered, seq as i64, 34)).collect();
        hops.keep(&many).await.unwrap();
        assert_eq!(hops.of(7, About::Message(message(15)), 99).await.unwrap().len(), 10);
        for left in [Statement::read("SELECT TTL(row) FROM trace_hops"), Statement::read("SELECT TTL(dialog) FROM trace_places")]
        {
            let left = cql.rows::<(Option<i32>,)>(left, ()).await.unwrap();
            let ends = |ttl: &Option<i32>| ttl.is_some_and(|seconds| (86_000..=86_400).contains(&seconds));
            assert!(left.len() >= 30 && left.iter().all(|(ttl,)| ends(ttl)), "{left:?}");
        }
        apps_are_switched_on_and_off(&*hops).await;
        assert_eq!(hops.switches().await.unwrap(), [(7, 3_000)]);
        assert_eq!((erase(&*hops, Some(34)).await, erase(&*hops, None).await), (0, 0));
        assert_eq!(hops.switches().await.unwrap(), []);
    })
    .await;
}

async fn the_hops_of_a_message_are_found_by_its_id_and_its_place_in_the_order_of_time(hops: &dyn Hops) {
    let way = [hop(1, Kind::Ordered, 20, 34), hop(1, Kind::Received, 10, 34), hop(1, Kind::Written, 20, 78)];
    hops.keep(&way).await.unwrap();
    hops.keep(&[hop(2, Kind::Ordered, 5, 34), Hop { app: 8, ..hop(1, Kind::Ordered, 5, 34) }]).await.unwrap();
    let [ordered, received, written] = way;
    let all = [received, ordered, written];
    assert_eq!(hops.of(7, About::Message(message(1)), 9).await.unwrap(), all);
    assert_eq!(hops.of(7, About::Place(DIALOG, 1), 9).await.unwrap(), all);
    assert_eq!(hops.of(7, About::Place(DIALOG, 1), 2).await.unwrap(), all[..2]);
    assert_eq!(hops.of(7, About::Message(message(9)), 9).await.unwrap(), []);
    assert_eq!(hops.of(8, About::Message(message(1)), 9).await.unwrap().len(), 1, "of another app");
}

async fn what_is_old_goes_with_the_way_to_it(hops: &dyn Hops) {
    let old: Vec<Hop> = (1..=1_500).map(|seq| hop(seq, Kind::Ordered, 10, 34)).collect();
    hops.keep(&old).await.unwrap();
    hops.keep(&[hop(700, Kind::Read, 99, 78), hop(1_501, Kind::Ordered, 50, 34)]).await.unwrap();
    let mut after = None;
    for page in 0.. {
        after = hops.sweep(after, 50).await.unwrap();
        if after.is_none() {
            assert_eq!(page, 1, "in pages");
            break;
        }
    }
    assert_eq!(hops.of(7, About::Message(message(1)), 9).await.unwrap(), []);
    assert_eq!(hops.of(7, About::Place(DIALOG, 700), 9).await.unwrap().len(), 1, "the newer of its hops");
    assert_eq!(hops.of(7, About::Message(message(1_501)), 9).await.unwrap().len(), 1);
}

async fn nothing_is_left_of_a_user_or_an_app(hops: &dyn Hops) {
    let many: Vec<Hop> = (1..=1_200).flat_map(|seq| [hop(seq, Kind::Ordered, 10, 34), hop(seq, Kind::Read, 11, 78)]).collect();
    hops.keep(&many).await.unwrap();
    hops.keep(&[Hop { app: 8, ..hop(1, Kind::Ordered, 5, 78) }]).await.unwrap();
    hops.switch(7, 1_000).await.unwrap();
    assert_eq!(erase(hops, Some(78)).await, 1_200);
    assert_eq!(hops.of(7, About::Message(message(1)), 9).await.unwrap(), [hop(1, Kind::Ordered, 10, 34)]);
    assert_eq!(hops.switches().await.unwrap(), [(7, 1_000)]);
    assert_eq!(erase(hops, None).await, 1_200);
    assert_eq!(hops.of(7, About::Message(message(1)), 9).await.unwrap(), []);
    assert_eq!(hops.switches().await.unwrap(), []);
    assert_eq!(hops.of(8, About::Message(message(1)), 9).await.unwrap().len(), 1, "of another app");
}

async fn apps_are_switched_on_and_off(hops: &dyn Hops) {
    hops.switch(7, 1_000).await.unwrap();
    hops.switch(9, 2_000).await.unwrap();
    hops.switch(7, 3_000).await.unwrap();
    assert_eq!(hops.switches().await.unwrap(), [(7, 3_000), (9, 2_000)]);
    hops.switch(9, 0).await.unwrap();
    assert_eq!(hops.switches().await.unwrap(), [(7, 3_000)]);
}

async fn erase(hops: &dyn Hops, user: Option<u64>) -> usize {
    let (mut after, mut all) = (None, 0);
    loop {
        let (count, next) = hops.erase(7, user, after).await.unwrap();
        all += count;
        match next {
            None => return all,
            next => after = next,
        }
    }
}

fn message(seq: u64) -> MessageId {
    let mut id = [9; 12];
    id[4..].copy_from_slice(&seq.to_be_bytes());
    MessageId(id)
}

fn hop(seq: u64, kind: Kind, at: i64, user: u64) -> Hop {
    let message = if kind == Kind::Ordered { message(seq).to_vec() } else { Vec::new() };
    Hop { app: 7, dialog: DIALOG.to_vec(), seq, at, kind: kind.into(), node: "n".into(), user, message, ..Hop::default() }
}
