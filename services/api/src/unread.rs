//! `GET /chat/Message/unread` (contract rest 5.6).

use std::collections::BTreeMap;

use natter_proto::DialogId;
use natter_proto::dialog::v1::UnreadCountsRequest;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::door::{Asked, Caller, Door};
use crate::error::Refusal;

/// The total of all of the user's dialogs, always, and the count of each dialog that was asked for; an unknown one is 0.
/// `dialogs_ids` is what the seed's guide writes, `chat_dialog_ids` what the public documentation does.
pub(crate) async fn count(door: &Door, asked: &Asked, caller: &Caller) -> Result<Answer, Refusal> {
    let mut names = asked.params.list("chat_dialog_ids");
    names.extend(asked.params.list("dialogs_ids"));
    let ids: Vec<(String, Option<DialogId>)> =
        names.into_iter().map(|name| (name.to_ascii_lowercase(), name.parse().ok())).collect();
    let request = UnreadCountsRequest {
        app: caller.0.app,
        user: caller.0.user,
        dialogs: ids.iter().filter_map(|(_, id)| id.map(DialogId::to_vec)).collect(),
    };
    let reply = door.dialogs().unread(request).await?.into_inner();
    let counts: BTreeMap<Vec<u8>, u64> = reply.counts.into_iter().map(|count| (count.dialog, count.unread)).collect();
    let mut object = Map::from_iter([("total".to_owned(), Value::from(reply.total))]);
    for (name, id) in ids {
        let unread = id.and_then(|id| counts.get(&id.to_vec()).copied()).unwrap_or_default();
        object.entry(name).or_insert(unread.into());
    }
    Ok(Answer::json(object.into()))
}
