//! From the first byte to a bound session, pure: stream headers, features, STARTTLS, SASL PLAIN, bind (contract xmpp 1.2 to
//! 1.6). It says what to send and what to ask; `connection.rs` does it and keeps the one deadline for all of it.
//!
//! Invariant: nothing is accepted that was not offered (attack A12), and nobody is bound as another (A11).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use natter_proto::{AppId, UserId};
use natter_xmpp::{Condition, Element, Framing, Kind, Plain, Stanza, StanzaError, StreamFault, bound, ns};
use natter_xmpp::{features, mechanisms, open, sasl_failure, stream_header};

/// What is known of a connection before its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    pub framing: Framing,
    /// It runs over TLS.
    pub secure: bool,
    /// STARTTLS can be had.
    pub offers_tls: bool,
    /// Passwords are taken without TLS too.
    pub allows_plain_text: bool,
}

/// What a client gave to sign in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub app: AppId,
    pub user: UserId,
    /// The password as it came: which character set it is in is found out where it is checked.
    pub secret: Vec<u8>,
    pub has_authzid: bool,
    /// The name that the client opened its stream to.
    pub host: String,
}

/// What to do next.
#[derive(PartialEq)]
pub(crate) enum Step {
    /// Send these frames and read on.
    Send(Vec<String>),
    /// Send this, then begin again over TLS. What was read already is thrown away (attack A15).
    Secure(String),
    /// Ask who this is, then go on with [`Negotiation::accept`] or [`Negotiation::refuse`].
    Authenticate(Credentials),
    /// Make a session, then go on with [`Negotiation::bound`] or [`Negotiation::unbound`].
    Bind { resource: Option<String> },
    /// Take over the session of this stream, or go on with [`Negotiation::unresumed`].
    Resume { id: String, handled: u32 },
    /// Send these frames and close the stream.
    End(Vec<String>),
}

/// Why a sign-in is refused (RFC 6120, 6.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    NotAuthorized,
    /// Too many attempts, or nobody can tell at the moment.
    Temporary,
}

/// Attempts on one connection. The builds make one; guesses are limited by user and address elsewhere.
const ATTEMPTS_MAX: u8 = 3;
/// Longest resource a client may choose, bytes. Longer ones are replaced.
const RESOURCE_BYTES_MAX: usize = 128;

#[derive(Clone, PartialEq, Debug)]
enum Stage {
    /// Waits for a stream header; `signed_in`: it is the second one.
    Greeting {
        signed_in: bool,
    },
    SigningIn,
    Checking,
    Binding,
    /// A session is being made for this request.
    Bound(Element),
}

/// The state of one negotiation.
pub(crate) struct Negotiation {
    terms: Terms,
    host: String,
    stage: Stage,
    /// A header was sent on this stream, so an error can be.
    greeted: bool,
    attempts: u8,
}

impl Negotiation {
    /// `host` is who we are when the client does not say whom it wants.
    pub(crate) fn new(terms: Terms, host: &str) -> Negotiation {
        let stage = Stage::Greeting { signed_in: false };
        Negotiation { terms, host: host.to_owned(), stage, greeted: false, attempts: 0 }
    }

    /// A stream header. `id` must be random.
    pub(crate) fn opened(&mut self, to: Option<String>, version: Option<&str>, id: &str) -> Step {
        let Stage::Greeting { signed_in } = self.stage else { return self.fault(StreamFault::InvalidNamespace) };
        // Any host is ours (contract xmpp 1.4a); it gets its own name back. But a name may be an app's own, which was looked at when the
        // client signed in: the stream behind that is to the same one (RFC 6120, 4.9.3.6).
        let to = to.filter(|to| !to.is_empty());
        let is_moved = signed_in && to.as_ref().is_some_and(|to| !to.eq_ignore_ascii_case(&self.host));
        if let Some(to) = to.filter(|_| !signed_in) {
            self.host = to;
        }
        let header = self.header(id);
        if is_moved {
            return self.fault_after(vec![header], StreamFault::HostUnknown);
        }
        if !version.is_some_and(|version| version.starts_with("1.")) {
            return self.fault_after(vec![header], StreamFault::UnsupportedVersion);
        }
        self.greeted = true;
        self.stage = if signed_in { Stage::Binding } else { Stage::SigningIn };
        let offered = if signed_in { bind_features() } else { self.sign_in_features() };
        Step::Send(vec![header, self.xml(&features(offered))])
    }

    /// A first-level element.
    pub(crate) fn element(&mut self, element: Element) -> Step {
        match (&self.stage, element.name.as_str(), element.ns.as_str()) {
            (Stage::SigningIn, "starttls", ns::TLS) if self.terms.offers_tls && !self.terms.secure => {
                self.stage = Stage::Greeting { signed_in: false };
                self.greeted = false;
                self.terms.secure = true;
                Step::Secure(self.xml(&Element::new("proceed", ns::TLS)))
            }
            (Stage::SigningIn, "auth", ns::SASL) => self.auth(&element),
            (Stage::SigningIn, "abort", ns::SASL) => self.send(&sasl_failure("aborted", "Aborted")),
            (Stage::Binding, "iq", ns::CLIENT) => self.bind(element),
            (Stage::Binding, "resume", ns::SM) => self.resume(&element),
            (Stage::Binding, "enable", ns::SM) => self.unresumed("unexpected-request"),
            (Stage::Binding, "message" | "presence", ns::CLIENT) => self.fault(StreamFault::NotAuthorized),
            (_, "iq" | "message" | "presence", ns::CLIENT) => self.fault(StreamFault::NotAuthorized),
            _ => self.fault(StreamFault::UnsupportedStanzaType),
        }
    }

    // === sign-in ===

    fn auth(&mut self, auth: &Element) -> Step {
        if self.attempts == ATTEMPTS_MAX {
            return self.fault(StreamFault::PolicyViolation);
        }
        self.attempts += 1;
        if auth.attr("mechanism") != Some("PLAIN") {
            return self.send(&sasl_failure("invalid-mechanism", "Only PLAIN is offered"));
        }
        if !self.takes_passwords() {
            return self.send(&sasl_failure("encryption-required", "Not without TLS"));
        }
        let text = auth.text();
        let plain = match Plain::parse(&text) {
            Ok(plain) => plain,
            Err(error) => return self.send(&sasl_failure(error.condition(), "Malformed request")),
        };
        if !plain.is_own() {
            return self.send(&sasl_failure("invalid-authzid", "Nobody acts as another"));
        }
        let Some((user, app)) = names(&plain.authcid) else { return self.send(&refusal(Refusal::NotAuthorized)) };
        self.stage = Stage::Checking;
        let (has_authzid, host) = (!plain.authzid.is_empty(), self.host.clone());
        Step::Authenticate(Credentials { app, user, secret: secret(&text), has_authzid, host })
    }

    /// The sign-in is good: the client opens a new stream.
    pub(crate) fn accept(&mut self) -> String {
        self.stage = Stage::Greeting { signed_in: true };
        self.greeted = false;
        self.xml(&Element::new("success", ns::SASL))
    }

    /// It is not. The connection stays open for a while: the builds sign in again as soon as it closes (contract xmpp 1.5).
    pub(crate) fn refuse(&mut self, why: Refusal) -> String {
        self.stage = Stage::SigningIn;
        self.xml(&refusal(why))
    }

    fn takes_passwords(&self) -> bool {
        self.terms.secure || self.terms.allows_plain_text
    }

    // === bind ===

    fn bind(&mut self, request: Element) -> Step {
        let stanza = Stanza { kind: Kind::Iq, element: &request };
        let Some(payload) = request.child("bind", ns::BIND).filter(|_| stanza.stanza_type() == "set") else {
            let answer = StanzaError::new(Condition::NotAllowed, "Bind first.").answer(&stanza, None);
            return self.send(&answer);
        };
        let resource = payload.child_text("resource", ns::BIND).filter(|resource| is_resource(resource));
        self.stage = Stage::Bound(request);
        Step::Bind { resource }
    }

    /// The session is there; `address` is its full one.
    pub(crate) fn bound(&self, address: &str) -> String {
        let Stage::Bound(request) = &self.stage else { unreachable!("a session is made for a bind request only") };
        self.xml(&bound(request, address))
    }

    /// There is no session to be had.
    pub(crate) fn unbound(&mut self, error: &StanzaError) -> String {
        let Stage::Bound(request) = std::mem::replace(&mut self.stage, Stage::Binding) else {
            unreachable!("a session is refused to a bind request only")
        };
        self.xml(&error.answer(&Stanza { kind: Kind::Iq, element: &request }, None))
    }

    fn resume(&mut self, resume: &Element) -> Step {
        match (resume.attr("previd"), resume.attr("h").and_then(|h| h.parse().ok())) {
            (Some(id), Some(handled)) => Step::Resume { id: id.to_owned(), handled },
            _ => self.unresumed("bad-request"),
        }
    }

    /// The stream cannot be resumed; the client binds instead (XEP-0198, 5).
    pub(crate) fn unresumed(&mut self, condition: &str) -> Step {
        let failed = Element::new("failed", ns::SM).with_child(Element::new(condition, ns::STANZA_ERRORS));
        self.send(&failed)
    }

    // === ends ===

    /// Ends the stream with an error. The closing tag is the transport's.
    pub(crate) fn fault(&mut self, fault: StreamFault) -> Step {
        // An error needs a stream to stand in (RFC 6120, 4.9.1.1).
        let before = if self.greeted { Vec::new() } else { vec![self.header("0")] };
        self.fault_after(before, fault)
    }

    fn fault_after(&mut self, mut frames: Vec<String>, fault: StreamFault) -> Step {
        self.greeted = true;
        frames.push(self.xml(&fault.to_element()));
        Step::End(frames)
    }

    fn send(&self, element: &Element) -> Step {
        Step::Send(vec![self.xml(element)])
    }

    fn header(&self, id: &str) -> String {
        match self.terms.framing {
            Framing::Tcp => stream_header(&self.host, id),
            Framing::WebSocket => open(&self.host, id).to_xml(""),
        }
    }

    fn xml(&self, element: &Element) -> String {
        element.to_xml(if self.terms.framing == Framing::Tcp { ns::CLIENT } else { "" })
    }

    fn sign_in_features(&self) -> Vec<Element> {
        let mut offered = Vec::new();
        if self.terms.offers_tls && !self.terms.secure {
            let starttls = Element::new("starttls", ns::TLS);
            let required = (!self.takes_passwords()).then(|| Element::new("required", ns::TLS));
            offered.push(starttls.with_children(required));
        }
        if self.takes_passwords() {
            offered.push(mechanisms(&["PLAIN"]));
        }
        offered
    }
}

fn bind_features() -> Vec<Element> {
    vec![
        Element::new("bind", ns::BIND),
        Element::new("session", ns::SESSION),
        Element::new("sm", ns::SM),
        Element::new("ver", ns::ROSTER_VERSION),
        Element::new("csi", ns::CSI),
    ]
}

fn refusal(why: Refusal) -> Element {
    match why {
        Refusal::NotAuthorized => sasl_failure("not-authorized", "Invalid username or password"),
        Refusal::Temporary => sasl_failure("temporary-auth-failure", "Try again later"),
    }
}

/// `34-905`: the user, then the app.
fn names(authcid: &str) -> Option<(UserId, AppId)> {
    let (user, app) = authcid.split_once('-')?;
    Some((user.parse().ok()?, app.parse().ok()?))
}

/// What stands behind the last NUL of a PLAIN message that was read already.
fn secret(text: &str) -> Vec<u8> {
    let message = STANDARD.decode(text).unwrap_or_default();
    message.rsplit(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn is_resource(resource: &str) -> bool {
    !resource.is_empty() && resource.len() <= RESOURCE_BYTES_MAX && !resource.chars().any(char::is_control)
}

#[cfg(test)]
#[path = "negotiation/tests.rs"]
mod tests;
