//! A device of a user that only listens, on some edge. If its session ends it comes back, on whichever edge.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use natter_tests::client::{Account, Client};
use natter_tests::heard::{self, Heard};
use tokio::time::{Instant, sleep, timeout};

use crate::simulation::cluster::town::Town;
use crate::world::{APP, PASSWORD};

/// How long a sign-in may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub type Device = Client<tokio::io::DuplexStream>;

/// What it was told in one session.
pub struct Session {
    pub edge: usize,
    /// With when it came.
    pub heard: Vec<(Instant, Heard)>,
}

pub struct Listener {
    town: Rc<Town>,
    user: usize,
}

impl Listener {
    pub fn new(town: Rc<Town>, user: usize) -> Listener {
        Listener { town, user }
    }

    pub async fn listen(self, is_bound: impl Fn()) -> Vec<Session> {
        let mut sessions = Vec::new();
        while !self.town.is_over.get() {
            if let Some((edge, mut client)) = self.sign_in().await {
                is_bound();
                self.town.note(format!("user {} is bound at edge {edge}", self.user));
                sessions.push(Session { edge, heard: Vec::new() });
                let (mut reader, session) = (heard::reader(), sessions.last_mut().unwrap());
                while !self.town.is_over.get() {
                    match timeout(Duration::from_millis(500), client.next()).await {
                        Err(_) => {}
                        Ok(Ok(Some(frame))) => {
                            self.town.trace.say(|| format!("user {} hears {frame}", self.user));
                            let heard = heard::hear(&mut reader, &frame).unwrap();
                            session.heard.extend(heard.map(|heard| (Instant::now(), heard)));
                        }
                        Ok(_) => break,
                    }
                    if matches!(session.heard.last(), Some((_, Heard::End))) {
                        break;
                    }
                }
                self.town.note(format!("user {} has left edge {edge}", self.user));
            }
            sleep(Duration::from_millis(200 + self.town.chance.below(1_000))).await;
        }
        sessions
    }

    async fn sign_in(&self) -> Option<(usize, Device)> {
        let edge = self.town.chance.below(2) as usize;
        Some((edge, sign_in(&self.town, self.user, edge, "device").await?))
    }
}

/// A client of a user at an edge, if that lets him in.
pub async fn sign_in(town: &Town, user: usize, edge: usize, name: &str) -> Option<Device> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 10 + user as u8));
    let stream = town.knocker(edge)?.connect(address, true)?;
    let account = Account { app: APP, user: town.users[user], password: PASSWORD.into() };
    timeout(PATIENCE, Client::over(stream, &format!("{name} {user}"), &account, true)).await.ok()?.ok()
}
