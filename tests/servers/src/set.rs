//! One or several processes of one kind, in one folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::disk::Disk;
use crate::process::Process;

/// Longest wait for a process to answer. Ten times what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_millis(50);
/// Longest wait for a connection and for an answer on it.
pub const SOON: Duration = Duration::from_secs(5);

/// A kind of server.
pub trait Kind {
    const NAME: &'static str;
    /// Brings the binaries to where they belong, if they are not there.
    fn install(&self) -> Result<()>;
    /// Addresses and free ports of so many.
    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>>;
    /// Writes what a process reads when it starts.
    fn configure(&self, seat: &Seat, all: &[Seat]) -> Result<()>;
    fn command(&self, seat: &Seat) -> Result<Command>;
    /// What it keeps, where that is on a volume of its own.
    fn disk(&self, _: &Seat) -> Option<Disk> {
        None
    }
    /// Whether it answers, and sees its `others`.
    fn is_ready(&self, seat: &Seat, others: usize) -> Result<bool>;
}

/// The place of one process: what it writes, and where it listens.
#[derive(Clone, Debug)]
pub struct Seat {
    pub folder: PathBuf,
    pub index: usize,
    pub ip: Ipv4Addr,
    /// The one for clients first.
    pub ports: Vec<u16>,
}

impl Seat {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        (self.ip, self.ports[0]).into()
    }

    pub fn process(&self) -> Process {
        Process::of(&self.folder)
    }

    /// A connection to one of its ports.
    pub fn connect(&self, port: u16) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&(self.ip, port).into(), SOON)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        Ok(stream)
    }
}

/// A set that was started. It goes on when this is dropped: [`Set::wipe`] ends it.
#[derive(Debug)]
pub struct Set<K> {
    kind: K,
    folder: PathBuf,
    seats: Vec<Seat>,
}

impl<K: Kind> Set<K> {
    /// Starts `count` of them with nothing kept in them, and returns when all answer. What an earlier set left in the folder is ended
    /// and removed.
    pub fn start(kind: K, folder: &Path, count: usize) -> Result<Set<K>> {
        kind.install().with_context(|| format!("{} cannot be installed", K::NAME))?;
        if let Ok(earlier) = Set::open(&kind, folder) {
            earlier.wipe()?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let places = kind.seats(count)?;
        let lines = places.iter().map(|(ip, ports)| {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("{ip} {}\n", ports.join(" "))
        });
        fs::write(folder.join(SEATS), lines.collect::<String>())?;
        let seats = seats_in(&folder)?;
        let set = Set { kind, folder, seats };
        if let Err(error) = set.start_all() {
            set.wipe()?;
            return Err(error);
        }
        Ok(set)
    }

    /// The set that was started in a folder.
    pub fn open(kind: K, folder: &Path) -> Result<Set<K>> {
        let folder = folder.canonicalize().with_context(|| format!("there is no {}", folder.display()))?;
        Ok(Set { seats: seats_in(&folder)?, kind, folder })
    }

    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The process at a place, to be killed, held still and let go on.
    pub fn process(&self, index: usize) -> Process {
        self.seats[index].process()
    }

    /// The volume of what is kept at a place, if it has one of its own.
    pub fn disk(&self, index: usize) -> Option<Disk> {
        self.kind.disk(&self.seats[index])
    }

    /// Whether the process at a place answers.
    pub fn is_ready(&self, index: usize) -> bool {
        self.kind.is_ready(&self.seats[index], self.seats.len() - 1).unwrap_or(false)
    }

    /// Starts the process at a place again, and returns when it answers.
    pub fn start_again(&self, index: usize) -> Result<()> {
        self.launch(&self.seats[index])?;
        self.wait(&self.seats[index])
    }

    /// The same for several, which may need each other to be ready.
    pub fn start_all_again(&self, indices: &[usize]) -> Result<()> {
        indices.iter().try_for_each(|index| self.launch(&self.seats[*index]))?;
        indices.iter().try_for_each(|index| self.wait(&self.seats[*index]))
    }

    /// Ends all of them politely; what they keep stays.
    pub fn stop(&self) -> Result<()> {
        let processes: Vec<Process> = self.seats.iter().map(Seat::process).collect();
        processes.iter().filter(|process| process.pid().is_some()).try_for_each(Process::ask_to_end)?;
        processes.iter().try_for_each(Process::stop)
    }

    /// Ends all of them at once, and removes what they keep.
    pub fn wipe(&self) -> Result<()> {
        for seat in &self.seats {
            if seat.process().pid().is_some() {
                seat.process().kill()?;
            }
        }
        Disk::unmount_below(&self.folder)?;
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    fn start_all(&self) -> Result<()> {
        for seat in &self.seats {
            fs::create_dir_all(&seat.folder)?;
            self.disk(seat.index).map_or(Ok(()), |disk| disk.mount())?;
            self.kind.configure(seat, &self.seats)?;
            self.launch(seat)?;
        }
        self.seats.iter().try_for_each(|seat| self.wait(seat))
    }

    fn launch(&self, seat: &Seat) -> Result<()> {
        seat.process().start(&mut self.kind.command(seat)?)
    }

    fn wait(&self, seat: &Seat) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let others = self.seats.len() - 1;
        while !self.kind.is_ready(seat, others).unwrap_or(false) {
            let log = seat.process().log();
            ensure!(seat.process().pid().is_some(), "{} {} ended while it started, see {}", K::NAME, seat.index, log.display());
            if Instant::now() > end {
                bail!("{} {} does not answer, see {}", K::NAME, seat.index, log.display());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

impl<K: Kind> Kind for &K {
    const NAME: &'static str = K::NAME;
    fn install(&self) -> Result<()> {
        (**self).install()
    }
    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>> {
        (**self).seats(count)
    }
    fn configure(&self, seat: &Seat, all: &[Seat]) -> Result<()> {
        (**self).configure(seat, all)
    }
    fn command(&self, seat: &Seat) -> Result<Command> {
        (**self).command(seat)
    }
    fn disk(&self, seat: &Seat) -> Option<Disk> {
        (**self).disk(seat)
    }
    fn is_ready(&self, seat: &Seat, others: usize) -> Result<bool> {
        (**self).is_ready(seat, others)
    }
}

const SEATS: &str = "seats";

fn seats_in(folder: &Path) -> Result<Vec<Seat>> {
    let text = fs::read_to_string(folder.join(SEATS)).with_context(|| format!("no set was started in {}", folder.display()))?;
    let seat = |(index, line): (usize, &str)| -> Result<Seat> {
        let mut words = line.split(' ');
        let ip = words.next().context("a seat has an address")?.parse()?;
        let ports: Vec<u16> = words.map(str::parse).collect::<Result<_, _>>()?;
        ensure!(!ports.is_empty(), "a seat has a port");
        Ok(Seat { folder: folder.join(index.to_string()), index, ip, ports })
    };
    text.lines().enumerate().map(seat).collect()
}
