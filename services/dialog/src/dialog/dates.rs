//! The date a row is stored with.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// `date_sent` of a row, unix seconds: what the client says, but never in the future and never before the row before it,
/// so that dates grow with numbers and a filter on dates is a search (design.md section 7, contract rest 11.4).
///
/// `client` is 0 where the client gave none. What is relayed keeps the client's value.
pub fn date_sent(previous: i64, client: i64, now: i64) -> i64 {
    let wanted = if client > 0 { client.min(now) } else { now };
    wanted.max(previous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_clients_but_not_in_the_future_nor_before_the_row_before() {
        for (previous, client, now, stored) in [
            (0, 0, 1000, 1000),
            (0, 900, 1000, 900),
            (950, 900, 1000, 950),
            (950, 1_700_000_000_000, 1000, 1000),
            (0, -5, 1000, 1000),
            (2000, 0, 1000, 2000),
        ] {
            assert_eq!(date_sent(previous, client, now), stored, "{previous} {client} {now}");
        }
    }
}
