//! Contact lists: each step of a user towards another, one pair after another, kept before anybody is told; and what sessions of
//! contacts hear of each other.

use std::hash::{DefaultHasher, Hash, Hasher};

use natter_proto::UserId;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Availability, Contact, ContactChange, ContactRequest, PostedRequest, Subscription};
use natter_proto::presence::v1::{ContactRow, Present};
use tokio::sync::Mutex;

use crate::activity::{Arrival, Ended, Visible};
use crate::error::Error;
use crate::privacy::Passing;
use crate::roster::{Step, Tell, contact};
use crate::rosters::View;
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

/// Locks that pairs of users share.
const LOCKS: usize = 64;

/// One step of a pair at a time.
pub(crate) struct PairLocks([Mutex<()>; LOCKS]);

impl PairLocks {
    pub fn new() -> PairLocks {
        PairLocks(std::array::from_fn(|_| Mutex::new(())))
    }

    pub fn of(&self, user: UserKey, other: UserId) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        (user.app, user.user.min(other), user.user.max(other)).hash(&mut hasher);
        &self.0[hasher.finish() as usize % LOCKS]
    }
}

/// What a session is told that became available.
#[derive(Default)]
pub(crate) struct Greeting {
    /// Who waits for an answer, ascending.
    pub requests: Vec<u64>,
    /// Sessions of contacts.
    pub present: Vec<Present>,
}

impl Shared {
    /// The list and its revision.
    pub async fn contacts(&self, user: UserKey) -> Result<(Vec<Contact>, u64), Error> {
        // The revision first: of a list that is newer than it says some is told again.
        let revision = self.rosters.revision(user).await?;
        let rows = self.rosters.all(user).await?;
        Ok((rows.iter().filter_map(|(of, row)| contact(of.0, row)).collect(), revision))
    }

    /// Takes a step towards another user. He is told when it is kept.
    pub async fn step(&self, user: UserKey, other: UserId, step: Step) -> Result<(), Error> {
        if user.user == other {
            return Err(Error::OneSelf);
        }
        let _turn = self.pairs.of(user, other).lock().await;
        let theirs = UserKey { user: other, ..user };
        // Who gives something up says nothing to whom it may not: he is not told of it then.
        if matches!(step, Step::Subscribe | Step::Subscribed) {
            self.check_passes(user, theirs, Passing::Presence).await?;
        }
        let before = (self.rosters.get(user, other).await?, self.rosters.get(theirs, user.user).await?);
        if step == Step::Remove && !before.0.listed && !before.0.asked {
            return Err(Error::NoContact);
        }
        self.check_room(user, theirs, &step, &before).await?;
        self.take(user, theirs, step, before).await?;
        Ok(())
    }

    /// A user is no more: what the two keep of each other goes, and the other is told as of a removal. How many views went.
    pub async fn part(&self, user: UserKey, other: UserId) -> Result<usize, Error> {
        let _turn = self.pairs.of(user, other).lock().await;
        let theirs = UserKey { user: other, ..user };
        let before = (self.rosters.get(user, other).await?, self.rosters.get(theirs, user.user).await?);
        self.take(user, theirs, Step::Vanish, before).await
    }

    /// Keeps what a step changes, then tells of it. The turn of the pair is held. How many views are different.
    async fn take(&self, user: UserKey, theirs: UserKey, step: Step, before: (ContactRow, ContactRow)) -> Result<usize, Error> {
        let other = theirs.user;
        let mut after = before.clone();
        let tell = step.apply(&mut after.0, &mut after.1);
        let views = [(user, other, &before.0, &after.0), (theirs, user.user, &before.1, &after.1)];
        let changed = views.into_iter().filter(|(_, _, before, after)| before != after);
        let changed: Vec<View> =
            changed.map(|(owner, of, was, after)| View { owner, of, was: was.clone(), row: after.clone() }).collect();
        let revisions = match changed.is_empty() {
            true => Vec::new(),
            false => {
                // Once for a request, however often it is repeated while it waits.
                let has_asked = after.1.asked && !before.1.asked;
                let asked = has_asked.then(|| PostedRequest { from: user.user.0, to: other.0, at: self.clock.now_ms() });
                self.rosters.put(changed.clone(), asked).await?
            }
        };
        for (view, revision) in changed.iter().zip(revisions) {
            self.tell_change(view, revision);
        }
        tell.into_iter().for_each(|tell| self.tell_step(user, theirs, tell));
        Ok(changed.len())
    }

    async fn check_room(
        &self,
        user: UserKey,
        theirs: UserKey,
        step: &Step,
        (mine, other): &(ContactRow, ContactRow),
    ) -> Result<(), Error> {
        let max = self.options.contacts_per_user_max;
        if step.lists(mine) && self.count(user, |row| row.listed).await? >= max {
            return Err(Error::TooManyContacts { max });
        }
        let asks = *step == Step::Subscribe && !mine.to && !other.asked;
        if asks && self.count(theirs, |row| row.asked).await? >= max {
            return Err(Error::TooManyContacts { max });
        }
        Ok(())
    }

    async fn count(&self, user: UserKey, which: impl Fn(&ContactRow) -> bool) -> Result<usize, Error> {
        Ok(self.rosters.all(user).await?.iter().filter(|(_, row)| which(row)).count())
    }

    fn tell_change(&self, view: &View, revision: u64) {
        let (was, is) = (contact(view.of.0, &view.was), contact(view.of.0, &view.row));
        if was == is {
            return;
        }
        let removed = is.is_none();
        let change = ContactChange { contact: is.or(was), removed, revision };
        self.publish(view.owner.app, vec![view.owner.user.0], Told::ContactChange(change));
    }

    fn tell_step(&self, user: UserKey, other: UserKey, tell: Tell) {
        let request = |from: UserKey, to: UserKey, kind: Subscription| {
            if !self.shows(from, to.user) {
                return;
            }
            let request = ContactRequest { user: from.user.0, kind: kind.into() };
            self.publish(to.app, vec![to.user.0], Told::ContactRequest(request));
        };
        match tell {
            Tell::Other(kind) => request(user, other, kind),
            Tell::Self_(kind) => request(other, user, kind),
            Tell::OtherSees if self.shows(user, other.user) => self.tell_all_sessions(user, other, true),
            Tell::OtherLoses if self.shows(user, other.user) => self.tell_all_sessions(user, other, false),
            Tell::SelfLoses if self.shows(other, user.user) => self.tell_all_sessions(other, user, false),
            Tell::OtherSees | Tell::OtherLoses | Tell::SelfLoses => {}
        }
    }

    /// Tells `to` that all sessions of `of` are there, or are no more to be seen.
    pub fn tell_all_sessions(&self, of: UserKey, to: UserKey, available: bool) {
        let activity = self.activity.lock();
        let sessions = activity.visible(of);
        let last = sessions.len();
        for (n, Visible { resource, shown }) in sessions.into_iter().enumerate() {
            let (last, shown) = (!available && n + 1 == last, shown.filter(|_| available));
            let availability = Availability { user: of.user.0, resource, available, last, shown, again: false };
            self.publish(to.app, vec![to.user.0], Told::Availability(availability));
        }
    }

    // === sessions that come and go ===

    /// Tells the contacts of a session that came or shows something else, and gives what it is told itself. A list that cannot be
    /// read keeps nobody out.
    pub async fn greet(&self, user: UserKey, session: &SessionKey, visible: Visible, arrival: Arrival) -> Greeting {
        let Ok(rows) = self.rosters.all(user).await else { return Greeting::default() };
        let followers = self.followers(user, &rows);
        let activity = self.activity.lock();
        // It may be gone by now, and that was told already.
        if arrival != Arrival::Again && !followers.is_empty() && activity.has(user, session) {
            let Visible { resource, shown } = visible;
            let again = arrival == Arrival::Changed;
            let availability = Availability { user: user.user.0, resource, available: true, last: false, shown, again };
            self.publish(user.app, followers, Told::Availability(availability));
        }
        let mut greeting = Greeting::default();
        for (of, row) in rows {
            let other = UserKey { user: of, ..user };
            if !self.shows(other, user.user) {
                continue;
            }
            if row.asked {
                greeting.requests.push(of.0);
            }
            if row.to {
                let present = |Visible { resource, shown }| Present { user: of.0, resource, shown };
                greeting.present.extend(activity.visible(other).into_iter().map(present));
            }
        }
        greeting
    }

    /// Tells of a session that is there, as it was before, those contacts who came meanwhile.
    pub async fn greet_newcomers(&self, user: UserKey, visible: Visible) {
        let Ok(rows) = self.rosters.all(user).await else { return };
        let newcomers = self.unaware(user.app, self.followers(user, &rows));
        if !newcomers.is_empty() {
            let Visible { resource, shown } = visible;
            let availability = Availability { user: user.user.0, resource, available: true, shown, ..Availability::default() };
            self.publish(user.app, newcomers, Told::Availability(availability));
        }
    }

    /// Tells the contacts of a session that is not available any more.
    pub async fn tell_ended(&self, ended: Ended) {
        let Ok(rows) = self.rosters.all(ended.user).await else { return };
        let followers = self.followers(ended.user, &rows);
        if followers.is_empty() {
            return;
        }
        let activity = self.activity.lock();
        // Another session may have come meanwhile, and that was told.
        let last = !activity.is_there(ended.user);
        let (user, resource) = (ended.user.user.0, ended.resource);
        let availability = Availability { user, resource, available: false, last, ..Availability::default() };
        self.publish(ended.user.app, followers, Told::Availability(availability));
    }

    /// Who sees the owner of these views.
    fn followers(&self, user: UserKey, rows: &[(UserId, ContactRow)]) -> Vec<u64> {
        rows.iter().filter(|(of, row)| row.from && self.shows(user, *of)).map(|(of, _)| of.0).collect()
    }
}
