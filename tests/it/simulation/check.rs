//! Compares what users were told with what is stored.

use std::collections::{BTreeMap, BTreeSet};

use natter_proto::event::v1::Message;
use natter_proto::event::v1::frame::Told;
use natter_proto::history::v1::{KeptRequest, KeptRow, PageRequest, UnreadRequest};
use natter_proto::{DialogId, MessageId};

use crate::simulation::scene::Scene;
use crate::simulation::user::{Fate, Record};
use crate::world::APP;

/// Panics at what does not hold. Returns the history as text, for comparing lives.
pub async fn history(scene: &Scene, records: &[Record]) -> Vec<String> {
    let private = dialog(scene, scene.dialog, records, |record| &record.sent).await;
    let group = dialog(scene, scene.group, records, |record| &record.in_group).await;
    for record in records {
        check_unread(scene, scene.dialog, record, &private).await;
        check_unread(scene, scene.group, record, &group).await;
        check_kept(scene, record).await;
    }
    let text = |row: &Message| format!("{} {} {}", row.seq, row.date_sent, row.body.as_deref().unwrap_or(""));
    private.iter().chain(&group).map(text).collect()
}

/// The rows of one dialog, compared with what its senders were told.
async fn dialog(
    scene: &Scene,
    dialog: DialogId,
    records: &[Record],
    sent: impl Fn(&Record) -> &Vec<(MessageId, Fate)>,
) -> Vec<Message> {
    let rows = rows(scene, dialog).await;
    let numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "numbers are dense from 1");
    assert!(rows.is_sorted_by_key(|row| row.date_sent), "dates grow with the numbers");
    let mut places = BTreeMap::new();
    for row in &rows {
        let id = MessageId::try_from(row.id.as_slice()).unwrap();
        assert!(places.insert(id, row.seq).is_none(), "message {id} is there twice");
    }
    for record in records {
        let mut last = 0;
        for (id, fate) in sent(record) {
            let place = places.get(id);
            match fate {
                Fate::Acked(seq) => assert_eq!(place, Some(seq), "acked message {id} is not where the ack said"),
                Fate::Lost => assert_eq!(place, None, "message {id} was reported as lost and is there"),
            }
            let seq = place.copied().unwrap_or(last);
            assert!(seq >= last, "messages of user {} are not in the order of sending", record.user);
            last = seq;
        }
    }
    rows
}

async fn check_unread(scene: &Scene, dialog: DialogId, record: &Record, rows: &[Message]) {
    let read: BTreeSet<&[u8]> = record.read.iter().map(|id| id.0.as_slice()).collect();
    let expected = rows.iter().filter(|row| row.sender != record.user && !read.contains(row.id.as_slice())).count() as u64;
    let request =
        UnreadRequest { app: APP, user: record.user, dialogs: vec![dialog.to_vec()], counts_only: true, from_joining: false };
    let unread = scene.world.doors().unwrap().history.unread(request).await.unwrap().into_inner().rows[0].unread;
    assert_eq!(unread, expected, "unread of user {}", record.user);
}

/// Nobody has received anything, so whatever was acknowledged without being stored is kept. It may be kept twice: who asked
/// again and again cannot always be told that it is there.
async fn check_kept(scene: &Scene, record: &Record) {
    let request = KeptRequest { app: APP, user: record.other, above: 0 };
    let kept = scene.world.doors().unwrap().history.kept(request).await.unwrap().into_inner();
    assert!(!kept.more, "the queue fits one answer");
    let id = |row: &KeptRow| match row.frame.as_ref().and_then(|frame| frame.told.as_ref()) {
        Some(Told::Message(message)) => MessageId::try_from(message.id.as_slice()).unwrap(),
        told => panic!("{told:?} is kept"),
    };
    let ids: Vec<MessageId> = kept.rows.iter().map(id).collect();
    let mut last = None;
    for (id, fate) in &record.unsaved {
        let place = ids.iter().position(|kept| kept == id);
        match fate {
            Fate::Acked(seq) => assert!(*seq == 0 && place.is_some(), "acked message {id} is not kept"),
            Fate::Lost => assert_eq!(place, None, "message {id} was reported as lost and is kept"),
        }
        assert!(place.is_none() || place > last, "messages kept from user {} are not in the order of sending", record.user);
        last = last.max(place);
    }
}

async fn rows(scene: &Scene, dialog: DialogId) -> Vec<Message> {
    let request = PageRequest { app: APP, dialog: dialog.to_vec(), limit: 1000, ..Default::default() };
    scene.world.doors().unwrap().history.page(request).await.unwrap().into_inner().rows
}
