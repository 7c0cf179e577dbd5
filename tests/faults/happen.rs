//! How a fault is brought about, and made good.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use natter_servers::{Beyond, Kind, Part, Process, Set};
use natter_tests::client::trusting;
use tokio::time::{Instant, sleep};

use crate::certificate::Replaced;
use crate::fault::{Fault, On, What};
use crate::network::Passage;
use crate::noise::Noise;
use crate::stage::Scene;

/// Within which a changed certificate is shown: `tls.reload_s`, and a little.
const RELOADED: Duration = Duration::from_secs(6);
/// Longest that a process is started again which does not come up, as what it needs is broken too.
const PATIENCE: Duration = Duration::from_secs(120);

impl Scene {
    /// What has to be so before there is traffic.
    pub fn prepare(&self, fault: &Fault) -> Result<()> {
        let (What::ClockOff(..) | What::ClockOffAndKilled(..), On::Part(name)) = (fault.what, fault.on) else { return Ok(()) };
        let mut beyond: Beyond = self.cluster.given(name);
        beyond.environment = self.clock()?.environment();
        self.cluster.give(name, beyond);
        self.cluster.process(name).stop()?;
        let part = self.cluster.part(name)?;
        self.cluster.launch(part)?;
        self.cluster.wait(part)
    }

    /// A fault, until all is whole again.
    pub async fn happen(&self, fault: &Fault) -> Result<()> {
        let servers = &self.cluster.servers;
        match fault.on {
            On::Nobody => Ok(()),
            On::Part(name) => self.happen_to_part(name, fault.what).await,
            On::Cassandra(node) => self.happen_to(&servers.cassandra, &[node], fault.what).await,
            On::Cassandras(nodes) => self.happen_to(&servers.cassandra, nodes, fault.what).await,
            On::Nats => self.happen_to(&servers.nats, &[0], fault.what).await,
            On::AllNats => {
                let all: Vec<usize> = (0..servers.nats.seats().len()).collect();
                self.happen_to(&servers.nats, &all, fault.what).await
            }
            On::Redis => self.happen_to(&servers.redis, &[0], fault.what).await,
            On::S3 => self.happen_to(&servers.s3, &[0], fault.what).await,
            On::Wire(wire) => self.happen_to_wire(wire, fault.what).await,
            On::App => self.be_noisy(fault.what).await,
        }
    }

    async fn be_noisy(&self, what: What) -> Result<()> {
        let What::Noisy(time) = what else { bail!("{what:?} happens to no app") };
        let (users, ca) = self.noisy_app()?;
        let noise = Noise::default();
        noise.make(&self.edges(), &trusting(&ca)?, &users, time).await;
        self.remark(noise.told());
        Ok(())
    }

    async fn happen_to_wire(&self, wire: &str, what: What) -> Result<()> {
        let (passage, time) = match what {
            What::Late(by, time) => (Passage::Late(by), time),
            What::Parted(time) => (Passage::Shut, time),
            other => bail!("{other:?} happens to no wire"),
        };
        self.network.set(wire, passage)?;
        sleep(time).await;
        self.network.set(wire, Passage::Open)
    }

    async fn happen_to_part(&self, name: &str, what: What) -> Result<()> {
        let (part, process) = (self.cluster.part(name)?.clone(), self.cluster.process(name));
        match what {
            What::Killed(time) => {
                process.kill()?;
                sleep(time).await;
            }
            What::HeldStill(time) => return hold_still(&[process], time).await,
            What::Drained => {
                process.ask_to_end()?;
                for _ in 0..600 {
                    if process.pid().is_none() {
                        break;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
                ensure!(process.pid().is_none(), "{name} does not end");
            }
            What::ClockOff(by, time) => return self.put_clock_off(by, time).await,
            What::CertificateExpired(time) => {
                let replaced = Replaced::by_an_expired_one(&self.cluster.secrets().join("tls"))?;
                process.kill()?;
                let came_back = self.bring_back(&part).await;
                sleep(time).await;
                replaced.put_back()?;
                // The doors look at their files now and then.
                sleep(RELOADED).await;
                return came_back;
            }
            What::ClockOffAndKilled(by, time) => {
                self.put_clock_off(by, time).await?;
                process.kill()?;
                sleep(time).await;
            }
            _ => bail!("{what:?} happens to no part"),
        }
        self.bring_back(&part).await
    }

    // Killed is who was ahead a moment ago: that his clock is right again changes nothing of what he wrote.
    async fn put_clock_off(&self, by_s: i64, time: Duration) -> Result<()> {
        self.clock()?.set(by_s)?;
        sleep(time).await;
        self.clock()?.set(0)
    }

    // As Kubernetes does it: whoever ends while he starts is started again.
    pub async fn bring_back(&self, part: &Part) -> Result<()> {
        let (began, mut tries) = (Instant::now(), 1);
        loop {
            self.cluster.launch(part)?;
            match self.cluster.wait(part) {
                Ok(()) if tries == 1 => return Ok(()),
                Ok(()) => {
                    self.remark(format!("{} came up when it was started for the {tries}th time", part.name));
                    return Ok(());
                }
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => tries += 1,
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn happen_to<K: Kind>(&self, set: &Set<K>, places: &[usize], what: What) -> Result<()> {
        let processes: Vec<Process> = places.iter().map(|place| set.process(*place)).collect();
        match what {
            What::HeldStill(time) => hold_still(&processes, time).await,
            What::Killed(time) => {
                processes.iter().try_for_each(Process::kill)?;
                sleep(time).await;
                set.start_all_again(places)
            }
            What::Drained => {
                processes.iter().try_for_each(Process::stop)?;
                places.iter().try_for_each(|place| set.start_again(*place))
            }
            What::Wiped => {
                processes.iter().try_for_each(Process::kill)?;
                for place in places {
                    forget(&set.seats()[*place].folder)?;
                    set.start_again(*place)?;
                }
                Ok(())
            }
            What::DiskFull(time) => {
                for place in places {
                    self.fill(set, *place, time).await?;
                }
                Ok(())
            }
            _ => bail!("{what:?} happens to no server"),
        }
    }

    async fn fill<K: Kind>(&self, set: &Set<K>, place: usize, time: Duration) -> Result<()> {
        let disk = set.disk(place).with_context(|| format!("{} has no volume of its own", K::NAME))?;
        disk.fill()?;
        sleep(time).await;
        let is_well = set.is_ready(place);
        disk.free()?;
        if !is_well {
            // It says itself that it is not well, which whoever looks after it answers so.
            self.remark(format!("{} was not well with a full disk, and was started again", K::NAME));
            if set.process(place).pid().is_some() {
                set.process(place).stop()?;
            }
            set.start_again(place)?;
        }
        Ok(())
    }
}

async fn hold_still(processes: &[Process], time: Duration) -> Result<()> {
    processes.iter().try_for_each(Process::pause)?;
    sleep(time).await;
    processes.iter().try_for_each(Process::resume)
}

// What Redis keeps on disk.
fn forget(folder: &Path) -> Result<()> {
    for name in ["appendonlydir", "dump.rdb"] {
        let path = folder.join(name);
        match path.is_dir() {
            true => std::fs::remove_dir_all(&path)?,
            false => drop(std::fs::remove_file(&path)),
        }
    }
    Ok(())
}
