//! A user who writes: one message after another, each again under its id until it is acknowledged, some of them once more later; who
//! reads what others wrote, and marks some of it as read. He remembers what he was told.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use natter_proto::dialog::v1::{MarkRequest, PostRequest};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::PageRequest;
use natter_proto::{Code, DialogId, Failure, MessageId};
use tokio::time::{Instant, sleep};

use crate::simulation::cluster::town::Town;
use crate::world::APP;

/// What was said to him.
#[derive(Default)]
pub struct Record {
    pub user: usize,
    /// By dialog, in the order of sending: the id, and the number that it was acknowledged with.
    pub sent: BTreeMap<DialogId, Vec<(MessageId, u64)>>,
    /// Whose read mark was acknowledged.
    pub read: BTreeMap<DialogId, Vec<MessageId>>,
    /// What a page showed, by number.
    pub shown: BTreeMap<(DialogId, u64), MessageId>,
    /// Dialog and id, and when it was acknowledged.
    pub last_words: Vec<(DialogId, MessageId, Instant)>,
    pub again: usize,
    pub repeated: usize,
}

pub struct Writer {
    town: Rc<Town>,
    user: usize,
    number: u32,
    pub record: Record,
}

impl Writer {
    pub fn new(town: Rc<Town>, user: usize) -> Writer {
        Writer { town, user, number: 0, record: Record { user, ..Record::default() } }
    }

    pub async fn write(&mut self, count: u32) {
        let chance = self.town.chance.clone();
        for _ in 0..count {
            let dialogs = self.dialogs();
            let (dialog, members) = dialogs[chance.below(dialogs.len() as u64) as usize].clone();
            self.say(dialog, &members).await;
            match chance.below(16) {
                0 | 1 => self.say_again(dialog, &members).await,
                2..=5 => self.read(dialog).await,
                6 => self.say_everywhere(dialogs).await,
                _ => {}
            }
            sleep(Duration::from_millis(chance.below(500))).await;
        }
    }

    /// One more thing everywhere.
    pub async fn last_words(&mut self) {
        for (dialog, members) in self.dialogs() {
            let id = self.say(dialog, &members).await;
            self.record.last_words.push((dialog, id, Instant::now()));
        }
    }

    fn dialogs(&self) -> Vec<(DialogId, Vec<usize>)> {
        self.town.dialogs.iter().filter(|(_, members)| members.contains(&self.user)).cloned().collect()
    }

    async fn say(&mut self, dialog: DialogId, members: &[usize]) -> MessageId {
        self.number += 1;
        let id = id(self.user, self.number);
        let seq = self.post(dialog, members, id, &format!("{} {}", self.user, self.number)).await;
        self.record.sent.entry(dialog).or_default().push((id, seq));
        id
    }

    /// One thing in each dialog, all at the same time.
    async fn say_everywhere(&mut self, dialogs: Vec<(DialogId, Vec<usize>)>) {
        let (town, user) = (&self.town, self.user);
        let posts = dialogs.into_iter().map(|(dialog, members)| {
            self.number += 1;
            let (id, body) = (id(user, self.number), format!("{user} {}", self.number));
            async move { (dialog, id, post(town, user, (dialog, &members), id, &body).await) }
        });
        let posted = join_all(posts).await;
        for (dialog, id, (seq, repeated)) in posted {
            self.record.repeated += repeated;
            self.record.sent.entry(dialog).or_default().push((id, seq));
        }
    }

    /// What was acknowledged is the same message when it comes again, with the same number.
    async fn say_again(&mut self, dialog: DialogId, members: &[usize]) {
        let sent = &self.record.sent[&dialog];
        let back = self.town.chance.below(sent.len().min(4) as u64) as usize;
        let (id, seq) = sent[sent.len() - 1 - back];
        let number = u64::from_be_bytes(id.0[4..].try_into().unwrap());
        let again = self.post(dialog, members, id, &format!("{} {number}", self.user)).await;
        assert_eq!(again, seq, "message {id} was acknowledged with another number when it came again");
        self.record.again += 1;
    }

    async fn post(&mut self, dialog: DialogId, members: &[usize], id: MessageId, body: &str) -> u64 {
        let (seq, repeated) = post(&self.town, self.user, (dialog, members), id, body).await;
        self.record.repeated += repeated;
        seq
    }

    async fn read(&mut self, dialog: DialogId) {
        let Some(rows) = page(&self.town, dialog, 10).await else { return };
        for row in &rows {
            self.see(dialog, row);
        }
        let user = self.town.users[self.user];
        let Some(newest) = rows.iter().find(|row| row.sender != user) else { return };
        let request = MarkRequest {
            app: APP,
            dialog: dialog.to_vec(),
            user,
            author: newest.sender,
            kind: MarkKind::Read.into(),
            ids: vec![newest.id.clone()],
            ..Default::default()
        };
        loop {
            match self.town.dialog().mark(request.clone()).await {
                Ok(_) => break,
                Err(status) => may_pass(self.user, status.into(), "mark"),
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.town.note(format!("user {} marked {} of {dialog} as read", self.user, newest.seq));
        self.record.read.entry(dialog).or_default().push(MessageId::try_from(newest.id.as_slice()).unwrap());
    }

    fn see(&mut self, dialog: DialogId, row: &Message) {
        let id = MessageId::try_from(row.id.as_slice()).unwrap();
        let before = self.record.shown.insert((dialog, row.seq), id);
        assert!(before.is_none_or(|before| before == id), "number {} of {dialog} was {before:?} and is {id}", row.seq);
    }
}

fn id(user: usize, number: u32) -> MessageId {
    MessageId::from_random(0x6b00_0000 + user as i64, u64::from(number).to_be_bytes())
}

/// Until it is acknowledged: with which number, and how often it was repeated.
async fn post(town: &Town, user: usize, (dialog, members): (DialogId, &[usize]), id: MessageId, body: &str) -> (u64, usize) {
    let users = &town.users;
    let other = members.iter().find(|member| **member != user && members.len() == 2);
    let message = Message { id: id.to_vec(), sender: users[user], body: Some(body.into()), ..Default::default() };
    let request = PostRequest {
        app: APP,
        dialog: dialog.to_vec(),
        recipient: other.map_or(0, |other| users[*other]),
        message: Some(message),
        store: true,
        deliver: true,
        ..Default::default()
    };
    let mut repeated = 0;
    loop {
        // An edge makes a call for each attempt of a client; some clients have no patience.
        let patience = Duration::from_millis(if town.chance.below(4) == 0 { 300 } else { 20_000 });
        match tokio::time::timeout(patience, town.dialog().post(request.clone())).await {
            Ok(Ok(reply)) => return (reply.into_inner().seq, repeated),
            Ok(Err(status)) => may_pass(user, status.into(), "post"),
            Err(_) => {}
        }
        repeated += 1;
        sleep(Duration::from_millis(20 + town.chance.below(300))).await;
    }
}

/// What may be repeated; anything else is no answer that misfortune explains.
fn may_pass(user: usize, failure: Failure, what: &str) {
    let passing = [Code::Busy, Code::Unknown, Code::Internal, Code::NotStored, Code::Conflict];
    assert!(passing.contains(&failure.code), "{what} of user {user}: {failure:?}");
}

/// The newest rows, newest first; none if nobody answers.
async fn page(town: &Town, dialog: DialogId, limit: u32) -> Option<Vec<Message>> {
    let request = PageRequest { app: APP, dialog: dialog.to_vec(), descending: true, limit, ..Default::default() };
    Some(town.history().page(request).await.ok()?.into_inner().rows)
}
