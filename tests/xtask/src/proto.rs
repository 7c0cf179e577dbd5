//! `cargo xtask proto accept`: what the services say to each other is what the next release has to understand.

use anyhow::Result;

use crate::command::{cargo, run};

/// Writes `proto/accepted.txt`, if nothing that stands there is broken.
pub fn accept() -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--locked", "-p", "natter-proto", "--test", "compatibility", "--", "--nocapture", "the_release_before"]);
    run(tests.env("NATTER_PROTO", "accept"))
}
