//! Two users, one thread, paused time: seeded delays and losses on the links, refusals and unknown outcomes of the store,
//! crashes of the process. At the end of every life history must hold what was acknowledged, once, in order, and the unread
//! count must be what the marks say.
//!
//! `NATTER_SEED` replays one life, `NATTER_SEEDS` sets how many are lived.

mod check;
mod cluster;
mod scene;
mod user;

use std::rc::Rc;
use std::time::Duration;

use natter_actor::Chance;

use crate::{in_one_thread, number};
use scene::Scene;
use user::User;

const SEEDS: u64 = 300;
const MESSAGES_EACH: u32 = 40;
const CRASHES: u64 = 3;

#[test]
fn nothing_acked_is_lost_doubled_or_reordered() {
    let seeds = match number("NATTER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("NATTER_SEEDS").unwrap_or(SEEDS) + 1,
    };
    let mut crashes_met = 0;
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live(seed));
        match lived {
            Ok(crashes) => crashes_met += crashes,
            Err(_) => panic!("seed {seed} failed; replay: NATTER_SEED={seed} cargo test -p natter-tests --test it simulation"),
        }
    }
    assert!(crashes_met > 0, "no life met a crash while users were writing, so nothing was tested");
}

#[test]
fn the_same_seed_lives_the_same_life() {
    assert_eq!(transcript(7), transcript(7));
    assert_ne!(transcript(7), transcript(8));
}

// One life; returns how many crashes came while users were still writing.
fn live(seed: u64) -> u64 {
    in_one_thread(async move { life(seed).await.0 })
}

fn transcript(seed: u64) -> Vec<String> {
    in_one_thread(async move { life(seed).await.1 })
}

async fn life(seed: u64) -> (u64, Vec<String>) {
    let chance = Chance::seeded(seed);
    let scene = Rc::new(Scene::new(chance.clone()).await);
    let (ann, bob) = (scene.world.users[0], scene.world.users[1]);
    let users = [User::new(scene.clone(), ann, bob), User::new(scene.clone(), bob, ann)];
    let writing = users.map(|user| tokio::task::spawn_local(user.write(MESSAGES_EACH)));
    let mut crashes = 0;
    for _ in 0..CRASHES {
        tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
        if writing.iter().any(|task| !task.is_finished()) {
            crashes += 1;
        }
        scene.world.crash().await;
    }
    let mut records = Vec::new();
    for task in writing {
        records.push(task.await.unwrap());
    }
    scene.world.calm().await;
    (crashes, check::history(&scene, &records).await)
}
