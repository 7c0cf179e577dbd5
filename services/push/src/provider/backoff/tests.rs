//! Pauses, and when a provider is left alone.

use super::*;

#[test]
fn pauses_double_up_to_a_minute_and_keep_half_by_chance() {
    for (tried, least, most) in [(0, 500, 1_000), (1, 500, 1_000), (2, 1_000, 2_000), (5, 8_000, 16_000), (7, 30_000, 60_000)] {
        let all: Vec<_> = (0..30_001).map(|chance| pause(tried, chance).as_millis()).collect();
        assert_eq!(all.iter().min(), Some(&least), "{tried}");
        assert_eq!(all.iter().max(), Some(&most), "{tried}");
    }
    assert!(pause(u32::MAX, u64::MAX) <= LONGEST);
}

#[test]
fn failures_in_a_row_and_a_trial() {
    let mut circuit = Circuit::default();
    for at in 0..5 {
        assert_eq!(circuit.admit(at), Ok(Pass::Free));
        circuit.note(at, Pass::Free, Some(Health::Unwell), 0);
    }
    assert_eq!(circuit.admit(4), Err(Duration::from_millis(500)), "left alone after five");
    circuit.note(100, Pass::Free, Some(Health::Unwell), 0);
    assert_eq!(circuit.admit(104), Err(Duration::from_millis(400)), "who had asked before changes nothing");
    assert_eq!(circuit.admit(504), Ok(Pass::Trial));
    assert_eq!(circuit.admit(504), Err(FIRST), "one tries, the others wait");
    circuit.note(600, Pass::Trial, Some(Health::Unwell), 0);
    assert_eq!(circuit.admit(600), Err(Duration::from_millis(1_000)), "twice as long");
    assert_eq!(circuit.admit(1_600), Ok(Pass::Trial));
    circuit.note(1_700, Pass::Trial, None, 0);
    assert_eq!(circuit.admit(1_700), Ok(Pass::Trial), "who went away leaves the trial to the next");
    circuit.note(1_800, Pass::Trial, Some(Health::Well), 0);
    assert_eq!(circuit, Circuit { failed_at: 600, ..Circuit::default() });
    assert_eq!(circuit.admit(1_800), Ok(Pass::Free));
}

#[test]
fn failures_that_are_not_in_a_row_or_old_say_nothing() {
    let mut circuit = Circuit::default();
    for at in 0..20 {
        circuit.note(at, Pass::Free, Some(Health::Unwell), 0);
        if at % 4 == 3 {
            circuit.note(at, Pass::Free, Some(Health::Well), 0);
        }
        assert_eq!(circuit.admit(at), Ok(Pass::Free));
    }
    for n in 0..20 {
        let at = 1_000 + n * (FORGET_MS + 1);
        circuit.note(at, Pass::Free, Some(Health::Unwell), 0);
        assert_eq!(circuit.admit(at), Ok(Pass::Free));
        assert!(!circuit.is_fresh(at) && circuit.is_fresh(at + FORGET_MS + 1));
    }
}

#[test]
fn who_asks_to_be_left_alone_is() {
    let mut circuit = Circuit::default();
    circuit.note(0, Pass::Free, Some(Health::Rests(Duration::from_secs(30))), 0);
    circuit.note(1, Pass::Free, Some(Health::Rests(Duration::from_secs(10))), 0);
    circuit.note(2, Pass::Free, Some(Health::Well), 0);
    assert_eq!(circuit.admit(10_000), Err(Duration::from_secs(20)), "an answer to an earlier request changes nothing");
    assert_eq!(circuit.admit(30_000), Ok(Pass::Free));
    circuit.note(30_000, Pass::Free, Some(Health::Rests(Duration::MAX)), 0);
    assert_eq!(circuit.left(30_000), Some(REST_MAX));
}
