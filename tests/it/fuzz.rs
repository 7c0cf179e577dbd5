//! A fixed share of fuzzing: each target on its seeds and on some thousand inputs made out of them. `cargo xtask fuzz` goes on from the
//! same seeds for as long as it is let, led by coverage.

use natter_tests::inputs::{self, Dice};

/// Inputs for each target besides its seeds.
const INPUTS: usize = 20_000;

#[test]
fn no_stream_does_harm() {
    check("stream", natter_xmpp::fuzz::stream);
}

#[test]
fn no_jid_does_harm() {
    check("jid", natter_xmpp::fuzz::jid);
}

#[test]
fn no_request_does_harm() {
    check("decoder", natter_api::fuzz::decoder);
}

#[test]
fn no_filter_does_harm() {
    check("filter", natter_api::fuzz::filter);
}

#[test]
fn no_upload_does_harm() {
    check("upload", natter_api::fuzz::upload);
}

/// What is sent in the scenarios are seeds as well.
#[test]
fn the_stanzas_of_the_scenarios_are_read_alike_in_pieces() {
    let stanzas = inputs::stanzas_of_plays().unwrap();
    assert!(stanzas.len() > 200, "{} stanzas", stanzas.len());
    for stanza in stanzas {
        for choice in [0, 6, 1] {
            natter_xmpp::fuzz::stream(&[&[choice], stanza.as_bytes()].concat());
        }
    }
}

fn check(target: &str, run: fn(&[u8])) {
    let seeds = inputs::seeds(target).unwrap();
    seeds.iter().for_each(|seed| run(seed));
    let mut dice = Dice(0x6e61_7474_6572);
    for n in 0..INPUTS {
        let input = dice.input(&seeds);
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            panic!("input {n} of {target}: {:?}", String::from_utf8_lossy(&input));
        }
    }
}
