//! What is derived from the log: pages, counts, gaps, found messages. Each reads what the pure rules beside it ask for, on any
//! engine, and writes nothing.

pub mod find;
pub mod gap;
pub mod page;
pub mod unread;
