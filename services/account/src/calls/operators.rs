//! Calls about operators: the first one, others, what they may do, a new password, the check of one.

use std::sync::Arc;

use natter_proto::account::v1::{ChangeOperatorRequest, CheckOperatorRequest, CreateOperatorRequest, Operator, OperatorSecret};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::operator::{FIRST, Grant, accept_name, is_possible, password};
use crate::service::{Accounts, settle};
use crate::store::{self, Kept, OperatorRow};
use crate::user::Fault;

/// How often a step is tried that meets another writer of the same operator.
const TRIES: usize = 8;

impl Accounts {
    /// Makes `admin` unless it is there. Of two that ask at once one gets the password.
    pub async fn make_first_operator(&self) -> Result<OperatorSecret, Error> {
        let there = OperatorSecret { name: FIRST.into(), password: String::new() };
        if self.store.operators.operator(FIRST).await?.is_some() {
            return Ok(there);
        }
        match self.add_operator(FIRST.into(), Grant::owner()).await {
            Err(Error::Store(store::Error::Taken(_))) => Ok(there),
            outcome => outcome,
        }
    }

    /// Makes an operator. Of more than may be, one may be made by each who asks at the same time.
    pub async fn create_operator(&self, request: CreateOperatorRequest) -> Result<OperatorSecret, Error> {
        let role = request.role();
        let CreateOperatorRequest { name, limited, apps, .. } = request;
        accept_name(&name)?;
        let grant = self.grant(Grant::read(role, limited, apps)?).await?;
        let most = self.options.operators_max;
        if self.store.operators.operators(most).await?.len() >= most {
            return Err(Error::OperatorsTooMany(most));
        }
        self.add_operator(name, grant).await
    }

    async fn add_operator(&self, name: String, grant: Grant) -> Result<OperatorSecret, Error> {
        let (secret, hash) = self.operator_secret(&name).await?;
        let now = self.clock.now_ms();
        let epoch = self.chance.u64();
        let row = OperatorRow { name: name.clone(), password: hash, epoch, grant, created_at: now, updated_at: now };
        let ticket = self.operators.begin(name);
        let outcome = self.store.operators.add_operator(row).await.map(Arc::new);
        settle(&self.operators, ticket, &outcome);
        Ok(outcome.map(|_| secret)?)
    }

    // An app that is not there may be made by others later: nobody gets it beforehand.
    async fn grant(&self, grant: Grant) -> Result<Grant, Error> {
        for app in grant.apps.iter().flatten() {
            match self.app(*app).await {
                Err(Error::AppUnknown) => return Err(Fault::new("apps", "name an app that is not there").into()),
                found => drop(found?),
            }
        }
        Ok(grant)
    }

    /// All operators by name.
    pub async fn list_operators(&self) -> Result<Vec<Operator>, Error> {
        let rows = self.store.operators.operators(self.options.operators_max).await?;
        Ok(rows.iter().map(|kept| kept.row.shown()).collect())
    }

    /// Changes what an operator may do.
    pub async fn change_operator(&self, request: ChangeOperatorRequest) -> Result<Operator, Error> {
        let role = request.role();
        let ChangeOperatorRequest { name, limited, apps, .. } = request;
        let grant = self.grant(Grant::read(role, limited, apps)?).await?;
        for _ in 0..TRIES {
            let before = self.kept_operator(&name).await?;
            let witness = if grant.owns_all() { None } else { self.owner_beside(&before.row).await? };
            let after = OperatorRow { grant: grant.clone(), ..before.row.clone() };
            match self.write_operator(&before, after, witness.as_ref()).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?.row.shown()),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Removes an operator; its sign-ins are over with the answer.
    pub async fn remove_operator(&self, name: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.kept_operator(name).await?;
            let witness = self.owner_beside(&before.row).await?;
            let ticket = self.operators.begin(name.to_owned());
            let outcome = self.store.operators.remove_operator(&before, witness.as_ref()).await;
            if !matches!(outcome, Err(store::Error::Db(natter_db::Error::Unknown(_)))) {
                self.operators.finish(ticket, None);
            }
            match outcome {
                Err(store::Error::Changed) => {}
                outcome => {
                    outcome?;
                    self.clear_sign_ins(name).await;
                    return Ok(());
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Puts a new password in place of the old one; the sign-ins of the old one are over with the answer.
    pub async fn renew_operator_password(&self, name: &str) -> Result<OperatorSecret, Error> {
        self.kept_operator(name).await?;
        let (secret, hash) = self.operator_secret(name).await?;
        let epoch = self.chance.u64();
        for _ in 0..TRIES {
            let before = self.kept_operator(name).await?;
            let (password, updated_at) = (hash.clone(), self.clock.now_ms());
            let after = OperatorRow { password, epoch, updated_at, ..before.row.clone() };
            match self.write_operator(&before, after, None).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    outcome?;
                    self.clear_sign_ins(name).await;
                    return Ok(secret);
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    /// Takes an app that has ended out of every grant. Answers out of how many.
    pub async fn end_grants(&self, app: u64) -> Result<u64, Error> {
        let mut ended = 0;
        for before in self.store.operators.operators(self.options.operators_max).await? {
            let mut grant = before.row.grant.clone();
            if grant.apps.as_mut().is_some_and(|apps| apps.remove(&app)) {
                let after = OperatorRow { grant, ..before.row.clone() };
                // Who changed it meanwhile is met by the next round.
                self.write_operator(&before, after, None).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Finds a name and a password right, or counts a guess. Who is wrong does not learn whether the name exists.
    ///
    /// Every check is an Argon2 run of the pool: no verifier is kept of an operator. Guesses at operators are counted apart
    /// from those at users, so that an app's users behind the same address cannot lock the operator out.
    pub async fn check_operator(&self, request: CheckOperatorRequest) -> Result<Arc<Kept<OperatorRow>>, Error> {
        let CheckOperatorRequest { name, password, address } = request;
        self.allow_operator_guess(&name, &address)?;
        let turn = self.hashers.turn().await?;
        // Guesses sent all at once pass the limit by the number of runs at once, and no more.
        self.allow_operator_guess(&name, &address)?;
        let kept = match is_possible(&name, &password) {
            true => self.operator(&name).await?,
            false => None,
        };
        let right = match &kept {
            Some(kept) => turn.matches(&password, &kept.row.password).await,
            None => {
                turn.burn("nobody").await;
                false
            }
        };
        if let Some(kept) = kept.filter(|_| right) {
            return Ok(kept);
        }
        self.operator_guesses.lock().wrong(Some(guessed(&name)), &address, self.clock.now_ms());
        self.note_guess(None, &address, self.clock.now_ms());
        Err(Error::CredentialsWrong)
    }

    fn allow_operator_guess(&self, name: &str, address: &str) -> Result<(), Error> {
        let (limits, now) = (self.guess_limits(), self.clock.now_ms());
        if self.operator_guesses.lock().allowed(limits, Some(guessed(name)), address, now) {
            return Ok(());
        }
        self.metrics.guesses_refused.inc();
        self.note_guess(None, address, self.clock.now_ms());
        Err(Error::GuessesTooMany)
    }

    /// An operator, from memory if it is known there.
    pub async fn operator(&self, name: &str) -> Result<Option<Arc<Kept<OperatorRow>>>, Error> {
        if let Some(kept) = self.operators.get(&name.to_owned()) {
            return Ok(Some(kept));
        }
        let reading = self.operators.reading();
        let Some(kept) = self.store.operators.operator(name).await?.map(Arc::new) else { return Ok(None) };
        self.operators.remember(reading, name.to_owned(), kept.clone());
        Ok(Some(kept))
    }

    // An operator as it is in the store, which decides when it is changed.
    async fn kept_operator(&self, name: &str) -> Result<Kept<OperatorRow>, Error> {
        if !is_possible(name, "") {
            return Err(Error::OperatorUnknown);
        }
        self.store.operators.operator(name).await?.ok_or(Error::OperatorUnknown)
    }

    // For whose sake an owner of the whole installation may cease to be one: another that must still be one then. None: it is none.
    async fn owner_beside(&self, row: &OperatorRow) -> Result<Option<Kept<OperatorRow>>, Error> {
        if !row.grant.owns_all() {
            return Ok(None);
        }
        let all = self.store.operators.operators(self.options.operators_max).await?;
        let other = all.into_iter().find(|other| other.row.name != row.name && other.row.grant.owns_all());
        Ok(Some(other.ok_or(Error::OwnerLast)?))
    }

    async fn write_operator(
        &self,
        before: &Kept<OperatorRow>,
        after: OperatorRow,
        witness: Option<&Kept<OperatorRow>>,
    ) -> store::Result<Arc<Kept<OperatorRow>>> {
        let ticket = self.operators.begin(before.row.name.clone());
        let outcome = self.store.operators.change_operator(before, after, witness).await.map(Arc::new);
        settle(&self.operators, ticket, &outcome);
        outcome
    }

    async fn operator_secret(&self, name: &str) -> Result<(OperatorSecret, String), Error> {
        let password = password(self.chance.bytes());
        let hash = self.hashers.turn().await?.hash(&password, self.chance.bytes()).await?;
        Ok((OperatorSecret { name: name.to_owned(), password }, hash))
    }
}

// As what guesses at a name are counted, whether there is an operator of that name or not. No name is kept.
fn guessed(name: &str) -> (u64, u64) {
    let hash: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let (halves, _) = hash.as_chunks::<8>();
    (u64::from_be_bytes(halves[0]), u64::from_be_bytes(halves[1]))
}
