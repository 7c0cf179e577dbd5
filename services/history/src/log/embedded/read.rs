//! What the embedded log reads: rows, heads, ids, members. It knows nothing of what is in flight.

use std::collections::BTreeSet;

use bytes::Bytes;
use natter_db::{KeyRange, Kv, Table};
use natter_proto::event::v1::{Change, Message};
use natter_proto::history::v1::{DialogHead, IdRow, MemberState};
use natter_proto::{AppId, DialogId, MessageId};

use super::keys::{self, CHANGES, HEADS, MEMBER_STATE, MESSAGE_IDS, MESSAGES};
use super::slot::Slot;
use crate::error::Error;
use crate::head::Head;
use crate::log::DialogKey;
use crate::member::Member;
use crate::ranges::Ranges;

/// Most uses of one id that are read at once. Over it, the dialogs are looked at one by one.
const USES_MAX: usize = 256;
/// Most newest changes among which an earlier one is looked for.
const CHANGES_SEEN: usize = 64;
/// Rows of members' states read at once.
const MEMBERS_CHUNK: usize = 512;
/// How often a member's state is read that is rearranged meanwhile.
const TRIES: usize = 16;

pub struct Reader {
    pub kv: Kv,
}

impl Reader {
    pub async fn head(&self, key: DialogKey) -> Result<Head, Error> {
        match self.kv.get(HEADS, &keys::dialog(key)).await? {
            Some(row) => Ok(decode::<DialogHead>(&row, "a head")?.into()),
            None => Ok(Head::default()),
        }
    }

    pub async fn heads(&self, app: AppId, dialogs: &[DialogId]) -> Result<Vec<Head>, Error> {
        let keys = dialogs.iter().map(|dialog| keys::dialog(DialogKey { app, dialog: *dialog })).collect();
        let heads: Vec<Option<DialogHead>> = self.many(HEADS, keys, "a head").await?;
        Ok(heads.into_iter().map(|head| head.map(Head::from).unwrap_or_default()).collect())
    }

    /// By one scan where the places lie close together, else one by one.
    pub async fn rows(&self, key: DialogKey, places: &Ranges) -> Result<Vec<Message>, Error> {
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return Ok(Vec::new()) };
        let (span, count) = (last.upto - first.from + 1, places.length());
        if span > count.saturating_mul(2) {
            let keys = places.numbers().map(|seq| keys::numbered(key, seq)).collect();
            let rows: Vec<Option<Message>> = self.many(MESSAGES, keys, "a message").await?;
            return Ok(rows.into_iter().flatten().collect());
        }
        let range = KeyRange::between(keys::numbered(key, first.from), keys::numbered(key, last.upto.saturating_add(1)));
        let mut rows = Vec::with_capacity(count as usize);
        for (_, row) in self.kv.scan(MESSAGES, range, span as usize).await? {
            let row: Message = decode(&row, "a message")?;
            if places.contains(row.seq) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    pub async fn pick(&self, app: AppId, places: &[(DialogId, u64)]) -> Result<Vec<Option<Message>>, Error> {
        let keys = places.iter().map(|(dialog, seq)| keys::numbered(DialogKey { app, dialog: *dialog }, *seq)).collect();
        self.many(MESSAGES, keys, "a message").await
    }

    pub async fn find(&self, app: AppId, ids: &[MessageId], dialogs: &[DialogId]) -> Result<Vec<Vec<(DialogId, IdRow)>>, Error> {
        let asked: BTreeSet<DialogId> = dialogs.iter().copied().collect();
        let range = |id: &MessageId| match asked.first() {
            Some(only) if asked.len() == 1 => KeyRange::prefix(keys::ids_in(app, *id, *only)),
            _ => KeyRange::prefix(keys::ids(app, *id)),
        };
        if asked.is_empty() {
            return Ok(vec![Vec::new(); ids.len()]);
        }
        let all = self.kv.multi_scan(MESSAGE_IDS, ids.iter().map(range).collect(), USES_MAX).await?;
        let mut found = Vec::with_capacity(ids.len());
        for (id, mut uses) in ids.iter().zip(all) {
            if asked.len() > 1 && uses.len() == USES_MAX {
                let ranges = asked.iter().map(|dialog| KeyRange::prefix(keys::ids_in(app, *id, *dialog))).collect();
                uses = self.kv.multi_scan(MESSAGE_IDS, ranges, USES_MAX).await?.into_iter().flatten().collect();
            }
            found.push(of_dialogs(&asked, uses)?);
        }
        Ok(found)
    }

    /// Stamp of the newest change of a row, if it is among the newest ones of its dialog.
    pub async fn stamp_of(&self, key: DialogKey, seq: u64) -> Result<Option<u64>, Error> {
        let newest = self.newest_changes(key, CHANGES_SEEN).await?;
        Ok(newest.into_iter().find(|change| change.seq == seq).map(|change| change.stamp))
    }

    pub async fn changes(&self, key: DialogKey, above: u64, max: usize) -> Result<Vec<Change>, Error> {
        let range = KeyRange::between(keys::numbered(key, above.saturating_add(1)), keys::numbered(key, u64::MAX));
        let rows = self.kv.scan(CHANGES, range, max).await?;
        rows.iter().map(|(_, row)| decode(row, "a change")).collect()
    }

    pub async fn newest_changes(&self, key: DialogKey, max: usize) -> Result<Vec<Change>, Error> {
        let rows = self.kv.scan(CHANGES, KeyRange::prefix(keys::dialog(key)).reversed(), max).await?;
        rows.iter().map(|(_, row)| decode(row, "a change")).collect()
    }

    /// States as they lie in the store. A member of whom nothing is kept has an empty one.
    pub async fn slots(&self, places: &[(DialogKey, u64)]) -> Result<Vec<Slot>, Error> {
        let keys = places.iter().map(|(key, user)| keys::numbered(*key, *user)).collect();
        let firsts: Vec<Option<MemberState>> = self.many(MEMBER_STATE, keys, "a member").await?;
        let mut slots = Vec::with_capacity(places.len());
        for ((key, user), first) in places.iter().zip(firsts) {
            let first = first.unwrap_or_else(|| MemberState { user: *user, ..MemberState::default() });
            slots.push(self.slot(*key, first).await?);
        }
        Ok(slots)
    }

    /// The spilled rows may be merged into the first one while they are read; then both are read again.
    async fn slot(&self, key: DialogKey, mut first: MemberState) -> Result<Slot, Error> {
        for _ in 0..TRIES {
            let spills = (0..first.spilled).map(|spill| keys::spill(key, first.user, spill)).collect();
            let spills: Option<Vec<MemberState>> = match first.spilled {
                0 => Some(Vec::new()),
                _ => self.many(MEMBER_STATE, spills, "a member").await?.into_iter().collect(),
            };
            if let Some(spills) = spills {
                return Ok(Slot::of(first, spills));
            }
            let row = self.kv.get(MEMBER_STATE, &keys::numbered(key, first.user)).await?;
            first = decode(&row.ok_or(Error::Corrupt("a member"))?, "a member")?;
        }
        Err(Error::Busy)
    }

    /// Everybody of whom something is kept, ascending, if they are few.
    pub async fn few(&self, key: DialogKey) -> Result<Option<Vec<Slot>>, Error> {
        let rows = self.kv.scan(MEMBER_STATE, KeyRange::prefix(keys::dialog(key)), MEMBERS_CHUNK).await?;
        if rows.len() == MEMBERS_CHUNK {
            return Ok(None);
        }
        // Spilled rows follow the first row of their member.
        let mut parts: Vec<(u64, Vec<MemberState>)> = Vec::new();
        for (key, row) in &rows {
            let user = keys::user_of(key).ok_or(Error::Corrupt("the key of a member"))?;
            let part = decode::<MemberState>(row, "a member")?;
            match parts.last_mut().filter(|(last, _)| *last == user) {
                Some((_, parts)) => parts.push(part),
                None => parts.push((user, vec![part])),
            }
        }
        let slot = |mut parts: Vec<MemberState>| Slot::of(parts.remove(0), parts);
        Ok(Some(parts.into_iter().map(|(_, parts)| slot(parts)).collect()))
    }

    /// Everybody of whom something is kept, ascending.
    pub async fn everyone(&self, key: DialogKey) -> Result<Vec<Member>, Error> {
        let mut members: Vec<Member> = Vec::new();
        let prefix = keys::dialog(key);
        let mut from = prefix.clone();
        let upto = keys::numbered(key, u64::MAX);
        loop {
            let rows = self.kv.scan(MEMBER_STATE, KeyRange::between(&from, &upto), MEMBERS_CHUNK).await?;
            for (key, row) in &rows {
                let user = keys::user_of(key).ok_or(Error::Corrupt("the key of a member"))?;
                let part: Member = decode::<MemberState>(row, "a member")?.into();
                match members.last_mut().filter(|member| member.user == user) {
                    Some(member) => member.absorb(&part),
                    None => members.push(part),
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == MEMBERS_CHUNK => from = [last.as_ref(), &[0]].concat(),
                _ => return Ok(members),
            }
        }
    }

    async fn many<M: prost::Message + Default>(
        &self,
        table: Table,
        keys: Vec<Vec<u8>>,
        what: &'static str,
    ) -> Result<Vec<Option<M>>, Error> {
        let rows = self.kv.multi_get(table, keys).await?;
        rows.into_iter().map(|row| row.map(|row| decode(&row, what)).transpose()).collect()
    }
}

/// The uses of an id that lie in these dialogs.
fn of_dialogs(asked: &BTreeSet<DialogId>, uses: Vec<(Bytes, Bytes)>) -> Result<Vec<(DialogId, IdRow)>, Error> {
    let mut found = Vec::new();
    for (key, row) in uses {
        let dialog = keys::dialog_of(&key).ok_or(Error::Corrupt("the key of an id"))?;
        if asked.contains(&dialog) {
            found.push((dialog, decode(&row, "an id")?));
        }
    }
    Ok(found)
}

fn decode<M: prost::Message + Default>(row: &Bytes, what: &'static str) -> Result<M, Error> {
    M::decode(row.as_ref()).map_err(|_| Error::Corrupt(what))
}
