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
        let request = UnreadRequest { app: APP, user, dialogs: vec![dialog()], counts_only: true };
        self.client.unread(request).await.unwrap().into_inner().rows[0].unread
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

fn dialog() -> Vec<u8> {
    vec![0xaa; 12]
}

fn id(seq: u64) -> Vec<u8> {
    [[0xee; 4].as_slice(), &seq.to_be_bytes()].concat()
}
