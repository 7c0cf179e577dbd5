//! What the System page shows of what runs, and its forms: the processes and their edges, what is logged, limits, who causes most.

use actix_web::{HttpResponse, web};
use askama::Template;
use natter_proto::account::v1::{LogFilter, Overrides};
use natter_proto::process::v1::{Edge, LookReply};

use super::form::{Entered, Field, Form};
use super::frame::Frame;
use super::{see, show, system, when};
use crate::error::Refusal;
use crate::offenders::{self, Line};
use crate::running::{self, Looked, PER_SECOND, by_limit, state};
use crate::service::Door;

/// What stands on the page.
pub struct Running {
    pub processes: Vec<Row>,
    pub log: Option<(String, String)>,
    pub limits: Vec<Limit>,
    /// None: the caller is not shown it.
    pub offenders: Option<Vec<Line>>,
    pub log_form: Form,
    pub limit_form: Form,
}

/// A process.
pub struct Row {
    pub name: String,
    pub roles: String,
    pub version: String,
    pub log: String,
    /// It has in force what is set.
    pub is_heeding: bool,
    pub is_silent: bool,
    pub edge: Option<EdgeRow>,
}

pub struct EdgeRow {
    pub id: String,
    pub state: &'static str,
    pub sessions: u64,
}

/// A limit that may be set.
pub struct Limit {
    pub name: String,
    /// What the settings say, one for each process that has another.
    pub setting: String,
    pub in_force: String,
    pub is_set: bool,
}

impl Running {
    /// As it is. `forms`: of the log and of limits, as they were refused.
    pub async fn of(door: &Door, frame: &Frame, forms: [Option<Form>; 2]) -> Result<Running, Refusal> {
        let (overrides, looked) = (running::overrides(door).await?, running::look(door).await);
        let offenders = match frame.owns_house() {
            true => Some(offenders::most(door, offenders::Query::default()).await.0),
            false => None,
        };
        let [log_form, limit_form] = forms;
        Ok(Running {
            log: overrides
                .log
                .as_ref()
                .map(|log| (log.filter.clone(), if log.until > 0 { when(log.until) } else { String::new() })),
            limits: limits(&looked, &overrides),
            log_form: log_form.unwrap_or_else(|| self::log_form(overrides.log.as_ref())),
            limit_form: limit_form.unwrap_or_else(|| self::limit_form(&looked)),
            processes: looked.into_iter().map(|looked| Row::of(looked, &overrides)).collect(),
            offenders,
        })
    }

    pub fn log_form(&self) -> &Form {
        &self.log_form
    }

    pub fn limit_form(&self) -> &Form {
        &self.limit_form
    }
}

impl Row {
    fn of(Looked { name, said }: Looked, overrides: &Overrides) -> Row {
        let is_silent = said.is_none();
        let LookReply { roles, version, log, overrides: revision, edge, .. } = said.unwrap_or_default();
        let edge = edge.map(|edge| EdgeRow { state: state(&edge), sessions: edge.sessions, id: edge.id });
        Row { name, roles: roles.join(", "), version, log, is_heeding: revision >= overrides.revision, is_silent, edge }
    }
}

fn limits(looked: &[Looked], overrides: &Overrides) -> Vec<Limit> {
    let line = |(name, processes): (&str, Vec<(&str, u64, u64)>)| {
        let said = |of: fn(&(&str, u64, u64)) -> u64| {
            let mut numbers: Vec<u64> = processes.iter().map(of).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        };
        let is_set = overrides.limits.contains_key(name);
        Limit { name: name.to_owned(), setting: said(|limit| limit.1), in_force: said(|limit| limit.2), is_set }
    };
    by_limit(looked).into_iter().map(line).collect()
}

fn log_form(set: Option<&LogFilter>) -> Form {
    let filter = set.map(|set| set.filter.clone()).unwrap_or_default();
    Form::of(vec![
        Field::text("filter", "Filter", filter)
            .hint("A level, or levels by crate: info,natter_edge=debug. Empty: as the settings say."),
        Field::number("minutes", "Minutes", 15)
            .hint("A day (1440) at most, then as the settings say. Empty: until it is taken back."),
    ])
}

fn limit_form(looked: &[Looked]) -> Form {
    let first = by_limit(looked).keys().next().copied().unwrap_or_default().to_owned();
    Form::of(vec![
        Field::text("limit", "Limit", first).hint("The name of its setting, as in the table."),
        Field::number("value", "Value", 0).hint("Empty: as the settings say."),
    ])
}

/// `POST /console/system/log`: an empty filter is that of the settings.
pub async fn set_log(door: web::Data<Door>, frame: Frame, entered: Entered) -> Result<HttpResponse, Refusal> {
    let filter = Some(entered.text("filter").trim().to_owned()).filter(|filter| !filter.is_empty());
    let outcome = match number(&entered, "minutes") {
        Ok(minutes) => running::set_log(&door, filter, minutes.unwrap_or(0)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(see("/console/system?done=log-set#running")),
        Err(refusal) => {
            let form = log_form(None).filled(&entered).refused(&refusal);
            system::again(&door, frame, [Some(form), None], &refusal).await
        }
    }
}

/// `POST /console/system/limits`: without a value that of the settings.
pub async fn set_limit(door: web::Data<Door>, frame: Frame, entered: Entered) -> Result<HttpResponse, Refusal> {
    let outcome = match number(&entered, "value") {
        Ok(value) => running::set_limit(&door, entered.text("limit").trim().to_owned(), value).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(see("/console/system?done=limit-set#limits")),
        Err(refusal) => {
            let form = limit_form(&[]).filled(&entered).refused(&refusal);
            system::again(&door, frame, [None, Some(form)], &refusal).await
        }
    }
}

fn number(entered: &Entered, field: &str) -> Result<Option<u64>, Refusal> {
    match entered.text(field).trim() {
        "" => Ok(None),
        digits => match digits.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Refusal::malformed(field, "must be a positive whole number")),
        },
    }
}

#[derive(Template)]
#[template(path = "edge_drain.html")]
struct DrainPage {
    frame: Frame,
    id: String,
    per_second: u64,
}

/// `GET /console/system/edges/{edge}/drain`.
pub async fn doubt_drain(frame: Frame, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let id = path.into_inner();
    show(&DrainPage { frame: frame.titled(format!("Drain the edge {id}")), id, per_second: PER_SECOND })
}

/// `POST /console/system/edges/{edge}/drain`.
pub async fn drain(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let _: Edge = running::drain(&door, &path, PER_SECOND).await?;
    Ok(see("/console/system?done=edge-drained#running"))
}

/// `POST /console/system/edges/{edge}/resume`.
pub async fn resume(door: web::Data<Door>, path: web::Path<String>) -> Result<HttpResponse, Refusal> {
    let _: Edge = running::resume(&door, &path).await?;
    Ok(see("/console/system?done=edge-resumed#running"))
}
