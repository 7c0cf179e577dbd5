//! Members of the groups come and go over REST: the owner removes them and adds them again, or they leave by themselves.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::membership::Move;
use crate::sdk::Sdk;
use anyhow::{Context, Result};
use natter_actor::Chance;
use natter_proto::DialogId;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Person;
use super::record::Ticks;

/// How long a request may take to be answered, with all the kills it meets.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who comes and goes, and at whose wish.
pub struct Comings {
    /// It signs in as whoever asks.
    pub rest: Sdk,
    pub signed_in: Option<usize>,
    /// The owner of the groups first.
    pub people: Arc<Vec<Person>>,
    /// The places of those who come and go.
    pub guests: Range<usize>,
    pub groups: Vec<DialogId>,
    pub chance: Chance,
    pub ticks: Ticks,
    pub stop: Arc<AtomicBool>,
}

/// Who asks for what.
enum Wish {
    Add,
    Remove,
    Leave,
}

impl Comings {
    /// Until `stop`. Gives back the client, and everything that was asked for, in order; each request was repeated until it was
    /// answered.
    pub async fn run(mut self) -> Result<(Sdk, Vec<Move>)> {
        let mut moves: Vec<Move> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20 + self.chance.below(150))).await;
            let group = self.groups[self.chance.below(self.groups.len() as u64) as usize];
            let guest = self.guests.start + self.chance.below(self.guests.len() as u64) as usize;
            let user = self.people[guest].user();
            let last = moves.iter().rev().find(|moved| moved.group == group && moved.user == user);
            let wish = match last {
                Some(Move { joins: false, .. }) => Wish::Add,
                _ if self.chance.below(2) == 0 => Wish::Leave,
                _ => Wish::Remove,
            };
            let began = self.ticks.next();
            self.ask(group, guest, &wish).await?;
            moves.push(Move { group, user, joins: matches!(wish, Wish::Add), began, ended: Some(self.ticks.next()) });
        }
        Ok((self.rest, moves))
    }

    async fn ask(&mut self, group: DialogId, guest: usize, wish: &Wish) -> Result<()> {
        let (began, group, user) = (Instant::now(), group.to_string(), self.people[guest].user());
        let (who, path, arguments) = match wish {
            Wish::Add => (0, "chat.dialog.update", json!([group, {"push_all": {"occupants_ids": [user]}}])),
            Wish::Remove => (0, "chat.dialog.update", json!([group, {"pull_all": {"occupants_ids": [user]}}])),
            Wish::Leave => (guest, "chat.dialog.delete", json!([group])),
        };
        let mut asked_before = false;
        loop {
            match self.call(who, path, arguments.clone()).await {
                Ok(_) => return Ok(()),
                // He has left: it was carried out before the process died.
                Err(error) if matches!(wish, Wish::Leave) && asked_before && error.to_string().contains("403") => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => return Err(error).context("a member could not come or go"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            asked_before = true;
        }
    }

    async fn call(&mut self, who: usize, path: &str, arguments: Value) -> Result<Value> {
        if self.signed_in != Some(who) {
            self.people[who].sign_in(&self.rest).await?;
        }
        let answer = self.rest.call(path, arguments).await;
        self.signed_in = Some(who).filter(|_| answer.is_ok());
        answer
    }
}
