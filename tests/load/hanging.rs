//! What a provider that hangs does to the chat of the same app: chat at a fixed rate alone, beside alerts that the provider answers, and
//! beside as many that it does not. The three in turns, each round with a process of its own, since what hangs is tried again for
//! long. The work of the alerts is in the second and the third; what the hanging does is the third to the second.

use std::time::Duration;

use anyhow::{Result, ensure};
use natter_push::provider::testing::Told;
use natter_tests::client::trusting;
use natter_tests::process::Natter;
use natter_tests::providers::Providers;
use tokio::time::{MissedTickBehavior, interval};

use crate::alerts::{USERS, readers};
use crate::fixture::{FILLED, Rest, RestUser, users};
use crate::messages::{self, Run};
use crate::report::Report;

const ROUNDS: usize = 5;
const PER_SECOND: u64 = 1_000;
/// A message to all who are away, so often.
const PAUSE: Duration = Duration::from_secs(1);
/// Requests that the provider leaves without an answer: more than there are.
const HANGING: usize = 100_000;

/// The figures of every round, then the medians of the ratios.
pub async fn run(report: &mut Report) -> Result<()> {
    let (mut of_alerts, mut of_hanging) = (Vec::new(), Vec::new());
    for n in 0..ROUNDS {
        let [alone, answered, hung] = round().await?;
        report.add(&format!("round {n}: chat at {PER_SECOND}/s, p99"), alone, "ms", "");
        report.add(&format!("round {n}: beside {USERS} alerts/s that are answered, p99"), answered, "ms", "");
        report.add(&format!("round {n}: beside as many that are not, p99"), hung, "ms", "");
        of_alerts.push(answered / alone);
        of_hanging.push(hung / answered);
    }
    report.add("p99 of chat beside alerts, to the same alone, median", median(of_alerts), "", "");
    report.add("p99 of chat beside a provider that hangs, to one that answers, median", median(of_hanging), "", "1");
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Milliseconds: alone, beside alerts that are answered, beside some that are not.
async fn round() -> Result<[f64; 3]> {
    let providers = Providers::start().await?;
    let settings = providers.settings();
    let settings: Vec<&str> = FILLED.into_iter().chain(settings.iter().map(String::as_str)).collect();
    let natter = Natter::start(&settings).await?;
    let public_key = providers.give(&natter, 1)?;
    let rest = Rest::of(&natter)?;
    users(&natter, "writer", 1).await?;
    let writer = rest.sign_in("writer-0").await?;
    let readers = readers(&natter, &rest, &providers, (0, "apns", &public_key), USERS).await?;
    let group = writer.make_group("away", readers.iter()).await?;
    let tls = trusting(&natter.ca())?;
    let pairs = messages::pairs(&natter)?;
    let chat = || Box::pin(messages::at_rate(&natter, &tls, &pairs, Some(PER_SECOND)));
    let apple = &providers.checking.apple.server;

    // What a process does once, it did before it is measured.
    chat().await?;
    let alone = chat().await?;
    let answered = beside(chat(), &writer, &group).await?;
    let asked = apple.asked();
    ensure!(asked >= USERS, "{asked} alerts reached the provider: there was nothing to be beside of");
    (0..HANGING).for_each(|_| apple.say(Told::Stall));
    let hung = beside(chat(), &writer, &group).await?;
    ensure!(apple.asked() > asked, "nothing hangs");
    Ok([alone, answered, hung].map(|run| run.millis(0.99)))
}

/// The chat, while all who are away are written to.
async fn beside(chat: impl Future<Output = Result<Run>>, writer: &RestUser, group: &str) -> Result<Run> {
    let writing = async {
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            writer.say(group, "You are missed.").await?;
        }
    };
    tokio::select! {
        biased;
        run = chat => run,
        failed = writing => failed,
    }
}
