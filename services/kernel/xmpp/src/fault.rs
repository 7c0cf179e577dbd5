//! What ends a stream, with its name on the wire. Not here: errors of single stanzas (`stanza_error.rs`).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::{Element, ns};

/// A reason to end the stream (RFC 6120, 4.9.3). The first eight come out of [`StreamReader`](crate::StreamReader);
/// the others are the edge's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// Well-formed, but nothing that belongs in a stream: text between stanzas, something around a frame.
    #[error("this does not belong in a stream")]
    BadFormat,
    /// An element in the namespace of the prefix `xml`, which no element may use.
    #[error("this prefix cannot be used here")]
    BadNamespacePrefix,
    /// The stream or a stanza is in a namespace that is not ours, or in none.
    #[error("this namespace is not supported here")]
    InvalidNamespace,
    /// Bytes that are not UTF-8.
    #[error("text must be valid UTF-8")]
    InvalidUtf8,
    /// Not XML 1.0 with namespaces.
    #[error("the XML is not well-formed")]
    NotWellFormed,
    /// A DTD, a processing instruction, a comment, an entity that is not predefined (RFC 6120, 11.1).
    #[error("DTD, processing instructions, comments and entities are not allowed")]
    RestrictedXml,
    /// Over one of the [`Limits`](crate::Limits).
    #[error("the stanza is too large")]
    TooLarge,
    /// The XML declaration names another encoding than UTF-8.
    #[error("only UTF-8 is supported")]
    UnsupportedEncoding,
    /// Another session took this resource.
    #[error("replaced by another connection")]
    Conflict,
    /// The other side was silent for too long.
    #[error("the connection was idle for too long")]
    ConnectionTimeout,
    /// A stream behind a sign-in that is to another host than the sign-in was.
    #[error("the sign-in was to another host")]
    HostUnknown,
    /// A fault of ours.
    #[error("internal error")]
    InternalError,
    /// Stanzas before sign-in, or a sign-in that no longer holds.
    #[error("not authorized")]
    NotAuthorized,
    /// A rule of the operator: rate, number of connections.
    #[error("this is against the policy of this server")]
    PolicyViolation,
    /// The sign-in was taken back; with a credential that still holds the client may make another (RFC 6120, 4.9.3.16).
    #[error("this session was ended, sign in again")]
    Reset,
    /// Asked for too much at once: the server cannot serve it.
    #[error("the server has no room for this")]
    ResourceConstraint,
    /// The process is going down.
    #[error("the server is shutting down")]
    SystemShutdown,
    /// None of the others fits.
    #[error("the stream cannot go on")]
    Undefined,
    /// A first-level element that is no stanza and nothing we negotiate.
    #[error("this stanza is not supported")]
    UnsupportedStanzaType,
    /// The header's `version` is not 1.x.
    #[error("only version 1.0 is supported")]
    UnsupportedVersion,
}

impl StreamFault {
    /// The element name of the condition (RFC 6120, 4.9.3).
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            StreamFault::BadFormat => "bad-format",
            StreamFault::BadNamespacePrefix => "bad-namespace-prefix",
            StreamFault::InvalidNamespace => "invalid-namespace",
            // RFC 6120, 4.9.3.22 names "violating the rules of the UTF-8 encoding" as a case of this one.
            StreamFault::InvalidUtf8 | StreamFault::UnsupportedEncoding => "unsupported-encoding",
            StreamFault::NotWellFormed => "not-well-formed",
            StreamFault::RestrictedXml => "restricted-xml",
            StreamFault::TooLarge | StreamFault::PolicyViolation => "policy-violation",
            StreamFault::Conflict => "conflict",
            StreamFault::ConnectionTimeout => "connection-timeout",
            StreamFault::HostUnknown => "host-unknown",
            StreamFault::InternalError => "internal-server-error",
            StreamFault::NotAuthorized => "not-authorized",
            StreamFault::Reset => "reset",
            StreamFault::ResourceConstraint => "resource-constraint",
            StreamFault::SystemShutdown => "system-shutdown",
            StreamFault::Undefined => "undefined-condition",
            StreamFault::UnsupportedStanzaType => "unsupported-stanza-type",
            StreamFault::UnsupportedVersion => "unsupported-version",
        }
    }

    /// A sentence for a person, without anything the client sent.
    #[must_use]
    pub fn text(self) -> String {
        self.to_string()
    }

    /// `<stream:error/>`: the condition first, the text second (`contract xmpp 0.2.6, 9`).
    ///
    /// `</stream:stream>` or `<close/>` must follow.
    #[must_use]
    pub fn to_element(self) -> Element {
        Element::new("stream:error", ns::STREAM)
            .with_child(Element::new(self.condition(), ns::STREAM_ERRORS))
            .with_child(Element::new("text", ns::STREAM_ERRORS).with_attr("xml:lang", "en").with_text(self.text()))
    }
}
