//! What an erasure removes of accounts, page by page. Everything is found from the user: his rows stand under his id, and his names,
//! tokens and reports are listed by it. The users of an app are found by its slices, and who has reported by its days, so a row of
//! somebody who was never noted there does not exist.
//!
//! Sessions of an app without a user are in no list: their tokens go by themselves, a day after their end.

use std::collections::BTreeMap;

use natter_proto::erasure::v1::Erased;

use super::OnCql;
use super::conditions::few_at_once;
use crate::store::{Result, Tokens};
use crate::token::TokenKey;

/// Tokens of a page: each is a conditional write.
const TOKENS_PAGE: usize = 64;
/// Users of a page: each is some ten reads and writes, and one more for each name and token.
const USERS_PAGE: usize = 8;
const REPORTS_PAGE: usize = 64;

/// Where the walk of an app is: its users, then what was reported.
const USERS: u8 = 0;
const REPORTS: u8 = 1;

/// How many by kind.
type Counts = BTreeMap<&'static str, u64>;

impl OnCql {
    /// A page of what is kept of a user beside his row. `after`: the last token that was looked at, or names, empty at first.
    pub(super) async fn erase_of_user(&self, app: u64, user: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)> {
        let mut counts = Counts::new();
        let next = self.erase_page(app, user, after, false, &mut counts).await?;
        Ok((shown(counts), next))
    }

    /// A page of what is kept of an app but its own row and erasure. `after`: which part of it.
    pub(super) async fn erase_of_app(&self, app: u64, after: &[u8]) -> Result<(Vec<Erased>, Vec<u8>)> {
        let mut counts = Counts::new();
        let place = after.first().copied().unwrap_or(USERS);
        if place == USERS {
            let ids = self.noted_above(app, 0, USERS_PAGE).await?;
            for id in &ids {
                if !self.erase_user(app, *id, &mut counts).await? {
                    return Ok((shown(counts), vec![USERS]));
                }
            }
            if ids.is_empty() {
                self.forget_slices(app).await?;
            }
            let next = if ids.is_empty() { REPORTS } else { USERS };
            return Ok((shown(counts), vec![next]));
        }
        let (count, goes_on) = self.erase_reports(app, REPORTS_PAGE).await?;
        counts.insert("filed_reports", count as u64);
        Ok((shown(counts), if goes_on { vec![REPORTS] } else { Vec::new() }))
    }

    // All of a user of an erased app, or a page of it: then false. That he was there is forgotten last.
    async fn erase_user(&self, app: u64, id: u64, counts: &mut Counts) -> Result<bool> {
        if !self.erase_page(app, id, &[], true, counts).await?.is_empty() {
            return Ok(false);
        }
        if let Some(row) = self.lying(app, id).await?.row()?
            && row.guest_until != 0
        {
            self.unnote_guest(&row).await;
            add(counts, "guests", 1);
        }
        add(counts, "users", usize::from(self.erase_row(app, id).await?));
        add(counts, "reports", usize::from(self.forget_erasure(app, id).await?));
        self.unnote(app, id).await?;
        Ok(true)
    }

    // What is kept of a user beside his row; where to go on. With `whole` also the names that his row has.
    async fn erase_page(&self, app: u64, user: u64, after: &[u8], whole: bool, counts: &mut Counts) -> Result<Vec<u8>> {
        let after = after.try_into().ok().map(TokenKey);
        let keys = self.marks_of(app, user, after, TOKENS_PAGE).await?;
        let found = self.some_tokens(&keys).await?;
        let his = keys.iter().filter(|key| found.get(&key.0).is_some_and(|token| (token.row.app, token.row.user) == (app, user)));
        let ended = few_at_once(his.map(|key| self.end_token(key)).collect()).await?.len();
        self.unmark_all(app, user, &keys).await?;
        add(counts, "tokens", ended);
        add(counts, "marks", keys.len() - ended);
        if let (Some(last), true) = (keys.last(), keys.len() == TOKENS_PAGE) {
            return Ok(last.0.to_vec());
        }
        let (names, goes_on) = self.erase_names(app, user, whole).await?;
        add(counts, "names", names);
        if goes_on {
            return Ok(NAMES.to_vec());
        }
        for kind in self.erase_beside(app, user).await? {
            add(counts, kind, 1);
        }
        add(counts, "filed_reports", self.erase_reports_of(app, user).await?);
        Ok(Vec::new())
    }
}

/// Where to go on when more names were noted than a page has: with the tokens once more, of which there are none.
const NAMES: &[u8] = b"names";

fn add(counts: &mut Counts, kind: &'static str, count: usize) {
    *counts.entry(kind).or_default() += count as u64;
}

fn shown(counts: Counts) -> Vec<Erased> {
    counts.into_iter().map(|(kind, count)| Erased { kind: kind.to_owned(), count }).collect()
}
