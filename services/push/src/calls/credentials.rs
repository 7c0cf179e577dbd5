//! Calls about credentials: put, list, forget, look; the pair for Web Push that every app has; and which of them an attempt is
//! made with.

use natter_proto::push::v1::secret::Of;
use natter_proto::push::v1::{
    Credential, CredentialRow, DeleteCredentialRequest, Environment, Kind, LookReply, LookRequest, PutCredentialRequest, Secret,
    VapidSecret,
};

use crate::credential::{House, Place, choose};
use crate::error::Error;
use crate::provider::{Credentials, Outcome, Target, VapidPair};
use crate::service::Shared;
use crate::vault::{self, Kept};
use crate::wallet::{Mark, Unusable, kind_of, mark_of};

/// How often a change that met another writer of the same app is tried.
const TRIES: usize = 16;
/// Bytes of a secret. A chain of certificates has a few KiB.
const SECRET_BYTES_MAX: usize = 32 * 1024;
/// Apps that are looked at together, and credentials that are told of a look.
const PAGE: usize = 100;

/// Credentials for one attempt.
pub struct Picked {
    pub credentials: Credentials,
    pub mark: Mark,
}

impl Shared {
    /// Keeps credentials of an app, in place of those that lie there.
    pub async fn put_credential(&self, request: PutCredentialRequest) -> Result<Credential, Error> {
        let PutCredentialRequest { app, ref topic, environment, .. } = request;
        let secret = request.secret.clone().unwrap_or_default();
        check_size(&secret)?;
        let kind = kind_of(&secret);
        let house = House::of(kind).ok_or(Error::wrong("kind", "is required"))?;
        if house != House::Apple && !topic.is_empty() {
            return Err(Error::wrong("topic", "is for Apple's credentials only"));
        }
        if topic.ends_with(".voip") {
            return Err(Error::wrong("topic", "is the bundle, without .voip"));
        }
        if Environment::try_from(environment).is_err() {
            return Err(Error::wrong("environment", "is not one of development, production"));
        }
        if house != House::Apple && environment != i32::from(Environment::Unspecified) {
            return Err(Error::wrong("environment", "is for Apple's credentials only"));
        }
        self.neighbours.has_app(app).await?;
        let now = self.clock.now_ms();
        let place =
            Credential { app, kind: kind.into(), topic: topic.clone(), environment, set_at: now, ..Credential::default() };
        let row = self.wallet.seal(place, secret)?;
        let shown = row.shown.clone().unwrap_or_default();
        if shown.expires_at > 0 && shown.expires_at <= now {
            return Err(Error::wrong("certificate", "has ended"));
        }
        let most = self.options.credentials_per_app_max;
        self.change_credentials(app, |rows| {
            rows.retain(|kept| place_of(kept) != place_of(&row));
            rows.push(row.clone());
            if rows.len() > most { Err(Error::CredentialsTooMany(most)) } else { Ok(()) }
        })
        .await?;
        self.hasten(app).await;
        Ok(self.wallet.shown(&row))
    }

    /// What may be shown of those of an app.
    pub async fn credentials_of(&self, app: u64) -> Result<Vec<Credential>, Error> {
        let kept = self.with_pair(app).await?;
        let mut shown: Vec<Credential> = kept.rows.iter().map(|row| self.wallet.shown(row)).collect();
        shown.sort_by(|a, b| (a.kind, &a.topic, a.environment).cmp(&(b.kind, &b.topic, b.environment)));
        Ok(shown)
    }

    /// Forgets credentials.
    pub async fn delete_credential(&self, request: DeleteCredentialRequest) -> Result<(), Error> {
        let is_meant = |row: &CredentialRow| {
            let shown = row.shown.as_ref();
            shown.is_some_and(|shown| {
                (shown.kind, &shown.topic, shown.environment) == (request.kind, &request.topic, request.environment)
            })
        };
        self.change_credentials(request.app, |rows| {
            let count = rows.len();
            rows.retain(|row| !is_meant(row));
            if rows.len() == count { Err(Error::NoCredential) } else { Ok(()) }
        })
        .await
    }

    /// The keys, and what should be looked at.
    pub async fn look(&self, request: LookRequest) -> Result<LookReply, Error> {
        let soon = self.clock.now_ms().saturating_add(request.ends_within_ms);
        let (key, problem) = match self.wallet.keys.current() {
            Ok(key) => (key.to_owned(), String::new()),
            Err(why) => (String::new(), why.to_string()),
        };
        let mut reply = LookReply { key, problem, ..LookReply::default() };
        let mut after = 0;
        loop {
            let page = self.wallet.vault.page(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(reply) };
            after = last.app;
            for row in page.iter().flat_map(|kept| &kept.rows) {
                reply.sealed += 1;
                let shown = || row.shown.clone().unwrap_or_default();
                if !self.wallet.keys.has(&row.key) && reply.unusable.len() < PAGE {
                    reply.unusable.push(Credential { problem: format!("sealed with the key {}", row.key), ..shown() });
                }
                if (1..=soon).contains(&shown().expires_at) && reply.ending.len() < PAGE {
                    reply.ending.push(shown());
                }
            }
        }
    }

    /// Seals with the key in use what an older one sealed, which is not needed then.
    pub async fn reseal(&self) {
        let (mut after, mut count) = (0, 0);
        loop {
            let page = match self.wallet.vault.page(after, PAGE).await {
                Ok(page) => page,
                Err(error) => return tracing::warn!(%error, "push credentials cannot be looked at"),
            };
            let Some(last) = page.last() else { break };
            after = last.app;
            for kept in &page {
                let resealed: Vec<_> = kept.rows.iter().map(|row| self.wallet.resealed(row)).collect();
                if resealed.iter().all(Option::is_none) {
                    continue;
                }
                let rows = resealed.into_iter().zip(&kept.rows).map(|(after, before)| after.unwrap_or_else(|| before.clone()));
                match self.wallet.vault.change(kept, rows.collect()).await {
                    Ok(()) => count += 1,
                    // The next start finds it.
                    Err(error) => tracing::warn!(app = kept.app, %error, "push credentials stay sealed with an older key"),
                }
            }
        }
        if count > 0 {
            tracing::info!(apps = count, "push credentials were sealed with the key in use");
        }
    }

    /// With which credentials this target is reached; else what becomes of the attempt.
    pub async fn pick(&self, app: u64, target: &Target) -> Result<Picked, Outcome> {
        let kept = match target {
            Target::Web { .. } => self.with_pair(app).await,
            _ => self.wallet.vault.of_app(app).await.map_err(Error::from),
        };
        let kept = kept.map_err(|error| match error {
            Error::Unusable(why) => Outcome::Credentials { status: None, reason: why.to_string() },
            error => Outcome::Later { after: None, reason: format!("credentials cannot be read: {error}") },
        })?;
        // A user names the bundle: what he lacks costs him alone, and rests nobody's credentials (decision 0021).
        let row = choose(&kept.rows, target).map_err(|why| Outcome::Refused { status: None, reason: why.to_string() })?;
        match (self.wallet.open(row), mark_of(row)) {
            (Ok(credentials), Some(mark)) => Ok(Picked { credentials, mark }),
            (Err(why), _) => Err(Outcome::Credentials { status: None, reason: why.to_string() }),
            (Ok(_), None) => Err(Outcome::Credentials { status: None, reason: "a row without a nonce".to_owned() }),
        }
    }

    /// The credentials of an app, its pair for Web Push among them. It is made when somebody asks first, which nobody can tell
    /// from one that was made with the app: of all who ask at once, one makes it.
    async fn with_pair(&self, app: u64) -> Result<Kept, Error> {
        for _ in 0..TRIES {
            let kept = self.wallet.vault.of_app(app).await?;
            if kept.rows.iter().any(|row| place_of(row).is_some_and(|place| place.house == House::Browsers)) {
                return Ok(kept);
            }
            // Nothing is made of an app that is gone.
            self.neighbours.has_app(app).await?;
            let pair = VapidPair::generate().map_err(Unusable::from)?;
            let secret = Of::Vapid(VapidSecret { private_key: pair.private, subject: String::new() });
            let set_at = self.clock.now_ms();
            let place = Credential { app, kind: Kind::Vapid.into(), set_at, ..Credential::default() };
            let row = self.wallet.seal(place, Secret { of: Some(secret) })?;
            let after = kept.rows.iter().cloned().chain([row]).collect();
            match self.wallet.vault.change(&kept, after).await {
                Ok(()) | Err(vault::Error::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(vault::Error::Changed.into())
    }

    async fn change_credentials(
        &self,
        app: u64,
        change: impl Fn(&mut Vec<CredentialRow>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.wallet.vault.of_app(app).await?;
            let mut after = before.rows.clone();
            change(&mut after)?;
            match self.wallet.vault.change(&before, after).await {
                Err(vault::Error::Changed) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(vault::Error::Changed.into())
    }
}

fn place_of(row: &CredentialRow) -> Option<Place> {
    Place::of(row.shown.as_ref()?)
}

fn check_size(secret: &Secret) -> Result<(), Error> {
    let (field, bytes) = match &secret.of {
        Some(Of::ApnsToken(of)) => ("key", of.key_pem.len()),
        Some(Of::ApnsCertificate(of)) => ("certificate", of.pem.len()),
        Some(Of::Fcm(of)) => ("service_account", of.service_account.len()),
        Some(Of::Vapid(of)) => ("private_key", of.private_key.len()),
        None => ("kind", 0),
    };
    if bytes > SECRET_BYTES_MAX { Err(Error::wrong(field, "is too long (maximum is 32768 bytes)")) } else { Ok(()) }
}
