//! Randomness as an argument: the operating system's in production, a seeded sequence in the simulation.

use std::sync::Arc;

use parking_lot::Mutex;

/// A source of random bytes. Clones of a seeded source share its sequence.
#[derive(Clone, Debug)]
pub struct Chance(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<Mutex<u64>>),
}

impl Chance {
    /// The operating system's randomness, fit for secrets.
    pub fn system() -> Chance {
        Chance(Source::System)
    }

    /// A sequence that depends on `seed` only. For simulations and tests, never for secrets.
    pub fn seeded(seed: u64) -> Chance {
        Chance(Source::Seeded(Arc::new(Mutex::new(seed))))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => getrandom::fill(bytes).expect("the operating system has randomness once it has booted"),
            Source::Seeded(state) => {
                let mut state = state.lock();
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }

    /// A number from the whole range.
    pub fn u64(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A number below `end`, all of them equally likely. `end` 0 gives 0.
    pub fn below(&self, end: u64) -> u64 {
        // The high half of a 128-bit product: the bias is below 2^-64 times `end`.
        ((u128::from(self.u64()) * u128::from(end)) >> 64) as u64
    }

    /// `N` bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): any seed is good, zero included.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        // The first outputs of SplitMix64 for seed 1234567, as its reference implementation prints them.
        let chance = Chance::seeded(1_234_567);
        assert_eq!([chance.u64(), chance.u64()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn clones_share_one_sequence_and_the_system_has_none() {
        let chance = Chance::seeded(7);
        let (first, second) = (chance.clone().u64(), chance.u64());
        assert_ne!(first, second);
        assert_ne!(Chance::system().bytes::<16>(), Chance::system().bytes::<16>());
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let chance = Chance::seeded(3);
        let mut seen = [0; 5];
        (0..1_000).for_each(|_| seen[chance.below(5) as usize] += 1);
        assert!(seen.iter().all(|count| (150..250).contains(count)), "{seen:?}");
    }
}
