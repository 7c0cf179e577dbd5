//! Which of the two a process keeps its rows in.

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
