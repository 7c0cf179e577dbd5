//! Calls that keep a user out, or let him in again.

use natter_proto::account::v1::{BanUserRequest, User};

use crate::error::Error;
use crate::service::Accounts;
use crate::store::{self, UserRow};

/// How often a step is tried that meets another writer of the same user.
const TRIES: usize = 8;

impl Accounts {
    /// Bans a user, whose tokens are dead with the answer and whose sessions end, or ends a ban. The same again changes nothing.
    pub async fn ban_user(&self, request: BanUserRequest) -> Result<User, Error> {
        let BanUserRequest { app, id, banned } = request;
        self.app(app).await?;
        for _ in 0..TRIES {
            let kept = self.user(app, id).await?.ok_or(Error::UserUnknown)?;
            if kept.row.user.banned == banned {
                self.end_banned(app, id, banned);
                return Ok(kept.row.user.clone());
            }
            let user = User { banned, updated_at: self.clock.now_ms(), ..kept.row.user.clone() };
            // As with another password: no token of the version before stands for anybody.
            let password_version = kept.row.password_version + u64::from(banned);
            let after = UserRow { user, password_version, ..kept.row.clone() };
            match self.write_user(&kept, after, None, None).await {
                Err(store::Error::Changed) => {}
                outcome => {
                    let row = outcome?;
                    self.end_banned(app, id, banned);
                    return Ok(row.row.user.clone());
                }
            }
        }
        Err(store::Error::Changed.into())
    }

    // Said once more when it is asked again: an edge may have missed the word.
    fn end_banned(&self, app: u64, id: u64, banned: bool) {
        if banned {
            self.endings.tell(app, id);
        }
    }
}

/// Refuses a user whom an operator keeps out. Asked after he has proved who he is, so that nobody else learns it.
pub fn refuse_banned(row: &UserRow) -> Result<(), Error> {
    if row.user.banned { Err(Error::UserBanned) } else { Ok(()) }
}
