//! When a token is made again.
#![allow(clippy::unwrap_used)]

use rcgen::KeyPair;

use super::super::credentials::{Credentials, VapidPair};
use super::*;

const NOW: i64 = 1_800_000_000_000;

#[test]
fn apples_token_is_renewed_between_twenty_minutes_and_an_hour() {
    let (proofs, key) = (Proofs::default(), apple());
    let first = proofs.apns(&key, NOW).unwrap();
    assert_eq!(proofs.apns(&key, NOW + APNS_AGE_MAX_MS - 1).unwrap(), first);
    let second = proofs.apns(&key, NOW + APNS_AGE_MAX_MS).unwrap();
    assert_ne!(second, first);
    assert!((20 * MINUTE_MS..60 * MINUTE_MS).contains(&APNS_AGE_MAX_MS));
    assert_ne!(proofs.apns(&key, NOW).unwrap(), second, "a clock that was set back makes a fresh one");
    assert_ne!(proofs.apns(&apple(), NOW).unwrap(), first, "another key, another token");
}

#[test]
fn a_young_token_is_never_replaced() {
    let (proofs, key) = (Proofs::default(), apple());
    let first = proofs.apns(&key, NOW).unwrap();
    assert!(!proofs.apns_is_renewed(&key, NOW + APNS_AGE_MIN_MS - 1));
    assert_eq!(proofs.apns(&key, NOW + APNS_AGE_MIN_MS - 1).unwrap(), first);
    assert!(proofs.apns_is_renewed(&key, NOW + APNS_AGE_MIN_MS));
    assert_ne!(proofs.apns(&key, NOW + APNS_AGE_MIN_MS).unwrap(), first);
}

#[test]
fn each_push_service_gets_a_token_of_its_own_and_keeps_it_half_its_life() {
    let (proofs, key) = (Proofs::default(), vapid());
    let first = proofs.vapid(&key, "https://a", NOW).unwrap();
    assert_eq!(proofs.vapid(&key, "https://a", NOW + VAPID_AGE_MAX_MS - 1).unwrap(), first);
    assert_ne!(proofs.vapid(&key, "https://a", NOW + VAPID_AGE_MAX_MS).unwrap(), first);
    assert_ne!(proofs.vapid(&key, "https://b", NOW).unwrap(), first);
    const { assert!(VAPID_AGE_MAX_MS < VAPID_LIFE_S * 1_000 && VAPID_LIFE_S <= 24 * 60 * 60) };
}

#[test]
fn the_oldest_makes_room() {
    let (proofs, key) = (Proofs::default(), vapid());
    for n in 0..PROOFS_MAX as i64 {
        proofs.get((key.print, n.to_string()), NOW + n, i64::MAX, || Ok(String::new())).unwrap();
    }
    proofs.vapid(&key, "https://one-more", NOW).unwrap();
    assert_eq!(proofs.0.lock().len(), PROOFS_MAX);
    assert!(!proofs.0.lock().contains_key(&(key.print, "0".into())));
}

fn apple() -> ApnsToken {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    let Ok(Credentials::ApnsToken(key)) = Credentials::apns_token(&pem, "ABCDE12345", "TEAM123456", None) else { panic!() };
    key
}

fn vapid() -> Vapid {
    let private = VapidPair::generate().unwrap().private;
    let Ok(Credentials::Vapid(key)) = Credentials::vapid(&private, "mailto:a@b") else { panic!() };
    key
}
