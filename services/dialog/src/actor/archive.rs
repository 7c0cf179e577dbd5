//! What an archive brings of a dialog is taken over here, by its owner, in its place among everything else (decision 0039): it is made
//! if there is none, its rows follow those that are there, nobody is told. What clashes is answered and changes nothing.

use natter_actor::Stop;
use natter_proto::UserId;
use natter_proto::archive::v1::{Clash, Taken};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{
    AddStateRequest, AppendRequest, ArchiveRowsRequest, MemberState, MembersRequest, ReactRequest, Reactions, ReactionsRequest,
    RemoveRequest,
};

use super::{Answer, DialogActor, State, Take, Taking};
use crate::dialog::archive::{appended, fault_of_dialog, fault_of_row, is_same_dialog, is_same_row};
use crate::dialog::{Dialog, Kept, Kind};
use crate::error::Trouble;
use crate::shared::of_read;

impl DialogActor {
    pub(super) async fn take(&mut self, taking: Taking, answer: Answer<Taken>) -> Result<(), Stop> {
        let Taking { take, dry } = taking;
        let mut outcome = match take {
            Take::Dialog(kept) => self.take_dialog(kept, dry).await,
            Take::Rows(rows) => self.take_rows(rows, dry).await,
            Take::States(states, reactions) => self.take_states(states, reactions, dry).await,
        };
        if !dry && outcome.as_ref().is_ok_and(|taken| taken.taken > 0) {
            // It knows what is there as if it had found it.
            self.state = State::Cold;
            if let Err(failure) = self.load().await {
                outcome = Err(Trouble { failure, reload: true });
            }
        }
        self.own.conclude(answer, outcome)
    }

    async fn take_dialog(&mut self, kept: Kept, dry: bool) -> Result<Taken, Trouble> {
        let name = format!("dialog {}", self.key.dialog);
        if let State::Live(dialog) = &self.state {
            return Ok(match is_same_dialog(&dialog.kept(), &kept) {
                true => same(1),
                false => clash(name, "another dialog has this id"),
            });
        }
        if let Some(fault) = fault_of_dialog(&kept, &self.shared.options.group()) {
            return Ok(clash(name, fault));
        }
        if kept.facts.kind == Kind::Private && !dry {
            let users: Vec<UserId> = kept.members.oldest_first().to_vec();
            if self.shared.pairs.id_of(self.key.app, users[0], users[1]).await.map_err(of_read)? != self.key.dialog {
                return Ok(clash(name, "is not the id of these two: that comes from the pair key of their app"));
            }
        }
        if !dry {
            self.shared.store.create(self.key, &kept).await?;
        }
        Ok(taken(1))
    }

    async fn take_rows(&mut self, rows: Vec<Message>, dry: bool) -> Result<Taken, Trouble> {
        if let Some((row, fault)) = rows.iter().find_map(|row| Some((row, fault_of_row(row, &self.shared.limits)?))) {
            return Ok(clash(self.name_of(row.seq), fault));
        }
        let head = match &self.state {
            State::Live(dialog) => dialog.head(),
            // Its dialog would be there by then.
            State::Cold | State::Absent if dry => 0,
            State::Cold | State::Absent => return Ok(clash(format!("dialog {}", self.key.dialog), "is not there")),
        };
        let (old, new): (Vec<Message>, Vec<Message>) = rows.into_iter().partition(|row| row.seq <= head);
        let mut outcome = self.compare(old, dry).await?;
        // A dry run knows nothing of rows that a batch before would have brought.
        let is_gap = new.first().is_some_and(|first| first.seq != head + 1) && !(dry && outcome.same == 0);
        if is_gap || new.windows(2).any(|two| two[1].seq != two[0].seq + 1) {
            let text = format!("is not the next one: the dialog ends with {head}");
            outcome.clashes.push(Clash { what: self.name_of(new[0].seq), text });
        }
        if !outcome.clashes.is_empty() || new.is_empty() {
            return Ok(outcome);
        }
        if let Some(row) = new.windows(2).find(|two| two[1].date_sent < two[0].date_sent) {
            return Ok(clash(self.name_of(row[1].seq), "was sent before the one above it"));
        }
        outcome.taken += new.len() as u64;
        if !dry {
            self.append(&new).await?;
        }
        Ok(outcome)
    }

    /// Rows at whose places there are some: the same, or clashes.
    async fn compare(&self, brought: Vec<Message>, dry: bool) -> Result<Taken, Trouble> {
        let mut outcome = Taken::default();
        let mut there = Vec::new().into_iter();
        for row in brought {
            let mut found: Option<Message> = there.next();
            if found.as_ref().is_none_or(|found| found.seq != row.seq) {
                there = self.rows_from(row.seq).await?.into_iter();
                found = there.next();
            }
            match found {
                Some(found) if is_same_row(&found, &row) => {
                    if row.removed && !found.removed && !dry {
                        self.remove(&row).await?;
                        outcome.taken += 1;
                    } else {
                        outcome.same += 1;
                    }
                }
                _ => outcome.clashes.push(Clash { what: self.name_of(row.seq), text: "another message is there".into() }),
            }
        }
        Ok(outcome)
    }

    async fn rows_from(&self, seq: u64) -> Result<Vec<Message>, Trouble> {
        let (app, dialog) = (self.key.app.0, self.key.dialog.to_vec());
        let request = ArchiveRowsRequest { app, dialog, above: seq - 1, limit: ROWS };
        Ok(self.shared.old_rows().rows(request).await.map_err(of_read)?.into_inner().rows)
    }

    async fn append(&self, rows: &[Message]) -> Result<(), Trouble> {
        let other = |row: &Message| match &self.state {
            State::Live(dialog) if dialog.facts.kind == Kind::Private => recipient(dialog, row),
            _ => 0,
        };
        let brought = rows.iter().map(|row| Message { recipient: other(row), ..appended(row) }).collect();
        let (app, dialog) = (self.key.app.0, self.key.dialog.to_vec());
        let request = AppendRequest { app, dialog, first_seq: rows[0].seq, rows: brought, quiet: Vec::new() };
        self.shared.old_rows().append_old(request).await?;
        for row in rows.iter().filter(|row| row.removed) {
            self.remove(row).await?;
        }
        Ok(())
    }

    async fn remove(&self, row: &Message) -> Result<(), Trouble> {
        let (app, dialog) = (self.key.app.0, self.key.dialog.to_vec());
        let request = RemoveRequest { app, dialog, seq: row.seq, user: row.sender };
        self.shared.history().remove(request).await?;
        Ok(())
    }

    async fn take_states(&mut self, states: Vec<MemberState>, reactions: Vec<Reactions>, dry: bool) -> Result<Taken, Trouble> {
        let (app, dialog) = (self.key.app.0, self.key.dialog.to_vec());
        let mut outcome = Taken::default();
        if !matches!(self.state, State::Live(_)) && !dry {
            return Ok(clash(format!("dialog {}", self.key.dialog), "is not there"));
        }
        if dry {
            return self.look_at_states(states, reactions).await;
        }
        for state in states {
            let request = AddStateRequest { app, dialog: dialog.clone(), state: Some(state) };
            // Idempotent, and nothing of the actor's rests on it.
            let reply = self.shared.old_rows().add_state(request).await.map_err(Trouble::of_repeatable)?;
            count(&mut outcome, reply.into_inner().changed);
        }
        for Reactions { seq, all } in reactions {
            let mut changed = false;
            for (reaction, user) in all.iter().flat_map(|one| one.users.iter().map(|user| (&one.reaction, *user))) {
                let (add, remove) = (reaction.clone(), String::new());
                let request = ReactRequest { app, dialog: dialog.clone(), seq, user, add, remove };
                changed |= self.shared.history().react(request).await.map_err(Trouble::of_repeatable)?.into_inner().changed;
            }
            count(&mut outcome, changed);
        }
        Ok(outcome)
    }

    async fn look_at_states(&self, states: Vec<MemberState>, reactions: Vec<Reactions>) -> Result<Taken, Trouble> {
        let (app, dialog) = (self.key.app.0, self.key.dialog.to_vec());
        let mut outcome = Taken::default();
        if !states.is_empty() {
            let users = states.iter().map(|state| state.user).collect();
            let request = MembersRequest { app, dialog: dialog.clone(), users, within: None };
            let there = self.shared.history().members(request).await.map_err(of_read)?.into_inner().members;
            states.iter().for_each(|state| count(&mut outcome, !there.contains(state)));
        }
        if !reactions.is_empty() {
            let request = ReactionsRequest { app, dialog, seqs: reactions.iter().map(|one| one.seq).collect() };
            let there = self.shared.history().reactions(request).await.map_err(of_read)?.into_inner().reactions;
            reactions.iter().for_each(|one| count(&mut outcome, !there.contains(one)));
        }
        Ok(outcome)
    }

    fn name_of(&self, seq: u64) -> String {
        format!("message {seq} of dialog {}", self.key.dialog)
    }
}

/// Rows compared at a time.
const ROWS: u32 = 500;

fn recipient(dialog: &Dialog, row: &Message) -> u64 {
    dialog.members.other_than(UserId(row.sender)).map_or(0, |other| other.0)
}

fn count(outcome: &mut Taken, changed: bool) {
    *if changed { &mut outcome.taken } else { &mut outcome.same } += 1;
}

fn taken(count: u64) -> Taken {
    Taken { taken: count, ..Taken::default() }
}

fn same(count: u64) -> Taken {
    Taken { same: count, ..Taken::default() }
}

fn clash(what: String, text: impl Into<String>) -> Taken {
    Taken { clashes: vec![Clash { what, text: text.into() }], ..Taken::default() }
}
