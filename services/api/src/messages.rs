//! Messages: list, create, update, delete, react, system messages (contract rest 5).

mod change;
mod create;
mod list;
mod reactions;
mod shown;
mod system;

pub(crate) use change::{delete, update};
pub(crate) use create::create;
pub(crate) use list::list;
pub(crate) use reactions::{react, reactions};
pub(crate) use shown::{rows, shown};
pub(crate) use system::create_system;

use natter_proto::DialogId;

use crate::decode::Params;
use crate::error::Refusal;

// The dialog a call is about. A malformed id is an unknown one.
fn dialog_of(params: &Params) -> Result<Option<DialogId>, Refusal> {
    let Some(id) = params.word("chat_dialog_id") else { return Ok(None) };
    id.parse().map(Some).map_err(|_| Refusal::not_found())
}
