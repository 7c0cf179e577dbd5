//! Stream management (XEP-0198): what the client enables and asks, and how its stanzas are counted (contract xmpp 5).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use natter_xmpp::{Element, Framing, StreamFault};

use super::{Ending, Moment, Session};
use crate::acks::Counting;
use crate::proof::Means;

impl Session {
    /// An element of stream management.
    pub(super) fn stream_management(&mut self, at: Moment, element: &Element) {
        match element.name.as_str() {
            "enable" if !self.acks.enabled() => {
                self.acks.enable();
                let resume = matches!(element.attr("resume"), Some("true" | "1"));
                if resume || self.me.framing == Framing::Tcp {
                    self.proof.switch(Means::Request);
                    self.tidings.moved();
                }
                self.wants_resumption = resume;
                if resume {
                    self.offer_resumption();
                } else {
                    self.write_plain("<enabled xmlns=\"urn:xmpp:sm:3\"/>");
                }
            }
            "r" => {
                let counting = self.counting();
                self.acks.asked(at.now, counting);
            }
            "a" => {
                if let Some(handled) = element.attr("h").and_then(|h| h.parse().ok()) {
                    self.acknowledged(handled);
                }
                let proved = self.proof.answered();
                self.proved(&proved);
            }
            "enable" | "resume" => self.write_plain(
                "<failed xmlns=\"urn:xmpp:sm:3\"><unexpected-request xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></failed>",
            ),
            _ => self.end(at.now, Some(StreamFault::UnsupportedStanzaType), Ending::Vanished),
        }
    }

    /// The rows of the table in contract xmpp 5.
    pub(super) fn counting(&self) -> Counting {
        if !self.wants_resumption && !self.me.has_authzid && self.is_sdk { Counting::Content } else { Counting::Standard }
    }

    /// SDK 1.x judges an `<a/>` by its exact count and gives up after 2 s (contract xmpp 5, second row).
    pub(super) fn is_impatient(&self) -> bool {
        self.me.has_authzid && !self.wants_resumption
    }
}
