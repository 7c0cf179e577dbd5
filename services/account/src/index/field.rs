//! The fields of a user by which lists are filtered and sorted, and how values of each compare.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::cmp::Ordering;

use natter_proto::account::v1::User;

use crate::name::{folded_email, phone_digits};

/// A field of a user. Custom data is none of them (contract rest 3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    Id,
    Login,
    Email,
    Phone,
    FullName,
    Website,
    Avatar,
    ExternalUserId,
    ExternalId,
    FacebookId,
    TwitterId,
    BlobId,
    Timezone,
    Guest,
    CreatedAt,
    UpdatedAt,
    LastRequestAt,
    /// Many values: filtered by, not sorted by.
    Tags,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Number,
    /// Unix milliseconds.
    Date,
    Tags,
}

/// A value as it compares. What is absent comes before everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key<'a> {
    Absent,
    Number(i64),
    Text(Cow<'a, str>),
}

const NAMES: [(&str, Field); 18] = [
    ("id", Field::Id),
    ("login", Field::Login),
    ("email", Field::Email),
    ("phone", Field::Phone),
    ("full_name", Field::FullName),
    ("website", Field::Website),
    ("avatar", Field::Avatar),
    ("external_user_id", Field::ExternalUserId),
    ("external_id", Field::ExternalId),
    ("facebook_id", Field::FacebookId),
    ("twitter_id", Field::TwitterId),
    ("blob_id", Field::BlobId),
    ("timezone", Field::Timezone),
    ("is_guest", Field::Guest),
    ("created_at", Field::CreatedAt),
    ("updated_at", Field::UpdatedAt),
    ("last_request_at", Field::LastRequestAt),
    ("user_tags", Field::Tags),
];

impl Field {
    /// The field that the REST door calls so.
    pub fn named(name: &str) -> Option<Field> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }

    pub fn kind(self) -> Kind {
        match self {
            Field::Tags => Kind::Tags,
            Field::CreatedAt | Field::UpdatedAt | Field::LastRequestAt => Kind::Date,
            Field::Id | Field::ExternalUserId | Field::BlobId | Field::Timezone | Field::Guest => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// The value of a user.
    pub fn key<'a>(self, user: &'a User) -> Key<'a> {
        let text = |text: &'a Option<String>| text.as_deref().map_or(Key::Absent, |text| Key::Text(self.folded(text)));
        let number = |number: Option<u64>| number.map_or(Key::Absent, |number| Key::Number(number as i64));
        match self {
            Field::Id => Key::Number(user.id as i64),
            Field::Login => text(&user.login),
            Field::Email => text(&user.email),
            Field::Phone => text(&user.phone),
            Field::FullName => text(&user.full_name),
            Field::Website => text(&user.website),
            Field::Avatar => text(&user.avatar),
            Field::ExternalId => text(&user.external_id),
            Field::FacebookId => text(&user.facebook_id),
            Field::TwitterId => text(&user.twitter_id),
            Field::ExternalUserId => number(user.external_user_id),
            Field::BlobId => number(user.blob_id),
            Field::Timezone => user.timezone.map_or(Key::Absent, |minutes| Key::Number(minutes.into())),
            Field::Guest => Key::Number(user.guest.into()),
            Field::CreatedAt => Key::Number(user.created_at),
            Field::UpdatedAt => Key::Number(user.updated_at),
            Field::LastRequestAt => {
                if user.last_request_at == 0 {
                    Key::Absent
                } else {
                    Key::Number(user.last_request_at)
                }
            }
            Field::Tags => Key::Absent,
        }
    }

    /// A text as it compares in this field: addresses and phone numbers as they are reserved (`name.rs`).
    pub fn folded(self, text: &str) -> Cow<'_, str> {
        match self {
            Field::Email => Cow::Owned(folded_email(text)),
            Field::Phone => Cow::Owned(phone_digits(text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// The order of two users: by this field, then by id.
    pub fn compare(self, one: &User, other: &User) -> Ordering {
        self.key(one).cmp(&self.key(other)).then(one.id.cmp(&other.id))
    }
}
