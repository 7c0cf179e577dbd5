//! Who was a member of a group at which time, as far as those who asked for it were answered: what a checker may demand of
//! history and of what a member was told.

use natter_proto::DialogId;

/// A place in the one order of everything that a test does and is told.
pub type Tick = u64;

/// Somebody became a member, or stopped being one.
#[derive(Clone, Debug)]
pub struct Move {
    pub group: DialogId,
    pub user: u64,
    pub joins: bool,
    /// When it was asked for.
    pub began: Tick,
    /// When it was answered; none if it was not.
    pub ended: Option<Tick>,
}

/// Whether a user was a member at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Membership {
    Certain,
    Perhaps,
    None,
}

/// Whether the user was in the group from `from` to `upto`, both included, all the time or at no time. `at_start`: before these
/// moves, which are in order.
pub fn during(moves: &[Move], group: DialogId, user: u64, at_start: bool, from: Tick, upto: Tick) -> Membership {
    let (mut perhaps_in, mut perhaps_out) = (false, false);
    let (mut inside, mut since) = (at_start, 0);
    for moved in moves.iter().filter(|moved| moved.group == group && moved.user == user) {
        if since <= upto && moved.began > from {
            (perhaps_in, perhaps_out) = (perhaps_in | inside, perhaps_out | !inside);
        }
        let ended = moved.ended.unwrap_or(Tick::MAX);
        if moved.began <= upto && ended >= from {
            (perhaps_in, perhaps_out) = (true, true);
        }
        (inside, since) = (moved.joins, ended);
    }
    if since <= upto {
        (perhaps_in, perhaps_out) = (perhaps_in | inside, perhaps_out | !inside);
    }
    match (perhaps_in, perhaps_out) {
        (true, false) => Membership::Certain,
        (false, true) => Membership::None,
        (_, _) => Membership::Perhaps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_is_certain_only_outside_of_moves() {
        let group = DialogId([1; 12]);
        let moved = |joins, began, ended| Move { group, user: 5, joins, began, ended };
        let moves = [moved(false, 10, Some(20)), moved(true, 30, Some(40)), moved(false, 50, None)];
        let during = |from, upto| super::during(&moves, group, 5, true, from, upto);
        assert_eq!(during(1, 9), Membership::Certain);
        assert_eq!(during(5, 12), Membership::Perhaps);
        assert_eq!(during(15, 15), Membership::Perhaps);
        assert_eq!(during(21, 29), Membership::None);
        assert_eq!(during(21, 35), Membership::Perhaps);
        assert_eq!(during(5, 45), Membership::Perhaps);
        assert_eq!(during(41, 49), Membership::Certain);
        assert_eq!(during(60, 60), Membership::Perhaps);
        assert_eq!(super::during(&moves, group, 6, false, 1, 99), Membership::None);
    }
}
