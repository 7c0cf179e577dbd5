//! What operators may do where: made, changed, removed, and ended with an app.

use natter_account::{Argon2Options, Options};
use natter_actor::Clock;
use natter_db::Kv;
use natter_proto::account::v1::administration_client::AdministrationClient;
use natter_proto::account::v1::eraser_client::EraserClient;
use natter_proto::account::v1::*;
use natter_proto::erasure::v1::EraseRequest;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};

use crate::{Door, START_MS};

#[tokio::test(start_paused = true)]
async fn the_first_operator_owns_the_installation_and_others_are_made_as_granted() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    let admin = door.check("admin", &secret, "").await.unwrap();
    assert_eq!((admin.role(), admin.limited), (OperatorRole::Owner, false));
    app(&mut door, 7).await;
    let password = door.make("ann", OperatorRole::Moderator, &[7]).await.unwrap();
    door.restart();
    let ann = door.check("ann", &password, "").await.unwrap();
    assert_eq!((ann.role(), ann.limited, ann.apps), (OperatorRole::Moderator, true, vec![7]));
    assert_eq!(door.make("ann", OperatorRole::Viewer, &[]).await.unwrap_err().code, Code::Exists);
    for (name, role, apps, field) in [
        ("token", OperatorRole::Viewer, &[][..], "name"),
        ("a/b", OperatorRole::Viewer, &[], "name"),
        ("bob", OperatorRole::Unspecified, &[], "role"),
        ("bob", OperatorRole::Viewer, &[7, 8], "apps"),
    ] {
        let failure = door.make(name, role, apps).await.unwrap_err();
        assert_eq!((failure.code, failure.field.as_str()), (Code::Invalid, field));
    }
    assert_eq!(names(&mut door).await, ["admin", "ann"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_granted_holds_at_once_and_a_removed_operator_opens_nothing() {
    let mut door = Door::open();
    door.make_first().await.unwrap();
    app(&mut door, 7).await;
    let password = door.make("ann", OperatorRole::Viewer, &[]).await.unwrap();
    door.check("ann", &password, "").await.unwrap();
    let changed = change(&mut door, "ann", OperatorRole::Operator, &[7]).await.unwrap();
    assert_eq!(door.check("ann", &password, "").await.unwrap(), changed);
    assert_eq!((changed.role(), changed.apps), (OperatorRole::Operator, vec![7]));
    assert_eq!(change(&mut door, "bob", OperatorRole::Viewer, &[]).await.unwrap_err().code, Code::NotFound);
    remove(&mut door, "ann").await.unwrap();
    assert_eq!(door.check("ann", &password, "").await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(remove(&mut door, "ann").await.unwrap_err().code, Code::NotFound);
    let again = door.make("ann", OperatorRole::Viewer, &[]).await.unwrap();
    assert_eq!(door.check("ann", &password, "").await.unwrap_err().code, Code::Unauthenticated, "the old password");
    door.check("ann", &again, "").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_owner_of_the_installation_stays_one() {
    let mut door = Door::open();
    door.make_first().await.unwrap();
    app(&mut door, 7).await;
    door.make("of-7", OperatorRole::Owner, &[7]).await.unwrap();
    door.make("operator", OperatorRole::Operator, &[]).await.unwrap();
    for refused in [
        remove(&mut door, "admin").await,
        change(&mut door, "admin", OperatorRole::Operator, &[]).await.map(drop),
        change(&mut door, "admin", OperatorRole::Owner, &[7]).await.map(drop),
    ] {
        let failure = refused.unwrap_err();
        assert_eq!((failure.code, failure.text.as_str()), (Code::Conflict, "is the last owner of the whole installation"));
    }
    change(&mut door, "admin", OperatorRole::Owner, &[]).await.unwrap();
    remove(&mut door, "of-7").await.unwrap();
    door.make("second", OperatorRole::Owner, &[]).await.unwrap();
    // Each removes the other at the same time.
    let (mut one, mut two) = (door.client.clone(), door.client.clone());
    let (first, second) = tokio::join!(
        one.remove_operator(OperatorName { name: "admin".into() }),
        two.remove_operator(OperatorName { name: "second".into() })
    );
    assert_ne!(first.is_ok(), second.is_ok());
    assert_eq!(names(&mut door).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_app_takes_it_out_of_every_grant() {
    let mut door = Door::open();
    door.make_first().await.unwrap();
    for id in [7, 8] {
        app(&mut door, id).await;
    }
    let only = door.make("only", OperatorRole::Owner, &[7]).await.unwrap();
    let both = door.make("both", OperatorRole::Viewer, &[7, 8]).await.unwrap();
    // So that they are known in memory.
    door.check("only", &only, "").await.unwrap();
    door.check("both", &both, "").await.unwrap();
    let mut admin = AdministrationClient::new(Link::local(door.service.administration_server(), LinkOptions::default()));
    admin.suspend_app(SuspendAppRequest { id: 7, suspended: true }).await.unwrap();
    admin.delete_app(GetAppRequest { id: 7 }).await.unwrap();
    let mut eraser = EraserClient::new(Link::local(door.service.eraser_server(), LinkOptions::default()));
    let page = eraser.erase(EraseRequest { app: 7, user: 0, after: Vec::new() }).await.unwrap().into_inner();
    assert_eq!(page.erased.iter().find(|one| one.kind == "grants").unwrap().count, 2);
    let only = door.check("only", &only, "").await.unwrap();
    assert_eq!((only.limited, only.apps), (true, vec![]), "without an app it is not of the whole installation");
    assert_eq!(door.check("both", &both, "").await.unwrap().apps, [8]);
}

#[tokio::test(start_paused = true)]
async fn so_many_operators_and_no_more() {
    let options = Options { operators_max: 2, argon2: Argon2Options::cheap(), ..Options::default() };
    let mut door = Door::with(Kv::memory(), Clock::paused(START_MS), options);
    door.make_first().await.unwrap();
    door.make("ann", OperatorRole::Viewer, &[]).await.unwrap();
    assert_eq!(door.make("bob", OperatorRole::Viewer, &[]).await.unwrap_err().code, Code::TooLarge);
    remove(&mut door, "ann").await.unwrap();
    door.make("bob", OperatorRole::Viewer, &[]).await.unwrap();
}

pub async fn app(door: &mut Door, id: u64) {
    door.accounts.create_app(CreateAppRequest { id, ..CreateAppRequest::default() }).await.unwrap();
}

pub async fn change(door: &mut Door, name: &str, role: OperatorRole, apps: &[u64]) -> Result<Operator, Failure> {
    let (name, limited, apps) = (name.into(), !apps.is_empty(), apps.to_vec());
    Ok(door.client.change_operator(ChangeOperatorRequest { name, role: role.into(), limited, apps }).await?.into_inner())
}

pub async fn remove(door: &mut Door, name: &str) -> Result<(), Failure> {
    door.client.remove_operator(OperatorName { name: name.into() }).await?;
    Ok(())
}

async fn names(door: &mut Door) -> Vec<String> {
    let reply = door.client.list_operators(ListOperatorsRequest {}).await.unwrap().into_inner();
    reply.operators.into_iter().map(|operator| operator.name).collect()
}
