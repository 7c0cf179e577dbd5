//! Routes about what runs: the processes, what is set over their settings, their edges, and who causes most (decision 0040).
//!
//! What is set is kept by the account service; each process is told at once, and asks once a minute. What a process says of itself it is
//! asked for each time: one that does not answer is shown as such.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use futures::future::join_all;
use natter_proto::account::v1::change_overrides_request::Log;
use natter_proto::account::v1::overriding_client::OverridingClient;
use natter_proto::account::v1::{ChangeOverridesRequest, GetOverridesRequest, LogFilter, Overrides};
use natter_proto::process::v1::processes_client::ProcessesClient;
use natter_proto::process::v1::{DrainRequest, Edge, EdgeState, HeedRequest, LookReply, LookRequest, ResumeRequest};
use natter_rpc::Link;
use serde_json::{Value, json};

use crate::body::{Fields, Raw};
use crate::error::Refusal;
use crate::service::{Door, iso};

/// The processes that are believed alive, as they are when it is asked.
pub type Processes = Arc<dyn Fn() -> Vec<Process> + Send + Sync>;

/// A process, and the way to its door about itself.
#[derive(Clone)]
pub struct Process {
    pub name: String,
    pub link: Link,
}

impl Process {
    pub(crate) fn client(&self) -> ProcessesClient<Link> {
        ProcessesClient::new(self.link.clone())
    }
}

/// A process and what it says of itself; none: it does not answer.
pub struct Looked {
    pub name: String,
    pub said: Option<LookReply>,
}

/// What is set, and how many of all processes have it in force.
pub struct Told {
    pub overrides: Overrides,
    pub heeding: usize,
    pub all: usize,
}

const MINUTE_MS: i64 = 60_000;
/// Sessions of an edge that are handed over in a second where nobody says so, and at most.
pub const PER_SECOND: u64 = 200;
const PER_SECOND_MAX: u64 = 10_000;
/// Longest that a filter of logs is set for; without an end it stands until it is taken back.
const MINUTES_MAX: u64 = 24 * 60;

// === asking and telling ===

/// What each process says of itself, by name.
pub async fn look(door: &Door) -> Vec<Looked> {
    let looks = (door.processes)().into_iter().map(|process| async move {
        let said = process.client().look(LookRequest {}).await.ok().map(natter_rpc::Response::into_inner);
        Looked { name: process.name, said }
    });
    let mut looked = join_all(looks).await;
    looked.sort_by(|one, other| one.name.cmp(&other.name));
    looked
}

/// What is set.
pub async fn overrides(door: &Door) -> Result<Overrides, Refusal> {
    Ok(OverridingClient::new(door.overriding.clone()).get(GetOverridesRequest {}).await?.into_inner())
}

/// Changes what is set, and tells every process. One that does not hear it asks within a minute.
pub async fn change(door: &Door, change: ChangeOverridesRequest) -> Result<Told, Refusal> {
    let overrides = OverridingClient::new(door.overriding.clone()).change(change).await?.into_inner();
    let (processes, revision) = ((door.processes)(), overrides.revision);
    let told = processes.iter().map(|process| {
        let request = HeedRequest { overrides: Some(overrides.clone()) };
        async move { process.client().heed(request).await.is_ok_and(|reply| reply.get_ref().revision >= revision) }
    });
    let heeding = join_all(told).await.into_iter().filter(|heeds| *heeds).count();
    Ok(Told { overrides, heeding, all: processes.len() })
}

/// Another filter of logs, for so many minutes (0: until it is taken back); none: that of the settings.
pub async fn set_log(door: &Door, filter: Option<String>, minutes: u64) -> Result<Told, Refusal> {
    if minutes > MINUTES_MAX {
        return Err(Refusal::malformed("minutes", format!("at most {MINUTES_MAX}")));
    }
    let until = if minutes > 0 { door.clock.now_ms() + minutes as i64 * MINUTE_MS } else { 0 };
    let log = filter.map_or(Log::ClearLog(true), |filter| Log::SetLog(LogFilter { filter, until }));
    change(door, ChangeOverridesRequest { log: Some(log), ..ChangeOverridesRequest::default() }).await
}

/// Another limit; none: that of the settings.
pub async fn set_limit(door: &Door, name: String, limit: Option<u64>) -> Result<Told, Refusal> {
    let request = match limit {
        Some(limit) => ChangeOverridesRequest { set_limits: [(name, limit)].into(), ..ChangeOverridesRequest::default() },
        None => ChangeOverridesRequest { clear_limits: vec![name], ..ChangeOverridesRequest::default() },
    };
    change(door, request).await
}

/// Empties an edge, which goes on running. How it stands.
pub async fn drain(door: &Door, id: &str, per_second: u64) -> Result<Edge, Refusal> {
    if per_second > PER_SECOND_MAX {
        return Err(Refusal::malformed("per_second", format!("at most {PER_SECOND_MAX}")));
    }
    let request = DrainRequest { per_second: per_second as u32 };
    let reply = of_edge(door, id).await?.client().drain(request).await?.into_inner();
    reply.edge.ok_or_else(|| Refusal::not_found("edge"))
}

/// Lets an edge take connections again. How it stands.
pub async fn resume(door: &Door, id: &str) -> Result<Edge, Refusal> {
    let reply = of_edge(door, id).await?.client().resume(ResumeRequest {}).await?.into_inner();
    reply.edge.ok_or_else(|| Refusal::not_found("edge"))
}

/// The process that an edge of this name runs in.
async fn of_edge(door: &Door, id: &str) -> Result<Process, Refusal> {
    let looks = (door.processes)().into_iter().map(|process| async move {
        let said = process.client().look(LookRequest {}).await.ok()?.into_inner();
        said.edge.is_some_and(|edge| edge.id == id).then_some(process)
    });
    join_all(looks).await.into_iter().flatten().next().ok_or_else(|| Refusal::not_found("edge"))
}

// === routes ===

/// `GET /admin/v1/edges`: and the processes that do not answer.
pub async fn edges(door: web::Data<Door>) -> HttpResponse {
    let (mut edges, mut silent) = (Vec::new(), Vec::new());
    for Looked { name, said } in look(&door).await {
        match said {
            Some(said) => edges.extend(said.edge.map(|edge| shown_edge(&edge, &name))),
            None => silent.push(name),
        }
    }
    HttpResponse::Ok().json(json!({ "edges": edges, "silent": silent }))
}

/// `POST /admin/v1/edges/{edge}/drain` `{per_second?}`.
pub async fn drain_edge(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let per_second = fields.number("per_second")?.unwrap_or(PER_SECOND);
    fields.end()?;
    let edge = drain(&door, &path, per_second).await?;
    Ok(HttpResponse::Ok().json(json!({ "edge": shown_edge(&edge, "") })))
}

/// `POST /admin/v1/edges/{edge}/resume`.
pub async fn resume_edge(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let edge = resume(&door, &path).await?;
    Ok(HttpResponse::Ok().json(json!({ "edge": shown_edge(&edge, "") })))
}

/// `GET /admin/v1/log-level`: what is set, and what each process logs.
pub async fn log(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let (set, looked) = (overrides(&door).await?, look(&door).await);
    let processes =
        looked.iter().map(|Looked { name, said }| json!({ "name": name, "filter": said.as_ref().map(|said| &said.log) }));
    Ok(HttpResponse::Ok().json(json!({ "log": { "set": shown_log(&set), "processes": processes.collect::<Vec<_>>() } })))
}

/// `PUT /admin/v1/log-level` `{filter, minutes?}`: without minutes until it is taken back.
pub async fn put_log(door: web::Data<Door>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let (filter, minutes) = (fields.text("filter")?, fields.number("minutes")?.unwrap_or(0));
    fields.end()?;
    let filter = filter.ok_or_else(|| Refusal::malformed("filter", "is required"))?;
    Ok(told(&set_log(&door, Some(filter), minutes).await?))
}

/// `DELETE /admin/v1/log-level`: as the settings say.
pub async fn reset_log(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    Ok(told(&set_log(&door, None, 0).await?))
}

/// `GET /admin/v1/limits`: those that may be set, what is set, and what holds at each process that asks it.
pub async fn limits(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let (set, looked) = (overrides(&door).await?, look(&door).await);
    let limits: Vec<Value> = by_limit(&looked)
        .into_iter()
        .map(|(name, processes)| {
            let processes = processes
                .into_iter()
                .map(|(process, setting, in_force)| json!({ "name": process, "setting": setting, "in_force": in_force }));
            json!({ "name": name, "set": set.limits.get(name), "processes": processes.collect::<Vec<_>>() })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "limits": limits })))
}

/// `PUT /admin/v1/limits/{limit}` `{value}`.
pub async fn put_limit(door: web::Data<Door>, path: web::Path<String>, raw: Raw) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(raw, door.body_bytes_max)?;
    let value = fields.number("value")?;
    fields.end()?;
    let value = value.ok_or_else(|| Refusal::malformed("value", "is required"))?;
    Ok(told(&set_limit(&door, path.into_inner(), Some(value)).await?))
}

/// `DELETE /admin/v1/limits/{limit}`: as the settings say.
pub async fn reset_limit(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    Ok(told(&set_limit(&door, path.into_inner(), None).await?))
}

/// `GET /admin/v1/offenders?app=ID&minutes=N&limit=N`.
pub async fn offenders(door: web::Data<Door>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    crate::offenders::list(&door, &request).await
}

// === how it is shown ===

/// By limit, the processes that ask it, each with its setting and what holds.
pub fn by_limit(looked: &[Looked]) -> BTreeMap<&str, Vec<(&str, u64, u64)>> {
    let mut limits: BTreeMap<&str, Vec<(&str, u64, u64)>> = BTreeMap::new();
    for (name, said) in looked.iter().filter_map(|looked| Some((&looked.name, looked.said.as_ref()?))) {
        for limit in &said.limits {
            limits.entry(&limit.name).or_default().push((name.as_str(), limit.setting, limit.in_force));
        }
    }
    limits
}

/// How an edge stands, in a word.
pub fn state(edge: &Edge) -> &'static str {
    match edge.state() {
        EdgeState::Unspecified => "unknown",
        EdgeState::Serving => "serving",
        EdgeState::Draining => "draining",
        EdgeState::Drained => "drained",
    }
}

// `process` is left out where it is not asked.
fn shown_edge(edge: &Edge, process: &str) -> Value {
    let mut shown = json!({ "id": edge.id, "state": state(edge), "sessions": edge.sessions });
    if !process.is_empty() {
        shown["process"] = json!(process);
    }
    shown
}

fn shown_log(overrides: &Overrides) -> Option<Value> {
    let LogFilter { filter, until } = overrides.log.as_ref()?;
    Some(json!({ "filter": filter, "until": (*until > 0).then(|| iso(*until)) }))
}

fn told(told: &Told) -> HttpResponse {
    let Told { overrides, heeding, all } = told;
    HttpResponse::Ok().json(json!({
        "revision": overrides.revision,
        "log": shown_log(overrides),
        "limits": overrides.limits,
        "processes": { "all": all, "heeding": heeding },
    }))
}
