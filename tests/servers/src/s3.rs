//! An S3 gateway (versitygw) over a directory.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::disk::Disk;
use crate::set::{Kind, Seat};
use crate::{install, ports};

const PACKAGE: &str = "github.com/versity/versitygw/cmd/versitygw";
const VERSION: &str = "v1.8.0";

/// With one bucket.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The folder of binaries.
    pub binaries: PathBuf,
    /// The files are on a small volume of their own.
    pub is_small: bool,
}

impl S3 {
    pub const BUCKET: &str = "natter";
    pub const ACCESS_KEY: &str = "natter";
    pub const SECRET_KEY: &str = "not-a-secret-on-loopback";

    fn binary(&self) -> PathBuf {
        self.binaries.join("versitygw")
    }
}

impl Kind for S3 {
    const NAME: &'static str = "versitygw";

    fn install(&self) -> Result<()> {
        if self.binary().exists() {
            return Ok(());
        }
        install::go(&self.binaries, PACKAGE, VERSION)
    }

    fn seats(&self, count: usize) -> Result<Vec<(Ipv4Addr, Vec<u16>)>> {
        ensure!(count == 1, "there is one gateway");
        let ip = ports::address()?;
        Ok(vec![(ip, ports::free(&[ip], 1)?)])
    }

    fn configure(&self, seat: &Seat, _: &[Seat]) -> Result<()> {
        Ok(fs::create_dir_all(seat.folder.join("data").join(Self::BUCKET))?)
    }

    fn command(&self, seat: &Seat) -> Result<Command> {
        let mut command = Command::new(self.binary());
        command.arg("--port").arg(seat.address().to_string()).arg("posix").arg(seat.folder.join("data"));
        command.env("ROOT_ACCESS_KEY", Self::ACCESS_KEY).env("ROOT_SECRET_KEY", Self::SECRET_KEY);
        Ok(command)
    }

    fn disk(&self, seat: &Seat) -> Option<Disk> {
        self.is_small.then(|| Disk::of(seat.folder.join("data")))
    }

    fn is_ready(&self, seat: &Seat, _: usize) -> Result<bool> {
        Ok(seat.connect(seat.ports[0]).is_ok())
    }
}
