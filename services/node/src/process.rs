//! The door of this process about itself (decision 0040): how it stands, what is set over its settings, who causes most here, and its edge.

use std::sync::Arc;
use std::time::Duration;

use natter_actor::{Clock, Dial};
use natter_edge::{Drains, State};
use natter_proto::account::v1::overriding_client::OverridingClient;
use natter_proto::account::v1::{GetOverridesRequest, LogFilter, Overrides};
use natter_proto::process::v1::offender::Who;
use natter_proto::process::v1::processes_server::{Processes, ProcessesServer};
use natter_proto::process::v1::{
    DrainReply, DrainRequest, Edge, EdgeState, HeedReply, HeedRequest, Limit, LookReply, LookRequest, Offence, Offender,
    OffendersReply, OffendersRequest, ResumeReply, ResumeRequest, User,
};
use natter_proto::{Code, Failure};
use natter_rpc::{Link, Reply, Request, Response, async_trait};
use natter_telemetry::{Count, Logs, MINUTES, Offenders};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// How often it is asked what is set, once it is known; a process that was not told has it by then.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// The same while the account service did not answer yet.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How late a filter of logs may end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Offenders of one list in an answer.
const LIMIT_MAX: u32 = 400;

/// What the door is made of.
pub struct Parts {
    pub name: String,
    /// 0: no member of a cluster.
    pub boot: u64,
    pub roles: Vec<String>,
    pub logs: Logs,
    /// The limits that are asked here.
    pub dials: Vec<Dial>,
    pub edge: Option<Drains>,
    pub offenders: Offenders,
    pub clock: Clock,
}

/// This process. Clone; all clones are the same.
#[derive(Clone)]
pub struct Itself(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// In force.
    overrides: Mutex<Overrides>,
}

impl Itself {
    pub fn new(parts: Parts) -> Itself {
        Itself(Arc::new(Inner { parts, overrides: Mutex::default() }))
    }

    /// The door for links.
    pub fn server(&self) -> ProcessesServer<Itself> {
        ProcessesServer::new(self.clone())
    }

    /// Asks the account service what is set, again and again, and ends what is over, until it is dropped.
    pub async fn follow(self, account: Link) {
        let mut client = OverridingClient::new(account);
        loop {
            let asked = Instant::now();
            let pause = match client.get(GetOverridesRequest {}).await {
                Ok(overrides) => {
                    self.heed(overrides.into_inner());
                    ASK_EVERY
                }
                Err(status) => {
                    tracing::debug!(%status, "what is set over the settings is not known");
                    ASK_AGAIN
                }
            };
            while asked.elapsed() < pause {
                self.log();
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Takes overrides over, unless it has those already or later ones. Gives the revision in force.
    fn heed(&self, overrides: Overrides) -> u64 {
        let mut in_force = self.0.overrides.lock();
        if overrides.revision > in_force.revision {
            for dial in &self.0.parts.dials {
                let limit = overrides.limits.get(dial.name());
                dial.turn(limit.map(|limit| u32::try_from(*limit).unwrap_or(u32::MAX)));
            }
            tracing::info!(revision = overrides.revision, limits = ?overrides.limits, "what is set over the settings");
            *in_force = overrides;
        }
        let revision = in_force.revision;
        drop(in_force);
        self.log();
        revision
    }

    /// Logs as is set, unless that is over.
    fn log(&self) {
        let in_force = self.0.overrides.lock();
        let now = self.0.parts.clock.now_ms();
        let is_on = |log: &&LogFilter| log.until == 0 || log.until > now;
        self.0.parts.logs.set(in_force.log.as_ref().filter(is_on).map(|log| log.filter.as_str()));
    }

    fn edge(&self) -> Result<&Drains, Failure> {
        self.0.parts.edge.as_ref().ok_or_else(|| Failure::new(Code::NotFound, "no edge runs in this process"))
    }
}

#[async_trait]
impl Processes for Itself {
    async fn look(&self, _: Request<LookRequest>) -> Reply<LookReply> {
        let Parts { name, boot, roles, logs, dials, edge, .. } = &self.0.parts;
        let limit =
            |dial: &Dial| Limit { name: dial.name().to_owned(), setting: dial.setting().into(), in_force: dial.get().into() };
        Ok(Response::new(LookReply {
            name: name.clone(),
            boot: *boot,
            roles: roles.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            log: logs.in_force(),
            overrides: self.0.overrides.lock().revision,
            limits: dials.iter().map(limit).collect(),
            edge: edge.as_ref().map(stands),
        }))
    }

    async fn heed(&self, request: Request<HeedRequest>) -> Reply<HeedReply> {
        let overrides = request.into_inner().overrides.unwrap_or_default();
        Ok(Response::new(HeedReply { revision: Itself::heed(self, overrides) }))
    }

    async fn offenders(&self, request: Request<OffendersRequest>) -> Reply<OffendersReply> {
        let OffendersRequest { app, minutes, limit } = request.into_inner();
        let minutes = if minutes == 0 { MINUTES } else { minutes as usize };
        let (app, now) = ((app > 0).then_some(app), self.0.parts.clock.now_ms());
        let most = self.0.parts.offenders.most(minutes, limit.min(LIMIT_MAX) as usize, app, now);
        Ok(Response::new(OffendersReply { offenders: most.into_iter().map(offender).collect() }))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Reply<DrainReply> {
        let edge = self.edge()?;
        edge.begin(request.into_inner().per_second);
        Ok(Response::new(DrainReply { edge: Some(stands(edge)) }))
    }

    async fn resume(&self, _: Request<ResumeRequest>) -> Reply<ResumeReply> {
        let edge = self.edge()?;
        edge.end();
        Ok(Response::new(ResumeReply { edge: Some(stands(edge)) }))
    }
}

fn stands(edge: &Drains) -> Edge {
    let state = match edge.state() {
        State::Serving => EdgeState::Serving,
        State::Draining => EdgeState::Draining,
        State::Drained => EdgeState::Drained,
    };
    Edge { id: edge.id().to_owned(), state: state.into(), sessions: edge.sessions() as u64 }
}

fn offender((offence, who, count): (natter_telemetry::Offence, natter_telemetry::Who, Count)) -> Offender {
    use natter_telemetry::Offence as Noted;
    let offence = match offence {
        Noted::Load => Offence::Load,
        Noted::Rate => Offence::Rate,
        Noted::Quota => Offence::Quota,
        Noted::Malformed => Offence::Malformed,
        Noted::SignIn => Offence::SignIn,
        Noted::Connections => Offence::Connections,
    };
    let who = match who {
        natter_telemetry::Who::App(app) => Who::App(app),
        natter_telemetry::Who::User { app, user } => Who::User(User { app, user }),
        natter_telemetry::Who::Network(octets) => Who::Network(octets.to_vec()),
    };
    Offender { offence: offence.into(), who: Some(who), count: count.count, error: count.error }
}

#[cfg(test)]
mod tests {
    use natter_rpc::LinkOptions;
    use natter_telemetry::Offence as Noted;

    use super::*;

    fn itself(clock: Clock) -> (Itself, Dial, Logs) {
        let (dial, logs) = (Dial::new("api.user_rate", 50), Logs::fixed("info"));
        let parts = Parts {
            name: "api-1".into(),
            boot: 7,
            roles: vec!["api".into()],
            logs: logs.clone(),
            dials: vec![dial.clone()],
            edge: None,
            offenders: Offenders::default(),
            clock,
        };
        (Itself::new(parts), dial, logs)
    }

    fn set(revision: u64, filter: &str, until: i64, limits: &[(&str, u64)]) -> Overrides {
        let log = (!filter.is_empty()).then(|| LogFilter { filter: filter.into(), until });
        Overrides { revision, log, limits: limits.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect() }
    }

    #[test]
    fn what_is_set_holds_until_something_later_is_and_what_is_older_changes_nothing() {
        let (itself, dial, logs) = itself(Clock::system());
        assert_eq!(itself.heed(set(2, "debug", 0, &[("api.user_rate", 7), ("edge.other", 9)])), 2);
        assert_eq!((dial.get(), logs.in_force().as_str()), (7, "debug"));
        assert_eq!(itself.heed(set(1, "", 0, &[])), 2, "what was asked before and answered late");
        assert_eq!(itself.heed(set(2, "", 0, &[])), 2);
        assert_eq!((dial.get(), logs.in_force().as_str()), (7, "debug"));
        assert_eq!(itself.heed(set(3, "", 0, &[])), 3);
        assert_eq!((dial.get(), logs.in_force().as_str()), (50, "info"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_filter_ends_when_its_time_is_over_whoever_can_be_asked() {
        let clock = Clock::paused(1_800_000_000_000);
        let (itself, _, logs) = itself(clock.clone());
        let following = tokio::spawn(itself.clone().follow(Link::absent()));
        sleep(Duration::from_secs(1)).await;
        itself.heed(set(1, "debug", clock.now_ms() + 90_000, &[]));
        sleep(Duration::from_secs(89)).await;
        assert_eq!(logs.in_force(), "debug");
        sleep(Duration::from_secs(3)).await;
        assert_eq!(logs.in_force(), "info");
        following.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_not_told_asks_and_has_it_within_a_minute() {
        let clock = Clock::paused(1_800_000_000_000);
        let (itself, dial, _) = itself(clock);
        let kept = Kept::default();
        let account = natter_proto::account::v1::overriding_server::OverridingServer::new(kept.clone());
        let following = tokio::spawn(itself.clone().follow(Link::local(account, LinkOptions::default())));
        sleep(Duration::from_secs(2)).await;
        *kept.0.lock() = set(1, "", 0, &[("api.user_rate", 7)]);
        sleep(Duration::from_secs(61)).await;
        assert_eq!(dial.get(), 7);
        following.abort();
    }

    #[tokio::test]
    async fn a_process_says_how_it_stands_and_one_without_an_edge_drains_none() {
        let clock = Clock::system();
        let (itself, ..) = itself(clock.clone());
        itself.heed(set(4, "", 0, &[("api.user_rate", 7)]));
        let said = itself.look(Request::new(LookRequest {})).await.unwrap().into_inner();
        assert_eq!((said.name.as_str(), said.boot, said.overrides, said.edge), ("api-1", 7, 4, None));
        assert_eq!(said.limits, [Limit { name: "api.user_rate".into(), setting: 50, in_force: 7 }]);
        let refused = itself.drain(Request::new(DrainRequest { per_second: 1 })).await.unwrap_err();
        assert_eq!(Failure::from(refused).code, Code::NotFound);

        itself.0.parts.offenders.user(Noted::Rate, 77, 5, clock.now_ms());
        let of = |app| Request::new(OffendersRequest { app, minutes: 0, limit: 9 });
        let offenders = itself.offenders(of(77)).await.unwrap().into_inner().offenders;
        assert_eq!(offenders.len(), 2, "the app and its user");
        assert!(itself.offenders(of(78)).await.unwrap().into_inner().offenders.is_empty());
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Overrides>>);

    #[async_trait]
    impl natter_proto::account::v1::overriding_server::Overriding for Kept {
        async fn get(&self, _: Request<GetOverridesRequest>) -> Reply<Overrides> {
            Ok(Response::new(self.0.lock().clone()))
        }

        async fn change(&self, _: Request<natter_proto::account::v1::ChangeOverridesRequest>) -> Reply<Overrides> {
            Err(Failure::new(Code::Invalid, "nothing is changed here").into())
        }
    }
}
