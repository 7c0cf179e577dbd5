//! Calls about what an archive holds of apps and users: it is read as it is kept, and taken over if it is not there. What clashes is
//! answered and changes nothing (decision 0039).

use natter_proto::account::v1::{
    App, AppState, ArchiveUsersReply, ArchiveUsersRequest, ArchivedUser, Identity, TakeAppRequest, TakeUsersRequest, User,
};
use natter_proto::archive::v1::{Clash, Taken};

use crate::app::{KEY_CHARS_MAX, letters};
use crate::error::Error;
use crate::host;
use crate::identity;
use crate::name::{Proofs, names};
use crate::service::Accounts;
use crate::store::{self, UserRow};
use crate::user::{Fault, accept_brought};

/// Users of one page.
const PAGE_MAX: usize = 200;
/// Ids that are brought lie below it, so that there is room above them: numbers from 2^53 on do not survive JavaScript.
const ID_END: u64 = 1 << 52;
const PAIR_KEY_BYTES: usize = 32;

impl Accounts {
    pub async fn archived_users(&self, request: ArchiveUsersRequest) -> Result<ArchiveUsersReply, Error> {
        let ArchiveUsersRequest { app, after, limit } = request;
        self.app(app).await?;
        let limit = (limit as usize).clamp(1, PAGE_MAX);
        let rows = self.store.users.user_page(app, after, limit).await?;
        Ok(ArchiveUsersReply { users: rows.into_iter().map(archived).collect() })
    }

    pub async fn take_app(&self, request: TakeAppRequest) -> Result<Taken, Error> {
        let TakeAppRequest { app: id, row, dry } = request;
        let what = format!("app {id}");
        let app = App { id, ..row.unwrap_or_default() };
        if let Some(found) = self.store.apps.app(id).await? {
            return Ok(match found.row {
                App { state, .. } if state == i32::from(AppState::Erased) => clash(what, "an app of this id was deleted here"),
                there if (app.pair_key.is_empty() || there.pair_key == app.pair_key) && there.created_at == app.created_at => {
                    same()
                }
                _ => clash(what, "another app has this id"),
            });
        }
        let app = self.whole_app(app);
        if let Some(fault) = fault_of(&app) {
            return Ok(clash(what, fault));
        }
        if let Some(Err(Fault { field, text })) = app.identity.clone().map(|given| identity::accept(&Identity::default(), given))
        {
            return Ok(clash(what, format!("its {field} {text}")));
        }
        let names = [(host::CHAT, Some(app.chat_host.as_str())), (host::API, Some(app.api_host.as_str()))];
        match self.check_hosts(id, names).await {
            Err(Error::Store(store::Error::Taken(field))) => return Ok(clash(what, format!("its {field} is another app's"))),
            Err(Error::Field(Fault { field, text })) => return Ok(clash(what, format!("its {field} {text}"))),
            checked => checked?,
        }
        if self.store.apps.app_with_key(&app.auth_key).await?.is_some() {
            return Ok(clash(what, "its auth_key is another app's"));
        }
        if dry {
            return Ok(taken());
        }
        let names: Vec<_> = names.into_iter().filter_map(|(_, name)| name).filter(|name| !name.is_empty()).collect();
        let names: Vec<_> = names.into_iter().map(|name| self.hosts.begin(name.to_owned())).collect();
        let outcome = self.store.apps.add_app(app.clone()).await;
        // Whose they are now is read when it is asked.
        names.into_iter().for_each(|ticket| self.hosts.finish(ticket, None));
        match outcome {
            Err(store::Error::Taken(field)) => Ok(clash(what, format!("its {field} is another app's"))),
            outcome => Ok(outcome.map(|_| taken())?),
        }
    }

    /// An app that comes from elsewhere has no keys of ours: they are chosen.
    fn whole_app(&self, mut app: App) -> App {
        if app.auth_key.is_empty() {
            app.auth_key = letters(&self.chance.bytes::<20>());
        }
        if app.auth_secret.is_empty() {
            app.auth_secret = letters(&self.chance.bytes::<32>());
        }
        if app.pair_key.is_empty() {
            app.pair_key = self.chance.bytes::<PAIR_KEY_BYTES>().to_vec();
        }
        app
    }

    pub async fn take_users(&self, request: TakeUsersRequest) -> Result<Taken, Error> {
        let TakeUsersRequest { app, users, dry } = request;
        match self.app(app).await {
            // A dry run has not made it.
            Err(Error::AppUnknown) if dry => {}
            found => drop(found?),
        }
        let ids: Vec<u64> = users.iter().map(|user| user.user.as_ref().map_or(0, |user| user.id)).collect();
        let there = self.store.users.users(app, &ids).await?;
        let missing = ids.iter().zip(&there).filter(|(id, there)| there.is_none() && **id < ID_END);
        if let Some(newest) = missing.map(|(id, _)| *id).max().filter(|_| !dry) {
            self.ids.raise(self.store.users.as_ref(), newest).await?;
        }
        let mut outcome = Taken::default();
        for ((user, id), there) in users.into_iter().zip(ids).zip(there) {
            let found = match there {
                Some(there) => compared(&there.row, &user),
                None => self.take_user(app, user, dry).await?,
            };
            match found {
                Found::Taken => outcome.taken += 1,
                Found::Same => outcome.same += 1,
                Found::Clash(text) => outcome.clashes.push(Clash { what: format!("user {id} of app {app}"), text }),
            }
        }
        Ok(outcome)
    }

    async fn take_user(&self, app: u64, user: ArchivedUser, dry: bool) -> Result<Found, Error> {
        let row = match brought(app, user) {
            Ok(row) => row,
            Err(fault) => return Ok(Found::Clash(fault)),
        };
        for name in names(&row.user) {
            if let Some(holder) = self.store.users.holder(app, &name).await? {
                return Ok(Found::Clash(format!("user {holder} has his {}", name.field())));
            }
        }
        if dry {
            return Ok(Found::Taken);
        }
        match self.store.users.add_user(row, None).await {
            Err(store::Error::Taken(field)) => Ok(Found::Clash(format!("somebody else has his {field}"))),
            Err(unknown @ store::Error::Db(natter_db::Error::Unknown(_))) => {
                self.indexes.forget(app);
                Err(unknown.into())
            }
            outcome => {
                self.indexes.changed(&outcome?.row);
                self.metrics.users_added.inc();
                Ok(Found::Taken)
            }
        }
    }
}

/// What became of a user.
enum Found {
    Taken,
    Same,
    Clash(String),
}

/// What is there counts: he may have changed since.
fn compared(there: &UserRow, brought: &ArchivedUser) -> Found {
    let created_at = brought.user.as_ref().map_or(0, |user| user.created_at);
    match (there.deleted, brought.deleted) {
        (true, true) => Found::Same,
        (true, false) => Found::Clash("was deleted here".into()),
        (false, true) => Found::Clash("was deleted where he comes from, and is here".into()),
        (false, false) if there.user.created_at == created_at => Found::Same,
        (false, false) => Found::Clash("another user has this id".into()),
    }
}

fn archived(row: UserRow) -> ArchivedUser {
    let UserRow { user, password, password_version, deleted, guest_until, proofs, .. } = row;
    let password = password.unwrap_or_default();
    ArchivedUser { user: Some(user), password, password_version, deleted, guest_until, proofs: proofs.0 }
}

fn brought(app: u64, user: ArchivedUser) -> Result<UserRow, String> {
    let ArchivedUser { user, password, password_version, deleted, guest_until, proofs } = user;
    let user = User { app, last_request_at: 0, ..user.unwrap_or_default() };
    if user.id == 0 || user.id >= ID_END {
        return Err(format!("an id lies between 1 and {}", ID_END - 1));
    }
    if !password.is_empty() && !password.starts_with("$argon2") {
        return Err("his password is no Argon2 hash".into());
    }
    let user = match deleted {
        true => User { id: user.id, app, created_at: user.created_at, updated_at: user.updated_at, ..User::default() },
        false => accept_brought(user).map_err(|Fault { field, text }| format!("{field} {text}"))?,
    };
    Ok(UserRow {
        user,
        password: Some(password).filter(|password| !password.is_empty() && !deleted),
        password_version: password_version.max(1),
        deleted,
        revision: 1,
        guest_until: if deleted { 0 } else { guest_until },
        proofs: Proofs(proofs),
    })
}

fn fault_of(app: &App) -> Option<String> {
    let too_long = [("title", &app.title), ("auth_key", &app.auth_key), ("auth_secret", &app.auth_secret)];
    match too_long.into_iter().find(|(_, text)| text.chars().count() > KEY_CHARS_MAX) {
        Some((field, _)) => Some(format!("its {field} is too long")),
        None if app.id == 0 || app.id >= ID_END => Some(format!("an id lies between 1 and {}", ID_END - 1)),
        None if app.pair_key.len() != PAIR_KEY_BYTES => Some(format!("its pair_key has not {PAIR_KEY_BYTES} bytes")),
        None => (app.state() == AppState::Erased).then(|| "it is erased".into()),
    }
}

fn taken() -> Taken {
    Taken { taken: 1, ..Taken::default() }
}

fn same() -> Taken {
    Taken { same: 1, ..Taken::default() }
}

fn clash(what: String, text: impl Into<String>) -> Taken {
    Taken { clashes: vec![Clash { what, text: text.into() }], ..Taken::default() }
}
