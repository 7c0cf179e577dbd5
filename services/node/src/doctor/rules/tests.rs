//! The rules by values.

use super::*;

const NOW: i64 = 1_800_000_000;

#[test]
fn settings_are_read_or_not() {
    check(&settings(None), Verdict::Ok, "settings", "read");
    check(&settings(Some("unknown field `tls_prot`")), Verdict::Fail, "settings", "tls_prot");
}

#[test]
fn the_data_directory_is_there_and_its_owners() {
    for (state, verdict, word) in [
        (DirectoryState::Present { writable: true, mode: 0o700 }, Verdict::Ok, "can be written"),
        (DirectoryState::Present { writable: true, mode: 0o755 }, Verdict::Ok, "can be written"),
        (DirectoryState::Present { writable: true, mode: 0o770 }, Verdict::Warn, "chmod 700 /data"),
        (DirectoryState::Present { writable: true, mode: 0o702 }, Verdict::Fail, "chmod 700 /data"),
        (DirectoryState::Present { writable: false, mode: 0o700 }, Verdict::Fail, "chown"),
        (DirectoryState::HalfRestored, Verdict::Fail, "natter restore"),
        (DirectoryState::NoDirectory, Verdict::Fail, "no directory"),
        (DirectoryState::Absent { can_be_made: true }, Verdict::Warn, "--data"),
        (DirectoryState::Absent { can_be_made: false }, Verdict::Fail, "cannot be made"),
    ] {
        check(&directory(&Directory { path: "/data".into(), state }), verdict, "data", word);
    }
}

#[test]
fn a_secret_that_others_may_read_is_named_with_the_remedy() {
    let secret = |name: &str, mode| Secret { path: name.into(), mode };
    check(&secrets(&[secret("a", 0o440)], true), Verdict::Ok, "secrets", "owner and group");
    check(&secrets(&[secret("a", 0o444)], true), Verdict::Fail, "secrets", "chmod 600 a");
    check(&secrets(&[], false), Verdict::Ok, "secrets", "first start");
    check(&secrets(&[secret("a", 0o600), secret("b", 0o400)], false), Verdict::Ok, "secrets", "2 files");
    for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
        check(&secrets(&[secret("a", 0o600), secret("b", mode)], false), Verdict::Fail, "secrets", "chmod 600 b");
    }
    check(&secrets(&[secret("a", 0o644), secret("b", 0o644)], false), Verdict::Fail, "secrets", "chmod 600 a b");
}

#[test]
fn servers_are_named_with_the_settings_that_lead_there() {
    let found = |state| Servers { check: "CQL", settings: "cluster.cql", at: "a:9042, b:9042".into(), state };
    check(&servers(&found(State::Well("answers".into()))), Verdict::Ok, "CQL", "a:9042, b:9042: answers");
    check(&servers(&found(State::Waits("2 wait: run `natter migrate`".into()))), Verdict::Warn, "CQL", "natter migrate");
    check(
        &servers(&found(State::Failed("refused".into()))),
        Verdict::Fail,
        "CQL",
        "refused: check that it runs, the network, and the settings under cluster.cql",
    );
}

#[test]
fn space_is_held_against_the_stores_reserve() {
    let reserve = 64 << 20;
    check(&space(reserve - 1, reserve), Verdict::Fail, "disk", "every write is refused");
    check(&space(reserve, reserve), Verdict::Warn, "disk", "64 MiB free");
    check(&space(reserve + SPACE_BYTES - 1, reserve), Verdict::Warn, "disk", "make room soon");
    check(&space(reserve + SPACE_BYTES, reserve), Verdict::Ok, "disk", "1088 MiB free");
    check(&space(u64::MAX - 1, u64::MAX), Verdict::Fail, "disk", "reserve_bytes");
}

#[test]
fn a_certificate_is_looked_at_fourteen_days_before_its_end() {
    for (left, verdict, word) in [
        (14 * DAY_S, Verdict::Ok, "until 2027-01-29"),
        (14 * DAY_S - 1, Verdict::Warn, "in 13 days"),
        (1, Verdict::Warn, "in 0 days"),
        (0, Verdict::Warn, "in 0 days"),
        (-1, Verdict::Fail, "ended on 2027-01-15"),
        (-400 * DAY_S, Verdict::Fail, "tls/names"),
    ] {
        let state = CertificateState::Usable { starts_at: NOW - DAY_S, ends_at: NOW + left };
        check(&certificates(&only(Origin::Made, state), NOW)[0], verdict, "certificate", word);
    }
    let lines = certificates(&only(Origin::Made, CertificateState::Absent), NOW);
    assert_eq!(lines.len(), 1);
    check(&lines[0], Verdict::Ok, "certificate", "first start");
}

#[test]
fn each_certificate_is_named_and_what_to_do_depends_on_who_brought_it() {
    let ended = CertificateState::Usable { starts_at: 0, ends_at: NOW - 1 };
    for (origin, state, words) in [
        (Origin::Named, ended.clone(), "/tls/a.pem ended on 2027-01-15 07:59 UTC: bring the next one; a running server"),
        (Origin::Brought, ended.clone(), "bring the next one; a running server"),
        (Origin::Made, ended.clone(), "remove tls/names and restart"),
        (Origin::Named, CertificateState::Unusable("no key".into()), "no key: bring a chain and its key, or take the pair out"),
        (Origin::Brought, CertificateState::Unusable("no key".into()), "no key: bring a chain as tls/cert.pem"),
    ] {
        check(&certificates(&only(origin, state), NOW)[0], Verdict::Fail, "certificate", words);
    }
    let mut both = only(Origin::Named, ended);
    both.shown.extend(only(Origin::Made, CertificateState::Usable { starts_at: NOW, ends_at: 2 * NOW }).shown);
    let lines = certificates(&both, NOW);
    let verdicts: Vec<_> = lines.iter().map(|line| (line.check, line.verdict)).collect();
    let (ok, fail) = (Verdict::Ok, Verdict::Fail);
    assert_eq!(verdicts, [("certificate", fail), ("certificate", ok), ("names", ok), ("clock", ok)]);
}

#[test]
fn a_name_that_is_not_carried_is_made_at_a_start_or_has_to_be_brought() {
    let line = |missing: &[&str], is_remade| {
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        certificates(&Certificates { missing, is_remade, ..only(Origin::Made, usable(0)) }, NOW)[1].clone()
    };
    check(&line(&[], false), Verdict::Ok, "names", "carries");
    check(&line(&["a.test", "b.test"], true), Verdict::Warn, "names", "a.test, b.test");
    check(&line(&["a.test"], false), Verdict::Fail, "names", "bring one");
}

#[test]
fn a_name_of_an_app_needs_a_certificate_that_does_not_end() {
    let of = |name: &str, ends_at| AppName { app: 5, name: name.to_owned(), ends_at };
    let later = Some(NOW + 14 * DAY_S);
    assert_eq!(app_names(&[], NOW), []);
    check(&app_names(&[of("a.test", later)], NOW)[0], Verdict::Ok, "app names", "the one name");
    check(&app_names(&[of("a.test", later), of("b.test", later)], NOW)[0], Verdict::Ok, "app names", "all 2 names");
    let lines = app_names(&[of("a.test", later), of("b.test", None), of("c.test", Some(NOW - 1)), of("d.test", Some(NOW))], NOW);
    assert_eq!(lines.len(), 3);
    check(&lines[0], Verdict::Fail, "app names", "no certificate carries b.test of app 5");
    check(&lines[1], Verdict::Fail, "app names", "c.test (app 5) ended on 2027-01-15");
    check(&lines[2], Verdict::Warn, "app names", "d.test (app 5) ends on 2027-01-15 08:00 UTC, in 0 days");
}

#[test]
fn a_clock_before_a_certificate_begins_is_wrong() {
    let line = |starts_at| certificates(&only(Origin::Made, usable(starts_at)), NOW)[2].clone();
    check(&line(NOW), Verdict::Ok, "clock", "2027-01-15");
    check(&line(NOW + 1), Verdict::Fail, "clock", "NTP");
}

#[test]
fn open_files_are_counted_by_what_a_start_can_raise_them_to() {
    check(&open_files(OpenFiles { soft: 1_023, hard: 1_023 }), Verdict::Fail, "open files", "1023");
    check(&open_files(OpenFiles { soft: 1_024, hard: 1_024 }), Verdict::Warn, "open files", "LimitNOFILE");
    check(&open_files(OpenFiles { soft: 1_024, hard: 16_383 }), Verdict::Warn, "open files", "16383");
    check(&open_files(OpenFiles { soft: 1_024, hard: 16_384 }), Verdict::Ok, "open files", "raises it to 16384");
}

#[test]
fn a_port_is_served_by_a_running_server_and_free_for_a_stopped_one() {
    let place = Place { what: "REST", setting: "api.tls_port", address: "0.0.0.0", port: 8443 };
    for (state, verdict, word) in [
        (Port::Served, Verdict::Ok, "0.0.0.0:8443"),
        (Port::Free, Verdict::Ok, "REST"),
        (Port::Chosen, Verdict::Ok, "chosen"),
        (Port::Silent, Verdict::Fail, "restart"),
        (Port::Taken, Verdict::Fail, "api.tls_port"),
        (Port::Refused("permission denied".into()), Verdict::Fail, "permission denied"),
    ] {
        check(&port(&place, &state), verdict, "port", word);
    }
}

#[test]
fn a_server_is_ready_waits_or_does_not_run_and_its_admin_api_opens() {
    check(&server(Server::Running { is_ready: true }), Verdict::Ok, "server", "ready");
    check(&server(Server::Running { is_ready: false }), Verdict::Warn, "server", "drains");
    check(&server(Server::Stopped), Verdict::Warn, "server", "does not run");
    check(&admin(&AdminApi::NotAsked), Verdict::Ok, "admin API", "no server");
    check(&admin(&AdminApi::Opened { names: Vec::new(), push: PushCredentials::default() }), Verdict::Ok, "admin API", "opens");
    check(&admin(&AdminApi::Failed("refused".into())), Verdict::Fail, "admin API", "--data");
}

fn usable(starts_at: i64) -> CertificateState {
    CertificateState::Usable { starts_at, ends_at: 2 * NOW }
}

fn only(origin: Origin, state: CertificateState) -> Certificates {
    let shown = vec![Certificate { path: "/tls/a.pem".into(), origin, state }];
    Certificates { shown, missing: Vec::new(), is_remade: false }
}

#[test]
fn push_credentials_that_cannot_be_opened_and_certificates_that_end_are_named() {
    let none = PushCredentials::default();
    assert_eq!(push_credentials(&none, 0), []);
    let well = PushCredentials { sealed: 3, ..none.clone() };
    check(&push_credentials(&well, 0)[0], Verdict::Ok, "push", "3 credentials");
    let without = PushCredentials { problem: Some("no key".into()), unusable: [1, 2].into(), ..well.clone() };
    assert_eq!(push_credentials(&without, 0).len(), 1);
    check(&push_credentials(&without, 0)[0], Verdict::Fail, "push", "push.key_file");
    let other = PushCredentials { unusable: [1, 2].into(), ending: vec![(7, "2026-02-03T10:11:12Z".into())], ..well };
    // 2026-02-03T10:11:12Z.
    let end = 1_770_113_472;
    check(&push_credentials(&other, end)[1], Verdict::Warn, "push", "app 7 ended on 2026-02-03");
    let lines = push_credentials(&other, end - 1);
    assert_eq!(lines.len(), 2);
    check(&lines[0], Verdict::Fail, "push", "app 1, 2 are sealed");
    check(&lines[1], Verdict::Warn, "push", "app 7 ends on 2026-02-03");
}

fn check(line: &Line, verdict: Verdict, check: &str, word: &str) {
    assert_eq!((line.check, line.verdict), (check, verdict), "{}", line.text);
    assert!(line.text.contains(word), "no {word:?} in {:?}", line.text);
    assert!(!line.text.contains('\n'), "one line: {:?}", line.text);
}
