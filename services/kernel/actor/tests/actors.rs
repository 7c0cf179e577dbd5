//! What an author of actors may rely on, on arbiters and on one paused thread. The seeds of a whole simulation: `replay.rs`.

#![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use natter_actor::{Actor, AskError, Executor, Mailbox, Refused, Registry, RegistryOptions, Reply, Stop, start};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, advance, timeout};

const LONG: Duration = Duration::from_secs(60);

// === bounds and order ===

#[tokio::test]
async fn four_threads_cannot_put_one_message_over_the_bound() {
    let executor = Executor::arbiters(1).unwrap();
    let mailbox = start(&executor, 0, 64, |_| Scribe::default());
    let release = hold(&mailbox).await;
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let mailbox = mailbox.clone();
            thread::spawn(move || (0..10_000).filter(|n| mailbox.clone().tell(Say::Note(*n)).is_ok()).count())
        })
        .collect();
    let accepted: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    assert_eq!(accepted, 64);
    assert!(matches!(mailbox.tell(Say::Note(0)), Err(Refused::Full(Say::Note(0)))));
    release.send(()).unwrap();
    let mut notes = mailbox.ask(LONG, Say::Read).await;
    while notes == Err(AskError::Full) {
        yield_now().await;
        notes = mailbox.ask(LONG, Say::Read).await;
    }
    assert_eq!(notes.unwrap().len(), 64);
}

#[test]
fn mail_keeps_its_order_and_what_waits_is_taken_together() {
    everywhere(|executor| async move {
        let mailbox = start(&executor, 3, 1_000, |_| Scribe::default());
        let release = hold(&mailbox).await;
        (0..40).for_each(|n| mailbox.tell(Say::Note(n)).unwrap());
        let (notes, ()) = futures::join!(mailbox.ask(LONG, Say::Read), async { release.send(()).unwrap() });
        assert_eq!(notes.unwrap(), (0..40).collect::<Vec<_>>());
        // The one that held it, alone; then all that waited, 16 at most; the question was the 41st.
        let batches = mailbox.ask(LONG, Say::Batches).await.unwrap();
        assert_eq!(batches, [1, 16, 16, 9, 1]);
    });
}

#[test]
fn a_delivery_waits_for_room_and_hears_of_the_end() {
    everywhere(|executor| async move {
        let mailbox = start(&executor, 0, 2, |_| Scribe::default());
        let release = hold(&mailbox).await;
        mailbox.tell(Say::Note(0)).unwrap();
        mailbox.tell(Say::Note(1)).unwrap();
        {
            let mut waiting = std::pin::pin!(mailbox.deliver(Say::Note(2)));
            assert!(futures::poll!(waiting.as_mut()).is_pending(), "there is no room");
            release.send(()).unwrap();
            waiting.await.unwrap();
        }
        assert_eq!(mailbox.ask(LONG, Say::Read).await.unwrap(), [0, 1, 2]);
        mailbox.close();
        assert!(matches!(mailbox.deliver(Say::Note(3)).await, Err(Say::Note(3))));
    });
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_at_its_deadline_and_the_work_goes_on() {
    LocalSet::new()
        .run_until(async {
            let mailbox = start(&Executor::local(), 0, 8, |_| Scribe::default());
            let asked_at = Instant::now();
            let (release, held) = oneshot::channel();
            let answer = mailbox.ask(Duration::from_secs(2), |reply| Say::Hold(reply, held)).await;
            assert!(answer.is_ok());
            let answer = mailbox.ask(Duration::from_secs(2), Say::Read).await;
            assert_eq!((answer, asked_at.elapsed()), (Err(AskError::Deadline), Duration::from_secs(2)));
            release.send(()).unwrap();
            mailbox.tell(Say::Note(5)).unwrap();
            assert_eq!(mailbox.ask(LONG, Say::Read).await.unwrap(), [5]);
        })
        .await;
}

#[tokio::test]
async fn busy_actors_of_one_thread_take_turns_and_timers_run() {
    LocalSet::new()
        .run_until(async {
            let (executor, laps) = (Executor::local(), Arc::new(Mutex::new(Vec::new())));
            for name in ["romeo", "juliet"] {
                let laps = laps.clone();
                let mailbox = start(&executor, 0, 8, |me| Runner { me, name, laps });
                mailbox.tell(()).unwrap();
            }
            // The subject is a timer that fires although neither of the two ever rests; paused time would wait for rest.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let laps = laps.lock();
            assert!(laps.len() > 2, "{} laps", laps.len());
            assert!(laps.windows(2).all(|pair| pair[0] != pair[1]), "one of them had two turns");
        })
        .await;
}

// === the end of an actor ===

#[test]
fn a_panic_ends_the_actor_and_the_registry_makes_another_from_scratch() {
    everywhere(|executor| async move {
        let registry = scribes(&executor, LONG, 10);
        let neighbour = start(&executor, 0, 8, |_| Scribe::default());
        registry.tell(&1, Say::Note(1)).unwrap();
        let (release, held) = oneshot::channel();
        registry.ask(&1, LONG, |reply| Say::Hold(reply, held)).await.unwrap();
        let (broken, unread) = (
            registry.ask(&1, LONG, |reply: Reply<()>| Say::Panic(reply)),
            // Filled up, so that it is not of the batch that panics.
            async {
                (0..20).for_each(|n| registry.tell(&1, Say::Note(n)).unwrap());
                registry.ask(&1, LONG, Say::Read).await
            },
        );
        let (broken, unread, ()) = futures::join!(broken, unread, async { release.send(()).unwrap() });
        assert_eq!(broken, Err(AskError::Deadline), "it was in its hands");
        assert_eq!(unread, Err(AskError::Closed), "it was never read");
        assert_eq!(registry.ask(&1, LONG, Say::Read).await.unwrap(), [] as [u32; 0]);
        assert!(neighbour.ask(LONG, Say::Read).await.is_ok());
    });
}

#[test]
fn an_actor_that_cannot_be_made_answers_closed() {
    everywhere(|executor| async move {
        let registry = Registry::<u32, Scribe>::new(executor, options(LONG, 10), |_, _| panic!("no store"));
        assert_eq!(registry.ask(&1, LONG, Say::Read).await, Err(AskError::Closed));
        assert_eq!(registry.ask(&1, LONG, Say::Read).await, Err(AskError::Closed));
    });
}

#[test]
fn stop_and_close_make_room_for_a_successor_that_never_meets_its_predecessor() {
    everywhere(|executor| async move {
        let (alive, latest) = (Arc::new(Alive::default()), Arc::new(Mutex::new(None)));
        let (count, slot) = (alive.clone(), latest.clone());
        let registry = Registry::<u32, Scribe>::new(executor, options(LONG, 10), move |_, me| {
            *slot.lock() = Some(me.downgrade());
            Scribe::counted(&count)
        });
        for round in 1..=20 {
            let (release, held) = oneshot::channel();
            registry.ask(&1, LONG, |reply| Say::Hold(reply, held)).await.unwrap();
            let running = latest.lock().clone().unwrap().upgrade().unwrap();
            running.close();
            // Its successor may be made only when the batch that is held has ended.
            let (answer, ()) = futures::join!(registry.ask(&1, LONG, Say::Read), async {
                (0..10).for_each(|_| assert_eq!(alive.made.load(SeqCst), round * 2 - 1));
                release.send(()).unwrap();
            });
            assert!(answer.is_ok());
            registry.tell(&1, Say::Stop).unwrap();
            while registry.len() == 1 {
                yield_now().await;
            }
        }
        assert_eq!((alive.made.load(SeqCst), alive.most.load(SeqCst)), (40, 1));
    });
}

#[tokio::test(start_paused = true)]
async fn an_actor_without_mail_ends_after_its_idle_time_and_no_sooner() {
    LocalSet::new()
        .run_until(async {
            let registry = scribes(&Executor::local(), Duration::from_secs(10), 10);
            registry.tell(&1, Say::Note(7)).unwrap();
            for _ in 0..3 {
                advance(Duration::from_secs(9)).await;
                assert_eq!(registry.ask(&1, LONG, Say::Read).await.unwrap(), [7]);
            }
            let mut at_rest = 0;
            while registry.len() == 1 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                at_rest += 1;
            }
            assert!((10..=11).contains(&at_rest), "{at_rest} s");
            assert_eq!(registry.ask(&1, LONG, Say::Read).await.unwrap(), [] as [u32; 0]);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_message_is_lost_to_an_actor_that_goes_idle() {
    // Actors of four keys end every fifty microseconds while eight tasks ask as fast as they can.
    let executor = Executor::arbiters(2).unwrap();
    let registry = scribes(&executor, Duration::from_micros(50), 10);
    let askers: Vec<_> = (0..8)
        .map(|asker| {
            let registry = registry.clone();
            tokio::spawn(async move {
                for n in 0..1_000 {
                    registry.ask(&((asker + n) % 4), LONG, Say::Read).await.unwrap();
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
}

#[test]
fn the_last_handle_takes_the_actor_along_once_its_mail_is_read() {
    everywhere(|executor| async move {
        let (last_words, heard) = oneshot::channel();
        let mailbox = start(&executor, 0, 8, |_| Scribe::with_last_words(last_words));
        let weak = mailbox.downgrade();
        let release = hold(&mailbox).await;
        mailbox.tell(Say::Note(1)).unwrap();
        drop(mailbox);
        assert!(weak.upgrade().is_none());
        release.send(()).unwrap();
        assert_eq!(heard.await.unwrap(), [1]);
    });
}

#[test]
fn a_full_registry_refuses_new_keys_and_serves_the_old() {
    everywhere(|executor| async move {
        let registry = scribes(&executor, LONG, 2);
        registry.tell(&1, Say::Note(1)).unwrap();
        registry.tell(&2, Say::Note(2)).unwrap();
        assert!(matches!(registry.tell(&3, Say::Note(3)), Err(Refused::Full(Say::Note(3)))));
        assert_eq!(registry.ask(&2, LONG, Say::Read).await.unwrap(), [2]);
        registry.tell(&1, Say::Stop).unwrap();
        while registry.len() == 2 {
            yield_now().await;
        }
        assert_eq!(registry.ask(&3, LONG, Say::Read).await.unwrap(), [] as [u32; 0]);
    });
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_killed_takes_its_actors_and_nobody_elses() {
    LocalSet::new()
        .run_until(async {
            let (node, doomed) = node_of_its_own();
            let (_other, spared) = node_of_its_own();
            let (doomed, spared) = (doomed.await.unwrap(), spared.await.unwrap());
            let (_release, held) = oneshot::channel();
            doomed.ask(&1, LONG, |reply| Say::Hold(reply, held)).await.unwrap();
            let asker = spawn_local({
                let doomed = doomed.clone();
                async move { doomed.ask(&1, LONG, Say::Read).await }
            });
            yield_now().await;
            node.abort();
            assert_eq!(asker.await.unwrap(), Err(AskError::Closed), "queued, never read");
            assert_eq!(doomed.ask(&1, LONG, Say::Read).await, Err(AskError::Closed));
            assert!(spared.ask(&1, LONG, Say::Read).await.is_ok());
        })
        .await;
}

#[tokio::test]
async fn a_lane_is_one_thread() {
    let executor = Executor::arbiters(2).unwrap();
    let (names, mut told) = tokio::sync::mpsc::unbounded_channel();
    for lane in [0, 1, 2, 3, 0] {
        let names = names.clone();
        executor.run(lane, move || async move { names.send((lane % 2, thread::current().id())).unwrap() });
    }
    drop(names);
    let mut threads = std::collections::BTreeMap::new();
    while let Some((lane, id)) = told.recv().await {
        assert_eq!(*threads.entry(lane).or_insert(id), id);
    }
    assert_ne!(threads[&0], threads[&1]);
}

#[tokio::test]
async fn an_actor_lives_on_the_thread_that_needed_it_first() {
    let (executor, homes) = (Executor::arbiters(2).unwrap(), Arc::new(Mutex::new(Vec::new())));
    let noted = homes.clone();
    let registry = Registry::new(executor.clone(), options(LONG, 100), move |key: &u32, _| {
        noted.lock().push((*key, thread::current().id()));
        Scribe::default()
    });
    for lane in [0_u64, 1] {
        let (registry, (done, end)) = (registry.clone(), oneshot::channel());
        executor.run(lane, move || async move {
            for key in 0..8 {
                registry.ask(&(key + 8 * lane as u32), LONG, Say::Read).await.unwrap();
            }
            // Of the other lane: it stays where it is.
            registry.ask(&0, LONG, Say::Read).await.unwrap();
            done.send(thread::current().id()).unwrap();
        });
        let here = end.await.unwrap();
        assert_eq!(*homes.lock(), (0..8).map(|key| (key + 8 * lane as u32, here)).collect::<Vec<_>>());
        homes.lock().clear();
    }
}

// === the actors of these tests ===

/// Notes numbers and how many messages it was handed at once.
#[derive(Default)]
struct Scribe {
    notes: Vec<u32>,
    batches: Vec<usize>,
    alive: Option<Life>,
    last_words: Option<oneshot::Sender<Vec<u32>>>,
}

#[derive(Debug)]
enum Say {
    Note(u32),
    Read(Reply<Vec<u32>>),
    Batches(Reply<Vec<usize>>),
    /// Answers that it is held, then waits.
    Hold(Reply<()>, oneshot::Receiver<()>),
    Panic(Reply<()>),
    Stop,
}

impl Scribe {
    fn counted(alive: &Arc<Alive>) -> Scribe {
        let mut scribe = Scribe::default();
        scribe.alive = Some(Life::begin(alive));
        scribe
    }

    fn with_last_words(last_words: oneshot::Sender<Vec<u32>>) -> Scribe {
        let mut scribe = Scribe::default();
        scribe.last_words = Some(last_words);
        scribe
    }
}

impl Actor for Scribe {
    type Message = Say;

    fn batch(&self) -> usize {
        16
    }

    async fn handle(&mut self, mail: Vec<Say>) -> Result<(), Stop> {
        self.batches.push(mail.len());
        for message in mail {
            match message {
                Say::Note(n) => self.notes.push(n),
                Say::Read(reply) => reply.send(self.notes.clone()),
                Say::Batches(reply) => reply.send(self.batches.clone()),
                Say::Hold(reply, held) => {
                    reply.send(());
                    let _ = held.await;
                }
                Say::Panic(reply) => {
                    // The asker hears of it by the end of this.
                    let _unanswered = reply;
                    panic!("as the test wants it")
                }
                Say::Stop => return Err(Stop),
            }
        }
        Ok(())
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        if let Some(last_words) = self.last_words.take() {
            let _ = last_words.send(self.notes.clone());
        }
    }
}

/// Tells itself to go on, for ever.
struct Runner {
    me: Mailbox<()>,
    name: &'static str,
    laps: Arc<Mutex<Vec<&'static str>>>,
}

impl Actor for Runner {
    type Message = ();

    async fn handle(&mut self, _: Vec<()>) -> Result<(), Stop> {
        self.laps.lock().push(self.name);
        self.me.tell(()).map_err(|_| Stop)
    }
}

/// How many actors were made, and how many lived at the same time at most.
#[derive(Default)]
struct Alive {
    made: AtomicUsize,
    living: AtomicUsize,
    most: AtomicUsize,
}

struct Life(Arc<Alive>);

impl Life {
    fn begin(alive: &Arc<Alive>) -> Life {
        alive.made.fetch_add(1, SeqCst);
        let living = alive.living.fetch_add(1, SeqCst) + 1;
        alive.most.fetch_max(living, SeqCst);
        Life(alive.clone())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.living.fetch_sub(1, SeqCst);
    }
}

// === helpers ===

/// Runs `play` on arbiters and on one thread with paused time.
fn everywhere<F: Future<Output = ()>>(play: impl Fn(Executor) -> F) {
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&paused, async { play(Executor::local()).await });
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let executor = Executor::arbiters(2).unwrap();
    threads.block_on(async { timeout(LONG, play(executor)).await.unwrap() });
}

fn options(idle: Duration, actors_max: usize) -> RegistryOptions {
    RegistryOptions { capacity: 64, idle, actors_max }
}

fn scribes(executor: &Executor, idle: Duration, actors_max: usize) -> Registry<u32, Scribe> {
    Registry::new(executor.clone(), options(idle, actors_max), |_, _| Scribe::default())
}

/// Keeps the actor at one message until the sender is used or dropped.
async fn hold(mailbox: &Mailbox<Say>) -> oneshot::Sender<()> {
    let (release, held) = oneshot::channel();
    mailbox.ask(LONG, |reply| Say::Hold(reply, held)).await.unwrap();
    release
}

/// A node of a simulation: a LocalSet of its own on the current one.
fn node_of_its_own() -> (tokio::task::JoinHandle<()>, oneshot::Receiver<Registry<u32, Scribe>>) {
    let (started, registry) = oneshot::channel();
    let set = LocalSet::new();
    set.spawn_local(async {
        let _ = started.send(scribes(&Executor::local(), LONG, 10));
        pending::<()>().await;
    });
    (spawn_local(set), registry)
}
