//! Asks presence who of a private dialog is barred. It answers from memory, so it is asked each time, once for all that waits:
//! nothing that is remembered here could be older than a block that was acknowledged (decision 0013).

use natter_proto::presence::v1::{JudgeRequest, Passage, Verdict};
use natter_proto::{AppId, Failure, UserId};

use crate::dialog::bars::{Bar, Bars};
use crate::dialog::{Dialog, Kind};
use crate::error::barred;
use crate::shared::{Shared, broken, of_read};

impl Shared {
    /// Who of these speakers is barred from the dialog. Asks nobody about a group.
    ///
    /// # Errors
    /// `Busy` where presence's answer did not come: nothing was done.
    pub async fn bars(&self, dialog: &Dialog, speakers: impl Iterator<Item = UserId>) -> Result<Bars, Failure> {
        if dialog.facts.kind != Kind::Private {
            return Ok(Bars::default());
        }
        // Two speak at most.
        let mut pairs: Vec<(UserId, UserId)> = Vec::with_capacity(2);
        for speaker in speakers {
            if let Some(other) = dialog.members.other_than(speaker)
                && !pairs.iter().any(|(known, _)| *known == speaker)
            {
                pairs.push((speaker, other));
            }
        }
        self.judge(dialog.key.app, &pairs).await
    }

    /// Refuses what a privacy list keeps from `to`.
    pub async fn check_bars(&self, app: AppId, from: UserId, to: UserId) -> Result<(), Failure> {
        self.judge(app, &[(from, to)]).await?.check(from).map_err(|bar| barred(from, bar))
    }

    async fn judge(&self, app: AppId, pairs: &[(UserId, UserId)]) -> Result<Bars, Failure> {
        if pairs.is_empty() {
            return Ok(Bars::default());
        }
        let passage = |(from, to): &(UserId, UserId)| Passage { from: from.0, to: to.0, in_group: false };
        let request = JudgeRequest { app: app.0, passages: pairs.iter().map(passage).collect() };
        let reply = self.presence().judge(request).await.map_err(of_read)?.into_inner();
        let mut bars = Vec::new();
        for (n, (from, _)) in pairs.iter().enumerate() {
            match reply.verdicts.get(n).map(|verdict| Verdict::try_from(*verdict)) {
                Some(Ok(Verdict::Passes)) => {}
                Some(Ok(Verdict::Blocked)) => bars.push((*from, Bar::Theirs)),
                Some(Ok(Verdict::Blocking)) => bars.push((*from, Bar::Own)),
                Some(Ok(Verdict::Unspecified) | Err(_)) | None => return Err(broken("presence's verdict")),
            }
        }
        Ok(bars.into_iter().collect())
    }
}
