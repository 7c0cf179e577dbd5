//! What an app costs that nobody uses: memory and time on a core, the start of a server that has many, and what a request waits for.
//! An installation with one app, and one with a thousand; each app has ten users and a dialog. And one with as many users and
//! dialogs in one app, so that what rows cost can be told from what apps cost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use natter_tests::client::http;
use natter_tests::process::Natter;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::admin::{AT_ONCE, Admin};
use crate::fixture::{FILLED, PASSWORD};
use crate::report::Report;

/// Apps of a full run.
pub const APPS: usize = 1_000;
/// Users of whom the first has a dialog with the second. An app has one such circle, or all of them.
const CIRCLE: usize = 10;
/// After SIGTERM, and as many after SIGKILL.
const STARTS: usize = 3;
/// After a start or a request, before memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
const REQUESTS: usize = 200;

/// What was seen of one installation; medians where something was done more than once.
struct Seen {
    start_after_stop: f64,
    start_after_kill: f64,
    /// Resident bytes when nothing was asked since the start, and when each app was used once.
    untouched: f64,
    used: f64,
    /// Seconds on a core in a minute.
    cpu: f64,
    /// Milliseconds.
    get_session: f64,
    sign_in: f64,
}

/// One app, one with the users of `apps`, then `apps`.
pub async fn run(report: &mut Report, apps: usize) -> Result<()> {
    let one = measure(1, 1).await?;
    let large = measure(1, apps).await?;
    let many = measure(apps, 1).await?;
    let more = apps.saturating_sub(1).max(1) as f64;
    let names = ["1 app".to_owned(), "1 app with all their users".to_owned(), format!("{apps} apps")];
    for (name, seen) in names.into_iter().zip([&one, &large, &many]) {
        report.add(&format!("start after SIGTERM, {name}"), seen.start_after_stop, "s", "");
        report.add(&format!("start after SIGKILL, {name}"), seen.start_after_kill, "s", "2 s");
        report.add(&format!("resident memory after a start, {name}"), seen.untouched / 1_048_576.0, "MiB", "");
        report.add(&format!("resident memory when each was used once, {name}"), seen.used / 1_048_576.0, "MiB", "");
        report.add(&format!("idle time on a core per minute, {name}"), seen.cpu * 1_000.0, "ms", "");
        report.add(&format!("GET /session, p50, {name}"), seen.get_session, "ms", "");
        report.add(&format!("POST /session with a password, p50, {name}"), seen.sign_in, "ms", "");
    }
    report.add("resident memory per idle app, never used", (many.untouched - one.untouched) / more / 1_024.0, "KiB", "");
    report.add("resident memory per idle app, used once", (many.used - one.used) / more / 1_024.0, "KiB", "");
    report.add("time on a core per idle app and minute", (many.cpu - one.cpu) / more * 1e6, "us", "");
    Ok(())
}

/// So many apps, each with so many circles.
async fn measure(apps: usize, circles: usize) -> Result<Seen> {
    let mut natter = Natter::start(&FILLED).await?;
    let ids: Vec<u64> = (0..apps as u64).map(|n| 1_001 + n).collect();
    let users = fill(&natter, &ids, circles).await?;
    let (mut after_stop, mut after_kill, mut untouched) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        natter.stop().await?;
        after_stop.push(start(&mut natter, &mut untouched).await?);
        natter.kill().await?;
        after_kill.push(start(&mut natter, &mut untouched).await?);
    }
    for some in users.chunks(AT_ONCE) {
        try_join_all(some.iter().map(User::look)).await?;
    }
    sleep(SETTLE).await;
    let used = natter.resident_bytes()? as f64;
    let before = natter.cpu()?;
    sleep(IDLE).await;
    let cpu = (natter.cpu()? - before).as_secs_f64() * 60.0 / IDLE.as_secs_f64();

    let token = users[0].sign_in().await?;
    let (mut get_session, mut sign_in) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let began = Instant::now();
        users[0].get("/session", &token).await?;
        get_session.push(began.elapsed().as_secs_f64() * 1_000.0);
        let began = Instant::now();
        users[0].sign_in().await?;
        sign_in.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Seen {
        start_after_stop: median(after_stop),
        start_after_kill: median(after_kill),
        untouched: median(untouched),
        used,
        cpu,
        get_session: median(get_session),
        sign_in: median(sign_in),
    })
}

/// Seconds until it is ready.
async fn start(natter: &mut Natter, untouched: &mut Vec<f64>) -> Result<f64> {
    let began = Instant::now();
    natter.restart().await?;
    let seconds = began.elapsed().as_secs_f64();
    sleep(SETTLE).await;
    untouched.push(natter.resident_bytes()? as f64);
    Ok(seconds)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The first user of each circle, who has a dialog with the second.
async fn fill(natter: &Natter, ids: &[u64], circles: usize) -> Result<Vec<User>> {
    let admin = Admin::of(natter)?;
    let keys = admin.all(ids, |id| admin.app(*id)).await?;
    let wanted: Vec<(u64, usize)> = ids.iter().flat_map(|id| (0..CIRCLE * circles).map(|n| (*id, n))).collect();
    let accounts = admin.all(&wanted, |(id, n)| admin.user(*id, format!("user{n}"))).await?;
    let (http, root) = (http()?, format!("http://127.0.0.1:{}", natter.ports.rest_plain));
    let user = |(n, (id, key)): (usize, (&u64, &String))| {
        let credentials = json!({"login": format!("user{}", n * CIRCLE), "password": PASSWORD});
        User {
            http: http.clone(),
            root: root.clone(),
            session: json!({"application_id": id, "auth_key": key, "user": credentials}),
        }
    };
    let apps = ids.iter().zip(&keys);
    let users: Vec<User> = apps.flat_map(|app| (0..circles).map(move |n| (n, app))).map(user).collect();
    let seconds: Vec<u64> = accounts.chunks(CIRCLE).map(|circle| circle[1].user).collect();
    let pairs: Vec<(&User, u64)> = users.iter().zip(seconds).collect();
    for some in pairs.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|(user, other)| user.begin(*other))).await?;
    }
    Ok(users)
}

/// A user of an app at the plain REST door.
struct User {
    http: reqwest::Client,
    root: String,
    session: Value,
}

impl User {
    async fn sign_in(&self) -> Result<String> {
        let opened = self.http.post(format!("{}/session", self.root)).json(&self.session).send().await?;
        let opened: Value = opened.error_for_status()?.json().await?;
        Ok(opened["session"]["token"].as_str().context("a token")?.to_owned())
    }

    async fn get(&self, path: &str, token: &str) -> Result<bytes::Bytes> {
        let request = self.http.get(format!("{}{path}", self.root)).header("CB-Token", token);
        Ok(request.send().await?.error_for_status()?.bytes().await?)
    }

    /// Makes the dialog with another user.
    async fn begin(&self, other: u64) -> Result<()> {
        let (token, wanted) = (self.sign_in().await?, json!({"type": 3, "occupants_ids": other.to_string()}));
        let request = self.http.post(format!("{}/chat/Dialog", self.root)).header("CB-Token", token).json(&wanted);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// What an app does that is opened for a moment.
    async fn look(&self) -> Result<()> {
        let token = self.sign_in().await?;
        self.get("/chat/Dialog", &token).await.map(drop)
    }
}
