//! What groups need of history, at its gRPC door: joins and reactions.

#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;

const APP: u64 = 5;
const ROMEO: u64 = 34;
const JULIET: u64 = 78;
const NURSE: u64 = 90;

#[tokio::test(start_paused = true)]
async fn what_was_there_before_a_join_is_not_unread_and_was_not_read() {
    let mut play = Play::new(Options::default());
    play.append(1, 3).await;
    assert_eq!((play.unread(JULIET).await, play.unread(NURSE).await), (3, 3));
    play.join(&[JULIET, NURSE]).await;
    assert_eq!((play.unread(JULIET).await, play.unread(NURSE).await), (0, 0));
    play.append(4, 2).await;
    assert_eq!((play.unread(JULIET).await, play.unread(NURSE).await), (2, 2));
    let read = MarkRequest {
        app: APP,
        dialog: dialog(),
        user: JULIET,
        kind: MarkKind::Read.into(),
        all: true,
        ..MarkRequest::default()
    };
    play.client.mark(read).await.unwrap();
    let request = MembersRequest { app: APP, dialog: dialog(), users: vec![JULIET, NURSE], within: None };
    let members = play.client.members(request).await.unwrap().into_inner().members;
    let states: Vec<_> = members.iter().map(|member| (member.user, member.joined, member.base)).collect();
    assert_eq!(states, [(JULIET, 3, 5), (NURSE, 3, 3)]);
    // Who comes back starts anew, and what was read stays read.
    play.join(&[NURSE, JULIET]).await;
    assert_eq!((play.unread(JULIET).await, play.unread(NURSE).await), (0, 0));
    play.join(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn where_the_app_says_so_a_member_sees_what_was_said_since_he_joined() {
    let mut play = Play::new(Options::default());
    play.append(1, 3).await;
    play.join(&[JULIET]).await;
    for (from_joining, seqs, last) in [(false, [1, 2, 3].as_slice(), Some(3)), (true, &[], None)] {
        assert_eq!(play.seen(JULIET, from_joining).await, (seqs.to_vec(), last), "nothing said since");
    }
    play.append(4, 2).await;
    for (user, from_joining, seqs) in [
        (JULIET, false, [1, 2, 3, 4, 5].as_slice()),
        (JULIET, true, &[4, 5]),
        (ROMEO, true, &[1, 2, 3, 4, 5]),
        (0, true, &[1, 2, 3, 4, 5]),
    ] {
        assert_eq!(play.seen(user, from_joining).await, (seqs.to_vec(), Some(5)), "{user} {from_joining}");
        let page = PageRequest { from_joining, limit: 2, ..page(user) };
        assert_eq!(play.seqs(page.clone()).await, seqs[..2]);
        assert_eq!(play.seqs(PageRequest { skip: 1, ..page.clone() }).await, seqs[1..seqs.len().min(3)]);
        assert_eq!(play.seqs(PageRequest { descending: true, ..page.clone() }).await, [5, 4]);
        let ids = Filter { field: "_id".into(), op: Op::In.into(), values: vec![hex(2), hex(4)], numbers: vec![] };
        let body = Filter { field: "message".into(), op: Op::Ctn.into(), values: vec!["x".into()], numbers: vec![] };
        let of_both: Vec<u64> = [2, 4].into_iter().filter(|seq| seqs.contains(seq)).collect();
        assert_eq!(play.seqs(PageRequest { filters: vec![ids], ..page.clone() }).await, of_both);
        for filters in [vec![], vec![body]] {
            let count = PageRequest { filters, count_only: true, ..page.clone() };
            assert_eq!(play.client.page(count).await.unwrap().into_inner().count, seqs.len() as u64);
        }
    }
    // Who comes back begins anew.
    play.join(&[JULIET]).await;
    assert_eq!(play.seen(JULIET, true).await, (vec![], None));
    assert_eq!(play.seen(JULIET, false).await, (vec![1, 2, 3, 4, 5], Some(5)), "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn where_the_app_says_so_what_changes_of_older_messages_is_kept_from_a_member() {
    let mut play = Play::new(Options::default());
    play.append(1, 3).await;
    play.join(&[JULIET]).await;
    play.append(4, 1).await;
    for seq in [2, 4] {
        let row = Message { id: id(seq), sender: ROMEO, seq, body: Some("y".into()), ..Message::default() };
        let request = EditRequest { app: APP, dialog: dialog(), seq, row: Some(row), user: ROMEO, silent: false };
        play.client.edit(request).await.unwrap();
    }
    for (from_joining, shown) in [(false, [2, 4].as_slice()), (true, &[4])] {
        let above = |seq| From { dialog: dialog(), seq, stamp: Some(0) };
        let gap = GapRequest { app: APP, user: JULIET, from: vec![above(4)], per_dialog: 9, in_all: 9, ..GapRequest::default() };
        let gap = play.client.gap(GapRequest { from_joining, ..gap }).await.unwrap().into_inner();
        let seqs: Vec<u64> = gap.changes.iter().map(|change| change.change.as_ref().unwrap().seq).collect();
        assert_eq!(seqs, shown, "{from_joining}");
        let changes = ChangesRequest { app: APP, dialog: dialog(), above: Some(0), limit: 9, user: JULIET, ..Default::default() };
        let changes = play.client.changes(ChangesRequest { from_joining, ..changes }).await.unwrap().into_inner().changes;
        assert_eq!(changes.iter().map(|change| change.stamp).collect::<Vec<_>>(), [1, 2], "every stamp is accounted for");
        let told = changes.iter().filter(|change| change.what.is_some() && !change.silent);
        assert_eq!(told.map(|change| change.seq).collect::<Vec<_>>(), shown, "{from_joining}");
    }
}

#[tokio::test(start_paused = true)]
async fn reactions_are_added_once_listed_and_taken_back() {
    let mut play = Play::new(Options::default());
    play.append(1, 3).await;
    assert_eq!(play.react(JULIET, 1, "+", "").await, Ok(true));
    assert_eq!(play.react(JULIET, 1, "+", "").await, Ok(false));
    assert_eq!(play.react(JULIET, 1, "\u{2764}\u{fe0f}", "").await, Ok(true));
    assert_eq!(play.react(ROMEO, 1, "+", "").await, Ok(true));
    assert_eq!(play.react(ROMEO, 3, "-", "").await, Ok(true));
    let both = |reaction: &str, users: &[u64]| Reaction { reaction: reaction.to_owned(), users: users.to_vec() };
    let first = Reactions { seq: 1, all: vec![both("+", &[ROMEO, JULIET]), both("\u{2764}\u{fe0f}", &[JULIET])] };
    let third = Reactions { seq: 3, all: vec![both("-", &[ROMEO])] };
    assert_eq!(play.reactions(&[3, 2, 1, 99]).await, [first, third.clone()]);
    assert_eq!(play.react(JULIET, 1, "-", "+").await, Ok(true));
    assert_eq!(play.react(JULIET, 1, "", "+").await, Ok(false));
    let first = Reactions { seq: 1, all: vec![both("+", &[ROMEO]), both("\u{2764}\u{fe0f}", &[JULIET]), both("-", &[JULIET])] };
    assert_eq!(play.reactions(&[1]).await, [first]);
    // Nothing is left of a removed row, and nobody can react to it.
    let remove = RemoveRequest { app: APP, dialog: dialog(), seq: 1, user: ROMEO };
    play.client.remove(remove).await.unwrap();
    assert_eq!(play.reactions(&[1, 3]).await, [third]);
    assert_eq!(play.react(JULIET, 1, "", "-").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn reactions_that_cannot_be_are_refused_by_name() {
    let mut play = Play::new(Options { reactions_per_user: 1, reactions_per_row: 2, ..Options::default() });
    play.append(1, 1).await;
    play.react(JULIET, 1, "+", "").await.unwrap();
    play.react(ROMEO, 1, "+", "").await.unwrap();
    let long = "x".repeat(65);
    for (user, seq, add, code, field) in [
        (JULIET, 2, "+", Code::NotFound, ""),
        (JULIET, 1, "", Code::Invalid, "add"),
        (JULIET, 1, &long, Code::Invalid, "add"),
        (JULIET, 1, "-", Code::TooLarge, "add"),
        (NURSE, 1, "+", Code::TooLarge, "add"),
    ] {
        let failure = play.react(user, seq, add, "").await.unwrap_err();
        assert_eq!((failure.code, failure.field.as_str()), (code, field), "{user} {seq} {add}");
    }
}

struct Play {
    client: HistoryClient<Link>,
}

impl Play {
    fn new(options: Options) -> Play {
        let db = Kv::memory();
        let posted = Log::embedded(db.clone(), Table("posted"), 1_000);
        let parts = Parts {
            db: db.into(),
            chance: Chance::seeded(1),
            posted,
            clock: Clock::paused(1_800_000_000_000),
            metrics: Metrics::new(),
        };
        let link = Link::local(Service::new(options, parts).server(), LinkOptions::default());
        Play { client: HistoryClient::new(link) }
    }

    /// Rows of Romeo's.
    async fn append(&mut self, first_seq: u64, count: u64) {
        let row = |seq: u64| Message { id: id(seq), sender: ROMEO, seq, body: Some("x".into()), ..Message::default() };
        let rows = (first_seq..first_seq + count).map(row).collect();
        let request = AppendRequest { app: APP, dialog: dialog(), first_seq, rows, quiet: vec![] };
        self.client.append(request).await.unwrap();
    }

    async fn join(&mut self, users: &[u64]) {
        self.client.join(JoinRequest { app: APP, dialog: dialog(), users: users.to_vec() }).await.unwrap();
    }

    async fn unread(&mut self, user: u64) -> u64 {
        let request = UnreadRequest { app: APP, user, dialogs: vec![dialog()], counts_only: true, from_joining: false };
        self.client.unread(request).await.unwrap().into_inner().rows[0].unread
    }

    /// The places of a page.
    async fn seqs(&mut self, request: PageRequest) -> Vec<u64> {
        self.client.page(request).await.unwrap().into_inner().rows.iter().map(|row| row.seq).collect()
    }

    /// The places that a user sees, by page and by id, and of the last row of his list.
    async fn seen(&mut self, user: u64, from_joining: bool) -> (Vec<u64>, Option<u64>) {
        let seqs = self.seqs(PageRequest { from_joining, limit: 100, ..page(user) }).await;
        let ids = (1..=9).map(id).collect();
        let find = FindRequest { app: APP, ids, dialogs: vec![dialog()], reader: user, from_joining };
        let found = self.client.find(find).await.unwrap().into_inner().found;
        assert_eq!(found.into_iter().map(|found| found.row.unwrap().seq).collect::<Vec<_>>(), seqs);
        let unread = UnreadRequest { app: APP, user, dialogs: vec![dialog()], counts_only: false, from_joining };
        let state = self.client.unread(unread).await.unwrap().into_inner().rows.remove(0);
        (seqs, state.last.map(|last| last.seq))
    }

    async fn react(&mut self, user: u64, seq: u64, add: &str, remove: &str) -> Result<bool, Failure> {
        let request = ReactRequest { app: APP, dialog: dialog(), seq, user, add: add.to_owned(), remove: remove.to_owned() };
        Ok(self.client.react(request).await?.into_inner().changed)
    }

    async fn reactions(&mut self, seqs: &[u64]) -> Vec<Reactions> {
        let request = ReactionsRequest { app: APP, dialog: dialog(), seqs: seqs.to_vec() };
        let reply = self.client.reactions(request).await.unwrap().into_inner();
        assert!(!reply.more);
        reply.reactions
    }
}

fn page(reader: u64) -> PageRequest {
    PageRequest { app: APP, dialog: dialog(), reader, ..PageRequest::default() }
}

fn hex(seq: u64) -> String {
    id(seq).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dialog() -> Vec<u8> {
    vec![0xaa; 12]
}

fn id(seq: u64) -> Vec<u8> {
    [[0xee; 4].as_slice(), &seq.to_be_bytes()].concat()
}
