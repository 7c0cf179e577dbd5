//! Members come and go: removed by the owner, by their own wish, and added again by the owner.

use std::rc::Rc;
use std::time::Duration;

use natter_proto::dialog::v1::{ChangeDialogRequest, DeleteRequest};
use natter_proto::{Code, Failure};
use natter_tests::membership::Move;

use super::scene::{GROUPS, Phase, QUIET, Scene};
use crate::world::APP;

/// Who comes and goes, by group; the others stay for the whole time.
const COMES_AND_GOES: [&[usize]; QUIET] = [&[2, 3, 4], &[0, 4]];

/// Until nobody begins anything any more.
pub async fn add_and_remove(scene: Rc<Scene>) {
    let mut outside = [Vec::new(), Vec::new()];
    while scene.phase() <= Phase::Writing {
        let chance = &scene.world.chance;
        tokio::time::sleep(Duration::from_millis(50 + chance.below(500))).await;
        let group = chance.below(QUIET as u64) as usize;
        let users = COMES_AND_GOES[group];
        let user = users[chance.below(users.len() as u64) as usize];
        match outside[group].iter().position(|out| *out == user) {
            Some(place) => {
                outside[group].swap_remove(place);
                carry_out(&scene, group, user, true, false).await;
            }
            None => {
                outside[group].push(user);
                carry_out(&scene, group, user, false, chance.below(3) == 0).await;
            }
        }
    }
}

/// Asks until it is answered.
async fn carry_out(scene: &Scene, group: usize, user: usize, joins: bool, himself: bool) {
    let (dialog, user, began) = (scene.groups[group], scene.user(user), scene.tick());
    let number = {
        let mut ledger = scene.ledger.borrow_mut();
        ledger.moves.push(Move { group: dialog, user, joins, began, ended: None });
        ledger.moves.len() - 1
    };
    let owner = scene.user(GROUPS[group].0);
    let change = ChangeDialogRequest { app: APP, dialog: dialog.to_vec(), user: owner, ..Default::default() };
    let change = match joins {
        true => ChangeDialogRequest { add_members: vec![user], ..change },
        false => ChangeDialogRequest { remove_members: vec![user], ..change },
    };
    let leave = DeleteRequest { app: APP, user, dialog: dialog.to_vec(), force: false };
    loop {
        if let Some(mut doors) = scene.world.doors() {
            let answer = match himself {
                true => doors.dialog.delete(leave.clone()).await.map(|_| ()),
                false => doors.dialog.change(change.clone()).await.map(|_| ()),
            };
            match answer.map_err(Failure::from) {
                Ok(()) => break,
                // He has left: an earlier attempt was carried out.
                Err(failure) if himself && failure.code == Code::Forbidden => break,
                Err(failure) if [Code::Busy, Code::Unknown, Code::Internal, Code::NotStored].contains(&failure.code) => {}
                Err(failure) => panic!("{failure:?}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.ledger.borrow_mut().moves[number].ended = Some(scene.tick());
}
