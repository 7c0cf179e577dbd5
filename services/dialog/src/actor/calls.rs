//! Signals of calls (contract xmpp 11): told to who is there, kept nowhere. They pass through the dialog of the two, made or not,
//! so that they stay in the order of their sender, among his messages too. That a call begins to ring, and rings no more, is told
//! to the durable log, for who is away.

use std::time::Duration;

use natter_proto::event::v1::{Posted, PostedCall};
use natter_proto::{AppId, Failure};
use prost::Message as _;
use tokio::time::timeout;

use super::CallSignal;
use crate::dialog::Key;
use crate::dialog::rings::Rings;
use crate::shared::{Shared, of_read};

/// How long the log may take: less than whoever signals waits for his answer.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// Refuses what is for nobody, and what a privacy list keeps off.
///
/// # Errors
/// `Busy`: nothing was told.
pub(super) async fn signal(shared: &Shared, key: Key, rings: &mut Rings, signal: CallSignal) -> Result<(), Failure> {
    let CallSignal { from, to, frame, step } = signal;
    shared.pairs.check(key, from, to).await.map_err(of_read)?;
    shared.pairs.check_users(key.app, from, to).await.map_err(of_read)?;
    shared.check_bars(key.app, from, to).await?;
    shared.tell(frame);
    let Some(news) = step.and_then(|step| rings.news(from, to, &step, shared.clock.now_ms())) else { return Ok(()) };
    // Who is there has heard it. Its client rings on, and each offer is news until one is taken.
    match timeout(LOG_WAIT, log(shared, key.app, &news)).await {
        Ok(Ok(())) => rings.told(&news),
        Ok(Err(error)) => tracing::warn!(app = %key.app, %error, "the durable log was not told of a call"),
        Err(_) => tracing::warn!(app = %key.app, "the durable log did not say in time whether it took a call"),
    }
    Ok(())
}

async fn log(shared: &Shared, app: AppId, news: &PostedCall) -> Result<(), natter_db::Error> {
    shared.posted.ready().await?;
    let PostedCall { caller, callee, session, over, .. } = news;
    let id = format!("call-{caller}-{callee}-{session}-{over}");
    let posted = Posted { call: Some(news.clone()), ..Posted::default() };
    shared.posted.tell(app.0, &id, posted.encode_to_vec()).await
}
