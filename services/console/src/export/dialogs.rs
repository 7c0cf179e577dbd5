//! The dialogs of an export: each with what its user said in it and how he reacted. A dialog is read once, row by row, from its
//! beginning.

use std::collections::VecDeque;

use natter_proto::dialog::v1::{GetRequest, ListRequest};
use natter_proto::history::v1::{Filter, Op, PageRequest, ReactionsRequest, UnreadRequest};
use natter_proto::{Code, DialogId, Failure};
use serde_json::{Value, json};

use super::{Export, Read, Step, rows};
use crate::error::Refusal;
use crate::hex;

/// Rows of a dialog that are looked at together.
const PAGE: u32 = 200;

/// How far a dialog was read. The dates of its rows never decrease, and find their place at once; a number of rows to skip would
/// shift when one is removed.
#[derive(Clone, Copy, Default)]
pub struct Place {
    seq: u64,
    /// `date_sent` of that row, unix seconds.
    date: i64,
    /// Rows of that second that were read.
    of_second: u32,
}

impl Export {
    pub async fn find_dialogs(&mut self) -> Read {
        let request =
            ListRequest { app: self.app.0, user: self.user.0, brief: true, with_hidden: true, ..ListRequest::default() };
        let entries = self.door.dialogs().list(request).await?.into_inner().entries;
        let ids = entries.iter().filter_map(|entry| DialogId::try_from(entry.dialog.as_ref()?.id.as_slice()).ok());
        Ok((Vec::new(), Step::Dialogs { rest: ids.collect() }))
    }

    pub async fn dialog(&mut self, mut rest: VecDeque<DialogId>) -> Read {
        let Some(id) = rest.pop_front() else { return Ok((Vec::new(), Step::Kept { above: 0 })) };
        let (app, user) = (self.app.0, self.user.0);
        let request = GetRequest { app, dialog: id.to_vec(), user, preview: false };
        let dialog = match self.door.dialogs().get(request).await.map_err(Failure::from) {
            Ok(reply) => reply.into_inner(),
            // He has left it meanwhile.
            Err(failure) if matches!(failure.code, Code::NotFound | Code::Forbidden) => {
                return Ok((Vec::new(), Step::Dialogs { rest }));
            }
            Err(failure) => return Err(failure.into()),
        };
        let from_joining = dialog.from_joining;
        let request = UnreadRequest { app, user, dialogs: vec![id.to_vec()], counts_only: false, from_joining };
        let state = self.door.history().unread(request).await?.into_inner().rows.into_iter().next().unwrap_or_default();
        let row = rows::dialog(&dialog, &state, user);
        Ok((vec![row], Step::Messages { dialog: id, place: Place::default(), rest }))
    }

    pub async fn messages(&mut self, dialog: DialogId, place: Place, rest: VecDeque<DialogId>) -> Read {
        let from = Filter {
            field: "date_sent".to_owned(),
            op: Op::Gte.into(),
            values: vec![place.date.to_string()],
            numbers: vec![1_000 * place.date],
        };
        let request = PageRequest {
            app: self.app.0,
            dialog: dialog.to_vec(),
            skip: place.of_second,
            limit: PAGE,
            filters: vec![from],
            ..PageRequest::default()
        };
        let page = self.door.history().page(request).await?.into_inner().rows;
        let Some(last) = page.last() else { return Ok((Vec::new(), Step::Dialogs { rest })) };
        let of_second = page.iter().filter(|row| row.date_sent == last.date_sent).count() as u32;
        let before = if last.date_sent == place.date { place.of_second } else { 0 };
        let next = Place { seq: last.seq.max(place.seq), date: last.date_sent, of_second: before + of_second };
        let fresh: Vec<_> = page.iter().filter(|row| row.seq > place.seq).collect();
        let said = fresh.iter().filter(|row| row.sender == self.user.0 && !row.removed);
        let mut found: Vec<Value> = said.map(|row| rows::message(dialog, row)).collect();
        found.extend(self.reactions(dialog, fresh.iter().map(|row| row.seq).collect()).await?);
        Ok((found, Step::Messages { dialog, place: next, rest }))
    }

    /// His, to any of these rows.
    async fn reactions(&self, dialog: DialogId, mut seqs: Vec<u64>) -> Result<Vec<Value>, Refusal> {
        let mut found = Vec::new();
        while !seqs.is_empty() {
            let request = ReactionsRequest { app: self.app.0, dialog: dialog.to_vec(), seqs: seqs.clone() };
            let reply = self.door.history().reactions(request).await?.into_inner();
            for of_row in &reply.reactions {
                let own = of_row.all.iter().filter(|one| one.users.contains(&self.user.0));
                found.extend(own.map(|one| {
                    json!({ "kind": "reaction", "dialog": hex::shown(&dialog.0), "seq": of_row.seq, "reaction": one.reaction })
                }));
            }
            let upto = reply.reactions.last().filter(|_| reply.more).map(|of_row| of_row.seq);
            seqs.retain(|seq| upto.is_some_and(|upto| *seq > upto));
        }
        Ok(found)
    }
}
