//! Addresses as clients write them.

#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn addresses_are_read_and_written_alike() {
    for (text, parts) in [
        ("34-905@chat.example.net/r-ann", (Some("34-905"), "chat.example.net", Some("r-ann"))),
        ("34-905@chat.example.net", (Some("34-905"), "chat.example.net", None)),
        ("905_66f0a1b2c3d4e5f607182930@muc.h/34", (Some("905_66f0a1b2c3d4e5f607182930"), "muc.h", Some("34"))),
        ("chat.example.net", (None, "chat.example.net", None)),
        ("a@localhost:5290/x", (Some("a"), "localhost:5290", Some("x"))),
        ("a@127.0.0.1", (Some("a"), "127.0.0.1", None)),
        ("a@[::1]:5222/x", (Some("a"), "[::1]:5222", Some("x"))),
        ("a@b/c/d@e", (Some("a"), "b", Some("c/d@e"))),
        ("a@b/Ann's phone", (Some("a"), "b", Some("Ann's phone"))),
        ("66f0a1b2c3d4e5f607182930/34", (None, "66f0a1b2c3d4e5f607182930", Some("34"))),
    ] {
        let jid = Jid::parse(text).unwrap();
        assert_eq!((jid.local(), jid.domain(), jid.resource()), parts, "{text}");
        assert_eq!(jid.to_string(), text);
    }
}

#[test]
fn equal_addresses_are_equal_strings() {
    for (text, prepared) in [
        ("Ann@Chat.Example.NET./Phone", "ann@chat.example.net/Phone"),
        ("J\u{fc}LIET@B\u{dc}CHER.example", "j\u{fc}liet@b\u{fc}cher.example"),
        ("stra\u{df}e@h", "strasse@h"),
        ("\u{212b}@h", "\u{e5}@h"),
        ("\u{2168}@h/\u{2168}", "ix@h/IX"),
    ] {
        assert_eq!(Jid::parse(text).unwrap().to_string(), prepared);
        assert_eq!(Jid::parse(prepared).unwrap().to_string(), prepared, "preparing twice changes nothing");
    }
}

#[test]
fn what_is_no_address_is_refused_by_name() {
    for (text, error) in [
        ("", JidError::Empty),
        ("@h", JidError::Empty),
        ("a@", JidError::Empty),
        ("a@h/", JidError::Empty),
        ("/r", JidError::Empty),
        ("a@/r", JidError::Empty),
        ("\u{ad}@h", JidError::Empty),
        ("a@h..", JidError::Empty),
        ("a@.h", JidError::Empty),
        ("a@b..h", JidError::Empty),
        ("a@h\u{ff0e}", JidError::Empty),
        ("a@b@c", JidError::Forbidden),
        ("a b@h", JidError::Forbidden),
        ("a\0@h", JidError::Forbidden),
        ("a:b@h", JidError::Forbidden),
        ("a<b@h", JidError::Forbidden),
        ("a@h h", JidError::Forbidden),
        ("a@h&", JidError::Forbidden),
        ("a@h/\n", JidError::Forbidden),
        ("a@h/\u{7f}", JidError::Forbidden),
        ("a@h/\u{e000}", JidError::Forbidden),
        ("a\u{2028}@h", JidError::Forbidden),
        ("\u{fe6b}x@h", JidError::Forbidden),
        ("\u{5d0}a@h", JidError::Forbidden),
    ] {
        assert_eq!(Jid::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn each_part_holds_1023_bytes_and_no_more() {
    let (full, over) = ("x".repeat(1_023), "x".repeat(1_024));
    assert!(Jid::new(Some(&full), &full, Some(&full)).is_ok());
    assert_eq!(Jid::new(Some(&over), "h", None), Err(JidError::TooLong));
    assert_eq!(Jid::new(None, &over, None), Err(JidError::TooLong));
    assert_eq!(Jid::new(None, "h", Some(&over)), Err(JidError::TooLong));
    // One character of three bytes becomes eighteen characters when it is prepared.
    assert_eq!(Jid::new(None, "h", Some(&"\u{fdfa}".repeat(300))), Err(JidError::TooLong));
}

#[test]
fn a_stanza_is_routed_by_the_local_part_or_the_bare_id() {
    let routed = |text: &str| Jid::parse(text).unwrap().routed_by().to_owned();
    assert_eq!(routed("78-905@anything.example"), "78-905");
    assert_eq!(routed("66f0a1b2c3d4e5f607182930"), "66f0a1b2c3d4e5f607182930");
    assert_eq!(routed("66f0a1b2c3d4e5f607182930/34"), "66f0a1b2c3d4e5f607182930");
    assert_eq!(routed("78"), "78");
}
