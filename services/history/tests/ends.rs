//! What history keeps of a user who is no more, and of an app.

#![allow(clippy::unwrap_used)]

use natter_actor::{Chance, Clock};
use natter_bus::Log;
use natter_db::{Faults, Kv, Table};
use natter_history::{Options, Parts, Service};
use natter_proto::erasure::v1::EraseRequest;
use natter_proto::event::v1::{Frame, Message};
use natter_proto::history::v1::eraser_client::EraserClient;
use natter_proto::history::v1::history_client::HistoryClient;
use natter_proto::history::v1::*;
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;

const ROMEO: u64 = 34;
const JULIET: u64 = 78;

#[tokio::test(start_paused = true)]
async fn his_queue_and_his_reactions_go_and_what_he_said_stays() {
    let play = Play::on(Kv::memory());
    for app in [1, 2] {
        play.fill(app).await;
    }
    assert_eq!(play.erase(1, ROMEO).await, [("kept_messages", 2), ("reactions", 2)]);
    assert_eq!(play.erase(1, ROMEO).await, []);
    let play = play.restarted();
    assert_eq!(play.kept(1, ROMEO).await, 0);
    assert_eq!(play.kept(1, JULIET).await, 2);
    assert_eq!(play.reactions(1).await, [(1, vec![JULIET])]);
    assert_eq!(play.texts(1).await, ["one", "two"]);
    assert_eq!((play.kept(2, ROMEO).await, play.reactions(2).await.len()), (2, 2), "another app");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_cut_off_is_completed_by_the_next() {
    let play = Play::on(Kv::memory());
    play.fill(1).await;
    play.kv.set_faults(Faults { seed: 5, not_stored: 0.5, ..Faults::default() });
    while play.try_erase(1, ROMEO).await.is_none() {}
    play.kv.set_faults(Faults::default());
    assert_eq!(play.erase(1, ROMEO).await, []);
    assert_eq!((play.kept(1, ROMEO).await, play.reactions(1).await), (0, vec![(1, vec![JULIET])]));
}

#[tokio::test(start_paused = true)]
async fn of_an_app_nothing_is_left_and_all_of_the_next() {
    let play = Play::on(Kv::memory());
    for app in [1, 2] {
        play.fill(app).await;
    }
    let erased = play.erase(1, 0).await;
    assert_eq!(erased[0], ("messages", 2), "{erased:?}");
    assert_eq!(play.erase(1, 0).await, []);
    let play = play.restarted();
    assert_eq!((play.texts(1).await.len(), play.kept(1, JULIET).await, play.reactions(1).await.len()), (0, 0, 0));
    assert_eq!((play.texts(2).await.len(), play.kept(2, JULIET).await, play.reactions(2).await.len()), (2, 2, 2));
}

struct Play {
    kv: Kv,
    client: HistoryClient<Link>,
    eraser: EraserClient<Link>,
}

impl Play {
    fn on(kv: Kv) -> Play {
        let posted = Log::embedded(kv.clone(), Table("posted"), 1_000);
        let parts = Parts {
            db: kv.clone().into(),
            chance: Chance::seeded(1),
            posted,
            clock: Clock::paused(1_800_000_000_000),
            metrics: Metrics::new(),
        };
        let service = Service::new(Options::default(), parts);
        let client = HistoryClient::new(Link::local(service.server(), LinkOptions::default()));
        let eraser = EraserClient::new(Link::local(service.eraser_server(), LinkOptions::default()));
        Play { kv, client, eraser }
    }

    fn restarted(&self) -> Play {
        Play::on(self.kv.crash())
    }

    /// Two messages of his, to which both react, and two frames for each of the two.
    async fn fill(&self, app: u64) {
        let mut client = self.client.clone();
        let row = |seq: u64, text: &str| Message {
            id: vec![seq as u8; 12],
            sender: ROMEO,
            seq,
            body: Some(text.into()),
            content_hash: vec![seq as u8; 32],
            ..Message::default()
        };
        let rows = vec![row(1, "one"), row(2, "two")];
        client.append(AppendRequest { app, dialog: dialog(), first_seq: 1, rows, quiet: vec![] }).await.unwrap();
        for (seq, user) in [(1, ROMEO), (1, JULIET), (2, ROMEO)] {
            let request = ReactRequest { app, dialog: dialog(), seq, user, add: "+".into(), ..ReactRequest::default() };
            client.react(request).await.unwrap();
        }
        for user in [ROMEO, JULIET] {
            let frames = vec![Frame { app, ..Frame::default() }; 2];
            client.keep(KeepRequest { app, user, frames }).await.unwrap();
        }
    }

    async fn erase(&self, app: u64, user: u64) -> Vec<(&'static str, u64)> {
        self.try_erase(app, user).await.unwrap()
    }

    /// Every page, by kind, without those of which there was nothing.
    async fn try_erase(&self, app: u64, user: u64) -> Option<Vec<(&'static str, u64)>> {
        let (mut all, mut after) = ([("messages", 0), ("kept_messages", 0), ("reactions", 0)], Vec::new());
        loop {
            let reply = self.eraser.clone().erase(EraseRequest { app, user, after }).await.ok()?.into_inner();
            for (kind, count) in &mut all {
                *count += reply.erased.iter().filter(|one| one.kind == *kind).map(|one| one.count).sum::<u64>();
            }
            if reply.next.is_empty() {
                return Some(all.into_iter().filter(|(_, count)| *count > 0).collect());
            }
            after = reply.next;
        }
    }

    async fn kept(&self, app: u64, user: u64) -> usize {
        self.client.clone().kept(KeptRequest { app, user, above: 0 }).await.unwrap().into_inner().rows.len()
    }

    /// Who reacted, by row.
    async fn reactions(&self, app: u64) -> Vec<(u64, Vec<u64>)> {
        let request = ReactionsRequest { app, dialog: dialog(), seqs: vec![1, 2] };
        let found = self.client.clone().reactions(request).await.unwrap().into_inner().reactions;
        found.into_iter().map(|row| (row.seq, row.all.into_iter().flat_map(|one| one.users).collect())).collect()
    }

    async fn texts(&self, app: u64) -> Vec<String> {
        let request = PageRequest { app, dialog: dialog(), limit: 10, ..PageRequest::default() };
        let rows = self.client.clone().page(request).await.unwrap().into_inner().rows;
        rows.into_iter().filter_map(|row| row.body).collect()
    }
}

fn dialog() -> Vec<u8> {
    vec![0xab; 12]
}
