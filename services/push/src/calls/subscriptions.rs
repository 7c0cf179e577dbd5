//! Calls about subscriptions: add or replace, list, end; and the mark of one whose token its provider does not know any more.

use natter_proto::push::v1::{SubscribeRequest, Subscription, UnsubscribeRequest};

use crate::error::Error;
use crate::service::Shared;
use crate::store;
use crate::subscription::{check, with};

/// How often a change that met another writer of the same user is tried.
const TRIES: usize = 16;

impl Shared {
    /// Adds a subscription, or puts it in place of the one of the same device, channel, environment and bundle.
    pub async fn subscribe(&self, request: SubscribeRequest) -> Result<Subscription, Error> {
        let request = check(request)?;
        let (user_max, app_max) = (self.options.subscriptions_per_user_max, self.options.subscriptions_per_app_max);
        for _ in 0..TRIES {
            let before = self.subscriptions.of_user(request.app, request.user).await?;
            let fresh = self.ids.next(&*self.subscriptions).await?;
            let after = with(before.rows.clone(), &request, fresh, (user_max, self.clock.now_ms()));
            let (after, row) = after.ok_or(Error::SubscriptionsTooMany(user_max))?;
            match self.subscriptions.change(&before, after, app_max).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome.map(|()| row)?),
            }
        }
        Err(store::Error::Changed.into())
    }

    /// The subscriptions of a user, by id.
    pub async fn subscriptions_of(&self, app: u64, user: u64) -> Result<Vec<Subscription>, Error> {
        Ok(self.subscriptions.of_user(app, user).await?.rows)
    }

    /// Ends a subscription of this very user.
    pub async fn unsubscribe(&self, request: UnsubscribeRequest) -> Result<(), Error> {
        let UnsubscribeRequest { app, user, id } = request;
        self.change_one(app, user, |rows| {
            let place = rows.iter().position(|row| row.id == id).ok_or(Error::Unknown)?;
            rows.remove(place);
            Ok(())
        })
        .await
    }

    /// Leaves a subscription alone from here on, unless it was replaced since it was read.
    pub async fn reject(&self, rejected: &Subscription, reason: &str) -> Result<(), Error> {
        let now = self.clock.now_ms();
        let marked = self.change_one(rejected.app, rejected.user, |rows| {
            let row = rows.iter_mut().find(|row| *row == rejected).ok_or(Error::Unknown)?;
            (row.rejected_at, row.rejected_for) = (now, reason.to_owned());
            Ok(())
        });
        match marked.await {
            Err(Error::Unknown) => Ok(()),
            outcome => outcome,
        }
    }

    async fn change_one(
        &self,
        app: u64,
        user: u64,
        change: impl Fn(&mut Vec<Subscription>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.subscriptions.of_user(app, user).await?;
            let mut after = before.rows.clone();
            change(&mut after)?;
            match self.subscriptions.change(&before, after, u64::MAX).await {
                Err(store::Error::Changed) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(store::Error::Changed.into())
    }
}
