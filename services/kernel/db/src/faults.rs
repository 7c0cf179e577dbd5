//! What goes wrong in the memory engine, by seed: delays, refusals, unknown outcomes. The same seed and the same calls give
//! the same faults.

use std::time::Duration;

use parking_lot::Mutex;

/// Seeded misfortune for [`Kv::memory_with`](crate::Kv::memory_with), and the bounds that a store on disk has from its
/// options. The default has no misfortune.
#[derive(Clone, PartialEq, Debug)]
pub struct Faults {
    /// The same seed gives the same faults.
    pub seed: u64,
    /// Shortest time that a group takes to be written and a read to be answered.
    pub delay_min: Duration,
    /// Longest such time. Zero: commits are done when `commit` returns.
    pub delay_max: Duration,
    /// Probability that a group is refused: [`Error::NotStored`](crate::Error::NotStored), nothing written.
    pub not_stored: f64,
    /// Probability that a group's outcome is unknown: written or not, by an even chance.
    pub unknown: f64,
    /// Most commits that wait.
    pub queue_count: usize,
    /// Most bytes of commits that wait.
    pub queue_bytes: usize,
    /// Most commits written together.
    pub group_count: usize,
    /// Most bytes of commits written together.
    pub group_bytes: usize,
    /// Longest wait of a read.
    pub deadline: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            seed: 0,
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
            not_stored: 0.0,
            unknown: 0.0,
            queue_count: 16_384,
            queue_bytes: 64 << 20,
            group_count: 256,
            group_bytes: 8 << 20,
            deadline: Duration::from_secs(2),
        }
    }
}

/// What happens to one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Written,
    NotStored,
    /// Nobody is told which it was.
    Unknown {
        written: bool,
    },
}

/// Throws the dice of [`Faults`].
pub(crate) struct Dice {
    faults: Mutex<Faults>,
    state: Mutex<u64>,
}

impl Dice {
    pub fn new(faults: Faults) -> Dice {
        let state = Mutex::new(faults.seed);
        Dice { faults: Mutex::new(faults), state }
    }

    /// Replaces everything but the seed, the bounds of queue and groups, and the deadline.
    pub fn set(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    pub fn faults(&self) -> Faults {
        self.faults.lock().clone()
    }

    /// The next delay; zero if there is none.
    pub fn delay(&self) -> Duration {
        let (min, max) = {
            let faults = self.faults.lock();
            (faults.delay_min, faults.delay_max)
        };
        if max.is_zero() { Duration::ZERO } else { min + max.saturating_sub(min).mul_f64(self.unit()) }
    }

    /// What happens to the next group.
    pub fn fate(&self) -> Fate {
        let (not_stored, unknown) = {
            let faults = self.faults.lock();
            (faults.not_stored, faults.unknown)
        };
        let thrown = self.unit();
        if thrown < not_stored {
            Fate::NotStored
        } else if thrown < not_stored + unknown {
            Fate::Unknown { written: self.coin() }
        } else {
            Fate::Written
        }
    }

    pub fn coin(&self) -> bool {
        self.unit() < 0.5
    }

    /// A number in [0, 1).
    fn unit(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    fn next(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
