//! What the storage service does for its callers. Each call reads, asks the rules, takes one step of the rows and answers.

mod blobs;
mod erasure;
mod sweep;
mod uploads;

pub use uploads::Upload;
