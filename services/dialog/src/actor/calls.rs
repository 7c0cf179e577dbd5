//! Signals of calls (contract xmpp 11): told to who is there, kept nowhere. They pass through the dialog of the two, made or not,
//! so that they stay in the order of their sender, among his messages too.

use natter_proto::Failure;

use super::CallSignal;
use crate::dialog::Key;
use crate::shared::{Shared, of_read};

/// Refuses what is for nobody, and what a privacy list keeps off.
///
/// # Errors
/// `Busy`: nothing was told.
pub(super) async fn signal(shared: &Shared, key: Key, signal: CallSignal) -> Result<(), Failure> {
    let CallSignal { from, to, frame } = signal;
    shared.pairs.check(key, from, to).await.map_err(of_read)?;
    shared.pairs.check_users(key.app, from, to).await.map_err(of_read)?;
    shared.check_bars(key.app, from, to).await?;
    shared.tell(frame);
    Ok(())
}
