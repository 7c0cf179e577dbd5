//! Every subject of the bus, typed. No other file spells one.

use std::fmt;

/// A topic of the bus.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// `natter.cluster.v1.Alive`, from every process of a cluster to all.
    Alive,
    /// `natter.event.v1.Frame`, from the owner of a dialog to presence.
    Told,
    /// `natter.event.v1.EdgeFrame`, from presence to one edge.
    Edge(String),
    /// `natter.event.v1.EdgeFrame`, from a presence that does not know yet where users are to every edge.
    Edges,
    /// `natter.cluster.v1.Learn`, from a presence that took apps over to every edge.
    Learn,
    /// `natter.event.v1.Heads`, from the owners to every edge.
    Heads,
    /// `natter.event.v1.Ended`, from the account service to every edge.
    Ended,
    /// `natter.event.v1.Expelled`, from whoever ends sessions that may come back to every edge.
    Expelled,
    /// `natter.trace.v1.Hops`, from whoever has a message in hand to whoever keeps them.
    Hops,
    /// `natter.trace.v1.Switches`, from whoever keeps hops to whoever makes them.
    Traced,
    /// `natter.push.v1.Wanted`, from whoever has webhooks in hand to whoever writes what they tell.
    Wanted,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Alive => f.write_str("natter.alive"),
            Subject::Told => f.write_str("natter.told"),
            Subject::Edge(edge) => write!(f, "natter.edge.{edge}"),
            Subject::Edges => f.write_str("natter.edges"),
            Subject::Learn => f.write_str("natter.learn"),
            Subject::Heads => f.write_str("natter.heads"),
            Subject::Ended => f.write_str("natter.ended"),
            Subject::Expelled => f.write_str("natter.expelled"),
            Subject::Hops => f.write_str("natter.hops"),
            Subject::Traced => f.write_str("natter.traced"),
            Subject::Wanted => f.write_str("natter.wanted"),
        }
    }
}
