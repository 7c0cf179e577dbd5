//! Who causes most load and most refusals, of all processes together.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use actix_web::{HttpRequest, HttpResponse, web};
use futures::future::join_all;
use natter_proto::process::v1::offender::Who;
use natter_proto::process::v1::{Offence, Offender, OffendersRequest, User};
use serde::Deserialize;
use serde_json::json;

use crate::error::Refusal;
use crate::service::Door;

/// Of each list, where nobody says so, and at most.
const LIMIT: u32 = 10;
const LIMIT_MAX: u32 = 100;

/// Which are asked for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Query {
    app: Option<u64>,
    minutes: Option<u32>,
    limit: Option<u32>,
}

/// The most of one kind.
pub struct Line {
    pub offence: &'static str,
    /// `app`, `user` or `network`.
    pub kind: &'static str,
    /// 0: an address has none.
    pub app: u64,
    /// 0: no user.
    pub user: u64,
    /// Empty: no address.
    pub network: String,
    pub count: u64,
    pub error: u64,
}

/// `GET /admin/v1/offenders?app=ID&minutes=N&limit=N`: of all processes together, the most first. Addresses are of no app.
pub async fn list(door: &Door, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let query = web::Query::<Query>::from_query(request.query_string());
    let query = query.map_err(|error| Refusal::malformed("query", error.to_string()))?.into_inner();
    let (lines, silent) = most(door, query).await;
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "offence": line.offence,
                "kind": line.kind,
                "app": (line.app > 0).then_some(line.app),
                "user": (line.user > 0).then_some(line.user),
                "network": (!line.network.is_empty()).then_some(&line.network),
                "count": line.count,
                "error": line.error,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "offenders": lines, "silent": silent })))
}

/// Of each offence and kind the most, most first; and how many processes did not answer.
pub async fn most(door: &Door, query: Query) -> (Vec<Line>, usize) {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    // Who is not among the first of one process may be among the first of all.
    let request = OffendersRequest { app: query.app.unwrap_or(0), minutes: query.minutes.unwrap_or(0), limit: 4 * limit };
    let asked = (door.processes)().into_iter().map(|process| async move { process.client().offenders(request).await });
    let answers = join_all(asked).await;
    let silent = answers.iter().filter(|answer| answer.is_err()).count();
    let all = answers.into_iter().flatten().flat_map(|answer| answer.into_inner().offenders);
    (summed(all, limit as usize), silent)
}

/// Sums what several processes counted.
fn summed(all: impl Iterator<Item = Offender>, limit: usize) -> Vec<Line> {
    type Sums = BTreeMap<(u64, u64, String), (u64, u64)>;
    let mut lists: BTreeMap<(i32, &'static str), Sums> = BTreeMap::new();
    for Offender { offence, who, count, error } in all {
        let Some((kind, who)) = who.and_then(named) else { continue };
        let sum = lists.entry((offence, kind)).or_default().entry(who).or_default();
        *sum = (sum.0 + count, sum.1 + error);
    }
    let mut lines = Vec::new();
    for ((offence, kind), sums) in lists {
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        sums.truncate(limit);
        let offence = word(Offence::try_from(offence).unwrap_or_default());
        lines.extend(sums.into_iter().map(|((app, user, network), (count, error))| Line {
            offence,
            kind,
            app,
            user,
            network,
            count,
            error,
        }));
    }
    lines
}

fn named(who: Who) -> Option<(&'static str, (u64, u64, String))> {
    match who {
        Who::App(app) => Some(("app", (app, 0, String::new()))),
        Who::User(User { app, user }) => Some(("user", (app, user, String::new()))),
        Who::Network(octets) => Some(("network", (0, 0, network(octets.try_into().ok()?)))),
    }
}

/// As people write it.
fn network(octets: [u8; 16]) -> String {
    let v6 = Ipv6Addr::from(octets);
    v6.to_ipv4_mapped().map_or_else(|| format!("{v6}/64"), |v4| v4.to_string())
}

fn word(offence: Offence) -> &'static str {
    match offence {
        Offence::Unspecified => "unknown",
        Offence::Load => "load",
        Offence::Rate => "rate",
        Offence::Quota => "quota",
        Offence::Malformed => "malformed",
        Offence::SignIn => "sign_in",
        Offence::Connections => "connections",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_processes_counted_is_one_list_most_first() {
        let of = |offence: Offence, who, count| Offender { offence: offence.into(), who: Some(who), count, error: 1 };
        let user = |user| Who::User(User { app: 7, user });
        let mapped = std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets().to_vec();
        let all = [
            of(Offence::Rate, user(1), 5),
            of(Offence::Rate, user(2), 6),
            of(Offence::Rate, user(3), 1),
            of(Offence::Rate, user(1), 4),
            of(Offence::SignIn, Who::Network(mapped), 2),
            of(Offence::SignIn, Who::Network(vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 3),
            of(Offence::SignIn, Who::Network(vec![1]), 9),
            of(Offence::Load, Who::App(7), 1),
        ];
        let lines = summed(all.into_iter(), 2);
        let said: Vec<_> =
            lines.iter().map(|line| (line.offence, line.kind, line.user, line.network.as_str(), line.count)).collect();
        assert_eq!(
            said,
            [
                ("load", "app", 0, "", 1),
                ("rate", "user", 1, "", 9),
                ("rate", "user", 2, "", 6),
                ("sign_in", "network", 0, "2001:db8::/64", 3),
                ("sign_in", "network", 0, "192.0.2.1", 2),
            ]
        );
        assert_eq!(lines[1].error, 2);
    }
}
