//! What history has for a session and a privacy list of its user keeps from him (contract xmpp 7.3): it was not told him live,
//! and is not told him late. Its numbers stay, so that nothing seems to be missing.

use std::collections::BTreeSet;

use natter_proto::Failure;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Change, Frame, Message};
use natter_proto::history::v1::{GapReply, KeptRow};
use natter_proto::presence::v1::{JudgeRequest, Passage, Verdict};

use super::{Caller, Links};

/// Who says something, and whether in a group.
type Speaker = (u64, bool);

impl Links {
    pub(super) async fn screen_rows(&self, caller: &Caller, reply: &mut GapReply) -> Result<(), Failure> {
        let of_rows = reply.rows.iter().filter_map(|gap| gap.row.as_ref()).map(of_row);
        let of_changes = reply.changes.iter().filter_map(|gap| gap.change.as_ref()).map(of_change);
        let kept_out = self.kept_out(caller, of_rows.chain(of_changes).collect()).await?;
        if kept_out.is_empty() {
            return Ok(());
        }
        for row in reply.rows.iter_mut().filter_map(|gap| gap.row.as_mut()) {
            row.stored_only |= kept_out.contains(&of_row(row));
        }
        silence(reply.changes.iter_mut().filter_map(|gap| gap.change.as_mut()), &kept_out);
        Ok(())
    }

    pub(super) async fn screen_changes(&self, caller: &Caller, changes: &mut [Change]) -> Result<(), Failure> {
        let kept_out = self.kept_out(caller, changes.iter().map(of_change).collect()).await?;
        silence(changes.iter_mut(), &kept_out);
        Ok(())
    }

    pub(super) async fn screen_kept(&self, caller: &Caller, rows: &mut [KeptRow]) -> Result<(), Failure> {
        let speakers = rows.iter().filter_map(|row| row.frame.as_ref().and_then(of_frame)).collect();
        let kept_out = self.kept_out(caller, speakers).await?;
        for frame in rows.iter_mut().filter_map(|row| row.frame.as_mut()) {
            if of_frame(frame).is_some_and(|speaker| kept_out.contains(&speaker)) {
                frame.told = None;
            }
        }
        Ok(())
    }

    /// Those of the speakers who are kept out by the caller's list. Asks nobody about himself.
    async fn kept_out(&self, caller: &Caller, mut speakers: BTreeSet<Speaker>) -> Result<BTreeSet<Speaker>, Failure> {
        speakers.retain(|(user, _)| *user != caller.user);
        if speakers.is_empty() {
            return Ok(speakers);
        }
        let passage = |(from, in_group): &Speaker| Passage { from: *from, to: caller.user, in_group: *in_group };
        let request = JudgeRequest { app: caller.app, passages: speakers.iter().map(passage).collect() };
        let ask = || {
            let (mut presence, request) = (self.presence.clone(), request.clone());
            async move { presence.judge(request).await }
        };
        let verdicts = self.insist("judge", ask).await?.verdicts;
        let judged = speakers.into_iter().zip(verdicts);
        Ok(judged.filter(|(_, verdict)| *verdict == Verdict::Blocked as i32).map(|(speaker, _)| speaker).collect())
    }
}

fn silence<'a>(changes: impl Iterator<Item = &'a mut Change>, kept_out: &BTreeSet<Speaker>) {
    for change in changes {
        change.silent |= kept_out.contains(&of_change(change));
    }
}

fn of_row(row: &Message) -> Speaker {
    (row.sender, row.recipient == 0)
}

fn of_change(change: &Change) -> Speaker {
    (change.user, change.recipient == 0)
}

fn of_frame(frame: &Frame) -> Option<Speaker> {
    match &frame.told {
        Some(Told::Message(message)) => Some((message.sender, false)),
        Some(Told::Headline(headline)) => Some((headline.user, false)),
        _ => None,
    }
}
