//! What an entry of the durable log says that a webhook may be told of. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_proto::event::v1::Posted;
use natter_proto::push::v1::{WebhookDelivery, WebhookEvent};
use sha2::{Digest, Sha256};

use crate::text::hex;

/// Of an app. Messages outside the log of their dialog are for their recipient alone, and are not told.
pub fn of(app: u64, posted: &Posted) -> Vec<WebhookDelivery> {
    let about = |event: WebhookEvent, user, at| WebhookDelivery {
        event: event.into(),
        at,
        dialog: posted.dialog.clone(),
        user,
        ..WebhookDelivery::default()
    };
    let mut news = Vec::new();
    if posted.kept_for == 0 {
        news.extend(posted.rows.iter().map(|row| {
            let created = about(WebhookEvent::MessageCreated, row.sender, row.at);
            named(app, 0, WebhookDelivery { message: row.id.clone(), seq: row.place, ..created })
        }));
    }
    if let Some(change) = &posted.change {
        let event = if change.removed { WebhookEvent::MessageDeleted } else { WebhookEvent::MessageEdited };
        let changed = about(event, change.user, change.at);
        news.push(named(app, change.stamp, WebhookDelivery { message: change.id.clone(), seq: change.seq, ..changed }));
    }
    // Of a kind that a later release writes nothing is known here.
    let known = posted.news.iter().filter_map(|said| Some((said, WebhookEvent::try_from(said.event as i32).ok()?)));
    news.extend(
        known.map(|(said, event)| {
            named(app, 0, WebhookDelivery { detail: said.detail.clone(), ..about(event, said.user, said.at) })
        }),
    );
    news
}

/// With the id by which a receiver knows it, whoever reads the entry, and how often.
pub fn named(app: u64, stamp: u64, delivery: WebhookDelivery) -> WebhookDelivery {
    let WebhookDelivery { event, at, dialog, message, seq, user, detail, .. } = &delivery;
    let mut hash = Sha256::new().chain_update(b"natter webhook\0").chain_update(app.to_be_bytes());
    for number in [*event as u64, *at as u64, *seq, *user, stamp] {
        hash.update(number.to_be_bytes());
    }
    for bytes in [dialog.as_slice(), message.as_slice(), detail.as_bytes()] {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    WebhookDelivery { id: format!("msg_{}", hex(&hash.finalize()[..16])), ..delivery }
}

#[cfg(test)]
mod tests {
    use natter_proto::event::v1::{PostedCall, PostedChange, PostedNews, PostedRow};

    use super::*;

    #[test]
    fn each_row_each_change_and_each_piece_of_news_is_told_once() {
        let row = |place| PostedRow { id: vec![5; 12], place, sender: 34, at: 1_000, ..PostedRow::default() };
        let change = PostedChange { id: vec![5; 12], seq: 7, stamp: 3, user: 35, at: 2_000, removed: false };
        let news = PostedNews { event: WebhookEvent::UserOnline as u32, user: 36, at: 3_000, detail: "{}".into() };
        let later = PostedNews { event: 999, ..news.clone() };
        let posted = Posted {
            dialog: vec![9; 12],
            rows: vec![row(7), PostedRow { quiet: true, ..row(8) }],
            change: Some(change),
            news: vec![news, later],
            ..Posted::default()
        };
        let told = of(1, &posted);
        let seen: Vec<_> = told.iter().map(|one| (one.event(), one.seq, one.user, one.at)).collect();
        let (created, edited) = (WebhookEvent::MessageCreated, WebhookEvent::MessageEdited);
        assert_eq!(
            seen,
            [(created, 7, 34, 1_000), (created, 8, 34, 1_000), (edited, 7, 35, 2_000), (WebhookEvent::UserOnline, 0, 36, 3_000)]
        );
        assert!(told.iter().all(|one| one.dialog == posted.dialog && one.id.len() == 36));
        let mut ids: Vec<&str> = told.iter().map(|one| one.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4, "each has its own");
        assert_eq!(of(1, &posted), told, "read again it is the same");
        assert_ne!(of(2, &posted)[0].id, told[0].id, "of another app it is another");
    }

    #[test]
    fn an_edit_of_the_same_moment_is_another_one_and_a_removal_is_told_as_such() {
        let of_stamp = |stamp, removed| {
            let change = PostedChange { stamp, removed, seq: 7, ..PostedChange::default() };
            of(1, &Posted { change: Some(change), ..Posted::default() }).remove(0)
        };
        assert_ne!(of_stamp(1, false).id, of_stamp(2, false).id);
        assert_eq!(of_stamp(1, true).event(), WebhookEvent::MessageDeleted);
    }

    #[test]
    fn what_is_for_one_user_alone_is_not_told() {
        let kept = Posted { rows: vec![PostedRow::default()], kept_for: 5, ..Posted::default() };
        let call = Posted { call: Some(PostedCall::default()), ..Posted::default() };
        assert_eq!((of(1, &kept), of(1, &call), of(1, &Posted { event: 3, ..Posted::default() })), (vec![], vec![], vec![]));
    }
}
