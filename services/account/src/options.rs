//! Settings of the account service.

use serde::{Deserialize, Serialize};

/// Sessions, passwords, limits and memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds that a session token lives after its last request.
    pub token_life_s: u32,
    /// Seconds between two writes of a token's expiry. A token may live this much longer than announced.
    pub token_write_every_s: u32,
    /// Seconds that the timestamp of a signed request may differ from the server's time.
    pub signature_age_max_s: u32,
    /// Seconds that the keys of an app hold beside the new ones after they were rotated, if the operator says nothing else.
    pub key_overlap_s: u32,
    /// Fewest characters of a password.
    pub password_chars_min: usize,
    /// Wrong passwords per user, or per operator's name, and minute before more are refused.
    pub guesses_user_max: u32,
    /// Wrong passwords per address and minute before more are refused; those at users and those at operators are counted
    /// apart. An IPv6 address counts with its /64.
    pub guesses_address_max: u32,
    /// Users that may be made without a sign-up, per address and minute: guests, and users of an unknown login where the app
    /// makes them. An IPv6 address counts with its /64.
    pub newcomers_address_max: u32,
    /// Seconds that a guest lives; then the user is deleted.
    pub guest_life_s: u32,
    /// Mails about a forgotten password, per address of a mailbox and hour.
    pub resets_email_max: u32,
    /// The same per address of a client and hour. An IPv6 address counts with its /64.
    pub resets_address_max: u32,
    /// Days for which a password found right is recognised without another Argon2 run. 0: hash every time.
    pub verifier_days: u32,
    /// Most tokens, and most users, remembered in memory.
    pub cache_rows: usize,
    /// Most users of one app that can be listed and filtered. They are kept in memory, each in about 1 KiB, from the app's
    /// first list on; lists of a larger app are refused. Looking up one user by id, login, e-mail and so on has no such bound.
    pub index_users_max: usize,
    /// Most apps whose users are kept in memory for lists; the one that was asked least recently makes room.
    pub index_apps_max: usize,
    /// Most reports of users and messages that one user may have filed.
    pub reports_of_user_max: usize,
    /// Most operators.
    pub operators_max: usize,
    /// Seconds after its last use that an operator's sign-in at the console ends.
    pub sign_in_idle_s: u32,
    /// Seconds after its beginning that it ends, however it is used.
    pub sign_in_life_s: u32,
    /// Most sign-ins of one operator; a further one ends the one that was used least recently.
    pub sign_ins_of_operator_max: usize,
    /// Days that the audit log keeps an entry.
    pub audit_days: u32,
    /// Most entries of the audit log; the oldest ones make room.
    pub audit_rows_max: usize,
    /// Cost of a password hash, and how many may be computed at once.
    pub argon2: Argon2Options,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            token_life_s: 2 * 60 * 60,
            token_write_every_s: 5 * 60,
            signature_age_max_s: 60 * 60,
            key_overlap_s: 24 * 60 * 60,
            password_chars_min: 4,
            guesses_user_max: 10,
            guesses_address_max: 300,
            newcomers_address_max: 60,
            guest_life_s: 24 * 60 * 60,
            resets_email_max: 3,
            resets_address_max: 30,
            verifier_days: 7,
            cache_rows: 100_000,
            index_users_max: 100_000,
            index_apps_max: 64,
            reports_of_user_max: 200,
            operators_max: 1_000,
            sign_in_idle_s: 12 * 60 * 60,
            sign_in_life_s: 7 * 24 * 60 * 60,
            sign_ins_of_operator_max: 20,
            audit_days: 365,
            audit_rows_max: 1_000_000,
            argon2: Argon2Options::default(),
        }
    }
}

/// Argon2id. Passwords keep the cost they were hashed with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argon2Options {
    /// KiB of memory per run.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Runs at once. 0: one per core.
    pub threads: usize,
    /// Logins that wait for a run; more are refused as busy.
    pub waiting_max: usize,
    /// Hashes on the calling thread, without threads of its own: for the simulation.
    pub inline: bool,
}

impl Default for Argon2Options {
    fn default() -> Self {
        Argon2Options { memory_kib: 19 * 1024, passes: 2, threads: 0, waiting_max: 256, inline: false }
    }
}

impl Argon2Options {
    /// The cheapest cost Argon2 has, on the calling thread. For tests and the simulation.
    pub fn cheap() -> Argon2Options {
        Argon2Options { memory_kib: 8, passes: 1, threads: 1, inline: true, ..Argon2Options::default() }
    }
}
