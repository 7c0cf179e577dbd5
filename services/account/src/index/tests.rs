//! The index by values, and the property that it answers what a plain scan would, whatever came in whichever order.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use natter_proto::account::v1::{ListUsersRequest, UserFilter, UserOp};
use proptest::prelude::*;

use super::*;
use crate::user::Fault;

#[test]
fn conditions_hold_as_the_fields_compare() {
    check(&[], &[1, 2, 3]);
    check(&[texts("login", UserOp::Eq, &["ann"])], &[1]);
    check(&[texts("login", UserOp::Eq, &["Ann"])], &[]);
    check(&[texts("login", UserOp::In, &["ann", "cat", "ann", "nobody"])], &[1, 3]);
    check(&[texts("login", UserOp::In, &[])], &[]);
    check(&[texts("email", UserOp::Eq, &["ANN@example.TEST"])], &[1]);
    check(&[texts("phone", UserOp::Eq, &["+1 555 0100"])], &[2]);
    check(&[texts("email", UserOp::Ne, &["ann@example.test"])], &[2, 3]);
    check(&[texts("email", UserOp::Nin, &[])], &[1, 2, 3]);
    check(&[texts("full_name", UserOp::StartWith, &["Ann"])], &[1, 3]);
    check(&[texts("full_name", UserOp::Contain, &["LEE"])], &[1]);
    check(&[texts("full_name", UserOp::Gt, &["Ann Lee"])], &[3]);
    check(&[texts("user_tags", UserOp::In, &["staff", "vip"])], &[1, 2]);
    check(&[texts("user_tags", UserOp::Nin, &["vip"])], &[2, 3]);
    check(&[texts("user_tags", UserOp::StartWith, &["st"])], &[1, 2]);
    check(&[numbers("id", UserOp::In, &[3, 1])], &[1, 3]);
    check(&[numbers("id", UserOp::Gt, &[1]), numbers("id", UserOp::Lte, &[3])], &[2, 3]);
    check(&[numbers("external_user_id", UserOp::Lt, &[100])], &[2]);
    check(&[numbers("created_at", UserOp::Eq, &[2_000])], &[2]);
    check(&[numbers("created_at", UserOp::Ne, &[2_999])], &[1, 3]);
    check(&[numbers("created_at", UserOp::Gte, &[2_250])], &[2, 3]);
    check(&[numbers("created_at", UserOp::Gt, &[2_250])], &[3]);
    check(&[numbers("last_request_at", UserOp::Lt, &[9_000])], &[3]);
    check(&[numbers("is_guest", UserOp::Eq, &[1])], &[3]);
    check(&[texts("login", UserOp::Ne, &["ann"]), texts("full_name", UserOp::StartWith, &["A"])], &[3]);
}

#[test]
fn lists_are_sorted_and_cut() {
    for (sort, descending, skip, limit, ids) in [
        ("", false, 0, 10, &[1, 2, 3][..]),
        ("id", true, 1, 1, &[2]),
        // Absent before all, then by id.
        ("full_name", false, 0, 10, &[2, 1, 3]),
        ("full_name", true, 0, 2, &[3, 1]),
        ("external_user_id", false, 0, 10, &[1, 3, 2]),
        ("created_at", true, 0, 10, &[3, 2, 1]),
        ("last_request_at", false, 2, 10, &[3]),
        ("login", false, 3, 10, &[]),
        ("login", false, u64::MAX, 10, &[]),
        ("login", false, 0, 0, &[]),
    ] {
        let request = ListUsersRequest { sort: sort.into(), descending, skip, limit, ..ListUsersRequest::default() };
        assert_eq!(list(&mut people(), &request), (3, ids.to_vec()), "{sort} {descending} {skip} {limit}");
    }
}

#[test]
fn what_cannot_be_answered_is_named() {
    for (filter, text) in [
        (texts("custom_data", UserOp::Eq, &["x"]), "names no field"),
        (texts("password", UserOp::Eq, &["x"]), "names no field"),
        (texts("login", UserOp::Unspecified, &["x"]), "has an operator that does not fit"),
        (numbers("id", UserOp::StartWith, &[1]), "has an operator that does not fit"),
        (texts("user_tags", UserOp::Gt, &["x"]), "has an operator that does not fit"),
        (texts("login", UserOp::Gt, &[]), "takes one value"),
        (numbers("id", UserOp::Lt, &[1, 2]), "takes one value"),
        (numbers("id", UserOp::In, &[1; 10_001]), "has too many values"),
    ] {
        let request = ListUsersRequest { filters: vec![filter], ..ListUsersRequest::default() };
        assert_eq!(Query::read(&request), Err(Fault::new("filter", text)), "{request:?}");
    }
    for sort in ["user_tags", "custom_data", "x"] {
        let request = ListUsersRequest { sort: sort.into(), ..ListUsersRequest::default() };
        assert_eq!(Query::read(&request), Err(Fault::new("order", "names no field to sort by")));
    }
    let many = ListUsersRequest { filters: vec![texts("login", UserOp::Ne, &[]); 65], ..ListUsersRequest::default() };
    assert_eq!(Query::read(&many), Err(Fault::new("filter", "has too many conditions")));
}

#[test]
fn a_request_seen_before_its_user_was_read_is_not_forgotten() {
    let mut index = Index::default();
    index.seen(7, 50_000);
    index.seen(7, 40_000);
    index.absorb(&[row(7, 1, User { last_request_at: 30_000, ..User::default() })]);
    index.absorb(&[]);
    let seen = |index: &mut Index, at: i64| {
        let filters = vec![numbers("last_request_at", UserOp::Eq, &[at])];
        list(index, &ListUsersRequest { filters, limit: 9, ..ListUsersRequest::default() }).1
    };
    assert_eq!(seen(&mut index, 50_000), [7]);
    index.put(&row(7, 2, User { last_request_at: 30_000, ..User::default() }));
    assert_eq!(seen(&mut index, 50_000), [7], "it never goes back");
    index.seen(7, 90_000);
    assert_eq!((seen(&mut index, 50_000), seen(&mut index, 90_000)), (vec![], vec![7]));
}

#[test]
fn nothing_is_kept_of_users_deleted_before() {
    let mut index = Index::default();
    index.absorb(&[UserRow { deleted: true, ..row(7, 2, User::default()) }, row(8, 1, User::default())]);
    assert_eq!((index.users(), index.entries(), index.progress()), (1, 1, Progress::Upto(8)));
    index.put(&UserRow { deleted: true, ..row(8, 2, User::default()) });
    index.put(&row(8, 1, User::default()));
    assert_eq!((index.users(), index.entries()), (0, 1), "the older state came late");
}

/// Ann (1), Bob (2) and Cat (3); Cat made the last request.
fn people() -> Index {
    let ann = User { email: Some("Ann@example.test".into()), full_name: Some("Ann Lee".into()), ..named("ann", 1_250) };
    let bob = User { phone: Some("(1) 555-0100".into()), external_user_id: Some(67), ..named("bob", 2_250) };
    let cat = User { full_name: Some("Annabel".into()), guest: true, last_request_at: 8_000, ..named("cat", 3_250) };
    let mut index = Index::default();
    index.absorb(&[
        row(1, 1, User { tags: vec!["vip".into(), "staff".into()], ..ann }),
        row(2, 1, User { tags: vec!["staff".into()], ..bob }),
        row(3, 1, cat),
    ]);
    index.absorb(&[]);
    index
}

#[track_caller]
fn check(filters: &[UserFilter], ids: &[u64]) {
    let request = ListUsersRequest { filters: filters.to_vec(), limit: 10, ..ListUsersRequest::default() };
    assert_eq!(list(&mut people(), &request), (ids.len() as u64, ids.to_vec()), "{filters:?}");
}

fn list(index: &mut Index, request: &ListUsersRequest) -> (u64, Vec<u64>) {
    let page = index.list(&Query::read(request).unwrap());
    (page.total, page.ids)
}

fn named(login: &str, created_at: i64) -> User {
    User { login: Some(login.into()), created_at, updated_at: created_at, ..User::default() }
}

fn row(id: u64, revision: u64, user: User) -> UserRow {
    UserRow { user: User { id, app: 1, ..user }, revision, ..UserRow::default() }
}

fn texts(field: &str, op: UserOp, texts: &[&str]) -> UserFilter {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    UserFilter { field: field.into(), op: op.into(), texts, numbers: Vec::new() }
}

fn numbers(field: &str, op: UserOp, numbers: &[i64]) -> UserFilter {
    UserFilter { field: field.into(), op: op.into(), texts: Vec::new(), numbers: numbers.to_vec() }
}

// === against a plain scan ===

#[derive(Clone, Debug)]
enum Act {
    /// A user as it is from now on; none: deleted.
    Write(u64, Option<Box<User>>),
    Seen(u64, i64),
    List(ListUsersRequest),
}

fn word() -> impl Strategy<Value = String> {
    "[abA]{1,3}"
}

fn some_user() -> impl Strategy<Value = User> {
    let options = (
        prop::option::of(word()),
        prop::option::of(word()),
        prop::option::of(0..4_u64),
        prop::collection::vec(word(), 0..3),
        0..4_000_i64,
    );
    options.prop_map(|(login, full_name, external_user_id, tags, created_at)| User {
        email: login.clone(),
        login,
        full_name,
        external_user_id,
        tags,
        created_at,
        ..User::default()
    })
}

fn filter() -> impl Strategy<Value = UserFilter> {
    let lists = [UserOp::Eq, UserOp::Ne, UserOp::In, UserOp::Nin];
    let ranges = [UserOp::Lt, UserOp::Lte, UserOp::Gt, UserOp::Gte];
    let of_texts = |fields: &'static [&'static str], ops: Vec<UserOp>, most| {
        let values = prop::collection::vec(word(), if most == 1 { 1..2 } else { 0..most });
        (prop::sample::select(fields), prop::sample::select(ops), values)
            .prop_map(|(field, op, values)| texts(field, op, &values.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let of_numbers = |ops: Vec<UserOp>, most| {
        let fields = &["id", "external_user_id", "created_at", "last_request_at"][..];
        let values = prop::collection::vec(prop_oneof![0..5_i64, 0..4_000_i64], if most == 1 { 1..2 } else { 0..most });
        (prop::sample::select(fields), prop::sample::select(ops), values)
            .prop_map(|(field, op, values)| numbers(field, op, &values))
    };
    let names = &["login", "email", "full_name"];
    let single = [&ranges[..], &[UserOp::StartWith, UserOp::Contain]].concat();
    prop_oneof![
        of_texts(names, lists.to_vec(), 4),
        of_texts(names, single, 1),
        of_texts(&["user_tags"], lists.to_vec(), 4),
        of_numbers(lists.to_vec(), 4),
        of_numbers(ranges.to_vec(), 1),
    ]
}

fn some_list() -> impl Strategy<Value = ListUsersRequest> {
    let sorts =
        prop::sample::select(vec!["", "login", "email", "full_name", "external_user_id", "created_at", "last_request_at"]);
    (prop::collection::vec(filter(), 0..3), sorts, any::<bool>(), 0..4_u64, 0..12_u32).prop_map(
        |(filters, sort, descending, skip, limit)| ListUsersRequest {
            app: 1,
            filters,
            any: Vec::new(),
            sort: sort.into(),
            descending,
            skip,
            limit,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..9_u64, some_user()).prop_map(|(id, user)| Act::Write(id, Some(Box::new(user)))),
        1 => (1..9_u64).prop_map(|id| Act::Write(id, None)),
        2 => (1..9_u64, 1..4_000_i64).prop_map(|(id, at)| Act::Seen(id, at)),
        4 => some_list().prop_map(Act::List),
    ]
}

// The filter by its plainest reading, on every user.
fn meets(user: &User, filter: &UserFilter) -> bool {
    let op = filter.op();
    let text = |text: &Option<String>| text.clone().map(|text| if filter.field == "email" { text.to_lowercase() } else { text });
    let wanted = |text: &String| if filter.field == "email" { text.to_lowercase() } else { text.clone() };
    let texts: Vec<String> = filter.texts.iter().map(wanted).collect();
    let of_text = |value: Option<String>| match (value, op) {
        (None, op) => matches!(op, UserOp::Ne | UserOp::Nin),
        (Some(value), UserOp::Eq | UserOp::In) => texts.contains(&value),
        (Some(value), UserOp::Ne | UserOp::Nin) => !texts.contains(&value),
        (Some(value), UserOp::Lt) => value < texts[0],
        (Some(value), UserOp::Lte) => value <= texts[0],
        (Some(value), UserOp::Gt) => value > texts[0],
        (Some(value), UserOp::Gte) => value >= texts[0],
        (Some(value), UserOp::StartWith) => value.starts_with(&texts[0]),
        (Some(value), _) => value.to_lowercase().contains(&texts[0].to_lowercase()),
    };
    let of_number = |value: Option<i64>, unit: i64| {
        let Some(value) = value else { return matches!(op, UserOp::Ne | UserOp::Nin) };
        let is_there = filter.numbers.iter().any(|number| number / unit == value / unit);
        match op {
            UserOp::Eq | UserOp::In => is_there,
            UserOp::Ne | UserOp::Nin => !is_there,
            UserOp::Lt => value < filter.numbers[0],
            UserOp::Lte => value <= filter.numbers[0],
            UserOp::Gt => value > filter.numbers[0],
            _ => value >= filter.numbers[0],
        }
    };
    match filter.field.as_str() {
        "login" => of_text(text(&user.login)),
        "email" => of_text(text(&user.email)),
        "full_name" => of_text(text(&user.full_name)),
        "id" => of_number(Some(user.id as i64), 1),
        "external_user_id" => of_number(user.external_user_id.map(|number| number as i64), 1),
        "created_at" => of_number(Some(user.created_at), 1000),
        "last_request_at" => of_number((user.last_request_at > 0).then_some(user.last_request_at), 1000),
        _ => user.tags.iter().any(|tag| texts.contains(tag)) != matches!(op, UserOp::Ne | UserOp::Nin),
    }
}

fn scan(users: &BTreeMap<u64, User>, request: &ListUsersRequest) -> (u64, Vec<u64>) {
    let mut met: Vec<&User> = users.values().filter(|user| request.filters.iter().all(|filter| meets(user, filter))).collect();
    match request.sort.as_str() {
        "login" => met.sort_by_key(|user| (user.login.clone(), user.id)),
        "email" => met.sort_by_key(|user| (user.email.as_deref().map(str::to_lowercase), user.id)),
        "full_name" => met.sort_by_key(|user| (user.full_name.clone(), user.id)),
        "external_user_id" => met.sort_by_key(|user| (user.external_user_id, user.id)),
        "created_at" => met.sort_by_key(|user| (user.created_at, user.id)),
        "last_request_at" => met.sort_by_key(|user| (user.last_request_at, user.id)),
        _ => {}
    }
    if request.descending {
        met.reverse();
    }
    let page = met.iter().skip(request.skip as usize).take(request.limit as usize).map(|user| user.id);
    (met.len() as u64, page.collect())
}

proptest! {
    /// Users come, change, make requests and go, before, while and after the rows are read; every list is that of a scan.
    #[test]
    fn lists_are_those_of_a_plain_scan(acts in prop::collection::vec(act(), 1..60), read_at in 0..60_usize, late in any::<bool>()) {
        let (mut index, mut rows) = (Index::default(), BTreeMap::<u64, UserRow>::new());
        for (n, act) in acts.iter().enumerate() {
            if n == read_at {
                read(&mut index, &rows);
            }
            match act {
                Act::Write(id, user) => {
                    let before = rows.get(id).cloned();
                    // A deleted user never comes back.
                    if before.as_ref().is_some_and(|row| row.deleted) || (before.is_none() && user.is_none()) {
                        continue;
                    }
                    let last_request_at = before.as_ref().map_or(0, |row| row.user.last_request_at);
                    let revision = before.as_ref().map_or(1, |row| row.revision + 1);
                    let after = User { last_request_at, ..user.as_deref().cloned().unwrap_or_default() };
                    let after = UserRow { deleted: user.is_none(), ..row(*id, revision, after) };
                    index.put(&after);
                    // The state before it may be told once more, and late.
                    before.iter().filter(|_| late).for_each(|before| index.put(before));
                    rows.insert(*id, after);
                }
                Act::Seen(id, at) => {
                    if let Some(row) = rows.get_mut(id).filter(|row| !row.deleted) {
                        row.user.last_request_at = row.user.last_request_at.max(*at);
                        index.seen(*id, *at);
                    }
                }
                Act::List(request) if index.progress() == Progress::Done => {
                    let users = rows.values().filter(|row| !row.deleted).map(|row| (row.user.id, row.user.clone())).collect();
                    prop_assert_eq!(list(&mut index, request), scan(&users, request), "{:?}", request);
                }
                Act::List(_) => {}
            }
        }
    }
}

// Pages of two, as the rows are at that moment.
fn read(index: &mut Index, rows: &BTreeMap<u64, UserRow>) {
    while let Progress::Upto(above) = index.progress() {
        let page: Vec<UserRow> = rows.range(above + 1..).take(2).map(|(_, row)| row.clone()).collect();
        index.absorb(&page);
    }
}
