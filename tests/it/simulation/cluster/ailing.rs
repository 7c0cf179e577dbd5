//! A process of the cluster that lives and cannot do its work (decision 0042), or goes: how long nobody is answered until another one does it, and
//! that nothing moves where no other could.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use natter_actor::Chance;
use natter_db::cql::simulated::Faults;
use natter_node::roles::Role;
use tokio::time::{Instant, sleep};

use crate::in_one_thread;
use crate::simulation::cluster::town::Town;
use crate::simulation::cluster::trace::Trace;
use crate::simulation::cluster::writer::Writer;

/// Until a post is accepted again: two seconds of silence, and what it takes to say it and to take over.
const TAKEN_OVER: Duration = Duration::from_millis(3_300);
/// What a hand-over may take.
const HANDED_OVER: Duration = Duration::from_secs(1);
/// What a request of the rows takes at most, and with such ones a drain. Nobody waits for a silence: who takes over fences at once.
const SLOW_ROWS: Duration = Duration::from_millis(10);
const DRAINED: Duration = Duration::from_millis(500);
/// Longer than any of it.
const LONG: Duration = Duration::from_secs(15);

/// A town, and somebody who writes in three of its dialogs.
struct Story {
    town: Rc<Town>,
    writer: Writer,
}

impl Story {
    async fn begin() -> Story {
        let town = Rc::new(Town::new(Chance::seeded(1), Trace::new(false)).await);
        let writer = Writer::new(town.clone(), 1);
        let mut story = Story { town, writer };
        assert!(story.write(LONG / 4).await < HANDED_OVER);
        story
    }

    /// Writes for so long; the longest that one message took.
    async fn write(&mut self, time: Duration) -> Duration {
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < time {
            let (mut asked, said_before) = (Instant::now(), self.writer.record.last_words.len());
            self.writer.last_words().await;
            for (.., acked) in &self.writer.record.last_words[said_before..] {
                longest = longest.max(*acked - asked);
                asked = *acked;
            }
            sleep(Duration::from_millis(400)).await;
        }
        longest
    }

    /// Who has the first of his dialogs.
    fn owner(&self) -> usize {
        let (dialog, _) = self.town.dialogs[0];
        let owners: Vec<usize> = self.writers().into_iter().filter(|place| self.town.process(*place).has(dialog)).collect();
        assert_eq!(owners.len(), 1, "views agree");
        owners[0]
    }

    fn writers(&self) -> Vec<usize> {
        self.town.places(Role::Dialog)
    }

    fn ailings(&self) -> usize {
        self.town.ground.ailings.load(Ordering::Relaxed)
    }

    fn end(self) {
        self.town.ground.net.end();
    }
}

/// Breaks one process, and mends it; what it had is another's meanwhile.
async fn one_breaks(hurt: impl Fn(&Town, usize), heal: impl Fn(&Town, usize)) {
    let mut story = Story::begin().await;
    let broken = story.owner();
    hurt(&story.town, broken);
    let silence = story.write(LONG).await;
    assert!(silence < TAKEN_OVER, "nobody was answered for {silence:?}");
    assert!(silence > HANDED_OVER, "it was not broken");
    assert_ne!(story.owner(), broken);
    heal(&story.town, broken);
    let silence = story.write(LONG).await;
    assert!(silence < HANDED_OVER, "nobody was answered for {silence:?} when it came back");
    assert_eq!((story.owner(), story.ailings()), (broken, 1));
    story.end();
}

#[test]
fn one_that_is_parted_from_the_rows_is_passed_over_until_it_reaches_them_again() {
    let hurt = |town: &Town, place: usize| town.process(place).lose_rows(&town.ground);
    in_one_thread(one_breaks(hurt, |town, place| town.process(place).go_on(&town.ground)));
}

#[test]
fn one_that_is_parted_from_all_who_call_it_is_passed_over_until_they_reach_it_again() {
    in_one_thread(one_breaks(Town::part_from_callers, Town::join_callers));
}

#[test]
fn one_that_is_drained_is_missed_for_as_long_as_a_take_over_takes() {
    in_one_thread(async {
        let mut story = Story::begin().await;
        story.town.ground.servers.set_faults(Faults { delay_max: SLOW_ROWS, ..Faults::default() });
        let usual = story.write(LONG / 3).await;
        let (place, town) = (story.owner(), story.town.clone());
        let drained = tokio::task::spawn_local(async move { town.process(place).drain(&town.ground).await });
        let silence = story.write(LONG / 2).await;
        drained.await.unwrap();
        assert_ne!(story.owner(), place);
        assert!(silence < DRAINED, "a message took {silence:?}, usually {usual:?}");
        story.town.start(place).await;
        let silence = story.write(LONG).await;
        assert!(silence < DRAINED, "a message took {silence:?} when it came back, usually {usual:?}");
        assert_eq!((story.owner(), story.ailings()), (place, 0));
        story.end();
    });
}

#[test]
fn where_no_other_could_do_better_nothing_moves() {
    in_one_thread(async {
        let mut story = Story::begin().await;
        let owner = story.owner();
        story.writers().into_iter().for_each(|place| story.town.process(place).lose_rows(&story.town.ground));
        sleep(LONG).await;
        story.writers().into_iter().for_each(|place| story.town.process(place).go_on(&story.town.ground));
        story.write(LONG).await;
        story.writers().into_iter().for_each(|place| story.town.part_from_callers(place));
        sleep(LONG).await;
        story.writers().into_iter().for_each(|place| story.town.join_callers(place));
        story.write(LONG).await;
        assert_eq!((story.owner(), story.ailings()), (owner, 0));
        story.end();
    });
}
