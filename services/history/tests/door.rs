//! The history service at its gRPC door, in memory, with paused time.

#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Faults, Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::event::v1::{Attachment, Attribute, Extension, Frame, MarkKind, Message, extension};
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Status};
use natter_telemetry::Metrics;

const APP: u64 = 5;
const ROMEO: u64 = 34;
const JULIET: u64 = 78;
/// Unix milliseconds.
const START: i64 = 1_800_000_000_000;

#[tokio::test(start_paused = true)]
async fn what_is_appended_is_paged_counted_and_marked() {
    let mut play = Play::new();
    assert_eq!(play.append(1, &["soft", "what light"]).await, Ok(2));
    assert_eq!(play.append(2, &["again"]).await.unwrap_err().code, Code::Conflict);
    assert_eq!(play.texts(PageRequest { limit: 10, ..play.page(JULIET) }).await, ["soft", "what light"]);

    let row = play.unread(JULIET).await;
    assert_eq!((row.unread, row.head.unwrap().seq, row.last.unwrap().seq), (2, 2, 2));
    let row = play.unread(ROMEO).await;
    assert_eq!((row.unread, row.last_delivered, row.last_read), (0, false, false));

    assert!(play.mark(JULIET, MarkKind::Delivered, &[(1, 2)]).await);
    let row = play.unread(ROMEO).await;
    assert_eq!((row.last_delivered, row.last_read), (true, false));
    assert!(play.mark(JULIET, MarkKind::Read, &[(2, 2)]).await);
    assert!(!play.mark(JULIET, MarkKind::Read, &[(2, 2)]).await);
    assert_eq!(play.unread(JULIET).await.unread, 1);
    let row = play.unread(ROMEO).await;
    assert_eq!((row.last_delivered, row.last_read), (true, true));

    let metrics = play.metrics.encode();
    assert!(metrics.contains("natter_history_rows_appended_total 2"), "{metrics}");
    assert!(metrics.contains("natter_history_append_seconds_count 1"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_page_filters_orders_skips_and_counts() {
    let mut play = Play::new();
    // Two rows a second, from second 0 on.
    let texts: Vec<String> = (1..=600).map(|n| format!("{} {n}", if n % 3 == 0 { "fizz" } else { "line" })).collect();
    play.append(1, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    play.client.hide(HideRequest { ranges: vec![Range { from: 2, upto: 2 }], ..play.hide(JULIET) }).await.unwrap();
    play.remove(4).await.unwrap();
    let page = || play.page(JULIET);
    let at = |second: i64| START + second * 1_000;

    let cases: Vec<(PageRequest, &[&str])> = vec![
        (PageRequest { limit: 3, ..page() }, &["line 1", "fizz 3", "line 5"]),
        (PageRequest { limit: 2, skip: 2, ..page() }, &["line 5", "fizz 6"]),
        (PageRequest { limit: 2, reader: 0, ..page() }, &["line 1", "line 2"]),
        (PageRequest { limit: 2, skip: 1, descending: true, ..page() }, &["line 599", "line 598"]),
        (PageRequest { limit: 2, filters: vec![text("message", Op::Ctn, "fizz")], ..page() }, &["fizz 3", "fizz 6"]),
        (PageRequest { limit: 1, skip: 198, filters: vec![text("message", Op::Ctn, "fizz")], ..page() }, &["fizz 597"]),
        (PageRequest { limit: 2, filters: vec![number("date_sent", Op::Gt, at(100))], ..page() }, &["line 202", "line 203"]),
        (PageRequest { limit: 9, filters: vec![number("date_sent", Op::Eq, at(100))], ..page() }, &["line 200", "fizz 201"]),
        (
            PageRequest { limit: 2, descending: true, filters: vec![number("date_sent", Op::Lt, at(100))], ..page() },
            &["line 199", "fizz 198"],
        ),
        (PageRequest { limit: 9, filters: vec![text("_id", Op::Eq, &hex(7))], ..page() }, &["line 7"]),
        (PageRequest { limit: 9, filters: vec![text("_id", Op::Eq, &hex(2))], ..page() }, &[]),
        (PageRequest { limit: 9, filters: vec![text("mood", Op::Eq, "600")], ..page() }, &["fizz 600"]),
        (PageRequest { limit: 9, skip: 1_000, ..page() }, &[]),
    ];
    for (request, expected) in cases {
        assert_eq!(play.texts(request.clone()).await, expected, "{request:?}");
    }
    for (filters, expected) in [
        (vec![], 598),
        (vec![text("message", Op::Ctn, "fizz")], 200),
        (vec![number("date_sent", Op::Lte, at(100)), number("sender_id", Op::Ne, ROMEO as i64)], 0),
        (vec![number("date_sent", Op::Lte, at(100))], 199),
        (vec![text("attachments.type", Op::Eq, "photo")], 598),
    ] {
        let request = PageRequest { count_only: true, skip: 5, limit: 1, filters, ..play.page(JULIET) };
        assert_eq!(play.client.page(request.clone()).await.unwrap().into_inner().count, expected, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_over_the_budget_is_refused_by_name_and_a_page_over_its_size_is_cut() {
    let mut play = Play::with(Options { scan_budget: 300, reply_bytes: 1_000, ..Options::default() });
    play.append(1, &["x"; 500]).await.unwrap();
    let filters = vec![text("message", Op::Eq, "y")];
    let refused = play.client.page(PageRequest { limit: 1, filters, ..play.page(JULIET) }).await.unwrap_err();
    let failure = Failure::from(refused);
    assert_eq!((failure.code, failure.field.as_str()), (Code::TooLarge, "message"));
    assert_eq!(failure.text, "needs more than 300 rows looked at; narrow date_sent");
    let bad = vec![text("date_sent", Op::Gt, "yesterday")];
    let failure = Failure::from(play.client.page(PageRequest { limit: 1, filters: bad, ..play.page(JULIET) }).await.unwrap_err());
    assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, "date_sent"));

    let mut seen = 0;
    loop {
        let reply = play.client.page(PageRequest { limit: 100, skip: seen, ..play.page(JULIET) }).await.unwrap().into_inner();
        assert_eq!(reply.rows[0].seq, u64::from(seen) + 1);
        seen += reply.rows.len() as u32;
        if !reply.more || seen >= 100 {
            break;
        }
    }
    assert!(seen >= 100);
}

#[tokio::test(start_paused = true)]
async fn a_dialog_deleted_for_me_stays_empty_until_the_next_message() {
    let mut play = Play::new();
    play.append(1, &["a", "b"]).await.unwrap();
    let clear = ClearRequest { app: APP, dialog: dialog(1), user: JULIET };
    assert_eq!(play.client.clear(clear).await.unwrap().into_inner().head, 2);
    let row = play.unread(JULIET).await;
    assert_eq!((row.unread, row.last), (0, None));
    play.append(3, &["c"]).await.unwrap();
    assert_eq!(play.texts(PageRequest { limit: 9, ..play.page(JULIET) }).await, ["c"]);
    assert_eq!(play.unread(JULIET).await.unread, 1);
    assert_eq!(play.texts(PageRequest { limit: 9, ..play.page(ROMEO) }).await, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn edits_and_removals_get_stamps_and_come_through_everywhere() {
    let mut play = Play::new();
    play.append(1, &["a", "b", "c"]).await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let edit = EditRequest { app: APP, dialog: dialog(1), seq: 2, row: Some(row(2, "B")), user: ROMEO, silent: true };
    let edited = play.client.edit(edit.clone()).await.unwrap().into_inner();
    assert_eq!((edited.stamp, edited.row.as_ref().unwrap().updated_at), (1, START + 60_000));
    assert_eq!(play.client.edit(edit).await.unwrap().into_inner(), edited);
    assert_eq!(play.remove(3).await, Ok(2));
    assert_eq!(play.remove(3).await, Ok(2));
    assert_eq!(play.remove(9).await.unwrap_err().code, Code::NotFound);
    assert_eq!(play.texts(PageRequest { limit: 9, ..play.page(JULIET) }).await, ["a", "B"]);
    let counted = play.unread(JULIET).await;
    assert_eq!((counted.unread, counted.last.unwrap().seq, counted.head.unwrap().stamp), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn the_states_of_members_are_given_whole_or_within_bounds() {
    let mut play = Play::new();
    play.append(1, &["x"; 9]).await.unwrap();
    play.mark(JULIET, MarkKind::Read, &[(3, 8)]).await;
    let members = async |users: &[u64], within| {
        let request = MembersRequest { app: APP, dialog: dialog(1), users: users.to_vec(), within };
        play.client.clone().members(request).await.unwrap().into_inner().members
    };
    let juliet = MemberState { user: JULIET, settled: vec![Range { from: 3, upto: 8 }], ..MemberState::default() };
    assert_eq!(members(&[JULIET, 99], None).await, [juliet.clone(), MemberState { user: 99, ..MemberState::default() }]);
    assert_eq!(members(&[], None).await.iter().map(|member| member.user).collect::<Vec<_>>(), [ROMEO, JULIET]);
    let cut = MemberState { settled: vec![Range { from: 5, upto: 6 }], ..juliet };
    assert_eq!(members(&[JULIET], Some(Range { from: 5, upto: 6 })).await, [cut]);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_loads_the_head_and_the_newest_ids() {
    let mut play = Play::new();
    play.append(1, &["x"; 300]).await.unwrap();
    let reply = play.client.load(LoadRequest { app: APP, dialog: dialog(1), ids_max: 280 }).await.unwrap().into_inner();
    assert_eq!((reply.head.unwrap().seq, reply.tail.len()), (300, 280));
    assert_eq!((reply.tail[0].seq, &reply.tail[0].id, reply.tail[279].sender), (21, &id(21), ROMEO));
    let found = play
        .client
        .find(FindRequest { app: APP, ids: vec![id(7), vec![1]], dialogs: vec![dialog(1), dialog(2)], ..Default::default() })
        .await;
    let found = found.unwrap().into_inner().found;
    assert_eq!((found.len(), found[0].row.as_ref().unwrap().seq, &found[0].asked), (1, 7, &id(7)));
    let heads = play.client.heads(HeadsRequest { app: APP, dialogs: vec![dialog(2), dialog(1)] }).await.unwrap().into_inner();
    assert_eq!(
        heads.heads.iter().map(|head| (head.dialog.clone(), head.seq)).collect::<Vec<_>>(),
        [(dialog(2), 0), (dialog(1), 300)]
    );
    let failure = play.client.load(LoadRequest { app: APP, dialog: vec![1, 2], ids_max: 0 }).await.unwrap_err();
    assert_eq!(Failure::from(failure).code, Code::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_returning_session_gets_each_missed_row_once_in_order() {
    let mut play = Play::new();
    // Three dialogs, their rows made at the same times: row n at second n/2.
    for n in 1..=3 {
        play.append_to(n, 1, &["x"; 6]).await.unwrap();
    }
    play.remove(6).await.unwrap();
    play.mark(JULIET, MarkKind::Delivered, &[(1, 3)]).await;
    let request = GapRequest {
        app: APP,
        user: JULIET,
        from: vec![from(1, 4), from(2, 5)],
        undelivered: vec![dialog(1)],
        since: START + 2_500,
        others: vec![dialog(3)],
        per_dialog: 100,
        in_all: 500,
        oldest: false,
        from_joining: false,
    };
    let list = async |request: &GapRequest| {
        let reply = play.client.clone().gap(request.clone()).await.unwrap().into_inner();
        reply.rows.iter().map(|row| (row.dialog[11], row.row.as_ref().unwrap().seq)).collect::<Vec<_>>()
    };
    assert_eq!(list(&request).await, [(1, 4), (1, 5), (3, 5), (2, 6), (3, 6)]);
    assert_eq!(list(&GapRequest { per_dialog: 1, ..request.clone() }).await, [(1, 5), (2, 6), (3, 6)]);
    assert_eq!(list(&GapRequest { in_all: 2, ..request.clone() }).await, [(2, 6), (3, 6)]);
    // A hole is filled from its beginning, and the rest can be asked for.
    let hole = GapRequest { from: vec![from(2, 1)], oldest: true, per_dialog: 3, ..GapRequest::default() };
    let hole = GapRequest { app: APP, user: JULIET, in_all: 3, ..hole };
    assert_eq!(list(&hole).await, [(2, 2), (2, 3), (2, 4)]);
    assert!(play.client.clone().gap(hole.clone()).await.unwrap().into_inner().more);
    let rest = GapRequest { from: vec![from(2, 4)], ..hole };
    assert_eq!(list(&rest).await, [(2, 5), (2, 6)]);
    assert!(!play.client.clone().gap(rest).await.unwrap().into_inner().more);
    // The author gets his own rows back only where others would too.
    let own = GapRequest { user: ROMEO, ..request.clone() };
    assert_eq!(list(&own).await, [(1, 5), (3, 5), (2, 6), (3, 6)]);
    let nothing = GapRequest { since: 0, from: vec![], undelivered: vec![], ..request };
    assert_eq!(list(&nothing).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_returning_session_gets_the_changes_it_missed() {
    let mut play = Play::new();
    play.append_to(1, 1, &["one", "two", "three", "four"]).await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    for (seq, body, silent) in [(1, "One", false), (2, "Two", true), (1, "ONE", false), (3, "", false), (4, "Four", false)] {
        if body.is_empty() {
            play.remove(seq).await.unwrap();
            continue;
        }
        let row = Some(Message { body: Some(body.into()), ..row(seq, "") });
        let request = EditRequest { app: APP, dialog: dialog(1), seq, row, user: ROMEO, silent };
        play.client.edit(request).await.unwrap();
    }
    let request = GapRequest { app: APP, user: JULIET, per_dialog: 9, in_all: 9, ..GapRequest::default() };
    let changes = async |request: GapRequest| {
        let reply = play.client.clone().gap(request).await.unwrap().into_inner();
        reply.changes.iter().map(|change| change.change.as_ref().unwrap().stamp).collect::<Vec<_>>()
    };
    let above = |seq, stamp| GapRequest { from: vec![From { stamp: Some(stamp), ..from(1, seq) }], ..request.clone() };
    // 4 is in the list in its last form, 2 was edited over REST, and of 1 only the newest edit matters.
    assert_eq!(changes(above(3, 0)).await, [3, 4]);
    assert_eq!(changes(above(4, 3)).await, [4, 5]);
    assert_eq!(changes(above(4, 5)).await, [0; 0]);
    assert_eq!(changes(GapRequest { from: vec![from(1, 4)], ..request.clone() }).await, [0; 0]);
    let since = |since| GapRequest { since, others: vec![dialog(1)], ..request.clone() };
    assert_eq!(changes(since(START + 60_001)).await, [0; 0]);
    assert_eq!(changes(since(START + 60_000)).await, [3, 4, 5]);
    assert_eq!(changes(since(row(4, "").created_at)).await, [3, 4], "4 is in the list");

    let hide = HideRequest { ranges: vec![Range { from: 4, upto: 4 }], ..play.hide(JULIET) };
    play.client.clone().hide(hide).await.unwrap();
    let above = async |above, limit| {
        let request = ChangesRequest {
            app: APP,
            dialog: dialog(1),
            above: Some(above),
            limit,
            user: JULIET,
            since: 0,
            from_joining: false,
        };
        let reply = play.client.clone().changes(request).await.unwrap().into_inner();
        (reply.changes.iter().map(|change| (change.stamp, change.silent)).collect::<Vec<_>>(), reply.more)
    };
    assert_eq!(above(1, 3).await, (vec![(2, true), (3, false), (4, false)], true));
    assert_eq!(above(4, 3).await, (vec![(5, true)], false), "its row is hidden");
    assert_eq!(above(5, 3).await, (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn the_offline_queue_keeps_order_and_bounds() {
    let mut play = Play::with(Options { offline_rows: 3, ..Options::default() });
    assert_eq!(play.keep(&[1, 2]).await, Ok(1));
    for n in 3..=5 {
        assert_eq!(play.keep(&[n]).await, Ok(u64::from(n)));
    }
    assert_eq!(play.kept().await, [3, 4, 5]);
    assert_eq!(dialogs_of(&play.kept_above(4).await.rows), [5]);
    assert_eq!(play.kept_above(5).await, KeptReply { upto: 5, ..KeptReply::default() });
    play.client.drop(DropRequest { app: APP, user: JULIET, upto: 4 }).await.unwrap();
    assert_eq!(play.kept().await, [5]);
    play.client.drop(DropRequest { app: APP, user: JULIET, upto: 99 }).await.unwrap();
    assert!(play.kept().await.is_empty());
    // A place is never given again, so an old drop does no harm.
    assert_eq!(play.keep(&[6]).await, Ok(6));
    play.client.drop(DropRequest { app: APP, user: JULIET, upto: 5 }).await.unwrap();
    assert_eq!(play.kept().await, [6]);
    assert_eq!(play.keep(&[]).await.unwrap_err().code, Code::Invalid);
    tokio::time::advance(std::time::Duration::from_secs(31 * 24 * 60 * 60)).await;
    assert!(play.kept().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_comes_in_parts() {
    let mut play = Play::with(Options { reply_bytes: 100, ..Options::default() });
    play.keep(&[1, 2, 3, 4, 5]).await.unwrap();
    let (mut above, mut all, mut parts) = (0, Vec::new(), 0);
    loop {
        let KeptReply { rows, more, upto } = play.kept_above(above).await;
        assert_eq!(upto, 5);
        all.extend(dialogs_of(&rows));
        above = rows.last().unwrap().place;
        parts += 1;
        if !more {
            break;
        }
    }
    assert_eq!((all, parts > 1), (vec![1, 2, 3, 4, 5], true));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_kept_leaves_its_place_unused() {
    let mut play = Play::new();
    play.keep(&[1]).await.unwrap();
    play.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert_eq!(play.keep(&[2, 3]).await.unwrap_err().code, Code::NotStored);
    play.db.set_faults(Faults::default());
    assert_eq!(play.keep(&[4]).await, Ok(4));
    assert_eq!(play.kept().await, [1, 4]);
    let mut play = play.restarted();
    assert_eq!(play.kept().await, [1, 4]);
    assert_eq!(play.keep(&[5]).await, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn many_who_keep_at_once_all_find_a_place() {
    let play = Play::new();
    let kept: Vec<_> = (1..=50)
        .map(|n| {
            tokio::spawn({
                let mut play = play.clone();
                async move { play.keep(&[n]).await.unwrap() }
            })
        })
        .collect();
    let mut places = Vec::new();
    for place in kept {
        places.push(place.await.unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (1..=50).collect::<Vec<_>>());
}

// === helpers ===

#[derive(Clone)]
struct Play {
    client: HistoryClient<Link>,
    metrics: Metrics,
    db: Kv,
}

impl Play {
    fn new() -> Play {
        Play::with(Options::default())
    }

    fn with(options: Options) -> Play {
        Play::on(Kv::memory(), options)
    }

    fn on(db: Kv, options: Options) -> Play {
        let metrics = Metrics::new();
        let posted = Log::embedded(db.clone(), Table("posted"), 1_000);
        let parts = Parts {
            db: db.clone().into(),
            chance: Chance::seeded(1),
            posted,
            clock: Clock::paused(START),
            metrics: metrics.clone(),
        };
        let service = Service::new(options, parts);
        Play { client: HistoryClient::new(Link::local(service.server(), LinkOptions::default())), metrics, db }
    }

    fn restarted(&self) -> Play {
        Play::on(self.db.crash(), Options::default())
    }

    async fn append(&mut self, first_seq: u64, texts: &[&str]) -> Result<u64, Failure> {
        self.append_to(1, first_seq, texts).await
    }

    async fn append_to(&mut self, n: u8, first_seq: u64, texts: &[&str]) -> Result<u64, Failure> {
        let rows = texts.iter().zip(first_seq..).map(|(text, seq)| row(seq, text)).collect();
        let request = AppendRequest { app: APP, dialog: dialog(n), first_seq, rows, quiet: vec![] };
        Ok(self.client.append(request).await?.into_inner().head)
    }

    fn page(&self, reader: u64) -> PageRequest {
        PageRequest { app: APP, dialog: dialog(1), reader, ..PageRequest::default() }
    }

    fn hide(&self, user: u64) -> HideRequest {
        HideRequest { app: APP, dialog: dialog(1), user, ranges: vec![] }
    }

    async fn texts(&mut self, request: PageRequest) -> Vec<String> {
        let rows = self.client.page(request).await.unwrap().into_inner().rows;
        rows.into_iter().map(|row| row.body.unwrap()).collect()
    }

    async fn unread(&mut self, user: u64) -> UnreadRow {
        let request =
            UnreadRequest { app: APP, user, dialogs: vec![dialog(2), dialog(1)], counts_only: false, from_joining: false };
        let mut rows = self.client.unread(request.clone()).await.unwrap().into_inner().rows;
        let counts = self.client.unread(UnreadRequest { counts_only: true, ..request }).await.unwrap().into_inner().rows;
        assert_eq!(
            rows.iter().map(|row| row.unread).collect::<Vec<_>>(),
            counts.iter().map(|row| row.unread).collect::<Vec<_>>()
        );
        assert_eq!((rows[0].unread, rows[0].head.as_ref().unwrap().seq), (0, 0));
        rows.remove(1)
    }

    async fn mark(&mut self, user: u64, kind: MarkKind, ranges: &[(u64, u64)]) -> bool {
        let ranges = ranges.iter().map(|(from, upto)| Range { from: *from, upto: *upto }).collect();
        let request = MarkRequest { app: APP, dialog: dialog(1), user, kind: kind.into(), ranges, all: false };
        self.client.mark(request).await.unwrap().into_inner().changed
    }

    async fn remove(&mut self, seq: u64) -> Result<u64, Failure> {
        let removed = self.client.remove(RemoveRequest { app: APP, dialog: dialog(1), seq, user: ROMEO }).await;
        Ok(removed.map_err(|status: Status| Failure::from(status))?.into_inner().stamp)
    }

    /// Keeps frames of these dialogs, and gives the place of the first.
    async fn keep(&mut self, dialogs: &[u8]) -> Result<u64, Failure> {
        let frames = dialogs.iter().map(|n| Frame { app: APP, dialog: dialog(*n), ..Frame::default() }).collect();
        let kept = self.client.keep(KeepRequest { app: APP, user: JULIET, frames }).await;
        Ok(kept.map_err(|status: Status| Failure::from(status))?.into_inner().first)
    }

    async fn kept(&mut self) -> Vec<u8> {
        let KeptReply { rows, more, .. } = self.kept_above(0).await;
        assert!(!more);
        dialogs_of(&rows)
    }

    async fn kept_above(&mut self, above: u64) -> KeptReply {
        self.client.kept(KeptRequest { app: APP, user: JULIET, above }).await.unwrap().into_inner()
    }
}

fn dialogs_of(rows: &[KeptRow]) -> Vec<u8> {
    rows.iter().map(|row| row.frame.as_ref().unwrap().dialog[11]).collect()
}

fn from(n: u8, seq: u64) -> From {
    From { dialog: dialog(n), seq, stamp: None }
}

fn dialog(n: u8) -> Vec<u8> {
    [[0xaa; 11].as_slice(), &[n]].concat()
}

fn id(seq: u64) -> Vec<u8> {
    [[0xee; 4].as_slice(), &seq.to_be_bytes()].concat()
}

fn hex(seq: u64) -> String {
    id(seq).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Romeo's: two a second, with an attachment and a key of the app's.
fn row(seq: u64, text: &str) -> Message {
    let photo = Attachment { attributes: vec![Attribute { name: "type".into(), value: "photo".into() }] };
    let mood = Extension { key: "mood".into(), value: Some(extension::Value::Text(seq.to_string())), ..Extension::default() };
    Message {
        id: id(seq),
        sender: ROMEO,
        recipient: JULIET,
        seq,
        date_sent: START / 1_000 + seq as i64 / 2,
        created_at: START + seq as i64 * 500,
        updated_at: START + seq as i64 * 500,
        body: Some(text.into()),
        attachments: vec![photo],
        extensions: vec![mood],
        ..Message::default()
    }
}

fn text(field: &str, op: Op, value: &str) -> Filter {
    Filter { field: field.into(), op: op.into(), values: vec![value.into()], numbers: vec![] }
}

fn number(field: &str, op: Op, value: i64) -> Filter {
    Filter { field: field.into(), op: op.into(), values: vec![value.to_string()], numbers: vec![value] }
}
