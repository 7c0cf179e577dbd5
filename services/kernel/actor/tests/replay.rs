//! A small simulation: the same seed gives the same order of events, another seed another.

#![allow(clippy::unwrap_used)]

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Actor, Chance, Executor, Registry, RegistryOptions, Stop};
use parking_lot::Mutex;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

#[test]
fn a_seed_decides_the_order_of_all_events() {
    let first = play(1);
    assert!(first.events > 5_000, "{} events", first.events);
    (0..5).for_each(|_| assert_eq!(play(1), first));
    assert_ne!(play(2).hash, first.hash);
}

/// What a run was: how much happened, and a hash over what and when.
#[derive(PartialEq, Eq, Debug)]
struct Run {
    events: usize,
    hash: u64,
}

/// Thirty walkers send one another on for ten virtual seconds; some panic, some stop, all go idle at times.
fn play(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let town = Arc::new(Town { chance: Chance::seeded(seed), started: Mutex::new(None), log: Mutex::default() });
    LocalSet::new().block_on(&runtime, async {
        *town.started.lock() = Some(Instant::now());
        let options = RegistryOptions { capacity: 8, idle: Duration::from_millis(15), actors_max: 20 };
        let slot: Arc<Mutex<Option<Registry<u64, Walker>>>> = Arc::default();
        let (there, reach) = (town.clone(), slot.clone());
        let registry = Registry::new(Executor::local(), options, move |name, _| {
            there.note(*name, u64::MAX);
            Walker { name: *name, town: there.clone(), registry: reach.lock().clone().unwrap() }
        });
        *slot.lock() = Some(registry.clone());
        for step in 0..2_000 {
            let _ = registry.tell(&town.chance.below(30), step * 100);
            sleep(Duration::from_millis(5)).await;
        }
        slot.lock().take();
    });
    let log = town.log.lock();
    let mut hash = DefaultHasher::new();
    log.iter().for_each(|(at, name, step)| [*at, *name, *step].iter().for_each(|n| hash.write_u64(*n)));
    Run { events: log.len(), hash: hash.finish() }
}

struct Town {
    chance: Chance,
    started: Mutex<Option<Instant>>,
    log: Mutex<Vec<(u64, u64, u64)>>,
}

impl Town {
    fn note(&self, name: u64, step: u64) {
        let at = self.started.lock().unwrap().elapsed().as_micros() as u64;
        self.log.lock().push((at, name, step));
    }
}

struct Walker {
    name: u64,
    town: Arc<Town>,
    registry: Registry<u64, Walker>,
}

impl Actor for Walker {
    type Message = u64;

    fn batch(&self) -> usize {
        3
    }

    async fn handle(&mut self, mail: Vec<u64>) -> Result<(), Stop> {
        for step in mail {
            sleep(Duration::from_millis(self.town.chance.below(12))).await;
            self.town.note(self.name, step);
            match self.town.chance.below(50) {
                0 => std::panic::resume_unwind(Box::new("as the test wants it")),
                1 => return Err(Stop),
                2..10 => {}
                _ => drop(self.registry.tell(&self.town.chance.below(30), step + 1)),
            }
        }
        Ok(())
    }
}
