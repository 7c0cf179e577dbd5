//! Operators at the account service's gRPC door, on the memory engine, with paused time.

#![allow(clippy::unwrap_used)]

mod audit;
mod grants;
mod sign_ins;

use std::time::Duration;

use natter_account::{Argon2Options, Options, Parts, Service};
use natter_actor::{Chance, Clock};
use natter_db::{Faults, Kv};
use natter_proto::account::v1::accounts_client::AccountsClient;
use natter_proto::account::v1::audit_client::AuditClient;
use natter_proto::account::v1::operators_client::OperatorsClient;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Link, LinkOptions};
use natter_telemetry::Metrics;

const START_MS: i64 = 1_700_000_000_000;

#[tokio::test(start_paused = true)]
async fn the_first_operator_is_made_once_and_its_password_opens_also_after_a_restart() {
    let mut door = Door::open();
    let made = door.make_first().await.unwrap();
    assert_eq!((made.name.as_str(), made.password.len()), ("admin", 23));
    assert_eq!(door.check("admin", &made.password, "").await.unwrap().name, "admin");
    door.restart();
    let again = door.make_first().await.unwrap();
    assert_eq!((again.name.as_str(), again.password.as_str()), ("admin", ""), "it is there, and its password is not known");
    assert!(door.check("admin", &made.password, "").await.is_ok());
    let other = Door::open().make_first().await.unwrap();
    assert_ne!(made.password, other.password);
}

#[tokio::test(start_paused = true)]
async fn of_two_first_starts_at_once_one_gets_a_password_and_it_opens() {
    for seed in 0..20 {
        let faults = Faults { seed, delay_max: Duration::from_millis(20), ..Faults::default() };
        let mut door = Door::on(Kv::memory_with(faults));
        let (mut one, mut two) = (door.client.clone(), door.client.clone());
        let both = tokio::join!(
            one.make_first_operator(MakeFirstOperatorRequest {}),
            two.make_first_operator(MakeFirstOperatorRequest {})
        );
        let secrets = [both.0, both.1].map(|reply| reply.unwrap().into_inner().password);
        let made: Vec<_> = secrets.iter().filter(|password| !password.is_empty()).collect();
        assert_eq!(made.len(), 1, "seed {seed}");
        assert!(door.check("admin", made[0], "").await.is_ok(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_name_and_a_wrong_password_are_refused_alike() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    let upper = secret.to_uppercase();
    let long = "x".repeat(100_000);
    for (name, password) in [
        ("admin", ""),
        ("admin", &secret[..22]),
        ("admin", upper.as_str()),
        ("admin", long.as_str()),
        ("Admin", secret.as_str()),
        ("", secret.as_str()),
        ("nobody", secret.as_str()),
        (long.as_str(), secret.as_str()),
    ] {
        let before = door.hashes();
        let failure = door.check(name, password, "").await.unwrap_err();
        assert_eq!((failure.code, failure.text.as_str()), (Code::Unauthenticated, "Invalid username or password"));
        assert_eq!(door.hashes(), before + 1, "{name:.9} {password:.9}: takes as long");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_password_ends_the_old_one_and_names_are_not_made_up() {
    let mut door = Door::open();
    let first = door.make_first().await.unwrap().password;
    let second = door.renew("admin").await.unwrap();
    assert_eq!(second.name, "admin");
    assert_ne!(second.password, first);
    assert_eq!(door.check("admin", &first, "").await.unwrap_err().code, Code::Unauthenticated);
    assert!(door.check("admin", &second.password, "").await.is_ok());
    for name in ["nobody", "", "Admin", &"x".repeat(100_000)] {
        assert_eq!(door.renew(name).await.unwrap_err().code, Code::NotFound);
    }
    door.db.set_faults(Faults { not_stored: 1.0, ..Faults::default() });
    assert_eq!(door.renew("admin").await.unwrap_err().code, Code::NotStored);
    door.db.set_faults(Faults::default());
    assert!(door.check("admin", &second.password, "").await.is_ok(), "what was not stored changed nothing");
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_limited_per_address_and_users_do_not_use_the_limit_up() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    door.accounts.create_app(CreateAppRequest { id: 1, ..CreateAppRequest::default() }).await.unwrap();
    for user in 0..400 {
        let (secret, address) = (b"guess".to_vec(), "192.0.2.1".into());
        let request = AuthenticateRequest { app: 1, user, secret, address, ..AuthenticateRequest::default() };
        door.accounts.authenticate(request).await.unwrap_err();
    }
    for n in 0..300 {
        assert!(door.check("admin", &secret, "192.0.2.1").await.is_ok(), "a right password is not counted");
        assert_eq!(door.check(&format!("name {n}"), "guess", "192.0.2.1").await.unwrap_err().code, Code::Unauthenticated);
    }
    let hashes = door.hashes();
    assert_eq!(door.check("admin", &secret, "192.0.2.1").await.unwrap_err().code, Code::TooMany);
    assert_eq!(door.hashes(), hashes, "over the limit nothing is compared");
    assert!(door.check("admin", &secret, "192.0.2.2").await.is_ok(), "another address is not held up");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(door.check("admin", &secret, "192.0.2.1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_limited_per_name_whether_there_is_one_or_not() {
    let mut door = Door::open();
    let secret = door.make_first().await.unwrap().password;
    for name in ["admin", "nobody"] {
        for n in 0..10 {
            let address = format!("192.0.2.{n}");
            assert_eq!(door.check(name, "guess", &address).await.unwrap_err().code, Code::Unauthenticated);
        }
        let hashes = door.hashes();
        assert_eq!(door.check(name, &secret, "198.51.100.1").await.unwrap_err().code, Code::TooMany, "{name}");
        assert_eq!(door.hashes(), hashes, "{name}");
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(door.check("admin", &secret, "192.0.2.1").await.is_ok());
}

// === The door under test ===

struct Door {
    client: OperatorsClient<Link>,
    audit: AuditClient<Link>,
    accounts: AccountsClient<Link>,
    service: Service,
    metrics: Metrics,
    db: Kv,
    clock: Clock,
    options: Options,
}

impl Door {
    fn open() -> Door {
        Door::on(Kv::memory_with(Faults::default()))
    }

    fn on(db: Kv) -> Door {
        Door::with(db, Clock::paused(START_MS), Options { argon2: Argon2Options::cheap(), ..Options::default() })
    }

    fn with(db: Kv, clock: Clock, options: Options) -> Door {
        let metrics = Metrics::new();
        let parts = Parts {
            db: db.clone().into(),
            clock: clock.clone(),
            chance: Chance::system(),
            metrics: metrics.clone(),
            mails: natter_mail::Mails::off(),
            outbound: natter_outbound::Outbound::written(|_| Err(natter_outbound::Error::Broken)),
            verifier_key: [1; 32],
            hosts: Vec::new(),
        };
        let service = Service::new(options.clone(), parts);
        let client = OperatorsClient::new(Link::local(service.operators_server(), LinkOptions::default()));
        let accounts = AccountsClient::new(Link::local(service.server(), LinkOptions::default()));
        let audit = AuditClient::new(Link::local(service.audit_server(), LinkOptions::default()));
        Door { client, audit, accounts, service, metrics, db, clock, options }
    }

    fn restart(&mut self) {
        *self = Door::with(self.db.clone(), self.clock.clone(), self.options.clone());
    }

    /// An operator with its password.
    async fn make(&mut self, name: &str, role: OperatorRole, apps: &[u64]) -> Result<String, Failure> {
        let (name, limited, apps) = (name.into(), !apps.is_empty(), apps.to_vec());
        let request = CreateOperatorRequest { name, role: role.into(), limited, apps };
        Ok(self.client.create_operator(request).await?.into_inner().password)
    }

    async fn make_first(&mut self) -> Result<OperatorSecret, Failure> {
        Ok(self.client.make_first_operator(MakeFirstOperatorRequest {}).await?.into_inner())
    }

    async fn renew(&mut self, name: &str) -> Result<OperatorSecret, Failure> {
        let request = RenewOperatorPasswordRequest { name: name.into() };
        Ok(self.client.renew_operator_password(request).await?.into_inner())
    }

    async fn check(&mut self, name: &str, password: &str, address: &str) -> Result<Operator, Failure> {
        let request = CheckOperatorRequest { name: name.into(), password: password.into(), address: address.into() };
        Ok(self.client.check_operator(request).await?.into_inner())
    }

    /// Argon2 runs since the start.
    fn hashes(&self) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix("natter_account_hashes_total "));
        line.unwrap().parse().unwrap()
    }
}
