//! A device of a user that only listens, on some edge. If its session ends it comes back, on whichever edge.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use natter_tests::client::{Account, Client};
use natter_tests::heard::{self, Heard};
use tokio::time::{sleep, timeout};

use crate::simulation::cluster::town::Town;
use crate::world::{APP, PASSWORD};

/// How long a sign-in may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it was told in one session.
pub struct Session {
    pub edge: usize,
    pub heard: Vec<Heard>,
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
                            session.heard.extend(heard::hear(&mut reader, &frame).unwrap());
                        }
                        Ok(_) => break,
                    }
                    if session.heard.last() == Some(&Heard::End) {
                        break;
                    }
                }
                self.town.note(format!("user {} has left edge {edge}", self.user));
            }
            sleep(Duration::from_millis(200 + self.town.chance.below(1_000))).await;
        }
        sessions
    }

    async fn sign_in(&self) -> Option<(usize, Client<tokio::io::DuplexStream>)> {
        let edge = self.town.chance.below(2) as usize;
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 10 + self.user as u8));
        let stream = self.town.knocker(edge)?.connect(address, true)?;
        let account = Account { app: APP, user: self.town.users[self.user], password: PASSWORD.into() };
        let device = format!("device {}", self.user);
        let client = timeout(PATIENCE, Client::over(stream, &device, &account, true)).await.ok()?.ok()?;
        Some((edge, client))
    }
}
