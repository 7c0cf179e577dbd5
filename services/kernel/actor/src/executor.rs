//! Where actors run: actix arbiters, or the one thread of a simulation. The only file that starts threads.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use actix_rt::{Arbiter, ArbiterHandle, System};
use tokio::sync::mpsc;

/// Runs actors and the tasks beside them. Clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Executor(Place);

#[derive(Clone)]
enum Place {
    Arbiters(Arc<Arbiters>),
    Local(mpsc::UnboundedSender<Job>),
}

/// Makes a future on the thread that will run it, and spawns it there.
type Job = Box<dyn FnOnce() + Send>;

impl Executor {
    /// Starts one thread with an actix System and `threads` arbiters (at least one), each a thread of its own.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn arbiters(threads: usize) -> io::Result<Executor> {
        Ok(Executor(Place::Arbiters(Arc::new(Arbiters::start(threads.max(1))?))))
    }

    /// Runs everything on the LocalSet that is current here, whoever calls later; when that set is dropped, all that runs
    /// on it dies at once, as in a crash.
    ///
    /// # Panics
    /// Outside of a tokio LocalSet.
    pub fn local() -> Executor {
        // Unbounded, as an arbiter's own: what fills it are starts, and those are bounded by the registries.
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        tokio::task::spawn_local(async move {
            while let Some(job) = queue.recv().await {
                // A panic while an actor is made is the end of that actor, not of this loop.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        });
        Executor(Place::Local(jobs))
    }

    /// Runs the future made by `make` on the thread of `lane`; the same lane is always the same thread. `make` itself runs
    /// there too, so the future need not be `Send`. If that thread is gone, `make` is dropped.
    pub fn run<F, Fut>(&self, lane: u64, make: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let job = move || {
            tokio::task::spawn_local(make());
        };
        match &self.0 {
            Place::Arbiters(arbiters) => arbiters.run(lane, job),
            Place::Local(jobs) => drop(jobs.send(Box::new(job))),
        }
    }

    /// The lane of the calling thread, if it runs actors.
    pub(crate) fn lane_here() -> Option<u64> {
        LANE.get()
    }

    /// How many lanes run at the same time.
    pub fn threads(&self) -> usize {
        match &self.0 {
            Place::Arbiters(arbiters) => arbiters.lanes.len(),
            Place::Local(_) => 1,
        }
    }
}

thread_local! {
    static LANE: Cell<Option<u64>> = const { Cell::new(None) };
}

struct Arbiters {
    system: System,
    lanes: Vec<ArbiterHandle>,
}

impl Arbiters {
    fn start(threads: usize) -> io::Result<Arbiters> {
        let (ready, started) = blocking::channel();
        thread::Builder::new().name("natter-actors".to_owned()).spawn(move || {
            let runner = System::new();
            let lane = |number| {
                let arbiter = Arbiter::try_new()?.handle();
                arbiter.spawn_fn(move || LANE.set(Some(number)));
                Ok(arbiter)
            };
            let lanes = (0..threads as u64).map(lane).collect::<io::Result<Vec<_>>>();
            let failed = lanes.is_err();
            let _ = ready.send(lanes.map(|lanes| Arbiters { system: System::current(), lanes }));
            if !failed {
                let _ = runner.run();
            }
        })?;
        started.recv().map_err(|_| io::Error::other("cannot start the threads of the actors"))?
    }

    fn run(&self, lane: u64, job: impl FnOnce() + Send + 'static) {
        let lane = (lane % self.lanes.len() as u64) as usize;
        self.lanes[lane].spawn_fn(job);
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        self.system.stop();
    }
}
