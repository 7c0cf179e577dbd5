//! A statement, and what may be done with it.

/// A text with `?` for values, in the subset of CQL that ScyllaDB and Cassandra share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    text: &'static str,
    is_idempotent: bool,
}

impl Statement {
    /// A read.
    pub const fn read(text: &'static str) -> Statement {
        Statement { text, is_idempotent: true }
    }

    /// A write that is the same when done twice: no counter, nothing that depends on what is there.
    pub const fn write(text: &'static str) -> Statement {
        Statement { text, is_idempotent: true }
    }

    /// A write with `IF`. Never sent again by the driver, which does not know what became of it.
    pub const fn change(text: &'static str) -> Statement {
        Statement { text, is_idempotent: false }
    }

    pub const fn text(&self) -> &'static str {
        self.text
    }

    pub(super) const fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }
}
