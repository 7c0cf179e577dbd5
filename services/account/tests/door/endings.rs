//! What follows an end: edges are told, services are walked until a round finds nothing, from where a crash left off.
#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;

use natter_account::Keepers;
use natter_bus::Bus;
use natter_db::Faults;
use natter_proto::account::v1::*;
use natter_proto::dialog::v1::eraser_server as dialog;
use natter_proto::erasure::v1::{EraseReply, EraseRequest, Erased};
use natter_proto::event::v1::Ended;
use natter_proto::history::v1::eraser_server as history;
use natter_proto::presence::v1::eraser_server as presence;
use natter_proto::push::v1::eraser_server as push;
use natter_proto::storage::v1::eraser_server as storage;
use natter_proto::subject::Subject;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Reply, Request, Response, async_trait};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::apps::administration;
use crate::kit::*;

#[tokio::test(start_paused = true)]
async fn edges_are_told_and_every_service_is_walked_until_nothing_is_found() {
    let mut door = Door::open().await;
    let (ann, others) = (door.sign_up("ann", "secret").await, Others::default());
    door.session(Some(by_login("ann", "secret"))).await;
    others.0.lock().sessions = 2;
    let bus = Bus::local();
    let mut ended = bus.subscribe(&Subject::Ended.to_string());
    let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    let told = *ended.next().await.unwrap().read::<Ended>().unwrap();
    assert_eq!(told, Ended { app: 77, user: ann.id });
    let report = finished(&door, ann.id).await;
    let expected = [("dialogs", 3), ("files", 2), ("tokens", 1)];
    assert_eq!(report.erased, expected.map(|(kind, count)| Erased { kind: kind.into(), count }));
    assert!(ended.next().await.is_some(), "told again while there were sessions");
    let asked = others.0.lock().asked.clone();
    assert_eq!(asked[..2], ["presence", "presence"], "nothing else before the last session has ended");
    assert_eq!(asked.iter().filter(|name| **name == "storage").count(), 3, "a page, its end, and a round that found nothing");
    walk.abort();
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_dies_at_any_step_goes_on_from_there() {
    // However many answers of the store come before the process dies: in the end all is gone, and nobody was asked for another user.
    for steps in 0..11 {
        let mut door = Door::open().await;
        let (ann, others, bus) = (door.sign_up("ann", "secret").await, Others::default(), Bus::local());
        answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
        others.0.lock().dies_after = Some(steps);
        let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
        others.wait_for_death().await;
        walk.abort();
        door.db = door.db.crash();
        door.restart();
        others.0.lock().dies_after = None;
        let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
        finished(&door, ann.id).await;
        let left = others.0.lock();
        assert_eq!((left.dialogs, left.files), (0, 0), "died after {steps} answers");
        assert!(left.scopes.iter().all(|scope| *scope == (77, ann.id)), "{:?}", left.scopes);
        walk.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_while_a_long_erasure_goes_on_is_told_at_once() {
    let mut door = Door::open().await;
    let (ann, bob) = (door.sign_up("ann", "secret").await, door.sign_up("bob", "secret").await);
    let (others, bus) = (Others::default(), Bus::local());
    others.0.lock().files = 10_000;
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
    while others.0.lock().answers < 10 {
        tokio::task::yield_now().await;
    }
    let mut ended = bus.subscribe(&Subject::Ended.to_string());
    answer(door.client.delete_user(UserRequest { app: 77, id: bob.id }).await).unwrap();
    while ended.next().await.unwrap().read::<Ended>().unwrap().user != bob.id {}
    assert_eq!(report(&door, ann.id).await.unwrap().ended_at, 0, "the other erasure still goes on");
    walk.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_holds_a_walk_up_and_no_longer() {
    let mut door = Door::open().await;
    let (ann, others, bus) = (door.sign_up("ann", "secret").await, Others::default(), Bus::local());
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
    tokio::time::advance(MINUTE).await;
    assert_eq!(report(&door, ann.id).await.unwrap().ended_at, 0);
    door.db.set_faults(Faults::default());
    finished(&door, ann.id).await;
    walk.abort();
}

#[tokio::test(start_paused = true)]
async fn a_suspended_app_is_told_again_and_a_report_goes_after_thirty_days() {
    let mut door = Door::open().await;
    let (ann, others, bus) = (door.sign_up("ann", "secret").await, Others::default(), Bus::local());
    let walk = tokio::spawn(door.service.clone().erase(keepers(&door, &others, &bus), pending()));
    answer(door.client.delete_user(UserRequest { app: 77, id: ann.id }).await).unwrap();
    finished(&door, ann.id).await;
    let mut ended = bus.subscribe(&Subject::Ended.to_string());
    answer(administration(&door).suspend_app(SuspendAppRequest { id: 77, suspended: true }).await).unwrap();
    for _ in 0..3 {
        assert_eq!(*ended.next().await.unwrap().read::<Ended>().unwrap(), Ended { app: 77, user: 0 });
    }
    tokio::time::advance(29 * 24 * 60 * MINUTE).await;
    tokio::time::sleep(MINUTE).await;
    assert!(report(&door, ann.id).await.is_ok());
    tokio::time::advance(24 * 60 * MINUTE).await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!(report(&door, ann.id).await.unwrap_err().code, Code::NotFound);
    walk.abort();
}

#[tokio::test(start_paused = true)]
async fn nobody_is_erased_who_has_not_ended() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    let mut own = eraser_client::EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    for user in [ann.id, 0] {
        let request = EraseRequest { app: 77, user, after: Vec::new() };
        assert_eq!(answer(own.erase(request).await).unwrap_err().code, Code::NotFound);
    }
    assert_eq!(door.resolve(&session.token).await.unwrap().user, ann.id);
}

// === helpers ===

async fn report(door: &Door, user: u64) -> Result<Erasure, Failure> {
    answer(administration(door).get_erasure(UserRequest { app: 77, id: user }).await)
}

async fn finished(door: &Door, user: u64) -> Erasure {
    let ended = async {
        loop {
            let report = report(door, user).await.unwrap();
            if report.ended_at != 0 {
                return report;
            }
            tokio::time::sleep(MINUTE / 60).await;
        }
    };
    timeout(10 * MINUTE, ended).await.expect("the walk does not end")
}

pub fn keepers(door: &Door, others: &Others, bus: &Bus) -> Keepers {
    let options = LinkOptions::default();
    Keepers {
        bus: bus.clone(),
        account: Link::local(door.service.eraser_server(), options),
        presence: Link::local(presence::EraserServer::new(others.clone()), options),
        dialog: Link::local(dialog::EraserServer::new(others.clone()), options),
        history: Link::local(history::EraserServer::new(others.clone()), options),
        storage: Link::local(storage::EraserServer::new(others.clone()), options),
        push: Link::local(push::EraserServer::new(others.clone()), options),
    }
}

/// The other services: three dialogs to leave, two files on a page of their own each.
#[derive(Clone)]
pub struct Others(Arc<Mutex<Kept>>);

struct Kept {
    /// Refusals before the last session has ended.
    sessions: u32,
    dialogs: u64,
    files: u64,
    asked: Vec<&'static str>,
    scopes: Vec<(u64, u64)>,
    /// After so many answers no further one comes.
    dies_after: Option<usize>,
    answers: usize,
}

impl Default for Others {
    fn default() -> Others {
        let (asked, scopes) = (Vec::new(), Vec::new());
        Others(Arc::new(Mutex::new(Kept { sessions: 0, dialogs: 3, files: 2, asked, scopes, dies_after: None, answers: 0 })))
    }
}

impl Others {
    fn is_dead(&self) -> bool {
        let kept = self.0.lock();
        kept.dies_after.is_some_and(|after| kept.answers >= after)
    }

    async fn wait_for_death(&self) {
        let dead = async {
            while !self.is_dead() {
                tokio::time::sleep(MINUTE / 6_000).await;
            }
        };
        // A walk that needs fewer answers ends before.
        let _ = timeout(MINUTE, dead).await;
    }

    async fn answer(&self, name: &'static str, request: Request<EraseRequest>) -> Reply<EraseReply> {
        let outcome = self.keep(name, request.into_inner());
        if outcome.is_none() {
            pending::<()>().await;
        }
        match outcome {
            Some(Ok(reply)) => Ok(Response::new(reply)),
            _ => Err(Failure::new(Code::Busy, "there are sessions yet").into()),
        }
    }

    fn keep(&self, name: &'static str, request: EraseRequest) -> Option<Result<EraseReply, ()>> {
        let mut kept = self.0.lock();
        if kept.dies_after.is_some_and(|after| kept.answers >= after) {
            return None;
        }
        kept.answers += 1;
        kept.asked.push(name);
        kept.scopes.push((request.app, request.user));
        let (kind, count, more) = match name {
            "presence" if kept.sessions > 0 => {
                kept.sessions -= 1;
                return Some(Err(()));
            }
            "dialog" => ("dialogs", std::mem::take(&mut kept.dialogs), false),
            "storage" => {
                let count = kept.files.min(1);
                kept.files -= count;
                ("files", count, kept.files > 0)
            }
            _ => ("nothing", 0, false),
        };
        let erased = vec![Erased { kind: kind.into(), count }];
        Some(Ok(EraseReply { erased, next: if more { vec![1] } else { Vec::new() } }))
    }
}

macro_rules! erasers {
    ($($name:ident)*) => {$(
        #[async_trait]
        impl $name::Eraser for Others {
            async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseReply> {
                self.answer(stringify!($name), request).await
            }
        }
    )*};
}

erasers! { presence dialog history storage push }
