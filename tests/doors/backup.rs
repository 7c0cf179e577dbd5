//! An installation becomes a folder while it is used, and comes back from it: all that was acknowledged before is there, and of what came
//! meanwhile what was before one moment. What is cut off, by SIGKILL of the process, of the backup or of the restore, is no backup and
//! no installation.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use natter_tests::process::Natter;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::archive::{Seen, unread};
use crate::attachments::Made;
use crate::erase::{Cast, say};
use crate::rest::{Person, Rest};

/// Of a file: some writes of a copy.
const CONTENT: usize = 8 << 20;
/// Of the rows: more pieces of a copy than wait anywhere.
const MESSAGES: usize = 500;
const BODY: usize = 55_000;
/// SIGKILLs of each kind, at growing distances from the beginning.
const KILLS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_traffic_comes_back_whole_and_what_a_kill_cut_off_does_not() {
    comes_back().await.unwrap();
}

async fn comes_back() -> Result<()> {
    let mut natter = Natter::start(&["api.user_rate=100000", "api.app_rate=100000"]).await?;
    let rest = Rest::of(&natter, 1)?;
    let cast = Cast::of(&rest, &natter, 1).await?;
    let made = Made::by(&rest, &cast.ann, "large.png").await?;
    let content: Vec<u8> = (0..CONTENT).map(|n| (n % 251) as u8).collect();
    ensure!(made.upload(&rest, &content).await?.0 == 201);
    made.complete(&rest, &cast.ann, CONTENT).await?;
    let body = "x".repeat(BODY);
    for n in 0..MESSAGES {
        say(&rest, &cast.ann, &cast.private, &format!("number {n} {body}")).await?;
    }
    let before = Seen::of(&rest, &cast, &made).await?;
    ensure!(before.unread[1].as_u64() >= Some(MESSAGES as u64), "{:?}", before.unread);
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);

    // While two others write.
    let (dave, erin) = (rest.sign_up("dave").await?, rest.sign_up("erin").await?);
    let dialog = rest.dialog(&dave, &erin).await?;
    let traffic = Traffic::begin(rest.clone(), dave.clone(), dialog.clone());
    traffic.has_said(20).await?;
    let acknowledged = traffic.said();
    let whole = at("whole");
    let said = natter.shell(&["backup", path(&whole)?])?;
    ensure!(said.contains("bytes of 2"), "{said}");
    let (first, last) = (acknowledged, traffic.end().await?);
    ensure!(last > first, "nobody wrote while the backup was made");
    sums_are_right(&whole)?;
    ensure!(natter.shell(&["backup", path(&whole)?]).is_err(), "what is there is not overwritten");
    let there = restored(&whole).await?;
    same_there(&there, &cast, &made, &before).await?;
    let at_moment = bodies_of(&there, &dave, &erin, &dialog).await?;
    let live = rest.bodies(&erin.token, &dialog).await?;
    ensure!((first..=last).contains(&at_moment.len()), "{} of {first} to {last}", at_moment.len());
    ensure!(live.len() == last && at_moment == live[..at_moment.len()], "what is there is not what was said first");
    goes_on(&there, &cast).await?;
    drop(there);

    // SIGKILL of the process, and of the command.
    let another = rest.dialog(&dave, &cast.carl).await?;
    let traffic = Traffic::begin(rest.clone(), dave.clone(), another.clone());
    let (mut cut_off, mut asked) = (0, 0);
    for kill in 0..KILLS {
        let cut = at(&format!("cut-{kill}"));
        let mut command = natter.begin(&["backup", path(&cut)?])?;
        part_is_there(&cut).await?;
        if kill % 2 == 0 {
            // While it is asked for the rows.
            rows_come(&cut, &mut command).await?;
            natter.kill().await?;
        } else {
            sleep(Duration::from_millis(u64::from(kill) * 30)).await;
            command.kill().await?;
        }
        let ended = command.wait().await?;
        if cut.exists() {
            // It was done before the kill.
            sums_are_right(&cut)?;
        } else {
            cut_off += 1;
            ensure!(!ended.success(), "it says that it made {}", cut.display());
            ensure!(natter.output(&["restore", path(&part_of(&cut))?])?.status.code() == Some(1), "a part is no backup");
        }
        if kill % 2 == 0 {
            asked += usize::from(!cut.exists());
            natter.restart().await?;
        }
    }
    traffic.stop().await;
    ensure!(cut_off > asked && asked > 0, "{cut_off} were cut off, {asked} of them by the end of the process");
    // What was left by one of them does not hinder the next, also if the process is stopped.
    natter.stop().await?;
    let cut = at("cut-1");
    std::fs::create_dir_all(part_of(&cut).join("blobs"))?;
    let again = if cut.exists() { at("again") } else { cut };
    natter.shell(&["backup", path(&again)?])?;
    sums_are_right(&again)?;

    // SIGKILL of the restore.
    let mut there = Natter::at_rest(&["api.user_rate=100000"])?;
    let mut cut_off = 0;
    for kill in 0..KILLS {
        let mut command = there.begin(&["restore", path(&again)?])?;
        mark_is_there(&there.data(), &mut command).await?;
        sleep(Duration::from_millis(u64::from(kill) * 30)).await;
        command.kill().await?;
        if !there.data().join("restore.part").exists() {
            // It was done before the kill.
            std::fs::remove_dir_all(there.data())?;
            continue;
        }
        cut_off += 1;
        let refused = there.restart().await.err().context("a part of a backup started")?.to_string();
        ensure!(refused.contains("was not restored to its end"), "{refused}");
        let doctor = there.output(&["doctor"])?;
        ensure!(String::from_utf8_lossy(&doctor.stdout).contains("natter restore"), "{doctor:?}");
    }
    ensure!(cut_off > 0, "no restore was cut off");
    there.shell(&["restore", path(&again)?])?;
    ensure!(there.shell(&["restore", path(&again)?]).is_err(), "what is there is not overwritten");
    there.restart().await?;
    natter.restart().await?;
    let there_rest = Rest::of(&there, 1)?;
    for dialog in [&dialog, &another] {
        let (live, kept) = (rest.bodies(&dave.token, dialog).await?, there_rest.bodies(&dave.token, dialog).await?);
        ensure!(live == kept && !live.is_empty(), "of a stopped process all is there");
    }
    ensure!(unread(&rest, &cast.carl).await? == unread(&there_rest, &cast.carl).await?, "unread is another");
    goes_on(&there, &cast).await
}

/// Starts what a backup holds.
async fn restored(backup: &Path) -> Result<Natter> {
    let mut there = Natter::at_rest(&["api.user_rate=100000"])?;
    there.shell(&["restore", path(backup)?])?;
    there.restart().await?;
    Ok(there)
}

/// The tokens that they had are good there too.
async fn same_there(there: &Natter, cast: &Cast, made: &Made, before: &Seen) -> Result<()> {
    let rest = Rest::of(there, 1)?;
    let seen = Seen::of(&rest, cast, made).await?;
    ensure!(seen == *before, "what is seen there is another");
    Ok(())
}

async fn bodies_of(there: &Natter, dave: &Person, erin: &Person, dialog: &str) -> Result<Vec<String>> {
    let rest = Rest::of(there, 1)?;
    let count = unread(&rest, erin).await?;
    let bodies = rest.bodies(&dave.token, dialog).await?;
    ensure!(count.as_u64() == Some(bodies.len() as u64), "{count} unread of {}", bodies.len());
    Ok(bodies)
}

async fn goes_on(there: &Natter, cast: &Cast) -> Result<()> {
    let rest = Rest::of(there, 1)?;
    let count = unread(&rest, &cast.bob).await?;
    say(&rest, &cast.ann, &cast.private, "and here").await?;
    let after = unread(&rest, &cast.bob).await?;
    ensure!(after.as_u64() == count.as_u64().map(|count| count + 1), "{after} after {count}");
    let newcomer = rest.sign_up("newcomer").await?;
    ensure!(newcomer.account.user > cast.carl.account.user, "an id was given again");
    Ok(())
}

fn sums_are_right(backup: &Path) -> Result<()> {
    let about: Value = serde_json::from_slice(&std::fs::read(backup.join("backup.json"))?)?;
    ensure!(about["version"] == 1, "{about}");
    let mut check = std::process::Command::new("sha256sum");
    let output = check.args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(backup).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

async fn part_is_there(backup: &Path) -> Result<()> {
    let begun = Instant::now();
    while !part_of(backup).exists() && !backup.exists() {
        ensure!(begun.elapsed() < PATIENCE, "no backup began");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

async fn rows_come(backup: &Path, command: &mut tokio::process::Child) -> Result<()> {
    let begun = Instant::now();
    while !part_of(backup).join("store.rows").exists() && command.try_wait()?.is_none() {
        ensure!(begun.elapsed() < PATIENCE, "no rows come");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

async fn mark_is_there(data: &Path, command: &mut tokio::process::Child) -> Result<()> {
    let begun = Instant::now();
    while !data.join("restore.part").exists() && command.try_wait()?.is_none() {
        ensure!(begun.elapsed() < PATIENCE, "no restore began");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn part_of(backup: &Path) -> PathBuf {
    PathBuf::from(format!("{}.part", backup.display()))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

/// Somebody who writes, one message after the other, until he is stopped. What fails is tried again.
struct Traffic {
    stop: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    writing: JoinHandle<()>,
}

impl Traffic {
    fn begin(rest: Rest, person: Person, dialog: String) -> Traffic {
        let (stop, said) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let writing = tokio::spawn({
            let (stop, said) = (stop.clone(), said.clone());
            async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    match say(&rest, &person, &dialog, &format!("word {n}")).await {
                        Ok(_) => said.fetch_add(1, Ordering::Relaxed),
                        Err(_) => {
                            sleep(Duration::from_millis(20)).await;
                            continue;
                        }
                    };
                    n += 1;
                    // No more than one page of it.
                    sleep(Duration::from_millis(25)).await;
                }
            }
        });
        Traffic { stop, said, writing }
    }

    fn said(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }

    async fn has_said(&self, count: usize) -> Result<()> {
        let begun = Instant::now();
        while self.said() < count {
            ensure!(begun.elapsed() < PATIENCE, "nobody writes");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// How many were acknowledged.
    async fn end(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.writing.await?;
        Ok(self.said.load(Ordering::Relaxed))
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.writing.await;
    }
}
