//! The engine for a cluster: a stream is one hash, its stanzas fields of it by their ordinals, each verb one script. A claimed one is a
//! mark that says so, until its time is over.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use natter_db::Error;
use natter_db::redis::{Redis, Script};

use super::{Held, Kept, Stored, StreamKey, Update};

const HEAD: &str = "head";

/// `ARGV`: the life in milliseconds, `1` for a new one, the head, how many ordinals go, those, then ordinals and stanzas.
const KEEP: &str = "if redis.call('HEXISTS', KEYS[1], 'claimed') == 1 then return {'claimed'} end \
     if ARGV[2] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return {'lost'} end \
     redis.call('HSET', KEYS[1], 'head', ARGV[3]) \
     local added = 5 + tonumber(ARGV[4]) \
     for i = 5, added - 1 do redis.call('HDEL', KEYS[1], ARGV[i]) end \
     for i = added, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end \
     redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
     return {}";

/// `ARGV`: how long the mark stays, milliseconds.
const CLAIM: &str = "if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'claimed') == 1 then return {} end \
     local all = redis.call('HGETALL', KEYS[1]) \
     redis.call('DEL', KEYS[1]) \
     redis.call('HSET', KEYS[1], 'claimed', '1') \
     redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
     return all";

const FORGET: &str = "if redis.call('HEXISTS', KEYS[1], 'claimed') == 1 then return {'claimed'} end \
     if redis.call('DEL', KEYS[1]) == 0 then return {'lost'} end \
     return {}";

pub(super) struct InRedis {
    redis: Redis,
    keep: Script,
    claim: Script,
    forget: Script,
}

impl InRedis {
    pub(super) fn new(redis: Redis) -> InRedis {
        InRedis { redis, keep: Script::new(KEEP), claim: Script::new(CLAIM), forget: Script::new(FORGET) }
    }
}

impl Kept for InRedis {
    fn keep<'a>(&'a self, key: &'a StreamKey, update: &'a Update, life: Duration) -> BoxFuture<'a, Result<Held, Error>> {
        let Update { is_new, head, added, removed } = update;
        let life = life.as_millis().to_string();
        let is_new = if *is_new { "1" } else { "0" };
        let count = removed.len().to_string();
        let removed: Vec<String> = removed.iter().map(u32::to_string).collect();
        let added: Vec<(String, &[u8])> = added.iter().map(|(ordinal, text)| (ordinal.to_string(), text.as_slice())).collect();
        async move {
            let mut arguments: Vec<&[u8]> = vec![life.as_bytes(), is_new.as_bytes(), head, count.as_bytes()];
            arguments.extend(removed.iter().map(String::as_bytes));
            arguments.extend(added.iter().flat_map(|(ordinal, text)| [ordinal.as_bytes(), *text]));
            self.redis.run(&self.keep, &[&name(key)], &arguments).await.and_then(|words| held(&words))
        }
        .boxed()
    }

    fn claim<'a>(&'a self, key: &'a StreamKey, life: Duration) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        let life = life.as_millis().to_string();
        async move {
            let fields = self.redis.run(&self.claim, &[&name(key)], &[life.as_bytes()]).await?;
            if fields.is_empty() { Ok(None) } else { read(&fields).map(Some) }
        }
        .boxed()
    }

    fn forget<'a>(&'a self, key: &'a StreamKey) -> BoxFuture<'a, Result<Held, Error>> {
        async move { self.redis.run(&self.forget, &[&name(key)], &[]).await.and_then(|words| held(&words)) }.boxed()
    }
}

/// The user is a part of it: who is another one asks for another key.
fn name(key: &StreamKey) -> String {
    format!("{{e:{}:{}}}:stream:{}", key.app.0, key.user.0, key.id)
}

fn held(words: &[Bytes]) -> Result<Held, Error> {
    match words.first().map(|word| &**word) {
        None => Ok(Held::Here),
        Some(b"claimed") => Ok(Held::Claimed),
        Some(b"lost") => Ok(Held::Lost),
        Some(_) => Err(corrupt()),
    }
}

/// Fields and values, by turns.
fn read(fields: &[Bytes]) -> Result<Stored, Error> {
    let mut stored = Stored::default();
    for pair in fields.chunks(2) {
        let [field, value] = pair else { return Err(corrupt()) };
        if **field == *HEAD.as_bytes() {
            stored.head = value.to_vec();
        } else {
            let ordinal = std::str::from_utf8(field).ok().and_then(|field| field.parse().ok()).ok_or_else(corrupt)?;
            stored.stanzas.push((ordinal, value.to_vec()));
        }
    }
    Ok(stored)
}

fn corrupt() -> Error {
    Error::Corrupt("a stream in Redis cannot be read".into())
}
