//! How a dialog comes into memory, and into being.

use futures::join;
use natter_proto::history::v1::LoadRequest;
use natter_proto::push::v1::WebhookEvent;
use natter_proto::{Code, Failure, UserId};

use super::news::{self, News};
use super::{DialogActor, DialogMessage, State};
use crate::dialog::duplicates::Known;
use crate::dialog::group::{Change, Changed, Profile};
use crate::dialog::members::{Member, Members};
use crate::dialog::order::Order;
use crate::dialog::post::PostError;
use crate::dialog::{Dialog, Facts, Kept, Kind};
use crate::error::{Trouble, of_group, of_post};
use crate::options::BATCH_MAX;
use crate::shared::{broken, of_read};

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
        let Some((kept, version)) = kept.map_err(of_read)? else {
            self.state = State::Absent;
            return Ok(());
        };
        let log = log.map_err(of_read)?.into_inner();
        let changed_at = log.changed_at;
        let head = log.head.unwrap_or_default();
        let rows: Result<Vec<Known>, _> = log.tail.into_iter().map(Known::try_from).collect();
        let mut rows = rows.map_err(|_| broken("the tail of the log"))?;
        rows.sort_by_key(|known| known.seq);
        // One append is in flight at a time: what stands before the last possible one was told by whoever made it.
        let told = rows.len().saturating_sub(BATCH_MAX);
        rows[..told].iter_mut().for_each(|known| known.told = true);
        let order = Order { head: head.seq, date_sent: head.date_sent, updated_at: head.updated_at };
        let dialog = Dialog::new(self.key, kept, &self.shared.limits).with_version(version);
        let dialog = dialog.with_log(order, head.stamp, rows).with_changed_at(changed_at);
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
        if let DialogMessage::Post(post, _) = message {
            // A refused post makes nothing, and where there is nothing none is a repeat.
            let refused = if post.only_repeat { Err(PostError::NoRepeat) } else { post.check(&self.shared.limits) };
            refused.map_err(|error| of_post(self.key, owner, &error))?;
        }
        self.shared.pairs.check_users(self.key.app, owner, other).await.map_err(of_read)?;
        // Of a message that may not be, the other one finds no trace.
        self.shared.check_bars(self.key.app, owner, other).await?;
        self.shared.check_room(self.key.app, &[owner, other]).await?;
        let facts = Facts { kind: Kind::Private, owner, created_at: self.shared.clock.now_ms() };
        self.make(Kept { facts, profile: Profile::default(), members: Members::pair(owner, other) }).await
    }

    /// Makes a group or a public dialog. Users that do not exist are left out (contract rest 4.3).
    pub(super) async fn make_new(&mut self, kind: Kind, owner: UserId, change: Change) -> Result<(), Trouble> {
        let now_ms = self.shared.clock.now_ms();
        let facts = Facts { kind, owner, created_at: now_ms };
        let members = Members::from_iter([(owner, Member::default())]);
        let kept = Kept { facts, profile: Profile::default(), members };
        // Decided by the rules of a change that its owner makes; of a public dialog others add themselves.
        let add = if kind.is_public() { Vec::new() } else { self.shared.pairs.known(self.key.app, change.add).await? };
        let change = Change { add, ..change };
        let dialog = Dialog::new(self.key, kept, &self.shared.limits);
        let changed = dialog.change(owner, &change, &self.shared.options.group(), now_ms);
        let Changed { facts, profile, members, .. } = changed.map_err(|error| of_group(&dialog, owner, error))?;
        if kind.is_public() && profile.name.is_none() {
            return Err(Failure::of_field(Code::Invalid, "name", "is required").into());
        }
        let users: Vec<UserId> = members.iter().map(|(user, _)| user).collect();
        self.shared.check_room(self.key.app, &users).await?;
        self.make(Kept { facts, profile, members }).await
    }

    async fn make(&mut self, kept: Kept) -> Result<(), Trouble> {
        let version = self.shared.store.create(self.key, &kept).await?;
        let added: Vec<u64> = kept.members.iter().map(|(user, _)| user.0).collect();
        let (event, kind) = (WebhookEvent::DialogCreated, kept.facts.kind);
        news::tell(&self.shared, self.key, News { event, version, kind, added: &added, removed: &[] }).await;
        self.state = State::Live(Box::new(Dialog::new(self.key, kept, &self.shared.limits).with_version(version)));
        Ok(())
    }
}
