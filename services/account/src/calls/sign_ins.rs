//! Calls about sign-ins of operators at the console: begin, check, list, end.

use std::cmp::Reverse;
use std::sync::Arc;

use natter_proto::account::v1::{CheckOperatorRequest, EndSignInsRequest, OperatorSignIn, SignInRequest, SignedIn};

use crate::error::Error;
use crate::service::{Accounts, settle};
use crate::sign_in::{Id, Span, begun, csrf, has_shape, token};
use crate::store::{self, Kept, OperatorRow, SignInRow};
use crate::token::TokenKey;

/// Sign-ins that are looked at in one step.
const PAGE: usize = 1_000;

impl Accounts {
    /// Checks a name and a password as `check_operator` does, and begins a sign-in.
    pub async fn sign_in(&self, request: SignInRequest) -> Result<SignedIn, Error> {
        let SignInRequest { name, password, address, agent } = request;
        let checked = CheckOperatorRequest { name, password, address: address.clone() };
        let operator = self.check_operator(checked).await?;
        let name = operator.row.name.clone();
        let token = token(self.chance.bytes());
        let key = TokenKey::of(&token);
        let row = begun(&name, operator.row.epoch, &address, &agent, self.clock.now_ms());
        self.make_room(&name).await?;
        let ticket = self.sign_ins.begin(key);
        let outcome = self.store.sign_ins.add_sign_in(&key, row).await.map(Arc::new);
        settle(&self.sign_ins, ticket, &outcome);
        let signed_in = self.signed_in(&key, &outcome?.row, &operator.row, &token);
        Ok(SignedIn { token, ..signed_in })
    }

    // What is over goes first, then what was used least recently.
    async fn make_room(&self, name: &str) -> Result<(), Error> {
        let most = self.options.sign_ins_of_operator_max.max(1);
        let mut rows = self.store.sign_ins.sign_ins_of(name, PAGE).await?;
        rows.sort_by_key(|(_, row)| row.used_at);
        let surplus = (rows.len() + 1).saturating_sub(most);
        for (key, row) in rows.iter().take(surplus) {
            self.end_sign_in(key, &row.operator).await?;
        }
        Ok(())
    }

    /// Who a token stands for. Asked with every request of a page, so it is answered from memory.
    pub async fn check_sign_in(&self, token: &str) -> Result<SignedIn, Error> {
        if !has_shape(token) {
            return Err(Error::SignInOver);
        }
        let key = TokenKey::of(token);
        let mut kept = self.kept_sign_in(&key).await?;
        let operator = self.operator_signed_in(&kept.row).await?.ok_or(Error::SignInOver)?;
        if let Some(after) = Span::used(&kept.row, self.clock.now_ms()) {
            let ticket = self.sign_ins.begin(key);
            let outcome = self.store.sign_ins.change_sign_in(&key, &kept, after).await.map(Arc::new);
            settle(&self.sign_ins, ticket, &outcome);
            match outcome {
                Ok(moved) => kept = moved,
                // Somebody else moved it, or ended it: look again.
                Err(store::Error::Changed) => kept = self.kept_sign_in(&key).await?,
                // What is kept still holds while the store refuses writes.
                Err(error) => tracing::debug!(%error, "the use of a sign-in is not kept"),
            }
        }
        Ok(self.signed_in(&key, &kept.row, &operator.row, token))
    }

    /// The sign-ins that live, of an operator or of all, the one used last first.
    pub async fn list_sign_ins(&self, operator: &str) -> Result<Vec<OperatorSignIn>, Error> {
        let rows = match operator {
            "" => self.all_sign_ins().await?,
            name => self.store.sign_ins.sign_ins_of(name, PAGE).await?,
        };
        let mut living = Vec::new();
        for (key, row) in rows {
            if self.operator_signed_in(&row).await?.is_some() {
                living.push(self.shown_sign_in(&key, &row));
            }
        }
        living.sort_by_key(|sign_in| Reverse(sign_in.used_at));
        Ok(living)
    }

    /// Ends one, or all of an operator. Answers how many.
    pub async fn end_sign_ins(&self, request: EndSignInsRequest) -> Result<u32, Error> {
        let EndSignInsRequest { operator, id } = request;
        if id.is_empty() {
            let rows = self.store.sign_ins.sign_ins_of(&operator, PAGE).await?;
            for (key, row) in &rows {
                self.end_sign_in(key, &row.operator).await?;
            }
            return Ok(rows.len() as u32);
        }
        let id = Id(id.try_into().map_err(|_| Error::SignInUnknown)?);
        let (key, row) = self.store.sign_ins.sign_in_called(&id).await?.ok_or(Error::SignInUnknown)?;
        if !operator.is_empty() && operator != row.operator {
            return Err(Error::SignInUnknown);
        }
        self.end_sign_in(&key, &row.operator).await?;
        Ok(1)
    }

    /// Removes what is left of sign-ins that are over with a password or an operator. If it fails, the sweep finds them.
    pub async fn clear_sign_ins(&self, operator: &str) {
        let rows = self.store.sign_ins.sign_ins_of(operator, PAGE).await.unwrap_or_default();
        for (key, row) in rows {
            if !matches!(self.operator_signed_in(&row).await, Ok(None)) || self.end_sign_in(&key, operator).await.is_err() {
                return;
            }
        }
    }

    /// Removes those that are over among a page of sign-ins. Answers where to go on; none at the end, or when the store fails.
    pub async fn sweep_sign_ins(&self, after: Option<TokenKey>, page: usize) -> Option<TokenKey> {
        let rows = self.store.sign_ins.sign_ins(after, page).await.unwrap_or_default();
        for (key, row) in &rows {
            if matches!(self.operator_signed_in(row).await, Ok(None)) {
                let _ = self.end_sign_in(key, &row.operator).await;
            }
        }
        rows.last().map(|(key, _)| *key).filter(|_| rows.len() == page)
    }

    async fn all_sign_ins(&self) -> Result<Vec<(TokenKey, SignInRow)>, Error> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let rows = self.store.sign_ins.sign_ins(after, PAGE).await?;
            after = rows.last().map(|(key, _)| *key).filter(|_| rows.len() == PAGE);
            all.extend(rows);
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    // From memory if it is known there, and only while it lives.
    async fn kept_sign_in(&self, key: &TokenKey) -> Result<Arc<Kept<SignInRow>>, Error> {
        if let Some(kept) = self.sign_ins.get(key) {
            return Ok(kept);
        }
        let reading = self.sign_ins.reading();
        let kept = Arc::new(self.store.sign_ins.sign_in(key).await?.ok_or(Error::SignInOver)?);
        self.sign_ins.remember(reading, *key, kept.clone());
        Ok(kept)
    }

    // The operator of a sign-in; none if it is over, or the operator is gone or has another password.
    async fn operator_signed_in(&self, row: &SignInRow) -> Result<Option<Arc<Kept<OperatorRow>>>, Error> {
        if self.clock.now_ms() >= self.sign_in_span().end(row) {
            return Ok(None);
        }
        Ok(self.operator(&row.operator).await?.filter(|operator| operator.row.epoch == row.epoch))
    }

    async fn end_sign_in(&self, key: &TokenKey, operator: &str) -> Result<(), Error> {
        let ticket = self.sign_ins.begin(*key);
        self.store.sign_ins.end_sign_in(key, operator).await?;
        self.sign_ins.finish(ticket, None);
        Ok(())
    }

    fn signed_in(&self, key: &TokenKey, row: &SignInRow, operator: &OperatorRow, token: &str) -> SignedIn {
        SignedIn {
            operator: Some(operator.shown()),
            sign_in: Some(self.shown_sign_in(key, row)),
            csrf: csrf(token),
            token: String::new(),
        }
    }

    fn shown_sign_in(&self, key: &TokenKey, row: &SignInRow) -> OperatorSignIn {
        let ends_at = self.sign_in_span().end(row);
        let SignInRow { operator, begun_at, used_at, address, agent, .. } = row.clone();
        OperatorSignIn { id: Id::of(key).0.to_vec(), operator, begun_at, used_at, ends_at, address, agent }
    }

    fn sign_in_span(&self) -> Span {
        Span { idle: 1000 * i64::from(self.options.sign_in_idle_s), whole: 1000 * i64::from(self.options.sign_in_life_s) }
    }
}
