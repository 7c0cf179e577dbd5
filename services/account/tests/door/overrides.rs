//! What is set over the settings, as every process is told; limits that turn while the service runs; and who shows wrong passwords.

use natter_proto::account::v1::change_overrides_request::Log;
use natter_proto::account::v1::overriding_client::OverridingClient;
use natter_proto::account::v1::{ChangeOverridesRequest, GetOverridesRequest, LogFilter, Overrides};
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::{MINUTES, Offence, Who};

use crate::kit::*;

#[tokio::test]
async fn what_is_set_is_told_to_who_asks_and_outlives_the_process() {
    let mut door = Door::open().await;
    assert_eq!(get(&door).await, Overrides::default());
    let debug = LogFilter { filter: "info,natter_edge=debug".into(), until: door.now() + 60_000 };
    let one =
        change(&door, ChangeOverridesRequest { log: Some(Log::SetLog(debug.clone())), ..Default::default() }).await.unwrap();
    let set_limits = [("api.user_rate".to_owned(), 7)].into();
    let two = change(&door, ChangeOverridesRequest { set_limits, ..Default::default() }).await.unwrap();
    assert_eq!((one.revision, two.revision, two.log.as_ref()), (1, 2, Some(&debug)));
    door.restart();
    assert_eq!(get(&door).await, two);

    let set_limits = [("api.user_rate".to_owned(), 0)].into();
    let refused = change(&door, ChangeOverridesRequest { set_limits, ..Default::default() }).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_str()), (Code::Invalid, "value"));
    assert_eq!(get(&door).await, two, "a refused change changes nothing");
}

#[tokio::test]
async fn changes_that_are_made_at_once_are_all_made() {
    let door = Door::open().await;
    let changes = (1..=5).map(|n| {
        let name =
            ["api.user_rate", "api.app_rate", "dialog.app_rate", "account.guesses_user_max", "edge.connections_per_address_max"];
        let set_limits = [(name[n - 1].to_owned(), n as u64)].into();
        change(&door, ChangeOverridesRequest { set_limits, ..Default::default() })
    });
    for outcome in futures::future::join_all(changes).await {
        outcome.unwrap();
    }
    let Overrides { revision, limits, .. } = get(&door).await;
    assert_eq!((revision, limits.values().sum::<u64>()), (5, 15));
}

#[tokio::test]
async fn a_limit_that_is_turned_holds_at_once_and_who_guesses_is_known() {
    let mut door = Door::open().await;
    let ann = door.sign_up("ann", "right one").await;
    let names: Vec<&str> = door.service.dials().iter().map(natter_actor::Dial::name).collect();
    assert_eq!(names, ["account.guesses_user_max", "account.guesses_address_max", "account.newcomers_address_max"]);
    door.service.dials()[0].turn(Some(1));
    let mut codes = Vec::new();
    for (user, secret) in [(ann.id, "wrong"), (ann.id, "right one"), (ann.id + 1, "wrong")] {
        codes.push(door.authenticate(user, secret.as_bytes()).await.map(drop).map_err(|failure| failure.code));
    }
    assert_eq!(codes, [Err(Code::Unauthenticated), Err(Code::TooMany), Err(Code::Unauthenticated)]);
    door.service.dials()[0].turn(None);
    door.authenticate(ann.id, b"right one").await.unwrap();

    let mut most = door.metrics.offenders().most(MINUTES, 9, None, door.now());
    most.sort_by_key(|(_, who, _)| *who);
    let counted: Vec<(Offence, Who, u64)> = most.into_iter().map(|(offence, who, count)| (offence, who, count.count)).collect();
    let address = Who::of("192.0.2.1".parse().unwrap());
    let user = Who::User { app: 77, user: ann.id };
    assert_eq!(
        counted,
        [(Offence::SignIn, Who::App(77), 1), (Offence::SignIn, user, 1), (Offence::SignIn, address, 3)],
        "a user that is nobody is not listed"
    );
}

fn client(door: &Door) -> OverridingClient<Link> {
    OverridingClient::new(Link::local(door.service.overriding_server(), LinkOptions::default()))
}

async fn get(door: &Door) -> Overrides {
    client(door).get(GetOverridesRequest {}).await.unwrap().into_inner()
}

async fn change(door: &Door, request: ChangeOverridesRequest) -> Result<Overrides, Failure> {
    Ok(client(door).change(request).await?.into_inner())
}
