//! A trial: one fault, or a mixture of several that is drawn from a seed.

use std::time::Duration;

use natter_actor::Chance;
use natter_tests::traffic::Excuse;

use crate::fault::{FAULTS, Fault, On, What};
use crate::network::EDGES_PRESENCE;

/// What happens in one run under traffic.
pub struct Trial {
    pub name: String,
    pub steps: Vec<Step>,
    /// How long all of it takes, where that is said beforehand.
    pub lasts: Option<Duration>,
}

/// A fault, so long after the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub at: Duration,
    pub fault: Fault,
}

impl Trial {
    pub fn of(fault: Fault) -> Trial {
        Trial { name: fault.name.to_owned(), steps: vec![Step { at: Duration::ZERO, fault }], lasts: fault.what.lasts() }
    }

    /// What the listeners may be told after it. Proofs go from an edge over presence to Redis; while one of them does not answer, what is
    /// proved is not kept. Where several break at once, what a dead session is owed may be lost: Redis has the only copy.
    pub fn excuse(&self) -> Excuse {
        let usual = Excuse::default();
        let is_between = |step: &Step| match step.fault.on {
            On::Part(name) => name.starts_with("presence"),
            On::Redis | On::Nats | On::AllNats | On::Cassandra(_) | On::Cassandras(_) | On::Wire(EDGES_PRESENCE) => true,
            _ => false,
        };
        let longest = self.steps.iter().filter(|step| is_between(step)).filter_map(|step| step.fault.what.lasts()).max();
        let may_miss = self.steps.len() > 1;
        match longest {
            Some(_) if may_miss => Excuse { proof: Duration::MAX, may_miss },
            longest => Excuse { proof: usual.proof + longest.unwrap_or_default(), may_miss },
        }
    }

    /// Faults at times and for times that the seed says, the same for the same seed and servers; the last begins before `lasts` is over.
    /// What is not possible on this machine is drawn and left out.
    pub fn mixed(seed: u64, lasts: Duration, nodes: usize, is_possible: impl Fn(&Fault) -> bool) -> Trial {
        let chance = Chance::seeded(seed);
        let all: Vec<Fault> = FAULTS.iter().filter(|fault| mixes(fault) && fault.nodes <= nodes).copied().collect();
        let (mut at, mut steps) = (Duration::ZERO, Vec::new());
        while at < lasts {
            let mut fault = all[chance.below(all.len() as u64) as usize];
            fault.what = fault.what.lasting(Duration::from_millis(1_000 + chance.below(7_000)));
            steps.extend(Some(Step { at, fault }).filter(|step| is_possible(&step.fault)));
            at += Duration::from_millis(500 + chance.below(5_500));
        }
        Trial { name: format!("mixture, seed {seed}"), steps, lasts: Some(lasts) }
    }
}

// One edge stays whole, for the user whose waiting is measured, and can be come back to; a clock is put wrong only in a process that was started for that; one node
// cannot lose what it keeps.
fn mixes(fault: &Fault) -> bool {
    let is_usual = match fault.what {
        What::Nothing | What::ClockOff(..) | What::ClockOffAndKilled(..) | What::CertificateExpired(_) => false,
        What::Killed(_) => !matches!(fault.on, On::Cassandra(_) | On::Cassandras(_)),
        _ => true,
    };
    is_usual && fault.on != On::Part("edge-3")
}
