//! The log as an archive carries it: every row as it is, rows that alert nobody, and what members had read.
#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::archive_client::ArchiveClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::*;
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;

const APP: u64 = 5;
const ROMEO: u64 = 34;
const JULIET: u64 = 78;
const NURSE: u64 = 90;

struct Door {
    client: HistoryClient<Link>,
    archive: ArchiveClient<Link>,
    posted: Log,
}

impl Door {
    fn open() -> Door {
        let kv = Kv::memory();
        let posted = Log::embedded(kv.clone(), Table("posted"), 100);
        let parts = Parts {
            db: kv.into(),
            posted: posted.clone(),
            clock: Clock::paused(1_800_000_000_000),
            chance: Chance::seeded(1),
            metrics: Metrics::new(),
        };
        let service = Service::new(Options::default(), parts);
        Door {
            client: HistoryClient::new(Link::local(service.server(), LinkOptions::default())),
            archive: ArchiveClient::new(Link::local(service.archive_server(), LinkOptions::default())),
            posted,
        }
    }

    async fn rows(&self, above: u64, limit: u32) -> ArchiveRowsReply {
        let request = ArchiveRowsRequest { app: APP, dialog: dialog(), above, limit };
        self.archive.clone().rows(request).await.unwrap().into_inner()
    }

    async fn state(&self, user: u64) -> MemberState {
        let request = MembersRequest { app: APP, dialog: dialog(), users: vec![user], within: None };
        self.client.clone().members(request).await.unwrap().into_inner().members.remove(0)
    }

    async fn unread(&self, user: u64) -> u64 {
        let request = UnreadRequest { app: APP, user, dialogs: vec![dialog()], counts_only: true, from_joining: false };
        self.client.clone().unread(request).await.unwrap().into_inner().rows[0].unread
    }
}

fn dialog() -> Vec<u8> {
    vec![0xd1; 12]
}

fn row(seq: u64) -> Message {
    let at = 100 + seq as i64;
    Message {
        id: vec![seq as u8; 12],
        sender: if seq == 4 { JULIET } else { ROMEO },
        seq,
        date_sent: at,
        created_at: 1_000 * at,
        updated_at: 1_000 * at,
        body: Some(format!("number {seq}")),
        content_hash: vec![seq as u8; 32],
        ..Message::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_from_one_log_to_another_is_the_same_there() {
    let (from, to) = (Door::open(), Door::open());
    let mut client = from.client.clone();
    let append = AppendRequest { app: APP, dialog: dialog(), first_seq: 1, rows: (1..=9).map(row).collect(), quiet: vec![] };
    client.append(append).await.unwrap();
    client.remove(RemoveRequest { app: APP, dialog: dialog(), seq: 3, user: ROMEO }).await.unwrap();
    let ranges = |from, upto| vec![Range { from, upto }];
    let mark =
        |user, kind: MarkKind, ranges| MarkRequest { app: APP, dialog: dialog(), user, kind: kind.into(), ranges, all: false };
    client.mark(mark(JULIET, MarkKind::Read, ranges(1, 2))).await.unwrap();
    client.mark(mark(JULIET, MarkKind::Read, ranges(6, 6))).await.unwrap();
    client.mark(mark(JULIET, MarkKind::Delivered, ranges(8, 8))).await.unwrap();
    client.hide(HideRequest { app: APP, dialog: dialog(), user: JULIET, ranges: ranges(5, 5) }).await.unwrap();
    client.join(JoinRequest { app: APP, dialog: dialog(), users: vec![NURSE] }).await.unwrap();

    let first = from.rows(0, 5).await;
    assert!(first.more && first.rows.iter().map(|row| row.seq).eq(1..=5));
    let rest = from.rows(5, 100).await;
    assert!(!rest.more && from.rows(9, 5).await == ArchiveRowsReply::default());
    let rows: Vec<Message> = first.rows.into_iter().chain(rest.rows).collect();
    assert_eq!((rows[2].removed, &rows[2].body, &rows[1]), (true, &None, &row(2)));

    let mut archive = to.archive.clone();
    let brought = rows.iter().map(|row| Message { removed: false, ..row.clone() }).collect();
    let append = AppendRequest { app: APP, dialog: dialog(), first_seq: 1, rows: brought, quiet: vec![] };
    archive.append_old(append).await.unwrap();
    to.client.clone().remove(RemoveRequest { app: APP, dialog: dialog(), seq: 3, user: ROMEO }).await.unwrap();
    for changed in [true, false] {
        for user in [JULIET, NURSE] {
            let state = Some(from.state(user).await);
            let reply = archive.add_state(AddStateRequest { app: APP, dialog: dialog(), state }).await.unwrap().into_inner();
            assert_eq!(reply.changed, changed, "{user}");
        }
    }
    let there: Vec<u64> = to.rows(0, 100).await.rows.iter().map(|row| row.seq).collect();
    assert!(there.into_iter().eq(1..=9));
    for user in [ROMEO, JULIET, NURSE] {
        assert_eq!(to.state(user).await, from.state(user).await);
        assert_eq!(to.unread(user).await, from.unread(user).await);
    }
    assert_eq!((to.unread(JULIET).await, to.unread(NURSE).await), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_alerted_of_what_was_said_elsewhere() {
    let door = Door::open();
    let append = |seq| AppendRequest { app: APP, dialog: dialog(), first_seq: seq, rows: vec![row(seq)], quiet: vec![] };
    door.archive.clone().append_old(append(1)).await.unwrap();
    assert_eq!(door.posted.read(APP, 9).await.unwrap().len(), 0);
    door.client.clone().append(append(2)).await.unwrap();
    assert_eq!(door.posted.read(APP, 9).await.unwrap().len(), 1);
}
