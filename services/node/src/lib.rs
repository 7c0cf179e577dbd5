//! The node: what a process is made of. Settings, parts (store, bus, links), roles, and the commands of the shell.
//!
//! Which roles run, and in which mode, is known here and nowhere else: [`roles`] holds the only match on a role, [`parts`]
//! opens what they share once. A service gets its parts as arguments and never asks.

pub mod admin;
pub mod backup;
pub mod certificates;
pub mod cluster;
pub mod command;
pub mod config;
pub mod data;
pub mod doctor;
pub mod doors;
pub mod first;
pub mod health;
pub mod limits;
pub mod parts;
pub mod peers;
pub mod process;
pub mod reference;
pub mod roles;
mod rollout;
pub mod sdk;
pub mod services;
pub mod stop;
pub mod system;
pub mod tls;
pub mod vitals;
mod wanted;
