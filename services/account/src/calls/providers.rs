//! Calls that let a provider say who somebody is (contract rest 2.9): ask it, or check what it signed, and find or make the user.

use std::sync::Arc;

use natter_outbound::{Error as Outside, Request};
use natter_proto::account::v1::provided::By;
use natter_proto::account::v1::{
    App, Credentials, CustomProvider, FacebookProvider, FirebaseProvider, FirebaseToken, Identity, JwtProvider, Provided,
    ProviderKeys, TwitterProvider, User,
};
use serde_json::Value;

use crate::error::Error;
use crate::identity::claims::{self, Claims, Expected, Fault as TokenFault};
use crate::identity::oauth::Moment;
use crate::identity::template::{self, Response};
use crate::identity::{facebook, firebase, twitter};
use crate::name::{Name, Proofs};
use crate::service::Accounts;
use crate::store::{self, Kept, UserRow};
use crate::user::accept_vouched;

/// Somebody a provider vouches for: the name he is found by, and the user that is made if nobody has it.
struct Vouched {
    name: Name,
    user: User,
}

/// How often a step is tried that meets another writer of the same user.
const TRIES: usize = 8;
/// Bytes of what a provider calls its user.
const TEXT_BYTES_MAX: usize = 255;

impl Accounts {
    /// The user whom Facebook, Twitter or Firebase vouches for. What is refused counts as a guess of its address.
    pub async fn user_provided(&self, app: &App, provided: Provided, address: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        self.allow_guess(None, address)?;
        let identity = app.identity.clone().unwrap_or_default();
        let Identity { facebook, twitter, firebase, .. } = identity;
        let vouched = match provided.by.ok_or(Error::ProviderAbsent)? {
            By::Facebook(keys) => self.by_facebook(app.id, &facebook.ok_or(Error::ProviderAbsent)?, &keys).await,
            By::Twitter(keys) => self.by_twitter(app.id, &twitter.ok_or(Error::ProviderAbsent)?, &keys).await,
            By::FirebasePhone(token) => {
                let phone = self.by_firebase(app.id, firebase, &token, firebase::Proves::Phone).await;
                phone.map(|phone| Vouched { name: Name::phone(&phone), user: User { phone: Some(phone), ..User::default() } })
            }
            By::FirebaseEmail(token) => {
                let email = self.by_firebase(app.id, firebase, &token, firebase::Proves::Email).await;
                email.map(|email| Vouched { name: Name::email(&email), user: User { email: Some(email), ..User::default() } })
            }
        };
        self.vouched(app.id, vouched, address).await
    }

    /// The user of a login that is a token of the app's own provider; none if the app has no such provider.
    pub async fn user_of_own_provider(
        &self,
        app: &App,
        given: &Credentials,
        address: &str,
    ) -> Result<Option<Arc<Kept<UserRow>>>, Error> {
        let identity = app.identity.as_ref();
        let (Some(identity), Some(login)) = (identity, given.login.as_deref()) else { return Ok(None) };
        if identity.custom.is_none() && identity.jwt.is_none() {
            return Ok(None);
        }
        self.allow_guess(None, address)?;
        let vouched = match (&identity.custom, &identity.jwt) {
            _ if login.len() > claims::BYTES_MAX => Err(Error::ProviderRefused),
            (Some(custom), _) => self.by_custom(app.id, custom, login, &given.password).await,
            (None, Some(jwt)) => self.by_jwt(app.id, jwt, login).await,
            (None, None) => return Ok(None),
        };
        self.vouched(app.id, vouched, address).await.map(Some)
    }

    async fn by_custom(&self, app: u64, provider: &CustomProvider, login: &str, password: &str) -> Result<Vouched, Error> {
        let words = [("login", login), ("password", password)];
        // Both were read when they were set; a row that cannot be read names nobody.
        let request = template::parse(&provider.request).ok_or(Error::ProviderFailed)?;
        let response = Response::parse(&provider.response).ok_or(Error::ProviderFailed)?;
        let body = template::filled(&request, &words).to_string().into_bytes();
        let headers = provider.headers.iter().map(|header| (&header.name, template::filled_text(&header.value, &words)));
        let request = headers.fold(Request::post_json(&provider.url, body), |request, (name, value)| request.with(name, value));
        let answer = self.ask(app, request).await?;
        let found = response.read(&answer).ok_or(Error::ProviderRefused)?;
        external(found.uid, User { full_name: found.full_name, avatar: found.avatar, ..User::default() })
    }

    async fn by_jwt(&self, app: u64, provider: &JwtProvider, token: &str) -> Result<Vouched, Error> {
        let audiences: Vec<String> = Some(provider.audience.clone()).into_iter().filter(|name| !name.is_empty()).collect();
        let issuer = Some(provider.issuer.as_str()).filter(|issuer| !issuer.is_empty());
        let expected = Expected { issuer, audiences: &audiences, now_s: self.clock.now_s() };
        let claims: Claims = match provider.hs256_secret.is_empty() {
            false => claims::signed_by_shared(&provider.hs256_secret, token, &expected).map_err(|_| Error::ProviderRefused)?,
            true => {
                let check = |keys: &_| claims::signed_by_one_of(keys, token, &expected);
                self.with_keys(app, &provider.jwks_url, check).await?
            }
        };
        let uid = claims.get(&provider.uid_claim).and_then(facebook::text).ok_or(Error::ProviderRefused)?;
        let name = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        external(uid, User { full_name: name("name"), avatar: name("picture"), ..User::default() })
    }

    async fn by_firebase(
        &self,
        app: u64,
        provider: Option<FirebaseProvider>,
        token: &FirebaseToken,
        what: firebase::Proves,
    ) -> Result<String, Error> {
        let provider = provider.ok_or(Error::ProviderAbsent)?;
        if token.access_token.len() > claims::BYTES_MAX || !provider.project_ids.contains(&token.project_id) {
            return Err(Error::ProviderRefused);
        }
        let now_s = self.clock.now_s();
        let check = |keys: &_| firebase::proved(keys, &token.access_token, &token.project_id, what, now_s);
        self.with_keys(app, &provider.jwks_url, check).await
    }

    // A token that names an unknown key is looked at once more if the house has other keys by now.
    async fn with_keys<T>(
        &self,
        app: u64,
        url: &str,
        check: impl Fn(&jsonwebtoken::jwk::JwkSet) -> Result<T, TokenFault>,
    ) -> Result<T, Error> {
        let keys = self.houses.keys(&self.outbound, app, url, false, self.clock.now_ms()).await?;
        match check(&keys) {
            Err(TokenFault::KeyUnknown) => {
                let newer = self.houses.keys(&self.outbound, app, url, true, self.clock.now_ms()).await?;
                check(&newer).map_err(|_| Error::ProviderRefused)
            }
            checked => checked.map_err(|_| Error::ProviderRefused),
        }
    }

    async fn by_facebook(&self, app: u64, provider: &FacebookProvider, keys: &ProviderKeys) -> Result<Vouched, Error> {
        let answer = self.ask(app, facebook::inspection(provider, &keys.token)).await?;
        let user = facebook::inspected(provider, &answer, self.clock.now_s()).ok_or(Error::ProviderRefused)?;
        let answer = self.ask(app, facebook::profile(provider, &keys.token)).await?;
        let profile = facebook::profiled(&answer, &user).ok_or(Error::ProviderRefused)?;
        let (facebook_id, full_name) = (Some(profile.id.clone()), profile.full_name);
        Ok(Vouched { name: Name::FacebookId(profile.id), user: User { facebook_id, full_name, ..User::default() } })
    }

    async fn by_twitter(&self, app: u64, provider: &TwitterProvider, keys: &ProviderKeys) -> Result<Vouched, Error> {
        let chance: [u8; 16] = self.chance.bytes();
        let nonce = format!("{:032x}", u128::from_be_bytes(chance));
        let moment = Moment { timestamp: self.clock.now_s(), nonce: &nonce };
        let answer = self.ask(app, twitter::verification(provider, keys, &moment)).await?;
        let profile = twitter::verified(&answer).ok_or(Error::ProviderRefused)?;
        let (twitter_id, full_name) = (Some(profile.id.clone()), profile.full_name);
        Ok(Vouched { name: Name::TwitterId(profile.id), user: User { twitter_id, full_name, ..User::default() } })
    }

    // The JSON of a success. A status of the four hundreds is the provider's refusal, but those that speak of its own trouble.
    async fn ask(&self, app: u64, request: Request) -> Result<Value, Error> {
        let answer = match self.outbound.ask(app, &request).await {
            // What the user sent cannot stand in a header.
            Err(Outside::Malformed) => return Err(Error::ProviderRefused),
            Err(error) => {
                tracing::warn!(app, %error, "an identity provider was not asked or did not answer");
                return Err(Error::ProviderFailed);
            }
            Ok(answer) => answer,
        };
        let status = answer.status;
        match (status, serde_json::from_slice(&answer.body)) {
            (200..=299, Ok(body)) => Ok(body),
            (400..=499, _) if !matches!(status, 408 | 425 | 429) => {
                tracing::info!(app, status, "an identity provider refused");
                Err(Error::ProviderRefused)
            }
            _ => {
                tracing::warn!(app, status, "an identity provider answered what cannot be read");
                Err(Error::ProviderFailed)
            }
        }
    }

    async fn vouched(&self, app: u64, vouched: Result<Vouched, Error>, address: &str) -> Result<Arc<Kept<UserRow>>, Error> {
        let Vouched { name, user } = vouched.inspect_err(|error| {
            if *error == Error::ProviderRefused {
                self.guess_wrong(None, address);
            }
        })?;
        for _ in 0..TRIES {
            let outcome = match self.user_named(app, &name).await? {
                Some(kept) if kept.row.proofs.hold(&name) => return Ok(kept),
                Some(kept) => self.give_way(&kept, &name).await,
                None => self.add_vouched(app, user.clone(), &name).await.map(Some),
            };
            match outcome {
                Ok(Some(kept)) => return Ok(kept),
                // The name is free; or somebody else was there first, and has made the user perhaps.
                Ok(None) | Err(Error::Store(store::Error::Changed | store::Error::Taken(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(store::Error::Changed.into())
    }

    async fn add_vouched(&self, app: u64, user: User, name: &Name) -> Result<Arc<Kept<UserRow>>, Error> {
        let User { full_name, avatar, .. } = &user;
        // What a provider says beside the name is a courtesy: too long a text is left out, not a reason to refuse.
        let short = |text: &Option<String>| text.clone().filter(|text| text.len() <= TEXT_BYTES_MAX);
        let user = User { full_name: short(full_name), avatar: short(avatar), ..user };
        let user = User { app, ..accept_vouched(user)? };
        self.add_without_password(UserRow { user, proofs: Proofs::default().with(name), ..UserRow::default() }).await
    }

    /// Whoever only claimed a name gives way to who proves it. Of an address that is the whole account, as with a forgotten password:
    /// the old password, the tokens and the names that were only claimed end. Any other name is taken away, and the account stays
    /// whose it was; none is answered then.
    async fn give_way(&self, before: &Kept<UserRow>, name: &Name) -> Result<Option<Arc<Kept<UserRow>>>, Error> {
        let (row, mut user) = (&before.row, User { updated_at: self.clock.now_ms(), ..before.row.user.clone() });
        let is_taken_over = matches!(name, Name::Email(_));
        let mut lost = vec![name.clone()];
        if is_taken_over {
            let claimed = [
                user.phone.as_deref().map(Name::phone),
                user.facebook_id.clone().map(Name::FacebookId),
                user.twitter_id.clone().map(Name::TwitterId),
                user.external_id.clone().map(Name::ExternalId),
            ];
            lost = claimed.into_iter().flatten().filter(|claimed| !row.proofs.hold(claimed)).collect();
        }
        for name in lost {
            match name {
                Name::Phone(_) => user.phone = None,
                Name::FacebookId(_) => user.facebook_id = None,
                Name::TwitterId(_) => user.twitter_id = None,
                Name::ExternalId(_) => user.external_id = None,
                Name::Login(_) | Name::Email(_) | Name::ExternalUserId(_) => {}
            }
        }
        let after = match is_taken_over {
            true => UserRow {
                password: None,
                password_version: row.password_version + 1,
                proofs: row.proofs.after(&row.user, &user).with(name),
                user,
                ..row.clone()
            },
            false => UserRow { proofs: row.proofs.after(&row.user, &user), user, ..row.clone() },
        };
        let kept = self.write_user(before, after, None, None).await?;
        Ok(is_taken_over.then_some(kept))
    }
}

fn external(uid: String, user: User) -> Result<Vouched, Error> {
    if uid.len() > TEXT_BYTES_MAX {
        return Err(Error::ProviderRefused);
    }
    Ok(Vouched { name: Name::ExternalId(uid.clone()), user: User { external_id: Some(uid), ..user } })
}
