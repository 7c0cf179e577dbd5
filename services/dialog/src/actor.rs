//! One live dialog: the shell around [`Dialog`] that waits for its mail, its store and its log. Four beats: decide (pure),
//! store, apply (pure), tell; all posts that wait go through them together. The rules are in `dialog.rs`.
//!
//! It keeps nothing that cannot be rebuilt: where only the store knows what happened, it stops, and the next mail makes
//! another one from the store.

mod archive;
mod calls;
mod changes;
mod load;
mod mail;
mod marks;
mod messages;
mod news;
mod posts;
mod ways;

use std::sync::Arc;

use natter_actor::{Actor, Mailbox, Stop, WeakMailbox};
use natter_proto::dialog::v1 as wire;
use natter_proto::event::v1::Frame;

use crate::dialog::marks::Mark;
use crate::dialog::rights::Action;
use crate::dialog::rings::{Move, Rings};
use crate::dialog::{Dialog, Key, Kind, Post};
use crate::error::{Trouble, busy, frozen, no_dialog};
use crate::frames;
use crate::shared::Shared;
pub use mail::{
    Answer, By, CallSignal, Changing, Content, Create, Delete, DialogMessage, Edit, Notify, Posted, React, Remove, Removed,
    Signal, Subscribe, Subscribing, Take, Taking, TellEdit,
};

/// The actor of one dialog.
pub(crate) struct DialogActor {
    key: Key,
    own: Own,
    shared: Arc<Shared>,
    state: State,
    rings: Rings,
}

/// The actor's own mailbox, closed before anybody hears that the dialog must be loaded again: whoever asks once more reaches
/// the next actor.
struct Own(WeakMailbox<DialogMessage>);

/// What the actor knows of its dialog.
enum State {
    /// Nothing yet.
    Cold,
    /// Nobody has made it.
    Absent,
    Live(Box<Dialog>),
}

/// The mail of one batch in the order it is carried out.
#[derive(Default)]
struct Sorted {
    posts: Vec<(Box<Post>, Answer<Posted>)>,
    marks: Vec<(Mark, Answer<u32>)>,
    rest: Vec<DialogMessage>,
}

impl Actor for DialogActor {
    type Message = DialogMessage;

    fn batch(&self) -> usize {
        self.shared.options.batch()
    }

    async fn handle(&mut self, mail: Vec<DialogMessage>) -> Result<(), Stop> {
        if mail.iter().any(|message| self.is_behind(message)) {
            self.state = State::Cold;
        }
        if let Err(failure) = self.load().await {
            tracing::warn!(app = %self.key.app, dialog = ?self.key.dialog, %failure, "cannot load dialog");
            self.own.close();
            mail.into_iter().for_each(|message| message.refuse(busy(self.key)));
            return Err(Stop);
        }
        let outcome = self.carry_out(mail).await;
        if outcome.is_err() {
            self.shared.meters.reloads.inc();
        }
        outcome
    }
}

impl DialogActor {
    pub fn new(key: Key, own: &Mailbox<DialogMessage>, shared: Arc<Shared>) -> DialogActor {
        DialogActor { key, own: Own(own.downgrade()), shared, state: State::Cold, rings: Rings::default() }
    }

    /// Who asks knows of more than is in memory: another process owned the dialog meanwhile. A post would find that out when it is
    /// stored; a status would be answered, and lost.
    fn is_behind(&self, message: &DialogMessage) -> bool {
        match (message, &self.state) {
            (DialogMessage::Mark(mark, _), State::Live(dialog)) => dialog.is_behind(mark),
            (DialogMessage::Mark(..), State::Absent) => true,
            _ => false,
        }
    }

    /// None of the mail was answered before, so all of it is concurrent and any order is right, as long as each sender's
    /// posts keep theirs and what is only told comes before the message that came after it.
    async fn carry_out(&mut self, mail: Vec<DialogMessage>) -> Result<(), Stop> {
        let Sorted { posts, marks, rest } = self.sort(mail).await?;
        let mut outcome = self.post_and_mark(posts, marks).await;
        for message in rest {
            match outcome {
                Ok(()) => outcome = self.change(message).await,
                Err(Stop) => message.refuse(busy(self.key)),
            }
        }
        outcome
    }

    /// Makes the dialog for the first who may, and puts posts and marks together.
    async fn sort(&mut self, mail: Vec<DialogMessage>) -> Result<Sorted, Stop> {
        let mut sorted = Sorted::default();
        let mut mail = mail.into_iter();
        while let Some(message) = mail.next() {
            match self.make_for(&message).await {
                Ok(()) => self.put(message, &mut sorted).await,
                Err(Trouble { failure, reload }) => {
                    if reload {
                        self.own.close();
                    }
                    message.refuse(failure);
                    if reload {
                        sorted.into_mail().chain(mail).for_each(|message| message.refuse(busy(self.key)));
                        return Err(Stop);
                    }
                }
            }
        }
        Ok(sorted)
    }

    async fn put(&mut self, message: DialogMessage, sorted: &mut Sorted) {
        match message {
            DialogMessage::Post(post, answer) => sorted.posts.push((post, answer)),
            DialogMessage::Mark(mark, answer) => sorted.marks.push((mark, answer)),
            DialogMessage::Signal(signal, answer) if sorted.posts.is_empty() => self.signal(signal, answer).await,
            DialogMessage::CallSignal(signal, answer) if sorted.posts.is_empty() => self.signal_call(*signal, answer).await,
            other => sorted.rest.push(other),
        }
    }

    async fn post_and_mark(
        &mut self,
        posts: Vec<(Box<Post>, Answer<Posted>)>,
        marks: Vec<(Mark, Answer<u32>)>,
    ) -> Result<(), Stop> {
        let State::Live(dialog) = &mut self.state else {
            posts.into_iter().for_each(|(_, answer)| answer.send(Err(no_dialog(self.key))));
            // A marker for a message that nobody knows is no mistake (contract xmpp 3.4).
            marks.into_iter().for_each(|(_, answer)| answer.send(Ok(0)));
            return Ok(());
        };
        posts::carry_out(&self.shared, &self.own, dialog, posts, marks).await
    }

    async fn change(&mut self, message: DialogMessage) -> Result<(), Stop> {
        let message = match message {
            DialogMessage::Take(taking, answer) => return self.take(*taking, answer).await,
            other => other,
        };
        let (shared, own, State::Live(dialog)) = (&self.shared, &self.own, &mut self.state) else {
            return self.change_nothing(message).await;
        };
        match message {
            DialogMessage::Create(create, answer) => own.conclude(answer, changes::create(shared, dialog, &create).await),
            DialogMessage::Clear(delete, answer) => own.conclude(answer, changes::clear(shared, dialog, &delete).await),
            DialogMessage::Notify(notify, answer) => own.conclude(answer, changes::notify(shared, dialog, &notify).await),
            DialogMessage::Edit(edit, answer) => own.conclude(answer, messages::edit(shared, dialog, *edit).await),
            DialogMessage::Remove(remove, answer) => own.conclude(answer, messages::remove(shared, dialog, remove).await),
            DialogMessage::React(react, answer) => own.conclude(answer, messages::react(shared, dialog, react).await),
            DialogMessage::Freeze(frozen, answer) => own.conclude(answer, changes::freeze(shared, dialog, frozen).await),
            DialogMessage::Delete(delete, answer) => {
                let outcome = changes::delete(shared, dialog, &delete).await;
                self.gone_if(matches!(outcome, Ok(true)));
                self.own.conclude(answer, outcome.map(|_| ()))
            }
            DialogMessage::Erase(user, answer) => {
                let outcome = changes::erase(shared, dialog, user).await;
                self.gone_if(matches!(outcome, Ok(true)));
                self.own.conclude(answer, outcome.map(|_| ()))
            }
            DialogMessage::Subscribe(asked, answer) => {
                let outcome = changes::subscribe(shared, dialog, asked).await;
                self.gone_if(matches!(outcome, Ok((_, true))));
                self.own.conclude(answer, outcome.map(|(dialog, _)| dialog))
            }
            DialogMessage::Change(changing, answer) => {
                let outcome = changes::change(shared, dialog, *changing).await;
                self.gone_if(matches!(outcome, Ok((_, true))));
                self.own.conclude(answer, outcome.map(|(dialog, _)| dialog))
            }
            DialogMessage::Signal(signal, answer) => {
                self.signal(signal, answer).await;
                Ok(())
            }
            DialogMessage::CallSignal(signal, answer) => {
                self.signal_call(*signal, answer).await;
                Ok(())
            }
            DialogMessage::Post(..) | DialogMessage::Mark(..) | DialogMessage::Take(..) => {
                unreachable!("posts, marks and what an archive brings were sorted out")
            }
        }
    }

    fn gone_if(&mut self, gone: bool) {
        if gone {
            self.state = State::Absent;
        }
    }

    /// Answers what is asked of a dialog that nobody has made, or makes it.
    async fn change_nothing(&mut self, message: DialogMessage) -> Result<(), Stop> {
        match message {
            DialogMessage::Signal(signal, answer) => self.signal(signal, answer).await,
            DialogMessage::CallSignal(signal, answer) => self.signal_call(*signal, answer).await,
            DialogMessage::Remove(remove, answer) => {
                let not_found = remove.rows.into_iter().map(|found| found.asked).collect();
                answer.send(Ok(Removed { not_found, ..Removed::default() }));
            }
            // It is gone as well.
            DialogMessage::Erase(_, answer) => answer.send(Ok(())),
            DialogMessage::Create(create, answer) => {
                let outcome = self.create_new(*create).await;
                return self.own.conclude(answer, outcome);
            }
            other => other.refuse(no_dialog(self.key)),
        }
        Ok(())
    }

    async fn create_new(&mut self, create: Create) -> Result<wire::Dialog, Trouble> {
        let Create::New { kind, owner, change } = create else { return Err(no_dialog(self.key).into()) };
        self.make_new(kind, owner, *change).await?;
        match &self.state {
            State::Live(dialog) => Ok(dialog.to_wire(owner)),
            State::Cold | State::Absent => Err(no_dialog(self.key).into()),
        }
    }

    /// Told to the others, never stored; a refusal is silent (contract xmpp 3.5).
    async fn signal(&self, signal: Signal, answer: Answer<()>) {
        let frame = match (&self.state, signal.recipient) {
            (State::Live(dialog), _) => told_of_signal(dialog, signal),
            // Typing comes before the first message.
            (_, Some(recipient)) => {
                let pair = self.shared.pairs.check(self.key, signal.user, recipient).await;
                pair.is_ok().then(|| frames::typing(self.key, recipient, signal.origin, signal.typing))
            }
            (_, None) => None,
        };
        if let Some(frame) = frame {
            self.shared.tell(frame);
        }
        answer.send(Ok(()));
    }

    async fn signal_call(&mut self, signal: CallSignal, answer: Answer<()>) {
        // A call that rings is taken or ended all the same.
        let begins = signal.step.as_ref().is_some_and(|step| step.what == Move::Offer);
        if let State::Live(dialog) = &self.state
            && begins
            && dialog.check_writable().is_err()
        {
            return answer.send(Err(frozen(self.key)));
        }
        answer.send(calls::signal(&self.shared, self.key, &mut self.rings, signal).await);
    }
}

fn told_of_signal(dialog: &Dialog, signal: Signal) -> Option<Frame> {
    let Signal { user, origin, typing, .. } = signal;
    dialog.may(user, Action::Read).ok()?;
    dialog.check_writable().ok()?;
    match dialog.facts.kind {
        Kind::Private => Some(frames::typing(dialog.key, dialog.members.other_than(user)?, origin, typing)),
        Kind::Public | Kind::Group | Kind::Broadcast => Some(frames::group_typing(dialog, origin, typing)),
    }
}

impl Sorted {
    fn into_mail(self) -> impl Iterator<Item = DialogMessage> {
        let posts = self.posts.into_iter().map(|(post, answer)| DialogMessage::Post(post, answer));
        let marks = self.marks.into_iter().map(|(mark, answer)| DialogMessage::Mark(mark, answer));
        posts.chain(marks).chain(self.rest)
    }
}

impl Own {
    /// Mail that comes from here on goes to the next actor. What waits is not carried out, and its askers hear so.
    fn close(&self) {
        if let Some(own) = self.0.upgrade() {
            own.close();
        }
    }

    /// Answers, and ends the actor if only the store knows what happened.
    fn conclude<T>(&self, answer: Answer<T>, outcome: Result<T, Trouble>) -> Result<(), Stop> {
        match outcome {
            Ok(value) => answer.send(Ok(value)),
            Err(Trouble { failure, reload: false }) => answer.send(Err(failure)),
            Err(Trouble { failure, reload: true }) => {
                self.close();
                answer.send(Err(failure));
                return Err(Stop);
            }
        }
        Ok(())
    }
}
