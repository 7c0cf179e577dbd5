//! What holds beside the contract where a step is two writes: what dies between them, and how it is found.
#![allow(clippy::unwrap_used)]

use natter_db::cql::testing::on_cassandra;

use super::*;

#[tokio::test]
#[ignore = "needs Cassandra: cargo xtask test --servers"]
async fn on_cassandra_alone() {
    on_cassandra(&[TABLES], async |cql| {
        room_that_was_reserved_for_nothing_is_found_after_a_minute_of_refusals(&cql, 100).await;
        room_of_one_who_is_gone_is_found_too_and_a_late_end_does_not_give_it_back_twice(&cql, 200).await;
        a_full_app_is_counted_and_stays_full(&cql, 300).await;
        a_step_that_was_issued_twice_is_taken_once(&cql, 400).await;
    })
    .await;
}

async fn room_that_was_reserved_for_nothing_is_found_after_a_minute_of_refusals(cql: &Cql, app: u64) {
    let store = engine(cql, 1);
    add(&store, app, 34, 2).await.unwrap();
    // Whoever reserves, and dies.
    store.reserve(app, 1, 2).await.unwrap();
    assert_eq!((store.count(app).await, add(&store, app, 35, 2).await), (Ok(2), Err(Error::Full)));
    store.doubts.lock().get_mut(&app).unwrap().since -= SETTLED_MS - 30_000;
    assert_eq!(add(&store, app, 35, 2).await, Err(Error::Full), "it may be under way yet");
    store.doubts.lock().get_mut(&app).unwrap().since -= 30_000;
    // What was reserved since then counts, whether its row is there or not.
    let other = engine(cql, 2);
    other.reserve(app, 1, 9).await.unwrap();
    assert_eq!((add(&store, app, 35, 3).await, store.count(app).await), (Ok(()), Ok(3)));
    assert_eq!((add(&store, app, 36, 3).await, store.count(app).await), (Err(Error::Full), Ok(3)));
}

async fn room_of_one_who_is_gone_is_found_too_and_a_late_end_does_not_give_it_back_twice(cql: &Cql, app: u64) {
    let store = engine(cql, 1);
    add(&store, app, 34, 2).await.unwrap();
    add(&store, app, 35, 2).await.unwrap();
    // Whoever removes the row, and dies or hangs before it gives back the room.
    let (tally, _) = store.tally(app).await.unwrap().unwrap();
    let before = store.of_user(app, 34).await.unwrap();
    assert_eq!(store.put(&before, &[]).await, Ok(true));
    assert_eq!((store.count(app).await, add(&store, app, 36, 2).await), (Ok(2), Err(Error::Full)));
    store.doubts.lock().get_mut(&app).unwrap().since -= SETTLED_MS;
    assert_eq!((add(&store, app, 36, 2).await, store.count(app).await), (Ok(()), Ok(2)));
    store.release(app, 1, tally.epoch).await;
    assert_eq!((store.count(app).await, add(&store, app, 37, 2).await), (Ok(2), Err(Error::Full)));
}

async fn a_full_app_is_counted_and_stays_full(cql: &Cql, app: u64) {
    let store = engine(cql, 1);
    add(&store, app, 34, 1).await.unwrap();
    for _ in 0..2 {
        assert_eq!(add(&store, app, 35, 1).await, Err(Error::Full));
        store.doubts.lock().get_mut(&app).unwrap().since -= SETTLED_MS;
    }
    assert_eq!((add(&store, app, 35, 1).await, store.count(app).await), (Err(Error::Full), Ok(1)));
    assert!(store.doubts.lock()[&app].since >= store.clock.now_ms() - 30_000, "the next count is a minute away");
}

async fn a_step_that_was_issued_twice_is_taken_once(cql: &Cql, app: u64) {
    let (store, other) = (engine(cql, 1), engine(cql, 2));
    let before = store.of_user(app, 34).await.unwrap();
    assert_eq!(store.put(&before, &[row(app, 34)]).await, Ok(true));
    assert_eq!(other.put(&before, &[row(app, 34)]).await, Ok(false), "another's step of the same words is not ours");
    let kept = store.of_user(app, 34).await.unwrap();
    assert_eq!((kept.rows.len(), store.put(&kept, &[]).await, store.put(&kept, &[]).await), (1, Ok(true), Ok(false)));
}

fn engine(cql: &Cql, boot: u64) -> OnCql {
    OnCql::new(cql.clone(), Arc::new(Stamps::new(boot << 32)), Clock::system())
}

async fn add(store: &OnCql, app: u64, user: u64, limit: u64) -> Result<()> {
    let before = store.of_user(app, user).await?;
    store.change(&before, vec![row(app, user)], limit).await
}

fn row(app: u64, user: u64) -> Subscription {
    Subscription { app, user, id: user, ..Subscription::default() }
}
