//! Every namespace Natter reads or writes, in one place. Names only: what they mean is said where they are used.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Stanzas between client and server (RFC 6120, 4.8.2).
pub const CLIENT: &str = "jabber:client";
/// `<stream:stream>`, `<stream:features>`, `<stream:error>` (RFC 6120, 4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// `<open/>` and `<close/>` over WebSocket (RFC 7395, 3.3.2).
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// Conditions of stream errors (RFC 6120, 4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors (RFC 6120, 8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120, 5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120, 6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding (RFC 6120, 7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// The session iq of RFC 3921, 3; a no-op that old builds ask for.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Stream management (XEP-0198).
pub const SM: &str = "urn:xmpp:sm:3";
/// Message carbons (XEP-0280).
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// The wrapper of a forwarded stanza (XEP-0297).
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// Delayed delivery (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// The contact list (RFC 6121, 2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Offers versions of the contact list (RFC 6121, 2.6.1).
pub const ROSTER_VERSION: &str = "urn:xmpp:features:rosterver";
/// Privacy lists (XEP-0016).
pub const PRIVACY: &str = "jabber:iq:privacy";
/// Last activity (XEP-0012).
pub const LAST: &str = "jabber:iq:last";
/// Entity capabilities asked for (XEP-0030).
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Items of an entity (XEP-0030).
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// `received`, `displayed`, `markable` (XEP-0333).
pub const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";
/// `composing`, `paused` (XEP-0085).
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// Edit of a message (XEP-0308).
pub const CORRECT: &str = "urn:xmpp:message-correct:0";
/// Removal of a message (`contract xmpp 3.6`).
pub const DELETE: &str = "urn:xmpp:message-delete:0";
/// Self-destroying message (`contract xmpp 3.7`).
pub const DESTROY: &str = "urn:xmpp:message-destroy-after:0";
/// Delivery receipts (XEP-0184).
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// Hints such as `no-store` (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";
/// Joining a room (XEP-0045).
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// What a room says about its users (XEP-0045).
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// Subscription to somebody's last activity (`contract xmpp 8.2`).
pub const STATUS_STREAMING: &str = "https://connectycube.com/protocol/status_streaming";
/// Client state, active or not (`contract xmpp 8.3`).
pub const MOBILE: &str = "http://tigase.org/protocol/mobile#v2";
/// Client state of standard clients (XEP-0352).
pub const CSI: &str = "urn:xmpp:csi:0";
/// Bound to the prefix `xml` in every document (Namespaces in XML, 3).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Bound to the prefix `xmlns`; never declared (Namespaces in XML, 3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
