//! What the account service does for its callers, by noun. Each call reads, asks the rules, writes one batch and answers.

mod apps;
mod archive;
mod audit;
mod bans;
mod credentials;
mod erasures;
mod guests;
mod hosts;
mod identity;
mod lists;
mod operators;
mod overrides;
mod providers;
mod reports;
mod resets;
mod sessions;
mod sign_ins;
mod tokens;
mod trials;
mod users;

pub use audit::Swept;
pub use resets::Wanted;
