//! Traffic that remembers everything it was told, and a checker over it: clients stream numbered messages to one user and to groups,
//! members of the groups come and go, one user changes his contacts and his privacy list, one uploads files, all of them return by
//! themselves whenever they are cut off. At the end history must hold every acked message, none twice, in the order of each sender, the
//! members must be those that were answered, and the unread counts must be what history says; contacts, lists and files are those that
//! were answered. What happens meanwhile is the business of whoever began it.

mod check;
mod comings;
mod keeper;
mod listened;
mod listener;
mod record;
mod sender;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use natter_actor::Chance;
use natter_proto::DialogId;
use serde_json::{Value, json};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::build::Build;
use crate::client::{Account, trusting};
use crate::membership::Move;
use crate::sdk::Sdk;
use check::Group;
use comings::Comings;
use keeper::{Files, Keeper};
pub use listened::Excuse;
use listener::{Listened, Listener};
use record::{Lane, Record, Ticks};
use sender::{Errand, Lean};

/// Of every user of the traffic.
pub const PASSWORD: &str = "correct horse";
/// The owner of the groups and who reads, three senders, two who come and go, and one who keeps contacts and files and says nothing; in a
/// quiet group of their own one who talks, and three who listen.
pub const LOGINS: [&str; 11] =
    ["reader", "lean", "sdk6", "sdk3", "guest1", "guest2", "keeper", "talker", "listener1", "listener2", "listener3"];
const GUESTS: Range<usize> = 4..6;
const KEEPER: usize = 6;
const TALKER: usize = 7;
const LISTENERS: Range<usize> = 8..11;
/// Few enough that whoever was away for a quarter of a minute is told all of it: of a dialog a hundred messages at most are listed.
const TALKS: Duration = Duration::from_millis(200);

/// How long it may take until all listeners see each other.
const ACQUAINTED: Duration = Duration::from_secs(40);

/// A user.
pub struct Person {
    pub login: &'static str,
    pub account: Account,
}

impl Person {
    pub fn user(&self) -> u64 {
        self.account.user
    }

    /// Gives a client the user's REST session.
    pub async fn sign_in(&self, rest: &Sdk) -> Result<()> {
        rest.call("createSession", json!([{"login": self.login, "password": self.account.password}])).await?;
        Ok(())
    }
}

/// Where the traffic goes.
pub struct Stage<'a> {
    pub app: u64,
    /// As `natter sdk-config --json` gives it, of that app.
    pub config: Value,
    pub ca: &'a Path,
    /// Chat over WebSocket with TLS on localhost, one for each edge: the clients are dealt out.
    pub wss: Vec<u16>,
    /// REST without TLS on localhost.
    pub rest_plain: u16,
    /// Users of the app, as the logins say, with [`PASSWORD`].
    pub users: [u64; LOGINS.len()],
}

impl Stage<'_> {
    fn wss(&self, client: usize) -> u16 {
        self.wss[client % self.wss.len()]
    }

    /// The configuration of an SDK client at one of the edges.
    fn config(&self, client: usize) -> Value {
        let mut config = self.config.clone();
        config["config"]["chatProtocol"]["websocket"] = format!("wss://localhost:{}", self.wss(client)).into();
        config
    }
}

/// Clients that run.
pub struct Traffic {
    people: Arc<Vec<Person>>,
    groups: [DialogId; 2],
    stop: Arc<AtomicBool>,
    comings: JoinHandle<Result<(Sdk, Vec<Move>)>>,
    senders: Vec<JoinHandle<Result<Record>>>,
    keeping: [JoinHandle<Result<String>>; 2],
    quiet: DialogId,
    talker: JoinHandle<Result<Record>>,
    listeners: Vec<JoinHandle<Result<Listened>>>,
    said: watch::Sender<Option<(String, Instant)>>,
}

impl Traffic {
    /// Makes the groups, and begins.
    pub async fn begin(stage: &Stage<'_>, seed: u64) -> Result<Traffic> {
        let person = |(login, user): (&&'static str, &u64)| {
            let account = Account { app: stage.app, user: *user, password: PASSWORD.into() };
            Person { login, account }
        };
        let people: Arc<Vec<Person>> = Arc::new(LOGINS.iter().zip(&stage.users).map(person).collect());
        let reading = Sdk::start(Build::Node6, &stage.config(0), json!({})).await?;
        let busy = &people[..=KEEPER];
        let groups = [make_group(&reading, busy).await?, make_group(&reading, busy).await?];
        let quiet = make_group(&reading, &people[TALKER..]).await?;
        let (ticks, stop) = (Ticks::default(), Arc::new(AtomicBool::new(false)));
        let tls = trusting(stage.ca)?;

        let to_groups = groups.map(Lane::Group);
        let to_reader = [Lane::Private(people[0].account.clone())];
        let errand = |n: usize, name, lanes: &[&[Lane]]| Errand {
            name,
            me: people[n].account.clone(),
            lanes: lanes.concat(),
            ticks: ticks.clone(),
            stop: stop.clone(),
        };
        let lean = |n, errand, window, pause| Lean { errand, port: stage.wss(n), tls: tls.clone(), window, pause };
        let managed = json!({"streamManagement": {"enable": true}, "reconnect": {"enable": true, "timeInterval": 1}});
        let plain = json!({"reconnect": {"enable": true, "timeInterval": 1}});
        let sdk = |n, build: Build, options| {
            sender::sdk(errand(n, build.name(), &[&to_reader, &to_groups]), build, stage.config(n), options)
        };
        let pause = Duration::from_millis(30);
        let senders = vec![
            tokio::spawn(lean(1, errand(1, "lean client", &[&to_reader]), 32, Duration::ZERO).run()),
            tokio::spawn(lean(4, errand(4, "lean client, guest 1", &[&to_groups]), 4, pause).run()),
            tokio::spawn(lean(5, errand(5, "lean client, guest 2", &[&to_groups]), 4, pause).run()),
            tokio::spawn(sdk(2, Build::Node6, managed)),
            tokio::spawn(sdk(3, Build::Node3, plain)),
        ];
        let said = watch::Sender::new(None);
        let acquainted = Arc::new(Barrier::new(LISTENERS.len() + 1));
        let mut listeners = Vec::new();
        for (turn, place) in LISTENERS.enumerate() {
            let mut ports = stage.wss.clone();
            ports.rotate_left(turn % stage.wss.len());
            let listener = Listener {
                name: people[place].login,
                me: people[place].account.clone(),
                reads: (turn == 0).then(|| (people[TALKER].user(), quiet)),
                others: people[LISTENERS].iter().map(Person::user).filter(|user| *user != people[place].user()).collect(),
                ports,
                tls: tls.clone(),
                acquainted: acquainted.clone(),
                stop: stop.clone(),
                end: said.subscribe(),
            };
            listeners.push(tokio::spawn(listener.run()));
        }
        timeout(ACQUAINTED, acquainted.wait()).await.context("the listeners do not become contacts of each other")?;
        let talks = errand(TALKER, "talker", &[&[Lane::Group(quiet)]]);
        let talker = tokio::spawn(lean(TALKER, talks, 1, TALKS).run());
        let comings = Comings {
            rest: reading,
            signed_in: None,
            people: people.clone(),
            guests: GUESTS,
            groups: groups.to_vec(),
            chance: Chance::seeded(seed.wrapping_add(1)),
            ticks: ticks.clone(),
            stop: stop.clone(),
        };
        let keeper = Keeper {
            me: people[KEEPER].account.clone(),
            others: people[..KEEPER].iter().map(Person::user).collect(),
            port: stage.wss(KEEPER),
            tls,
            chance: Chance::seeded(seed.wrapping_add(2)),
            stop: stop.clone(),
        };
        let credentials = &stage.config["credentials"];
        let session = json!({
            "application_id": credentials["appId"], "auth_key": credentials["authKey"],
            "user": {"login": people[KEEPER].login, "password": PASSWORD},
        });
        let files = Files { rest_port: stage.rest_plain, session, stop: stop.clone() };
        let (comings, keeping) = (tokio::spawn(comings.run()), [tokio::spawn(keeper.run()), tokio::spawn(files.run())]);
        Ok(Traffic { people, groups, stop, comings, senders, keeping, quiet, talker, listeners, said })
    }

    /// Stops the clients, and compares what they remember with what is kept. What was counted, a part for each.
    ///
    /// # Errors
    /// Something that was answered is not so, or a client could not go on.
    pub async fn end(self, excuse: Excuse) -> Result<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        let talked = self.talker.await??;
        self.said.send_replace(talked.sent.last().map(|sent| (sent.id.clone(), Instant::now())));
        let mut listened = Vec::new();
        for listener in self.listeners {
            listened.push(listener.await??);
        }
        let (reading, moves) = self.comings.await??;
        let mut records = Vec::new();
        for sender in self.senders {
            records.push(sender.await??);
        }
        let mut lines = Vec::new();
        for keeping in self.keeping {
            lines.push(keeping.await??);
        }
        for record in records.iter().filter(|record| !record.private().is_empty()) {
            lines.push(check::private(&reading, &self.people[0], record).await?);
        }
        for (number, dialog) in (1..).zip(self.groups) {
            let group = Group { dialog, people: &self.people[..=KEEPER], records: &records, moves: &moves };
            let checked = group.check(&reading).await.with_context(|| format!("group {number}"))?;
            lines.push(format!("group {number}: {checked}"));
        }
        lines.push(check::quiet(&reading, (self.quiet, &self.people[TALKER..]), &talked, &listened, excuse).await?);
        Ok(lines)
    }
}

/// A group of everybody.
async fn make_group(rest: &Sdk, people: &[Person]) -> Result<DialogId> {
    people[0].sign_in(rest).await?;
    let members: Vec<u64> = people.iter().map(Person::user).collect();
    let made: Value = rest.call("chat.dialog.create", json!([{"type": 2, "name": "all", "occupants_ids": members}])).await?;
    made["_id"].as_str().and_then(|id| id.parse().ok()).with_context(|| format!("no _id in {made}"))
}
