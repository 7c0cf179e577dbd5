//! Privacy lists as XML and as the items that presence keeps (contract xmpp 7; XEP-0016).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::presence::v1::PrivacyItem;
use natter_proto::{AppId, UserId};
use natter_xmpp::{Condition, Element, StanzaError, ns};

use super::write::Spelling;
use crate::address::{self, Address};

/// The items of a request, in their order. SDK 1.x in browsers writes those that follow a mutual one beside the list or beside
/// the query (contract xmpp 7.2).
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn privacy_items(request: &Element, app: AppId) -> Result<Vec<PrivacyItem>, StanzaError> {
    let query = request.child("query", ns::PRIVACY);
    let list = query.and_then(|query| query.child("list", ns::PRIVACY));
    let places = [list, query, Some(request)].into_iter().flatten();
    let items = places.flat_map(Element::elements).filter(|child| child.name == "item");
    items.map(|item| read(item, app)).collect()
}

fn read(item: &Element, app: AppId) -> Result<PrivacyItem, StanzaError> {
    let (user, in_groups) = match (item.attr("type"), item.attr("value")) {
        (None, None) => (0, false),
        (Some("jid"), Some(value)) => about(value, app).ok_or_else(|| bad("value has to be the address of a user."))?,
        (Some("group" | "subscription"), _) => {
            return Err(StanzaError::new(Condition::FeatureNotImplemented, "Items name users by their addresses."));
        }
        _ => return Err(bad("An item has a type and a value, or neither.")),
    };
    let allow = match item.attr("action") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(bad("action has to be allow or deny.")),
    };
    let order = item.attr("order").and_then(|order| order.parse().ok()).ok_or_else(|| bad("order has to be a number."))?;
    let mut read = PrivacyItem { user, in_groups, allow, order, ..PrivacyItem::default() };
    for child in item.elements() {
        match child.name.as_str() {
            "message" => read.message = true,
            "presence-in" => read.presence_in = true,
            "presence-out" => read.presence_out = true,
            "iq" => read.iq = true,
            // Left out, it would be an item about everything.
            _ => return Err(bad("An item names messages, presence and requests.")),
        }
    }
    Ok(read)
}

/// A user, by his address or as whoever he is in the rooms of groups: `muc.HOST/78`.
fn about(value: &str, app: AppId) -> Option<(u64, bool)> {
    match value.split_once('/') {
        Some((host, user)) if host.starts_with("muc.") && !host.contains('@') => {
            user.parse().ok().map(|UserId(user)| (user, true))
        }
        _ => match address::read(Some(value), app) {
            Address::User(UserId(user)) => Some((user, false)),
            _ => None,
        },
    }
}

fn bad(text: &str) -> StanzaError {
    StanzaError::new(Condition::BadRequest, text)
}

/// The names of a user's lists; of a default that is unset nothing stands there (contract xmpp 7.1).
pub(crate) fn privacy_names(names: &[String], default: Option<&str>) -> Element {
    let named = |kind: &str, name: &str| Element::new(kind, ns::PRIVACY).with_attr("name", name);
    let default = default.map(|name| named("default", name));
    let lists = names.iter().map(|name| named("list", name));
    Element::new("query", ns::PRIVACY).with_children(default).with_children(lists)
}

/// A list with its items as they were given.
pub(crate) fn privacy_list(spelling: Spelling<'_>, name: &str, items: &[PrivacyItem]) -> Element {
    let items = items.iter().map(|item| spelled(spelling, item));
    let list = Element::new("list", ns::PRIVACY).with_attr("name", name).with_children(items);
    Element::new("query", ns::PRIVACY).with_child(list)
}

fn spelled(spelling: Spelling<'_>, item: &PrivacyItem) -> Element {
    let value = match (item.user, item.in_groups) {
        (0, _) => None,
        (user, true) => Some(format!("muc.{}/{user}", spelling.host)),
        (user, false) => Some(format!("{user}-{}@{}", spelling.app, spelling.host)),
    };
    let kinds =
        [(item.message, "message"), (item.presence_in, "presence-in"), (item.presence_out, "presence-out"), (item.iq, "iq")];
    Element::new("item", ns::PRIVACY)
        .with_attr_opt("type", value.as_ref().map(|_| "jid"))
        .with_attr_opt("value", value)
        .with_attr("action", if item.allow { "allow" } else { "deny" })
        .with_attr("order", item.order.to_string())
        .with_children(kinds.into_iter().filter(|(is_named, _)| *is_named).map(|(_, kind)| Element::new(kind, ns::PRIVACY)))
}
