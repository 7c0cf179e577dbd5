//! The operator that a first start makes: printed once, opens the admin API, gets a new password by command.

use anyhow::{Context, Result, ensure};
use natter_tests::client::http;
use natter_tests::process::Natter;
use serde_json::Value;

/// Somebody who knows a name and a password.
pub struct Operator {
    pub name: String,
    pub password: String,
}

impl Operator {
    pub fn called(name: &str, password: &str) -> Operator {
        Operator { name: name.to_owned(), password: password.to_owned() }
    }

    /// `admin` with a new password.
    pub fn renewed(natter: &Natter) -> Result<Operator> {
        let said: Value = serde_json::from_str(&natter.shell(&["operator", "password"])?)?;
        let text = |field: &str| said["operator"][field].as_str().with_context(|| format!("no {field} in {said}"));
        Ok(Operator::called(text("name")?, text("password")?))
    }

    async fn asks(&self, natter: &Natter) -> Result<reqwest::Response> {
        let url = format!("http://localhost:{}/admin/v1/apps/1", natter.ports.console);
        Ok(http()?.get(url).basic_auth(&self.name, Some(&self.password)).send().await?)
    }

    /// What the admin API answers.
    pub async fn status_of(&self, natter: &Natter) -> Result<u16> {
        Ok(self.asks(natter).await?.status().as_u16())
    }
}

/// The operator that the latest start printed, if it did.
pub fn printed(natter: &Natter) -> Result<Option<Operator>> {
    let log = std::fs::read_to_string(natter.log())?;
    let Some(line) = log.lines().find_map(|line| line.strip_prefix("  operator  ")) else { return Ok(None) };
    let (name, rest) = line.split_once("   password ").context("no password")?;
    let password = rest.split_whitespace().next().context("no password")?;
    ensure!(log.matches(password).count() == 1, "printed more than once:\n{log}");
    Ok(Some(Operator::called(name, password)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_that_a_first_start_prints_opens_the_admin_api_and_is_never_printed_again() {
    open().await.unwrap();
}

async fn open() -> Result<()> {
    let mut natter = Natter::start(&["account.guesses_address_max=3"]).await?;
    let admin = printed(&natter)?.context("the first start printed no operator")?;
    ensure!(admin.name == "admin", "{}", admin.name);
    let app: Value = admin.asks(&natter).await?.error_for_status()?.json().await?;
    ensure!(app["app"]["id"] == 1, "{app}");

    natter.stop().await?;
    natter.restart().await?;
    ensure!(printed(&natter)?.is_none(), "the second start printed an operator");
    let log = std::fs::read_to_string(natter.log())?;
    ensure!(log.contains("console   http://localhost:") && !log.contains(&admin.password), "{log}");
    ensure!(admin.status_of(&natter).await? == 200, "the password outlives the process");

    let unknown = natter.shell(&["operator", "password", "--name", "nobody"]).err().context("nobody got a password")?;
    ensure!(unknown.to_string().contains("no operator of that name"), "{unknown}");
    for name in ["", "a/b", "../apps", "a b", "?x=1"] {
        ensure!(natter.shell(&["operator", "password", "--name", name]).is_err(), "{name:?} got a password");
    }
    let renewed = Operator::renewed(&natter)?;
    let wrong = admin.asks(&natter).await?;
    ensure!(wrong.status() == 401, "the old password still opens: {}", wrong.status());
    ensure!(wrong.headers()["www-authenticate"] == "Basic realm=\"natter\", charset=\"UTF-8\"", "{:?}", wrong.headers());
    ensure!(renewed.status_of(&natter).await? == 200, "the new password does not open");

    for guess in ["", "guess"] {
        ensure!(Operator::called("admin", guess).status_of(&natter).await? == 401);
    }
    ensure!(renewed.status_of(&natter).await? == 429, "three wrong passwords a minute were allowed");
    natter.shell(&["app", "list"]).context("the token file opens as before")?;
    Ok(())
}
