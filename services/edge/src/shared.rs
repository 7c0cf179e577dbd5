//! A frame as the sessions of this edge share it. What a room says differs from session to session in its `to` only, and in the
//! domain of its addresses where an app has a name of its own, so it is spelled once per framing and domain, however many sessions
//! hear it.

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
    /// Of the fan-out that brought it, if its trace is kept.
    traceparent: String,
    tcp: Spellings,
    websocket: Spellings,
}

/// Of the two domains of an app's sessions: the installation's name, and its own.
type Spellings = [OnceLock<(Arc<str>, Spelled)>; 2];

impl SharedFrame {
    pub(crate) fn new(frame: Arc<Frame>, except: Vec<u64>) -> SharedFrame {
        let (tcp, websocket) = (Spellings::default(), Spellings::default());
        SharedFrame { frame, except, traceparent: String::new(), tcp, websocket }
    }

    /// The same, in a trace.
    pub(crate) fn traced(self, traceparent: String) -> SharedFrame {
        SharedFrame { traceparent, ..self }
    }

    /// The span of its fan-out; empty: its trace is not kept.
    pub(crate) fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Whether a user's sessions only take note of it.
    pub(crate) fn is_kept_from(&self, user: u64) -> bool {
        self.frame.except.contains(&user) || self.except.contains(&user)
    }

    /// What `read` makes of the stanza of this frame in a framing, with addresses of a domain; `spell` makes it for whoever comes
    /// first. Where an app was given another name while sessions were bound there is a third domain, whose sessions spell for
    /// themselves.
    pub(crate) fn spelled<T>(
        &self,
        framing: Framing,
        host: &Arc<str>,
        spell: impl Fn() -> Spelled,
        read: impl FnOnce(&Spelled) -> T,
    ) -> T {
        let spellings = match framing {
            Framing::Tcp => &self.tcp,
            Framing::WebSocket => &self.websocket,
        };
        for spelling in spellings {
            let (domain, spelled) = spelling.get_or_init(|| (host.clone(), spell()));
            if domain == host {
                return read(spelled);
            }
        }
        read(&spell())
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
    fn two_thousand_sessions_make_one_spelling_of_each_framing_and_domain() {
        let frame = SharedFrame::new(Arc::default(), Vec::new());
        let hosts: [Arc<str>; 2] = ["shared.example".into(), "own.example".into()];
        let spellings = Cell::new(0);
        for n in 0..2_000 {
            let framing = if n % 2 == 0 { Framing::Tcp } else { Framing::WebSocket };
            assert_eq!(spelled(&frame, framing, &hosts[n / 2 % 2], n, &spellings), format!("34-905@{}/<{n}>", hosts[n / 2 % 2]));
        }
        assert_eq!(spellings.get(), 4);
        let third = "earlier.example".into();
        assert_eq!(spelled(&frame, Framing::Tcp, &third, 1, &spellings), "34-905@earlier.example/<1>");
    }

    /// The `from` of what session `n` hears, in a room that speaks to it as `n`.
    fn spelled(frame: &SharedFrame, framing: Framing, host: &Arc<str>, n: usize, spellings: &Cell<usize>) -> String {
        let spell = || {
            spellings.set(spellings.get() + 1);
            Spelled::new(format!("<m to=\"\" from=\"34-905@{host}\"/>"), 7)
        };
        let text = frame.spelled(framing, host, spell, |spelled| spelled.addressed_to(&format!("34-905@h/<{n}>")));
        assert!(text.starts_with(&format!("<m to=\"34-905@h/&lt;{n}&gt;\" from=")), "{text}");
        let from = text.rsplit(" from=\"").next().unwrap_or_default();
        format!("{}/<{n}>", from.trim_end_matches("\"/>"))
    }
}
