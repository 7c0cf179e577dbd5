//! The connections to the providers: one door for Google, one for all services of Web Push, and one to Apple for each set of
//! credentials, as Apple takes one team, or one certificate, on one connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use natter_outbound::{Line, Outbound};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::credentials::Print;
use super::options::{Options, Wrong};

/// Doors to Apple that are kept; the one that was used longest ago makes room.
const APPLE_MAX: usize = 1_024;

/// The doors.
pub(super) struct Doors {
    pub fcm: Outbound,
    pub web: Outbound,
    apple: Mutex<BTreeMap<Print, Apple>>,
    options: natter_outbound::Options,
}

struct Apple {
    door: Arc<OnceCell<Result<Outbound, String>>>,
    used_at: Instant,
}

impl Doors {
    pub fn new(options: &Options) -> Result<Doors, Wrong> {
        let (ours, theirs) = (options.outbound(true), options.outbound(options.allow_private));
        let door = |options: &natter_outbound::Options| {
            Outbound::line(options, &Line::default()).map_err(|wrong| match wrong {
                natter_outbound::Wrong::CaFile(path, text) => Wrong::ExtraCa(path, text),
                wrong => Wrong::Door(wrong),
            })
        };
        Ok(Doors { fcm: door(&ours)?, web: door(&theirs)?, apple: Mutex::default(), options: ours })
    }

    /// The door to Apple for these credentials; `identity` is their certificate. Made at the first use.
    ///
    /// # Errors
    /// If the certificate and its key cannot be used.
    pub async fn apple(&self, print: Print, identity: Option<&[u8]>) -> Result<Outbound, String> {
        let cell = self.cell(print);
        let made = cell.get_or_init(|| async {
            let (options, identity) = (self.options.clone(), identity.map(<[u8]>::to_vec));
            // Reads the system's authorities from disk.
            let line = Line { http2_only: true, identity };
            let made = tokio::task::spawn_blocking(move || Outbound::line(&options, &line)).await;
            made.map_err(|error| error.to_string())?.map_err(|wrong| wrong.to_string())
        });
        made.await.clone()
    }

    fn cell(&self, print: Print) -> Arc<OnceCell<Result<Outbound, String>>> {
        let mut apple = self.apple.lock();
        if !apple.contains_key(&print) && apple.len() >= APPLE_MAX {
            let idle = apple.iter().min_by_key(|(_, door)| door.used_at).map(|(print, _)| *print);
            idle.map(|idle| apple.remove(&idle));
        }
        let now = Instant::now();
        let door = apple.entry(print).or_insert_with(|| Apple { door: Arc::default(), used_at: now });
        door.used_at = now;
        door.door.clone()
    }
}
