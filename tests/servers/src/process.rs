//! A process of ours: started apart, and known by its pid and the instant it was started at.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for a process to follow SIGTERM before it is killed.
const POLITE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(20);

/// The process that a folder tells of, in its file `pid`: `PID STARTED`, the second as the kernel counts (proc(5), `starttime`).
#[derive(Clone, Debug)]
pub struct Process {
    folder: PathBuf,
}

impl Process {
    /// Of this folder, whether it runs or not.
    pub fn of(folder: &Path) -> Process {
        Process { folder: folder.to_path_buf() }
    }

    /// Starts it in a process group of its own. What it says goes to `log` in the folder.
    pub fn start(&self, command: &mut Command) -> Result<()> {
        ensure!(self.pid().is_none(), "the process of {} runs already", self.folder.display());
        let log_path = self.log();
        let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
        let started = stat(child.id()).context("the process ended at once")?.started;
        fs::write(self.folder.join("pid"), format!("{} {started}", child.id()))?;
        Ok(())
    }

    /// Of the process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.folder.join("pid")).ok()?;
        let (pid, started) = text.split_once(' ')?;
        let (pid, started) = (pid.parse().ok()?, started.parse::<u64>().ok()?);
        stat(pid).filter(|stat| stat.started == started && !stat.is_over).map(|_| pid)
    }

    /// What it said on stdout and stderr.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.gone_within(POLITE)
    }

    /// Lets it end itself (SIGTERM); whoever needs longer than ten seconds is killed. Nothing where it does not run.
    pub fn stop(&self) -> Result<()> {
        if self.pid().is_none() {
            return Ok(());
        }
        self.ask_to_end()?;
        if self.gone_within(POLITE).is_err() {
            self.kill()?;
        }
        Ok(())
    }

    /// Lets it end itself, and does not wait.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Holds it still (SIGSTOP), until `resume`.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().with_context(|| format!("the process of {} does not run", self.folder.display()))?;
        let pid = Pid::from_raw(pid as i32).context("no pid is zero")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.folder.display()))
    }

    fn gone_within(&self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        while self.pid().is_some() {
            if Instant::now() > end {
                bail!("the process of {} does not end", self.folder.display());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

struct Stat {
    started: u64,
    /// It ended, and its parent has not looked yet.
    is_over: bool,
}

// Of a pid, as proc(5) says; the name, the second field, may hold anything but ends with the last bracket.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat { started: fields.get(19)?.parse().ok()?, is_over: matches!(*fields.first()?, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_is_found_again_by_its_folder_and_ends_when_told() {
        let folder = std::env::temp_dir().join(format!("natter-process-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Process::of(&folder).start(Command::new("sleep").arg("1000")).unwrap();
        let again = Process::of(&folder);
        assert!(again.pid().is_some());
        assert!(again.start(Command::new("sleep").arg("1000")).is_err());
        again.pause().unwrap();
        again.resume().unwrap();
        again.stop().unwrap();
        assert_eq!(again.pid(), None);
        // The pid of a process that was started at another instant is somebody else's.
        fs::write(folder.join("pid"), format!("{} 1", std::process::id())).unwrap();
        assert_eq!(again.pid(), None);
        assert!(again.kill().is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
