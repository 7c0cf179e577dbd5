//! Messages whose clients name them in a form of their own (standard clients), as this session was told them: by that name their
//! readers mark them (XEP-0333, contract xmpp 3.4).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;

use natter_proto::event::v1::Message;
use natter_proto::{DialogId, MessageId};

/// Names remembered of one session.
const NAMES_MAX: usize = 64;
/// Bytes of a name that is remembered.
const NAME_BYTES_MAX: usize = 128;

/// The newest names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: VecDeque<(String, DialogId, MessageId)>,
    /// Nobody was handed the newest yet.
    is_new: bool,
}

impl Names {
    /// Takes note of a message that is told, if it has a name of its own.
    pub(crate) fn note(&mut self, dialog: DialogId, message: &Message) {
        let Ok(id) = MessageId::try_from(message.id.as_slice()) else { return };
        let name = &message.stanza_id;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return;
        }
        self.remember(name.clone(), dialog, id);
        self.is_new = true;
    }

    /// Takes note of a name.
    pub(crate) fn remember(&mut self, name: String, dialog: DialogId, id: MessageId) {
        if self.names.len() == NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back((name, dialog, id));
    }

    /// The name noted last, once.
    pub(crate) fn take_new(&mut self) -> Option<(String, DialogId, MessageId)> {
        std::mem::take(&mut self.is_new).then(|| self.names.back().cloned()).flatten()
    }

    /// The newest message of this name.
    pub(crate) fn find(&self, name: &str) -> Option<(DialogId, MessageId)> {
        let found = self.names.iter().rev().find(|(named, ..)| named == name);
        found.map(|(_, dialog, id)| (*dialog, *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_message_of_a_name_is_found_and_names_are_bounded() {
        let mut names = Names::default();
        let dialog = DialogId([0xa1; 12]);
        let message = |name: &str, n| Message { id: vec![n; 12], stanza_id: name.to_owned(), ..Message::default() };
        names.note(dialog, &message("m1", 1));
        names.note(dialog, &message("m1", 2));
        names.note(dialog, &message("", 3));
        assert_eq!(names.find("m1"), Some((dialog, MessageId([2; 12]))));
        assert_eq!((names.find(""), names.find("m2")), (None, None));
        (0..NAMES_MAX).for_each(|n| names.note(dialog, &message(&format!("other {n}"), 4)));
        assert_eq!(names.find("m1"), None);
    }
}
