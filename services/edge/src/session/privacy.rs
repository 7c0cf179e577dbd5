//! Privacy lists (contract xmpp 7; XEP-0016) as their owner reads and changes them. What they keep off, presence and the
//! dialogs see to. No client is told of a change (contract xmpp 0.2.5).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::presence::v1::PrivacyItem;
use natter_xmpp::{Condition, Element, Stanza, ns};

use super::{Query, Session};
use crate::stanza;

impl Session {
    /// All names, or one list.
    pub(super) fn get_privacy(&mut self, stanza: &Stanza<'_>, query: &Element) {
        let mut asked = query.elements();
        match (asked.next(), asked.next()) {
            (None, _) => self.query(Query::PrivacyLists, Some(stanza.element)),
            (Some(list), None) if list.is("list", ns::PRIVACY) => match list.attr("name") {
                Some(name) => self.query(Query::PrivacyList(name.to_owned()), Some(stanza.element)),
                None => self.refuse_iq(stanza, Condition::BadRequest, "A list has a name."),
            },
            _ => self.refuse_iq(stanza, Condition::BadRequest, "One list is read at a time."),
        }
    }

    /// A list is replaced or deleted, or another one is the default.
    pub(super) fn set_privacy(&mut self, stanza: &Stanza<'_>, query: &Element) {
        let mut asked = query.elements().filter(|child| child.name != "item");
        let (Some(asked), None) = (asked.next(), asked.next()) else {
            return self.refuse_iq(stanza, Condition::BadRequest, "One thing is set at a time.");
        };
        let name = asked.attr("name").map(str::to_owned);
        match (asked.name.as_str(), name) {
            ("list", Some(name)) => match stanza::privacy_items(stanza.element, self.me.app) {
                Ok(items) => self.query(Query::SetPrivacyList { name, items }, Some(stanza.element)),
                Err(error) => self.refuse_iq(stanza, error.condition, &error.text),
            },
            ("list", None) => self.refuse_iq(stanza, Condition::BadRequest, "A list has a name."),
            ("default", name) => self.query(Query::SetDefaultList(name), Some(stanza.element)),
            // There never is one.
            ("active", None) => self.grant(stanza, None),
            ("active", Some(_)) => {
                self.refuse_iq(stanza, Condition::FeatureNotImplemented, "A list decides for all sessions, or for none.");
            }
            _ => self.refuse_iq(stanza, Condition::BadRequest, "A list is set, or the default."),
        }
    }

    pub(super) fn list_privacy(&mut self, stanza: &Stanza<'_>, names: &[String], default: Option<&str>) {
        self.grant(stanza, Some(stanza::privacy_names(names, default)));
    }

    pub(super) fn show_privacy(&mut self, stanza: &Stanza<'_>, name: &str, items: &[PrivacyItem]) {
        let list = stanza::privacy_list(Self::spelling(&self.me), name, items);
        self.grant(stanza, Some(list));
    }
}
