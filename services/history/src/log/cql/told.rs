//! What the durable log is told of what became durable. If it does not take that at once, a row stands in for it, and whichever process
//! looks there next tells it: at least once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use natter_bus::Log;
use natter_db::cql::{Cql, Statement};
use tokio::time::{sleep, timeout};

use super::tables::{BUCKETS, bucket_of};
use crate::error::Error;

const PUT: Statement = Statement::write("INSERT INTO untold (bucket, app, id, value) VALUES (?, ?, ?, ?)");
const SOME: Statement = Statement::read("SELECT app, id, value FROM untold WHERE bucket = ? LIMIT 100");
const FORGET: Statement = Statement::write("DELETE FROM untold WHERE bucket = ? AND app = ? AND id = ?");

/// How long whoever posted waits for the durable log.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked for what is untold.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The durable log, and what it was not told.
pub struct Told {
    cql: Cql,
    posted: Log,
}

impl Told {
    /// What is untold is looked for as long as somebody holds this.
    pub fn new(cql: Cql, posted: Log) -> Arc<Told> {
        let told = Arc::new(Told { cql, posted });
        tokio::spawn(sweep_often(Arc::downgrade(&told)));
        told
    }

    /// Whether this of an app is told at all, of what is told for webhooks alone.
    pub fn wants(&self, app: u64, event: u32) -> bool {
        self.posted.wants(app, event)
    }

    /// Tells the durable log; if it does not take that, the row that stands in for it is durable when this is answered.
    pub async fn tell(&self, app: u64, id: &str, value: Vec<u8>) -> Result<(), Error> {
        let Err(error) = self.try_tell(app, id, value.clone()).await else { return Ok(()) };
        tracing::warn!(app, %error, "the durable log is not told of rows; it will be");
        let bucket = bucket_of(id.as_bytes());
        Ok(self.cql.write(PUT, (bucket, app as i64, id.to_owned(), value)).await?)
    }

    /// Tells what is untold. Answers how much that was.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let mut count = 0;
        for bucket in 0..BUCKETS {
            for (app, id, value) in self.cql.rows::<(i64, String, Vec<u8>)>(SOME, (bucket,)).await? {
                self.try_tell(app as u64, &id, value).await?;
                self.cql.write(FORGET, (bucket, app, id)).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn try_tell(&self, app: u64, id: &str, value: Vec<u8>) -> Result<(), Error> {
        let told = timeout(PATIENCE, async {
            self.posted.ready().await?;
            self.posted.tell(app, id, value).await
        });
        Ok(told.await.map_err(|_| natter_db::Error::Unknown("the durable log is slow".into()))??)
    }
}

async fn sweep_often(told: Weak<Told>) {
    loop {
        sleep(SWEEP_EVERY).await;
        let Some(told) = told.upgrade() else { return };
        if let Err(error) = told.sweep().await {
            tracing::warn!(%error, "cannot tell the durable log what is untold; it is tried again");
        }
    }
}
