//! How much one stanza may hold. Counted while the parser reads, before there is a tree: what goes over a limit is
//! refused at the event that does it. Time limits are not here: the edge has the clock.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Bounds on one stanza, or on one stream header.
///
/// Every number is the most that is accepted; one more is [`StreamFault::TooLarge`](crate::StreamFault::TooLarge).
/// An element with all of its content is held in memory while it is read, so these bound the memory of a reader
/// (attacks A1, A2, A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on the wire from `<` to `>`, references and prefixes as they came.
    pub stanza_bytes: usize,
    /// Elements around one another; the stanza itself is the first.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Children of one element, each run of text counted as one.
    pub children: usize,
    /// Elements of one stanza altogether: children times depth would allow far more than the bytes are worth.
    pub elements: usize,
    /// Namespace declarations in force at one place, those of the stream header included. Looking one up is a walk
    /// along them, so this keeps the work per attribute constant (compare RUSTSEC-2026-0195).
    pub namespaces: usize,
    /// Bytes of one name with its prefix.
    pub name_bytes: usize,
    /// Bytes of one attribute value. Text has no such limit: it may fill the stanza. The parser reserves this much for
    /// each element it is in the middle of.
    pub value_bytes: usize,
}

impl Limits {
    /// What a stranger may send: 8 KiB, depth 16, 32 attributes, 32 children.
    #[must_use]
    pub const fn before_sign_in() -> Limits {
        Limits {
            stanza_bytes: 8 * 1024,
            depth: 16,
            attributes: 32,
            children: 32,
            elements: 128,
            namespaces: 32,
            name_bytes: 256,
            value_bytes: 8 * 1024,
        }
    }

    /// What a signed-in user may send: `stanza_bytes` (256 KiB by default; call signalling needs it,
    /// `contract xmpp 11`), depth 64, 64 attributes, 4,096 children.
    #[must_use]
    pub const fn after_sign_in(stanza_bytes: usize) -> Limits {
        Limits {
            stanza_bytes,
            depth: 64,
            attributes: 64,
            children: 4_096,
            elements: 8_192,
            namespaces: 128,
            name_bytes: 1_024,
            value_bytes: 32 * 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::before_sign_in()
    }
}
