//! Places, waiting, and lanes that end.
#![allow(clippy::unwrap_used)]

use tokio::time::advance;

use super::*;

const APP: AppId = AppId(1);

#[tokio::test(start_paused = true)]
async fn so_many_ask_so_many_wait_and_the_next_is_put_off() {
    let lanes = Arc::new(Lanes::new(2, 1));
    let first = lanes.enter(APP, Provider::Fcm).await.unwrap();
    let _second = lanes.enter(APP, Provider::Fcm).await.unwrap();
    let waiting = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.enter(APP, Provider::Fcm).await.is_ok() }
    });
    tokio::task::yield_now().await;
    assert_eq!(refused(&lanes, APP, Provider::Fcm).await, Closed::Full);
    // Neither another provider nor another app is in that queue.
    assert!(lanes.enter(APP, Provider::Apns).await.is_ok());
    assert!(lanes.enter(AppId(2), Provider::Fcm).await.is_ok());
    drop(first);
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_his_place_in_the_queue() {
    let lanes = Arc::new(Lanes::new(1, 1));
    let first = lanes.enter(APP, Provider::Fcm).await.unwrap();
    for _ in 0..3 {
        let waiting = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.enter(APP, Provider::Fcm).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "it has a place in the queue");
        assert_eq!(refused(&lanes, APP, Provider::Fcm).await, Closed::Full);
        waiting.abort();
        let _ = waiting.await;
    }
    drop(first);
    assert!(lanes.enter(APP, Provider::Fcm).await.is_ok());
    assert_eq!(lanes.count(), 0, "a lane that nobody needs is gone");
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_a_provider_that_fails_does_not_ask_it() {
    let lanes = Arc::new(Lanes::new(5, 10));
    let mut places = Vec::new();
    for _ in 0..5 {
        places.push(lanes.enter(APP, Provider::Fcm).await.unwrap());
    }
    let waiting = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.enter(APP, Provider::Fcm).await.err() }
    });
    tokio::task::yield_now().await;
    for mut place in places {
        place.answered(Some(Health::Unwell));
    }
    let Some(Closed::Resting(left)) = waiting.await.unwrap() else { panic!("it was let in") };
    assert!(left >= Duration::from_millis(500) && left <= Duration::from_secs(1), "{left:?}");
    assert!(matches!(refused(&lanes, APP, Provider::Fcm).await, Closed::Resting(_)));
    assert!(lanes.enter(AppId(2), Provider::Fcm).await.is_ok(), "another app finds out by itself");
    advance(Duration::from_secs(1)).await;
    let mut trial = lanes.enter(APP, Provider::Fcm).await.unwrap();
    assert!(matches!(refused(&lanes, APP, Provider::Fcm).await, Closed::Resting(_)), "one tries");
    trial.answered(Some(Health::Well));
    drop(trial);
    assert!(lanes.enter(APP, Provider::Fcm).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn push_services_that_users_name_are_bounded_and_stop_no_other() {
    let lanes = Arc::new(Lanes::new(1, 0));
    let mut open = Vec::new();
    for n in 0..LANES_PER_APP_MAX {
        open.push(lanes.enter(APP, Provider::Web(n.to_string())).await.unwrap());
    }
    assert_eq!(refused(&lanes, APP, Provider::Web("one more".into())).await, Closed::TooMany);
    assert!(lanes.enter(APP, Provider::Fcm).await.is_ok());
    assert!(lanes.enter(AppId(2), Provider::Web("one more".into())).await.is_ok());
    // All of them fail, and are remembered; that does not keep out one that works.
    for mut place in open {
        place.answered(Some(Health::Unwell));
    }
    assert_eq!(lanes.count(), LANES_PER_APP_MAX);
    assert!(lanes.enter(APP, Provider::Web("one more".into())).await.is_ok());
}

async fn refused(lanes: &Arc<Lanes>, app: AppId, provider: Provider) -> Closed {
    lanes.enter(app, provider).await.err().unwrap()
}
