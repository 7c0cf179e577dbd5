//! Access tokens of Google: a service account's signed request is exchanged for one, which is used until shortly before its end.
//! One exchange at a time for each account. In memory only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use natter_actor::Clock;
use natter_outbound::{Error as Outside, Method, Outbound, Request};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::credentials::{Print, ServiceAccount};
use super::outcome::{Outcome, Verdict, readable};
use super::senders::{outside, retry_after};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Life of the signed request (Google: at most an hour).
const REQUEST_S: i64 = 60 * 60;
/// A token is exchanged so long before its end, or at half of a shorter life, and is not sent in its last seconds.
const AHEAD_MS: i64 = 5 * 60 * 1_000;
const LAST_MS: i64 = 10 * 1_000;
/// Longest life that is believed.
const LIFE_MAX_MS: i64 = 24 * 60 * 60 * 1_000;
/// Accounts in memory; the one whose token ends first makes room.
const ACCOUNTS_MAX: usize = 10_000;

/// The tokens.
#[derive(Default)]
pub(super) struct AccessTokens(Mutex<BTreeMap<Print, Arc<Account>>>);

struct Account {
    known: Mutex<Known>,
    /// One exchanges while the others wait for what it brings.
    turn: Semaphore,
}

#[derive(Default)]
struct Known {
    token: Option<Token>,
    /// Exchanges that came to an end, and how the last one failed.
    tries: u64,
    failed: Option<Verdict>,
}

#[derive(Clone)]
struct Token {
    text: String,
    /// Unix milliseconds.
    made_at: i64,
    renewed_at: i64,
    ends_at: i64,
}

impl Known {
    // From the future: the clock was set back.
    fn fresh(&self, now: i64) -> Option<String> {
        self.token.as_ref().filter(|token| (token.made_at..token.renewed_at).contains(&now)).map(|token| token.text.clone())
    }

    fn usable(&self, now: i64) -> Option<String> {
        self.token.as_ref().filter(|token| now < token.ends_at - LAST_MS).map(|token| token.text.clone())
    }
}

impl AccessTokens {
    /// A token of `account`, asked for by `app` at `url`.
    ///
    /// # Errors
    /// What became of the alert, if there is no token.
    pub async fn get(
        &self,
        door: &Outbound,
        app: u64,
        account: &ServiceAccount,
        url: &str,
        clock: &Clock,
    ) -> Result<String, Verdict> {
        let of = self.of(account);
        let seen = {
            let known = of.known.lock();
            if let Some(token) = known.fresh(clock.now_ms()) {
                return Ok(token);
            }
            known.tries
        };
        let _turn = of.turn.acquire().await.map_err(|_| Verdict::unwell("no turn"))?;
        // Who waited takes what another has brought, also its failure: a house that is down is not asked by each of them.
        let is_mine = {
            let known = of.known.lock();
            known.fresh(clock.now_ms()).is_none() && known.tries == seen
        };
        if is_mine {
            let (of, door, account) = (of.clone(), door.clone(), account.clone());
            let (url, clock) = (url.to_owned(), clock.clone());
            // A task of its own: an alert that is given up half way must not take the token from all others.
            let exchange = tokio::spawn(async move { of.exchange(&door, app, &account, &url, &clock).await });
            let _ = exchange.await;
        }
        let known = of.known.lock();
        let missing = || known.failed.clone().unwrap_or_else(|| Verdict::unwell("no access token"));
        known.usable(clock.now_ms()).ok_or_else(missing)
    }

    /// `token` was refused. The next alert gets another.
    pub fn forget(&self, account: &ServiceAccount, token: &str) {
        let of = self.of(account);
        let mut known = of.known.lock();
        if known.token.as_ref().is_some_and(|known| known.text == token) {
            known.token = None;
        }
    }

    fn of(&self, account: &ServiceAccount) -> Arc<Account> {
        let mut accounts = self.0.lock();
        if !accounts.contains_key(&account.print) && accounts.len() >= ACCOUNTS_MAX {
            let ends_at = |account: &Account| account.known.lock().token.as_ref().map_or(0, |token| token.ends_at);
            let first = accounts.iter().min_by_key(|(_, account)| ends_at(account)).map(|(print, _)| *print);
            first.map(|first| accounts.remove(&first));
        }
        let fresh = || Arc::new(Account { known: Mutex::default(), turn: Semaphore::new(1) });
        accounts.entry(account.print).or_insert_with(fresh).clone()
    }
}

impl Account {
    async fn exchange(&self, door: &Outbound, app: u64, account: &ServiceAccount, url: &str, clock: &Clock) {
        let outcome = exchanged(door, app, account, url, clock).await;
        let mut known = self.known.lock();
        known.tries += 1;
        match outcome {
            Ok(token) => (known.token, known.failed) = (Some(token), None),
            Err(verdict) => known.failed = Some(verdict),
        }
    }
}

async fn exchanged(door: &Outbound, app: u64, account: &ServiceAccount, url: &str, clock: &Clock) -> Result<Token, Verdict> {
    let now = clock.now_ms();
    let issued = now.div_euclid(1_000);
    let claims = json!({
        "iss": account.email, "scope": SCOPE, "aud": account.audience, "iat": issued, "exp": issued + REQUEST_S,
    });
    let assertion = account
        .key
        .token(account.key_id.as_deref(), &claims)
        .map_err(|_| Verdict::unasked(Outcome::Later { after: None, reason: "no signature".into() }))?;
    let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let request = Request { method: Method::Post, url: url.to_owned(), headers, body: body.into_bytes() };
    let answer = door.ask(app, &request).await.map_err(|error: Outside| outside(error))?;
    let after = retry_after(&answer, now);
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    token(answer.status, after, &body, now)
}

// Source: RFC 6749, 5.1 and 5.2.
fn token(status: u16, after: Option<Duration>, body: &Value, now: i64) -> Result<Token, Verdict> {
    let reason = || readable(&format!("no access token: {}", body["error"].as_str().unwrap_or("no reason given")));
    match (status, body["access_token"].as_str()) {
        (200, Some(text)) if is_sendable(text) => {
            let life = body["expires_in"].as_i64().unwrap_or(REQUEST_S).saturating_mul(1_000).clamp(0, LIFE_MAX_MS);
            let ahead = AHEAD_MS.min(life / 2);
            Ok(Token { text: text.to_owned(), made_at: now, renewed_at: now + life - ahead, ends_at: now + life })
        }
        (400 | 401 | 403, _) => Err(Verdict::credentials(status, reason())),
        (429 | 500.., _) => Err(Verdict::rests(after, reason())),
        _ => Err(Verdict::unwell(reason())),
    }
}

// It stands in a header.
fn is_sendable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
#[path = "access/tests.rs"]
mod tests;
