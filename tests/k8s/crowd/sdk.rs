//! A client of the crowd that is the unmodified SDK, as an app has it: with its own pause before it comes back by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use natter_tests::build::Build;
use natter_tests::sdk::Sdk;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{EVERY, Heard, Lane, Move, Order, Person, Sent};

const LOOKS: Duration = Duration::from_millis(50);
/// Its own pause (contract xmpp 1.8). Who is back sooner was told where to go: the SDK's listeners hear nothing of that.
const PAUSE_MS: f64 = 5_000.0;

/// Until it is to end.
pub async fn run(person: Person, config: Value) -> Result<()> {
    person.seen.lock().unwrap().is_sdk = true;
    let sdk = Sdk::start(Build::Node6, &config, json!({"streamManagement": {"enable": true}})).await?;
    let login = json!([{"userId": person.me.user, "password": person.me.password}]);
    sdk.call("chat.connect", login).await?;
    person.seen.lock().unwrap().has_met = true;
    let mut due = Instant::now() + person.first_after();
    let (mut cut, mut current) = (None, BTreeSet::new());
    loop {
        let order = *person.orders.borrow();
        look(&person, &sdk, &mut cut, &mut current).await;
        if order == Order::End {
            sdk.call("chat.disconnect", json!([])).await.ok();
            return Ok(());
        }
        if order == Order::Talk && cut.is_none() && Instant::now() > due {
            due = (due + EVERY).max(Instant::now());
            current.extend(say(&person, &sdk).await?);
        }
        sleep(LOOKS).await;
    }
}

// The id of what was said.
async fn say(person: &Person, sdk: &Sdk) -> Result<Option<String>> {
    let lane = Lane::of(person.seen.lock().unwrap().sent.len() + person.number);
    let extension = json!({"save_to_history": 1});
    let words = match lane {
        Lane::Pair => json!([person.partner.user, {"type": "chat", "body": "hello", "extension": extension}]),
        Lane::Group => json!([person.group, {"type": "groupchat", "body": "hello", "extension": extension}]),
        Lane::All => json!([person.all, {"type": "groupchat", "body": "hello", "extension": extension}]),
    };
    // While it is away the SDK refuses to send: nothing was sent then.
    let Ok(id) = sdk.call("chat.send", words).await else { return Ok(None) };
    let id = id.as_str().context("send returns the id")?.to_owned();
    let sent = Sent { id: id.clone(), lane, at: Instant::now(), acked: None, is_refused: false };
    person.seen.lock().unwrap().sent.push(sent);
    Ok(Some(id))
}

// What its listeners were told. `cut`: since when it is away, and by the client's own clock. `current`: what was sent on this connection; of
// what was sent on an earlier one the SDK may report wrongly that it was acknowledged (contract xmpp 5).
async fn look(person: &Person, sdk: &Sdk, cut: &mut Option<(Instant, f64)>, current: &mut BTreeSet<String>) {
    for (at, _) in sdk.drain_with_times("onDisconnectedListener").await {
        cut.get_or_insert((Instant::now(), at));
        current.clear();
    }
    for (at, _) in sdk.drain_with_times("onReconnectListener").await {
        if let Some((since, then)) = cut.take() {
            let took = (at - then).max(0.0);
            let moved = Move { at: since, is_told: took < PAUSE_MS, back: Duration::from_secs_f64(took / 1e3) };
            person.seen.lock().unwrap().moves.push(moved);
        }
    }
    let (acked, refused) = (sdk.drain("onSentMessageCallback").await, sdk.drain("onMessageErrorListener").await);
    let heard = sdk.drain("onMessageListener").await;
    let mut seen = person.seen.lock().unwrap();
    for event in acked {
        let sent = seen.sent.iter_mut().rev().find(|sent| event[1]["id"] == sent.id.as_str());
        // The first argument names what was lost, the second what was sent.
        if let Some(sent) = sent.filter(|sent| sent.acked.is_none() && current.contains(&sent.id)) {
            sent.acked = Some(Instant::now());
        }
    }
    for event in refused {
        if let Some(sent) = seen.sent.iter_mut().rev().find(|sent| event[0] == sent.id.as_str()) {
            sent.is_refused = true;
        }
    }
    for event in heard {
        if let Some(id) = event[1]["id"].as_str() {
            let is_delayed = event[1]["delay"].is_object();
            seen.heard.push(Heard { id: id.to_owned(), is_delayed });
        }
    }
}
