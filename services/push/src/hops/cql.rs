//! The port on ScyllaDB. Hops and the way to them end by themselves a day after they were kept, so nothing is swept; and as no row says
//! which hops are a user's, those of who is erased end with the others, within that day. They hold numbers and names of processes, no
//! word of anybody.

use natter_db::Error;
use natter_db::cql::{Cql, Migration, Statement};
use natter_proto::trace::v1::{Hop, Kind};
use natter_rpc::async_trait;
use prost::Message;

use super::{About, Hops};
use crate::writes::{Writes, number_of};

/// `row`: `trace.v1.Hop`; `number` tells those of one moment apart.
pub const TABLES: Migration = Migration {
    name: "push/004-hops",
    statements: &[
        "CREATE TABLE IF NOT EXISTS trace_hops (app bigint, dialog blob, seq bigint, at bigint, number bigint, row blob, \
         PRIMARY KEY ((app, dialog, seq), at, number))",
        "CREATE TABLE IF NOT EXISTS trace_places (app bigint, message blob, dialog blob, seq bigint, PRIMARY KEY ((app, message)))",
        "CREATE TABLE IF NOT EXISTS trace_switches (part int, app bigint, until bigint, PRIMARY KEY (part, app))",
    ],
};

// A day each.
const KEEP: Statement =
    Statement::write("INSERT INTO trace_hops (app, dialog, seq, at, number, row) VALUES (?, ?, ?, ?, ?, ?) USING TTL 86400");
const KEEP_PLACE: Statement =
    Statement::write("INSERT INTO trace_places (app, message, dialog, seq) VALUES (?, ?, ?, ?) USING TTL 86400");
const OF_PLACE: Statement = Statement::read("SELECT row FROM trace_hops WHERE app = ? AND dialog = ? AND seq = ? LIMIT ?");
const PLACE: Statement = Statement::read("SELECT dialog, seq FROM trace_places WHERE app = ? AND message = ?");
// All of them are in one partition: they are few.
const SWITCHES: Statement = Statement::read("SELECT app, until FROM trace_switches WHERE part = 0");
const SWITCH: Statement = Statement::write("INSERT INTO trace_switches (part, app, until) VALUES (0, ?, ?)");
const SWITCH_OFF: Statement = Statement::write("DELETE FROM trace_switches WHERE part = 0 AND app = ?");

/// The engine.
pub struct OnCql {
    cql: Cql,
}

impl OnCql {
    pub fn new(cql: Cql) -> OnCql {
        OnCql { cql }
    }
}

#[async_trait]
impl Hops for OnCql {
    async fn keep(&self, hops: &[Hop]) -> Result<(), Error> {
        let mut writes = Writes::default();
        for hop in hops {
            let (app, seq, row) = (hop.app as i64, hop.seq as i64, hop.encode_to_vec());
            if hop.kind() == Kind::Ordered {
                let part = [b"places", &app.to_be_bytes()[..], &hop.message].concat();
                let values = (app, hop.message.clone(), hop.dialog.clone(), seq);
                writes.push(part, hop.message.len(), (KEEP_PLACE, Box::new(values)));
            }
            let part = [b"hops", &app.to_be_bytes()[..], &hop.dialog, &seq.to_be_bytes()].concat();
            let values = (app, hop.dialog.clone(), seq, hop.at, number_of(&row), row);
            writes.push(part, values.5.len(), (KEEP, Box::new(values)));
        }
        writes.done(&self.cql).await
    }

    async fn of(&self, app: u64, about: About, limit: usize) -> Result<Vec<Hop>, Error> {
        let (dialog, seq) = match about {
            About::Place(dialog, seq) => (dialog.to_vec(), seq as i64),
            About::Message(message) => {
                let found = self.cql.row::<(Vec<u8>, i64)>(PLACE, (app as i64, message.to_vec())).await?;
                let Some(place) = found else { return Ok(Vec::new()) };
                place
            }
        };
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows = self.cql.rows::<(Vec<u8>,)>(OF_PLACE, (app as i64, dialog, seq, most)).await?;
        let read = |row: &[u8]| Hop::decode(row).map_err(|_| Error::Corrupt("cannot read a row of trace_hops".into()));
        rows.iter().map(|(row,)| read(row)).collect()
    }

    async fn switch(&self, app: u64, until: i64) -> Result<(), Error> {
        match until {
            0 => self.cql.write(SWITCH_OFF, (app as i64,)).await,
            until => self.cql.write(SWITCH, (app as i64, until)).await,
        }
    }

    async fn switches(&self) -> Result<Vec<(u64, i64)>, Error> {
        let rows = self.cql.rows::<(i64, i64)>(SWITCHES, ()).await?;
        Ok(rows.into_iter().map(|(app, until)| (app as u64, until)).collect())
    }

    async fn sweep(&self, _: Option<Vec<u8>>, _: i64) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }

    async fn erase(&self, app: u64, user: Option<u64>, _: Option<Vec<u8>>) -> Result<(usize, Option<Vec<u8>>), Error> {
        if user.is_none() {
            self.switch(app, 0).await?;
        }
        Ok((0, None))
    }
}
