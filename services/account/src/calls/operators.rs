//! Calls about operators: the first one, a new password, the check of one.

use natter_proto::account::v1::{CheckOperatorRequest, Operator, OperatorSecret};

use crate::error::Error;
use crate::operator::{FIRST, is_possible, password};
use crate::service::Accounts;
use crate::store::{self, OperatorRow};

/// How often a step is tried that meets another writer of the same operator.
const TRIES: usize = 8;

impl Accounts {
    /// Makes `admin` unless it is there. Of two that ask at once one gets the password.
    pub async fn make_first_operator(&self) -> Result<OperatorSecret, Error> {
        let there = OperatorSecret { name: FIRST.into(), password: String::new() };
        if self.store.operators.operator(FIRST).await?.is_some() {
            return Ok(there);
        }
        let (secret, hash) = self.operator_secret(FIRST).await?;
        let now = self.clock.now_ms();
        let row = OperatorRow { name: FIRST.into(), password: hash, created_at: now, updated_at: now };
        match self.store.operators.add_operator(row).await {
            Err(store::Error::Taken(_)) => Ok(there),
            outcome => Ok(outcome.map(|_| secret)?),
        }
    }

    /// Puts a new password in place of the old one.
    pub async fn renew_operator_password(&self, name: &str) -> Result<OperatorSecret, Error> {
        if !is_possible(name, "") {
            return Err(Error::OperatorUnknown);
        }
        self.store.operators.operator(name).await?.ok_or(Error::OperatorUnknown)?;
        let (secret, hash) = self.operator_secret(name).await?;
        for _ in 0..TRIES {
            let before = self.store.operators.operator(name).await?.ok_or(Error::OperatorUnknown)?;
            let after = OperatorRow { password: hash.clone(), updated_at: self.clock.now_ms(), ..before.row.clone() };
            match self.store.operators.change_operator(&before, after).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome.map(|_| secret)?),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Finds a name and a password right, or counts a guess of the address. Who is wrong does not learn whether the name exists.
    ///
    /// Every check is an Argon2 run of the pool: no verifier is kept of an operator. Guesses at operators are counted apart
    /// from those at users, so that an app's users behind the same address cannot lock the operator out.
    pub async fn check_operator(&self, request: CheckOperatorRequest) -> Result<Operator, Error> {
        let CheckOperatorRequest { name, password, address } = request;
        self.allow_operator_guess(&address)?;
        let turn = self.hashers.turn().await?;
        // Guesses sent all at once pass the limit by the number of runs at once, and no more.
        self.allow_operator_guess(&address)?;
        let kept = match is_possible(&name, &password) {
            true => self.store.operators.operator(&name).await?,
            false => None,
        };
        let right = match &kept {
            Some(kept) => turn.matches(&password, &kept.row.password).await,
            None => {
                turn.burn("nobody").await;
                false
            }
        };
        if right {
            return Ok(Operator { name });
        }
        self.operator_guesses.lock().wrong(None, &address, self.clock.now_ms());
        Err(Error::CredentialsWrong)
    }

    fn allow_operator_guess(&self, address: &str) -> Result<(), Error> {
        if self.operator_guesses.lock().allowed(self.guess_limits(), None, address, self.clock.now_ms()) {
            return Ok(());
        }
        self.metrics.guesses_refused.inc();
        Err(Error::GuessesTooMany)
    }

    async fn operator_secret(&self, name: &str) -> Result<(OperatorSecret, String), Error> {
        let password = password(self.chance.bytes());
        let hash = self.hashers.turn().await?.hash(&password, self.chance.bytes()).await?;
        Ok((OperatorSecret { name: name.to_owned(), password }, hash))
    }
}
