//! The rules of a sign-in at the console: what its token looks like, how long it lives, what proves that a page is its own. Pure.
//!
//! Invariant: what is shown or stored of a sign-in opens nothing. The token is in the browser alone.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::store::SignInRow;
use crate::token::TokenKey;

/// Bytes of chance in a token.
pub const CHANCE_BYTES: usize = 32;

const TOKEN_CHARS: usize = 2 * CHANCE_BYTES;
/// Characters that are kept of what a browser says of itself.
const AGENT_CHARS_MAX: usize = 200;
const ADDRESS_CHARS_MAX: usize = 64;
/// Between two writes of when it was used.
const WRITE_EVERY: i64 = 5 * 60 * 1_000;

/// By what a sign-in, or a session of the REST door, is listed and ended: the beginning of its token's hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// That of a key.
    pub fn of(key: &TokenKey) -> Id {
        let (id, _) = key.0.split_first_chunk().expect("a key has 32 bytes");
        Id(*id)
    }
}

/// The token made of so much chance.
pub fn token(chance: [u8; CHANCE_BYTES]) -> String {
    hex(&chance)
}

/// Whether it can be a token at all. What cannot is not looked up.
pub fn has_shape(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a page sends along with a change, made of the token: whoever cannot read the page has no way to it.
pub fn csrf(token: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"natter console csrf");
    hex(&mac.finalize().into_bytes())
}

/// The row of one that begins.
pub fn begun(operator: &str, epoch: u64, address: &str, agent: &str, now: i64) -> SignInRow {
    let short = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect();
    SignInRow {
        operator: operator.to_owned(),
        epoch,
        begun_at: now,
        used_at: now,
        address: short(address, ADDRESS_CHARS_MAX),
        agent: short(agent, AGENT_CHARS_MAX),
    }
}

/// How long sign-ins live, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Without a use.
    pub idle: i64,
    /// In all.
    pub whole: i64,
}

impl Span {
    /// When it ends if it is not used again.
    pub fn end(self, row: &SignInRow) -> i64 {
        row.used_at.saturating_add(self.idle).min(row.begun_at.saturating_add(self.whole))
    }

    /// What is to be kept of a use at `now`; none if what is kept says it well enough.
    pub fn used(row: &SignInRow, now: i64) -> Option<SignInRow> {
        (now.saturating_sub(row.used_at) >= WRITE_EVERY).then(|| SignInRow { used_at: now, ..row.clone() })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes what is written to it");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const SPAN: Span = Span { idle: 60 * MINUTE, whole: 100 * MINUTE };

    #[test]
    fn a_token_is_256_bits_and_its_csrf_token_is_another_text() {
        let token = token([0xab; 32]);
        assert_eq!(token, "ab".repeat(32));
        for (text, shaped) in [(token.as_str(), true), (&token[1..], false), (&token.to_uppercase(), false), ("", false)] {
            assert_eq!(has_shape(text), shaped, "{text}");
        }
        let csrf_token = csrf(&token);
        assert!(csrf_token.len() == 64 && csrf_token != token && csrf_token != csrf(&"ac".repeat(32)), "{csrf_token}");
        assert!(!Id::of(&TokenKey::of(&token)).0.is_empty());
        assert_eq!(Id::of(&TokenKey([7; 32])), Id([7; 16]));
    }

    #[test]
    fn it_ends_when_it_is_idle_and_when_its_time_is_over() {
        let row = begun("ann", 1, "192.0.2.1", "Browser", 0);
        assert_eq!(SPAN.end(&row), 60 * MINUTE);
        assert_eq!(Span::used(&row, 5 * MINUTE - 1), None, "not written with each use");
        let used = Span::used(&row, 50 * MINUTE).unwrap_or_default();
        assert_eq!((used.used_at, SPAN.end(&used)), (50 * MINUTE, 100 * MINUTE), "never longer than the whole");
    }

    #[test]
    fn what_a_browser_says_of_itself_is_cut() {
        let row = begun("ann", 1, &"1".repeat(100), &format!("a\n\u{1b}[31mb{}", "é".repeat(300)), 0);
        assert_eq!((row.address.len(), row.agent.chars().count()), (64, 200));
        assert!(row.agent.starts_with("a[31mbé"), "{}", row.agent);
    }
}
