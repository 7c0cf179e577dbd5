//! What befalls the cluster, by the seed.

use std::rc::Rc;
use std::time::Duration;

use natter_node::roles::Role;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::simulation::cluster::counts::Counts;
use crate::simulation::cluster::town::{DOOR, Town};

/// What there is, so that what never happens is seen.
const ALL: [&str; 7] = ["kills", "stills", "drains", "without rows", "without bus", "cuts", "without edges"];

/// Some of it, one thing beside another, until a time. Whatever ends by itself ends later.
pub async fn befall(town: Rc<Town>, length: Duration) -> Counts {
    let (mut counts, mut under_way) = (Counts::default(), Vec::<JoinHandle<()>>::new());
    ALL.iter().for_each(|name| counts.add(name, 0));
    let (chance, began) = (town.chance.clone(), tokio::time::Instant::now());
    loop {
        sleep(Duration::from_millis(300 + chance.below(3_000))).await;
        if began.elapsed() >= length {
            break;
        }
        under_way.push(tokio::task::spawn_local(one(town.clone(), &mut counts)));
    }
    for one in under_way {
        one.await.unwrap();
    }
    counts
}

fn one(town: Rc<Town>, counts: &mut Counts) -> impl Future<Output = ()> + use<> {
    let chance = town.chance.clone();
    let some = |role: Role| {
        let places = town.places(role);
        places[chance.below(places.len() as u64) as usize]
    };
    // Mostly those that write.
    let whom = match chance.below(10) {
        0..=5 => some(Role::Dialog),
        6..=7 => some(Role::Presence),
        _ => some(Role::Edge),
    };
    let (writer, other) = (some(Role::Dialog), if chance.below(2) == 0 { DOOR } else { some(Role::Edge) });
    let long = Duration::from_millis(50 + chance.below(if chance.below(3) == 0 { 9_000 } else { 1_500 }));
    let kind = chance.below(14);
    let name = match kind {
        0..=2 => 0,
        3..=5 => 1,
        6..=7 => 2,
        8..=9 => 3,
        10..=11 => 4,
        12 => 5,
        _ => 6,
    };
    counts.add(ALL[name], 1);
    async move {
        let (process, ground) = (town.process(whom), &town.ground);
        match kind {
            0..=2 => {
                town.note(format!("{whom} is killed"));
                process.kill(ground);
                sleep(long).await;
                if !process.is_up() {
                    town.note(format!("{whom} starts"));
                    town.start(whom).await;
                }
            }
            3..=5 => {
                // The tasks of an edge's connections cannot be stopped from outside.
                town.note(format!("{writer} stands still for {long:?}"));
                town.process(writer).stand_still(ground);
                sleep(long).await;
                town.process(writer).go_on(ground);
            }
            6..=7 => {
                town.note(format!("{whom} is drained"));
                let _ = tokio::time::timeout(Duration::from_secs(20), process.drain(ground)).await;
                process.kill(ground);
                town.note(format!("{whom} starts"));
                town.start(whom).await;
            }
            8..=9 => {
                town.note(format!("{writer} does not reach the rows for {long:?}"));
                town.process(writer).lose_rows(ground);
                sleep(long).await;
                town.process(writer).go_on(ground);
            }
            10..=11 => {
                // With somebody who calls it: he goes on to hold it for the owner, while others ask another one.
                town.note(format!("{writer} and {other} are off the bus for {long:?}"));
                [writer, other].iter().for_each(|place| ground.net.set_on_bus(*place, false));
                sleep(long).await;
                [writer, other].iter().for_each(|place| ground.net.set_on_bus(*place, true));
            }
            12 => {
                town.note(format!("{writer} and {other} do not reach each other for {long:?}"));
                ground.net.cut(writer, other);
                sleep(long).await;
                ground.net.join(writer, other);
            }
            _ => {
                town.note(format!("{writer} and those who call it do not reach each other for {long:?}"));
                town.part_from_callers(writer);
                sleep(long).await;
                town.join_callers(writer);
            }
        }
    }
}
