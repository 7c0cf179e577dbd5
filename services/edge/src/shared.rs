//! A frame as the sessions of this edge share it. What a room says differs from session to session in its `to` only, so it is
//! spelled once per framing, however many sessions hear it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use natter_proto::event::v1::Frame;
use natter_xmpp::Framing;

use crate::stanza::Spelled;

/// One frame and its spellings.
#[derive(Debug)]
pub(crate) struct SharedFrame {
    frame: Arc<Frame>,
    /// Users besides the frame's own `except` who are told nothing of it.
    except: Vec<u64>,
    tcp: OnceLock<Spelled>,
    websocket: OnceLock<Spelled>,
}

impl SharedFrame {
    pub(crate) fn new(frame: Arc<Frame>, except: Vec<u64>) -> SharedFrame {
        SharedFrame { frame, except, tcp: OnceLock::new(), websocket: OnceLock::new() }
    }

    /// Whether a user's sessions only take note of it.
    pub(crate) fn is_kept_from(&self, user: u64) -> bool {
        self.frame.except.contains(&user) || self.except.contains(&user)
    }

    /// The stanza of this frame in a framing; `spell` makes it for whoever comes first.
    pub(crate) fn spelled(&self, framing: Framing, spell: impl FnOnce() -> Spelled) -> &Spelled {
        let spelled = match framing {
            Framing::Tcp => &self.tcp,
            Framing::WebSocket => &self.websocket,
        };
        spelled.get_or_init(spell)
    }
}

impl Deref for SharedFrame {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn two_thousand_sessions_make_one_spelling_of_each_framing() {
        let frame = SharedFrame::new(Arc::default(), Vec::new());
        let spellings = Cell::new(0);
        for n in 0..2_000 {
            let framing = if n % 2 == 0 { Framing::Tcp } else { Framing::WebSocket };
            let text = frame.spelled(framing, || {
                spellings.set(spellings.get() + 1);
                Spelled::new("<m to=\"\"/>".to_owned(), 7)
            });
            assert_eq!(text.addressed_to(&format!("34-905@h/<{n}>")), format!("<m to=\"34-905@h/&lt;{n}&gt;\"/>"));
        }
        assert_eq!(spellings.get(), 2);
    }
}
