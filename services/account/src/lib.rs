//! Apps and their keys, users and their names, session tokens, operators: who may knock at the doors, and as whom. And what users
//! report to operators.
//!
//! The doors (edge, api, console) come in over `natter.account.v1.Accounts`, api and console also over `Reports`, the console over
//! `Operators`, `Audit`, `Tokens`, `Administration` and `Overriding`, which every process asks; nobody else reads these rows. The rules are pure files: [`mod@user`] and [`mod@name`],
//! [`mod@password`], [`mod@token`], [`mod@signature`], [`mod@guesses`], [`mod@verifier`], [`mod@app`], [`mod@operator`],
//! [`mod@sign_in`] and [`mod@audit`] (of operators), [`mod@report`], [`mod@index`] (lists of users), [`mod@identity`] (providers), [`mod@reset`] (forgotten passwords),
//! [`mod@erasure`]. The calls in `calls/` read, ask the rules, take one step of the store and answer: a call that is
//! dropped half way has taken it or not, as far as anybody can see. There is no actor: what must be ordered is ordered by the store's conditions.
//!
//! Invariants:
//! - A name (login, e-mail, phone, external ids) belongs to one user of an app. Logins are taken as written, so `Ann` and
//!   `ann` are two; e-mail addresses do not know case.
//! - The id of a user is given once, also across crashes and deletions.
//! - Operators choose no passwords: they are made here, shown once, and kept as Argon2id.
//! - There is always an owner of the whole installation. What an operator may do, and that it is removed or has another password,
//!   holds for its sign-ins from the answer on.
//! - No change over the admin API is made before the audit log has its entry.
//! - A token that an operator has ended is dead with the answer, and the chat sessions that came by it are told to end.
//! - Tokens are kept as hashes, passwords as Argon2id, verifiers under a key that is not in the store.
//! - A kept expiry is never earlier than the announced one.
//! - A new password ends every token of its user but the one it came with, in the same step.
//! - The index of an app's users is memory, made from the rows when it is first asked, and moved in the same step as each change.
//! - A user's end and the beginning of his erasure are one step. The erasure goes on after a crash until a round over all services
//!   finds nothing (decision 0017).
//! - Through a provider only a user is entered whose name it has vouched for; who claimed the same gives way.
//! - A guest is deleted when its time is over, and its token ends with it.
//! - Whether an address is somebody's is found out behind the answer to who forgot a password.
//! - A wrong password is counted before it is answered; a dead token and a right password are not guesses.
//!
//! Not here: sessions of the chat door (presence), what a session may do (the doors).

mod app;
mod audit;
mod cache;
mod calls;
mod endings;
mod erasure;
mod error;
mod guesses;
mod host;
mod houses;
mod identity;
mod ids;
mod index;
mod indexes;
mod metrics;
mod name;
mod operator;
mod options;
mod origin;
mod overrides;
mod password;
mod report;
mod reset;
mod rpc;
mod secret;
mod service;
mod sign_in;
mod signature;
mod store;
mod token;
mod user;
mod verifier;
mod walk;

pub use options::{Argon2Options, Options};
pub use overrides::LIMITS;
pub use service::{Parts, Service};
pub use walk::Keepers;

/// The tables that the service keeps on ScyllaDB, in the order in which they are made.
pub const TABLES: [natter_db::cql::Migration; 13] = store::cql::TABLES;
