//! The limit that the benchmarks are held against: N writers append records of 300 bytes to one file, and one thread writes
//! what waits with one `write` and one `fdatasync`. No store, no rows, no conditions.
//!
//! `cargo run --release -p natter-db --example limit -- [writers] [seconds] [directory]`
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

const RECORD: [u8; 300] = [b'x'; 300];
const GROUP_MAX: u64 = 256;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let writers = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(64);
    let seconds = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(5);
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = directory.join(format!("natter-limit-{}", std::process::id()));
    let measured = measure(File::create(&path)?, writers, Duration::from_secs(seconds));
    std::fs::remove_file(&path)?;
    let (records, groups) = measured?;
    println!("{} records/s, {} fdatasync/s, {writers} writers", records / seconds, groups / seconds);
    Ok(())
}

/// Who waits, and how far the file is.
#[derive(Default)]
struct Log {
    places: Mutex<Places>,
    waiting: Condvar,
    synced: Condvar,
    stop: AtomicBool,
}

/// Records asked for and records on disk, both counted from the start.
#[derive(Default)]
struct Places {
    asked: u64,
    synced: u64,
}

fn measure(file: File, writers: usize, time: Duration) -> io::Result<(u64, u64)> {
    let log = Arc::new(Log::default());
    let threads: Vec<_> = (0..writers)
        .map(|_| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || while log.append() {})
        })
        .collect();
    let counted = write_groups(&log, file, Instant::now() + time);
    for thread in threads {
        thread.join().expect("a writer only waits");
    }
    counted
}

impl Log {
    /// One record: asks, and waits until it is on disk. False: the time is over.
    fn append(&self) -> bool {
        let mut places = self.places.lock();
        places.asked += 1;
        let mine = places.asked;
        self.waiting.notify_one();
        while places.synced < mine && !self.stop.load(Ordering::Relaxed) {
            self.synced.wait(&mut places);
        }
        !self.stop.load(Ordering::Relaxed)
    }
}

fn write_groups(log: &Log, mut file: File, until: Instant) -> io::Result<(u64, u64)> {
    let mut buffer = Vec::new();
    let mut groups = 0;
    let outcome = loop {
        if Instant::now() >= until {
            break Ok(());
        }
        let group = {
            let mut places = log.places.lock();
            while places.asked == places.synced {
                log.waiting.wait(&mut places);
            }
            (places.asked - places.synced).min(GROUP_MAX)
        };
        buffer.clear();
        (0..group).for_each(|_| buffer.extend_from_slice(&RECORD));
        if let Err(error) = file.write_all(&buffer).and_then(|()| file.sync_data()) {
            break Err(error);
        }
        groups += 1;
        log.places.lock().synced += group;
        log.synced.notify_all();
    };
    log.stop.store(true, Ordering::Relaxed);
    let synced = log.places.lock().synced;
    log.synced.notify_all();
    outcome.map(|()| (synced, groups))
}
