//! `GET /chat/search` (contract rest 5.9): an exact scan, without an index, of at most ten dialogs and three months.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use natter_proto::DialogId;
use natter_proto::account::v1::User;
use natter_proto::dialog::v1::{Dialog, ListRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{Filter, Op, PageRequest, UnreadRow};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::decode::{Params, Wrong};
use crate::dialogs::users;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;
use crate::messages::{rows, shown};
use crate::object::{self, View, opponent_of};
use crate::origin;

/// Fewest characters of a text that is looked for.
const TEXT_MIN: usize = 4;
/// Most dialogs whose messages are looked at.
const DIALOGS_MAX: usize = 10;
/// Default and most of the messages found, and of the dialogs.
const LIMIT_MAX: u64 = 100;
/// The longest three months, in milliseconds.
const SPAN_MAX: i64 = 92 * 24 * 60 * 60 * 1_000;

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Search {
    text: String,
    /// None: the dialogs that moved last.
    dialogs: Option<BTreeSet<DialogId>>,
    /// Unix milliseconds.
    from: i64,
    /// None: up to now.
    upto: Option<i64>,
    limit: u64,
}

// A dialog of the caller's list.
type Entry = (Dialog, Option<UnreadRow>);

/// Messages that contain the text, newest first; the dialogs that hold them or have it in their name; and the users who wrote
/// them or are the other one of such a dialog. Dialogs that are not among the caller's are passed over.
pub(crate) async fn search(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let search = Search::read(&asked.params, door.clock.now_ms())?;
    let viewer = caller.0.user;
    let entries = entries(door, caller, &search).await?;
    let opponents = entries.iter().filter_map(|(dialog, _)| opponent_of(dialog, viewer)).collect();
    let mut known = users(door, caller.0.app, opponents).await?;
    let found = messages(door, caller, &search, &entries).await?;

    let holding: BTreeSet<&[u8]> = found.iter().map(|(dialog, _, _)| &dialog[..]).collect();
    let muc_domain = origin::muc_domain(&door.muc_domain, &caller.0);
    let views = entries.iter().map(|entry| view(&muc_domain, viewer, entry, &known));
    let is_found =
        |view: &View<'_>| holding.contains(&view.dialog.id[..]) || view.name().is_some_and(|name| name.contains(&search.text));
    let views: Vec<View<'_>> = views.filter(is_found).take(search.limit as usize).collect();
    let dialogs: Vec<Value> = views.iter().map(|view| json!(view)).collect();

    let mut named: BTreeSet<u64> = views.iter().filter_map(|view| opponent_of(view.dialog, viewer)).collect();
    let senders: BTreeSet<u64> = found.iter().map(|(_, sender, _)| *sender).collect();
    let strangers = senders.iter().copied().filter(|sender| !known.contains_key(sender)).collect();
    named.extend(senders);
    known.extend(users(door, caller.0.app, strangers).await?);
    let people: Vec<Value> = named.iter().filter_map(|id| known.get(id)).map(object::user).collect();

    let messages: Vec<Value> = found.into_iter().map(|(_, _, message)| message).collect();
    Ok(Answer::json(json!({"results": {"dialogs": dialogs, "messages": messages, "users": people}})))
}

impl Search {
    fn read(params: &Params, now_ms: i64) -> Result<Search, Refusal> {
        let text = params.text("search_text").ok_or_else(|| Wrong::new("search_text", "is required"))?;
        if text.chars().count() < TEXT_MIN {
            return Err(Refusal::field("search_text", format!("is shorter than {TEXT_MIN} characters")));
        }
        let ids = params.list("chat_dialog_ids");
        if ids.len() > DIALOGS_MAX {
            return Err(Refusal::field("chat_dialog_ids", format!("names more than {DIALOGS_MAX} dialogs")));
        }
        let (from, upto) = dates(params, now_ms)?;
        Ok(Search {
            text,
            dialogs: (!ids.is_empty()).then(|| ids.iter().filter_map(|id| id.parse().ok()).collect()),
            from,
            upto,
            limit: params.number("limit")?.unwrap_or(LIMIT_MAX).min(LIMIT_MAX),
        })
    }
}

// Both or none, in either order: the documented one is the reverse of what the names say. The SDK passes a 0 through, which
// stands for none.
fn dates(params: &Params, now_ms: i64) -> Result<(i64, Option<i64>), Refusal> {
    let date = |key: &str| params.date(key).map(|date| date.filter(|ms| *ms != 0));
    match (date("start_date")?, date("end_date")?) {
        (None, None) => Ok((now_ms - SPAN_MAX, None)),
        (None, Some(_)) => Err(Refusal::field("start_date", "is required beside end_date")),
        (Some(_), None) => Err(Refusal::field("end_date", "is required beside start_date")),
        (Some(a), Some(b)) if a.abs_diff(b) > SPAN_MAX.unsigned_abs() => {
            Err(Refusal::field("start_date", "is more than 3 months from end_date"))
        }
        (Some(a), Some(b)) => Ok((a.min(b), Some(a.max(b)))),
    }
}

// Those asked for, or all; what moved last comes first.
async fn entries(door: &Door, caller: &Caller, search: &Search) -> Result<Vec<Entry>, Refusal> {
    let request = ListRequest { app: caller.0.app, user: caller.0.user, ..ListRequest::default() };
    let entries = door.dialogs().list(request).await?.into_inner().entries;
    let asked = |dialog: &Dialog| match &search.dialogs {
        None => true,
        Some(ids) => DialogId::try_from(&dialog.id[..]).is_ok_and(|id| ids.contains(&id)),
    };
    let entries = entries.into_iter().filter_map(|entry| Some((entry.dialog.filter(asked)?, entry.state)));
    let mut entries: Vec<Entry> = entries.collect();
    let none = BTreeMap::new();
    entries.sort_by_key(|entry| (Reverse(view("", caller.0.user, entry, &none).updated_at()), entry.0.id.clone()));
    Ok(entries)
}

fn view<'a>(muc_domain: &'a str, viewer: u64, (dialog, state): &'a Entry, known: &'a BTreeMap<u64, User>) -> View<'a> {
    let opponent = opponent_of(dialog, viewer).and_then(|id| known.get(&id));
    View { dialog, state: state.as_ref(), opponent, viewer, muc_domain }
}

// The newest messages of all dialogs together: id of the dialog, sender, object. Looking for them does not read them.
async fn messages(
    door: &Door,
    caller: &Caller,
    search: &Search,
    entries: &[Entry],
) -> Result<Vec<(Vec<u8>, u64, Value)>, Refusal> {
    let mut found: Vec<(usize, Message)> = Vec::new();
    for (n, (dialog, _)) in entries.iter().take(DIALOGS_MAX).enumerate() {
        let rows = rows(door, page(search, caller, dialog)).await?;
        found.extend(rows.into_iter().map(|row| (n, row)));
    }
    let order = |n: usize, row: &Message| (Reverse(row.date_sent), n, Reverse(row.seq));
    found.sort_by_key(|(n, row)| order(*n, row));
    found.truncate(search.limit as usize);
    let mut objects = Vec::new();
    for (n, (dialog, _)) in entries.iter().take(DIALOGS_MAX).enumerate() {
        let rows: Vec<Message> = found.iter().filter(|(of, _)| *of == n).map(|(_, row)| row.clone()).collect();
        let shown = shown(door, caller, dialog, &rows).await?;
        objects.extend(rows.iter().zip(shown).map(|(row, object)| (order(n, row), dialog.id.clone(), row.sender, json!(object))));
    }
    objects.sort_by_key(|(order, ..)| *order);
    Ok(objects.into_iter().map(|(_, dialog, sender, object)| (dialog, sender, object)).collect())
}

fn page(search: &Search, caller: &Caller, dialog: &Dialog) -> PageRequest {
    let date = |op: Op, ms: i64| Filter {
        field: "date_sent".to_owned(),
        op: op.into(),
        values: vec![ms.div_euclid(1000).to_string()],
        numbers: vec![ms],
    };
    let text = Filter { field: "message".to_owned(), op: Op::Ctn.into(), values: vec![search.text.clone()], numbers: Vec::new() };
    let mut filters = vec![date(Op::Gte, search.from)];
    filters.extend(search.upto.map(|upto| date(Op::Lte, upto)));
    filters.push(text);
    PageRequest {
        app: caller.0.app,
        dialog: dialog.id.clone(),
        reader: caller.0.user,
        from_joining: dialog.from_joining,
        descending: true,
        limit: search.limit as u32,
        filters,
        ..PageRequest::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Bounds;

    const NOW: i64 = 1_770_113_472_000;
    const DAY: i64 = 24 * 60 * 60 * 1_000;

    #[test]
    fn dates_come_in_either_order_or_not_at_all() {
        let (earlier, later) = ("2026-02-01T00:00:00.000Z", "2026-02-03T00:00:00.000Z");
        let both = Some((1_769_904_000_000, Some(1_770_076_800_000)));
        check(&format!("start_date={later}&end_date={earlier}"), both);
        check(&format!("start_date={earlier}&end_date={later}"), both);
        check("start_date=1769904000&end_date=1770076800", both);
        check("", Some((NOW - 92 * DAY, None)));
        check("start_date=0&end_date=0", Some((NOW - 92 * DAY, None)));
        check(&format!("start_date={later}"), None);
        check(&format!("start_date=0&end_date={later}"), None);
        check(&format!("start_date={}&end_date={}", NOW - 92 * DAY, NOW), Some((NOW - 92 * DAY, Some(NOW))));
        check(&format!("start_date={}&end_date={}", NOW - 92 * DAY - 1, NOW), None);
    }

    #[test]
    fn what_is_no_search_is_refused() {
        let read = |query: &str| Search::read(&params(query), NOW);
        assert!(read("search_text=h%C3%A9ll").is_ok(), "characters count, not bytes");
        assert_eq!(read("search_text=long enough&limit=500").unwrap().limit, 100);
        let ids = |count: usize| (0..count).map(|n| format!("{n:024x}")).collect::<Vec<_>>().join(",");
        assert_eq!(read(&format!("search_text=text&chat_dialog_ids={}", ids(10))).unwrap().dialogs.unwrap().len(), 10);
        assert_eq!(read("search_text=text&chat_dialog_ids=garbage").unwrap().dialogs, Some(BTreeSet::new()));
        for query in ["", "search_text=%C3%A9%C3%A9%C3%A9", "search_text=text&limit=x", "search_text=text&start_date=soon"] {
            assert_eq!(read(query).unwrap_err().status, 422, "{query}");
        }
        assert_eq!(read(&format!("search_text=text&chat_dialog_ids={}", ids(11))).unwrap_err().status, 422);
    }

    fn check(query: &str, expected: Option<(i64, Option<i64>)>) {
        assert_eq!(dates(&params(query), NOW).ok(), expected, "{query}");
    }

    fn params(query: &str) -> Params {
        Params::decode(query, "", b"", Bounds { depth: 8, keys: 100 }).unwrap()
    }
}
