//! The parameters of `GET /users` (contract rest 3.3) and `GET /users/v2` (3.4), as what the account service is asked.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::account::v1::{ListUsersRequest, UserFilter, UserOp};
use serde_json::Value;

use super::field;
use super::grammar::{self, Order};
use crate::decode::{Params, Wrong, is_absent};

const PER_PAGE: u64 = 10;
const LIMIT_MAX: u64 = 100;
/// A search for beginnings shows few, and is no way to spell a user list (contract rest 3.4).
const START_CHARS_MIN: usize = 4;
const START_LIMIT: u64 = 5;

const CONTROLS_V2: [&str; 6] = ["limit", "offset", "skip", "sort_asc", "sort_desc", "token"];

/// A page of the first version: counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Paging {
    pub page: u64,
    pub per_page: u64,
}

impl Paging {
    /// Reads `page` and `per_page`, 10 by default and at most 100.
    pub(super) fn read(params: &Params) -> Result<Paging, Wrong> {
        Ok(Paging {
            page: params.number("page")?.unwrap_or(1).max(1),
            per_page: params.number("per_page")?.unwrap_or(PER_PAGE).clamp(1, LIMIT_MAX),
        })
    }

    /// The list of this page.
    pub(super) fn request(self, app: u64, filters: Vec<UserFilter>, order: Order) -> ListUsersRequest {
        let Order { field: sort, descending } = order;
        let skip = (self.page - 1).saturating_mul(self.per_page);
        ListUsersRequest { app, filters, any: Vec::new(), sort, descending, skip, limit: self.per_page as u32 }
    }
}

/// Conditions and order of `GET /users`. A field given plainly, such as `external_user_id=67`, is a condition too; what is
/// no field is not looked at.
pub(super) fn v1(params: &Params) -> Result<(Vec<UserFilter>, Order), Wrong> {
    let mut filters = params.get("filter").map(grammar::filters).transpose()?.unwrap_or_default();
    for (key, value) in params.iter().filter(|(key, value)| field::named(key).is_some() && !is_absent(value)) {
        filters.push(field::condition(key, key, UserOp::Eq, value)?);
    }
    let order = params.word("order").map(|order| grammar::order(&order)).transpose()?.unwrap_or_default();
    Ok((filters, order))
}

/// The list of `GET /users/v2`.
pub(super) fn v2(app: u64, params: &Params) -> Result<ListUsersRequest, Wrong> {
    let mut filters = Vec::new();
    for (key, value) in params.iter().filter(|(key, _)| !CONTROLS_V2.contains(key)) {
        collect(key, value, &mut filters)?;
    }
    let mut limit = params.number("limit")?.unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
    for filter in filters.iter().filter(|filter| filter.op() == UserOp::StartWith) {
        if filter.texts.iter().any(|text| text.chars().count() < START_CHARS_MIN) {
            return Err(Wrong::new(&filter.field, "needs 4 characters or more to start with"));
        }
        limit = limit.min(START_LIMIT);
    }
    let descending = params.word("sort_desc").is_some();
    let key = if descending { "sort_desc" } else { "sort_asc" };
    let sort = params.word(key).map_or(Ok(String::new()), |name| field::to_sort_by(key, &name))?;
    let skip = params.number("offset")?.or(params.number("skip")?).unwrap_or_default();
    Ok(ListUsersRequest { app, filters, any: Vec::new(), sort, descending, skip, limit: limit as u32 })
}

// `login=a`, `login[in][]=a`, `login[start_with]=anna`.
fn collect(key: &str, value: &Value, filters: &mut Vec<UserFilter>) -> Result<(), Wrong> {
    if field::named(key).is_none() {
        return Err(Wrong::new(key, "cannot be filtered by"));
    }
    let Value::Object(inner) = value else {
        return add(key, UserOp::Eq, value, filters);
    };
    for (name, value) in inner {
        let op = op(name).ok_or_else(|| Wrong::new(key, "has an unknown operator"))?;
        add(key, op, value, filters)?;
    }
    Ok(())
}

fn add(key: &str, op: UserOp, value: &Value, filters: &mut Vec<UserFilter>) -> Result<(), Wrong> {
    if !is_absent(value) {
        filters.push(field::condition(key, key, op, value)?);
    }
    Ok(())
}

fn op(name: &str) -> Option<UserOp> {
    Some(match name {
        "" | "eq" => UserOp::Eq,
        "ne" => UserOp::Ne,
        "in" => UserOp::In,
        "nin" => UserOp::Nin,
        "start_with" => UserOp::StartWith,
        "gt" => UserOp::Gt,
        "gte" => UserOp::Gte,
        "lt" => UserOp::Lt,
        "lte" => UserOp::Lte,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Bounds;

    #[test]
    fn pages_are_counted_from_one_and_bounded() {
        for (query, page, per_page, skip) in [
            ("", 1, 10, 0),
            ("page=3&per_page=20", 3, 20, 40),
            ("page=0&per_page=0", 1, 1, 0),
            ("page=null&per_page=1000", 1, 100, 0),
            ("page=9007199254740991&per_page=100", 9_007_199_254_740_991, 100, 900_719_925_474_099_000),
        ] {
            let paging = Paging::read(&params(query)).unwrap();
            assert_eq!((paging, paging.request(1, vec![], Order::default()).skip), (Paging { page, per_page }, skip), "{query}");
        }
        assert_eq!(Paging::read(&params("page=x")).unwrap_err().field, "page");
    }

    #[test]
    fn the_first_version_takes_filters_an_order_and_plain_fields() {
        let (filters, order) = v1(&params("filter[]=number%20id%20in%205%2C6&order=desc%20string%20updated_at&page=2")).unwrap();
        assert_eq!(
            (shown(&filters), order),
            (vec!["id In [] [5, 6]".to_owned()], Order { field: "updated_at".to_owned(), descending: true })
        );
        let two = "filter[]=date%20created_at%20gt%202015-01-01&filter[]=string%20login%20eq%20a1";
        assert_eq!(shown(&v1(&params(two)).unwrap().0), ["created_at Gt [] [1420070400000]", "login Eq [\"a1\"] []"]);
        assert_eq!(shown(&v1(&params("external_user_id=67&color=red&login=null")).unwrap().0), ["external_user_id Eq [] [67]"]);
        assert_eq!(v1(&params("filter[]=nonsense")).unwrap_err().field, "filter");
        assert_eq!(v1(&params("order=up")).unwrap_err().field, "order");
    }

    #[test]
    fn the_second_version_takes_operators_in_brackets() {
        for (query, filters, limit, skip) in [
            ("login=ann", &["login Eq [\"ann\"] []"][..], 100, 0),
            ("id[in][]=2&id[in][]=3&limit=1000&offset=7", &["id In [] [2, 3]"], 100, 7),
            ("id[in]=2%2C3&limit=2", &["id In [] [2, 3]"], 2, 0),
            ("full_name%5Bstart_with%5D=anna", &["full_name StartWith [\"anna\"] []"], 5, 0),
            ("full_name[start_with]=anna&limit=3", &["full_name StartWith [\"anna\"] []"], 3, 0),
            ("user_tags[in][]=a&user_tags[nin][]=b", &["user_tags In [\"a\"] []", "user_tags Nin [\"b\"] []"], 100, 0),
            (
                "login=a&created_at[gt]=5&created_at[lte]=9",
                &["login Eq [\"a\"] []", "created_at Gt [] [5000]", "created_at Lte [] [9000]"],
                100,
                0,
            ),
            ("email=undefined", &[], 100, 0),
        ] {
            let request = v2(1, &params(query)).unwrap();
            assert_eq!(
                (shown(&request.filters), request.limit, request.skip),
                (filters.iter().map(|f| (*f).to_owned()).collect(), limit, skip),
                "{query}"
            );
        }
        let sorted = v2(1, &params("sort_asc=login")).unwrap();
        assert_eq!((sorted.sort.as_str(), sorted.descending), ("login", false));
        let sorted = v2(1, &params("sort_desc=last_request_at")).unwrap();
        assert_eq!((sorted.sort.as_str(), sorted.descending), ("last_request_at", true));
        for (query, key) in [
            ("color=red", "color"),
            ("custom_data=x", "custom_data"),
            ("login[near]=x", "login"),
            ("login[start_with]=ann", "login"),
            ("sort_desc=user_tags", "sort_desc"),
            ("limit=x", "limit"),
            ("id=x", "id"),
        ] {
            assert_eq!(v2(1, &params(query)).unwrap_err().field, key, "{query}");
        }
    }

    #[test]
    fn only_a_stand_alone_field_says_whom_a_list_looks_for() {
        for (query, searches) in [
            ("login=a", true),
            ("id[in]=1", true),
            ("user_tags=a", true),
            ("full_name[start_with]=anna", true),
            ("login[ne]=a", false),
            ("id[gt]=0", false),
            ("created_at[gt]=0", false),
            ("", false),
        ] {
            assert_eq!(field::is_search(&v2(1, &params(query)).unwrap().filters), searches, "{query}");
        }
    }

    fn shown(filters: &[UserFilter]) -> Vec<String> {
        filters.iter().map(|f| format!("{} {:?} {:?} {:?}", f.field, f.op(), f.texts, f.numbers)).collect()
    }

    fn params(query: &str) -> Params {
        Params::decode(query, "", b"", Bounds { depth: 8, keys: 100 }).unwrap()
    }
}
