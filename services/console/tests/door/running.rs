//! What runs, as the console shows it and changes it: two processes that answer, and one that does not.

use std::sync::{Arc, Mutex};

use natter_console::{Process, Processes};
use natter_proto::account::v1::change_overrides_request::Log;
use natter_proto::account::v1::overriding_server::{Overriding, OverridingServer};
use natter_proto::account::v1::{ChangeOverridesRequest, GetOverridesRequest, LogFilter, Overrides};
use natter_proto::process::v1::offender::Who;
use natter_proto::process::v1::processes_server::{Processes as Door, ProcessesServer};
use natter_proto::process::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions, Reply, Request, Response, Status, async_trait};

use crate::console::{Console, check_json};

/// The fakes.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    overrides: Overrides,
    /// Revisions that the two processes were told.
    heeded: [u64; 2],
    /// 0: the edge serves.
    draining: u32,
}

#[derive(Clone)]
struct Fake(Running, usize);

impl Running {
    pub fn overriding(&self) -> Link {
        Link::local(OverridingServer::new(Fake(self.clone(), 0)), LinkOptions::default())
    }

    pub fn processes(&self) -> Processes {
        let this = self.clone();
        Arc::new(move || {
            let of = |at| Link::local(ProcessesServer::new(Fake(this.clone(), at)), LinkOptions::default());
            let process = |name: &str, link| Process { name: name.to_owned(), link };
            vec![process("edge-1", of(0)), process("api-1", of(1)), process("push-1", Link::absent())]
        })
    }
}

#[tokio::test]
async fn what_is_logged_is_set_for_a_while_and_taken_back() {
    let console = Console::start().await;
    let (status, body) = console.put("/admin/v1/log-level", r#"{"filter": "info,natter_edge=debug", "minutes": 15}"#).await;
    assert_eq!(status, 200, "{body}");
    check_json(&body, &[r#""until":"2023-11-14T22:28:20Z""#, r#""processes":{"all":3,"heeding":2}"#]);
    let (_, body) = console.get("/admin/v1/log-level").await;
    check_json(&body, &[r#"{"name":"edge-1","filter":"info,natter_edge=debug"}"#, r#"{"name":"push-1","filter":null}"#]);
    for (wrong, field) in [(r#"{"minutes": 5}"#, "filter"), (r#"{"filter": "info", "minutes": 1441}"#, "minutes")] {
        let (status, body) = console.put("/admin/v1/log-level", wrong).await;
        assert!(status == 400 && body.contains(&format!(r#""field":"{field}""#)), "{body}");
    }
    let (_, page) = console.page("/console/system").await;
    assert!(page.contains("no answer") && page.contains("<code>info,natter_edge=debug</code>"), "{page}");

    let (status, body) = console.call("DELETE", "/admin/v1/log-level", "").await;
    assert!(status == 200 && body.contains(r#""log":null"#), "{body}");
    let entered = console.form("/console/system/log", "filter=debug&minutes=").await;
    assert!(entered.0.starts_with("HTTP/1.1 303 "), "{}", entered.0);
    assert_eq!(console.running.0.lock().unwrap().overrides.log, Some(LogFilter { filter: "debug".into(), until: 0 }));
    let (head, page) = console.form("/console/system/log", "filter=debug&minutes=soon").await;
    assert!(
        head.starts_with("HTTP/1.1 400 ") && page.contains("must be a positive whole number") && page.contains(r#"value="soon""#),
        "{page}"
    );
    console.stop().await;
}

#[tokio::test]
async fn a_limit_is_set_shown_and_taken_back() {
    let console = Console::start().await;
    let (status, body) = console.put("/admin/v1/limits/api.user_rate", r#"{"value": 7}"#).await;
    assert!(status == 200 && body.contains(r#""limits":{"api.user_rate":7}"#), "{body}");
    let (_, body) = console.get("/admin/v1/limits").await;
    check_json(&body, &[r#"{"name":"api-1","setting":50,"in_force":7}"#, r#""set":7"#]);
    let (_, page) = console.page("/console/system").await;
    assert!(page.contains("<code>api.user_rate</code>"), "{page}");
    assert!(console.form("/console/system/limits", "limit=api.user_rate&value=").await.0.starts_with("HTTP/1.1 303 "));
    assert!(console.running.0.lock().unwrap().overrides.limits.is_empty());
    let (status, body) = console.put("/admin/v1/limits/edge.tcp_port", r#"{"value": 7}"#).await;
    assert!(status == 422 && body.contains(r#""field":"limit""#), "{status} {body}");
    console.stop().await;
}

#[tokio::test]
async fn an_edge_is_drained_after_a_question_and_resumed() {
    let console = Console::start().await;
    let (_, body) = console.get("/admin/v1/edges").await;
    check_json(&body, &[r#"{"id":"e1","state":"serving","sessions":3,"process":"edge-1"}"#, r#""silent":["push-1"]"#]);
    let (_, page) = console.page("/console/system").await;
    assert!(page.contains(r#"href="/console/system/edges/e1/drain""#), "{page}");
    let (_, page) = console.page("/console/system/edges/e1/drain").await;
    assert!(page.contains("Drain the edge e1") && page.contains("200 in a second"), "{page}");
    assert!(console.form("/console/system/edges/e1/drain", "").await.0.starts_with("HTTP/1.1 303 "));
    assert_eq!(console.running.0.lock().unwrap().draining, 200);
    let (_, page) = console.page("/console/system").await;
    assert!(page.contains("draining") && page.contains("Take connections again"), "{page}");

    let (status, body) = console.post("/admin/v1/edges/e1/drain", r#"{"per_second": 10}"#).await;
    assert!(status == 200 && body.contains(r#""state":"draining""#), "{body}");
    let (_, body) = console.post("/admin/v1/edges/e1/resume", "").await;
    assert!(body.contains(r#""state":"serving""#), "{body}");
    assert_eq!(console.post("/admin/v1/edges/e2/drain", "").await.0, 404);
    assert_eq!(console.post("/admin/v1/edges/e1/drain", r#"{"per_second": 10001}"#).await.0, 400);
    let (_, audit) = console.get("/admin/v1/audit").await;
    check_json(&audit, &[r#""action":"edge.drain""#, r#""target":"e1""#]);
    console.stop().await;
}

#[tokio::test]
async fn who_causes_most_is_summed_over_the_processes() {
    let console = Console::start().await;
    let (_, body) = console.get("/admin/v1/offenders").await;
    check_json(
        &body,
        &[
            r#"{"offence":"rate","kind":"user","app":77,"user":5,"network":null,"count":9,"error":0}"#,
            r#""network":"192.0.2.1""#,
            r#""silent":1"#,
        ],
    );
    let (_, body) = console.get("/admin/v1/offenders?app=78&minutes=5&limit=3").await;
    assert!(!body.contains("192.0.2.1") && !body.contains(r#""app":77"#), "{body}");
    let (_, page) = console.page("/console/system").await;
    assert!(page.contains("Who causes most") && page.contains("192.0.2.1"), "{page}");
    console.stop().await;
}

#[async_trait]
impl Overriding for Fake {
    async fn get(&self, _: Request<GetOverridesRequest>) -> Reply<Overrides> {
        Ok(Response::new(self.0.0.lock().unwrap().overrides.clone()))
    }

    async fn change(&self, request: Request<ChangeOverridesRequest>) -> Reply<Overrides> {
        let ChangeOverridesRequest { log, set_limits, clear_limits } = request.into_inner();
        if set_limits.keys().any(|name| name != "api.user_rate") {
            return Err(Failure::of_field(Code::Invalid, "limit", "is none that may be set").into());
        }
        let overrides = &mut self.0.0.lock().unwrap().overrides;
        overrides.revision += 1;
        match log {
            Some(Log::SetLog(filter)) => overrides.log = Some(filter),
            Some(Log::ClearLog(_)) => overrides.log = None,
            None => {}
        }
        overrides.limits.extend(set_limits);
        overrides.limits.retain(|name, _| !clear_limits.contains(name));
        Ok(Response::new(overrides.clone()))
    }
}

#[async_trait]
impl Door for Fake {
    async fn look(&self, _: Request<LookRequest>) -> Reply<LookReply> {
        let state = self.0.0.lock().unwrap();
        let log = state.overrides.log.as_ref().map_or("info".to_owned(), |log| log.filter.clone());
        let in_force = state.overrides.limits.get("api.user_rate").copied().unwrap_or(50);
        let limit = Limit { name: "api.user_rate".into(), setting: 50, in_force };
        Ok(Response::new(LookReply {
            roles: vec![["edge", "api"][self.1].into()],
            version: "1.2.3".into(),
            log,
            overrides: state.heeded[self.1],
            limits: if self.1 == 1 { vec![limit] } else { Vec::new() },
            edge: (self.1 == 0).then(|| edge(&state)),
            ..LookReply::default()
        }))
    }

    async fn heed(&self, request: Request<HeedRequest>) -> Reply<HeedReply> {
        let revision = request.into_inner().overrides.unwrap().revision;
        self.0.0.lock().unwrap().heeded[self.1] = revision;
        Ok(Response::new(HeedReply { revision }))
    }

    async fn offenders(&self, request: Request<OffendersRequest>) -> Reply<OffendersReply> {
        let count = [5, 4][self.1];
        let of = |offence: Offence, who| Offender { offence: offence.into(), who: Some(who), count, error: 0 };
        let user = of(Offence::Rate, Who::User(User { app: 77, user: 5 }));
        let address = std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets().to_vec();
        let offenders = match request.into_inner().app {
            0 => vec![user, of(Offence::SignIn, Who::Network(address))],
            _ => Vec::new(),
        };
        Ok(Response::new(OffendersReply { offenders }))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Reply<DrainReply> {
        self.set_draining(request.into_inner().per_second).map(|edge| Response::new(DrainReply { edge }))
    }

    async fn resume(&self, _: Request<ResumeRequest>) -> Reply<ResumeReply> {
        self.set_draining(0).map(|edge| Response::new(ResumeReply { edge }))
    }
}

impl Fake {
    fn set_draining(&self, per_second: u32) -> Result<Option<Edge>, Status> {
        let mut state = self.0.0.lock().unwrap();
        state.draining = per_second;
        Ok(Some(edge(&state)))
    }
}

fn edge(state: &State) -> Edge {
    let stands = if state.draining > 0 { EdgeState::Draining } else { EdgeState::Serving };
    Edge { id: "e1".into(), state: stands.into(), sessions: 3 }
}
