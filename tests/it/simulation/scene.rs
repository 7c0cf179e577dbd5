//! The world of the simulation: two users, their private dialog and a group of the two, and what links and store do to them.

use std::time::Duration;

use natter_actor::Chance;
use natter_db::Faults;
use natter_proto::DialogId;
use natter_proto::dialog::v1::{CreateRequest, DialogKind};

use crate::world::{APP, Setting, World};

pub struct Scene {
    pub world: World,
    pub dialog: DialogId,
    /// A group of the two.
    pub group: DialogId,
}

impl Scene {
    /// The faults of the store begin once everything is there.
    pub async fn new(chance: Chance) -> Scene {
        let world = World::new(chance, &["ann", "bob"], Setting { network: Some(network()), ..Default::default() }).await;
        let (dialog, group) = (world.pair(world.users[0], world.users[1]), make_group(&world).await);
        world.set_faults(faults());
        Scene { world, dialog, group }
    }
}

async fn make_group(world: &World) -> DialogId {
    let request = CreateRequest {
        app: APP,
        kind: DialogKind::Group.into(),
        owner: world.users[0],
        members: vec![world.users[1]],
        name: Some("the two".into()),
        ..Default::default()
    };
    // The network loses calls from the first one on.
    loop {
        let mut dialog = world.doors().unwrap().dialog;
        if let Ok(made) = dialog.create(request.clone()).await {
            return DialogId::try_from(made.into_inner().id.as_slice()).unwrap();
        }
    }
}

fn faults() -> Faults {
    Faults {
        delay_min: Duration::from_micros(50),
        delay_max: Duration::from_millis(8),
        not_stored: 0.02,
        unknown: 0.02,
        ..Faults::default()
    }
}

fn network() -> natter_rpc::Faults {
    natter_rpc::Faults { lost_per_mille: 10, delay_max: Duration::from_millis(10) }
}
