//! Session tokens: their shape, the key they are kept under, and how their life moves. Pure.
//!
//! Invariant: what is kept is never earlier than what was announced, so a client that believes its header is never wrong.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Characters of a token: upper-case hex digits (contract rest 1.9).
pub const LENGTH: usize = 36;

/// What a token is kept under. A stolen store gives no token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey(pub [u8; 32]);

impl TokenKey {
    /// The key of a token.
    pub fn of(token: &str) -> TokenKey {
        TokenKey(Sha256::digest(token.as_bytes()).into())
    }

    /// The number that an app session shows as its id: positive and exact in JavaScript.
    pub fn session_id(&self) -> u64 {
        let mut number = [0; 8];
        number[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(number).max(1)
    }
}

/// A token made of 18 random bytes.
pub fn from_random(bytes: [u8; LENGTH / 2]) -> String {
    bytes.iter().fold(String::with_capacity(LENGTH), |mut token, byte| {
        write!(token, "{byte:02X}").expect("a string takes what is written to it");
        token
    })
}

/// Whether `text` has the shape of a token, alive or not.
pub fn has_shape(text: &[u8]) -> bool {
    text.len() == LENGTH && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// Whether a token with the password version `of_token` stands for a user with `of_user`. Version 0 is that of a token
/// written before versions were: it counts as the first one.
pub fn is_of_password(of_token: u64, of_user: u64) -> bool {
    of_token.max(1) == of_user.max(1)
}

/// How long tokens live, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// From the last request on (contract rest 2.1: two hours).
    pub span: i64,
    /// The expiry is written at most this often, and that much later than announced.
    pub write_every: i64,
}

/// The life of a token at a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// It had ended before.
    Dead,
    /// What is kept covers what may be announced.
    Covered { announced: i64 },
    /// `upto` is to be kept before `announced` is; until then only what was kept may be announced.
    Write { announced: i64, upto: i64 },
}

impl Life {
    /// What is kept, and what is announced, of a token opened at `now`.
    pub fn opened(self, now: i64) -> (i64, i64) {
        (now + self.span + self.write_every, now + self.span)
    }

    /// Whether a token of which `kept` is kept has ended.
    pub fn is_over(kept: i64, now: i64) -> bool {
        now >= kept
    }

    /// What a request at `now` makes of a token of which `kept` is kept.
    pub fn moved(self, kept: i64, now: i64) -> Moved {
        if Life::is_over(kept, now) {
            return Moved::Dead;
        }
        let (upto, announced) = self.opened(now);
        match announced <= kept {
            true => Moved::Covered { announced },
            false => Moved::Write { announced, upto },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const LIFE: Life = Life { span: 120 * MINUTE, write_every: 5 * MINUTE };

    #[test]
    fn a_token_is_36_upper_case_hex_digits() {
        let token = from_random([0x0a; 18]);
        assert_eq!(token, "0A".repeat(18));
        assert!(has_shape(token.as_bytes()));
        assert!(!has_shape(token.to_lowercase().as_bytes()));
        assert!(!has_shape(b"0A"));
    }

    #[test]
    fn a_token_is_of_the_password_it_was_opened_with() {
        for (of_token, of_user, holds) in [(1, 1, true), (0, 1, true), (0, 0, true), (1, 2, false), (0, 2, false), (3, 2, false)]
        {
            assert_eq!(is_of_password(of_token, of_user), holds, "{of_token} {of_user}");
        }
    }

    #[test]
    fn a_token_lives_two_hours_after_the_last_request() {
        let (kept, announced) = LIFE.opened(0);
        assert_eq!(announced, 120 * MINUTE);
        assert_eq!(LIFE.moved(kept, 5 * MINUTE), Moved::Covered { announced: 125 * MINUTE });
        let moved = LIFE.moved(kept, 5 * MINUTE + 1);
        assert_eq!(moved, Moved::Write { announced: 125 * MINUTE + 1, upto: 130 * MINUTE + 1 });
        assert_eq!(LIFE.moved(kept, kept), Moved::Dead);
    }

    proptest! {
        #[test]
        fn what_is_kept_covers_what_was_announced(gaps in prop::collection::vec(0..130 * MINUTE, 1..60)) {
            let (mut kept, mut announced) = LIFE.opened(0);
            let (mut now, mut written) = (0, 0);
            for gap in gaps {
                now += gap;
                match LIFE.moved(kept, now) {
                    Moved::Dead => {
                        prop_assert!(now > announced, "a token died before its announced end");
                        break;
                    }
                    Moved::Covered { announced: next } => announced = next,
                    Moved::Write { announced: next, upto } => {
                        prop_assert!(now - written > LIFE.write_every, "two writes within five minutes");
                        (kept, announced, written) = (upto, next, now);
                    }
                }
                prop_assert!(announced <= kept);
            }
        }
    }
}
