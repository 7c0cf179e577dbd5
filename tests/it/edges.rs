//! Five users with seven devices on three edges, one thread, paused time. They write to groups and to one another at the same
//! time, edit and remove; members are removed, leave and are added again; connections are cut, edges drained, the process killed, and
//! the clients come back by themselves, on whichever edge. The bus between dialogs and edges loses, delays and reorders between
//! its subjects. What has to hold is in `check.rs`.
//!
//! `NATTER_SEED` replays one life, `NATTER_SEEDS` sets how many are lived.

mod check;
mod device;
mod ledger;
mod owner;
mod scene;

use std::rc::Rc;
use std::time::Duration;

use natter_actor::Chance;
use natter_bus::Faults;

use crate::{in_one_thread, number};
use device::Device;
use scene::{Phase, Scene};

const SEEDS: u64 = 100;
/// How long they write, milliseconds.
const LIFE_MS: u64 = 8_000;
/// How long healing may take once the bus loses nothing: heads come once a second and name their members every three seconds, what is
/// ahead twice is lost, and a call that is lost is repeated after two seconds.
const HEALING: Duration = Duration::from_secs(15);

#[test]
fn every_session_sees_all_that_it_may_see_once_and_in_order() {
    let seeds = match number("NATTER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("NATTER_SEEDS").unwrap_or(SEEDS) + 1,
    };
    let mut all = check::Counts::default();
    for seed in seeds {
        match std::panic::catch_unwind(|| in_one_thread(life(seed)).0) {
            Ok(counts) => all.add(&counts),
            Err(_) => panic!("seed {seed} failed; replay: NATTER_SEED={seed} cargo test -p natter-tests --test it edges"),
        }
    }
    if number("NATTER_SEED").is_none() {
        all.check_that_something_was_tested();
    }
}

#[test]
fn the_same_seed_lives_the_same_life_on_several_edges() {
    let transcript = |seed| in_one_thread(life(seed)).1;
    assert_eq!(transcript(7), transcript(7));
    assert_ne!(transcript(7), transcript(8));
}

async fn life(seed: u64) -> (check::Counts, Vec<String>) {
    let chance = Chance::seeded(seed);
    let scene = Rc::new(Scene::new(chance.clone()).await);
    let devices: Vec<_> =
        (0..scene::DEVICES.len()).map(|n| tokio::task::spawn_local(Device::new(scene.clone(), n).live())).collect();
    scene.when(|scene| scene.live_devices() == devices.len()).await;
    let owner = tokio::task::spawn_local(owner::add_and_remove(scene.clone()));
    scene.enter(Phase::Writing);
    misfortune(&scene, &chance).await;
    scene.enter(Phase::Settling);
    owner.await.unwrap();
    scene.when(|scene| scene.live_devices() == devices.len() && scene.all_answered()).await;
    // Of the last frames none arrives, in one group nobody was ever told anything before.
    scene.world.set_bus(Faults { lost_per_mille: 1_000, ..Faults::default() });
    scene.enter(Phase::LastWords);
    scene.when(Scene::all_said).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    scene.world.set_bus(Faults::default());
    tokio::time::sleep(HEALING).await;
    scene.enter(Phase::Over);
    let mut seen = Vec::new();
    for device in devices {
        seen.push(device.await.unwrap());
    }
    check::all(&scene, &seen).await
}

/// One or two kills of the whole process, as many drained edges.
async fn misfortune(scene: &Scene, chance: &Chance) {
    let mut events: Vec<(u64, bool)> = (0..1 + chance.below(2)).map(|_| (chance.below(LIFE_MS), true)).collect();
    events.extend((0..1 + chance.below(2)).map(|_| (chance.below(LIFE_MS), false)));
    events.sort_unstable();
    let mut now = 0;
    for (at, kills) in events {
        tokio::time::sleep(Duration::from_millis(at - now)).await;
        now = at;
        if kills {
            scene.note("kill");
            scene.world.crash().await;
            scene.note("started");
        } else {
            let edge = chance.below(scene::EDGES as u64) as usize;
            scene.note(format!("drain e{edge}"));
            scene.world.drain(edge).await;
            scene.note("drained");
        }
    }
    tokio::time::sleep(Duration::from_millis(LIFE_MS - now)).await;
}
