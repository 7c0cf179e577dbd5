//! What the storage service does for its callers. Each call reads, asks the rules, takes one step of the rows and answers.

mod archive;
mod blobs;
mod erasure;
mod sweep;
mod uploads;

pub use archive::Brought;
pub use uploads::Upload;
