//! Tests that need neither network nor servers: the tree's own rules, and the simulation.
#![allow(clippy::unwrap_used)]

mod simulation;
mod tidy;
