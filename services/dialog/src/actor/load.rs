//! How a dialog comes into memory, and into being.

use futures::join;
use natter_proto::history::v1::LoadRequest;
use natter_proto::{Code, Failure, UserId};

use super::{DialogActor, DialogMessage, State};
use crate::dialog::duplicates::Known;
use crate::dialog::members::Members;
use crate::dialog::order::Order;
use crate::dialog::{Dialog, Facts, Kind};
use crate::error::Trouble;
use crate::options::BATCH_MAX;
use crate::shared::{broken, of_read};
use crate::store::Kept;

impl DialogActor {
    /// Reads the dialog from the store and the end of its log from history, once.
    ///
    /// # Errors
    /// Either could not be read. Nothing was done.
    pub(super) async fn load(&mut self) -> Result<(), Failure> {
        if !matches!(self.state, State::Cold) {
            return Ok(());
        }
        self.shared.meters.loads.inc();
        let request =
            LoadRequest { app: self.key.app.0, dialog: self.key.dialog.to_vec(), ids_max: self.shared.limits.tail_ids as u32 };
        let mut history = self.shared.history();
        let (kept, log) = join!(self.shared.store.load(self.key), history.load(request));
        let Some(Kept { facts, members }) = kept.map_err(of_read)? else {
            self.state = State::Absent;
            return Ok(());
        };
        let log = log.map_err(of_read)?.into_inner();
        let head = log.head.unwrap_or_default();
        let rows: Result<Vec<Known>, _> = log.tail.into_iter().map(Known::try_from).collect();
        let mut rows = rows.map_err(|_| broken("the tail of the log"))?;
        rows.sort_by_key(|known| known.seq);
        // One append is in flight at a time: what stands before the last possible one was told by whoever made it.
        let told = rows.len().saturating_sub(BATCH_MAX);
        rows[..told].iter_mut().for_each(|known| known.told = true);
        let order = Order { head: head.seq, date_sent: head.date_sent, updated_at: head.updated_at };
        let dialog = Dialog::new(self.key, facts, members, &self.shared.limits).with_log(order, head.stamp, rows);
        if head.seq > 0 {
            // Whoever owned it before may have died between storing and telling; then the edges miss rows without knowing.
            self.shared.loaded(&dialog);
        }
        self.state = State::Live(Box::new(dialog));
        Ok(())
    }

    /// Makes the private dialog where there is none and the message asks for one: the id must be the pair's, both users must
    /// exist and have room for one more dialog.
    pub(super) async fn make_for(&mut self, message: &DialogMessage) -> Result<(), Trouble> {
        let (State::Absent, Some((owner, other))) = (&self.state, message.makes()) else { return Ok(()) };
        self.shared.pairs.check(self.key, owner, other).await.map_err(of_read)?;
        self.shared.pairs.check_users(self.key.app, owner, other).await.map_err(of_read)?;
        self.check_room(owner).await?;
        self.check_room(other).await?;
        let facts = Facts { kind: Kind::Private, owner, created_at: self.shared.clock.now_ms() };
        let members = Members::pair(owner, other);
        self.shared.store.create(self.key, &Kept { facts, members: members.clone() }).await?;
        self.state = State::Live(Box::new(Dialog::new(self.key, facts, members, &self.shared.limits)));
        Ok(())
    }

    async fn check_room(&self, user: UserId) -> Result<(), Failure> {
        let max = self.shared.options.dialogs_of_user_max;
        let count = self.shared.store.count_of_user(self.key.app, user, max).await.map_err(of_read)?;
        match count < max {
            true => Ok(()),
            false => Err(Failure::new(Code::TooMany, format!("user {user} has {max} dialogs, no more are taken"))),
        }
    }
}
