//! What may be kept of a webhook, and with which of its secrets is signed. Pure: time is given.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::push::v1::{Webhook, WebhookEvent, WebhookRow, WebhookSecret};

use crate::error::Error;

/// Bytes of an address, and of a name.
const URL_BYTES_MAX: usize = 2_048;
const NAME_BYTES_MAX: usize = 200;
/// Secrets of one webhook that sign at once: the one in use, and those that are being replaced.
pub const SECRETS_MAX: usize = 3;
/// How long at most a secret signs beside the one that replaced it.
pub const OVERLAP_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Refuses what may not be kept.
pub fn check(hook: &Webhook, allow_http: bool) -> Result<(), Error> {
    if hook.url.len() > URL_BYTES_MAX {
        return Err(Error::wrong("url", "is too long (maximum is 2048 bytes)"));
    }
    if !natter_outbound::is_url(&hook.url) {
        return Err(Error::wrong("url", "is no address such as https://example.com/hooks"));
    }
    if !(allow_http || hook.url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))) {
        return Err(Error::wrong("url", "begins with https://"));
    }
    if hook.name.len() > NAME_BYTES_MAX || hook.name.chars().any(char::is_control) {
        return Err(Error::wrong("name", "has at most 200 bytes, and no control characters"));
    }
    let can_be_asked = |event: &i32| {
        let event = WebhookEvent::try_from(*event).unwrap_or_default();
        !matches!(event, WebhookEvent::Unspecified | WebhookEvent::Ping)
    };
    if !hook.events.iter().all(can_be_asked) {
        return Err(Error::wrong("events", "names what cannot be asked for"));
    }
    Ok(())
}

/// Where its secrets lie, for the seal: what was moved to another place opens nothing.
pub fn bound_to(app: u64, id: u64) -> Vec<u8> {
    [b"webhook\0".as_slice(), &app.to_be_bytes(), &id.to_be_bytes()].concat()
}

/// The secrets that sign at `now`, the newest first.
pub fn good(row: &WebhookRow, now: i64) -> impl Iterator<Item = &WebhookSecret> {
    row.secrets.iter().filter(move |secret| secret.ends_at == 0 || secret.ends_at > now)
}

/// Its secrets after another one was put in front. Those before sign until `until`, or until they end by themselves.
pub fn rotated(row: &WebhookRow, newest: WebhookSecret, until: i64, now: i64) -> Vec<WebhookSecret> {
    let ending = |secret: &WebhookSecret| WebhookSecret {
        ends_at: if secret.ends_at == 0 { until } else { secret.ends_at.min(until) },
        ..secret.clone()
    };
    let before = good(row, now).map(ending).filter(|secret| secret.ends_at > now);
    std::iter::once(newest).chain(before).take(SECRETS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_can_be_asked_is_kept() {
        let fine = Webhook { url: "https://example.test/a?b=c".into(), events: vec![1, 10], ..Webhook::default() };
        let text = |hook: Webhook, http| check(&hook, http).map_err(|error| error.to_string());
        assert_eq!(text(fine.clone(), false), Ok(()));
        for (url, allow_http, is_fine) in [
            ("http://example.test/", false, false),
            ("http://example.test/", true, true),
            ("HTTPS://example.test/", false, true),
            ("https://user:word@example.test/", true, false),
            ("ftp://example.test/", true, false),
            ("", true, false),
            ("äöüß", false, false),
        ] {
            assert_eq!(text(Webhook { url: url.into(), ..fine.clone() }, allow_http).is_ok(), is_fine, "{url}");
        }
        let long = format!("https://example.test/{}", "a".repeat(2_048));
        for wrong in [
            Webhook { url: long, ..fine.clone() },
            Webhook { name: "n".repeat(201), ..fine.clone() },
            Webhook { name: "a\nb".into(), ..fine.clone() },
            Webhook { events: vec![0], ..fine.clone() },
            Webhook { events: vec![11], ..fine.clone() },
            Webhook { events: vec![99], ..fine },
        ] {
            assert!(text(wrong.clone(), false).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_that_was_replaced_signs_for_a_while() {
        let secret = |key: &str, ends_at| WebhookSecret { key: key.into(), ends_at, ..WebhookSecret::default() };
        let keys = |row: &WebhookRow, now| good(row, now).map(|secret| secret.key.clone()).collect::<Vec<_>>().join(" ");
        let mut row = WebhookRow { shown: None, secrets: vec![secret("a", 0)] };
        row.secrets = rotated(&row, secret("b", 0), 100, 10);
        assert_eq!((keys(&row, 10), keys(&row, 99), keys(&row, 100)), ("b a".into(), "b a".into(), "b".into()));
        row.secrets = rotated(&row, secret("c", 0), 50, 20);
        assert_eq!((keys(&row, 20), keys(&row, 50)), ("c b a".into(), "c".into()), "none signs longer than it was told");
        row.secrets = rotated(&row, secret("d", 0), 60, 20);
        assert_eq!(keys(&row, 20), "d c b", "there are three at most");
        row.secrets = rotated(&row, secret("e", 0), 20, 20);
        assert_eq!(row.secrets.len(), 1, "without a while only the newest");
    }
}
