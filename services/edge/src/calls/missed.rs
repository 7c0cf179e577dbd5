//! What a session missed: the list of a returning one (design.md 9), and the holes of a live one (design.md 6).

use std::collections::BTreeMap;

use natter_proto::dialog::v1::{Dialog, DialogKind, GetRequest, ListRequest};
use natter_proto::event::v1::Shown;
use natter_proto::history::v1::{ChangesReply, ChangesRequest, From, GapReply, GapRequest, KeptReply, KeptRequest};
use natter_proto::presence::v1::{AnnounceReply, Fingerprint, SessionRecord, SessionState, TakeDebtRequest};
use natter_proto::{Code, DialogId, Failure};

use super::{Announced, Caller, Links, is_passing};
use crate::session::{Changes, Queue, Returned, Stretch};

/// Rows a returning session gets of one dialog, and of all (design.md 9).
const LIST_PER_DIALOG: u32 = 100;
const LIST_IN_ALL: u32 = 500;

/// The ids of a user's dialogs.
struct Dialogs {
    private: Vec<Vec<u8>>,
    groups: Vec<Vec<u8>>,
    /// Of groups he sees what was said since he joined.
    from_joining: bool,
}

impl Links {
    /// Fails as a whole: with a part of it the session would go on without the rest, and the debt would be forgotten.
    pub(super) async fn gather(
        &self,
        caller: &Caller,
        record: SessionRecord,
        shown: Option<Shown>,
        owed: Option<Box<SessionRecord>>,
        announced: Option<Announced>,
    ) -> Result<Box<Returned>, Failure> {
        let client = record.client.clone();
        let reply = self.announce(caller, SessionState::Available, Some(record), shown).await?;
        let AnnounceReply { requests, present, .. } = reply;
        drop(announced);
        let debt = self.debt(caller, client).await?.or(owed.map(|owed| *owed));
        let dialogs = self.dialogs(caller).await?;
        let GapReply { rows, changes, .. } = self.gap(caller, debt.as_ref(), dialogs).await?;
        let kept = self.kept(caller, 0).await?;
        Ok(Box::new(Returned { debt, rows, changes, kept, requests, present }))
    }

    /// Asked again it is the same debt.
    async fn debt(&self, caller: &Caller, client: Option<Fingerprint>) -> Result<Option<SessionRecord>, Failure> {
        let request = TakeDebtRequest { app: caller.app, user: caller.user, session: Some(caller.session.clone()), client };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.take_debt(request).await }
        };
        Ok(self.insist("take_debt", ask).await?.debt)
    }

    /// The dialogs of the user.
    async fn dialogs(&self, caller: &Caller) -> Result<Dialogs, Failure> {
        let request =
            ListRequest { app: caller.app, user: caller.user, with_hidden: true, brief: true, ..ListRequest::default() };
        let ask = || {
            let mut dialogs = self.dialogs.clone();
            async move { dialogs.list(request).await }
        };
        let listed = self.insist("list", ask).await?.entries.into_iter().filter_map(|entry| entry.dialog);
        let (private, groups) = listed.partition::<Vec<_>, _>(|dialog| dialog.kind() == DialogKind::Private);
        // All groups of an app say the same.
        let from_joining = groups.iter().any(|dialog| dialog.from_joining);
        let ids = |dialogs: Vec<Dialog>| dialogs.into_iter().map(|dialog| dialog.id).collect();
        Ok(Dialogs { private: ids(private), groups: ids(groups), from_joining })
    }

    /// Above the debt's proofs; of other dialogs what was stored since; of private ones also what nobody has received. Of a
    /// dialog that the user is in no more nothing is owed to him.
    async fn gap(&self, caller: &Caller, debt: Option<&SessionRecord>, dialogs: Dialogs) -> Result<GapReply, Failure> {
        let Dialogs { private, groups, from_joining } = dialogs;
        let (mut from, mut others) = (Vec::new(), Vec::new());
        if let Some(debt) = debt {
            let proofs: BTreeMap<&[u8], &From> = debt.proofs.iter().map(|proof| (proof.dialog.as_slice(), proof)).collect();
            for dialog in private.iter().chain(&groups) {
                match proofs.get(dialog.as_slice()) {
                    Some(proof) => from.push((*proof).clone()),
                    None => others.push(dialog.clone()),
                }
            }
        }
        let request = GapRequest {
            app: caller.app,
            user: caller.user,
            from,
            undelivered: private,
            since: debt.map_or(0, |debt| debt.since),
            others,
            per_dialog: LIST_PER_DIALOG,
            in_all: LIST_IN_ALL,
            from_joining,
            oldest: false,
        };
        self.rows(caller, request).await
    }

    /// The beginning of what lies above a number, or of what was stored since.
    pub(super) async fn fill(
        &self,
        caller: &Caller,
        dialog: DialogId,
        above: Option<u64>,
        since: i64,
    ) -> Result<Stretch, Failure> {
        self.metrics.holes.inc();
        let Some(from_joining) = self.view(caller, dialog).await? else { return Ok(Stretch::default()) };
        let id = dialog.to_vec();
        // Above a number only rows: changes have stamps of their own.
        let (from, others, since) = match above {
            Some(seq) => (vec![From { dialog: id, seq, stamp: None }], Vec::new(), 0),
            None => (Vec::new(), vec![id], since),
        };
        let request = GapRequest {
            app: caller.app,
            user: caller.user,
            from,
            others,
            since,
            per_dialog: LIST_PER_DIALOG,
            in_all: LIST_PER_DIALOG,
            from_joining,
            oldest: true,
            ..GapRequest::default()
        };
        let GapReply { rows, more, changes } = self.rows(caller, request).await?;
        Ok(Stretch {
            rows: rows.into_iter().filter_map(|gap| gap.row).collect(),
            more,
            changes: changes.into_iter().filter_map(|gap| gap.change).collect(),
        })
    }

    /// Whether the user sees of the dialog what was said since he joined, and no more. `None`: he may not see it at all, he was removed
    /// from it, and its head or a late frame says that it goes on.
    async fn view(&self, caller: &Caller, dialog: DialogId) -> Result<Option<bool>, Failure> {
        let request = GetRequest { app: caller.app, dialog: dialog.to_vec(), user: caller.user, preview: false };
        let ask = || {
            let (mut dialogs, request) = (self.dialogs.clone(), request.clone());
            async move { dialogs.get(request).await }
        };
        match self.insist("get", ask).await {
            Ok(dialog) => Ok(Some(dialog.from_joining)),
            Err(failure) if is_passing(failure.code) => Err(failure),
            Err(failure) if failure.code == Code::Forbidden => Ok(None),
            // Of one that is gone nobody says more; what is owed of it is the same either way.
            Err(_) => Ok(Some(true)),
        }
    }

    /// The beginning of the changes above a stamp, or the newest made since.
    pub(super) async fn changes(
        &self,
        caller: &Caller,
        dialog: DialogId,
        above: Option<u64>,
        since: i64,
    ) -> Result<Changes, Failure> {
        self.metrics.holes.inc();
        let Some(from_joining) = self.view(caller, dialog).await? else { return Ok(Changes::default()) };
        let (app, user, dialog) = (caller.app, caller.user, dialog.to_vec());
        let request = ChangesRequest { app, dialog, above, since, limit: LIST_PER_DIALOG, user, from_joining };
        let ask = || {
            let (mut history, request) = (self.history.clone(), request.clone());
            async move { history.changes(request).await }
        };
        let ChangesReply { mut changes, more } = self.insist("changes", ask).await?;
        self.screen_changes(caller, &mut changes).await?;
        Ok(Changes { changes, more })
    }

    /// The beginning of what is kept above a place.
    pub(super) async fn kept(&self, caller: &Caller, above: u64) -> Result<Queue, Failure> {
        let request = KeptRequest { app: caller.app, user: caller.user, above };
        let ask = || {
            let mut history = self.history.clone();
            async move { history.kept(request).await }
        };
        let KeptReply { mut rows, more, upto } = self.insist("kept", ask).await?;
        self.screen_kept(caller, &mut rows).await?;
        Ok(Queue { rows, more, upto })
    }

    async fn rows(&self, caller: &Caller, request: GapRequest) -> Result<GapReply, Failure> {
        if request.from.is_empty() && request.undelivered.is_empty() && request.others.is_empty() {
            return Ok(GapReply::default());
        }
        let ask = || {
            let (mut history, request) = (self.history.clone(), request.clone());
            async move { history.gap(request).await }
        };
        let mut reply = self.insist("gap", ask).await?;
        self.screen_rows(caller, &mut reply).await?;
        Ok(reply)
    }
}
