//! What is noted of the ways of messages.

use futures::FutureExt;
use natter_actor::Clock;
use natter_bus::Bus;
use natter_proto::subject::Subject;
use natter_proto::trace::v1::{Hops, Kind};
use natter_telemetry::Metrics;
use natter_trace::{Options as TraceOptions, Recorder};

use super::kit::*;

#[tokio::test(start_paused = true)]
async fn a_session_notes_what_it_posts_writes_and_proves() {
    let (mut client, noted) = traced(1);
    client.stanza(BODY);
    client.now += 30;
    client.job(0, Ok(5));
    client.frame(row(6, 78, "hello"));
    let (began, written) = (client.now - 30, client.now);
    client.pongs(1);
    assert_eq!(
        noted.hops().await,
        [
            (Kind::Received, 5, began),
            (Kind::Acked, 5, written),
            (Kind::Written, 6, written),
            // By the clock of the one who notes.
            (Kind::Proved, 6, 7),
        ]
    );
}

#[tokio::test]
async fn what_is_refused_unstored_or_not_chosen_leaves_no_trace() {
    let (mut client, noted) = traced(1);
    client.stanza(BODY);
    client.job(0, Err(Failure::new(Code::Forbidden, "no")));
    client.stanza(&BODY.replace("<save_to_history>1</save_to_history>", ""));
    client.job(1, Ok(0));
    assert_eq!(noted.hops().await, []);
    let (mut client, noted) = traced(0);
    client.stanza(BODY);
    client.job(0, Ok(5));
    assert_eq!(noted.hops().await, []);
}

struct Noted {
    recorder: Recorder,
    told: natter_bus::Subscription,
    _bus: Bus,
}

impl Noted {
    async fn hops(mut self) -> Vec<(Kind, u64, i64)> {
        self.recorder.run(async {}).await;
        let Some(payload) = self.told.next().now_or_never().flatten() else { return Vec::new() };
        let hops = payload.read::<Hops>().unwrap();
        let ours = hops.hops.iter().all(|hop| (hop.app, hop.user, hop.resource.as_str()) == (905, 34, "r1"));
        assert!(ours && hops.hops.iter().all(|hop| hop.dialog == dialog().to_vec() && hop.message.is_empty()), "{hops:?}");
        hops.hops.iter().map(|hop| (hop.kind(), hop.seq, hop.at)).collect()
    }
}

fn traced(one_in: u32) -> (Client, Noted) {
    let bus = Bus::local();
    let told = bus.subscribe(&Subject::Hops.to_string());
    let options = TraceOptions { one_in, ..TraceOptions::default() };
    let recorder = Recorder::new(&options, "e", bus.clone(), Clock::paused(7), &Metrics::new());
    let mut client = Client::traced(recorder.clone());
    client.become_live();
    (client, Noted { recorder, told, _bus: bus })
}
