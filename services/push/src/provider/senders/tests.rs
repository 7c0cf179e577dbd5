//! What a provider says about the time of the next try.

use super::*;

#[test]
fn retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
    let of = |text: &str| {
        let headers = vec![("retry-after".to_owned(), text.to_owned())];
        // Sun, 06 Nov 1994 08:49:37 GMT.
        retry_after(&Answer { status: 503, headers, body: Vec::new() }, 784_111_777_000).map(|after| after.as_secs())
    };
    for (text, expected) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("999999999999", Some(3_600)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
        ("Mon, 07 Nov 1994 08:48:37 GMT", Some(3_600)),
        ("soon", None),
        ("-5", None),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
    assert_eq!(retry_after(&Answer::default(), 0), None);
}
