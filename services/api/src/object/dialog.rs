//! The dialog object (contract rest 4.2).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::account::v1::User;
use natter_proto::dialog::v1::{Dialog, DialogKind};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::UnreadRow;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::text::{Date, Hex};

/// A dialog as one user sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub dialog: &'a Dialog,
    /// Last message and unread count; none: nothing was ever posted.
    pub state: Option<&'a UnreadRow>,
    /// The other one of a private dialog; none if the account is gone.
    pub opponent: Option<&'a User>,
    /// Id of the user who asks.
    pub viewer: u64,
    /// Domain of the rooms, `muc.<chat>`.
    pub muc_domain: &'a str,
}

impl View<'_> {
    /// Groups: the given name. Private: the opponent's full name, else the login.
    pub(crate) fn name(&self) -> Option<&str> {
        if !is_private(self.dialog) {
            return self.dialog.name.as_deref();
        }
        let opponent = self.opponent?;
        let full_name = opponent.full_name.as_deref().filter(|name| !name.is_empty());
        full_name.or(opponent.login.as_deref())
    }

    fn photo(&self) -> Option<&str> {
        if is_private(self.dialog) { self.opponent?.avatar.as_deref() } else { self.dialog.photo.as_deref() }
    }

    /// Who is in the dialog, ascending; nobody is named in public ones.
    pub(crate) fn occupants(&self) -> &[u64] {
        if is_public(self.dialog) { &[] } else { &self.dialog.members }
    }

    /// How many are in the dialog; in public ones those who joined or subscribed.
    pub(crate) fn count(&self) -> u64 {
        if is_public(self.dialog) { self.dialog.count.into() } else { self.dialog.members.len() as u64 }
    }

    /// The newest message the viewer can see.
    pub(crate) fn last(&self) -> Option<&Message> {
        self.state?.last.as_ref()
    }

    /// Unix milliseconds of the newest change, a posted message included.
    pub(crate) fn updated_at(&self) -> i64 {
        let head = self.state.and_then(|state| state.head.as_ref()).map_or(0, |head| head.updated_at);
        head.max(self.dialog.updated_at)
    }

    /// Messages the viewer has not read; 0 in public dialogs.
    pub(crate) fn unread(&self) -> u64 {
        if is_public(self.dialog) { 0 } else { self.state.map_or(0, |state| state.unread) }
    }

    // Whether the others have the viewer's own last message; null for a message of somebody else.
    fn last_status(&self) -> Option<&'static str> {
        let state = self.state?;
        if state.last.as_ref()?.sender != self.viewer {
            return None;
        }
        Some(match (state.last_read, state.last_delivered) {
            (true, _) => "read",
            (false, true) => "delivered",
            (false, false) => "sent",
        })
    }
}

/// The dialog object.
impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dialog = self.dialog;
        let id = Hex(&dialog.id);
        let room = (!is_private(dialog)).then(|| format!("{}_{id}@{}", dialog.app, self.muc_domain));
        let last = self.last();
        let own_keys: BTreeMap<&String, &String> = dialog.extensions.iter().collect();
        let mut object = serializer.serialize_map(Some(23))?;
        object.serialize_entry("_id", &id)?;
        object.serialize_entry("type", &dialog.kind)?;
        object.serialize_entry("name", &self.name())?;
        object.serialize_entry("photo", &self.photo())?;
        object.serialize_entry("description", &dialog.description)?;
        object.serialize_entry("user_id", &dialog.owner)?;
        object.serialize_entry("occupants_ids", self.occupants())?;
        object.serialize_entry("occupants_count", &self.count())?;
        object.serialize_entry("admins_ids", &dialog.admins)?;
        object.serialize_entry("created_at", &Date(dialog.created_at))?;
        object.serialize_entry("updated_at", &Date(self.updated_at()))?;
        object.serialize_entry("last_message", &last.and_then(|last| last.body.as_deref()))?;
        object.serialize_entry("last_message_id", &last.map(|last| Hex(&last.id)))?;
        object.serialize_entry("last_message_user_id", &last.map(|last| last.sender))?;
        object.serialize_entry("last_message_date_sent", &last.map(|last| last.date_sent))?;
        object.serialize_entry("last_message_status", &self.last_status())?;
        object.serialize_entry("unread_messages_count", &self.unread())?;
        object.serialize_entry("pinned_messages_ids", &dialog.pinned.iter().map(|id| Hex(id)).collect::<Vec<_>>())?;
        object.serialize_entry("xmpp_room_jid", &room)?;
        object.serialize_entry("extensions", &(!own_keys.is_empty()).then_some(own_keys))?;
        object.serialize_entry("permissions", &dialog.allow_preview.map(|allow_preview| Permissions { allow_preview }))?;
        object.serialize_entry("is_muted", &dialog.muted)?;
        object.serialize_entry("is_e2ee", &false)?;
        object.end()
    }
}

#[derive(Serialize)]
struct Permissions {
    allow_preview: bool,
}

/// The other one of a private dialog; none for other kinds.
pub(crate) fn opponent_of(dialog: &Dialog, viewer: u64) -> Option<u64> {
    let mut others = dialog.members.iter().copied().filter(|member| *member != viewer);
    if is_private(dialog) { others.next() } else { None }
}

fn is_private(dialog: &Dialog) -> bool {
    dialog.kind == DialogKind::Private as i32
}

/// Whether everybody may read and write in the dialog.
pub(crate) fn is_public(dialog: &Dialog) -> bool {
    dialog.kind == DialogKind::Public as i32 || dialog.kind == DialogKind::Broadcast as i32
}
