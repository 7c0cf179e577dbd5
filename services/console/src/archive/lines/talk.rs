//! Lines about dialogs and what was said in them.

use std::collections::BTreeMap;

use natter_proto::dialog::v1::{ArchivedDialog, View};
use natter_proto::event::v1::extension::Value as Said;
use natter_proto::event::v1::{Attachment, Attribute, Extension, Message, Nested};
use natter_proto::history::v1::{MemberState, Range, Reaction, Reactions};
use serde::{Deserialize, Serialize};

use super::{Hex, given};

/// Which dialog a line is about: by its id, or a private one by its two users.
#[derive(Clone, Default)]
pub struct Names {
    pub id: Option<Hex>,
    pub pair: Option<[u64; 2]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialogLine {
    pub app: u64,
    #[serde(default)]
    pub id: Option<Hex>,
    #[serde(default)]
    pub pair: Option<[u64; 2]>,
    /// As the REST door numbers them: 1 public, 2 group, 3 private, 4 broadcast.
    r#type: i32,
    owner: u64,
    created_at: i64,
    #[serde(default)]
    changed_at: Option<i64>,
    /// Absent in a private dialog that is named by its pair.
    #[serde(default)]
    members: Vec<MemberLine>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    photo: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    extensions: Option<BTreeMap<String, String>>,
    #[serde(default)]
    allow_preview: Option<bool>,
    #[serde(default)]
    admins: Vec<u64>,
    #[serde(default)]
    pinned: Vec<Hex>,
    #[serde(default)]
    frozen: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberLine {
    user: u64,
    #[serde(default)]
    cleared_upto: Option<u64>,
    #[serde(default)]
    hidden: Option<bool>,
    #[serde(default)]
    muted: Option<bool>,
    #[serde(default)]
    entered: Option<bool>,
    #[serde(default)]
    gone: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLine {
    pub app: u64,
    #[serde(default)]
    pub dialog: Option<Hex>,
    #[serde(default)]
    pub pair: Option<[u64; 2]>,
    pub seq: u64,
    id: Hex,
    #[serde(default)]
    alias: Option<Hex>,
    sender: u64,
    #[serde(default)]
    recipient: Option<u64>,
    /// Unix seconds.
    date_sent: i64,
    #[serde(default)]
    client_date: Option<i64>,
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    updated_at: Option<i64>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    extensions: Vec<ExtensionLine>,
    /// Each a list of names and values, in the order of the client.
    #[serde(default)]
    attachments: Vec<Attributes>,
    #[serde(default)]
    relay: Option<String>,
    #[serde(default)]
    markable: Option<bool>,
    #[serde(default)]
    removed: Option<bool>,
    #[serde(default)]
    silent: Option<bool>,
    #[serde(default)]
    stored_only: Option<bool>,
    #[serde(default)]
    stanza_id: Option<String>,
    #[serde(default)]
    content_hash: Option<Hex>,
}

/// Names and values.
type Attributes = Vec<[String; 2]>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionLine {
    key: String,
    #[serde(default)]
    text: Option<String>,
    /// JSON as text.
    #[serde(default)]
    json: Option<String>,
    #[serde(default)]
    nested: Option<NestedLine>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    sibling: Option<bool>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct NestedLine {
    extensions: Vec<ExtensionLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateLine {
    pub app: u64,
    #[serde(default)]
    pub dialog: Option<Hex>,
    #[serde(default)]
    pub pair: Option<[u64; 2]>,
    user: u64,
    #[serde(default)]
    base: Option<u64>,
    #[serde(default)]
    settled: Vec<[u64; 2]>,
    #[serde(default)]
    quiet: Vec<[u64; 2]>,
    #[serde(default)]
    delivered: Vec<[u64; 2]>,
    #[serde(default)]
    joined: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReactionsLine {
    pub app: u64,
    #[serde(default)]
    pub dialog: Option<Hex>,
    #[serde(default)]
    pub pair: Option<[u64; 2]>,
    seq: u64,
    reactions: Vec<ReactionLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReactionLine {
    reaction: String,
    users: Vec<u64>,
}

impl DialogLine {
    pub fn of(app: u64, dialog: ArchivedDialog) -> DialogLine {
        let member = |view: View| {
            let View { user, cleared_upto, hidden, muted, entered, gone } = view;
            let cleared_upto = given(cleared_upto);
            let [hidden, muted, entered, gone] = [hidden, muted, entered, gone].map(given);
            MemberLine { user, cleared_upto, hidden, muted, entered, gone }
        };
        DialogLine {
            app,
            id: Some(Hex(dialog.id)),
            pair: None,
            r#type: dialog.kind,
            owner: dialog.owner,
            created_at: dialog.created_at,
            changed_at: given(dialog.changed_at),
            members: dialog.members.into_iter().map(member).collect(),
            name: dialog.name,
            photo: dialog.photo,
            description: dialog.description,
            extensions: given(dialog.extensions.into_iter().collect()),
            allow_preview: dialog.allow_preview,
            admins: dialog.admins,
            pinned: dialog.pinned.into_iter().map(Hex).collect(),
            frozen: given(dialog.frozen),
        }
    }

    pub fn names(&self) -> Names {
        Names { id: self.id.clone(), pair: self.pair }
    }

    pub fn into_row(self, id: Vec<u8>) -> ArchivedDialog {
        let view = |line: MemberLine| View {
            user: line.user,
            cleared_upto: line.cleared_upto.unwrap_or_default(),
            hidden: line.hidden.unwrap_or_default(),
            muted: line.muted.unwrap_or_default(),
            entered: line.entered.unwrap_or_default(),
            gone: line.gone.unwrap_or_default(),
        };
        let of_pair = self.pair.filter(|_| self.members.is_empty()).into_iter().flatten();
        let of_pair: Vec<View> = of_pair.map(|user| View { user, ..View::default() }).collect();
        ArchivedDialog {
            id,
            kind: self.r#type,
            owner: self.owner,
            created_at: self.created_at,
            changed_at: self.changed_at.unwrap_or_default(),
            members: self.members.into_iter().map(view).chain(of_pair).collect(),
            name: self.name,
            photo: self.photo,
            description: self.description,
            extensions: self.extensions.unwrap_or_default().into_iter().collect(),
            allow_preview: self.allow_preview,
            admins: self.admins,
            pinned: self.pinned.into_iter().map(|Hex(id)| id).collect(),
            frozen: self.frozen.unwrap_or_default(),
        }
    }
}

impl MessageLine {
    pub fn of(app: u64, dialog: &[u8], row: Message) -> MessageLine {
        MessageLine {
            app,
            dialog: Some(Hex(dialog.to_vec())),
            pair: None,
            seq: row.seq,
            id: Hex(row.id),
            alias: given(Hex(row.alias)),
            sender: row.sender,
            recipient: given(row.recipient),
            date_sent: row.date_sent,
            client_date: given(row.client_date),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at).filter(|at| *at != row.created_at),
            body: row.body,
            extensions: row.extensions.into_iter().map(ExtensionLine::from).collect(),
            attachments: row.attachments.into_iter().map(|attachment| pairs(attachment.attributes)).collect(),
            relay: given(row.relay),
            markable: given(row.markable),
            removed: given(row.removed),
            silent: given(row.silent),
            stored_only: given(row.stored_only),
            stanza_id: given(row.stanza_id),
            content_hash: given(Hex(row.content_hash)),
        }
    }

    pub fn names(&self) -> Names {
        Names { id: self.dialog.clone(), pair: self.pair }
    }
}

impl From<MessageLine> for Message {
    fn from(line: MessageLine) -> Message {
        let created_at = line.created_at.unwrap_or(1_000 * line.date_sent);
        Message {
            id: line.id.0,
            alias: line.alias.unwrap_or_default().0,
            sender: line.sender,
            recipient: line.recipient.unwrap_or_default(),
            seq: line.seq,
            previous_told_at: 0,
            date_sent: line.date_sent,
            client_date: line.client_date.unwrap_or_default(),
            created_at,
            updated_at: line.updated_at.unwrap_or(created_at),
            body: line.body,
            extensions: line.extensions.into_iter().map(Extension::from).collect(),
            attachments: line.attachments.into_iter().map(|pairs| Attachment { attributes: attributes(pairs) }).collect(),
            relay: line.relay.unwrap_or_default(),
            markable: line.markable.unwrap_or_default(),
            removed: line.removed.unwrap_or_default(),
            silent: line.silent.unwrap_or_default(),
            content_hash: line.content_hash.unwrap_or_default().0,
            stanza_id: line.stanza_id.unwrap_or_default(),
            stored_only: line.stored_only.unwrap_or_default(),
        }
    }
}

impl From<Extension> for ExtensionLine {
    fn from(extension: Extension) -> ExtensionLine {
        let Extension { key, value, attributes, sibling } = extension;
        let mut line =
            ExtensionLine { key, text: None, json: None, nested: None, attributes: pairs(attributes), sibling: given(sibling) };
        match value {
            Some(Said::Text(text)) => line.text = Some(text),
            Some(Said::Json(json)) => line.json = Some(json),
            Some(Said::Nested(Nested { extensions })) => {
                line.nested = Some(NestedLine { extensions: extensions.into_iter().map(ExtensionLine::from).collect() });
            }
            None => {}
        }
        line
    }
}

impl From<ExtensionLine> for Extension {
    fn from(line: ExtensionLine) -> Extension {
        let nested = |NestedLine { extensions }| {
            Said::Nested(Nested { extensions: extensions.into_iter().map(Extension::from).collect() })
        };
        let value = line.text.map(Said::Text).or(line.json.map(Said::Json)).or(line.nested.map(nested));
        Extension { key: line.key, value, attributes: attributes(line.attributes), sibling: line.sibling.unwrap_or_default() }
    }
}

fn pairs(attributes: Vec<Attribute>) -> Attributes {
    attributes.into_iter().map(|Attribute { name, value }| [name, value]).collect()
}

fn attributes(pairs: Attributes) -> Vec<Attribute> {
    pairs.into_iter().map(|[name, value]| Attribute { name, value }).collect()
}

impl StateLine {
    pub fn of(app: u64, dialog: &[u8], state: MemberState) -> StateLine {
        let MemberState { user, base, settled, quiet, delivered, joined, .. } = state;
        let [settled, quiet, delivered] = [settled, quiet, delivered].map(ends);
        let (base, joined) = (given(base), given(joined));
        StateLine { app, dialog: Some(Hex(dialog.to_vec())), pair: None, user, base, settled, quiet, delivered, joined }
    }

    pub fn names(&self) -> Names {
        Names { id: self.dialog.clone(), pair: self.pair }
    }
}

impl From<StateLine> for MemberState {
    fn from(line: StateLine) -> MemberState {
        let [settled, quiet, delivered] = [line.settled, line.quiet, line.delivered].map(ranges);
        let (base, joined) = (line.base.unwrap_or_default(), line.joined.unwrap_or_default());
        MemberState { user: line.user, base, settled, quiet, delivered, joined, spilled: 0 }
    }
}

fn ends(ranges: Vec<Range>) -> Vec<[u64; 2]> {
    ranges.into_iter().map(|Range { from, upto }| [from, upto]).collect()
}

fn ranges(ends: Vec<[u64; 2]>) -> Vec<Range> {
    ends.into_iter().map(|[from, upto]| Range { from, upto }).collect()
}

impl ReactionsLine {
    pub fn of(app: u64, dialog: &[u8], of_row: Reactions) -> ReactionsLine {
        let Reactions { seq, all } = of_row;
        let reactions = all.into_iter().map(|Reaction { reaction, users }| ReactionLine { reaction, users }).collect();
        ReactionsLine { app, dialog: Some(Hex(dialog.to_vec())), pair: None, seq, reactions }
    }

    pub fn names(&self) -> Names {
        Names { id: self.dialog.clone(), pair: self.pair }
    }
}

impl From<ReactionsLine> for Reactions {
    fn from(line: ReactionsLine) -> Reactions {
        let all = line.reactions.into_iter().map(|ReactionLine { reaction, users }| Reaction { reaction, users });
        Reactions { seq: line.seq, all: all.collect() }
    }
}
