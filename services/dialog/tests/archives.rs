//! What an archive brings of a dialog: made once, compared when it is there, never over what somebody else said (decision 0039).
#![allow(clippy::unwrap_used)]

mod kit;

use std::time::Duration;

use natter_proto::archive::v1::Taken;
use natter_proto::dialog::v1::archive_client::ArchiveClient;
use natter_proto::dialog::v1::*;
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, Reaction, Reactions};
use natter_proto::{DialogId, Failure, UserId};
use natter_rpc::{Link, LinkOptions};

use kit::{ANN, APP, BOB, CAT, Door, Fate, PAIR_KEY, World, play};

const GROUP: [u8; 12] = [0xa5; 12];

fn archive(door: &Door) -> ArchiveClient<Link> {
    // A neighbour that hangs must end before the caller does.
    let patient = LinkOptions { deadline: Duration::from_secs(20) };
    ArchiveClient::new(Link::local(door.service.archive_server(), patient))
}

fn group() -> ArchivedDialog {
    let view = |user| View { user, ..View::default() };
    ArchivedDialog {
        id: GROUP.to_vec(),
        kind: DialogKind::Group.into(),
        owner: BOB,
        created_at: 1_000,
        changed_at: 2_000,
        members: vec![view(BOB), View { user: ANN, muted: true, cleared_upto: 1, ..View::default() }],
        name: Some("Verona".into()),
        admins: vec![ANN],
        extensions: [("mood".to_owned(), "grave".to_owned())].into(),
        ..ArchivedDialog::default()
    }
}

fn row(seq: u64, sender: u64, body: &str) -> Message {
    let (id, body) = ([&[seq as u8; 11][..], &[sender as u8]].concat(), Some(body.to_owned()));
    let at = 100 + seq as i64;
    Message { id, body, seq, sender, date_sent: at, created_at: 1_000 * at, updated_at: 1_000 * at, ..Message::default() }
}

async fn dialog(client: &mut ArchiveClient<Link>, dialog: ArchivedDialog, dry: bool) -> Taken {
    let request = TakeDialogRequest { app: APP, dialog: dialog.id.clone(), row: Some(dialog), dry };
    client.take_dialog(request).await.unwrap().into_inner()
}

async fn rows(client: &mut ArchiveClient<Link>, rows: &[Message], dry: bool) -> Result<Taken, Failure> {
    let request = TakeRowsRequest { app: APP, dialog: GROUP.to_vec(), rows: rows.to_vec(), dry };
    Ok(client.take_rows(request).await.map_err(Failure::from)?.into_inner())
}

#[track_caller]
fn check(taken: &Taken, expected: (u64, u64, &[&str])) {
    let clashes: Vec<&str> = taken.clashes.iter().map(|clash| clash.text.as_str()).collect();
    assert_eq!((taken.taken, taken.same, &clashes[..]), expected);
}

#[tokio::test(start_paused = true)]
async fn a_dialog_is_read_as_it_was_brought_and_brought_once() {
    play(async {
        let world = World::new();
        let door = world.start();
        let mut client = archive(&door);
        check(&dialog(&mut client, group(), true).await, (1, 0, &[]));
        let request = ArchiveDialogsRequest { app: APP, limit: 9, after: Vec::new() };
        assert!(client.dialogs(request.clone()).await.unwrap().into_inner().dialogs.is_empty(), "a dry run made it");
        check(&dialog(&mut client, group(), false).await, (1, 0, &[]));
        check(&dialog(&mut client, group(), false).await, (0, 1, &[]));
        assert_eq!(client.dialogs(request.clone()).await.unwrap().into_inner().dialogs, [group()]);
        let other = ArchivedDialog { created_at: 1_001, ..group() };
        check(&dialog(&mut client, other, false).await, (0, 0, &["another dialog has this id"]));
        let renamed = ArchivedDialog { name: Some("Mantua".into()), ..group() };
        check(&dialog(&mut client, renamed, false).await, (0, 1, &[]));
        assert_eq!(client.dialogs(request).await.unwrap().into_inner().dialogs, [group()], "what is there stays");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_private_dialog_has_the_id_of_its_pair() {
    play(async {
        let door = World::new().start();
        let mut client = archive(&door);
        let id = DialogId::of_pair(PAIR_KEY, UserId(ANN), UserId(BOB)).to_vec();
        let pair =
            ArchivedDialog { kind: DialogKind::Private.into(), name: None, admins: vec![], extensions: [].into(), ..group() };
        let foreign = "is not the id of these two: that comes from the pair key of their app";
        check(&dialog(&mut client, pair.clone(), false).await, (0, 0, &[foreign]));
        let alone = ArchivedDialog { members: pair.members[..1].to_vec(), ..pair.clone() };
        let text = "a private dialog has two members, and one of them owns it";
        check(&dialog(&mut client, ArchivedDialog { id: id.clone(), ..alone }, false).await, (0, 0, &[text]));
        check(&dialog(&mut client, ArchivedDialog { id, ..pair }, false).await, (1, 0, &[]));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn rows_follow_those_that_are_there_and_nobody_elses() {
    play(async {
        let world = World::new();
        let mut door = world.start();
        let mut client = archive(&door);
        let all: Vec<Message> = (1..=5).map(|seq| row(seq, if seq == 2 { ANN } else { BOB }, "said")).collect();
        check(&rows(&mut client, &all, false).await.unwrap(), (0, 0, &["is not there"]));
        dialog(&mut client, group(), false).await;
        check(&rows(&mut client, &all[..2], true).await.unwrap(), (2, 0, &[]));
        assert_eq!(world.history.bodies(&GROUP).len(), 0, "a dry run wrote");
        check(&rows(&mut client, &all[1..], false).await.unwrap(), (0, 0, &["is not the next one: the dialog ends with 0"]));
        check(&rows(&mut client, &all[..3], false).await.unwrap(), (3, 0, &[]));
        check(&rows(&mut client, &all, false).await.unwrap(), (2, 3, &[]));
        check(&rows(&mut client, &all, false).await.unwrap(), (0, 5, &[]));
        let mut other = all.clone();
        other[3].body = Some("never said".into());
        other.push(row(6, BOB, "after it"));
        check(&rows(&mut client, &other, false).await.unwrap(), (0, 4, &["another message is there"]));
        let earlier = Message { date_sent: 1, ..row(7, BOB, "earlier") };
        let back = rows(&mut client, &[row(6, BOB, "late"), earlier], false).await.unwrap();
        check(&back, (0, 0, &["was sent before the one above it"]));
        // Whoever writes goes on behind them.
        let request = PostRequest {
            app: APP,
            dialog: GROUP.to_vec(),
            message: Some(Message { sender: ANN, body: Some("here".into()), ..Message::default() }),
            store: true,
            deliver: true,
            ..PostRequest::default()
        };
        assert_eq!(door.dialogs.post(request).await.unwrap().into_inner().seq, 6);
        let late = rows(&mut client, &[row(6, BOB, "late")], false).await.unwrap();
        check(&late, (0, 0, &["another message is there"]));
        assert_eq!(world.history.bodies(&GROUP).last().unwrap(), "here");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_removed_for_all_is_removed_also_after_a_cut() {
    play(async {
        let world = World::new();
        let door = world.start();
        let mut client = archive(&door);
        dialog(&mut client, group(), false).await;
        let removed = Message { removed: true, content_hash: vec![7; 32], ..row(2, BOB, "secret") };
        let all = [row(1, BOB, "said"), removed];
        world.history.next(Fate::Unanswered);
        rows(&mut client, &all, false).await.unwrap_err();
        assert_eq!(world.history.bodies(&GROUP), ["said", ""], "it says nothing at any time");
        check(&rows(&mut client, &all, false).await.unwrap(), (1, 1, &[]));
        assert!(world.history.state().rows[&GROUP.to_vec()][1].removed);
        check(&rows(&mut client, &all, false).await.unwrap(), (0, 2, &[]));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_read_and_reacted_is_added_once() {
    play(async {
        let world = World::new();
        let door = world.start();
        let mut client = archive(&door);
        dialog(&mut client, group(), false).await;
        rows(&mut client, &[row(1, BOB, "a"), row(2, BOB, "b")], false).await.unwrap();
        let state = MemberState { user: ANN, base: 1, ..MemberState::default() };
        let reactions = Reactions { seq: 2, all: vec![Reaction { reaction: "+".into(), users: vec![ANN, CAT] }] };
        let request =
            TakeStatesRequest { app: APP, dialog: GROUP.to_vec(), states: vec![state], reactions: vec![reactions], dry: false };
        let first = client.take_states(request.clone()).await.unwrap().into_inner();
        check(&first, (2, 0, &[]));
        let again = client.take_states(request).await.unwrap().into_inner();
        check(&again, (0, 2, &[]));
        assert_eq!(world.history.state().reactions.len(), 2);
    })
    .await;
}
