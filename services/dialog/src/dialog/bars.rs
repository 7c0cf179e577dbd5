//! Which of the two of a private dialog may say nothing to the other, because a privacy list keeps it off (contract xmpp 7.3).
//! In groups everybody speaks: who hears it is presence's to say.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use natter_proto::UserId;

/// Whose list it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// Of the one it would be for.
    Theirs,
    /// Of the one who says it.
    Own,
}

/// Those who may not speak.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Bars(BTreeMap<UserId, Bar>);

impl Bars {
    /// Refuses who may not speak.
    pub fn check(&self, speaker: UserId) -> Result<(), Bar> {
        self.0.get(&speaker).map_or(Ok(()), |bar| Err(*bar))
    }
}

impl FromIterator<(UserId, Bar)> for Bars {
    fn from_iter<I: IntoIterator<Item = (UserId, Bar)>>(bars: I) -> Bars {
        Bars(bars.into_iter().collect())
    }
}
