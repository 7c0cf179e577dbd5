//! What many callers ask at the same time goes to a server in few requests: what a request costs it and this process is paid once for
//! what is in it. Which go together, and when; what becomes of them says who sends them.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Most in one request. Cassandra warns above (`unlogged_batch_across_partitions_warn_threshold`).
const TOGETHER_MAX: usize = 10;
/// Bytes in one request of several. Cassandra warns above 5 KiB, and refuses above 50 (`batch_size_*_threshold`).
const BYTES_MAX: usize = 4 << 10;
/// Requests on their way before one that asks waits for others to go with.
const EAGER: usize = 2;
/// Requests on their way at most; before that, what fills a request does not wait.
const FLYING_MAX: usize = 32;
/// What waits at most. Callers are bounded by their own actors; this is for what nobody thought of.
const WAITING_MAX: usize = 65_536;

/// Gathers what is asked while requests are on their way. Clones are the same.
pub struct Gather<T, A> {
    state: Arc<Mutex<State<Asked<T, A>>>>,
}

type Asked<T, A> = (T, oneshot::Sender<A>);

impl<T: Send + 'static, A: Send + 'static> Gather<T, A> {
    /// Asks one thing of about so many bytes. `send` sends a request of some, and answers each, in their order. The answer does not come
    /// if it has none for it, if `send` panics, or if too much waits. Whoever drops what is returned does not stop it.
    pub fn ask<F, S>(&self, one: T, bytes: usize, send: F) -> oneshot::Receiver<A>
    where
        F: Fn(Vec<T>) -> S + Send + 'static,
        S: Future<Output = Vec<A>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let group = {
            let mut state = self.state.lock();
            if state.waiting.len() >= WAITING_MAX {
                return answered;
            }
            state.waiting.push_back((bytes, (one, answer)));
            state.starts()
        };
        if let Some(group) = group {
            tokio::spawn(self.clone().fly(group, send));
        }
        answered
    }

    async fn fly<F, S>(self, mut group: Vec<Asked<T, A>>, send: F)
    where
        F: Fn(Vec<T>) -> S,
        S: Future<Output = Vec<A>>,
    {
        let flight = Flight(&self.state);
        loop {
            let (asked, to): (Vec<T>, Vec<_>) = group.into_iter().unzip();
            for (answer, to) in send(asked).await.into_iter().zip(to) {
                // Whoever does not wait any more does not hear it.
                let _ = to.send(answer);
            }
            let next = self.state.lock().goes_on();
            match next {
                Some(next) => group = next,
                None => {
                    // It has landed by the book.
                    std::mem::forget(flight);
                    return;
                }
            }
        }
    }
}

/// A request on its way. One that breaks off counts no longer, and nobody waits for it: if it was the only one, what waits is let go.
struct Flight<'a, T>(&'a Mutex<State<T>>);

impl<T> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        let let_go = {
            let mut state = self.0.lock();
            state.flying -= 1;
            if state.flying == 0 { std::mem::take(&mut state.waiting) } else { VecDeque::new() }
        };
        drop(let_go);
    }
}

impl<T, A> Clone for Gather<T, A> {
    fn clone(&self) -> Self {
        Gather { state: self.state.clone() }
    }
}

impl<T, A> Default for Gather<T, A> {
    fn default() -> Self {
        Gather { state: Arc::default() }
    }
}

/// What waits, with its bytes.
struct State<T> {
    flying: usize,
    waiting: VecDeque<(usize, T)>,
}

impl<T> Default for State<T> {
    fn default() -> State<T> {
        State { flying: 0, waiting: VecDeque::new() }
    }
}

impl<T> State<T> {
    /// The request that starts when another write has come, if one does.
    fn starts(&mut self) -> Option<Vec<T>> {
        let is_full = self.waiting.len() >= TOGETHER_MAX && self.flying < FLYING_MAX;
        if self.flying >= EAGER && !is_full {
            return None;
        }
        self.flying += 1;
        self.goes_on()
    }

    /// The request that follows one that is answered.
    fn goes_on(&mut self) -> Option<Vec<T>> {
        let (mut group, mut all) = (Vec::new(), 0);
        while let Some((bytes, _)) = self.waiting.front() {
            all += bytes;
            if group.len() == TOGETHER_MAX || (all > BYTES_MAX && !group.is_empty()) {
                break;
            }
            group.extend(self.waiting.pop_front().map(|(_, one)| one));
        }
        if group.is_empty() {
            self.flying -= 1;
            return None;
        }
        Some(group)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_comes_while_requests_are_on_their_way_goes_together() {
        let mut state = State::default();
        let come = |state: &mut State<u32>, one: u32| {
            state.waiting.push_back((100, one));
            state.starts()
        };
        assert_eq!(come(&mut state, 1), Some(vec![1]));
        assert_eq!(come(&mut state, 2), Some(vec![2]));
        assert_eq!((3..=5).filter_map(|one| come(&mut state, one)).count(), 0, "two are on their way");
        assert_eq!(state.goes_on(), Some(vec![3, 4, 5]));
        assert_eq!((state.goes_on(), state.flying), (None, 1));
        assert_eq!(come(&mut state, 6), Some(vec![6]));
        let started: Vec<_> = (7..=16).filter_map(|one| come(&mut state, one)).collect();
        assert_eq!(started, [(7..=16).collect::<Vec<_>>()], "what fills a request does not wait");
    }

    #[test]
    fn a_request_is_bounded_in_bytes_and_what_is_longer_goes_alone() {
        let mut state: State<u32> = State { flying: EAGER, ..State::default() };
        for (one, bytes) in [(1, 9_000), (2, 3_000), (3, 1_000), (4, 3_500), (5, 9_000)] {
            state.waiting.push_back((bytes, one));
            assert_eq!(state.starts(), None);
        }
        assert_eq!(std::iter::from_fn(|| state.goes_on()).collect::<Vec<_>>(), [vec![1], vec![2, 3], vec![4], vec![5]]);
    }

    #[tokio::test]
    async fn each_hears_what_became_of_its_own() {
        let gather = Gather::default();
        let doubled = |asked: Vec<u32>| async move {
            tokio::task::yield_now().await;
            asked.into_iter().map(|one| (one * 2, one)).collect()
        };
        let answers: Vec<_> = (0..25).map(|one| gather.ask(one, 1, doubled)).collect();
        for (one, answer) in (0..).zip(answers) {
            assert_eq!(answer.await, Ok((one * 2, one)));
        }
        // Of a request that has no answer for some.
        assert!(gather.ask(1, 1, |_| async { Vec::new() }).await.is_err());
        assert_eq!(gather.state.lock().flying, 0);
    }

    #[tokio::test]
    async fn a_request_that_breaks_off_keeps_nobody() {
        let gather: Gather<u32, u32> = Gather::default();
        let answers: Vec<_> = (0..5).map(|one| gather.ask(one, 1, |_| async { panic!("broken off") })).collect();
        for answer in answers {
            assert!(answer.await.is_err());
        }
        assert_eq!(gather.state.lock().flying, 0);
        assert_eq!(gather.ask(7, 1, |asked| async { asked }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let gather: Gather<usize, ()> = Gather::default();
        let answers: Vec<_> =
            (0..WAITING_MAX + 1_000).map(|one| gather.ask(one, BYTES_MAX, |_| std::future::pending::<Vec<()>>())).collect();
        assert_eq!(gather.state.lock().waiting.len(), WAITING_MAX);
        assert!(answers.into_iter().next_back().unwrap().await.is_err());
    }

    #[test]
    fn requests_on_their_way_are_bounded() {
        let mut state = State::default();
        let mut started = 0;
        for one in 0..1_000 {
            state.waiting.push_back((1, one));
            started += usize::from(state.starts().is_some());
        }
        assert_eq!((started, state.flying), (FLYING_MAX, FLYING_MAX));
        let mut left = 0;
        while let Some(group) = state.goes_on() {
            left += group.len();
        }
        assert_eq!(left, 1_000 - 2 - 30 * TOGETHER_MAX);
    }
}
