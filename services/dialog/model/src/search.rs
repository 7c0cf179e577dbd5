//! Breadth-first search over worlds. Worlds that differ only in the names of replicas and processes are one, and of a world that
//! was seen only a hash is kept, with the hash of the one before it: the way back.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::alone;
use crate::next;
use crate::property::{self, Broken};
use crate::scope::Scope;
use crate::step::Step;
use crate::world::World;

/// What a search found.
pub struct Outcome {
    pub worlds: usize,
    pub steps: u64,
    /// Steps from the start to the farthest world that was looked at.
    pub depth: usize,
    /// Whether every world of the scope was visited.
    pub complete: bool,
    /// The first thing that breaks, and the shortest way to it.
    pub broken: Option<(Broken, Vec<Step>)>,
}

/// The hash of a world, and of the one it was reached from.
type Seen = HashMap<u64, u64, BuildHasherDefault<AsIs>>;

/// Visits every world of a scope, or as many as it allows, or until something is broken.
pub fn search(scope: &Scope) -> Outcome {
    assert!(scope.fits(), "{} does not fit into a world", scope.name);
    let start = World::start().renamed(scope);
    let mut seen = Seen::default();
    seen.insert(hash(&start), 0);
    let mut outcome = Outcome { worlds: 1, steps: 0, depth: 0, complete: true, broken: None };
    let (mut level, mut steps) = (vec![start], Vec::new());
    while !level.is_empty() && outcome.complete {
        let mut following = Vec::new();
        for world in &level {
            let hash_before = hash(world);
            steps.clear();
            next(scope, world, &mut steps);
            outcome.steps += steps.len() as u64;
            for (_, after) in &steps {
                let after = after.renamed(scope);
                let hash_after = hash(&after);
                if seen.contains_key(&hash_after) {
                    continue;
                }
                seen.insert(hash_after, hash_before);
                outcome.worlds = seen.len();
                if let Some(broken) = property::check(&after).or_else(|| stuck(scope, &after)) {
                    outcome.complete = false;
                    outcome.broken = Some((broken, way_to(scope, &seen, hash_after)));
                    return outcome;
                }
                following.push(after);
            }
            if seen.len() >= scope.worlds_max {
                outcome.complete = false;
                return outcome;
            }
        }
        outcome.depth += usize::from(!following.is_empty());
        level = following;
    }
    outcome
}

fn stuck(scope: &Scope, world: &World) -> Option<Broken> {
    let alone = scope.alone && !(0..scope.actors).all(|actor| alone::accepts(scope, world, actor));
    alone.then_some(Broken::Stuck)
}

/// Walks from the start again, this time without new names, so that each process keeps its own along the way.
fn way_to(scope: &Scope, seen: &Seen, last: u64) -> Vec<Step> {
    let mut hashes = vec![last];
    while let Some(before) = hashes.last().and_then(|hash| seen.get(hash)).filter(|before| **before != 0) {
        hashes.push(*before);
    }
    let (mut world, mut way) = (World::start(), Vec::new());
    let mut steps = Vec::new();
    for wanted in hashes.iter().rev().skip(1) {
        steps.clear();
        next(scope, &world, &mut steps);
        let taken = steps.iter().find(|(_, after)| hash(&after.renamed(scope)) == *wanted);
        let (step, after) = taken.expect("names change nothing of what may happen");
        way.push(*step);
        world = *after;
    }
    way
}

fn hash(world: &World) -> u64 {
    let mut hasher = Folding::default();
    world.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Multiplies and folds: 64 good bits quickly. Two worlds with one hash would hide one of them; among 40 million that happens
/// with a chance of 1 in 20,000.
#[derive(Default)]
struct Folding {
    state: u64,
    waiting: u64,
    bits: u32,
}

impl Folding {
    fn add(&mut self, value: u64, bits: u32) {
        if self.bits + bits > 64 {
            self.fold();
        }
        self.waiting |= value << self.bits;
        self.bits += bits;
        if self.bits >= 64 {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let product = u128::from(self.state ^ self.waiting ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
        self.state = (product as u64) ^ (product >> 64) as u64 ^ self.state.rotate_left(29);
        (self.waiting, self.bits) = (0, 0);
    }
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        let mut last = Folding { state: self.state, waiting: self.waiting, bits: self.bits };
        last.fold();
        last.fold();
        last.state
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte), 8));
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value), 8);
    }

    fn write_u16(&mut self, value: u16) {
        self.add(u64::from(value), 16);
    }

    fn write_u64(&mut self, value: u64) {
        self.fold();
        self.add(value, 64);
    }

    /// Discriminants and lengths: all are small.
    fn write_isize(&mut self, value: isize) {
        self.add(value as u64 & 255, 8);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64 & 255, 8);
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
