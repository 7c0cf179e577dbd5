//! Calls, from the durable log to the alert: who is away is alerted of a call once, while it rings, if his app wants that.

use natter_bus::Entry;
use natter_proto::event::v1::{CallKind, PostedCall};
use natter_proto::push::v1::Note;

use crate::alerts::{self, Due, Step};
use crate::attempts::Ready;
use crate::decision::{Attention, Decision, Facts, Reason, decide};
use crate::delivery::Verdict;
use crate::error::Error;
use crate::occasion::{About, Occasion};
use crate::policy::Policy;
use crate::ring::{self, Standing};
use crate::service::Shared;
use crate::text;

/// Notes of one call that are looked at: more than its devices are tried while it rings.
const NOTES: usize = 100;

impl Shared {
    /// One alert for a call, if whom it is for has a device; and that it is over, while an alert of it may wait. An app that wants no
    /// alerts of calls costs no look.
    pub async fn take_in_call(&self, (app, policy): (u64, &Policy), call: &PostedCall, entry: Entry) -> Result<(), Error> {
        let mut step = Step { app, entries: vec![entry], ..Step::default() };
        if !policy.takes_calls() {
            self.metrics.decided(Reason::CallsOff.word(), 1);
            return self.keep(step).await;
        }
        let due = ring::due(app, call);
        match (call.over, ring::standing(&self.notes_of_call(&due).await?, &due)) {
            (true, Standing::Open | Standing::Trying) => self.note(&mut step, &due, call.at, Reason::CallOver),
            (false, Standing::Open) => match self.subscriptions.of_user(app, due.user).await?.rows.is_empty() {
                true => self.note(&mut step, &due, call.at, Reason::NoSubscription),
                false => step.put.push(due),
            },
            // The same once more, or nothing to stop.
            _ => {}
        }
        self.keep(step).await
    }

    /// Decides on what is so now. That a client has a call is proved by its answer alone, so a session that is open is given its time
    /// and no more.
    pub async fn judge_call(&self, due: &Due, kind: CallKind) -> Result<Verdict, Error> {
        if ring::is_done(ring::standing(&self.notes_of_call(due).await?, due), due) {
            return Ok(Verdict::Nothing);
        }
        if self.clock.now_ms() >= self.expires_at(due) {
            return Ok(Verdict::No(Reason::GivenUp));
        }
        let policy = self.policy(due.app).await?;
        if !policy.takes_calls() {
            return Ok(Verdict::No(Reason::CallsOff));
        }
        let sessions = self.neighbours.sessions(due.app, vec![due.user], due.dialog).await?;
        let facts = Facts {
            own: false,
            off: policy.is_off(),
            unwanted: false,
            silent: false,
            removed: false,
            // Of dialogs, which a call has none of.
            muted: false,
            blocked: self.neighbours.is_blocked(due, false).await?,
            read: false,
            received: false,
            provable: true,
            attention: sessions.get(&due.user).map_or(Attention::Away, |sessions| sessions.attention),
            at: due.said_at,
        };
        let why = match decide(&facts, self.proof_ms(), self.clock.now_ms()) {
            Decision::No(reason) => return Ok(Verdict::No(reason)),
            Decision::Wait(until) => return Ok(Verdict::Wait(until)),
            Decision::Alert(why) => why,
        };
        let name = self.neighbours.name(due.app, due.sender).await?;
        let about = About { name, unread: self.neighbours.unread(due.app, due.user).await?, ..About::default() };
        let (occasion, saying) = policy.say(Occasion::of_call(due.sender, kind, &about));
        let alert = text::alert(&occasion, &saying, &text::hex(&due.message.to_vec()), self.expires_at(due));
        Ok(Verdict::Send(Box::new(Ready { alert, why, remark: saying.remark.unwrap_or_default(), event: None })))
    }

    async fn notes_of_call(&self, due: &Due) -> Result<Vec<Note>, Error> {
        let about = alerts::About::Message(due.dialog, due.message);
        Ok(self.alerts.notes(due.app, about, &[], NOTES).await?.0)
    }
}
