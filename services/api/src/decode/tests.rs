//! The decoder by tables, and the property that every spelling of one logical value decodes alike.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::read::word;
use super::*;

const BOUNDS: Bounds = Bounds { depth: 6, keys: 50 };
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const JSON: &str = "application/json;charset=utf-8";

#[test]
fn query_form_and_json_build_the_same_tree() {
    for form in ["user[login]=ann&user[password]=p%26ss%3D1%20%C3%A9", "user%5Blogin%5D=ann&user[password]=p%26ss%3D1+%C3%A9&"] {
        assert_eq!(tree(form, "", ""), json!({"user": {"login": "ann", "password": "p&ss=1 é"}}));
        assert_eq!(tree("", FORM, form), tree(form, "", ""));
    }
    assert_eq!(
        tree("", JSON, r#"{"user":{"login":"ann"},"n":1,"b":true}"#),
        json!({"user": {"login": "ann"}, "n": 1, "b": true})
    );
}

#[test]
fn bracket_keys_in_json_follow_the_rule_of_forms() {
    let body = r#"{"provider":"firebase_phone","firebase_phone[project_id]":"p","firebase_phone[access_token]":"t"}"#;
    assert_eq!(tree("", JSON, body)["firebase_phone"], json!({"project_id": "p", "access_token": "t"}));
    assert_eq!(tree("", JSON, r#"{"mine":{"a[b]":1}}"#), json!({"mine": {"a[b]": 1}}), "inside a value they are the app's own");
}

#[test]
fn the_body_wins_over_the_query() {
    assert_eq!(tree("force=0&limit=1", FORM, "force=1"), json!({"force": "1", "limit": "1"}));
}

#[test]
fn empty_bodies_have_no_parameters() {
    for (content_type, body) in [(JSON, ""), (JSON, "  \n"), (JSON, "null"), (FORM, ""), ("", "")] {
        assert_eq!(tree("", content_type, body), json!({}), "{content_type} {body:?}");
    }
    assert_eq!(tree("", "text/plain", r#"{"a":1}"#), json!({"a": 1}), "JSON that does not say so");
}

#[test]
fn a_plain_value_beside_operators_keeps_its_place() {
    assert_eq!(tree("a=1&a[gt]=2", "", ""), json!({"a": {"": "1", "gt": "2"}}));
    assert_eq!(tree("a[gt]=2&a=1", "", ""), json!({"a": {"gt": "2", "": "1"}}));
    assert_eq!(tree("a=1&a=2", "", ""), json!({"a": "2"}));
    assert_eq!(tree("a[]=1&a[]=2&a[gt]=3", "", ""), json!({"a": {"": ["1", "2"], "gt": "3"}}));
}

#[test]
fn odd_brackets_are_plain_keys() {
    for key in ["a[", "a]", "[a]", "a[b]c", "a[[b]]", "[]"] {
        assert_eq!(tree(&format!("{key}=1"), "", ""), json!({key: "1"}));
    }
}

#[test]
fn what_is_malformed_or_beyond_a_bound_is_named() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(7), "}".repeat(7));
    let many: String = (0..51).map(|n| format!("k{n}=1&")).collect();
    let many_json = format!("{{{}\"z\":1}}", (0..50).map(|n| format!("\"k{n}\":1,")).collect::<String>());
    for (query, content_type, body, fault) in [
        ("a=%4", "", &b""[..], Fault::Percent),
        ("a=%g0", "", b"", Fault::Percent),
        ("%ff=1", "", b"", Fault::Utf8),
        ("a[b][c][d][e][f][g]=1", "", b"", Fault::Depth),
        (&many, "", b"", Fault::Keys),
        ("", JSON, b"{", Fault::Json),
        ("", JSON, b"[1]", Fault::Json),
        ("", JSON, b"7", Fault::Json),
        ("", JSON, b"{\"a\":\"\xff\"}", Fault::Utf8),
        ("", JSON, br#"{"a":"\ud800"}"#, Fault::Json),
        ("", JSON, deep.as_bytes(), Fault::Depth),
        ("", JSON, "[".repeat(100_000).as_bytes(), Fault::Depth),
        ("", JSON, many_json.as_bytes(), Fault::Keys),
        ("", "multipart/form-data; boundary=x", b"--x", Fault::ContentType),
    ] {
        assert_eq!(Params::decode(query, content_type, body, BOUNDS), Err(fault), "{query} {}", String::from_utf8_lossy(body));
    }
    let text = r#"{"a":"[[[[[[[[{{{{{:::\"[[[[["}"#;
    assert!(Params::decode("", JSON, text.as_bytes(), BOUNDS).is_ok(), "brackets inside a string do not count");
}

#[test]
fn free_text_is_never_split_or_erased() {
    let params = params("message=a, b&login=null&name=undefined&empty=");
    assert_eq!(params.text("message").unwrap(), "a, b");
    assert_eq!(params.text("login").unwrap(), "null");
    assert_eq!((params.word("login"), params.word("name"), params.word("empty")), (None, None, None));
    assert_eq!(params.text("empty").unwrap(), "");
    assert_eq!(params.text("missing"), None);
}

#[test]
fn numbers_come_as_numbers_or_text() {
    for body in [r#"{"n":77}"#, r#"{"n":"77"}"#, r#"{"n":77.0}"#, r#"{"n":" 77 "}"#, r#"{"n":7.7e1}"#] {
        assert_eq!(json(body).number("n"), Ok(Some(77)), "{body}");
    }
    for body in [r#"{"n":null}"#, r#"{"n":"null"}"#, r#"{"n":"undefined"}"#, r#"{"n":""}"#, "{}"] {
        assert_eq!(json(body).number("n"), Ok(None), "{body}");
    }
    for body in [r#"{"n":"x"}"#, r#"{"n":-1}"#, r#"{"n":1.5}"#, r#"{"n":"inf"}"#, r#"{"n":[1,2]}"#, r#"{"n":1e300}"#] {
        assert_eq!(json(body).number("n"), Err(Wrong::new("n", "is not a number")), "{body}");
    }
}

#[test]
fn flags_come_in_four_spellings() {
    for body in [r#"{"f":1}"#, r#"{"f":"1"}"#, r#"{"f":true}"#, r#"{"f":"true"}"#] {
        assert!(json(body).flag("f"), "{body}");
    }
    for body in [r#"{"f":0}"#, r#"{"f":"0"}"#, r#"{"f":false}"#, r#"{"f":"no"}"#, r#"{"f":null}"#, "{}"] {
        assert!(!json(body).flag("f"), "{body}");
    }
}

#[test]
fn dates_come_in_seconds_milliseconds_iso_and_javascript() {
    let ms = 1_770_113_472_000;
    for text in [
        "1770113472",
        "1770113472000",
        "1770113472.0",
        "2026-02-03T10:11:12Z",
        "2026-02-03T10:11:12.000Z",
        "2026-02-03T10:11:12",
        "2026-02-03 10:11:12",
        "2026-02-03T12:11:12+02:00",
        "Tue Feb 03 2026 10:11:12 GMT+0000 (Coordinated Universal Time)",
        "Tue Feb 03 2026 12:11:12 GMT+0200 (EET)",
        "Tue Feb 03 2026 12:11:12 GMT+0200",
    ] {
        assert_eq!(date::date_ms(&json!(text)), Some(ms), "{text}");
    }
    assert_eq!(date::date_ms(&json!(1_770_113_472)), Some(ms));
    assert_eq!(date::date_ms(&json!(1_770_113_472.5)), Some(ms + 500));
    assert_eq!(date::date_ms(&json!("2026-02-03")), Some(1_770_076_800_000));
    for text in ["", "soon", "--", "1.2.3", "2026-13-01", "NaN", "Tue Feb 33 2026 10:11:12 GMT+0000"] {
        assert_eq!(date::date_ms(&json!(text)), None, "{text}");
    }
}

#[test]
fn attachments_are_a_list_or_numbered() {
    for body in [r#"{"a":[{"type":"photo"},{"type":"x"}]}"#, r#"{"a":{"1":{"type":"x"},"0":{"type":"photo"}}}"#] {
        let types: Vec<_> = json(body).objects("a").iter().map(|fields| fields.text("type").unwrap()).collect();
        assert_eq!(types, ["photo", "x"], "{body}");
    }
    assert!(params("a[]=%5Bobject%20Object%5D").objects("a").is_empty());
}

proptest! {
    /// The table of contract rest 1.4: one list of ids, all of its wire forms.
    #[test]
    fn every_spelling_of_a_list_decodes_alike(ids in prop::collection::vec("[a-z0-9]{1,24}", 1..6)) {
        prop_assume!(!ids.iter().any(|id| id == "null" || id == "undefined"));
        let each = |sep: &str, key: &str| ids.iter().map(|id| format!("{key}={id}")).collect::<Vec<_>>().join(sep);
        let numbered: serde_json::Map<String, Value> = ids.iter().enumerate().map(|(n, id)| (n.to_string(), json!(id))).collect();
        for form in [
            format!("k={}", ids.join(",")),
            format!("k={}", ids.join(",%20")),
            format!("k={}", ids.join("%2C+")),
            format!("k[]={}", ids.join("%2C")),
            format!("k%5B%5D={}", ids.join(",")),
            each("&", "k[]"),
            each("&", "k%5B%5D"),
        ] {
            prop_assert_eq!(&params(&form).list("k"), &ids, "{}", form);
        }
        for body in [json!({"k": ids}), json!({"k[]": ids}), json!({"k": ids.join(", ")}), json!({"k": numbered})] {
            prop_assert_eq!(&json(&body.to_string()).list("k"), &ids, "{}", body);
        }
    }

    /// One nested object of texts, as form and as JSON, percent-encoded in every way.
    #[test]
    fn every_spelling_of_an_object_decodes_alike(fields in prop::collection::btree_map("[a-z_]{1,8}", ".{0,20}", 1..6), encode_all in any::<bool>()) {
        let form: Vec<String> = fields.iter().map(|(key, value)| {
            let key = format!("user[{key}]");
            format!("{}={}", if encode_all { escape(&key, true) } else { key }, escape(value, encode_all))
        }).collect();
        let flat: serde_json::Map<String, Value> = fields.iter().map(|(key, value)| (format!("user[{key}]"), json!(value))).collect();
        let expected = json(&json!({"user": fields}).to_string());
        prop_assert_eq!(&params(&form.join("&")), &expected);
        prop_assert_eq!(&json(&Value::Object(flat).to_string()), &expected);
    }

    #[test]
    fn no_input_breaks_the_decoder(query in ".{0,60}", content_type in "(application/json|application/x-www-form-urlencoded|)", body in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(params) = Params::decode(&query, &content_type, &body, BOUNDS) {
            for (key, value) in params.iter() {
                let _ = (text(value), word(value), flag(value), list(value), numbers(value), dates(value));
                let _ = (params.number(key), params.date(key), params.objects(key));
            }
        }
    }

    #[test]
    fn no_brackets_break_the_decoder(query in "[ab\\[\\]=&]{0,40}") {
        let _ = Params::decode(&query, "", b"", BOUNDS);
    }
}

fn escape(text: &str, all: bool) -> String {
    let plain = |b: u8| !all && b.is_ascii_alphanumeric();
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn tree(query: &str, content_type: &str, body: &str) -> Value {
    Value::Object(Params::decode(query, content_type, body.as_bytes(), BOUNDS).unwrap().0)
}

fn params(query: &str) -> Params {
    Params::decode(query, "", b"", BOUNDS).unwrap()
}

fn json(body: &str) -> Params {
    Params::decode("", JSON, body.as_bytes(), BOUNDS).unwrap()
}
