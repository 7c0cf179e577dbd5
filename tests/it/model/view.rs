//! What each user sees, asked of the model and of the services, and compared.

use std::fmt::Debug;

use natter_proto::dialog::v1::{Dialog as WireDialog, Entry, GetRequest, ListRequest, UnreadCountsRequest};
use natter_proto::event::v1::Message;
use natter_proto::history::v1::{MemberState, MembersRequest, PageRequest, Range};
use natter_proto::{Code, Failure};
use natter_tests::model::{Dialog, Model, Place, Refusal, Row, User};

use crate::model::server::Server;
use crate::world::{APP, Doors};

/// Compares what every user can see: his list, and this place or all of them.
pub async fn compare(server: &Server, model: &Model, only: Option<Place>) -> Result<(), String> {
    let places = || Place::all().filter(|place| only.is_none_or(|only| only == *place) && model.at(*place).is_some());
    for user in User::all() {
        list(server, model, user).await?;
        for place in places() {
            dialog(server, model, user, place).await?;
        }
    }
    Ok(())
}

/// The user's list and his unread counts.
async fn list(server: &Server, model: &Model, user: User) -> Result<(), String> {
    let Doors { dialog: mut door, .. } = server.doors();
    let request = ListRequest { app: APP, user: server.user(user), ..ListRequest::default() };
    let entries = door.list(request).await.map_err(told)?.into_inner().entries;
    let dialogs: Vec<&Dialog> = model.dialogs.iter().filter(|dialog| model.lists(user, dialog)).collect();
    let mut expected: Vec<Vec<u8>> = dialogs.iter().map(|dialog| server.dialog(dialog.place)).collect();
    let mut listed: Vec<Vec<u8>> = entries.iter().filter_map(|entry| Some(entry.dialog.as_ref()?.id.clone())).collect();
    expected.sort_unstable();
    listed.sort_unstable();
    if listed != expected {
        let names = |ids: &[Vec<u8>]| {
            let named = |id: &Vec<u8>| Place::all().find(|place| server.dialog(*place) == *id).map(|place| place.to_string());
            ids.iter().map(|id| named(id).unwrap_or_else(|| "?".into())).collect::<Vec<_>>()
        };
        return differ(format!("dialogs listed by {user}"), names(&expected), names(&listed));
    }
    for expected in dialogs {
        let id = server.dialog(expected.place);
        let entry = entries.iter().find(|entry| entry.dialog.as_ref().is_some_and(|dialog| dialog.id == id)).unwrap();
        self::entry(server, expected, user, entry)?;
    }

    let asked = Place::all().map(|place| server.dialog(place)).collect();
    let request = UnreadCountsRequest { app: APP, user: server.user(user), dialogs: asked };
    let reply = door.unread(request).await.map_err(told)?.into_inner();
    same(|| format!("unread messages of {user}"), model.unread(user), reply.total)?;
    for (place, count) in Place::all().zip(reply.counts) {
        let unread = model.get(user, place).map_or(0, |dialog| dialog.unread(user));
        same(|| format!("unread messages of {user} in {place}, counted"), unread, count.unread)?;
    }
    Ok(())
}

fn entry(server: &Server, expected: &Dialog, user: User, entry: &Entry) -> Result<(), String> {
    let place = expected.place;
    facts(server, expected, entry.dialog.as_ref().unwrap(), || format!("{place} in the list of {user}"))?;
    let state = entry.state.as_ref().unwrap();
    let last = expected.visible(user).last().copied();
    let body = |row: &Message| row.body.clone().unwrap_or_default();
    same(|| format!("last message of {place} for {user}"), last.map(|row| row.body.clone()), state.last.as_ref().map(body))?;
    if place.kind().is_public() {
        return Ok(());
    }
    same(|| format!("unread messages of {user} in {place}"), expected.unread(user), state.unread)?;
    let own = last.filter(|row| row.sender == user);
    let others = |has: fn(&Row, User) -> bool| own.is_some_and(|row| User::all().any(|other| other != user && has(row, other)));
    let statuses = (others(Row::has_received), others(Row::has_read));
    same(|| format!("status of the last message of {place} for {user}"), statuses, (state.last_delivered, state.last_read))
}

/// Owner, admins, members.
fn facts(server: &Server, expected: &Dialog, dialog: &WireDialog, what: impl Fn() -> String) -> Result<(), String> {
    let users = |users: Vec<User>| {
        let mut users = server.users(users);
        users.sort_unstable();
        users
    };
    same(|| format!("owner of {}", what()), server.user(expected.owner), dialog.owner)?;
    same(|| format!("admins of {}", what()), users(expected.admins.iter().copied().collect()), dialog.admins.clone())?;
    same(|| format!("number of members of {}", what()), expected.members.len() as u32, dialog.count)?;
    let members = if expected.place.kind().is_public() { Vec::new() } else { users(expected.members.clone()) };
    same(|| format!("members of {}", what()), members, dialog.members.clone())
}

/// One dialog as the user reads it, as the api reads it for him.
async fn dialog(server: &Server, model: &Model, user: User, place: Place) -> Result<(), String> {
    let Doors { dialog: mut door, mut history, .. } = server.doors();
    let (reader, id) = (server.user(user), server.dialog(place));
    let got = door.get(GetRequest { app: APP, dialog: id.clone(), user: reader, preview: false }).await;
    let got = got.map(|reply| reply.into_inner()).map_err(|status| match Failure::from(status).code {
        Code::Forbidden => Ok(Refusal::Forbidden),
        Code::NotFound => Ok(Refusal::NotFound),
        code => Err(format!("services answer {code:?}")),
    });
    let (expected, dialog) = match (model.get(user, place), got) {
        (Ok(expected), Ok(dialog)) => (expected, dialog),
        (_, Err(Err(failed))) => return Err(failed),
        (expected, got) => {
            let (expected, got) = (expected.err(), got.err().and_then(Result::ok));
            return same(|| format!("refusal of {place} to {user}"), expected, got);
        }
    };
    facts(server, expected, &dialog, || format!("{place} for {user}"))?;
    let request = PageRequest { app: APP, dialog: id.clone(), reader, limit: 1000, ..Default::default() };
    let rows = history.page(request).await.map_err(told)?.into_inner().rows;
    let within = Some(Range { from: 1, upto: u64::MAX });
    let request = MembersRequest { app: APP, dialog: id, users: dialog.members, within };
    let states = history.members(request).await.map_err(told)?.into_inner().members;
    let expected_rows: Vec<Seen> = expected.visible(user).iter().map(|row| Seen::of_model(server, expected, row)).collect();
    let seen: Vec<Seen> = rows.iter().map(|row| Seen::of_services(row, &states)).collect();
    for (expected, seen) in expected_rows.iter().zip(&seen) {
        same(|| format!("a message of {place} for {user}"), expected, seen)?;
    }
    same(|| format!("number of messages of {place} for {user}"), expected_rows.len(), seen.len())
}

/// A message, and who has read and received it (proto history, `Members`).
#[derive(PartialEq, Debug)]
struct Seen {
    seq: u64,
    body: String,
    sender: u64,
    read: Vec<u64>,
    received: Vec<u64>,
    id: Vec<u8>,
    alias: Vec<u8>,
}

impl Seen {
    fn of_model(server: &Server, dialog: &Dialog, row: &Row) -> Seen {
        let seq = dialog.rows.iter().position(|other| other.id == row.id).unwrap() as u64 + 1;
        let who = |has: fn(&Row, User) -> bool| {
            let others = dialog.members.iter().copied().filter(|user| *user != row.sender && has(row, *user));
            let mut users = server.users(others.chain([row.sender]));
            users.sort_unstable();
            users
        };
        let (body, sender) = (row.body.clone(), server.user(row.sender));
        let (id, alias) = (server.message(row.id), row.alias.map(|alias| server.message(alias)).unwrap_or_default());
        Seen { seq, body, sender, read: who(Row::has_read), received: who(Row::has_received), id, alias }
    }

    fn of_services(row: &Message, states: &[MemberState]) -> Seen {
        let within = |ranges: &[Range]| ranges.iter().any(|range| (range.from..=range.upto).contains(&row.seq));
        let (mut read, mut received) = (vec![row.sender], vec![row.sender]);
        for state in states.iter().filter(|state| state.user != row.sender) {
            let counts = state.joined < row.seq && !within(&state.quiet);
            let has_read = row.seq <= state.base || within(&state.settled);
            read.extend((counts && has_read).then_some(state.user));
            received.extend((counts && (has_read || within(&state.delivered))).then_some(state.user));
        }
        read.sort_unstable();
        received.sort_unstable();
        let (seq, body, sender) = (row.seq, row.body.clone().unwrap_or_default(), row.sender);
        Seen { seq, body, sender, read, received, id: row.id.clone(), alias: row.alias.clone() }
    }
}

fn told(status: natter_rpc::Status) -> String {
    format!("services answer {:?}", Failure::from(status))
}

fn same<T: PartialEq + Debug>(what: impl Fn() -> String, model: T, services: T) -> Result<(), String> {
    if model == services { Ok(()) } else { differ(what(), model, services) }
}

fn differ<T: Debug>(what: String, model: T, services: T) -> Result<(), String> {
    Err(format!("{what}: model {model:?}, services {services:?}"))
}
