//! Calls about a forgotten password: a mail with a key, and the password that the key sets.

use natter_mail::Mail;
use natter_proto::account::v1::{AskPasswordResetRequest, ResetPasswordRequest, User};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::guesses::network;
use crate::name::{Name, folded_email};
use crate::password;
use crate::reset::{Key, mail};
use crate::service::Accounts;
use crate::store::{self, UserRow};
use crate::user::accept_email;

/// A mail that was asked for.
pub struct Wanted {
    app: u64,
    email: String,
    page: String,
}

/// How often a step is tried that meets another writer of the same user.
const TRIES: usize = 8;

impl Accounts {
    /// `users.resetPassword` (contract rest 3.2). Whether the address is somebody's is looked at behind the answer, so it shows
    /// neither in what is answered nor in how long that takes.
    pub async fn ask_password_reset(&self, request: AskPasswordResetRequest) -> Result<(), Error> {
        let AskPasswordResetRequest { app, email, address, page } = request;
        if !self.mails.is_on() {
            return Err(Error::MailsOff);
        }
        accept_email(&email)?;
        self.app(app).await?;
        let wanted = (app, folded_email(&email));
        let now = self.clock.now_ms();
        {
            let (mut of_email, mut of_network) = (self.resets_of_email.lock(), self.resets_of_network.lock());
            let network = network(&address);
            let over = of_email.count(&wanted, now) >= self.options.resets_email_max
                || of_network.count(&network, now) >= self.options.resets_address_max;
            if over {
                return Err(Error::ResetsTooMany);
            }
            of_email.add(wanted, now);
            of_network.add(network, now);
        }
        self.resets.try_send(Wanted { app, email, page }).map_err(|_| Error::MailsBusy)
    }

    /// Sends the mails that were asked for, one after the other, until nobody can ask any more.
    pub async fn send_resets(&self, mut wanted: mpsc::Receiver<Wanted>) {
        while let Some(wanted) = wanted.recv().await {
            if let Err(error) = self.send_reset(wanted).await {
                tracing::warn!(%error, "a mail about a forgotten password was not sent");
            }
        }
    }

    async fn send_reset(&self, wanted: Wanted) -> Result<(), Error> {
        let Wanted { app, email, page } = wanted;
        let Some(kept) = self.user_named(app, &Name::email(&email)).await? else { return Ok(()) };
        let user = &kept.row.user;
        let key = Key::of(app, user.id, self.chance.bytes());
        self.store.users.put_reset(app, user.id, key.kept(kept.row.password_version, self.clock.now_ms())).await?;
        let app = self.app(app).await?;
        let template = app.identity.as_ref().and_then(|identity| identity.reset_mail.as_ref());
        let (subject, text) = mail(template, user, &format!("{page}{}", key.text()));
        // To the address as the user wrote it: the one that was asked for may be spelt otherwise (Unicode, case).
        let to = user.email.clone().unwrap_or_default();
        self.mails.send(&Mail { to, subject, text }).await.map_err(Error::Mail)
    }

    /// Sets the password of whoever has the key. Its mailbox is proved by that; the old password and all tokens end.
    pub async fn reset_password(&self, request: ResetPasswordRequest) -> Result<(), Error> {
        let ResetPasswordRequest { key, password, address, host } = request;
        password::accept(&password, self.options.password_chars_min)?;
        self.allow_guess(None, &address)?;
        let Some(key) = Key::parse(&key) else { return Err(self.key_wrong(&address)) };
        self.came_by(&host, key.app, Error::ResetUnknown).await?;
        let mut hash = None;
        for _ in 0..TRIES {
            let kept = self.user(key.app, key.user).await?;
            let reset = self.store.users.reset(key.app, key.user).await?;
            let (Some(kept), Some(reset)) = (kept, reset) else { return Err(self.key_wrong(&address)) };
            let row = &kept.row;
            if !key.opens(&reset, row.password_version, self.clock.now_ms()) {
                return Err(self.key_wrong(&address));
            }
            let hashed = match &hash {
                Some(hash) => String::clone(hash),
                None => hash.insert(self.hash(&password).await?).clone(),
            };
            let user = User { updated_at: self.clock.now_ms(), ..row.user.clone() };
            let proofs = user.email.as_deref().map_or(row.proofs, |email| row.proofs.with(&Name::email(email)));
            let password_version = row.password_version + 1;
            let after = UserRow { user, password: Some(hashed), password_version, proofs, ..row.clone() };
            match self.write_user(&kept, after, None, None).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome.map(|_| ())?),
            }
        }
        Err(store::Error::Changed.into())
    }

    fn key_wrong(&self, address: &str) -> Error {
        self.guess_wrong(None, address);
        Error::ResetUnknown
    }
}
