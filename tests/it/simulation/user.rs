//! A user of the simulation: sends messages one after another, each again with its id until its fate is known, and marks what
//! the other one wrote as read. Remembers what it was told.

use std::rc::Rc;
use std::time::Duration;

use natter_proto::dialog::v1::{MarkRequest, PostReply, PostRequest};
use natter_proto::event::v1::{MarkKind, Message};
use natter_proto::history::v1::PageRequest;
use natter_proto::{Code, Failure, MessageId};

use crate::simulation::scene::Scene;
use crate::world::{APP, Doors};

/// What became of one message, as its sender was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Acknowledged, with this number.
    Acked(u64),
    /// Refused by the store at every attempt: must not exist.
    Lost,
}

/// What a user remembers.
pub struct Record {
    pub user: u64,
    pub other: u64,
    pub sent: Vec<(MessageId, Fate)>,
    /// Messages sent to be handed on and not stored.
    pub unsaved: Vec<(MessageId, Fate)>,
    /// Messages sent to the group of the two.
    pub in_group: Vec<(MessageId, Fate)>,
    /// Ids of the other one's messages whose read mark was acknowledged.
    pub read: Vec<MessageId>,
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Private,
    Unsaved,
    Group,
}

pub struct User {
    scene: Rc<Scene>,
    me: u64,
    other: u64,
}

impl User {
    pub fn new(scene: Rc<Scene>, me: u64, other: u64) -> User {
        User { scene, me, other }
    }

    /// Sends `count` messages and reads now and then.
    pub async fn write(self, count: u32) -> Record {
        let (user, other) = (self.me, self.other);
        let mut record = Record { user, other, sent: Vec::new(), unsaved: Vec::new(), in_group: Vec::new(), read: Vec::new() };
        for number in 0..count {
            let id = MessageId::from_random(self.me as i64, u64::from(number).to_be_bytes());
            let (target, remembered) = match self.scene.world.chance.below(5) {
                0 => (Target::Unsaved, &mut record.unsaved),
                1 => (Target::Group, &mut record.in_group),
                _ => (Target::Private, &mut record.sent),
            };
            remembered.push((id, self.send(id, number, target).await));
            if self.scene.world.chance.below(4) == 0 {
                self.read_one(&mut record).await;
            }
            tokio::time::sleep(Duration::from_millis(self.scene.world.chance.below(60))).await;
        }
        record
    }

    async fn send(&self, id: MessageId, number: u32, target: Target) -> Fate {
        let mut only_refused = true;
        loop {
            match self.attempt(id, number, target).await {
                Ok(reply) => return Fate::Acked(reply.seq),
                Err(failure) if failure.code == Code::NotStored && only_refused => return Fate::Lost,
                Err(failure) if [Code::Unknown, Code::Internal].contains(&failure.code) => only_refused = false,
                Err(failure) if [Code::Busy, Code::Conflict, Code::NotStored].contains(&failure.code) => {}
                Err(failure) => panic!("{failure:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20 + self.scene.world.chance.below(50))).await;
        }
    }

    async fn attempt(&self, id: MessageId, number: u32, target: Target) -> Result<PostReply, Failure> {
        let mut doors = self.doors().await;
        let message =
            Message { id: id.to_vec(), sender: self.me, body: Some(format!("{} {number}", self.me)), ..Default::default() };
        let request = PostRequest {
            app: APP,
            dialog: if target == Target::Group { self.scene.group.to_vec() } else { self.scene.dialog.to_vec() },
            recipient: if target == Target::Group { 0 } else { self.other },
            message: Some(message),
            store: target != Target::Unsaved,
            deliver: true,
            ..Default::default()
        };
        doors.dialog.post(request).await.map(|reply| reply.into_inner()).map_err(Failure::from)
    }

    // Marks the newest message of the other one as read, until that is acknowledged.
    async fn read_one(&self, record: &mut Record) {
        let Some(newest) = self.newest_of_other().await else { return };
        let request = MarkRequest {
            app: APP,
            dialog: self.scene.dialog.to_vec(),
            user: self.me,
            author: self.other,
            kind: MarkKind::Read.into(),
            ids: vec![newest.to_vec()],
            ..Default::default()
        };
        while self.doors().await.dialog.mark(request.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        record.read.push(newest);
    }

    async fn newest_of_other(&self) -> Option<MessageId> {
        let dialog = self.scene.dialog.to_vec();
        let request = PageRequest { app: APP, dialog, reader: self.me, descending: true, limit: 10, ..Default::default() };
        loop {
            if let Ok(page) = self.doors().await.history.page(request.clone()).await {
                let newest = page.into_inner().rows.into_iter().find(|row| row.sender == self.other)?;
                return MessageId::try_from(newest.id.as_slice()).ok();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn doors(&self) -> Doors {
        loop {
            if let Some(doors) = self.scene.world.doors() {
                return doors;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
