//! What can break: to whom it happens, and for how long.

use std::time::Duration;

/// One way in which something breaks.
pub struct Fault {
    pub name: &'static str,
    pub on: On,
    pub what: What,
    /// Servers of each kind that it takes.
    pub nodes: usize,
}

/// To whom.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// A process of the binary.
    Part(&'static str),
    Cassandra(usize),
    /// Several of them.
    Cassandras(&'static [usize]),
    Nats,
    Redis,
    S3,
    Nobody,
}

/// What happens to it.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Nothing,
    /// SIGKILL, and started again after so long.
    Killed(Duration),
    /// SIGSTOP, and SIGCONT after so long.
    HeldStill(Duration),
    /// SIGTERM, and started again when it has ended.
    Drained,
    /// All that it keeps is gone.
    Wiped,
}

const S: Duration = Duration::from_secs(1);

const fn killed(name: &'static str, on: On) -> Fault {
    Fault { name, on, what: What::Killed(Duration::from_secs(8)), nodes: 1 }
}

const fn held(name: &'static str, on: On) -> Fault {
    Fault { name, on, what: What::HeldStill(Duration::from_secs(8)), nodes: 1 }
}

/// All of them, in the order in which they are run.
pub const FAULTS: [Fault; 26] = [
    Fault { name: "nothing", on: On::Nobody, what: What::Nothing, nodes: 1 },
    killed("edge killed", On::Part("edge-1")),
    held("edge held still", On::Part("edge-2")),
    Fault { name: "edge drained", on: On::Part("edge-3"), what: What::Drained, nodes: 1 },
    killed("dialog killed", On::Part("dialog-1")),
    held("dialog held still", On::Part("dialog-2")),
    Fault { name: "dialog drained", on: On::Part("dialog-1"), what: What::Drained, nodes: 1 },
    killed("presence killed", On::Part("presence-1")),
    held("presence held still", On::Part("presence-1")),
    killed("account killed", On::Part("account-1")),
    held("account held still", On::Part("account-1")),
    killed("storage killed", On::Part("storage-1")),
    killed("push killed", On::Part("push-1")),
    killed("api killed", On::Part("api-1")),
    held("api held still", On::Part("api-1")),
    killed("Redis killed", On::Redis),
    Fault { name: "Redis wiped", on: On::Redis, what: What::Wiped, nodes: 1 },
    held("Redis held still", On::Redis),
    killed("NATS killed", On::Nats),
    held("NATS held still", On::Nats),
    killed("S3 away", On::S3),
    Fault { name: "Cassandra held still", on: On::Cassandra(0), what: What::HeldStill(Duration::from_secs(4)), nodes: 1 },
    Fault { name: "one Cassandra of three killed", on: On::Cassandra(1), what: What::Killed(S.saturating_mul(15)), nodes: 3 },
    Fault {
        name: "one Cassandra of three held still",
        on: On::Cassandra(2),
        what: What::HeldStill(S.saturating_mul(15)),
        nodes: 3,
    },
    Fault {
        name: "two Cassandras of three held still",
        on: On::Cassandras(&[1, 2]),
        what: What::HeldStill(S.saturating_mul(8)),
        nodes: 3,
    },
    Fault { name: "console killed", on: On::Part("console-1"), what: What::Killed(S.saturating_mul(3)), nodes: 1 },
];
