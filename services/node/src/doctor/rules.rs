//! What the facts mean for an operator: a verdict, and a sentence that says what to do. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::facts::{
    AdminApi, AppName, Certificate, CertificateState, Certificates, Directory, DirectoryState, OpenFiles, Origin, Port,
    PushCredentials, Secret, Server, Servers, State,
};
use super::{Line, Verdict};
use crate::doors::Place;

const DAY_S: i64 = 24 * 60 * 60;
/// Days before a certificate's end in which it is time to bring the next one.
const EXPIRY_DAYS: i64 = 14;
/// Bytes above the store's reserve that let it run for a while.
const SPACE_BYTES: u64 = 1 << 30;
/// Open files below which a server is full at once, and below which it is full before its memory is. A connection is a file.
const FILES_MIN: u64 = 1_024;
const FILES_ENOUGH: u64 = 16_384;

pub fn settings(error: Option<&str>) -> Line {
    match error {
        None => ok("settings", "can be read"),
        Some(error) => fail("settings", format!("{error}; `natter config --reference` shows every setting")),
    }
}

pub fn directory(found: &Directory) -> Line {
    let at = found.path.display();
    let line = |verdict, text| Line { check: "data", verdict, text };
    match found.state {
        DirectoryState::Absent { can_be_made: true } => {
            line(Verdict::Warn, format!("there is no {at}: a start makes a new installation there, or name yours with --data"))
        }
        DirectoryState::Absent { can_be_made: false } => {
            line(Verdict::Fail, format!("there is no {at} and it cannot be made: name a folder that this user may write in"))
        }
        DirectoryState::NoDirectory => line(Verdict::Fail, format!("{at} is no directory: name another one with --data")),
        DirectoryState::HalfRestored => line(
            Verdict::Fail,
            format!("{at} was not restored to its end: run `natter restore` into it again, which begins anew"),
        ),
        DirectoryState::Present { writable: false, .. } => {
            line(Verdict::Fail, format!("{at} cannot be written: run as its owner, or give it to this user (chown)"))
        }
        DirectoryState::Present { mode, .. } if mode & 0o022 != 0 => {
            let verdict = if mode & 0o002 != 0 { Verdict::Fail } else { Verdict::Warn };
            line(verdict, format!("others may write in {at} (mode {mode:o}): chmod 700 {at}"))
        }
        DirectoryState::Present { .. } => line(Verdict::Ok, format!("{at} is there and can be written")),
    }
}

/// `of_group`: whoever is of the group of the files may read them too, as volumes of Kubernetes are mounted.
pub fn secrets(found: &[Secret], of_group: bool) -> Line {
    let others = if of_group { 0o007 } else { 0o077 };
    let open: Vec<String> =
        found.iter().filter(|secret| secret.mode & others != 0).map(|secret| secret.path.display().to_string()).collect();
    match (open.as_slice(), found.len()) {
        ([], 0) => ok("secrets", "none yet: the first start makes them"),
        ([], count) if of_group => ok("secrets", format!("{count} files, readable by their owner and group only")),
        ([], count) => ok("secrets", format!("{count} files, readable by their owner only")),
        (open, _) => fail("secrets", format!("others may read them: chmod 600 {}", open.join(" "))),
    }
}

pub fn space(free: u64, reserve: u64) -> Line {
    let mib = |bytes: u64| bytes >> 20;
    let (free_mib, reserve_mib) = (mib(free), mib(reserve));
    match free {
        _ if free < reserve => fail(
            "disk",
            format!(
                "{free_mib} MiB free, and below {reserve_mib} MiB every write is refused: make room, or lower store.reserve_bytes"
            ),
        ),
        _ if free < reserve.saturating_add(SPACE_BYTES) => {
            warn("disk", format!("{free_mib} MiB free, and below {reserve_mib} MiB every write is refused: make room soon"))
        }
        _ => ok("disk", format!("{free_mib} MiB free, {reserve_mib} MiB of them kept in reserve")),
    }
}

/// Lines about each certificate and its end, the names that none carries, and the clock they are read by. `now` in Unix seconds.
pub fn certificates(found: &Certificates, now: i64) -> Vec<Line> {
    let mut lines: Vec<Line> = found.shown.iter().map(|certificate| one_certificate(certificate, now)).collect();
    let own = found.shown.last().map(|certificate| &certificate.state);
    if !matches!(own, Some(CertificateState::Usable { .. })) {
        return lines;
    }
    let names = found.missing.join(", ");
    lines.push(match (found.missing.is_empty(), found.is_remade) {
        (true, _) => ok("names", "the certificate carries the names of this host"),
        (false, true) => warn("names", format!("the certificate does not carry {names}: the next start makes one that does")),
        (false, false) => {
            fail("names", format!("the certificate does not carry {names}: start with --host, or bring one that does"))
        }
    });
    let starts = found.shown.iter().filter_map(|certificate| match certificate.state {
        CertificateState::Usable { starts_at, .. } => Some(starts_at),
        _ => None,
    });
    lines.extend(starts.max().map(|starts_at| clock(starts_at, now)));
    lines
}

fn one_certificate(certificate: &Certificate, now: i64) -> Line {
    let at = certificate.path.display();
    match (&certificate.state, certificate.origin) {
        (CertificateState::Absent, _) => ok("certificate", "none yet: the first start makes a CA and a certificate"),
        (CertificateState::Unusable(why), Origin::Named) => {
            fail("certificate", format!("{why}: bring a chain and its key, or take the pair out of tls.certificates"))
        }
        (CertificateState::Unusable(why), _) => {
            fail("certificate", format!("{why}: bring a chain as tls/cert.pem and its key as tls/cert.key, or restore them"))
        }
        (CertificateState::Usable { ends_at, .. }, origin) => {
            let ends_at = *ends_at;
            let days = (ends_at - now).div_euclid(DAY_S);
            let next = match origin {
                Origin::Made => "bring the next one, or remove tls/names and restart: a start then makes one",
                Origin::Brought | Origin::Named => "bring the next one; a running server takes it up",
            };
            match days {
                _ if now > ends_at => fail("certificate", format!("{at} ended on {}: {next}", date(ends_at))),
                0..EXPIRY_DAYS => warn("certificate", format!("{at} ends on {}, in {days} days: {next}", date(ends_at))),
                _ => ok("certificate", format!("{at} can be used until {}", date(ends_at))),
            }
        }
    }
}

fn clock(starts_at: i64, now: i64) -> Line {
    match now < starts_at {
        true => fail(
            "clock",
            format!("it says {}, before the certificate begins on {}: set the clock (NTP)", date(now), date(starts_at)),
        ),
        false => ok("clock", format!("it says {}", date(now))),
    }
}

pub fn open_files(limits: OpenFiles) -> Line {
    let OpenFiles { soft, hard } = limits;
    let what = "raise it where the server is started (ulimit -Hn, LimitNOFILE=)";
    match hard {
        0..FILES_MIN => fail("open files", format!("at most {hard}, and each connection is one: {what}")),
        FILES_MIN..FILES_ENOUGH => warn("open files", format!("at most {hard}, and each connection is one: {what}")),
        _ => ok("open files", format!("{soft} here, a start raises it to {hard}")),
    }
}

pub fn server(found: Server) -> Line {
    match found {
        Server::Running { is_ready: true } => ok("server", "runs and is ready"),
        Server::Running { is_ready: false } => warn("server", "runs and takes no traffic: it starts, or drains; look at its log"),
        Server::Stopped => warn("server", "does not run on this data's ports: `natter` starts it"),
    }
}

pub fn port(place: &Place, state: &Port) -> Line {
    let Place { what, setting, address, port } = place;
    let at = format!("{address}:{port} for {what}");
    match state {
        Port::Served => ok("port", format!("{at} is served")),
        Port::Free => ok("port", format!("{at} is free")),
        Port::Chosen => ok("port", format!("the port for {what} is chosen at the start")),
        Port::Silent => fail("port", format!("{at} takes no connection, though the server runs: look at its log, restart it")),
        Port::Taken => fail("port", format!("{at} is taken by another program: stop that, or set {setting}")),
        Port::Refused(why) => fail("port", format!("{at} cannot be listened on ({why}): set {setting}, or allow it")),
    }
}

pub fn admin(found: &AdminApi) -> Line {
    match found {
        AdminApi::Elsewhere => ok("admin API", "not asked: the console runs in another process"),
        AdminApi::NotAsked => ok("admin API", "not asked: no server runs"),
        AdminApi::Opened { .. } => ok("admin API", "opens with the token of this data directory"),
        AdminApi::Failed(why) => fail(
            "admin API",
            format!("{why}: check that --data names the directory of the server that runs, and console.port its port"),
        ),
    }
}

/// A line about the servers of one kind.
pub fn servers(found: &Servers) -> Line {
    let Servers { check, settings, at, state } = found;
    match state {
        State::Well(what) => ok(check, format!("{at}: {what}")),
        State::Waits(what) => warn(check, format!("{at}: {what}")),
        State::Failed(why) => {
            fail(check, format!("{at}: {why}: check that it runs, the network, and the settings under {settings}"))
        }
    }
}

/// A line about each name of an app whose clients cannot connect, or soon cannot, else one for all; none where apps have no names.
pub fn app_names(found: &[AppName], now: i64) -> Vec<Line> {
    let lines: Vec<Line> = found.iter().filter_map(|name| one_app_name(name, now)).collect();
    match (found.len(), lines.is_empty()) {
        (0, _) => lines,
        (1, true) => vec![ok("app names", "a certificate carries the one name of an app")],
        (count, true) => vec![ok("app names", format!("certificates carry all {count} names of apps"))],
        (_, false) => lines,
    }
}

fn one_app_name(AppName { app, name, ends_at }: &AppName, now: i64) -> Option<Line> {
    let next = "bring the next one; a running server takes it up";
    let Some(ends_at) = *ends_at else {
        let what = "bring one that does and name it in tls.certificates, or start with --host";
        return Some(fail("app names", format!("no certificate carries {name} of app {app}: {what}")));
    };
    match (ends_at - now).div_euclid(DAY_S) {
        _ if now > ends_at => {
            Some(fail("app names", format!("the certificate of {name} (app {app}) ended on {}: {next}", date(ends_at))))
        }
        days @ 0..EXPIRY_DAYS => {
            let text = format!("the certificate of {name} (app {app}) ends on {}, in {days} days: {next}", date(ends_at));
            Some(warn("app names", text))
        }
        _ => None,
    }
}

/// Whether what apps keep for push providers can be opened, and a line about each certificate that ends. None where nothing is kept.
/// `now` in Unix seconds.
pub fn push_credentials(found: &PushCredentials, now: i64) -> Vec<Line> {
    const CHECK: &str = "push";
    let PushCredentials { sealed, problem, unusable, ending } = found;
    let remedy = "restore the file of that key, or name it in push.older_key_files, and restart; else set them again";
    let mut lines = Vec::new();
    match problem {
        Some(why) => {
            let what = "name a file with 64 hex digits in push.key_file, or restore push.key, and restart";
            lines.push(fail(CHECK, format!("{why}: {what}")));
        }
        None if !unusable.is_empty() => {
            let apps: Vec<String> = unusable.iter().map(u64::to_string).collect();
            let apps = apps.join(", ");
            lines.push(fail(CHECK, format!("credentials of app {apps} are sealed with a key that is not here: {remedy}")));
        }
        None if *sealed > 0 => lines.push(ok(CHECK, format!("{sealed} credentials of apps, which the keys here open"))),
        None => {}
    }
    lines.extend(ending.iter().map(|(app, at)| {
        let next = "set the next one (`natter app push set`, or the app's page of push credentials)";
        let text = match at.parse().is_ok_and(|at: jiff::Timestamp| at.as_second() <= now) {
            true => format!("a certificate from Apple of app {app} ended on {at}, and alerts with it are refused: {next}"),
            false => format!("a certificate from Apple of app {app} ends on {at}: {next}"),
        };
        warn(CHECK, text)
    }));
    lines
}

fn date(unix_s: i64) -> String {
    let at = jiff::Timestamp::from_second(unix_s).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn ok(check: &'static str, text: impl Into<String>) -> Line {
    Line { check, verdict: Verdict::Ok, text: text.into() }
}

fn warn(check: &'static str, text: impl Into<String>) -> Line {
    Line { check, verdict: Verdict::Warn, text: text.into() }
}

fn fail(check: &'static str, text: impl Into<String>) -> Line {
    Line { check, verdict: Verdict::Fail, text: text.into() }
}

#[cfg(test)]
mod tests;
