//! Which of the two a process keeps its rows in, and which what may be lost.

use crate::redis::Redis;
use crate::{Cql, Kv};

/// Where rows are kept. Only who opens a port looks which it is.
#[derive(Clone)]
pub enum Db {
    /// One process has them to itself.
    Kv(Kv),
    /// Many processes share them.
    Cql(Cql),
}

impl From<Kv> for Db {
    fn from(kv: Kv) -> Db {
        Db::Kv(kv)
    }
}

impl From<Cql> for Db {
    fn from(cql: Cql) -> Db {
        Db::Cql(cql)
    }
}

/// Where is kept what may be lost. Only who opens a port looks which it is.
#[derive(Clone)]
pub enum Lossy {
    /// One process has it to itself, with its rows.
    Kv(Kv),
    /// Many processes share it.
    Redis(Redis),
}

impl From<Kv> for Lossy {
    fn from(kv: Kv) -> Lossy {
        Lossy::Kv(kv)
    }
}

impl From<Redis> for Lossy {
    fn from(redis: Redis) -> Lossy {
        Lossy::Redis(redis)
    }
}
