//! What is asked of dialogs on behalf of a client: posts, statuses, edits, removals, headlines, and rooms.

use natter_proto::dialog::v1::job::What;
use natter_proto::dialog::v1::{
    BatchRequest, EnterRequest, ExitRequest, GetRequest, Job as WireJob, JobOutcome, OccupantsRequest, RemoveMessagesReply,
};
use natter_proto::{Code, DialogId, Failure};

use super::{Caller, Links};
use crate::session::{Ask, Job};

impl Links {
    /// Gives the number the message got, 0 for none.
    pub(super) async fn job(&self, job: Job) -> Result<u64, Failure> {
        let mut dialogs = self.dialogs.clone();
        match job {
            Job::Post(request) => dialogs.post(*request).await.map(|reply| reply.into_inner().seq),
            Job::Mark(request) => dialogs.mark(*request).await.map(|_| 0),
            Job::Signal(request) => dialogs.signal(*request).await.map(|_| 0),
            Job::Update(request) => dialogs.update(*request).await.map(|_| 0),
            Job::CallSignal(request) => dialogs.signal_call(*request).await.map(|_| 0),
            Job::Headline(request) => dialogs.headline(*request).await.map(|_| 0),
            Job::Remove(request) => {
                return removed(dialogs.remove(*request).await?.into_inner());
            }
        }
        .map_err(Failure::from)
    }

    /// Jobs of one dialog together. What fails as a whole fails for each.
    pub(super) async fn batch(&self, jobs: Vec<(u64, Job)>) -> Vec<(u64, Result<u64, Failure>)> {
        let (app, dialog) = jobs.first().map(|(_, job)| (job.app(), job.dialog().to_vec())).unwrap_or_default();
        let (numbers, jobs): (Vec<u64>, Vec<WireJob>) = jobs.into_iter().map(|(number, job)| (number, encode(job))).unzip();
        let request = BatchRequest { app, dialog, jobs };
        let answers: Vec<Result<u64, Failure>> = match self.dialogs.clone().batch(request).await {
            Ok(reply) => reply.into_inner().outcomes.into_iter().map(outcome).collect(),
            Err(status) => vec![Err(Failure::from(status)); numbers.len()],
        };
        let missing = std::iter::repeat_with(|| Err(Failure::new(Code::Unknown, "no outcome of a job")));
        numbers.into_iter().zip(answers.into_iter().chain(missing)).collect()
    }

    /// Users in the room: besides the one who entered, or all.
    pub(super) async fn room(&self, caller: &Caller, dialog: DialogId, ask: Ask) -> Result<Vec<u64>, Failure> {
        let (app, user, dialog) = (caller.app, caller.user, dialog.to_vec());
        let session = Some(caller.session.clone());
        match ask {
            Ask::Enter => {
                let request = EnterRequest { app, dialog, user, session };
                let ask = || {
                    let (mut dialogs, request) = (self.dialogs.clone(), request.clone());
                    async move { dialogs.enter(request).await }
                };
                Ok(self.insist("enter", ask).await?.others)
            }
            Ask::Exit => {
                let request = ExitRequest { app, dialog, user, session };
                let ask = || {
                    let (mut dialogs, request) = (self.dialogs.clone(), request.clone());
                    async move { dialogs.exit(request).await }
                };
                self.insist("exit", ask).await?;
                Ok(Vec::new())
            }
            Ask::About => {
                let request = GetRequest { app, dialog, user, preview: false };
                let ask = || {
                    let (mut dialogs, request) = (self.dialogs.clone(), request.clone());
                    async move { dialogs.get(request).await }
                };
                self.insist("get", ask).await?;
                Ok(Vec::new())
            }
            Ask::Occupants => {
                let request = OccupantsRequest { app, dialog, user, members: false };
                let ask = || {
                    let (mut dialogs, request) = (self.dialogs.clone(), request.clone());
                    async move { dialogs.occupants(request).await }
                };
                Ok(self.insist("occupants", ask).await?.users)
            }
        }
    }
}

/// Whatever else there is goes alone (`Job::goes_together`) and would be refused as a job that says nothing.
fn encode(job: Job) -> WireJob {
    let what = match job {
        Job::Post(request) => Some(What::Post(*request)),
        Job::Mark(request) => Some(What::Mark(*request)),
        Job::Signal(request) => Some(What::Signal(*request)),
        Job::Update(_) | Job::Remove(_) | Job::Headline(_) | Job::CallSignal(_) => None,
    };
    WireJob { what }
}

fn outcome(outcome: JobOutcome) -> Result<u64, Failure> {
    outcome.refusal.map_or(Ok(outcome.seq), |refusal| Err(refusal.into()))
}

/// The outcome for the one message that was to be removed.
fn removed(reply: RemoveMessagesReply) -> Result<u64, Failure> {
    match reply {
        RemoveMessagesReply { removed, .. } if !removed.is_empty() => Ok(0),
        RemoveMessagesReply { forbidden, .. } if !forbidden.is_empty() => Err(Failure::new(Code::Forbidden, "not the author")),
        RemoveMessagesReply { .. } => Err(Failure::new(Code::NotFound, "no such message")),
    }
}
