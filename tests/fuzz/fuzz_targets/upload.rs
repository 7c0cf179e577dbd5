//! Upload forms, for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| natter_api::fuzz::upload(input));
