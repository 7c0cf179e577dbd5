//! Fakes of the push, dialog and history services: they note what they were asked, and answer one user's devices, journal and
//! dialogs.

use std::sync::{Arc, Mutex, MutexGuard};

use natter_proto::dialog::v1::dialogs_server::Dialogs;
use natter_proto::dialog::v1::{self as dialog, Dialog, DialogKind, Entry, UnreadCountsReply, UnreadCountsRequest};
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Headline, Message};
use natter_proto::history::v1::history_server::History;
use natter_proto::history::v1::{
    self as history, DialogHead, MemberState, MembersReply, MembersRequest, PageReply, PageRequest, Range, UnreadRow,
};
use natter_proto::push::v1::alerting_server::Alerting;
use natter_proto::push::v1::push_server::Push;
use natter_proto::push::v1::webhooks_server::Webhooks;
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
    pub searches: Vec<dialog::SearchRequest>,
    pub freezes: Vec<dialog::FreezeRequest>,
    pub removals: Vec<dialog::RemoveMessagesRequest>,
    pub refuses: Option<Failure>,
    pub hooks: Vec<Webhook>,
    /// What was asked of webhooks, in words.
    pub of_hooks: Vec<String>,
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

impl Pushed {
    /// Notes what is asked of a webhook, and finds it.
    fn hook(&self, id: u64, asked: String) -> Result<Webhook, Status> {
        let mut all = self.or_refuse()?;
        all.of_hooks.push(asked);
        let hook = all.hooks.iter().find(|hook| hook.id == id).cloned();
        hook.ok_or_else(|| Failure::new(Code::NotFound, "there is no such webhook").into())
    }
}

#[async_trait]
impl Webhooks for Pushed {
    async fn list(&self, _: Request<ListWebhooksRequest>) -> Reply<ListWebhooksReply> {
        Ok(Response::new(ListWebhooksReply { webhooks: self.or_refuse()?.hooks.clone() }))
    }

    async fn create(&self, request: Request<CreateWebhookRequest>) -> Reply<NewWebhookSecret> {
        let CreateWebhookRequest { app, url, events, name } = request.into_inner();
        let (created_at, changed_at, secrets) = (START_MS, START_MS, 1);
        let mut all = self.or_refuse()?;
        let id = 5 + all.hooks.len() as u64;
        let hook = Webhook { app, id, url, events, name, created_at, changed_at, secrets, ..Webhook::default() };
        all.hooks.push(hook.clone());
        Ok(Response::new(NewWebhookSecret { webhook: Some(hook), secret: "whsec_s3cret".into() }))
    }

    async fn change(&self, request: Request<ChangeWebhookRequest>) -> Reply<Webhook> {
        let ChangeWebhookRequest { id, url, events, rests, name, .. } = request.into_inner();
        let hook = self.hook(id, format!("change {id}"))?;
        let changed = Webhook {
            url: url.unwrap_or(hook.url),
            events: events.map_or(hook.events, |wanted| wanted.events),
            rests: rests.unwrap_or(hook.rests),
            name: name.unwrap_or(hook.name),
            ..hook
        };
        self.asked().hooks.iter_mut().filter(|hook| hook.id == id).for_each(|hook| *hook = changed.clone());
        Ok(Response::new(changed))
    }

    async fn rotate(&self, request: Request<RotateWebhookRequest>) -> Reply<NewWebhookSecret> {
        let RotateWebhookRequest { id, overlap_ms, .. } = request.into_inner();
        let hook = self.hook(id, format!("rotate {id} {overlap_ms}"))?;
        Ok(Response::new(NewWebhookSecret { webhook: Some(hook), secret: "whsec_other".into() }))
    }

    async fn delete(&self, request: Request<WebhookRequest>) -> Reply<Empty> {
        let id = request.into_inner().id;
        self.hook(id, format!("delete {id}"))?;
        self.asked().hooks.retain(|hook| hook.id != id);
        Ok(Response::new(Empty {}))
    }

    async fn resume(&self, request: Request<WebhookRequest>) -> Reply<Webhook> {
        let id = request.into_inner().id;
        Ok(Response::new(self.hook(id, format!("resume {id}"))?))
    }

    async fn ping(&self, request: Request<WebhookRequest>) -> Reply<PingWebhookReply> {
        let id = request.into_inner().id;
        self.hook(id, format!("ping {id}"))?;
        Ok(Response::new(PingWebhookReply { delivered: false, answer: "status 503".into(), took_ms: 7 }))
    }

    async fn deliveries(&self, request: Request<DeliveriesRequest>) -> Reply<DeliveriesReply> {
        let DeliveriesRequest { id, parked, above, limit, .. } = request.into_inner();
        self.hook(id, format!("deliveries {id} {parked} {above} {limit}"))?;
        let delivery = WebhookDelivery {
            number: 9,
            id: "msg_1".into(),
            event: WebhookEvent::MessageCreated.into(),
            at: START_MS,
            dialog: vec![8; 12],
            message: vec![7; 12],
            user: 34,
            queued_at: START_MS,
            parked_at: if parked { START_MS } else { 0 },
            answer: if parked { "status 500".into() } else { String::new() },
            ..WebhookDelivery::default()
        };
        Ok(Response::new(DeliveriesReply { deliveries: vec![delivery], next: 9 }))
    }

    async fn resend(&self, request: Request<ParkedRequest>) -> Reply<ParkedReply> {
        let ParkedRequest { id, numbers, all, .. } = request.into_inner();
        self.hook(id, format!("resend {id} {numbers:?} {all}"))?;
        Ok(Response::new(ParkedReply { count: 1 }))
    }

    async fn drop(&self, request: Request<ParkedRequest>) -> Reply<ParkedReply> {
        let ParkedRequest { id, numbers, all, .. } = request.into_inner();
        self.hook(id, format!("drop {id} {numbers:?} {all}"))?;
        Ok(Response::new(ParkedReply { count: 2 }))
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
            let limit = if limit == 0 { all.len() } else { limit as usize };
            let entries = all.into_iter().skip(skip as usize).take(limit).collect();
            Ok(Response::new(dialog::ListReply { entries, total: 3 }))
        }

        async fn search(&self, request: Request<dialog::SearchRequest>) -> Reply<dialog::SearchReply> {
            let request = request.into_inner();
            self.or_refuse()?.searches.push(request.clone());
            let group = Dialog { id: vec![1; 12], app: request.app, kind: DialogKind::Group.into(), name: Some("Verona <b>".into()), owner: 5, count: 2, ..Dialog::default() };
            let two = Dialog { id: vec![3; 12], kind: DialogKind::Private.into(), name: None, members: vec![5, 34], frozen: true, ..group.clone() };
            Ok(Response::new(dialog::SearchReply { dialogs: vec![group, two], next: vec![3; 12] }))
        }

        async fn freeze(&self, request: Request<dialog::FreezeRequest>) -> Reply<Dialog> {
            let request = request.into_inner();
            self.or_refuse()?.freezes.push(request.clone());
            if request.dialog != [1; 12] {
                return Err(Failure::new(Code::NotFound, "does not exist").into());
            }
            Ok(Response::new(Dialog { id: request.dialog, kind: DialogKind::Group.into(), frozen: request.frozen, ..Dialog::default() }))
        }

        async fn audience(&self, request: Request<dialog::AudienceRequest>) -> Reply<dialog::AudienceReply> {
            let after = request.into_inner().after;
            let all = [5, 34, 78].into_iter().filter(|user| *user > after);
            let members: Vec<dialog::Listener> = all.map(|user| dialog::Listener { user, muted: false }).take(2).collect();
            Ok(Response::new(dialog::AudienceReply { more: after == 0, members, ..dialog::AudienceReply::default() }))
        }

        // Message 8 of the first dialog is there, 9 was when it was found.
        async fn remove(&self, request: Request<dialog::RemoveMessagesRequest>) -> Reply<dialog::RemoveMessagesReply> {
            let request = request.into_inner();
            self.or_refuse()?.removals.push(request.clone());
            let (removed, not_found) = request.ids.into_iter().partition(|id| *id == [8; 12]);
            Ok(Response::new(dialog::RemoveMessagesReply { removed, not_found, forbidden: Vec::new() }))
        }

        async fn unread(&self, _: Request<UnreadCountsRequest>) -> Reply<UnreadCountsReply> {
            Ok(Response::new(UnreadCountsReply { total: 7, counts: Vec::new() }))
        }

        // The third was left after it was listed.
        async fn get(&self, request: Request<dialog::GetRequest>) -> Reply<Dialog> {
            let (id, kind) = match request.into_inner().dialog {
                id if id == [1; 12] => (id, DialogKind::Group),
                id if id == [2; 12] => (id, DialogKind::Public),
                _ => return Err(Failure::new(Code::Forbidden, "is no member").into()),
            };
            let (name, members) = (Some("Verona".into()), vec![5, 34]);
            Ok(Response::new(Dialog { id, kind: kind.into(), owner: 5, name, members, muted: true, ..Dialog::default() }))
        }
    }
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
    batch: BatchRequest => BatchReply,
    headline: HeadlineRequest => HeadlineReply,
    signal_call: SignalCallRequest => SignalCallReply,
    react: ReactRequest => ReactReply,
    reactions: ReactionsRequest => ReactionsReply,
    forget: ForgetRequest => ForgetReply,
    update: UpdateMessageRequest => UpdateMessageReply,
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
            if !request.descending {
                return Ok(Response::new(PageReply { rows: ascending(&request), ..PageReply::default() }));
            }
            let row = |seq: u64| Message { id: vec![seq as u8; 12], seq, sender: 34, recipient: FIRST_TRIAL, created_at: START_MS, body: Some("s3cret".into()), ..Message::default() };
            let rows = (1..=9).rev().skip(request.skip as usize).take(request.limit as usize).map(row).collect();
            self.asked().pages.push(request);
            Ok(Response::new(PageReply { rows, ..PageReply::default() }))
        }

        async fn heads(&self, request: Request<history::HeadsRequest>) -> Reply<history::HeadsReply> {
            let head = |dialog: Vec<u8>| DialogHead { dialog, seq: 9, updated_at: START_MS, ..DialogHead::default() };
            Ok(Response::new(history::HeadsReply { heads: request.into_inner().dialogs.into_iter().map(head).collect() }))
        }

        // Messages 8 and 9 stand in the first dialog.
        async fn find(&self, request: Request<history::FindRequest>) -> Reply<history::FindReply> {
            let history::FindRequest { ids, dialogs, reader, .. } = request.into_inner();
            assert_eq!(reader, 0);
            let is_there = |id: &Vec<u8>| (*id == [8; 12] || *id == [9; 12]) && dialogs.contains(&vec![1; 12]);
            let row = |id: &Vec<u8>| Message { id: id.clone(), seq: id[0].into(), sender: 5, created_at: START_MS, body: Some("s3cret".into()), ..Message::default() };
            let found = |id: &Vec<u8>| history::Found { dialog: vec![1; 12], row: Some(row(id)), asked: id.clone() };
            Ok(Response::new(history::FindReply { found: ids.iter().filter(|id| is_there(id)).map(found).collect() }))
        }

        async fn unread(&self, _: Request<history::UnreadRequest>) -> Reply<history::UnreadReply> {
            let member = Some(MemberState { base: 4, joined: 2, ..MemberState::default() });
            Ok(Response::new(history::UnreadReply { rows: vec![UnreadRow { unread: 5, member, ..UnreadRow::default() }] }))
        }

        // To rows 2 and 4, one a page.
        async fn reactions(&self, request: Request<history::ReactionsRequest>) -> Reply<history::ReactionsReply> {
            let seqs: Vec<u64> = request.into_inner().seqs.into_iter().filter(|seq| [2, 4].contains(seq)).collect();
            let of = |seq: u64| history::Reactions {
                seq,
                all: vec![
                    history::Reaction { reaction: "own".into(), users: vec![5, 34] },
                    history::Reaction { reaction: "other".into(), users: vec![34] },
                ],
            };
            let reactions = seqs.first().map(|seq| of(*seq)).into_iter().collect();
            Ok(Response::new(history::ReactionsReply { reactions, more: seqs.len() > 1 }))
        }

        async fn kept(&self, request: Request<history::KeptRequest>) -> Reply<history::KeptReply> {
            let place = request.into_inner().above + 1;
            let told = match place {
                1 => Told::Message(Message { id: vec![9; 12], sender: 34, body: Some("waits".into()), ..Message::default() }),
                _ => Told::Headline(Headline { user: 34, children: "<x/>".into(), ..Headline::default() }),
            };
            let frame = Some(Frame { told: Some(told), ..Frame::default() });
            let rows = vec![history::KeptRow { place, kept_at: START_MS, frame }];
            Ok(Response::new(history::KeptReply { rows, more: place < 2, upto: 2 }))
        }
    }
    append: AppendRequest => AppendReply,
    load: LoadRequest => LoadReply,
    mark: MarkRequest => MarkReply,
    hide: HideRequest => HideReply,
    clear: ClearRequest => ClearReply,
    join: JoinRequest => JoinReply,
    react: ReactRequest => ReactReply,
    edit: EditRequest => EditReply,
    remove: RemoveRequest => RemoveReply,
    gap: GapRequest => GapReply,
    changes: ChangesRequest => ChangesReply,
    keep: KeepRequest => KeepReply,
    drop: DropRequest => DropReply,
}

// Nine rows, two of each second, three a page: the odd ones are of user 5, the seventh is removed.
fn ascending(request: &PageRequest) -> Vec<Message> {
    let from = request.filters[0].numbers[0] / 1_000;
    assert_eq!((request.filters[0].field.as_str(), request.filters[0].op()), ("date_sent", history::Op::Gte));
    let row = |seq: u64| Message {
        id: vec![seq as u8; 12],
        seq,
        date_sent: (seq as i64 + 1) / 2,
        sender: if seq % 2 == 1 { 5 } else { 34 },
        created_at: START_MS,
        updated_at: START_MS,
        body: Some(format!("said {seq}")),
        removed: seq == 7,
        ..Message::default()
    };
    (1..=9).map(row).filter(|row| row.date_sent >= from).skip(request.skip as usize).take(3).collect()
}

// Rows of a dialog of nine messages; no answer has more than two.
#[async_trait]
impl history::archive_server::Archive for Pushed {
    async fn rows(&self, request: Request<history::ArchiveRowsRequest>) -> Reply<history::ArchiveRowsReply> {
        let history::ArchiveRowsRequest { above, limit, .. } = request.into_inner();
        let row = |seq: u64| Message {
            id: vec![seq as u8; 12],
            seq,
            sender: 34,
            created_at: START_MS,
            updated_at: START_MS,
            body: (seq != 7).then(|| format!("s3cret <{seq}>")),
            removed: seq == 7,
            ..Message::default()
        };
        let rows = (above + 1..=9).take((limit as usize).min(2)).map(row).collect();
        Ok(Response::new(history::ArchiveRowsReply { rows, more: false }))
    }

    async fn append_old(&self, _: Request<history::AppendRequest>) -> Reply<history::AppendReply> {
        Err(Status::unimplemented("nobody asks this"))
    }

    async fn add_state(&self, _: Request<history::AddStateRequest>) -> Reply<history::AddStateReply> {
        Err(Status::unimplemented("nobody asks this"))
    }
}
