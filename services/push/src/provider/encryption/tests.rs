//! The example of RFC 8291, and what is refused.
#![allow(clippy::unwrap_used)]

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

use super::super::jwt::{base64, from_base64};
use super::*;

// RFC 8291, 5 and Appendix A.
const PLAIN: &str = "When I grow up, I want to be a watermelon";
const SENDER_PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const RECEIVER_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const SALT: &str = "DGv6ra1nlYgDCS1FRnbzlw";
const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl\
                    7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

#[test]
fn the_example_of_the_standard_comes_out_to_the_byte() {
    let body = encrypt(&receiver(), &sender(), salt(), PLAIN.as_bytes()).unwrap();
    assert_eq!(base64(&body), BODY);
}

#[test]
fn what_fits_makes_a_full_record_and_one_byte_more_is_refused() {
    let body = encrypt(&receiver(), &sender(), salt(), &[b'x'; PLAIN_BYTES_MAX]).unwrap();
    assert_eq!((PLAIN_BYTES_MAX, body.len()), (3_993, 4_096));
    assert_eq!(encrypt(&receiver(), &sender(), salt(), &[b'x'; PLAIN_BYTES_MAX + 1]), Err(Unusable));
}

#[test]
fn keys_that_are_none_are_refused() {
    let public = from_base64(RECEIVER_PUBLIC).unwrap();
    assert!(Receiver::new(public.clone(), vec![0; 15]).is_none());
    assert!(Receiver::new(public[1..].to_vec(), vec![0; 16]).is_none());
    assert!(Receiver::new([&[2], &public[1..]].concat(), vec![0; 16]).is_none());
    let mut off_the_curve = public;
    off_the_curve[64] ^= 1;
    let to = Receiver::new(off_the_curve, vec![0; 16]).unwrap();
    assert_eq!(encrypt(&to, &sender(), salt(), b"x"), Err(Unusable));
}

fn receiver() -> Receiver {
    Receiver::new(from_base64(RECEIVER_PUBLIC).unwrap(), from_base64(AUTH).unwrap()).unwrap()
}

fn sender() -> PrivateKey {
    PrivateKey::from_private_key(&ECDH_P256, &from_base64(SENDER_PRIVATE).unwrap()).unwrap()
}

fn salt() -> [u8; 16] {
    from_base64(SALT).unwrap().try_into().unwrap()
}
