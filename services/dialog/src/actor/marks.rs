//! The beats of delivered and read statuses: settle (pure), store, tell. All marks that wait and are of one user and kind are
//! one write.

use std::collections::BTreeMap;

use futures::future::join_all;
use natter_proto::history::v1::MarkRequest;
use natter_proto::{Failure, UserId};

use super::{Answer, ways};
use crate::dialog::Dialog;
use crate::dialog::marks::{Mark, Settled, merge};
use crate::error::forbidden;
use crate::frames;
use crate::shared::Shared;

/// User and kind: the marks that are written together.
type Writer = (UserId, i32);
/// A mark on its way.
type Settling = (Mark, Result<Settled, Failure>, Answer<u32>);

/// Carries out all marks that wait. Every one is answered. Marks are idempotent and commute, so an unknown outcome changes
/// nothing here: it is the asker who may send it again.
pub(super) async fn carry_out(shared: &Shared, dialog: &Dialog, marks: Vec<(Mark, Answer<u32>)>) {
    if marks.is_empty() {
        return;
    }
    let writes_alone = shared.own.cluster().is_none();
    let forgotten = marks.iter().flat_map(|(mark, _)| dialog.forgotten_of(mark, writes_alone)).collect();
    let older = match shared.known_rows(dialog.key, forgotten).await {
        Ok(older) => older,
        Err(failure) => return marks.into_iter().for_each(|(_, answer)| answer.send(Err(failure.clone()))),
    };
    let settle = |mark: &Mark| {
        dialog.settle(mark, &older, shared.options.markers_relayed_members_max).map_err(|_| forbidden(dialog.key, mark.user))
    };
    let settled = marks.into_iter().map(|(mark, answer)| {
        let settled = settle(&mark);
        (mark, settled, answer)
    });
    let settled: Vec<Settling> = settled.collect();

    let written = write(shared, dialog, &settled).await;

    for (mark, settled, answer) in settled {
        let stored = written.get(&writer(&mark)).cloned().unwrap_or(Ok(()));
        answer.send(settled.and_then(|settled| {
            // A refused write is refused for every mark in it, also for one that had nothing to write.
            stored?;
            tell(shared, dialog, &mark, &settled);
            Ok(settled.found)
        }));
    }
}

async fn write(shared: &Shared, dialog: &Dialog, settled: &[Settling]) -> BTreeMap<Writer, Result<(), Failure>> {
    let mut requests: BTreeMap<Writer, MarkRequest> = BTreeMap::new();
    for (mark, settled, _) in settled {
        let Ok(settled) = settled else { continue };
        if settled.all || !settled.ranges.is_empty() {
            let request = requests.entry(writer(mark)).or_insert_with(|| empty(dialog, mark));
            request.all |= settled.all;
            request.ranges.extend_from_slice(&settled.ranges);
        }
    }
    let calls = requests.into_iter().map(|(writer, mut request)| async move {
        request.ranges = merge(request.ranges.into_iter());
        let stored = shared.history().mark(request).await;
        (writer, stored.map(|_| ()).map_err(Failure::from))
    });
    join_all(calls).await.into_iter().collect()
}

fn tell(shared: &Shared, dialog: &Dialog, mark: &Mark, settled: &Settled) {
    ways::marked(shared, dialog, mark, &settled.ranges);
    for (id, author) in &settled.told {
        shared.tell(frames::marker(dialog.key, mark, *id, *author));
    }
}

fn writer(mark: &Mark) -> Writer {
    (mark.user, mark.kind as i32)
}

fn empty(dialog: &Dialog, mark: &Mark) -> MarkRequest {
    MarkRequest {
        app: dialog.key.app.0,
        dialog: dialog.key.dialog.to_vec(),
        user: mark.user.0,
        kind: mark.kind as i32,
        ..MarkRequest::default()
    }
}
