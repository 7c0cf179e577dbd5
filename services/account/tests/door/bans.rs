//! Users whom an operator keeps out.
#![allow(clippy::unwrap_used)]

use natter_proto::Code;
use natter_proto::account::v1::*;

use crate::apps::administration;
use crate::kit::*;

const BANNED: &str = "This user is banned";

#[tokio::test(start_paused = true)]
async fn a_banned_user_gets_in_nowhere_until_the_ban_ends() {
    let mut door = Door::open().await;
    let mut admin = administration(&door);
    let ann = door.sign_up("ann", "secret").await;
    let bob = door.sign_up("bob", "secret").await;
    let session = door.session(Some(by_login("ann", "secret"))).await;
    let unnamed = door.session(None).await;
    let ban = |banned| BanUserRequest { app: 77, id: ann.id, banned };
    for _ in 0..2 {
        assert!(answer(admin.ban_user(ban(true)).await).unwrap().banned);
    }
    let user = UserRequest { app: 77, id: ann.id };
    for restarted in [false, true] {
        if restarted {
            door.restart();
        }
        check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
        check(door.authenticate(ann.id, session.token.as_bytes()).await, Code::Unauthenticated, "Invalid username or password");
        check(answer(door.open_session(Some(by_login("ann", "secret"))).await), Code::Forbidden, BANNED);
        let login =
            LoginRequest { token: unnamed.token.clone(), user: Some(by_login("ann", "secret")), ..LoginRequest::default() };
        check(answer(door.client.login(login).await), Code::Forbidden, BANNED);
        check(door.authenticate(ann.id, b"secret").await, Code::Forbidden, BANNED);
        check(answer(door.client.admit(user).await), Code::Forbidden, BANNED);
        // Who does not prove to be him does not learn it.
        check(answer(door.open_session(Some(by_login("ann", "wrong"))).await), Code::Unauthenticated, "Invalid password");
        check(door.authenticate(ann.id, b"wrong").await, Code::Unauthenticated, "Invalid username or password");
        assert_eq!(door.session(Some(by_login("bob", "secret"))).await.user, bob.id);
    }
    let mut admin = administration(&door);
    assert!(!answer(admin.ban_user(ban(false)).await).unwrap().banned);
    check(door.resolve(&session.token).await, Code::Unauthenticated, "Required session does not exist");
    let again = door.session(Some(by_login("ann", "secret"))).await;
    answer(admin.ban_user(ban(false)).await).unwrap();
    assert_eq!(door.resolve(&again.token).await.unwrap().user, ann.id, "what is not banned is not ended");
    assert!(door.authenticate(ann.id, b"secret").await.is_ok());
    answer(door.client.admit(user).await).unwrap();
    for (app, id) in [(77, 999), (9, ann.id)] {
        let nobody = BanUserRequest { app, id, banned: true };
        assert_eq!(answer(admin.ban_user(nobody).await).unwrap_err().code, Code::NotFound, "{app} {id}");
    }
}
