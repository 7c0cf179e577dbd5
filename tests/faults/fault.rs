//! What can break: to whom it happens, and for how long.

use std::time::Duration;

use crate::network::{DIALOG_CASSANDRA, DIALOG_NATS, EDGES_DIALOG, EDGES_PRESENCE};

/// One way in which something breaks.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub name: &'static str,
    pub on: On,
    pub what: What,
    /// Servers of each kind that it takes.
    pub nodes: usize,
}

/// To whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    /// A process of the binary.
    Part(&'static str),
    Cassandra(usize),
    /// Several of them.
    Cassandras(&'static [usize]),
    Nats,
    /// All of its servers.
    AllNats,
    Redis,
    S3,
    /// What goes between two parts.
    Wire(&'static str),
    /// Another app.
    App,
    Nobody,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Bytes come so much later, in both directions, for so long.
    Late(Duration, Duration),
    /// Nothing passes for so long; connections stay.
    Parted(Duration),
    /// Its wall clock is so many seconds ahead, or behind, for so long.
    ClockOff(i64, Duration),
    /// The same, and then it is killed: others go on, by a right clock, with what it wrote by its own.
    ClockOffAndKilled(i64, Duration),
    /// The volume of what it keeps is full for so long. Who did not survive that is started again.
    DiskFull(Duration),
    /// All doors show a certificate that has ended, for so long, and it is killed and started again: its clients have to come back while they do.
    CertificateExpired(Duration),
    /// Its users say as much as they can for so long.
    Noisy(Duration),
}

impl What {
    /// How long it lasts, where that is said beforehand.
    pub fn lasts(self) -> Option<Duration> {
        match self {
            What::Killed(time)
            | What::HeldStill(time)
            | What::Late(_, time)
            | What::Parted(time)
            | What::ClockOff(_, time)
            | What::ClockOffAndKilled(_, time)
            | What::DiskFull(time)
            | What::CertificateExpired(time)
            | What::Noisy(time) => Some(time),
            What::Nothing | What::Drained | What::Wiped => None,
        }
    }

    /// The same for so long.
    pub fn lasting(self, time: Duration) -> What {
        match self {
            What::Killed(_) => What::Killed(time),
            What::HeldStill(_) => What::HeldStill(time),
            What::Late(by, _) => What::Late(by, time),
            What::Parted(_) => What::Parted(time),
            What::ClockOff(by, _) => What::ClockOff(by, time),
            What::ClockOffAndKilled(by, _) => What::ClockOffAndKilled(by, time),
            What::DiskFull(_) => What::DiskFull(time),
            What::CertificateExpired(_) => What::CertificateExpired(time),
            What::Noisy(_) => What::Noisy(time),
            What::Nothing | What::Drained | What::Wiped => self,
        }
    }
}

const SHORT: Duration = Duration::from_secs(4);
const USUAL: Duration = Duration::from_secs(8);
const LONG: Duration = Duration::from_secs(15);
/// One way.
const FAR: Duration = Duration::from_millis(200);

const fn of(name: &'static str, on: On, what: What) -> Fault {
    Fault { name, on, what, nodes: 1 }
}

const fn of_three(name: &'static str, on: On, what: What) -> Fault {
    Fault { name, on, what, nodes: 3 }
}

const fn killed(name: &'static str, on: On) -> Fault {
    of(name, on, What::Killed(USUAL))
}

const fn held(name: &'static str, on: On) -> Fault {
    of(name, on, What::HeldStill(USUAL))
}

const fn late(name: &'static str, wire: &'static str) -> Fault {
    of(name, On::Wire(wire), What::Late(FAR, USUAL))
}

const fn parted(name: &'static str, wire: &'static str) -> Fault {
    of(name, On::Wire(wire), What::Parted(USUAL))
}

/// All of them, in the order in which they are run.
pub const FAULTS: [Fault; 43] = [
    of("nothing", On::Nobody, What::Nothing),
    killed("edge killed", On::Part("edge-1")),
    held("edge held still", On::Part("edge-2")),
    of("edge drained", On::Part("edge-3"), What::Drained),
    killed("dialog killed", On::Part("dialog-1")),
    held("dialog held still", On::Part("dialog-2")),
    of("dialog drained", On::Part("dialog-1"), What::Drained),
    killed("presence killed", On::Part("presence-1")),
    held("presence held still", On::Part("presence-1")),
    killed("account killed", On::Part("account-1")),
    held("account held still", On::Part("account-1")),
    killed("storage killed", On::Part("storage-1")),
    killed("push killed", On::Part("push-1")),
    killed("api killed", On::Part("api-1")),
    held("api held still", On::Part("api-1")),
    killed("Redis killed", On::Redis),
    of("Redis wiped", On::Redis, What::Wiped),
    held("Redis held still", On::Redis),
    killed("NATS killed", On::Nats),
    held("NATS held still", On::Nats),
    of_three("all three NATS killed", On::AllNats, What::Killed(USUAL)),
    of_three("all three NATS held still", On::AllNats, What::HeldStill(USUAL)),
    of("disk of NATS full", On::Nats, What::DiskFull(USUAL)),
    killed("S3 away", On::S3),
    of("disk of S3 full", On::S3, What::DiskFull(USUAL)),
    of("Cassandra held still", On::Cassandra(0), What::HeldStill(SHORT)),
    of_three("one Cassandra of three killed", On::Cassandra(1), What::Killed(LONG)),
    of_three("one Cassandra of three held still", On::Cassandra(2), What::HeldStill(LONG)),
    of_three("two Cassandras of three held still", On::Cassandras(&[1, 2]), What::HeldStill(USUAL)),
    of("console killed", On::Part("console-1"), What::Killed(Duration::from_secs(3))),
    late("edges and a dialog 200 ms apart", EDGES_DIALOG),
    parted("edges and a dialog parted", EDGES_DIALOG),
    late("edges and a presence 200 ms apart", EDGES_PRESENCE),
    parted("edges and a presence parted", EDGES_PRESENCE),
    late("a dialog and Cassandra 200 ms apart", DIALOG_CASSANDRA),
    parted("a dialog and Cassandra parted", DIALOG_CASSANDRA),
    late("a dialog and NATS 200 ms apart", DIALOG_NATS),
    parted("a dialog and NATS parted", DIALOG_NATS),
    of("clock of a dialog a minute ahead", On::Part("dialog-1"), What::ClockOff(60, USUAL)),
    of("clock of a dialog a minute behind", On::Part("dialog-1"), What::ClockOff(-60, USUAL)),
    of("dialog killed whose clock was a minute ahead", On::Part("dialog-1"), What::ClockOffAndKilled(60, USUAL)),
    of("certificate expired", On::Part("edge-1"), What::CertificateExpired(LONG)),
    of("noisy app", On::App, What::Noisy(USUAL)),
];
