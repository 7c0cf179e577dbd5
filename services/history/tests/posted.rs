//! What the durable log is told of what became durable, at the door.
#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Faults, Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Attachment, Frame, Headline, Marker, Message, Posted};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::{AppendRequest, EditRequest, KeepRequest, ReactRequest, RemoveRequest};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;
use prost::Message as _;

const APP: u64 = 1;
const ROMEO: u64 = 34;
const JULIET: u64 = 78;
const START: i64 = 1_800_000_000_000;

#[tokio::test(start_paused = true)]
async fn of_rows_that_somebody_may_be_alerted_of_it_is_told_where_they_are() {
    let door = Door::open();
    let photo = Message { body: None, attachments: vec![Attachment::default()], ..row(5) };
    let rows = vec![
        row(1),
        Message { silent: true, ..row(2) },
        Message { stored_only: true, ..row(3) },
        Message { body: Some(String::new()), ..row(4) },
        photo,
    ];
    door.append(1, rows).await.unwrap();
    let told = door.told().await;
    assert_eq!(told.len(), 1, "one entry for what is appended together");
    assert_eq!((told[0].dialog.clone(), told[0].kept_for), (dialog(), 0));
    let rows: Vec<_> = told[0].rows.iter().map(|row| (row.place, row.sender, row.recipient, row.at)).collect();
    assert_eq!(rows, [(1, ROMEO, JULIET, START + 1), (5, ROMEO, JULIET, START + 5)]);
    assert_eq!(told[0].rows[1].id, row(5).id);

    door.append(6, vec![Message { silent: true, ..row(6) }]).await.unwrap();
    assert_eq!(door.told().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_append_tells_nothing() {
    let door = Door::open();
    assert!(door.append(7, vec![row(7)]).await.is_none(), "not the next place");
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert!(door.append(1, vec![row(1)]).await.is_none());
    door.db.set_faults(Faults::default());
    assert_eq!(door.told().await, []);
    door.append(1, vec![row(1)]).await.unwrap();
    assert_eq!(door.told().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn edits_removals_and_reactions_tell_nothing() {
    let door = Door::open();
    door.append(1, vec![row(1)]).await.unwrap();
    let mut client = door.client.clone();
    let edited = Some(Message { body: Some("other".into()), ..row(1) });
    let edit = EditRequest { app: APP, dialog: dialog(), seq: 1, row: edited, user: ROMEO, silent: false };
    client.edit(edit).await.unwrap();
    let react = ReactRequest { app: APP, dialog: dialog(), seq: 1, user: JULIET, add: "x".into(), ..ReactRequest::default() };
    client.react(react).await.unwrap();
    client.remove(RemoveRequest { app: APP, dialog: dialog(), seq: 1, user: ROMEO }).await.unwrap();
    assert_eq!(door.told().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_what_is_kept_outside_the_log_messages_are_told_and_nothing_else() {
    let door = Door::open();
    let frame = |told| Frame { app: APP, dialog: dialog(), told: Some(told), ..Frame::default() };
    let unsaved = |n| Message { seq: 0, ..row(n) };
    let frames = vec![
        frame(Told::Headline(Headline::default())),
        frame(Told::Message(unsaved(1))),
        frame(Told::Message(Message { silent: true, ..unsaved(2) })),
        frame(Told::Marker(Marker::default())),
        frame(Told::Message(unsaved(4))),
    ];
    door.client.clone().keep(KeepRequest { app: APP, user: JULIET, frames }).await.unwrap();
    let told = door.told().await;
    let places: Vec<_> = told.iter().map(|one| (one.kept_for, one.rows[0].place, one.rows[0].id.clone())).collect();
    assert_eq!(places, [(JULIET, 2, row(1).id), (JULIET, 5, row(4).id)]);
}

struct Door {
    db: Kv,
    posted: Log,
    client: HistoryClient<Link>,
}

impl Door {
    fn open() -> Door {
        let db = Kv::memory();
        let posted = Log::embedded(db.clone(), Table("posted"), 1_000);
        let parts = Parts {
            db: db.clone().into(),
            chance: Chance::seeded(1),
            posted: posted.clone(),
            clock: Clock::paused(START),
            metrics: Metrics::new(),
        };
        let service = Service::new(Options::default(), parts);
        Door { db, posted, client: HistoryClient::new(Link::local(service.server(), LinkOptions::default())) }
    }

    async fn append(&self, first_seq: u64, rows: Vec<Message>) -> Option<u64> {
        let request = AppendRequest { app: APP, dialog: dialog(), first_seq, rows, quiet: Vec::new() };
        Some(self.client.clone().append(request).await.ok()?.into_inner().head)
    }

    async fn told(&self) -> Vec<Posted> {
        let entries = self.posted.read(APP, 100).await.unwrap();
        entries.iter().map(|entry| Posted::decode(entry.value.clone()).unwrap()).collect()
    }
}

fn dialog() -> Vec<u8> {
    vec![0xaa; 12]
}

fn row(n: u64) -> Message {
    Message {
        id: [[0xee; 4].as_slice(), &n.to_be_bytes()].concat(),
        sender: ROMEO,
        recipient: JULIET,
        seq: n,
        date_sent: START / 1_000,
        created_at: START + n as i64,
        body: Some("hi".into()),
        ..Message::default()
    }
}
