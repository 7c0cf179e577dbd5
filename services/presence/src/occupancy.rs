//! Sessions in rooms: each change in one step with the directory, then the others in the room are told by a frame, on the way
//! that all frames take.

use natter_bus::Payload;
use natter_proto::event::v1::frame::Told;
use natter_proto::event::v1::{Frame, Occupant, OccupantState};
use natter_proto::subject::Subject;
use natter_proto::{DialogId, UserId};

use crate::error::Error;
use crate::rooms::{Entered, Left, RoomKey};
use crate::service::Shared;
use crate::session::{SessionKey, UserKey};

impl Shared {
    /// A session enters a room; gives the other users there.
    pub fn enter(&self, room: RoomKey, user: UserKey, session: SessionKey) -> Result<Vec<u64>, Error> {
        let directory = self.directory.lock();
        if !directory.has(user, &session) {
            return Err(self.not_announced(room.app));
        }
        let mut rooms = self.rooms.lock();
        let max = self.options.rooms_per_session_max;
        let Entered { others, tell } = rooms.enter(room, user, session).map_err(|_| Error::TooManyRooms { max })?;
        self.meters.rooms.set(rooms.len() as i64);
        self.withhold(room.app, |withheld| withheld.came(user));
        // Under the locks: what is told of a room is told in the order it happened.
        self.tell(room, user.user, OccupantState::Entered, tell);
        Ok(others)
    }

    pub fn exit(&self, room: RoomKey, user: UserKey, session: &SessionKey) {
        let mut rooms = self.rooms.lock();
        let left = rooms.exit(room, user.user, session);
        self.meters.rooms.set(rooms.len() as i64);
        self.tell_left(left);
    }

    /// Takes users out of a room; gives those who are still there.
    pub fn evict(&self, room: RoomKey, users: &[u64]) -> Vec<u64> {
        let mut rooms = self.rooms.lock();
        let left = rooms.evict(room, users);
        self.meters.rooms.set(rooms.len() as i64);
        left
    }

    /// A session ended with a goodbye.
    pub fn leave_rooms(&self, user: UserId, session: &SessionKey) {
        let mut rooms = self.rooms.lock();
        let left = rooms.end(user, session);
        self.meters.rooms.set(rooms.len() as i64);
        self.tell_left(left);
    }

    /// A session died.
    pub fn leave_rooms_later(&self, user: UserKey, session: SessionKey) {
        self.rooms.lock().vanish(self.clock.now_ms() + self.options.grace_ms(), user, session);
    }

    /// Sessions that died long enough ago leave their rooms.
    pub fn clear_rooms(&self) {
        let mut rooms = self.rooms.lock();
        let left = rooms.expire(self.clock.now_ms());
        self.meters.rooms.set(rooms.len() as i64);
        self.tell_left(left);
    }

    /// A session is in rooms, as it was before: told to nobody but those who entered meanwhile. To be called under the lock of the
    /// directory.
    pub fn enter_again(&self, dialogs: &[DialogId], user: UserKey, session: &SessionKey) {
        let mut rooms = self.rooms.lock();
        for dialog in dialogs {
            let room = RoomKey { app: user.app, dialog: *dialog };
            let Entered { tell, .. } = rooms.put_back(room, user, session.clone());
            let newcomers = self.unaware(user.app, tell);
            self.tell(room, user.user, OccupantState::Entered, newcomers);
        }
        self.meters.rooms.set(rooms.len() as i64);
    }

    /// Tells that users left, unless they are there.
    pub fn tell_withheld(&self, left: Vec<(RoomKey, UserId)>) {
        let rooms = self.rooms.lock();
        for Left { room, user, tell } in left.into_iter().filter_map(|(room, user)| rooms.left(room, user)) {
            self.tell(room, user, OccupantState::Left, tell);
        }
    }

    fn tell_left(&self, left: impl IntoIterator<Item = Left>) {
        for Left { room, user, tell } in left {
            // With another session he may be there.
            if !self.withhold(room.app, |withheld| withheld.left(room, user)) {
                self.tell(room, user, OccupantState::Left, tell);
            }
        }
    }

    fn tell(&self, room: RoomKey, user: UserId, state: OccupantState, to: Vec<u64>) {
        if to.is_empty() {
            return;
        }
        let occupant = Occupant { user: user.0, state: state.into(), actor: 0 };
        let frame = Frame {
            app: room.app.0,
            dialog: room.dialog.to_vec(),
            to,
            traceparent: natter_telemetry::traceparent(),
            group: true,
            told: Some(Told::Occupant(occupant)),
            ..Frame::default()
        };
        self.bus.publish(&Subject::Told.to_string(), Payload::of(frame));
    }
}
