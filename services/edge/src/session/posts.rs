//! What a session has on its way to the dialogs: started in the order of the stream, several at a time, repeated in that order
//! after a failure, never overtaking one another within a dialog.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use natter_proto::dialog::v1::{
    HeadlineRequest, MarkRequest, PostRequest, RemoveMessagesRequest, SignalCallRequest, SignalRequest, UpdateMessageRequest,
};
use natter_proto::event::v1::Message;
use natter_proto::{Code, Failure};
use prost::Message as _;

use super::Call;
use crate::acks::Place;

/// One thing asked of a dialog.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Job {
    Post(Box<PostRequest>),
    Mark(Box<MarkRequest>),
    Signal(Box<SignalRequest>),
    Update(Box<UpdateMessageRequest>),
    /// Of one message.
    Remove(Box<RemoveMessagesRequest>),
    Headline(Box<HeadlineRequest>),
    CallSignal(Box<SignalCallRequest>),
}

impl Job {
    /// Its client hears of a refusal. Statuses and chat states are refused in silence (contract xmpp 7.3).
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self, Job::Mark(_) | Job::Signal(_))
    }

    /// With others of its dialog, in one call.
    pub(crate) fn goes_together(&self) -> bool {
        matches!(self, Job::Post(_) | Job::Mark(_) | Job::Signal(_)) && !self.dialog().is_empty()
    }

    pub(crate) fn app(&self) -> u64 {
        match self {
            Job::Post(request) => request.app,
            Job::Mark(request) => request.app,
            Job::Signal(request) => request.app,
            Job::Update(request) => request.app,
            Job::CallSignal(request) => request.app,
            Job::Remove(request) => request.app,
            Job::Headline(request) => request.app,
        }
    }

    /// Empty: of none.
    pub(crate) fn dialog(&self) -> &[u8] {
        match self {
            Job::Post(request) => &request.dialog,
            Job::Mark(request) => &request.dialog,
            Job::Signal(request) => &request.dialog,
            Job::Update(request) => &request.dialog,
            Job::CallSignal(request) => &request.dialog,
            // A removal is as right later, and a system message is of no dialog: nothing overtakes them.
            Job::Remove(_) | Job::Headline(_) => &[],
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Job::Post(request) => request.encoded_len(),
            Job::Mark(request) => request.encoded_len(),
            Job::Signal(request) => request.encoded_len(),
            Job::Update(request) => request.encoded_len(),
            Job::CallSignal(request) => request.encoded_len(),
            Job::Remove(request) => request.encoded_len(),
            Job::Headline(request) => request.encoded_len(),
        }
    }
}

/// A job and the stanza it came from.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Task {
    /// Of the stanza in its stream.
    pub place: Place,
    /// `id` of the stanza, for an error.
    pub stanza_id: Option<String>,
    /// `to` of the stanza as the client wrote it.
    pub to: Option<String>,
    pub job: Job,
    /// When it was first handed on, unix milliseconds.
    pub began_at: i64,
    attempts: u8,
}

/// What became of a task.
#[derive(PartialEq, Debug)]
pub(crate) enum Outcome {
    /// Carried out; the number it got in its dialog, 0 if none.
    Done(Task, u64),
    /// Refused: nothing was done.
    Refused(Task, Failure),
    /// Not stored, or nobody knows, and not to be repeated any more.
    Lost(Task, Failure),
}

/// Attempts of one task, the first included.
const ATTEMPTS_MAX: u8 = 4;
/// Jobs that go to a dialog together, and their bytes: far below what a link carries (4 MiB).
const TOGETHER_MAX: usize = 64;
const TOGETHER_BYTES_MAX: usize = 1 << 20;
/// Pause before the first repetition, milliseconds; each further one takes twice as long.
const PAUSE_MS: i64 = 50;

/// Tasks waiting, flying and failed.
///
/// Invariant: after a failure that may be repeated nothing new starts until all that flies has landed; then what failed starts
/// again in the order of the stream. A task that was not carried out while a later one of its dialog was is refused; one of which
/// that is not known is asked for, and not stored any more.
#[derive(Debug)]
pub(crate) struct Posts {
    window: usize,
    /// Of each dialog one task flies at a time, or several that go together: the way there keeps no order.
    is_one_by_one: bool,
    next: u64,
    waiting: VecDeque<Task>,
    flying: BTreeMap<u64, Task>,
    failed: BTreeMap<u64, (Task, Failure)>,
    /// Newest task carried out by dialog, since the first failure.
    carried_out: BTreeMap<Vec<u8>, u64>,
    /// Ids of messages that were on their way when another edge had the stream.
    earlier: Vec<Vec<u8>>,
    resume_at: i64,
}

impl Task {
    pub(crate) fn new(place: Place, stanza_id: Option<String>, to: Option<String>, job: Job) -> Task {
        Task { place, stanza_id, to, job, began_at: 0, attempts: 0 }
    }

    /// A later message of the same dialog was taken: stored now, this one would stand behind it.
    fn only_repeat(&mut self) {
        if let Job::Post(request) = &mut self.job {
            request.only_repeat = true;
        }
    }

    fn dialog(&self) -> &[u8] {
        self.job.dialog()
    }
}

impl Posts {
    /// At most `window` tasks fly.
    pub(crate) fn new(window: usize) -> Posts {
        Posts {
            window,
            is_one_by_one: false,
            next: 0,
            waiting: VecDeque::new(),
            flying: BTreeMap::new(),
            failed: BTreeMap::new(),
            carried_out: BTreeMap::new(),
            earlier: Vec::new(),
            resume_at: 0,
        }
    }

    /// From here on a task of a dialog waits for the answer to those before it; posts, statuses and signals of one dialog start together.
    pub(crate) fn one_by_one(&mut self) {
        self.is_one_by_one = true;
    }

    /// Takes a task in the order of the stream.
    pub(crate) fn push(&mut self, task: Task) {
        self.waiting.push_back(task);
    }

    /// The next job to start and the number its answer must carry.
    pub(crate) fn start(&mut self, now: i64) -> Option<(u64, Job)> {
        if self.flying.len() >= self.window || !self.failed.is_empty() || self.resume_at > now {
            return None;
        }
        let task = self.take_next()?;
        let job = task.job.clone();
        Some((self.fly(now, task), job))
    }

    fn fly(&mut self, now: i64, mut task: Task) -> u64 {
        task.attempts += 1;
        if task.attempts == 1 {
            task.began_at = now;
        }
        let number = self.next;
        self.next += 1;
        self.flying.insert(number, task);
        number
    }

    /// The call that starts next: a job, or jobs of a dialog that go together.
    pub(crate) fn start_together(&mut self, now: i64) -> Option<Call> {
        let (number, first) = self.start(now)?;
        if !self.is_one_by_one || !first.goes_together() {
            return Some(Call::Job { number, job: first });
        }
        let (dialog, mut bytes) = (first.dialog().to_vec(), first.encoded_len());
        let mut jobs = vec![(number, first)];
        while jobs.len() < TOGETHER_MAX && self.flying.len() < self.window {
            let Some(place) = self.waiting.iter().position(|task| task.dialog() == dialog) else { break };
            let job = &self.waiting[place].job;
            bytes += job.encoded_len();
            if bytes > TOGETHER_BYTES_MAX || !job.goes_together() {
                break;
            }
            let job = job.clone();
            let Some(task) = self.waiting.remove(place) else { break };
            jobs.push((self.fly(now, task), job));
        }
        Some(match jobs.pop() {
            Some((number, job)) if jobs.is_empty() => Call::Job { number, job },
            last => Call::Batch(jobs.into_iter().chain(last).collect()),
        })
    }

    /// The first that waits and has not to wait for another of its dialog.
    fn take_next(&mut self) -> Option<Task> {
        if !self.is_one_by_one {
            return self.waiting.pop_front();
        }
        let mut busy: BTreeSet<&[u8]> = self.flying.values().map(Task::dialog).filter(|dialog| !dialog.is_empty()).collect();
        let place = self.waiting.iter().position(|task| task.dialog().is_empty() || busy.insert(task.dialog()))?;
        self.waiting.remove(place)
    }

    /// Takes the answer to a job; says which tasks are at their end with it.
    pub(crate) fn answered(&mut self, now: i64, number: u64, answer: Result<u64, Failure>) -> Vec<Outcome> {
        let Some(task) = self.flying.remove(&number) else { return Vec::new() };
        let mut ended = Vec::new();
        match answer {
            Ok(seq) => {
                if !self.flying.is_empty() || !self.failed.is_empty() {
                    self.carried_out.insert(task.dialog().to_vec(), number);
                }
                ended.push(Outcome::Done(task, seq));
            }
            // Typing is worth no second attempt.
            Err(_) if matches!(task.job, Job::Signal(_)) => ended.push(Outcome::Done(task, 0)),
            // It may have been told, and told again it could come behind what followed it. Its client rings on by itself.
            Err(failure) if matches!(task.job, Job::CallSignal(_)) && failure.code != Code::Busy => {
                ended.push(Outcome::Refused(task, failure));
            }
            Err(failure) if is_repeatable(failure.code) => drop(self.failed.insert(number, (task, failure))),
            Err(failure) if failure.code == Code::NotStored => ended.push(Outcome::Lost(task, failure)),
            Err(failure) => ended.push(Outcome::Refused(task, failure)),
        }
        if self.flying.is_empty() {
            self.settle(now, &mut ended);
        }
        ended
    }

    /// Refuses all that waits; what flies goes on.
    pub(crate) fn refuse_waiting(&mut self) -> Vec<Task> {
        self.waiting.drain(..).collect()
    }

    /// Whether a row is one of these posts: its number is not known here before its answer.
    pub(crate) fn carry(&self, row: &Message) -> bool {
        let is_it = |id: &Vec<u8>| *id == row.id || *id == row.alias;
        self.ids().any(is_it) || self.earlier.iter().any(is_it)
    }

    /// Ids of the messages among them.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Vec<u8>> {
        let failed = self.failed.values().map(|(task, _)| task);
        let tasks = self.flying.values().chain(failed).chain(&self.waiting);
        tasks.filter_map(|task| match &task.job {
            Job::Post(request) => request.message.as_ref().map(|posted| &posted.id),
            _ => None,
        })
    }

    /// These were on their way at another edge: they may be in history, and come again or not.
    pub(crate) fn carried_before(&mut self, ids: Vec<Vec<u8>>) {
        self.earlier = ids;
    }

    pub(crate) fn flying(&self) -> usize {
        self.flying.len() + self.failed.len()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When to start again after a failure.
    pub(crate) fn resume_at(&self) -> Option<i64> {
        (!self.waiting.is_empty() && self.resume_at > 0).then_some(self.resume_at)
    }

    /// Everything has landed: what failed goes back to the front, or has had its chances.
    fn settle(&mut self, now: i64, ended: &mut Vec<Outcome>) {
        let carried_out = std::mem::take(&mut self.carried_out);
        self.resume_at = 0;
        while let Some((number, (mut task, failure))) = self.failed.pop_last() {
            let overtaken = carried_out.get(task.dialog()).is_some_and(|later| *later > number);
            let exhausted = task.attempts >= ATTEMPTS_MAX;
            match failure.code {
                Code::Busy if overtaken || exhausted => ended.push(Outcome::Refused(task, failure)),
                _ if exhausted => ended.push(Outcome::Lost(task, failure)),
                _ => {
                    if overtaken {
                        task.only_repeat();
                    }
                    self.resume_at = self.resume_at.max(now + (PAUSE_MS << task.attempts));
                    self.waiting.push_front(task);
                }
            }
        }
    }
}

/// Busy: nothing was done. Unknown: a message carries its id, so the same one again is the same message; so does an edit.
fn is_repeatable(code: Code) -> bool {
    matches!(code, Code::Busy | Code::Unknown | Code::Conflict)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn posts_start_in_order_within_the_window() {
        let mut posts = posts(2, &[b"d", b"d", b"d"]);
        assert_eq!(start_all(&mut posts, 0), [0, 1]);
        assert_eq!(places(posts.answered(0, 1, Ok(2))), ["done 1"]);
        assert_eq!(start_all(&mut posts, 0), [2]);
    }

    #[test]
    fn where_the_way_keeps_no_order_one_of_each_dialog_flies_and_none_overtakes() {
        let mut posts = posts(8, &[b"d", b"d", b"e", b"d", b"e"]);
        posts.one_by_one();
        assert_eq!(start_all(&mut posts, 0), [0, 1]);
        assert!(posts.flying.values().map(|task| task.place).eq([0, 2]));
        assert_eq!(places(posts.answered(0, 1, Ok(1))), ["done 2"]);
        assert_eq!(start_all(&mut posts, 0), [2]);
        assert!(posts.flying.values().map(|task| task.place).eq([0, 4]));
        assert_eq!(places(posts.answered(0, 0, Ok(1))), ["done 0"]);
        assert_eq!(start_all(&mut posts, 0), [3]);
        assert_eq!(places(posts.answered(0, 3, Ok(2))), ["done 1"]);
    }

    #[test]
    fn where_the_way_keeps_no_order_what_is_said_in_a_dialog_goes_together_up_to_the_first_change() {
        let mut posts = posts(9, &[b"d", b"e"]);
        posts.one_by_one();
        let dialog = b"d".to_vec();
        posts.push(Task::new(2, None, None, Job::Mark(Box::new(MarkRequest { dialog: dialog.clone(), ..Default::default() }))));
        posts.push(task(3, b"d"));
        posts.push(Task::new(4, None, None, Job::Update(Box::new(UpdateMessageRequest { dialog, ..Default::default() }))));
        posts.push(task(5, b"d"));
        assert_eq!(calls(&mut posts), [vec![0, 1, 2], vec![3]]);
        assert!(posts.flying.values().map(|task| task.place).eq([0, 2, 3, 1]));
        assert_eq!(places(posts.answered(0, 0, Ok(1))), ["done 0"]);
        assert_eq!(calls(&mut posts), [[0u64; 0]; 0], "the others are on their way");
        posts.answered(0, 1, Ok(0));
        posts.answered(0, 2, Ok(3));
        assert_eq!(calls(&mut posts), [[4]], "the edit");
        assert_eq!(places(posts.answered(0, 4, Ok(0))), ["done 4"]);
        assert_eq!(calls(&mut posts), [[5]]);
    }

    #[test]
    fn what_goes_together_is_bounded_in_number_and_in_bytes_and_by_the_window() {
        let long = |place| {
            let message = Message { body: Some("x".repeat(300 << 10)), ..Message::default() };
            let post = PostRequest { dialog: b"d".to_vec(), message: Some(message), ..Default::default() };
            Task::new(place, None, None, Job::Post(Box::new(post)))
        };
        let many = vec![&b"d"[..]; 100];
        for (window, expected) in [(200, 64), (10, 10)] {
            let mut posts = posts(window, &many);
            posts.one_by_one();
            assert_eq!(calls(&mut posts)[0].len(), expected);
        }
        let mut posts = Posts::new(200);
        posts.one_by_one();
        (0..9).for_each(|place| posts.push(long(place)));
        assert_eq!(calls(&mut posts), [[0, 1, 2]]);
    }

    #[test]
    fn of_posts_that_went_together_those_that_failed_are_repeated_together() {
        let mut posts = posts(8, &[b"d", b"d", b"d"]);
        posts.one_by_one();
        assert_eq!(calls(&mut posts), [[0, 1, 2]]);
        for number in 0..3 {
            assert_eq!(posts.answered(0, number, unknown()), []);
        }
        assert_eq!(start_together(&mut posts, 1_000), [[3, 4, 5]]);
        assert!(posts.flying.values().map(|task| task.place).eq([0, 1, 2]));
    }

    fn calls(posts: &mut Posts) -> Vec<Vec<u64>> {
        start_together(posts, 0)
    }

    fn start_together(posts: &mut Posts, now: i64) -> Vec<Vec<u64>> {
        let numbers = |call| match call {
            Call::Job { number, .. } => vec![number],
            Call::Batch(jobs) => jobs.into_iter().map(|(number, _)| number).collect(),
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| posts.start_together(now)).map(numbers).collect()
    }

    #[test]
    fn what_failed_is_repeated_in_the_order_of_the_stream() {
        let mut posts = posts(8, &[b"d", b"d", b"d"]);
        start_all(&mut posts, 0);
        posts.answered(0, 2, unknown());
        posts.answered(0, 0, unknown());
        posts.push(task(9, b"d"));
        assert_eq!(start_all(&mut posts, 0), [0u64; 0], "nothing new while something flies");
        posts.answered(0, 1, unknown());
        assert_eq!(start_all(&mut posts, 99), [0u64; 0], "a pause first");
        assert_eq!(start_all(&mut posts, 100), [3, 4, 5, 6]);
        assert!(posts.flying.values().map(|task| task.place).eq([0, 1, 2, 9]));
    }

    #[test]
    fn a_busy_post_that_was_overtaken_is_refused() {
        let mut posts = posts(8, &[b"d", b"d", b"e"]);
        start_all(&mut posts, 0);
        posts.answered(0, 0, busy());
        posts.answered(0, 1, Ok(7));
        assert_eq!(places(posts.answered(0, 2, busy())), ["refused 0"]);
        assert_eq!(posts.waiting(), 1, "the other dialog's is repeated");
    }

    #[test]
    fn a_post_of_unknown_outcome_that_was_overtaken_is_asked_for_and_not_stored() {
        let mut posts = posts(8, &[b"d", b"d", b"e"]);
        start_all(&mut posts, 0);
        posts.answered(0, 0, unknown());
        posts.answered(0, 2, unknown());
        posts.answered(0, 1, Ok(7));
        let again: Vec<bool> = std::iter::from_fn(|| posts.start(1_000)).map(|(_, job)| only_repeats(&job)).collect();
        assert_eq!(again, [true, false], "in the other dialog nothing came after it");
        assert_eq!(places(posts.answered(1_000, 3, Err(Failure::new(Code::NotStored, "a later one was taken")))), ["lost 0"]);
    }

    #[test]
    fn an_unknown_outcome_ends_as_lost() {
        let mut posts = posts(1, &[b"d"]);
        for attempt in 0..4 {
            let now = attempt * 10_000;
            let (number, _) = posts.start(now).unwrap();
            let ended = posts.answered(now, number, unknown());
            assert_eq!(places(ended), if attempt == 3 { vec!["lost 0"] } else { vec![] });
        }
    }

    #[test]
    fn a_refusal_is_final_at_once() {
        let mut posts = posts(1, &[b"d"]);
        start_all(&mut posts, 0);
        assert_eq!(places(posts.answered(0, 0, Err(Failure::new(Code::Forbidden, "blocked")))), ["refused 0"]);
    }

    fn posts(window: usize, dialogs: &[&[u8]]) -> Posts {
        let mut posts = Posts::new(window);
        for (place, dialog) in dialogs.iter().enumerate() {
            posts.push(task(place as u64, dialog));
        }
        posts
    }

    fn task(place: Place, dialog: &[u8]) -> Task {
        Task::new(place, None, None, Job::Post(Box::new(PostRequest { dialog: dialog.to_vec(), ..Default::default() })))
    }

    fn only_repeats(job: &Job) -> bool {
        matches!(job, Job::Post(request) if request.only_repeat)
    }

    fn start_all(posts: &mut Posts, now: i64) -> Vec<u64> {
        std::iter::from_fn(|| posts.start(now)).map(|(number, _)| number).collect()
    }

    fn places(ended: Vec<Outcome>) -> Vec<String> {
        let word = |outcome| match outcome {
            Outcome::Done(task, _) => format!("done {}", task.place),
            Outcome::Refused(task, _) => format!("refused {}", task.place),
            Outcome::Lost(task, _) => format!("lost {}", task.place),
        };
        ended.into_iter().map(word).collect()
    }

    fn busy() -> Result<u64, Failure> {
        Err(Failure::new(Code::Busy, "full"))
    }

    fn unknown() -> Result<u64, Failure> {
        Err(Failure::new(Code::Unknown, "no answer"))
    }
}
