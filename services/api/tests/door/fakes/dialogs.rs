//! The dialog service as the door sees it.

use std::cmp::Reverse;

use natter_proto::dialog::v1::dialogs_server::Dialogs;

use super::*;

#[async_trait]
impl Dialogs for Fake {
    async fn post(&self, request: Request<dialog::PostRequest>) -> Reply<dialog::PostReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.posts.lock().push(request.clone());
        if request.dialog != pair().to_vec() {
            return fails(Code::NotFound);
        }
        let message = request.message.unwrap_or_default();
        let row = Message { seq: 4, date_sent: AT / 1000, recipient: BOB_ID, created_at: AT, updated_at: AT, ..message };
        ok(dialog::PostReply {
            dialog: request.dialog,
            id: row.id.clone(),
            seq: 4,
            date_sent: row.date_sent,
            duplicate: false,
            message: Some(row),
        })
    }

    async fn batch(&self, _: Request<dialog::BatchRequest>) -> Reply<dialog::BatchReply> {
        fails(Code::Internal)
    }

    async fn mark(&self, request: Request<dialog::MarkRequest>) -> Reply<dialog::MarkReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.marks.lock().push(request.clone());
        let found = request.ids.iter().filter(|id| (1..=3).any(|n| message_id(n)[..] == id[..])).count();
        ok(dialog::MarkReply { found: found as u32 })
    }

    async fn create(&self, request: Request<dialog::CreateRequest>) -> Reply<Dialog> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.creations.lock().push(request.clone());
        let public = matches!(request.kind(), DialogKind::Public | DialogKind::Broadcast);
        ok(Dialog {
            id: if request.id.is_empty() { vec![0xd4; 12] } else { request.id },
            kind: request.kind,
            count: request.members.len() as u32,
            members: if public { Vec::new() } else { request.members },
            owner: request.owner,
            name: request.name,
            photo: request.photo,
            description: request.description,
            admins: request.admins,
            extensions: request.extensions,
            allow_preview: request.allow_preview,
            ..pair_dialog()
        })
    }

    async fn get(&self, request: Request<dialog::GetRequest>) -> Reply<Dialog> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        ok(self.0.seen(&request.dialog, request.user, request.preview)?)
    }

    async fn list(&self, request: Request<dialog::ListRequest>) -> Reply<dialog::ListReply> {
        self.0.dialog_ready()?;
        let dialog::ListRequest { user, skip, limit, .. } = request.into_inner();
        let entry = |dialog: Dialog| dialog::Entry {
            state: Some(UnreadRow { dialog: dialog.id.clone(), ..unread_row() }),
            dialog: Some(dialog),
        };
        let all = [vec![pair_dialog()], self.0.rooms.lock().clone()].concat();
        let mine = all.into_iter().filter(|dialog| dialog.kind() == DialogKind::Public || dialog.members.contains(&user));
        let mut mine: Vec<Dialog> = mine.collect();
        let total = mine.len() as u64;
        if limit > 0 {
            mine.sort_by_key(|dialog| Reverse((dialog.updated_at.max(AT + 3_000), dialog.id.clone())));
            mine = mine.into_iter().skip(skip as usize).take(limit as usize).collect();
        }
        ok(dialog::ListReply { entries: mine.into_iter().map(entry).collect(), total })
    }

    async fn delete(&self, request: Request<dialog::DeleteRequest>) -> Reply<dialog::DeleteReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.deletions.lock().push(request.clone());
        self.0.seen(&request.dialog, request.user, false)?;
        ok(dialog::DeleteReply {})
    }

    async fn update(&self, request: Request<dialog::UpdateMessageRequest>) -> Reply<dialog::UpdateMessageReply> {
        let request = request.into_inner();
        self.0.edits.lock().push(request.clone());
        match request.user {
            ANN_ID => ok(dialog::UpdateMessageReply {}),
            BOB_ID => fails(Code::Forbidden),
            _ => fails(Code::NotFound),
        }
    }

    async fn remove(&self, request: Request<dialog::RemoveMessagesRequest>) -> Reply<dialog::RemoveMessagesReply> {
        let request = request.into_inner();
        self.0.removals.lock().push(request.clone());
        let mut reply = dialog::RemoveMessagesReply::default();
        for id in request.ids {
            match id[11] {
                2 => reply.removed.push(id),
                1 | 3 => reply.forbidden.push(id),
                _ => reply.not_found.push(id),
            }
        }
        ok(reply)
    }

    async fn unread(&self, request: Request<dialog::UnreadCountsRequest>) -> Reply<dialog::UnreadCountsReply> {
        let known = request.into_inner().dialogs.contains(&pair().to_vec());
        let count = dialog::UnreadCount { dialog: pair().to_vec(), unread: 2 };
        ok(dialog::UnreadCountsReply { total: 5, counts: known.then_some(count).into_iter().collect() })
    }

    /// In a group and a public dialog anybody may do anything, in a private one nobody.
    async fn change(&self, request: Request<dialog::ChangeDialogRequest>) -> Reply<Dialog> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.changes.lock().push(request.clone());
        let mut dialog = self.0.seen(&request.dialog, request.user, false)?;
        if dialog.kind() == DialogKind::Private {
            return fails(Code::Forbidden);
        }
        dialog.name = request.name.or(dialog.name);
        dialog.extensions = request.extensions.map_or(dialog.extensions, |own| own.values);
        dialog.members.extend(request.add_members);
        dialog.members.retain(|member| !request.remove_members.contains(member));
        dialog.admins.extend(request.add_admins);
        dialog.pinned.extend(request.pin);
        ok(dialog)
    }

    async fn subscribe(&self, request: Request<dialog::SubscribeRequest>) -> Reply<Dialog> {
        let request = request.into_inner();
        self.0.subscriptions.lock().push(request.clone());
        let dialog = self.0.seen(&request.dialog, request.user, false)?;
        match is_public(&dialog) {
            true => ok(Dialog { count: dialog.count + 1, ..dialog }),
            false => fails(Code::Forbidden),
        }
    }

    async fn clear(&self, request: Request<dialog::ClearDialogRequest>) -> Reply<dialog::ClearDialogReply> {
        let request = request.into_inner();
        self.0.clearings.lock().push(request.clone());
        self.0.seen(&request.dialog, request.user, false)?;
        ok(dialog::ClearDialogReply {})
    }

    async fn notify(&self, request: Request<dialog::NotifyRequest>) -> Reply<dialog::NotifyReply> {
        let request = request.into_inner();
        self.0.seen(&request.dialog, request.user, false)?;
        let before = self.0.notified.lock().last().and_then(|last| last.enabled);
        let enabled = request.enabled.or(before).unwrap_or(true);
        self.0.notified.lock().push(request);
        ok(dialog::NotifyReply { enabled })
    }

    /// Ann, Bob, Eve and one whose account is gone.
    async fn occupants(&self, request: Request<dialog::OccupantsRequest>) -> Reply<dialog::OccupantsReply> {
        let request = request.into_inner();
        assert!(is_public(&self.0.seen(&request.dialog, request.user, false)?), "a group says itself who is in it");
        ok(dialog::OccupantsReply { users: vec![5, ANN_ID, BOB_ID, EVE_ID] })
    }

    async fn headline(&self, request: Request<dialog::HeadlineRequest>) -> Reply<dialog::HeadlineReply> {
        self.0.dialog_ready()?;
        self.0.headlines.lock().push(request.into_inner());
        ok(dialog::HeadlineReply {})
    }

    async fn react(&self, request: Request<dialog::ReactRequest>) -> Reply<dialog::ReactReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        self.0.reacted.lock().push(request.clone());
        match (1..=3).any(|n| message_id(n)[..] == request.id[..]) {
            true => ok(dialog::ReactReply {}),
            false => fails(Code::NotFound),
        }
    }

    async fn reactions(&self, request: Request<dialog::ReactionsRequest>) -> Reply<dialog::ReactionsReply> {
        self.0.dialog_ready()?;
        let request = request.into_inner();
        let one = |reaction: &str, users: &[u64]| dialog::ReactionOf { reaction: reaction.to_owned(), users: users.to_vec() };
        match request.id == message_id(1) {
            true => ok(dialog::ReactionsReply { reactions: vec![one("+", &[ANN_ID, BOB_ID]), one("\u{1f600}", &[BOB_ID])] }),
            false => fails(Code::NotFound),
        }
    }

    never! {
        signal: dialog::SignalRequest => dialog::SignalReply,
        signal_call: dialog::SignalCallRequest => dialog::SignalCallReply,
        audience: dialog::AudienceRequest => dialog::AudienceReply,
        enter: dialog::EnterRequest => dialog::EnterReply,
        exit: dialog::ExitRequest => dialog::ExitReply,
        forget: dialog::ForgetRequest => dialog::ForgetReply,
        freeze: dialog::FreezeRequest => Dialog,
        search: dialog::SearchRequest => dialog::SearchReply,
    }
}
