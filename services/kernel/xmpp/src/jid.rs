//! Addresses: `local@domain/resource`, prepared so that equal addresses are equal strings. Who stands behind one, and
//! which domains are ours, is not known here.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Most bytes of each part, before and after it is prepared (RFC 7622, 3.1).
const PART_BYTES_MAX: usize = 1_023;

/// An address (RFC 7622).
///
/// Accepted more loosely than the RFC says, because builds derive host names in several ways (`contract xmpp 0.3`):
/// the domain may be an IP literal and carry a port, and a bare dialog or user id without `@` is a domain
/// ([`routed_by`](Jid::routed_by)). Parts outside ASCII are prepared with stringprep (RFC 6122), so characters
/// younger than Unicode 3.2 are refused in them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jid {
    local: Option<String>,
    domain: String,
    resource: Option<String>,
}

/// Why a text is not an address. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// A part that is there but empty, or no domain.
    #[error("a part of the address is empty")]
    Empty,
    /// A part of more than 1,023 bytes.
    #[error("a part of the address is longer than 1,023 bytes")]
    TooLong,
    /// A character that this part cannot hold.
    #[error("the address holds a forbidden character")]
    Forbidden,
}

impl Jid {
    /// Reads `[local@]domain[/resource]` (RFC 7622, 3.2).
    pub fn parse(text: &str) -> Result<Jid, JidError> {
        let (rest, resource) = match text.split_once('/') {
            Some((rest, resource)) => (rest, Some(resource)),
            None => (text, None),
        };
        match rest.split_once('@') {
            Some((local, domain)) => Jid::new(Some(local), domain, resource),
            None => Jid::new(None, rest, resource),
        }
    }

    /// Puts an address together from its parts, each of them prepared.
    pub fn new(local: Option<&str>, domain: &str, resource: Option<&str>) -> Result<Jid, JidError> {
        Ok(Jid {
            local: local.map(prepare_local).transpose()?,
            domain: prepare_domain(domain)?,
            resource: resource.map(prepare_resource).transpose()?,
        })
    }

    /// The part before `@`.
    #[must_use]
    pub fn local(&self) -> Option<&str> {
        self.local.as_deref()
    }

    /// The part between `@` and `/`, port included.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The part after `/`.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// What a stanza to this address is routed by: the local part, or the whole bare address where old builds wrote an
    /// id without `@` (`contract xmpp 0.3`).
    #[must_use]
    pub fn routed_by(&self) -> &str {
        self.local().unwrap_or(&self.domain)
    }

    /// The address without its resource.
    #[must_use]
    pub fn bare(&self) -> Jid {
        Jid { local: self.local.clone(), domain: self.domain.clone(), resource: None }
    }

    /// The address with this resource.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        Ok(Jid { resource: Some(prepare_resource(resource)?), ..self.bare() })
    }
}

impl FromStr for Jid {
    type Err = JidError;

    fn from_str(text: &str) -> Result<Jid, JidError> {
        Jid::parse(text)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(local) = &self.local {
            write!(f, "{local}@")?;
        }
        f.write_str(&self.domain)?;
        match &self.resource {
            Some(resource) => write!(f, "/{resource}"),
            None => Ok(()),
        }
    }
}

// === preparation ===

fn prepare_local(part: &str) -> Result<String, JidError> {
    within_bounds(part)?;
    let prepared = if part.is_ascii() {
        Cow::Owned(part.to_ascii_lowercase())
    } else {
        stringprep::nodeprep(part).map_err(|_| JidError::Forbidden)?
    };
    let forbidden = |c: char| c <= ' ' || c == '\x7f' || "\"&'/:<>@".contains(c);
    finished(prepared, forbidden)
}

fn prepare_domain(part: &str) -> Result<String, JidError> {
    let part = part.strip_suffix('.').unwrap_or(part);
    within_bounds(part)?;
    let prepared = if part.is_ascii() {
        Cow::Owned(part.to_ascii_lowercase())
    } else {
        stringprep::nameprep(part).map_err(|_| JidError::Forbidden)?
    };
    // Brackets and colons: IP literals and ports. The underscore stands in the ids of rooms.
    let forbidden = |c: char| c.is_ascii() && !(c.is_ascii_alphanumeric() || "-._[]:".contains(c));
    // The dot at its end does not count (RFC 7622, 3.2), and preparing can make others: between two there is no label.
    if prepared.split('.').any(str::is_empty) {
        return Err(JidError::Empty);
    }
    finished(prepared, forbidden)
}

fn prepare_resource(part: &str) -> Result<String, JidError> {
    within_bounds(part)?;
    let prepared = stringprep::resourceprep(part).map_err(|_| JidError::Forbidden)?;
    finished(prepared, |c| c < ' ' || c == '\x7f')
}

/// Bounds the work of preparing as well as its result: some characters grow when they are folded.
fn within_bounds(part: &str) -> Result<(), JidError> {
    match part.len() {
        0 => Err(JidError::Empty),
        1..=PART_BYTES_MAX => Ok(()),
        _ => Err(JidError::TooLong),
    }
}

fn finished(prepared: Cow<'_, str>, forbidden: impl Fn(char) -> bool) -> Result<String, JidError> {
    within_bounds(&prepared)?;
    if prepared.contains(forbidden) {
        return Err(JidError::Forbidden);
    }
    Ok(prepared.into_owned())
}

#[cfg(test)]
mod tests;
