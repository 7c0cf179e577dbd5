//! What a list of users asks for: conditions, an order, a page.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::Arc;

use natter_proto::account::v1::{ListUsersRequest, User};

use super::condition::Condition;
use super::field::{Field, Kind};
use crate::user::Fault;

/// Conditions of one list, and users of one page.
const CONDITIONS_MAX: usize = 64;
const PAGE_MAX: u32 = 1_000;

/// A list that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    pub(super) conditions: Vec<Condition>,
    /// One of these holds, if there are some.
    any: Vec<Condition>,
    pub(super) sort: Field,
    descending: bool,
    skip: usize,
    limit: usize,
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Of all pages.
    pub total: u64,
    pub ids: Vec<u64>,
}

impl Query {
    /// Reads a request. A page has at most 1,000 users.
    pub fn read(request: &ListUsersRequest) -> Result<Query, Fault> {
        if request.filters.len() + request.any.len() > CONDITIONS_MAX {
            return Err(Fault::new("filter", "has too many conditions"));
        }
        let sort = match request.sort.as_str() {
            "" => Some(Field::Id),
            name => Field::named(name).filter(|field| field.kind() != Kind::Tags),
        };
        Ok(Query {
            conditions: request.filters.iter().map(Condition::read).collect::<Result<_, _>>()?,
            any: request.any.iter().map(Condition::read).collect::<Result<_, _>>()?,
            sort: sort.ok_or(Fault::new("order", "names no field to sort by"))?,
            descending: request.descending,
            skip: usize::try_from(request.skip).unwrap_or(usize::MAX),
            limit: request.limit.min(PAGE_MAX) as usize,
        })
    }

    /// Whether a user meets the conditions.
    pub(super) fn holds(&self, user: &User) -> bool {
        let any = self.any.is_empty() || self.any.iter().any(|condition| condition.holds(user));
        any && self.conditions.iter().all(|condition| condition.holds(user))
    }

    /// Whether every user meets them.
    pub(super) fn takes_all(&self) -> bool {
        self.conditions.is_empty() && self.any.is_empty()
    }

    /// The page of a list that comes in ascending order.
    pub(super) fn cut<'a>(&self, total: usize, ascending: impl DoubleEndedIterator<Item = &'a Arc<User>>) -> Page {
        let ids = match self.descending {
            false => ascending.skip(self.skip).take(self.limit).map(|user| user.id).collect(),
            true => ascending.rev().skip(self.skip).take(self.limit).map(|user| user.id).collect(),
        };
        Page { total: total as u64, ids }
    }
}
