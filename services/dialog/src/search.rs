//! Dialogs of an app as its operators search for them: page by page, each a bounded look at the store. No actor is asked.

use futures::{StreamExt, TryStreamExt, stream};
use natter_proto::dialog::v1::SearchReply;
use natter_proto::history::v1::HeadsRequest;
use natter_proto::{AppId, DialogId, Failure, UserId};

use crate::dialog::members::Member;
use crate::dialog::{Kept, Key, Kind, to_wire};
use crate::shared::{Shared, broken, of_read};

/// Dialogs of one page, if the request says nothing, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Dialogs that a page looks at.
const LOOKED_MAX: usize = 500;
/// Dialogs that are read at once.
const AT_ONCE: usize = 16;

/// What is searched for. All of it must hold.
pub(crate) struct Search {
    pub after: Option<DialogId>,
    /// 0: as many as usual.
    pub limit: usize,
    /// A part of the name, in lower case; empty: any.
    pub name: String,
    pub kind: Option<Kind>,
    pub member: Option<UserId>,
}

/// A page of what is searched for, in the order of the engine, or of a member's dialogs by id.
pub(crate) async fn page(shared: &Shared, app: AppId, search: Search) -> Result<SearchReply, Failure> {
    let limit = if search.limit == 0 { LIMIT } else { search.limit.min(LIMIT_MAX) };
    let candidates = candidates(shared, app, &search).await?;
    let load = |dialog: DialogId| async move {
        let kept = shared.store.load(Key { app, dialog }).await.map_err(of_read)?;
        Ok::<_, Failure>((dialog, kept.map(|(kept, _)| kept)))
    };
    let mut loaded = stream::iter(candidates.iter().copied().map(load)).buffered(AT_ONCE);
    let (mut found, mut looked) = (Vec::new(), 0);
    while found.len() < limit {
        let Some((dialog, kept)) = loaded.try_next().await? else { break };
        looked += 1;
        // One that is gone meanwhile is passed over.
        found.extend(kept.filter(|kept| search.takes(kept)).map(|kept| (dialog, kept)));
    }
    let is_cut = looked < candidates.len() || candidates.len() == LOOKED_MAX;
    let next = candidates.get(looked.wrapping_sub(1)).filter(|_| is_cut).map(|last| last.to_vec()).unwrap_or_default();
    Ok(SearchReply { dialogs: shown(shared, app, found).await?, next })
}

/// The next dialogs that may be meant, at most so many as a page looks at.
async fn candidates(shared: &Shared, app: AppId, search: &Search) -> Result<Vec<DialogId>, Failure> {
    let Some(member) = search.member else {
        return shared.store.of_app(app, search.after, LOOKED_MAX).await.map_err(of_read);
    };
    let all = shared.store.memberships(app, member, shared.options.dialogs_of_user_max).await.map_err(of_read)?;
    let mut all: Vec<DialogId> = all.into_iter().map(|(dialog, _)| dialog).collect();
    all.sort_unstable();
    Ok(all.into_iter().filter(|dialog| search.after.is_none_or(|after| *dialog > after)).take(LOOKED_MAX).collect())
}

/// The dialogs with when something was last said in each.
async fn shown(
    shared: &Shared,
    app: AppId,
    found: Vec<(DialogId, Kept)>,
) -> Result<Vec<natter_proto::dialog::v1::Dialog>, Failure> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let dialogs = found.iter().map(|(dialog, _)| dialog.to_vec()).collect();
    let heads = shared.history().heads(HeadsRequest { app: app.0, dialogs }).await.map_err(of_read)?.into_inner().heads;
    if heads.len() != found.len() {
        return Err(broken("history's answer about heads"));
    }
    let shown = found.into_iter().zip(heads).map(|((dialog, kept), head)| {
        let Kept { facts, profile, members } = kept;
        let key = Key { app, dialog };
        let mut shown = to_wire(key, &facts, &profile, &members.ids(), Member::default(), head.updated_at);
        // Of the others there may be thousands.
        if facts.kind != Kind::Private {
            shown.members.clear();
        }
        shown
    });
    Ok(shown.collect())
}

impl Search {
    fn takes(&self, kept: &Kept) -> bool {
        let has_name = || kept.profile.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&self.name));
        self.kind.is_none_or(|kind| kind == kept.facts.kind) && (self.name.is_empty() || has_name())
    }
}
