//! History over a store that answers later than the link waits.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Faults, Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{AppendRequest, PageRequest};
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;

const DIALOG: [u8; 12] = [0xaa; 12];

#[tokio::test(start_paused = true)]
async fn an_append_to_a_slow_store_is_of_unknown_outcome_and_the_next_one_waits_for_it() {
    let delay = Duration::from_secs(3);
    let db = Kv::memory_with(Faults { delay_min: delay, delay_max: delay, deadline: 2 * delay, ..Faults::default() });
    let posted = Log::embedded(db.clone(), Table("posted"), 1_000);
    let parts = Parts {
        db: db.clone().into(),
        chance: Chance::seeded(1),
        posted,
        clock: Clock::paused(1_800_000_000_000),
        metrics: Metrics::new(),
    };
    let service = Service::new(Options::default(), parts);
    let patient = Link::local(service.server(), LinkOptions { deadline: 20 * delay });
    append(&patient, 1, "first").await.unwrap();
    let hasty = Link::local(service.server(), LinkOptions { deadline: delay - Duration::from_secs(1) });
    assert_eq!(append(&hasty, 2, "late").await.unwrap_err().code, Code::Unknown);
    // It is still being written, and nothing else gets its place.
    assert_eq!(append(&patient, 2, "another").await.unwrap_err().code, Code::Conflict);
    db.set_faults(Faults::default());
    assert_eq!(bodies(&patient).await, ["first", "late"]);
}

async fn append(link: &Link, seq: u64, body: &str) -> Result<u64, Failure> {
    let id = [[0xee; 4].as_slice(), &seq.to_be_bytes()].concat();
    let row = Message { id, sender: 34, recipient: 78, seq, body: Some(body.into()), ..Message::default() };
    let request = AppendRequest { app: 5, dialog: DIALOG.to_vec(), first_seq: seq, rows: vec![row], quiet: vec![] };
    Ok(HistoryClient::new(link.clone()).append(request).await?.into_inner().head)
}

async fn bodies(link: &Link) -> Vec<String> {
    let request = PageRequest { app: 5, dialog: DIALOG.to_vec(), reader: 78, limit: 9, ..PageRequest::default() };
    let rows = HistoryClient::new(link.clone()).page(request).await.unwrap().into_inner().rows;
    rows.into_iter().map(|row| row.body.unwrap()).collect()
}
