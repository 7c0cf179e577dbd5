//! The unmodified SDK packages against a real process, running the chat guide's snippets. Each build runs every check.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod matrix;

mod alerts;
mod attachments;
mod calls;
mod chat;
mod draining;
mod groups;
mod identity;
mod names;
mod operator;
mod presence;
mod privacy;
mod push;
mod reports;
mod rest;
mod returning;
mod sample;
mod stage;
mod users;

/// A reason that names no check would hide nothing, and would be believed.
#[test]
fn what_is_impossible_is_said_of_checks_that_exist() {
    for cell in matrix::IMPOSSIBLE {
        let known = [
            alerts::CHECKS,
            attachments::CHECKS,
            calls::CHECKS,
            chat::CHECKS,
            groups::CHECKS,
            identity::CHECKS,
            presence::CHECKS,
            privacy::CHECKS,
            push::CHECKS,
            reports::CHECKS,
            rest::CHECKS,
            returning::CHECKS,
            users::CHECKS,
        ];
        let known = known.concat();
        assert!(known.contains(&cell.check), "{} is no check", cell.check);
        assert!(cell.cite.starts_with("contract "), "{}: {}", cell.check, cell.cite);
    }
}
