//! Filters, order and page of a dialog list (contract rest 4.4), over all dialogs of the user in memory.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::decode::{Params, Wrong};
use crate::filter::{Condition, Field, Kind, conditions};
use crate::object::{View, hex};

const CONTROLS: [&str; 6] = ["limit", "skip", "sort_asc", "sort_desc", "count", "token"];
const LIMIT_MAX: u64 = 100;

/// What a list was asked for.
#[derive(Debug)]
pub(super) struct Listing {
    pub skip: u64,
    pub limit: u64,
    /// Only the number is wanted.
    pub count_only: bool,
    conditions: Vec<Condition>,
    sort: String,
    ascending: bool,
}

impl Listing {
    /// Reads the parameters. Without an order: newest activity first.
    pub(super) fn read(params: &Params) -> Result<Listing, Wrong> {
        let ascending = params.word("sort_desc").is_none() && params.word("sort_asc").is_some();
        let key = if ascending { "sort_asc" } else { "sort_desc" };
        let sort = params.word(key).unwrap_or_else(|| "updated_at".to_owned());
        if kind(&sort).is_none_or(|_| sort.contains('.') || sort.ends_with("_ids")) {
            return Err(Wrong::new(key, "is not a field to sort by"));
        }
        Ok(Listing {
            skip: params.number("skip")?.unwrap_or_default(),
            limit: params.number("limit")?.unwrap_or(LIMIT_MAX).min(LIMIT_MAX),
            count_only: params.flag("count"),
            conditions: conditions(params, &CONTROLS, kind)?,
            sort,
            ascending,
        })
    }

    /// Whether a page of all dialogs, newest activity first, is asked for: it need not be cut from the whole list.
    pub(super) fn is_plain(&self) -> bool {
        self.conditions.is_empty() && self.sort == "updated_at" && !self.ascending && self.limit > 0
    }

    /// Whether names decide, so that all opponents must be known before.
    pub(super) fn looks_at_names(&self) -> bool {
        self.sort == "name" || self.conditions.iter().any(|condition| condition.field == "name")
    }

    /// The number of dialogs that meet the conditions, and those of the page.
    pub(super) fn page<'a>(&self, mut views: Vec<View<'a>>) -> (usize, Vec<View<'a>>) {
        views.retain(|view| self.conditions.iter().all(|condition| condition.holds(&field(view, &condition.field))));
        let key = |view: &View<'_>| (order(field(view, &self.sort)), view.dialog.id.clone());
        views.sort_by_cached_key(key);
        if !self.ascending {
            views.reverse();
        }
        let total = views.len();
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        (total, views.into_iter().skip(skip).take(self.limit as usize).collect())
    }
}

fn kind(field: &str) -> Option<Kind> {
    Some(match field {
        "_id" | "last_message_id" => Kind::Id,
        "type"
        | "user_id"
        | "occupants_ids"
        | "occupants_count"
        | "admins_ids"
        | "unread_messages_count"
        | "last_message_user_id" => Kind::Number,
        "last_message_date_sent" | "created_at" | "updated_at" => Kind::Date,
        "name" | "description" | "last_message" => Kind::Text,
        field if field.starts_with("extensions.") => Kind::Text,
        _ => return None,
    })
}

fn field(view: &View<'_>, name: &str) -> Field {
    let number = |number: u64| Field::Number(number.try_into().unwrap_or(i64::MAX));
    let numbers = |numbers: &[u64]| Field::Numbers(numbers.iter().map(|number| *number as i64).collect());
    let text = |text: Option<&str>| text.map_or(Field::Absent, |text| Field::Text(text.to_owned()));
    let dialog = view.dialog;
    match name {
        "_id" => Field::Text(hex(&dialog.id)),
        "type" => Field::Number(dialog.kind.into()),
        "name" => text(view.name()),
        "description" => text(dialog.description.as_deref()),
        "user_id" => number(dialog.owner),
        "occupants_ids" => numbers(view.occupants()),
        "occupants_count" => number(view.count()),
        "admins_ids" => numbers(&dialog.admins),
        "unread_messages_count" => number(view.unread()),
        "created_at" => Field::Date(dialog.created_at),
        "updated_at" => Field::Date(view.updated_at()),
        "last_message" => text(view.last().and_then(|last| last.body.as_deref())),
        "last_message_id" => view.last().map_or(Field::Absent, |last| Field::Text(hex(&last.id))),
        "last_message_user_id" => view.last().map_or(Field::Absent, |last| number(last.sender)),
        "last_message_date_sent" => view.last().map_or(Field::Absent, |last| Field::Date(last.date_sent.saturating_mul(1000))),
        own => text(own.strip_prefix("extensions.").and_then(|key| dialog.extensions.get(key)).map(String::as_str)),
    }
}

// A field as a sort key; what is absent comes before everything.
fn order(field: Field) -> (bool, i64, String) {
    match field {
        Field::Absent | Field::Numbers(_) => (false, 0, String::new()),
        Field::Number(number) | Field::Date(number) => (true, number, String::new()),
        Field::Text(text) => (true, 0, text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use natter_proto::dialog::v1::{Dialog, DialogKind};
    use natter_proto::event::v1::Message;
    use natter_proto::history::v1::UnreadRow;

    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn lists_are_filtered_sorted_and_cut() {
        check("", 3, &[3, 2, 1]);
        check("limit=1&skip=1", 3, &[2]);
        check("limit=5000", 3, &[3, 2, 1]);
        check("skip=9", 3, &[]);
        check("sort_asc=created_at", 3, &[1, 2, 3]);
        check("sort_desc=last_message_date_sent", 3, &[1, 3, 2]);
        check("_id=AA0000000000000000000002", 1, &[2]);
        check("_id[in]=aa0000000000000000000002,aa0000000000000000000001", 2, &[2, 1]);
        check("type=3&updated_at[gt]=1000", 2, &[3, 2]);
        check("updated_at[gte]=1970-01-01T00%3A16%3A40Z", 3, &[3, 2, 1]);
        check("type[in]=1,2", 0, &[]);
        check("last_message[ctn]=llo", 1, &[1]);
        check("occupants_ids[all]=34,78&limit=null", 3, &[3, 2, 1]);
    }

    #[test]
    fn unknown_fields_are_named() {
        for (query, field) in [
            ("sort_desc=color", "sort_desc"),
            ("sort_asc=occupants_ids", "sort_asc"),
            ("color=red", "color"),
            ("limit=x", "limit"),
            ("skip=-1", "skip"),
        ] {
            assert_eq!(Listing::read(&params(query)).unwrap_err().field, field, "{query}");
        }
    }

    #[test]
    fn names_are_looked_at_only_if_they_decide() {
        assert!(!Listing::read(&params("type=3")).unwrap().looks_at_names());
        assert!(Listing::read(&params("name[ctn]=x")).unwrap().looks_at_names());
    }

    #[test]
    fn a_plain_page_has_no_conditions_and_the_usual_order() {
        let is_plain = |query| Listing::read(&params(query)).unwrap().is_plain();
        assert!(is_plain("") && is_plain("limit=10&skip=20") && is_plain("sort_desc=updated_at"));
        assert!(!is_plain("type=3") && !is_plain("sort_asc=updated_at") && !is_plain("sort_desc=name") && !is_plain("limit=0"));
    }

    /// Dialogs 1, 2, 3, changed in that order; only the first has a message.
    fn check(query: &str, total: usize, page: &[u8]) {
        let dialogs: Vec<Dialog> = (1..=3).map(dialog).collect();
        let last = Message { date_sent: 1_000, body: Some("hello".into()), ..Message::default() };
        let state = UnreadRow { last: Some(last), ..UnreadRow::default() };
        let views = dialogs.iter().map(|dialog| View {
            dialog,
            state: (dialog.id[11] == 1).then_some(&state),
            opponent: None,
            viewer: 34,
            muc_domain: "",
        });
        let (found, shown) = Listing::read(&params(query)).unwrap().page(views.collect());
        let shown: Vec<u8> = shown.iter().map(|view| view.dialog.id[11]).collect();
        assert_eq!((found, &shown[..]), (total, page), "{query}");
    }

    fn dialog(n: u8) -> Dialog {
        let at = 1_000_000 + i64::from(n - 1) * 500;
        let id = [0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n].to_vec();
        Dialog {
            id,
            kind: DialogKind::Private as i32,
            members: vec![34, 78],
            created_at: at,
            updated_at: at,
            ..Dialog::default()
        }
    }

    fn params(query: &str) -> Params {
        Params::decode(query, "", b"", Bounds { depth: 8, keys: 100 }).unwrap()
    }
}
