//! What is derived from the log: pages, counts, gaps, found messages, reactions. Each reads what the pure rules beside it ask for, on any
//! engine, and writes nothing but reactions.

pub mod find;
pub mod gap;
pub mod page;
pub mod reactions;
pub mod unread;
