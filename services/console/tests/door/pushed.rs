//! Fakes of the push, dialog and history services: they note what they were asked, and answer one user's devices, journal and
//! dialogs.

use std::sync::{Arc, Mutex, MutexGuard};

use natter_proto::dialog::v1::dialogs_server::Dialogs;
use natter_proto::dialog::v1::{self as dialog, Dialog, DialogKind, Entry, UnreadCountsReply, UnreadCountsRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::{
    self as history, DialogHead, MemberState, MembersReply, MembersRequest, PageReply, PageRequest, Range, UnreadRow,
};
use natter_proto::push::v1::alerting_server::Alerting;
use natter_proto::push::v1::push_server::Push;
use natter_proto::push::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Reply, Request, Response, Status, async_trait};

/// Whom all messages are for; see the fake of the account service.
pub const FIRST_TRIAL: u64 = 100;
pub const START_MS: i64 = 1_700_000_000_000;

/// What was asked.
#[derive(Default)]
pub struct Asked {
    pub settings: Settings,
    pub previews: Vec<PreviewRequest>,
    pub tests: Vec<SendTestRequest>,
    pub journals: Vec<JournalRequest>,
    pub ended: Vec<UnsubscribeRequest>,
    pub pages: Vec<PageRequest>,
    pub refuses: Option<Failure>,
}

/// A handle: clones are the same.
#[derive(Clone, Default)]
pub struct Pushed(Arc<Mutex<Asked>>);

impl Pushed {
    pub fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap()
    }

    fn or_refuse(&self) -> Result<MutexGuard<'_, Asked>, Status> {
        let mut asked = self.asked();
        match asked.refuses.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(asked),
        }
    }
}

#[async_trait]
impl Alerting for Pushed {
    async fn get_settings(&self, _: Request<GetSettingsRequest>) -> Reply<Settings> {
        Ok(Response::new(self.or_refuse()?.settings.clone()))
    }

    async fn get_built_in(&self, _: Request<GetBuiltInRequest>) -> Reply<Template> {
        Ok(Response::new(Template { body: "built in".into(), sound: "default".into(), ..Template::default() }))
    }

    async fn put_settings(&self, request: Request<PutSettingsRequest>) -> Reply<Settings> {
        let settings = request.into_inner().settings.unwrap();
        self.or_refuse()?.settings = settings.clone();
        Ok(Response::new(settings))
    }

    async fn preview(&self, request: Request<PreviewRequest>) -> Reply<PreviewReply> {
        self.or_refuse()?.previews.push(request.into_inner());
        let apns = Payload {
            channel: Channel::Apns.into(),
            json: "{}".into(),
            size: 2,
            limit: 4_096,
            shortened: true,
            error: String::new(),
        };
        let web = Payload { channel: Channel::Web.into(), error: "too much".into(), ..Payload::default() };
        Ok(Response::new(PreviewReply {
            body: "hi".into(),
            remark: "line 1".into(),
            payloads: vec![apns, web],
            ..Default::default()
        }))
    }

    async fn send_test(&self, request: Request<SendTestRequest>) -> Reply<SendTestReply> {
        let request = request.into_inner();
        self.or_refuse()?.tests.push(request);
        Ok(Response::new(SendTestReply { dialog: vec![0; 12], message: vec![7; 12], notes: vec![attempt()] }))
    }
}

#[async_trait]
impl Push for Pushed {
    async fn subscribe(&self, _: Request<SubscribeRequest>) -> Reply<Subscription> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn list(&self, _: Request<ListRequest>) -> Reply<ListReply> {
        let one = Subscription {
            id: 17,
            channel: Channel::Gcm.into(),
            environment: Environment::Production.into(),
            platform: Platform::Android.into(),
            udid: "device-1".into(),
            token: "t0ken-of-device".into(),
            created_at: START_MS,
            updated_at: START_MS,
            rejected_at: START_MS,
            rejected_for: "gone".into(),
            ..Subscription::default()
        };
        Ok(Response::new(ListReply { subscriptions: vec![one] }))
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Reply<Empty> {
        let request = request.into_inner();
        if request.id != 17 {
            return Err(Failure::new(Code::NotFound, "there is no such subscription").into());
        }
        self.asked().ended.push(request);
        Ok(Response::new(Empty {}))
    }

    async fn journal(&self, request: Request<JournalRequest>) -> Reply<JournalReply> {
        let request = request.into_inner();
        let is_last = !request.before.is_empty();
        self.asked().journals.push(request);
        if is_last {
            return Ok(Response::new(JournalReply::default()));
        }
        let together = Note { at: START_MS, count: 3, reason: "no subscription".into(), ..Note::default() };
        Ok(Response::new(JournalReply { notes: vec![attempt(), together], next: vec![0xab, 1] }))
    }
}

fn attempt() -> Note {
    Note {
        at: START_MS,
        dialog: vec![0; 12],
        message: vec![7; 12],
        sender: 34,
        user: 78,
        reason: "offline".into(),
        subscription: 17,
        channel: Channel::Web.into(),
        answer: "accepted".into(),
        attempt: 1,
        remark: "line 1".into(),
        ..Note::default()
    }
}

macro_rules! fake {
    ($service:ident, $v:ident, { $($known:tt)* } $($name:ident: $request:ident => $reply:ident,)*) => {
        #[async_trait]
        impl $service for Pushed {
            $($known)*
            $(async fn $name(&self, _: Request<$v::$request>) -> Reply<$v::$reply> {
                Err(Status::unimplemented("nobody asks this"))
            })*
        }
    };
}

fake! { Dialogs, dialog, {
        async fn list(&self, request: Request<dialog::ListRequest>) -> Reply<dialog::ListReply> {
            let dialog::ListRequest { skip, limit, .. } = request.into_inner();
            let entry = |id: u8, kind: DialogKind, unread: u64| {
                let dialog = Dialog { id: vec![id; 12], kind: kind.into(), name: Some("Verona".into()), ..Dialog::default() };
                let head = DialogHead { seq: 9, ..DialogHead::default() };
                let member = MemberState { base: 4, ..MemberState::default() };
                Entry { dialog: Some(dialog), state: Some(UnreadRow { unread, head: Some(head), member: Some(member), ..UnreadRow::default() }) }
            };
            let all = [entry(1, DialogKind::Group, 5), entry(2, DialogKind::Public, 0), entry(3, DialogKind::Private, 2)];
            let entries = all.into_iter().skip(skip as usize).take(limit as usize).collect();
            Ok(Response::new(dialog::ListReply { entries, total: 3 }))
        }

        async fn unread(&self, _: Request<UnreadCountsRequest>) -> Reply<UnreadCountsReply> {
            Ok(Response::new(UnreadCountsReply { total: 7, counts: Vec::new() }))
        }
    }
    get: GetRequest => Dialog,
    audience: AudienceRequest => AudienceReply,
    post: PostRequest => PostReply,
    mark: MarkRequest => MarkReply,
    signal: SignalRequest => SignalReply,
    create: CreateRequest => Dialog,
    delete: DeleteRequest => DeleteReply,
    change: ChangeDialogRequest => Dialog,
    subscribe: SubscribeRequest => Dialog,
    clear: ClearDialogRequest => ClearDialogReply,
    notify: NotifyRequest => NotifyReply,
    enter: EnterRequest => EnterReply,
    exit: ExitRequest => ExitReply,
    occupants: OccupantsRequest => OccupantsReply,
    headline: HeadlineRequest => HeadlineReply,
    signal_call: SignalCallRequest => SignalCallReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    update: UpdateMessageRequest => UpdateMessageReply,
    remove: RemoveMessagesRequest => RemoveMessagesReply,
}

// One dialog of nine messages: up to 4 all is read, and 6 and 7 too; 8 has been received.
fake! { History, history, {
        async fn members(&self, request: Request<MembersRequest>) -> Reply<MembersReply> {
            let user = request.into_inner().users[0];
            let (settled, delivered) = (vec![Range { from: 6, upto: 7 }], vec![Range { from: 8, upto: 8 }]);
            Ok(Response::new(MembersReply { members: vec![MemberState { user, base: 4, settled, delivered, ..MemberState::default() }] }))
        }

        async fn page(&self, request: Request<PageRequest>) -> Reply<PageReply> {
            let request = request.into_inner();
            let row = |seq: u64| Message { id: vec![seq as u8; 12], seq, sender: 34, recipient: FIRST_TRIAL, created_at: START_MS, body: Some("s3cret".into()), ..Message::default() };
            let rows = (1..=9).rev().skip(request.skip as usize).take(request.limit as usize).map(row).collect();
            self.asked().pages.push(request);
            Ok(Response::new(PageReply { rows, ..PageReply::default() }))
        }
    }
    append: AppendRequest => AppendReply,
    load: LoadRequest => LoadReply,
    heads: HeadsRequest => HeadsReply,
    find: FindRequest => FindReply,
    mark: MarkRequest => MarkReply,
    hide: HideRequest => HideReply,
    clear: ClearRequest => ClearReply,
    join: JoinRequest => JoinReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    edit: EditRequest => EditReply,
    remove: RemoveRequest => RemoveReply,
    unread: UnreadRequest => UnreadReply,
    gap: GapRequest => GapReply,
    changes: ChangesRequest => ChangesReply,
    keep: KeepRequest => KeepReply,
    kept: KeptRequest => KeptReply,
    drop: DropRequest => DropReply,
}
