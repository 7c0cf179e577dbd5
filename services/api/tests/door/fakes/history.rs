//! The history service as the door sees it.

use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::{self as history, MemberState};

use super::*;

#[async_trait]
impl History for Fake {
    async fn page(&self, request: Request<history::PageRequest>) -> Reply<history::PageReply> {
        let request = request.into_inner();
        self.0.pages.lock().push(request.clone());
        let reply = history::PageReply::default();
        if request.count_only {
            return ok(history::PageReply { count: 3, ..reply });
        }
        if request.dialog != pair().to_vec() {
            // A room has two messages to all.
            let mut rows: Vec<Message> = (1..=2).map(|n| Message { recipient: 0, ..row(n) }).collect();
            if request.descending {
                rows.reverse();
            }
            let texts = request.filters.iter().filter(|filter| filter.field == "message");
            texts.for_each(|filter| rows.retain(|row| row.body.as_ref().unwrap().contains(&filter.values[0])));
            return ok(history::PageReply { rows, ..reply });
        }
        match (request.skip, request.descending) {
            // The first part ends early, as if its rows were large.
            (0, false) => ok(history::PageReply { rows: (1..=2).map(row).collect(), more: true, count: 0 }),
            (_, false) => ok(history::PageReply { rows: (2..=3).map(row).collect(), ..reply }),
            (_, true) => ok(history::PageReply { rows: (1..=3).rev().map(row).collect(), ..reply }),
        }
    }

    /// Ann has read what she was marked to have read; Bob has received what Ann wrote.
    async fn members(&self, request: Request<history::MembersRequest>) -> Reply<history::MembersReply> {
        let request = request.into_inner();
        assert_eq!(request.users, [ANN_ID, BOB_ID]);
        let settled = self.0.marks.lock().iter().flat_map(|mark| mark.ranges.clone()).collect();
        let ann = MemberState { user: ANN_ID, settled, ..MemberState::default() };
        let bob = MemberState { user: BOB_ID, delivered: vec![history::Range { from: 2, upto: 2 }], ..MemberState::default() };
        ok(history::MembersReply { members: vec![ann, bob] })
    }

    /// To rows 1 and 3, in two parts.
    async fn reactions(&self, request: Request<history::ReactionsRequest>) -> Reply<history::ReactionsReply> {
        let seqs = request.into_inner().seqs;
        let one = |reaction: &str, users: &[u64]| history::Reaction { reaction: reaction.to_owned(), users: users.to_vec() };
        let all = [(1, vec![one("+", &[ANN_ID, BOB_ID]), one("-", &[BOB_ID])]), (3, vec![one("+", &[BOB_ID])])];
        let asked = all.into_iter().filter(|(seq, _)| seqs.contains(seq));
        let mut reactions: Vec<_> = asked.map(|(seq, all)| history::Reactions { seq, all }).collect();
        let more = reactions.len() > 1;
        reactions.truncate(1);
        ok(history::ReactionsReply { reactions, more })
    }

    async fn unread(&self, request: Request<history::UnreadRequest>) -> Reply<history::UnreadReply> {
        let rows = request.into_inner().dialogs.into_iter().map(|dialog| UnreadRow { dialog, ..unread_row() }).collect();
        ok(history::UnreadReply { rows })
    }

    never! {
        join: history::JoinRequest => history::JoinReply,
        react: history::ReactRequest => history::ReactReply,
        append: history::AppendRequest => history::AppendReply,
        load: history::LoadRequest => history::LoadReply,
        find: history::FindRequest => history::FindReply,
        heads: history::HeadsRequest => history::HeadsReply,
        mark: history::MarkRequest => history::MarkReply,
        hide: history::HideRequest => history::HideReply,
        clear: history::ClearRequest => history::ClearReply,
        edit: history::EditRequest => history::EditReply,
        remove: history::RemoveRequest => history::RemoveReply,
        gap: history::GapRequest => history::GapReply,
        keep: history::KeepRequest => history::KeepReply,
        kept: history::KeptRequest => history::KeptReply,
        changes: history::ChangesRequest => history::ChangesReply,
        drop: history::DropRequest => history::DropReply,
    }
}
